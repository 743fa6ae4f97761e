/** Colour ramps as the server writes them: the same stops colour the map, the regions and the legend. */

/**
 * @typedef {object} Ramp
 * @property {'classes' | 'continuous'} kind classes count from each stop up
 * @property {{value: number, colour: string}[]} stops increasing
 */

/** A MapLibre expression that colours a number; below the first class nothing is drawn. */
export function expression(/** @type {Ramp} */ {kind, stops}, /** @type {any} */ number) {
  if (!stops.length) return 'rgba(0,0,0,0)';
  const pairs = stops.flatMap(({value, colour}) => [value, colour]);
  if (kind === 'classes') return ['step', number, 'rgba(0,0,0,0)', ...pairs];
  return stops.length > 1 ? ['interpolate', ['linear'], number, ...pairs] : stops[0].colour;
}

/** Red, green and blue of `#rrggbb`, 0 to 1. */
export function channels(/** @type {string} */ colour) {
  return [1, 3, 5].map((from) => parseInt(colour.slice(from, from + 2), 16) / 255);
}

/** A CSS background that shows a ramp from left to right. */
export function background(/** @type {Ramp} */ {kind, stops}) {
  const part = 100 / stops.length;
  const colours = stops.map(({colour}, i) => kind === 'continuous'
    ? `${colour} ${(i * 100) / Math.max(1, stops.length - 1)}%`
    : `${colour} ${i * part}% ${(i + 1) * part}%`);
  return `linear-gradient(to right, ${colours.join(', ')})`;
}
