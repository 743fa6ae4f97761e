/** Stations: a shape by level; what is silent, stale or bad is the dashed ring with a question mark. */

import {UNKNOWN, levelKey} from './palette.mjs';

const EMPTY = {type: 'FeatureCollection', features: []};

export class Stations {
  title = 'layer_stations';
  topic = 'stations';
  /** Staleness depends on the clock, so the list is asked for again now and then. */
  timed = true;

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {any} */
    this.data = {...EMPTY, data_at: null, received_at: null};
    /** @type {Map<string, any>} */
    this.byId = new Map();
  }

  sources() {
    return {stations: {type: 'geojson', data: EMPTY}};
  }

  layers() {
    const level = this.view.blind ? UNKNOWN : ['get', 'level'];
    return [
      {
        slot: 94, id: 'station', type: 'symbol', source: 'stations',
        layout: {
          visibility: this.visible ? 'visible' : 'none',
          'icon-image': ['concat', 'shape-', ['to-string', level]], 'icon-allow-overlap': true,
          'icon-size': ['interpolate', ['linear'], ['zoom'], 3, 0.45, 8, 0.9], 'symbol-sort-key': ['get', 'level'],
        },
        paint: {'icon-opacity': this.opacity},
      },
    ];
  }

  async refresh(/** @type {string} */ version) {
    this.data = await (await this.view.fetch(`/api/stations.json?v=${version}`)).json();
    this.byId.clear();
    const features = this.data.features.map((/** @type {any} */ feature) => {
      const {source, id, level} = feature.properties;
      const key = `${source}/${id}`;
      this.byId.set(key, feature.properties);
      return {type: 'Feature', geometry: feature.geometry, properties: {key, level}};
    });
    this.view.setData('stations', {type: 'FeatureCollection', features});
  }

  hitLayers() {
    return this.visible ? ['station'] : [];
  }

  tip(/** @type {any} */ feature) {
    const {words} = this.view;
    const station = this.byId.get(feature.properties.key);
    if (!station) return {shape: UNKNOWN, title: feature.properties.key, lines: []};
    const level = this.view.blind ? UNKNOWN : station.level;
    const lines = [words.level(levelKey(level))];
    if (this.view.blind) lines.push(this.view.blind);
    for (const [quantity, reading] of Object.entries(station.q)) {
      const quality = reading.quality === 'good' ? '' : ` · ${words.say(`quality_${reading.quality}`)}`;
      lines.push(`${words.say(`q_${quantity}`)}: ${words.measure(reading.value, reading.unit)} · ${words.age(reading.observed_at)}${quality}`);
    }
    return {shape: level, title: station.name || station.id, lines};
  }

  message(/** @type {any} */ feature) {
    const [source, ...id] = feature.properties.key.split('/');
    return {type: 'station', source, id: id.join('/')};
  }

  legend() {
    const silent = [...this.byId.values()].filter(({level}) => level === UNKNOWN).length;
    return {
      dataAt: this.data.data_at, receivedAt: this.data.received_at, count: this.byId.size, silent,
      more: this.data.more ?? 0, stations: true,
    };
  }
}
