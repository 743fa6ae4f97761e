/** The view in the address, so that a link shows the same place; no reload, no history entry a pan. */

/** @returns {{zoom: number, lat: number, lon: number} | null} */
export function readHash(hash = location.hash) {
  const found = /[#&]map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)/.exec(hash);
  if (!found) return null;
  const [zoom, lat, lon] = found.slice(1).map(Number);
  const valid = zoom <= 24 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return valid ? {zoom, lat, lon} : null;
}

export function writeHash(/** @type {{zoom: number, lat: number, lon: number}} */ {zoom, lat, lon}) {
  const written = `map=${zoom.toFixed(2)}/${lat.toFixed(4)}/${lon.toFixed(4)}`;
  const others = location.hash.replace(/^#/, '').split('&').filter((part) => part && !part.startsWith('map='));
  history.replaceState(history.state, '', `#${[...others, written].join('&')}`);
}
