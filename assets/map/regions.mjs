/** Regions coloured by level: one byte a region from the server, set as feature state where it changed. */

import {UNKNOWN} from './palette.mjs';

/** Bits of a region's byte. */
const LEVEL_BITS = 7;
const UNKNOWN_BIT = 8;
const UNWATCHED_BIT = 16;
const MUTED_BIT = 32;

/**
 * The zooms at which a kind is filled. Below its range nothing is drawn; above it only the outline of a region whose
 * level no region below explains, so that a level set on a province does not vanish between its counties.
 * @type {Record<string, [number, number]>}
 */
export const BANDS = {
  country: [0, 3],
  admin1: [3, 24],
  'cn-province': [3, 5.5],
  'us-state': [3, 5.5],
  'cn-prefecture': [5.5, 7],
  'us-county': [5.5, 24],
  'cn-county': [7, 24],
};

const state = (/** @type {string} */ key) => ['feature-state', key];
const isOn = (/** @type {string} */ key) => ['boolean', state(key), false];
const level = ['coalesce', state('level'), -2];

/** A line width by conditions, under the wider lines of hover and selection. */
const width = (/** @type {any[]} */ ...cases) => ['case', isOn('selected'), 3.5, isOn('hover'), 2, ...cases];

/** What a byte says. */
export function readByte(/** @type {number} */ byte) {
  return {
    level: byte & LEVEL_BITS,
    unknown: Boolean(byte & UNKNOWN_BIT),
    watched: !(byte & UNWATCHED_BIT),
    muted: Boolean(byte & MUTED_BIT),
  };
}

