/** Earthquakes and other events: circles by magnitude, with a ring that fades with age. */

import {present} from './clock.mjs';

const HOUR = 3600;
const EMPTY = {type: 'FeatureCollection', features: []};

export class Events {
  title = 'layer_events';
  topic = 'events';
  clocked = true;

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {any} */
    this.data = {...EMPTY, data_at: null, received_at: null, more: 0};
  }

  sources() {
    return {events: {type: 'geojson', data: EMPTY}};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    // To the minute: a new number makes every circle be styled again.
    const now = Math.floor(present() / 60000) * 60;
    const age = ['-', now, ['get', 'seconds']];
    const magnitude = ['to-number', ['get', 'magnitude'], 0];
    const radius = ['interpolate', ['exponential', 1.6], magnitude, 0, 2.5, 3, 4, 5, 9, 7, 20, 9, 40];
    const visibility = this.visible ? 'visible' : 'none';
    return [
      {
        slot: 60, id: 'event-ring', type: 'circle', source: 'events', layout: {visibility},
        filter: ['<', ['-', Math.floor(present() / 3600000) * HOUR, ['get', 'seconds']], 24 * HOUR],
        paint: {
          'circle-radius': ['interpolate', ['exponential', 1.6], magnitude, 0, 5.5, 3, 7, 5, 12, 7, 23, 9, 43],
          'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': palette.ink, 'circle-stroke-width': 1.5,
          'circle-stroke-opacity': ['*', this.opacity, ['interpolate', ['linear'], age, 0, 1, HOUR, 0.8, 24 * HOUR, 0]],
        },
      },
      {
        slot: 61, id: 'event', type: 'circle', source: 'events',
        layout: {visibility, 'circle-sort-key': magnitude},
        paint: {
          'circle-radius': radius, 'circle-color': palette.ink,
          'circle-opacity': ['*', this.opacity, ['interpolate', ['linear'], age, 0, 0.55, 24 * HOUR, 0.25, 168 * HOUR, 0.1]],
          'circle-stroke-color': palette.ink, 'circle-stroke-width': 1,
          'circle-stroke-opacity': ['*', this.opacity, ['interpolate', ['linear'], age, 0, 1, 24 * HOUR, 0.6, 168 * HOUR, 0.3]],
        },
      },
    ];
  }

  async refresh(/** @type {string} */ version) {
    this.data = await (await this.view.fetch(`/api/events.json?v=${version}`)).json();
    for (const feature of this.data.features) {
      feature.properties.seconds = Date.parse(feature.properties.occurred_at) / 1000;
    }
    this.view.setData('events', this.data);
  }

  hitLayers() {
    return this.visible ? ['event'] : [];
  }

  tip(/** @type {any} */ feature) {
    const {words} = this.view;
    const event = feature.properties;
    const lines = [`${words.time(event.occurred_at)} · ${words.age(event.occurred_at)}`];
    if (event.depth_km !== undefined && event.depth_km !== null) {
      lines.push(words.say('depth', {depth: words.measure(Number(event.depth_km), 'km')}));
    }
    lines.push(words.say('source', {source: event.source}));
    return {shape: undefined, title: event.title || event.id, lines};
  }

  message(/** @type {any} */ feature) {
    return {type: 'event', source: feature.properties.source, id: feature.properties.id};
  }

  legend() {
    return {
      dataAt: this.data.data_at, receivedAt: this.data.received_at, count: this.data.features.length,
      more: this.data.more, unit: this.view.words.say('unit_magnitude'), circles: [3, 5, 7],
    };
  }
}
