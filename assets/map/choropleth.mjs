/** Regions of one kind coloured by a number from a table; a region without a number is hatched as unknown. */

import {expression} from './ramp.mjs';

/** The zoom from which the tile file holds a kind. */
const FIRST_ZOOM = {country: 0, admin1: 2, 'cn-province': 2, 'us-state': 2};
const FROM = 3;

/**
 * @typedef {object} Table what the address answers with
 * @property {{rid: number, value: number | null}[]} rows
 * @property {import('./ramp.mjs').Ramp} ramp
 * @property {string} [title]
 * @property {string} [unit]
 * @property {string} [valid_at]
 * @property {string} [received_at]
 */

export class Choropleth {
  title = 'layer_choropleth';
  topic = 'choropleth';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 0.85;
    this.kind = '';
    /** @type {Table | null} */
    this.table = null;
    /** @type {Map<number, number | null>} */
    this.values = new Map();
    this.asked = 0;
  }

  sources() {
    return {};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    if (!this.table || !this.kind) return [];
    const vector = {
      source: 'regions', 'source-layer': this.kind, minzoom: FIRST_ZOOM[this.kind] ?? FROM,
      layout: {visibility: this.visible ? 'visible' : 'none'},
    };
    const shade = ['feature-state', 'shade'];
    const known = ['boolean', ['feature-state', 'known'], false];
    const listed = ['boolean', ['feature-state', 'listed'], false];
    const selected = ['boolean', ['feature-state', 'selected'], false];
    return [
      {
        slot: 23, id: `choropleth-${this.kind}`, type: 'fill', ...vector,
        paint: {
          'fill-color': ['case', known, expression(this.table.ramp, ['number', shade, 0]), 'rgba(0,0,0,0)'],
          'fill-opacity': this.opacity,
        },
      },
      {
        slot: 24, id: `choropleth-unknown-${this.kind}`, type: 'fill', ...vector,
        paint: {'fill-pattern': 'hatch-unknown', 'fill-opacity': ['case', ['all', listed, ['!', known]], 0.9, 0]},
      },
      {
        slot: 25, id: `choropleth-edge-${this.kind}`, type: 'line', ...vector,
        paint: {'line-color': palette.edge, 'line-width': 0.6, 'line-opacity': ['case', listed, 1, 0.3]},
      },
      {
        slot: 34, id: `choropleth-selected-${this.kind}`, type: 'line', ...vector,
        paint: {'line-color': palette.ink, 'line-width': ['case', selected, 3, 0]},
      },
    ];
  }

  /** Colour by a table, given or at an address; none clears. A later wish wins over an earlier one that answers late. */
  async show(/** @type {string} */ kind, /** @type {string | null | undefined} */ url, /** @type {Table | undefined} */ given) {
    const asked = ++this.asked;
    if (given) return this.set(kind, given);
    if (!url) return this.set('', null);
    try {
      const table = await (await this.view.fetch(url)).json();
      if (asked === this.asked) this.set(kind, table);
      this.failed = null;
    } catch (error) {
      if (asked !== this.asked) return;
      console.info('Tocsin: table of regions not read:', String(error));
      this.set(kind, null); // the colours of another question must not stay
      this.failed = new Date().toISOString();
    }
    this.view.afterRender();
  }

  set(/** @type {string} */ kind, /** @type {Table | null} */ table) {
    this.clear();
    [this.kind, this.table] = [kind, table];
    this.view.render();
    for (const {rid, value} of table?.rows ?? []) {
      this.values.set(rid, value);
      this.mark(rid, {listed: true, known: value !== null, shade: value ?? 0});
    }
  }

  clear() {
    for (const rid of this.values.keys()) this.mark(rid, {listed: false, known: false});
    this.values.clear();
  }

  mark(/** @type {number} */ rid, /** @type {any} */ state) {
    this.view.map?.setFeatureState({source: 'regions', sourceLayer: this.kind, id: rid}, state);
  }

  hitLayers() {
    return this.visible && this.table ? [`choropleth-${this.kind}`] : [];
  }

  tip(/** @type {any} */ feature) {
    const {words} = this.view;
    const value = this.values.get(feature.id);
    const line = this.values.has(feature.id) ? words.measure(value, this.table?.unit ?? '') : words.say('not_listed');
    return {shape: undefined, title: words.name(feature.properties), lines: [line]};
  }

  message(/** @type {any} */ feature) {
    return {type: 'region', rid: feature.id, code: feature.properties.code};
  }

  legend() {
    if (!this.table) return null;
    const {title, unit, ramp, valid_at: dataAt, received_at: receivedAt} = this.table;
    const silent = [...this.values.values()].filter((value) => value === null).length;
    return {name: title, unit, ramp, count: this.values.size, silent, times: dataAt ? undefined : [], dataAt, receivedAt};
  }
}
