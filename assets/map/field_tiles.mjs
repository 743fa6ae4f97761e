/** Value tiles: fetched, decoded, and kept within a limit of memory. Layout: layers/value_tiles.py. */

export const SIZE = 256;
const FORMAT = 1;
const HEADER = 16;
const TILE_BYTES = SIZE * SIZE * 2;
/** A browser gives one server six connections; the live stream has one. */
const AT_ONCE = 4;
const RETRY_MS = 10_000;

/**
 * @typedef {object} Place of a tile
 * @property {number} z
 * @property {number} x
 * @property {number} y
 * @typedef {object} Tile
 * @property {Uint16Array | null} codes null where the field has nothing here
 * @property {number} offset
 * @property {number} step
 */

/** Decode a body: differences to the left neighbour, low bytes before high bytes. */
export function decode(/** @type {ArrayBuffer} */ body) {
  const [offset, step] = new Float64Array(body, 0, 2);
  const low = new Uint8Array(body, HEADER, SIZE * SIZE);
  const high = new Uint8Array(body, HEADER + SIZE * SIZE, SIZE * SIZE);
  const codes = new Uint16Array(SIZE * SIZE);
  for (let row = 0, i = 0; row < SIZE; row++) {
    let code = 0;
    for (const end = i + SIZE; i < end; i++) {
      code = (code + low[i] + (high[i] << 8)) & 0xffff;
      codes[i] = code;
    }
  }
  return {codes, offset, step};
}

export const nameOf = (/** @type {number} */ step, /** @type {Place} */ {z, x, y}) => `${step}/${z}/${x}/${y}`;

export class FieldTiles {
  /** @param {{arrived: () => void, limit?: number}} options */
  constructor({arrived, limit}) {
    /** Told of every tile that came or failed. */
    this.listeners = new Set([arrived]);
    /** @type {Map<unknown, {names: string[], needed: number}>} what each user of these tiles wants */
    this.wishes = new Map();
    const small = /** @type {any} */ (navigator).deviceMemory <= 4;
    this.limit = limit ?? (small ? 96 : 256) * 2 ** 20;
    /** @type {Map<string, Tile>} least recently used first */
    this.kept = new Map();
    this.bytes = 0;
    /** @type {Map<string, number>} names of tiles that could not be had, and when that was */
    this.failed = new Map();
    /** @type {Map<string, AbortController>} */
    this.inFlight = new Map();
    /** @type {string[]} what is wanted and not here, most urgent first */
    this.queue = [];
    /** @type {Set<string>} what must stay */
    this.needed = new Set();
    this.stats = {fetched: 0, bytes: 0, decodeMs: 0};
  }

  /** How many steps of so many tiles each user may hold. */
  room(/** @type {number} */ tiles) {
    const share = (this.limit * 0.9) / Math.max(1, this.wishes.size);
    return Math.max(1, Math.floor(share / Math.max(1, tiles * TILE_BYTES)));
  }

  get(/** @type {string} */ name) {
    return this.kept.get(name);
  }

  /** Say what is wanted, most urgent first; of these the first `needed` are never let go. */
  want(/** @type {string[]} */ wished, /** @type {number} */ needed, /** @type {unknown} */ user = this) {
    this.wishes.set(user, {names: wished, needed});
    const wishes = [...this.wishes.values()];
    this.needed = new Set(wishes.flatMap((wish) => wish.names.slice(0, wish.needed)));
    const names = [...this.needed, ...wishes.flatMap((wish) => wish.names.slice(wish.needed))];
    const wanted = new Set(names);
    for (const [name, request] of this.inFlight) if (!wanted.has(name)) request.abort();
    for (const name of names) this.touch(name);
    const now = Date.now();
    this.queue = [...wanted].filter((name) => !this.kept.has(name) && !this.inFlight.has(name)
      && now - (this.failed.get(name) ?? 0) > RETRY_MS);
    this.pump();
  }

  touch(/** @type {string} */ name) {
    const tile = this.kept.get(name);
    if (!tile) return;
    this.kept.delete(name);
    this.kept.set(name, tile);
  }

  pump() {
    while (this.inFlight.size < AT_ONCE && this.queue.length) this.load(/** @type {string} */ (this.queue.shift()));
  }

  async load(/** @type {string} */ name) {
    const request = new AbortController();
    this.inFlight.set(name, request);
    try {
      const response = await fetch(`/t/value/${name}.bin?f=${FORMAT}`, {signal: request.signal});
      if (!response.ok) throw new Error(`${name}: ${response.status}`);
      const body = response.status === 204 ? null : await response.arrayBuffer();
      this.keep(name, body ? decode(body) : {codes: null, offset: 0, step: 1});
      this.failed.delete(name);
      this.stats.fetched += 1;
      this.stats.bytes += body?.byteLength ?? 0;
    } catch (error) {
      if (!request.signal.aborted) {
        console.info('Tocsin: field tile not read:', String(error));
        this.failed.set(name, Date.now());
      }
    }
    this.inFlight.delete(name);
    this.pump();
    for (const arrived of this.listeners) arrived();
  }

  keep(/** @type {string} */ name, /** @type {Tile} */ tile) {
    this.kept.set(name, tile);
    if (tile.codes) this.bytes += TILE_BYTES;
    for (const [old, {codes}] of this.kept) {
      if (this.bytes <= this.limit) break;
      if (!codes || this.needed.has(old)) continue;
      this.kept.delete(old);
      this.bytes -= TILE_BYTES;
    }
  }

  close() {
    this.queue = [];
    for (const request of this.inFlight.values()) request.abort();
    this.kept.clear();
  }
}
