/** Which steps are one wind: both components of the same source, grid, level, run and time. */

const EASTWARD = 'eastward_wind';
const NORTHWARD = 'northward_wind';

/**
 * @typedef {import('./field_steps.mjs').Series} Series
 * @typedef {import('./field_steps.mjs').Step} Step
 * @typedef {{u: Step, v: Step}} Pair
 * @typedef {{series: Series, at: Map<number, Pair>}} WindSeries pairs by their time in milliseconds
 */

const gridOf = (/** @type {Series} */ {key}) => key.slice(key.lastIndexOf('~') + 1);
const levelOf = (/** @type {string} */ quantity) => /_[\dp]+hpa$/.exec(quantity)?.[0] ?? '';

/** The winds among all series. @returns {WindSeries[]} */
export function winds(/** @type {Series[]} */ all) {
  const found = [];
  for (const series of all) {
    if (!series.quantity.startsWith(EASTWARD) || series.unit !== 'm/s') continue;
    const quantity = NORTHWARD + series.quantity.slice(EASTWARD.length);
    const other = all.find((one) => one.quantity === quantity && one.source === series.source && one.unit === 'm/s'
      && one.accumulation_s === series.accumulation_s && gridOf(one) === gridOf(series));
    if (other) found.push({series, at: pairs(series, other)});
  }
  return found;
}

function pairs(/** @type {Series} */ eastward, /** @type {Series} */ northward) {
  const others = new Map(northward.steps.map((step) => [step.valid_at, step]));
  /** @type {Map<number, Pair>} */
  const found = new Map();
  for (const u of eastward.steps) {
    const v = others.get(u.valid_at);
    if (v && v.run_at === u.run_at) found.set(Date.parse(u.valid_at), {u, v});
  }
  return found;
}

/** Whether a wind is the shown series' own: of its source or, where that is derived, of its grid. */
export function isOwn(/** @type {Series} */ wind, /** @type {Series} */ shown) {
  return gridOf(wind) === gridOf(shown) && (wind.source === shown.source);
}

/** The winds that suit a series, best first: its own, then of its level, then of any. */
export function rank(/** @type {WindSeries[]} */ found, /** @type {Series} */ shown) {
  const level = levelOf(shown.quantity);
  const worth = (/** @type {Series} */ wind) => 4 * Number(levelOf(wind.quantity) === level) + 2 * Number(isOwn(wind, shown))
    + Number(levelOf(wind.quantity) === '');
  return [...found].sort((a, b) => worth(b.series) - worth(a.series));
}
