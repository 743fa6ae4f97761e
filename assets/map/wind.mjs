/** Wind as arrows or barbs over the field: always of the time of the field in the same frame, or none at all. */

import {worldX, worldY} from './field_gl.mjs';
import {WindPainter} from './wind_gl.mjs';
import {isOwn, rank, winds} from './wind_pairs.mjs';
import {ARROW_LIMITS, KNOT_MS, pictureOf, sample, turnOf} from './wind_symbols.mjs';
import {TILE_SIZE, WindTiles} from './wind_tiles.mjs';
import {make} from './words.mjs';

const DEEPER = 4; // zooms past the field's deepest tiles at which symbols come to stand a cell apart
/** Below it a symbol has no direction. */
const CALM_MS = {arrows: ARROW_LIMITS[0], barbs: '0.5'}; // a knot
const KINDS = ['none', 'arrows', 'barbs'];

/**
 * @typedef {object} Surroundings a map with a field: the view itself, or the second pane of a comparison
 * @property {import('./field.mjs').Field} field
 * @property {any} map
 * @property {import('./words.mjs').Words} words
 * @property {() => import('./palette.mjs').Palette} palette
 * @property {() => void} render
 * @property {boolean} removed
 */

export class Wind {
  title = 'layer_wind';
  topic = 'wind';

  /** @param {(state: {kind: string, possible: boolean}) => void} changed told of what a legend or a drawer must know */
  constructor(/** @type {Surroundings} */ view, /** @type {string} */ kind, changed = () => {}) {
    this.view = view;
    this.kind = KINDS.includes(kind) ? kind : 'none';
    this.changed = changed;
    this.tiles = new WindTiles(() => this.view.map?.triggerRepaint());
    this.painter = new WindPainter('wind', () => this.picture(), (marks) => this.framed(marks));
    /** @type {import('./wind_pairs.mjs').WindSeries[]} */
    this.found = [];
    /** @type {import('./wind_gl.mjs').Mark[]} symbols of the last frame */
    this.shown = [];
    /** @type {{pair: import('./wind_pairs.mjs').Pair, wind: import('./wind_pairs.mjs').WindSeries} | null} of the last frame */
    this.rendered = null;
    this.update = () => this.renew();
    view.field.listeners.add(this.update);
  }

  get visible() {
    return this.kind !== 'none' && this.view.field.visible && Boolean(this.view.field.series);
  }

  show(/** @type {string} */ kind) {
    if (!KINDS.includes(kind) || kind === this.kind) return;
    this.kind = kind;
    this.view.render();
    this.renew();
  }

  // ---- which wind ----------------------------------------------------------------------------------------------

  /** The winds that suit the series shown, best first. */
  suited() {
    const {all, series} = this.view.field;
    if (all !== this.listOf || series !== this.seriesOf) {
      [this.listOf, this.seriesOf] = [all, series];
      this.found = series ? rank(winds(all), series) : [];
    }
    return this.found;
  }

  /** The wind of the time of a slot. */
  of(/** @type {import('./field_steps.mjs').Slot | null | undefined} */ slot) {
    if (!slot) return null;
    for (const wind of this.suited()) {
      const pair = wind.at.get(slot.at);
      if (pair) return {wind, pair};
    }
    return null;
  }

  /** Whether there is a wind to choose: of the series' own source, or at the time drawn. */
  get possible() {
    const {series, drawn} = this.view.field;
    const own = series && this.suited().some((wind) => isOwn(wind.series, series) && wind.at.size);
    return Boolean(own || this.of(drawn?.slot));
  }

  // ---- tiles ---------------------------------------------------------------------------------------------------

  names(/** @type {ReturnType<Wind['of']>} */ found) {
    return found ? this.cover(found).map(({name}) => name) : [];
  }

  /** The tiles of the present view that a wind reaches, once each world. */
  cover(/** @type {NonNullable<ReturnType<Wind['of']>>} */ {wind: {series}, pair: {u, v}}) {
    const [west, south, east, north] = series.bounds;
    const box = [worldX(west), worldY(north), worldX(east), worldY(south)];
    return this.view.map.coveringTiles({tileSize: TILE_SIZE, minzoom: 0, maxzoom: series.max_zoom + DEEPER, roundZoom: true})
      .map((/** @type {any} */ {wrap, canonical: {z, x, y}}) => ({name: `${u.id}/${v.id}/${z}/${x}/${y}`, left: x + wrap * 2 ** z, top: y, count: 2 ** z, x}))
      .filter((/** @type {any} */ {x, top, count}) => x / count < box[2] && (x + 1) / count > box[0]
        && top / count < box[3] && (top + 1) / count > box[1]);
  }

