/** What the page speaks of: a drawn polygon, a level's regions, an isoline, a warning's area, places of records. */

const IS_POINT = ['in', ['geometry-type'], ['literal', ['Point', 'MultiPoint']]];
const EMPTY = {type: 'FeatureCollection', features: []};

export class Footprint {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    /** @type {any} */
    this.data = EMPTY;
  }

  sources() {
    return {footprint: {type: 'geojson', data: EMPTY}};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    const common = {source: 'footprint', filter: ['!', IS_POINT], layout: {'line-join': 'round'}};
    return [
      {
        slot: 44, id: 'footprint-fill', type: 'fill', source: 'footprint', filter: ['==', ['get', 'filled'], true],
        paint: {'fill-color': palette.ink, 'fill-opacity': 0.16},
      },
      {
        slot: 45, id: 'footprint-halo', type: 'line', ...common,
        paint: {'line-color': palette.halo, 'line-width': 6, 'line-opacity': 0.8},
      },
      {slot: 46, id: 'footprint', type: 'line', ...common, paint: {'line-color': palette.ink, 'line-width': 2.5}},
      {
        slot: 47, id: 'footprint-points', type: 'circle', source: 'footprint', filter: IS_POINT,
        paint: {'circle-radius': 5, 'circle-color': palette.ink, 'circle-stroke-color': palette.halo, 'circle-stroke-width': 1.5},
      },
    ];
  }

  /** Show the outline of a GeoJSON geometry; none clears. */
  show(/** @type {any} */ geometry, filled = false) {
    const feature = {type: 'Feature', geometry, properties: {filled}};
    this.data = geometry ? {type: 'FeatureCollection', features: [feature]} : EMPTY;
    this.view.setData('footprint', this.data);
  }
}
