/** Two deliveries compared: what was added, changed, was there before, and was removed, each in its colour and sign. */

import {LAST, POINTS_FROM} from './records.mjs';

/**
 * @typedef {object} Change
 * @property {string} kind
 * @property {string} word
 * @property {string} letter
 * @property {string} colour
 * @property {string} url up to the numbers of the tile
 * @property {string} query
 * @property {string} count
 * @property {boolean} shown
 */

export class Changes {
  title = 'layer_changes';
  topic = 'changes';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    /** @type {Change[]} the topmost last */
    this.kinds = [];
  }

  show(/** @type {Change[]} */ kinds) {
    this.kinds = kinds ?? [];
    this.view.render();
  }

  tiles(/** @type {Change} */ {url, query}, /** @type {string} */ form) {
    return [`${location.origin}${url}/{z}/{x}/{y}.${form}?${query}`];
  }

  sources() {
    return Object.fromEntries(this.kinds.flatMap((one) => [
      [`changes-${one.kind}`, {type: 'raster', tiles: this.tiles(one, 'png'), tileSize: 256, maxzoom: LAST}],
      [`changes-${one.kind}-points`, {type: 'vector', tiles: this.tiles(one, 'mvt'), minzoom: POINTS_FROM, maxzoom: LAST}],
    ]));
  }

  layers() {
    return this.kinds.flatMap(({kind, colour, shown}) => {
      const layout = {visibility: this.visible && shown ? 'visible' : 'none'};
      const single = {source: `changes-${kind}-points`, 'source-layer': 'records', minzoom: POINTS_FROM, layout};
      return [
        {
          slot: 48, id: `changes-${kind}`, type: 'raster', source: `changes-${kind}`, layout,
          paint: {'raster-resampling': 'nearest', 'raster-fade-duration': 0},
        },
        {
          slot: 52, id: `changes-${kind}-shapes`, type: 'line', ...single, filter: ['!=', ['geometry-type'], 'Point'],
          paint: {'line-color': colour, 'line-width': 1.5},
        },
        { // the sign of the picture stays on top; this is what is pressed
          slot: 47, id: `changes-${kind}-points`, type: 'circle', ...single, filter: ['==', ['geometry-type'], 'Point'],
          paint: {'circle-radius': 6, 'circle-color': colour, 'circle-opacity': 0.2},
        },
      ];
    });
  }

  hitLayers() {
    if (!this.visible) return [];
    return this.kinds.filter(({shown}) => shown).flatMap(({kind}) => [`changes-${kind}-points`, `changes-${kind}-shapes`]).reverse();
  }

  kindOf(/** @type {any} */ feature) {
    return this.kinds.find(({kind}) => feature.layer.id.startsWith(`changes-${kind}-`));
  }

  tip(/** @type {any} */ feature) {
    const found = this.kindOf(feature);
    const lines = Object.entries(feature.properties).map(([key, value]) => `${key}: ${value}`);
    return {shape: undefined, title: found ? `${found.letter} ${found.word}` : '', lines};
  }

  legend() {
    const signs = this.kinds.filter(({shown}) => shown).map(({letter, colour, word, count}) => ({letter, colour, word, count}));
    return signs.length ? {signs, notes: [this.view.words.say('changes_darker')], times: []} : null;
  }

  message(/** @type {any} */ feature) {
    return {type: 'change', kind: this.kindOf(feature)?.kind, properties: feature.properties};
  }
}
