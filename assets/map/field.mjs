/**
 * One series of one gridded quantity on the map. What is `wanted` becomes what is `drawn` once all its tiles are here,
 * so that no frame is blank, and what is printed is what the last frame held.
 */

import {FieldPainter, worldX, worldY} from './field_gl.mjs';
import {latestOf, slotsOf} from './field_steps.mjs';
import {FieldTiles, SIZE, nameOf} from './field_tiles.mjs';
import {readPart, writeParts} from './share.mjs';

const NEIGHBOURS = 3;
const AHEAD = 96; // steps to fetch before they are played, as far as memory goes
const TELL_MS = 300;
const NOTHING = {codes: null, offset: 0, step: 1};

/** `2026-11-21T06:00:00Z` as addresses write it. */
const stamp = (/** @type {number} */ at) => `${new Date(at).toISOString().slice(0, 16).replace(/[-:]/g, '')}Z`;

export class Field {
  title = 'layer_field';
  topic = 'fields';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 0.7;
    /** @type {import('./field_steps.mjs').Series[]} */
    this.all = [];
    /** @type {string | null} the series chosen */
    this.key = readPart('field');
    /** Whether the newest step is shown as it comes; else one time is pinned. */
    this.following = true;
    this.playing = false;
    /** @type {string | null} a time of the address, until its step is known */
    this.asked = this.key ? readPart('time') : null;
    /** @type {import('./field_steps.mjs').Slot[]} */
    this.slots = [];
    this.place = -1; // of the wanted slot
    /** @type {{key: string, slot: import('./field_steps.mjs').Slot} | null} */
    this.drawn = null;
    /** @type {typeof this.drawn} what the last frame held */
    this.rendered = null;
    /** @type {number | null} cells at or above it are highlighted */
    this.mark = null;
    this.newer = false;
    this.frames = {drawn: 0, gaps: 0};
    /** @type {{wrap: number, place: {z: number, x: number, y: number}}[]} tiles of the present view */
    this.cover = [];
    this.tiles = new FieldTiles({arrived: () => this.settle()});
    this.painter = new FieldPainter('field', () => this.picture(), (_, gaps) => this.framed(gaps));
    /** @type {Set<() => void>} told of every change of state */
    this.listeners = new Set();
    this.askedFor = ''; // what the last frame that was asked for holds
  }

  // ---- choice --------------------------------------------------------------------------------------------------

  get series() {
    return this.all.find(({key}) => key === this.key) ?? null;
  }

  get latest() {
    return this.series ? latestOf(this.series, this.slots) : -1;
  }

  get wanted() {
    return this.slots[this.place] ?? null;
  }

  /** Whether the frame shows what is wanted. */
  get settled() {
    return this.drawn?.key === this.key && this.drawn?.slot === this.wanted;
  }

  get unread() {
    return Boolean(this.wanted?.step) && !this.settled && this.names(this.wanted).some((name) => this.tiles.failed.has(name));
  }

  async refresh(/** @type {string} */ version) {
    this.all = (await (await this.view.fetch(`/api/fields.json?v=${version}`)).json()).series;
    this.renew();
  }

  /** Take over a new list: follow the newest step, or stay at the pinned time. */
  renew() {
    const before = this.wanted;
    const latestBefore = this.slots[this.latest]?.step?.id;
    const {series} = this;
    this.slots = series ? slotsOf(series) : [];
    if (this.asked) this.open(this.asked);
    else if (this.following || !before) this.place = this.latest;
    else this.place = this.find(before);
    if (!this.following && latestBefore && this.slots[this.latest]?.step?.id !== latestBefore) this.newer = true;
    this.view.render();
    this.update();
  }

  /** The slot of the same step, else of the same time, else the nearest in time. */
  find(/** @type {import('./field_steps.mjs').Slot} */ {at, step}) {
    const same = this.slots.findIndex((slot) => step && slot.step?.id === step.id);
    if (same >= 0) return same;
    let best = -1;
    this.slots.forEach((slot, i) => {
      if (best < 0 || Math.abs(slot.at - at) < Math.abs(this.slots[best].at - at)) best = i;
    });
    return best;
  }

  /** Go to the time of an address, or to the latest. */
  open(/** @type {string} */ time) {
    const place = this.slots.findIndex(({at}) => stamp(at) === time);
    if (!this.slots.length) return;
    this.asked = null;
    this.following = place < 0;
    this.place = place < 0 ? this.latest : place;
  }

  /** Choose a series and a step by its number; no step means the latest, as it comes. */
  show(/** @type {string | null | undefined} */ key, /** @type {number | string | null} */ step = null) {
    const owner = step !== null && this.all.find(({steps}) => steps.some(({id}) => String(id) === String(step)));
    const wished = key === undefined && owner ? owner.key : (key ?? null);
    if (wished === this.key && step === null) return;
    if (wished !== this.key) this.mark = null;
    this.key = wished;
    this.newer = false;
    this.playing = false;
    this.asked = null;
    this.slots = this.series ? slotsOf(this.series) : [];
    const place = step === null ? -1 : this.slots.findIndex((slot) => String(slot.step?.id) === String(step));
    this.following = place < 0;
    this.place = place < 0 ? this.latest : place;
    this.view.render();
    this.update();
  }

  /** Go to a slot and stay there. */
  pin(/** @type {number} */ place) {
    if (!this.slots.length) return;
    if (this.following) this.newer = false;
    this.following = false;
    this.place = Math.max(0, Math.min(this.slots.length - 1, place));
    this.update();
  }

  /** Go to the newest step and move on with it. */
  follow() {
    this.following = true;
    this.newer = false;
    this.playing = false;
    this.place = this.latest;
    this.update();
  }

  // ---- tiles ---------------------------------------------------------------------------------------------------

  /** The tiles of the present view that the field reaches, once each world. */
  covering() {
    const {series} = this;
    if (!series || !this.view.map) return [];
    const [west, south, east, north] = series.bounds;
    const box = [worldX(west), worldY(north), worldX(east), worldY(south)];
    return this.view.map.coveringTiles({tileSize: SIZE, minzoom: 0, maxzoom: series.max_zoom})
      .map((/** @type {any} */ {wrap, canonical: {z, x, y}}) => ({wrap, place: {z, x, y}}))
      .filter((/** @type {any} */ {place: {z, x, y}}) => {
        const size = 2 ** -z;
        return x * size < box[2] && (x + 1) * size > box[0] && y * size < box[3] && (y + 1) * size > box[1];
      });
  }

  /** Names of the tiles of a slot in the present view; none for a gap. */
  names(/** @type {import('./field_steps.mjs').Slot | null | undefined} */ slot) {
    const step = slot?.step;
    return step ? [...new Set(this.cover.map(({place}) => nameOf(step.id, place)))] : [];
  }

  /** Ask for what the view needs: the wanted step, the drawn one, then neighbours, those to be played first. */
  update() {
    if (!this.view.map) return;
    this.cover = this.covering();
    const shown = this.drawn && this.drawn.key === this.key ? this.drawn.slot : null;
    const needed = [...new Set([...this.names(this.wanted), ...this.names(shown)])];
    const room = this.tiles.room(this.cover.length) - 2;
    const near = this.nearby().slice(0, Math.max(0, room)).flatMap((slot) => this.names(slot));
    this.tiles.want([...needed, ...near], needed.length);
    this.settle();
  }

  nearby() {
    const found = [];
    const count = this.slots.length;
    if (this.playing) {
      for (let i = 1; i <= Math.min(AHEAD, count - 1); i++) found.push(this.slots[(this.place + i) % count]);
    }
    for (let i = 1; i <= NEIGHBOURS; i++) found.push(this.slots[this.place + i], this.slots[this.place - i]);
    return found.filter(Boolean);
  }

  /** Whether all tiles of a slot are here. */
  isLoaded(/** @type {import('./field_steps.mjs').Slot | null | undefined} */ slot) {
    return Boolean(slot) && this.names(slot).every((name) => this.tiles.get(name));
  }

  /** Draw the wanted slot when it is complete. */
  settle() {
    if (!this.view.map || this.view.removed) return;
    const {wanted, key} = this;
    if (!key || !wanted) this.drawn = null;
    else if (!this.settled && this.isLoaded(wanted)) this.drawn = {key, slot: wanted};
    else if (this.drawn && this.drawn.key !== key) this.drawn = null; // another quantity must not stand under this name
    this.repaint();
    this.changed();
  }

  /** Have the map drawn anew where the field's part of it is another: a frame is dear, and most tiles come for later. */
  repaint() {
    const picture = this.picture();
    const parts = picture?.quads.map(({name, part}) => [name, part]);
    const asked = JSON.stringify([this.drawn?.slot.at, picture?.look, picture?.gaps, parts]);
    if (asked === this.askedFor && this.rendered === this.drawn) return;
    this.askedFor = asked;
    this.view.map.triggerRepaint();
  }

  changed() {
    if (!this.drawn) this.tell(null);
    for (const listener of this.listeners) listener();
  }

  // ---- frames --------------------------------------------------------------------------------------------------

  picture() {
    const {drawn, series} = this;
    if (!drawn || !series) return null;
    let gaps = 0;
    const quads = [];
    for (const {place, wrap} of this.cover) {
      const found = drawn.slot.step ? this.tileFor(drawn.slot.step.id, place) : {name: '', tile: NOTHING, part: WHOLE};
      if (found) quads.push({place, wrap, ...found});
      else gaps += 1;
    }
    const look = {
      ramp: series.ramp, smooth: series.sampling === 'bilinear', opacity: this.opacity, mark: this.mark,
      bounds: series.bounds, missing: this.view.palette().unknown,
    };
    return {quads, look, gaps};
  }

  /** The tile at a place, or the part of one above it while its own is on the way. */
  tileFor(/** @type {number} */ step, /** @type {{z: number, x: number, y: number}} */ {z, x, y}) {
    for (let up = 0; up <= Math.min(z, 6); up++) {
      const above = {z: z - up, x: x >> up, y: y >> up};
      const name = nameOf(step, above);
      const tile = this.tiles.get(name);
      const width = 2 ** -up;
      if (tile) return {name, tile, part: /** @type {[number, number, number]} */ ([(x * width) % 1, (y * width) % 1, width])};
    }
    return null;
  }

  framed(/** @type {number} */ gaps) {
    this.frames.drawn += 1;
    this.frames.gaps += gaps;
    if (this.rendered === this.drawn) return;
    this.rendered = this.drawn;
    queueMicrotask(() => {
      this.tell(this.rendered);
      for (const listener of this.listeners) listener();
    });
  }

  /** Let the page and the address know what is drawn; while it plays, only where it rests. */
  tell(/** @type {typeof this.drawn} */ drawn) {
    const place = drawn ? (this.following ? 'latest' : stamp(drawn.slot.at)) : null;
    if (!this.asked && this.all.length && (drawn || !this.key)) writeParts({field: this.key, time: this.key ? place : null});
    clearTimeout(this.telling);
    const said = JSON.stringify([drawn?.key, drawn?.slot.step?.id ?? drawn?.slot.at, this.following]);
    if (said === this.said || (!drawn && this.said === undefined)) return;
    this.telling = setTimeout(() => {
      this.said = said;
      const step = drawn?.slot.step;
      this.view.emit({
        type: 'time', series: drawn?.key ?? null, step: step?.id ?? null, valid_at: drawn ? new Date(drawn.slot.at).toISOString() : null,
        run_at: step?.run_at ?? null, latest: this.following, missing: Boolean(drawn) && !step,
      });
    }, TELL_MS);
  }

  // ---- values --------------------------------------------------------------------------------------------------

  /**
   * What the frame says at a place: `value` is null where it is missing; nothing outside the field.
   * @returns {{value: number | null, unit: string, step: import('./field_steps.mjs').Step} | null}
   */
  reading(/** @type {{lng: number, lat: number}} */ {lng, lat}) {
    const step = this.rendered?.slot.step;
    const {series} = this;
    if (!this.visible || !step || !series || !this.cover.length) return null;
    const [west, south, east, north] = series.bounds;
    const lon = ((((lng + 180) % 360) + 360) % 360) - 180;
    if (lon < west || lon >= east || lat < south || lat > north) return null;
    const {z} = this.cover[0].place;
    const [px, py] = [worldX(lon) * 2 ** z, worldY(lat) * 2 ** z];
    const found = this.tileFor(step.id, {z, x: Math.floor(px), y: Math.floor(py)});
    if (!found) return null;
    const {tile, part: [left, top, width]} = found;
    const at = (/** @type {number} */ share, /** @type {number} */ from) => Math.min(SIZE - 1, Math.floor((from + (share % 1) * width) * SIZE));
    const code = tile.codes ? tile.codes[at(py, top) * SIZE + at(px, left)] : 0;
    return {value: code ? tile.offset + (code - 1) * tile.step : null, unit: series.unit, step};
  }

  /** Lines of the tip: value and unit, and the time that they are of. */
  tip(/** @type {{value: number | null, unit: string, step: import('./field_steps.mjs').Step}} */ {value, unit, step}) {
    const {words} = this.view;
    return [`${this.series?.title}: ${words.measure(value, unit)}`, words.time(step.valid_at)];
  }

  /** The exact value of the cell at a place, which tiles between cells do not tell, and its edges. */
  async cellLine(/** @type {{lng: number, lat: number}} */ {lng, lat}) {
    const step = this.rendered?.slot.step;
    if (!step) return '';
    try {
      const {words} = this.view;
      const told = await (await this.view.fetch(`/api/fields/point.json?step=${step.id}&lon=${lng.toFixed(5)}&lat=${lat.toFixed(5)}`)).json();
      const [west, south, east, north] = told.cell.map((/** @type {number} */ edge) => words.number.format(edge));
      return words.say('cell', {value: words.measure(told.value, told.unit), west, south, east, north});
    } catch (error) {
      console.info('Tocsin: cell not read:', String(error));
      return '';
    }
  }

  /** The address was changed by hand or by a link. */
  readAddress() {
    const [key, time] = [readPart('field'), readPart('time')];
    if (key !== this.key) this.show(key);
    if (key && time && this.slots.length) this.open(time);
    this.update();
  }

  // ---- the map -------------------------------------------------------------------------------------------------

  sources() {
    return {};
  }

  layers() {
    return this.visible && this.series ? [{slot: 10, id: 'field', custom: this.painter}] : [];
  }

  hitLayers() {
    return [];
  }

  legend() {
    const {series} = this;
    const step = this.rendered?.slot.step;
    if (!series) return null;
    const {words} = this.view;
    const window = series.accumulation_s ? words.interval(series.accumulation_s) : '';
    const name = [words.title(series), window, series.derived ? words.say('derived') : ''].filter(Boolean).join(' · ');
    return {
      name, unit: series.unit, ramp: series.ramp, control: this.control,
      experimental: series.status !== 'verified', hatched: true, notes: step?.notes ?? [], citation: series.citation,
      source: series.source, dataAt: step?.valid_at, receivedAt: step?.received_at, forecast: step?.forecast,
      runAt: step?.run_at, missing: step?.missing_share,
    };
  }

  close() {
    clearTimeout(this.telling);
    this.tiles.close();
  }
}

/** @type {[number, number, number]} */
const WHOLE = [0, 0, 1];
