/** The map underneath: land, water, borders, names. All from one local file. */

const FONT = ['Noto Sans', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', 'system-ui', 'sans-serif'];

export class Base {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
  }

  sources() {
    const {origin} = location;
    return {base: {type: 'vector', url: `pmtiles://${origin}${this.view.config.urls.base}`}};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    const chinese = this.view.config.locale.startsWith('zh');
    const name = chinese ? ['coalesce', ['get', 'name_zh'], ['get', 'name']] : ['get', 'name'];
    const vector = (/** @type {string} */ layer) => ({source: 'base', 'source-layer': layer});
    const text = {'text-color': palette.quiet, 'text-halo-color': palette.halo, 'text-halo-width': 1.8};
    return [
      {slot: 0, id: 'sea', type: 'background', paint: {'background-color': palette.sea}},
      {slot: 0, id: 'land', type: 'fill', ...vector('land'), paint: {'fill-color': palette.land}},
      {slot: 30, id: 'lakes', type: 'fill', ...vector('lakes'), paint: {'fill-color': palette.water}},
      {
        slot: 30, id: 'rivers', type: 'line', ...vector('rivers'), minzoom: 4,
        paint: {'line-color': palette.water, 'line-width': ['interpolate', ['linear'], ['zoom'], 4, 0.5, 9, 2]},
      },
      {
        slot: 31, id: 'borders', type: 'line', ...vector('borders'),
        paint: {'line-color': palette.border, 'line-width': ['interpolate', ['linear'], ['zoom'], 1, 0.4, 8, 1.4]},
      },
      {
        slot: 31, id: 'cn-border', type: 'line', ...vector('cn-border'),
        layout: {visibility: chinese ? 'visible' : 'none'},
        paint: {'line-color': palette.border, 'line-width': ['interpolate', ['linear'], ['zoom'], 1, 0.8, 8, 2]},
      },
      {
        slot: 90, id: 'country-labels', type: 'symbol', ...vector('country-labels'), maxzoom: 5,
        layout: {
          'text-field': name, 'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['zoom'], 1, 10, 5, 14],
          'text-max-width': 7, 'symbol-sort-key': ['-', 0, ['get', 'size']],
        },
        paint: {...text},
      },
      {
        slot: 90, id: 'places', type: 'symbol', ...vector('places'), minzoom: 4,
        layout: {
          'text-field': name, 'text-font': FONT, 'text-size': ['interpolate', ['linear'], ['zoom'], 4, 10.5, 9, 13],
          'text-max-width': 8, 'symbol-sort-key': ['-', 0, ['get', 'population']],
        },
        paint: {...text},
      },
    ];
  }
}
