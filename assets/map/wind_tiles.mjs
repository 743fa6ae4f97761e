/** Wind tiles: fetched, decoded and kept; each is a few hundred bytes. Layout: layers/wind.py. */

export const LATTICE = 12;
export const TILE_SIZE = 512;
const FORMAT = 1;
const STEP_MS = 0.01;
const MISSING = -32768;
const AT_ONCE = 2; // of the six connections that a browser gives one server
const MOST = 4000;
const RETRY_MS = 10_000;

/** @typedef {{u: number, v: number, across: number, down: number}} Point wind [m/s] at a place within its tile, 0 to 1 */

/** The points of a body where wind is known. @returns {Point[]} */
export function decode(/** @type {ArrayBuffer} */ body) {
  const numbers = new Int16Array(body);
  const points = [];
  for (let i = 0; i < LATTICE * LATTICE; i++) {
    if (numbers[i] === MISSING) continue;
    const place = {across: ((i % LATTICE) + 0.5) / LATTICE, down: (Math.floor(i / LATTICE) + 0.5) / LATTICE};
    points.push({u: numbers[i] * STEP_MS, v: numbers[LATTICE * LATTICE + i] * STEP_MS, ...place});
  }
  return points;
}

export class WindTiles {
  constructor(/** @type {() => void} */ arrived) {
    this.arrived = arrived;
    /** @type {Map<string, Point[]>} oldest first */
    this.kept = new Map();
    /** @type {Map<string, number>} */
    this.failed = new Map();
    /** @type {Map<string, AbortController>} */
    this.inFlight = new Map();
    /** @type {string[]} */
    this.queue = [];
  }

  get(/** @type {string} */ name) {
    return this.kept.get(name);
  }

  /** Say what is wanted, most urgent first; what nobody wants any more is not waited for. */
  want(/** @type {string[]} */ names) {
    const wanted = new Set(names);
    for (const [name, request] of this.inFlight) if (!wanted.has(name)) request.abort();
    const now = Date.now();
    this.queue = [...wanted].filter((name) => !this.kept.has(name) && !this.inFlight.has(name)
      && now - (this.failed.get(name) ?? 0) > RETRY_MS);
    this.pump();
  }

  pump() {
    while (this.inFlight.size < AT_ONCE && this.queue.length) this.load(/** @type {string} */ (this.queue.shift()));
  }

  async load(/** @type {string} */ name) {
    const request = new AbortController();
    this.inFlight.set(name, request);
    try {
      const response = await fetch(`/t/wind/${name}.bin?f=${FORMAT}`, {signal: request.signal});
      if (!response.ok) throw new Error(`${name}: ${response.status}`);
      this.kept.set(name, response.status === 204 ? [] : decode(await response.arrayBuffer()));
      this.failed.delete(name);
    } catch (error) {
      if (!request.signal.aborted) {
        console.info('Tocsin: wind tile not read:', String(error));
        this.failed.set(name, Date.now());
      }
    }
    this.inFlight.delete(name);
    for (const old of this.kept.keys()) {
      if (this.kept.size <= MOST) break;
      this.kept.delete(old);
    }
    this.pump();
    this.arrived();
  }

  close() {
    this.queue = [];
    for (const request of this.inFlight.values()) request.abort();
    this.kept.clear();
  }
}
