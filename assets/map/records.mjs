/** Survey records by the hundred million: a picture of how many there are, and points to press on when close. */

export const POINTS_FROM = 14;
export const LAST = 20;

export class Records {
  title = 'layer_records';
  topic = 'records';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {{name: string, title: string, stamp: string, where: string, rows: number, legend: any[]} | null} */
    this.store = null;
  }

  /** Show a store under a choice; null shows none. */
  show(/** @type {any} */ store) {
    this.store = store ?? null;
    this.view.render();
  }

  url(/** @type {string} */ kind) {
    const {name, stamp, where} = /** @type {any} */ (this.store);
    const query = new URLSearchParams({v: stamp, ...(where ? {where} : {})});
    return `${location.origin}/t/records/${name}/{z}/{x}/{y}.${kind}?${query}`;
  }

  sources() {
    if (!this.store) return {};
    return {
      'records-density': {type: 'raster', tiles: [this.url('png')], tileSize: 256, maxzoom: LAST},
      'records-points': {type: 'vector', tiles: [this.url('mvt')], minzoom: POINTS_FROM, maxzoom: LAST},
    };
  }

  layers(/** @type {import('./palette.mjs').Palette} */ palette) {
    if (!this.store) return [];
    const layout = {visibility: this.visible ? 'visible' : 'none'};
    return [
      {
        slot: 48, id: 'records-density', type: 'raster', source: 'records-density', layout,
        paint: {'raster-opacity': this.opacity, 'raster-resampling': 'nearest', 'raster-fade-duration': 0},
      },
      {
        slot: 52, id: 'records-areas', type: 'fill', source: 'records-points', 'source-layer': 'records', layout,
        minzoom: POINTS_FROM, filter: ['==', ['geometry-type'], 'Polygon'],
        paint: {'fill-color': palette.survey, 'fill-opacity': 0.15 * this.opacity},
      },
      {
        slot: 52, id: 'records-lines', type: 'line', source: 'records-points', 'source-layer': 'records', layout,
        minzoom: POINTS_FROM, filter: ['!=', ['geometry-type'], 'Point'],
        paint: {'line-color': palette.survey, 'line-width': 1.2, 'line-opacity': this.opacity},
      },
      {
        slot: 53, id: 'records-points', type: 'circle', source: 'records-points', 'source-layer': 'records', layout,
        minzoom: POINTS_FROM, filter: ['==', ['geometry-type'], 'Point'],
        paint: {
          'circle-radius': ['interpolate', ['linear'], ['zoom'], POINTS_FROM, 2, 18, 5], 'circle-color': palette.land,
          'circle-stroke-color': palette.survey, 'circle-stroke-width': 1.2, 'circle-opacity': this.opacity,
        },
      },
    ];
  }

  hitLayers() {
    return this.visible && this.store ? ['records-points', 'records-lines', 'records-areas'] : [];
  }

  tip(/** @type {any} */ feature) {
    const lines = Object.entries(feature.properties).map(([key, value]) => `${key}: ${value}`);
    return {shape: undefined, title: this.store?.title ?? '', lines};
  }

  legend() {
    if (!this.store) return null;
    const {title, rows, legend} = this.store;
    return {name: title, count: rows?.toLocaleString(this.view.config.locale), ramp: {kind: 'continuous', stops: legend}, notes: [this.view.words.say('records_a_cell')], times: []};
  }

  message(/** @type {any} */ feature) {
    return {type: 'record', store: this.store?.name, properties: feature.properties};
  }
}
