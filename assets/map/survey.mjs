/** One survey dataset as vector tiles. */

export class Survey {
  title = 'layer_survey';
  topic = 'surveys';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 1;
    /** @type {any[]} */
    this.datasets = [];
    /** @type {string | null} */
    this.dataset = null;
    /** @type {string[]} layers inside the file */
    this.inside = [];
  }

  current() {
    return this.datasets.find((item) => String(item.id) === this.dataset && item.tiles) ?? null;
  }

  url() {
    return `${location.origin}/t/survey/${this.dataset}.pmtiles`;
  }

  sources() {
    return this.current() && this.inside.length ? {survey: {type: 'vector', url: `pmtiles://${this.url()}`}} : {};
  }

  /** @param {import('./palette.mjs').Palette} palette */
  layers(palette) {
    if (!this.current()) return [];
    const visibility = this.visible ? 'visible' : 'none';
    const type = (/** @type {string} */ name) => ['match', ['geometry-type'], [name, `Multi${name}`], true, false];
    return this.inside.flatMap((name, i) => {
      const common = {source: 'survey', 'source-layer': name, layout: {visibility}};
      return [
        {
          slot: 50, id: `survey-area-${i}`, type: 'fill', ...common, filter: type('Polygon'),
          paint: {'fill-color': palette.survey, 'fill-opacity': 0.45 * this.opacity, 'fill-outline-color': palette.survey},
        },
        {
          slot: 51, id: `survey-line-${i}`, type: 'line', ...common, filter: type('LineString'),
          paint: {'line-color': palette.survey, 'line-width': 1.2, 'line-opacity': this.opacity},
        },
        {
          slot: 52, id: `survey-point-${i}`, type: 'circle', ...common, filter: type('Point'),
          paint: {
            'circle-radius': ['interpolate', ['linear'], ['zoom'], 3, 1.5, 12, 4], 'circle-color': palette.land,
            'circle-stroke-color': palette.survey, 'circle-stroke-width': 1, 'circle-opacity': this.opacity,
            'circle-stroke-opacity': this.opacity,
          },
        },
      ];
    });
  }

  async refresh(/** @type {string} */ version) {
    this.datasets = await (await this.view.fetch(`/api/surveys.json?v=${version}`)).json();
    await this.show(this.dataset);
  }

  async show(/** @type {number | string | null} */ dataset) {
    this.dataset = dataset === null || dataset === undefined ? null : String(dataset);
    this.inside = this.current() ? await this.view.layersOf(this.url()) : [];
    this.view.render();
  }

  hitLayers() {
    if (!this.visible || !this.current()) return [];
    return this.inside.flatMap((_, i) => [`survey-point-${i}`, `survey-line-${i}`, `survey-area-${i}`]);
  }

  tip(/** @type {any} */ feature) {
    const lines = Object.entries(feature.properties).slice(0, 6).map(([key, value]) => `${key}: ${value}`);
    return {shape: undefined, title: this.current()?.title ?? '', lines};
  }

  message(/** @type {any} */ feature) {
    return {type: 'survey', dataset: Number(this.dataset), id: feature.id ?? null, properties: feature.properties};
  }

  legend() {
    const dataset = this.current();
    if (!dataset) return null;
    return {name: dataset.title, dataAt: dataset.received_at, receivedAt: dataset.received_at, count: dataset.rows};
  }
}
