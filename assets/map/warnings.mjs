/** Warnings of other offices: striped in their level, with a dashed outline, so that they never look like our levels. */

import {present} from './clock.mjs';
import {LEVEL_KEYS, levelKey} from './palette.mjs';

const EMPTY = {type: 'FeatureCollection', features: []};

export class Warnings {
  title = 'layer_warnings';
  topic = 'warnings';
  timed = true;

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {any} */
    this.data = {collection: EMPTY, without_geometry: [], data_at: null, received_at: null};
  }

  sources() {
    return {warnings: {type: 'geojson', data: EMPTY}};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    const level = ['get', 'level'];
    const colour = ['match', level, 1, palette.level[1], 2, palette.level[2], 3, palette.level[3], 4, palette.level[4],
      palette.unknown];
    const common = {source: 'warnings', layout: {visibility: this.visible ? 'visible' : 'none'}};
    const areas = ['match', ['geometry-type'], ['Polygon', 'MultiPolygon'], true, false];
    return [
      {
        slot: 40, id: 'warning', type: 'fill', ...common, filter: areas,
        layout: {...common.layout, 'fill-sort-key': level},
        paint: {'fill-pattern': ['concat', 'stripe-', ['to-string', level]], 'fill-opacity': 0.75 * this.opacity},
      },
      {
        slot: 41, id: 'warning-line', type: 'line', ...common, filter: areas,
        layout: {...common.layout, 'line-sort-key': level},
        paint: {'line-color': colour, 'line-width': 2, 'line-dasharray': [3, 1.5], 'line-opacity': this.opacity},
      },
      {
        slot: 42, id: 'warning-point', type: 'circle', ...common, filter: ['==', ['geometry-type'], 'Point'],
        paint: {
          'circle-radius': 6, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': colour, 'circle-stroke-width': 2.5,
          'circle-stroke-opacity': this.opacity,
        },
      },
    ];
  }

  async refresh(/** @type {string} */ version) {
    this.data = await (await this.view.fetch(`/api/warnings.json?v=${version}`)).json();
    this.show();
  }

  /** Leave out what has ended since the list was made. */
  show(now = present()) {
    const inForce = (/** @type {any} */ warning) => !warning.expires_at || Date.parse(warning.expires_at) > now;
    const features = this.data.collection.features.filter((/** @type {any} */ {properties}) => inForce(properties));
    this.view.setData('warnings', {type: 'FeatureCollection', features});
  }

  hitLayers() {
    return this.visible ? ['warning-point', 'warning'] : [];
  }

  tip(/** @type {any} */ feature) {
    const {words} = this.view;
    const warning = feature.properties;
    const lines = [`${words.level(levelKey(warning.level))} · ${words.say('source', {source: warning.sender})}`];
    if (warning.area) lines.push(warning.area);
    lines.push(words.say(warning.expires_at ? 'valid_until' : 'no_end', {time: words.time(warning.expires_at)}));
    return {shape: warning.level, title: warning.headline || warning.event, lines};
  }

  message(/** @type {any} */ feature) {
    return {type: 'warning', key: feature.properties.key};
  }

  legend() {
    return {
      dataAt: this.data.data_at, receivedAt: this.data.received_at, count: this.data.collection.features.length,
      unplaced: this.data.without_geometry.length, stripes: LEVEL_KEYS.length,
    };
  }
}
