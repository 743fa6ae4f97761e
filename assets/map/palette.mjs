/** Colours. There is no green: quiet is neutral, so that nobody reads "not measured" as "safe". */

/** @typedef {'light' | 'dark'} Theme */

/**
 * @typedef {object} Palette
 * @property {Theme} theme
 * @property {string} sea
 * @property {string} land
 * @property {string} water
 * @property {string} border national borders
 * @property {string} edge borders of regions inside a country
 * @property {string} ink text, events, selection
 * @property {string} quiet text of places
 * @property {string} halo
 * @property {string} unknown
 * @property {string} survey
 * @property {Record<number, string>} level colour of levels 1 to 4
 */

/** Level numbers as the server writes them. */
export const UNKNOWN = -1;
export const LEVEL_KEYS = /** @type {const} */ (['none', 'blue', 'yellow', 'orange', 'red']);

/** @type {Record<Theme, Palette>} */
export const PALETTES = {
  light: {
    theme: 'light',
    sea: '#d5dce2',
    land: '#f3f3f0',
    water: '#c6d0d8',
    border: '#7b848d',
    edge: '#b9bfc5',
    ink: '#111827',
    quiet: '#4b5563',
    halo: '#f8f8f6',
    unknown: '#6b7280',
    survey: '#6d28d9',
    level: {1: '#1d5fd1', 2: '#facc15', 3: '#d9600b', 4: '#c81e1e'},
  },
  dark: {
    theme: 'dark',
    sea: '#0e1216',
    land: '#1f252b',
    water: '#10151a',
    border: '#6b7580',
    edge: '#3c454e',
    ink: '#f3f4f6',
    quiet: '#a3adb8',
    halo: '#14191e',
    unknown: '#9ca3af',
    survey: '#c4b5fd',
    level: {1: '#60a5fa', 2: '#fde047', 3: '#fb923c', 4: '#f05252'},
  },
};

/** The key of a level number, `unknown` for -1. */
export function levelKey(/** @type {number} */ level) {
  return level === UNKNOWN ? 'unknown' : LEVEL_KEYS[level];
}

/** The theme that applies: what was asked for, else what the page around it has, else what the browser prefers. */
export function pickTheme(/** @type {string | undefined} */ wished) {
  if (wished === 'light' || wished === 'dark') return wished;
  const page = document.documentElement.dataset.theme;
  if (page === 'light' || page === 'dark') return page;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}
