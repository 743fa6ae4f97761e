/** The view in the address, so that a link shows the same place and time; no reload, no history entry a pan. */

/** @returns {{zoom: number, lat: number, lon: number} | null} */
export function readHash(hash = location.hash) {
  const found = /[#&]map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)/.exec(hash);
  if (!found) return null;
  const [zoom, lat, lon] = found.slice(1).map(Number);
  const valid = zoom <= 24 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return valid ? {zoom, lat, lon} : null;
}

export function writeHash(/** @type {{zoom: number, lat: number, lon: number}} */ {zoom, lat, lon}) {
  writeParts({}, `map=${zoom.toFixed(2)}/${lat.toFixed(4)}/${lon.toFixed(4)}`);
}

/** One named part of the address, as it was written. */
export function readPart(/** @type {string} */ name, hash = location.hash) {
  const part = hash.replace(/^#/, '').split('&').find((one) => one.startsWith(`${name}=`));
  try {
    return part ? decodeURIComponent(part.slice(name.length + 1)) || null : null;
  } catch {
    return null; // a link broken on its way
  }
}

/** Set named parts of the address; null takes one away. */
export function writeParts(/** @type {Record<string, string | null>} */ parts, /** @type {string} */ map = '') {
  const set = Object.entries(parts).filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  if (map) set.push(map);
  const named = [...Object.keys(parts), ...(map ? ['map'] : [])];
  const others = location.hash.replace(/^#/, '').split('&').filter((part) => part && !named.includes(part.split('=')[0]));
  const written = `#${[...others, ...set].join('&')}`;
  if (written !== (location.hash || '#')) history.replaceState(history.state, '', written === '#' ? location.pathname + location.search : written);
}