  /** Ask for the tiles of what is wanted, of what is drawn, and of the field's neighbours in time. */
  renew() {
    const {field, map} = this.view;
    this.tell();
    if (!map || this.view.removed || !this.visible) return this.tiles.want([]);
    const slots = [field.wanted, field.drawn?.slot, ...field.nearby()];
    this.tiles.want(slots.flatMap((slot) => this.names(this.of(slot))));
  }

  // ---- frames --------------------------------------------------------------------------------------------------

  picture() {
    const {drawn} = this.view.field;
    const found = drawn ? this.of(drawn.slot) : null;
    this.next = {found, waiting: false};
    if (!found || this.kind === 'none') return null;
    const kind = /** @type {import('./wind_symbols.mjs').Kind} */ (this.kind);
    const marks = [];
    for (const {name, left, top, count} of this.cover(found)) {
      const points = this.tiles.get(name);
      if (!points) this.next.waiting = true;
      for (const {u, v, across, down} of points ?? []) {
        const [x, y] = [(left + across) / count, (top + down) / count];
        marks.push({x, y, turn: turnOf(kind, u, v), picture: pictureOf(kind, Math.hypot(u, v)), side: y > 0.5 ? -1 : 1});
      }
    }
    return {marks, kind, palette: this.view.palette()};
  }

  framed(/** @type {import('./wind_gl.mjs').Mark[]} */ marks) {
    this.shown = marks;
    this.waiting = this.next?.waiting ?? false;
    this.rendered = this.next?.found ?? null;
    queueMicrotask(() => this.tell());
  }

  tell() {
    const state = {kind: this.kind, possible: this.possible};
    const said = JSON.stringify([state, this.waiting, this.rendered?.pair.u.id]);
    if (said === this.said || this.view.removed) return;
    this.said = said;
    this.changed(state);
  }

  // ---- the map -------------------------------------------------------------------------------------------------

  sources() {
    return {};
  }

  layers() {
    return this.visible ? [{slot: 40, id: 'wind', custom: this.painter}] : [];
  }

  legend() {
    const {words, field} = this.view;
    const found = this.of(field.rendered?.slot);
    const facts = {name: words.say('layer_wind'), unit: 'm/s, kt', times: []};
    if (!found) return {...facts, notes: [words.say('wind_none', {time: words.time(field.rendered?.slot.at)})]};
    const {pair: {u}, wind: {series}} = found;
    const level = series.quantity.replace('eastward_wind', '').replaceAll('_', ' ').trim();
    return {
      ...facts, name: [facts.name, level].filter(Boolean).join(' · '), control: this.samples(), source: series.source,
      dataAt: u.valid_at, receivedAt: u.received_at, times: undefined, forecast: u.forecast, runAt: u.run_at,
      notes: [...(this.waiting ? [words.say('wind_loading')] : []), words.say('wind_missing')],
    };
  }

  /** Some symbols with what they stand for, in both units. */
  samples() {
    const {words} = this.view;
    const kind = /** @type {import('./wind_symbols.mjs').Kind} */ (this.kind);
    const palette = this.view.palette();
    if (this.samplesOf === `${kind} ${palette.theme}`) return this.sampled;
    this.samplesOf = `${kind} ${palette.theme}`;
    const speeds = kind === 'barbs' ? [0, 5, 10, 50].map((knots) => knots * KNOT_MS) : [0, ...ARROW_LIMITS.filter((_, i) => i % 2)];
    this.sampled = make('ul', 'map-wind-samples', ...speeds.map((speed) => {
      const both = {ms: speed.toFixed(1), kt: Math.round(speed / KNOT_MS)};
      const text = speed === 0 ? words.say('wind_calm', {ms: CALM_MS[kind]}) : words.say(kind === 'barbs' ? 'wind_speed' : 'wind_from', both);
      const picture = sample(kind, speed, palette);
      picture.setAttribute('aria-hidden', 'true');
      return make('li', '', picture, make('span', '', text));
    }));
    return this.sampled;
  }

  close() {
    this.view.field.listeners.delete(this.update);
    this.tiles.close();
  }
}