export class Regions {
  title = 'layer_levels';
  topic = 'levels';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {Uint8Array} */
    this.bytes = new Uint8Array(0);
    /** @type {[string, number, number][]} kind, first rid, end */
    this.kinds = view.config.kinds;
    /** @type {any} */
    this.listed = {regions: [], counts: {}, at: null, more: 0, marks: [], own: []};
    this.selected = -1;
    this.hovered = -1;
  }

  sources() {
    const url = `pmtiles://${location.origin}${this.view.config.urls.regions}`;
    return {
      regions: {type: 'vector', url},
      marks: {type: 'geojson', data: {type: 'FeatureCollection', features: []}},
    };
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    const blind = this.view.blind;
    const colour = ['match', level, 1, palette.level[1], 2, palette.level[2], 3, palette.level[3], 4, palette.level[4],
      palette.unknown];
    const doubtful = blind ? ['>=', level, 0] : isOn('unknown');
    const visibility = this.visible ? 'visible' : 'none';
    /** @type {any[]} */
    const layers = [];
    for (const [kind] of this.kinds) {
      const [from, to] = BANDS[kind];
      const fill = (kind === 'country' ? 0.5 : 0.78) * this.opacity; // a whole country is rarely meant
      const vector = {source: 'regions', 'source-layer': kind, minzoom: from, layout: {visibility}};
      layers.push(
        {
          slot: 20, id: `region-${kind}`, type: 'fill', ...vector, maxzoom: to,
          paint: {
            'fill-color': colour,
            'fill-opacity': ['case', ['<', level, 1], 0, doubtful, fill * 0.4, fill],
          },
        },
        {
          slot: 21, id: `hatch-${kind}`, type: 'fill', ...vector, maxzoom: to,
          paint: {
            'fill-pattern': 'hatch-unknown',
            'fill-opacity': ['case', doubtful, this.opacity * 0.9, 0],
          },
        },
        {
          slot: 22, id: `edge-${kind}`, type: 'line', ...vector, maxzoom: to,
          paint: {'line-color': palette.edge, 'line-width': 0.6, 'line-opacity': ['case', ['>=', level, 0], 1, 0.4]},
        },
        {
          slot: 33, id: `mark-${kind}`, type: 'line', ...vector, layout: {visibility, 'line-join': 'round'},
          paint: {
            'line-color': ['case', isOn('selected'), palette.ink, isOn('hover'), palette.ink, colour],
            'line-width': ['step', ['zoom'], width(['==', level, 4], 3, ['>', level, 0], 1.4, 0), to, width(isOn('own'), 2.5, 0)],
          },
        },
      );
    }
    layers.push({
      slot: 95, id: 'mark', type: 'symbol', source: 'marks',
      layout: {
        visibility, 'icon-image': ['concat', 'shape-', ['to-string', ['get', 'level']]],
        'icon-size': ['interpolate', ['linear'], ['zoom'], 1, 0.62, 6, 0.9],
        'symbol-sort-key': ['-', 0, ['get', 'level']], 'icon-padding': 1,
      },
      paint: {'icon-opacity': ['case', ['any', Boolean(blind), ['boolean', ['get', 'unknown'], false]], 0.55, 1]},
    }, {
      slot: 96, id: 'mark-muted', type: 'symbol', source: 'marks', filter: ['==', ['get', 'muted'], true],
      layout: {visibility, 'icon-image': 'muted', 'icon-offset': [13, -11], 'icon-allow-overlap': true},
    });
    return layers;
  }

  /** The kind of a region, by its number. */
  kindOf(/** @type {number} */ rid) {
    return this.kinds.find(([, first, end]) => rid >= first && rid < end)?.[0] ?? '';
  }

  feature(/** @type {number} */ rid) {
    return {source: 'regions', sourceLayer: this.kindOf(rid), id: rid};
  }

  async refresh(/** @type {string} */ version) {
    const started = performance.now();
    const bytes = new Uint8Array(await (await this.view.fetch(`/api/levels.bin?v=${version}`)).arrayBuffer());
    const fetched = performance.now();
    const changed = this.apply(bytes);
    const applied = performance.now();
    this.view.timings.levels = {
      fetch_ms: fetched - started, apply_ms: applied - fetched, changed, bytes: bytes.length, applied_at: Date.now(),
    };
    const listed = await (await this.view.fetch(`/api/regions.json?v=${version}`)).json();
    const before = this.listed;
    this.listed = listed;
    this.view.setData('marks', {type: 'FeatureCollection', features: listed.marks.map(toMark)});
    this.markOwn(before.own, listed.own);
    this.view.announcer.levels(before, listed);
  }

  /** Set the state of the regions whose byte is another; the number of them. */
  apply(/** @type {Uint8Array} */ bytes) {
    const {map} = this.view;
    const before = this.bytes;
    this.bytes = bytes;
    if (!map) return 0;
    let changed = 0;
    for (const [kind, first, end] of this.kinds) {
      const target = {source: 'regions', sourceLayer: kind, id: 0};
      for (let rid = first; rid < Math.min(end, bytes.length); rid++) {
        const byte = bytes[rid];
        if (byte === (before[rid] ?? UNWATCHED_BIT)) continue;
        const {level: known, unknown, watched} = readByte(byte);
        target.id = rid;
        map.setFeatureState(target, {level: watched ? known : -2, unknown});
        changed++;
      }
    }
    return changed;
  }

  /** Regions that nothing below them explains keep their outline at every zoom. */
  markOwn(/** @type {number[]} */ before, /** @type {number[]} */ after) {
    const was = new Set(before);
    const own = new Set(after);
    for (const rid of was) if (!own.has(rid)) this.view.map?.setFeatureState(this.feature(rid), {own: false});
    for (const rid of own) if (!was.has(rid)) this.view.map?.setFeatureState(this.feature(rid), {own: true});
  }

  /** Layers that answer the pointer, at any zoom. */
  hitLayers() {
    return this.visible ? this.kinds.map(([kind]) => `region-${kind}`) : [];
  }

  tip(/** @type {any} */ feature) {
    const words = this.view.words;
    const {level: known, unknown, watched, muted} = readByte(this.bytes[feature.id] ?? UNWATCHED_BIT);
    const lines = [];
    if (!this.bytes.length) lines.push(words.say('levels_loading'));
    else if (!watched) lines.push(words.say('unwatched'));
    else if (this.view.blind) lines.push(words.level('unknown'), this.view.blind);
    else if (unknown) lines.push(words.say('unknown_last', {level: words.level(['none', 'blue', 'yellow', 'orange', 'red'][known])}));
    else lines.push(words.level(['none', 'blue', 'yellow', 'orange', 'red'][known]));
    if (muted) lines.push(words.say('muted'));
    const shape = !watched || !this.bytes.length ? null : unknown || this.view.blind ? UNKNOWN : known;
    return {shape, title: words.name(feature.properties), lines};
  }

  select(/** @type {number} */ rid) {
    this.mark('selected', this.selected, rid);
    this.selected = rid;
  }

  hover(/** @type {number} */ rid) {
    if (rid === this.hovered) return;
    this.mark('hover', this.hovered, rid);
    this.hovered = rid;
  }

  /** Move one flag from a region to another; -1 is no region. */
  mark(/** @type {string} */ flag, /** @type {number} */ before, /** @type {number} */ after) {
    if (before === after) return;
    if (before >= 0) this.view.map.setFeatureState(this.feature(before), {[flag]: false});
    if (after >= 0) this.view.map.setFeatureState(this.feature(after), {[flag]: true});
  }

  message(/** @type {any} */ feature) {
    return {type: 'region', rid: feature.id, code: feature.properties.code};
  }

  legend() {
    const counts = this.listed.counts;
    const levels = this.view.blind ? {unknown: counts.watched, unwatched: counts.by_level?.unwatched} : counts.by_level;
    return {
      times: [['changed', this.listed.at], ['engine_beat', this.view.evaluatedAt]],
      levels: levels ?? {},
    };
  }
}

/** Where a level comes from, as a point for its shape. */
function toMark(/** @type {[number, number, number, number, number, number]} */ [rid, lon, lat, known, unknown, muted]) {
  const properties = {level: known, unknown: Boolean(unknown), muted: Boolean(muted)};
  return {type: 'Feature', id: rid, geometry: {type: 'Point', coordinates: [lon, lat]}, properties};
}
