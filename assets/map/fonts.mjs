/**
 * Chinese letters for the map's canvas. A browser loads a font in slices only for text of the page, which a canvas is
 * not; so the map is told each slice and its letters, and fetches those it draws.
 */

const FACE = /src:\s*url\(([^)]+)\)[^}]*?unicode-range:\s*([^;}]+)/g;

/**
 * The slices that a stylesheet declares, as MapLibre's `font-faces` of one family.
 * @param {string} stylesheet address
 * @returns {Promise<Record<string, {url: string, 'unicode-range': string[]}[]> | undefined>} nothing where it is missing
 */
export async function fontFaces(stylesheet, /** @type {string} */ family) {
  const response = await fetch(stylesheet);
  if (!response.ok) return undefined;
  const faces = [...(await response.text()).matchAll(FACE)].map(([, file, ranges]) => ({
    url: new URL(file.replace(/["']/g, ''), response.url).href,
    'unicode-range': ranges.split(',').map((range) => range.trim()),
  }));
  return faces.length ? {[family]: faces} : undefined;
}
