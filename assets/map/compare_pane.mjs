/** The second map of a comparison: the base map and one field, drawn from the tiles that the first map holds too. */

import {Base} from './base.mjs';
import {Field} from './field.mjs';
import {slotsOf} from './field_steps.mjs';
import {Style} from './style.mjs';
import {Wind} from './wind.mjs';
import {make} from './words.mjs';

/** @typedef {import('./field_steps.mjs').Slot} Slot */

/** The tiles of another field, for a second user. */
class SharedTiles {
  constructor(/** @type {import('./field_tiles.mjs').FieldTiles} */ tiles, /** @type {() => void} */ arrived) {
    this.tiles = tiles;
    this.arrived = arrived;
    tiles.listeners.add(arrived);
  }

  get failed() {
    return this.tiles.failed;
  }

  get(/** @type {string} */ name) {
    return this.tiles.get(name);
  }

  room(/** @type {number} */ tiles) {
    return this.tiles.room(tiles);
  }

  want(/** @type {string[]} */ names, /** @type {number} */ needed) {
    this.tiles.want(names, needed, this);
  }

  close() {
    this.tiles.wishes.delete(this);
    this.tiles.listeners.delete(this.arrived);
  }
}

/** A field that shows what it is told to, and says nothing to the page or the address. */
export class SecondField extends Field {
  constructor(/** @type {Pane} */ pane) {
    super(/** @type {any} */ (pane));
    this.pane = pane;
    this.key = null;
    this.asked = null;
    /** @type {Slot | null} */
    this.aimed = null;
    this.cover = [];
    this.tiles = /** @type {any} */ (new SharedTiles(pane.main.field.tiles, () => this.settle()));
  }

  get wanted() {
    return this.aimed;
  }

  tell() {}

  /** Show a slot of a series; `choose` finds it among those of the series. */
  aim(/** @type {any[]} */ all, /** @type {string} */ key, /** @type {(series: any, slots: Slot[]) => Slot | null} */ choose) {
    const renewed = all !== this.all || key !== this.key;
    [this.all, this.key] = [all, key];
    const {series} = this;
    if (renewed) this.slots = series ? slotsOf(series) : [];
    let slot = series ? choose(series, this.slots) : null;
    if (slot && !this.slots.includes(slot) && this.aimed?.at === slot.at && !this.aimed.step) slot = this.aimed; // the same gap
    if (!renewed && slot === this.aimed) return;
    this.aimed = slot;
    this.place = slot ? this.slots.indexOf(slot) : -1;
    this.view.render();
    this.update();
  }

  /** Whether it shows the quantity of the first map, so that one ramp and one threshold serve both. */
  get same() {
    const other = this.pane.main.field.series;
    return Boolean(other && this.series && other.quantity === this.series.quantity && other.unit === this.series.unit);
  }

  picture() {
    const found = super.picture();
    if (!found) return null;
    const {series, opacity, mark} = this.pane.main.field;
    const alike = this.same && series ? {ramp: series.ramp, mark} : {mark: null};
    return {...found, look: {...found.look, opacity, ...alike}};
  }
}

export class Pane {
  constructor(/** @type {import('./map.mjs').MapView} */ main) {
    this.main = main;
    this.words = main.words;
    this.config = main.config;
    this.removed = false;
    this.loaded = false;
    /** @type {any} */
    this.map = null;
    this.stage = make('div', 'map-stage map-stage-second');
    main.stage.after(this.stage);
    this.field = new SecondField(this);
    this.wind = new Wind(this, main.wind.kind);
    this.style = new Style([new Base(/** @type {any} */ (this))]);
  }

  palette() {
    return this.main.palette();
  }

  emit() {}

  async start() {
    const {maplibregl} = await import('../vendor/map.mjs');
    const faces = await this.main.letters();
    if (this.removed) return;
    const {map: first} = this.main;
    this.map = new maplibregl.Map({
      container: this.stage, style: this.style.first(this.palette(), faces), center: first.getCenter(), zoom: first.getZoom(),
      minZoom: first.getMinZoom(), maxZoom: first.getMaxZoom(), attributionControl: false, dragRotate: false,
      pitchWithRotate: false, touchPitch: false, fadeDuration: 0, maxPitch: 0, locale: this.config.words,
    });
    this.style.map = this.map;
    this.theme = this.palette().theme;
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.getCanvas().setAttribute('aria-label', this.words.say('compare_label'));
    this.map.on('move', () => this.field.update());
    this.map.on('resize', () => this.field.update());
    this.map.on('error', (/** @type {any} */ event) => this.main.failure(event));
    await new Promise((resolve) => this.map.once('load', resolve));
    this.loaded = true;
    this.style.parts.push(this.field, this.wind); // a first style may not hold layers that draw themselves
    this.render();
    this.field.update();
  }

  render() {
    if (!this.loaded || this.removed) return;
    this.theme = this.palette().theme;
    this.style.apply(this.palette());
  }

  remove() {
    this.removed = true;
    this.wind.close();
    this.field.tiles.close();
    this.map?.remove();
    this.map = null;
    this.stage.remove();
  }
}
