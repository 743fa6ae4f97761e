/** One step of one gridded quantity as raster tiles, with the ramp that the legend is drawn from. */

export class Field {
  title = 'layer_field';
  topic = 'fields';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.visible = true;
    this.opacity = 0.7;
    /** @type {any[]} */
    this.quantities = [];
    /** @type {string | null} */
    this.step = null;
  }

  /** The chosen step and its quantity, or null. */
  current() {
    for (const quantity of this.quantities) {
      const step = quantity.steps.find((/** @type {any} */ item) => String(item.id) === this.step);
      if (step) return {quantity, step};
    }
    return null;
  }

  sources() {
    const found = this.current();
    if (!found) return {};
    const tiles = [`${location.origin}/t/field/${found.step.id}/{z}/{x}/{y}.png`];
    return {field: {type: 'raster', tiles, tileSize: 256, maxzoom: 10, bounds: found.step.bounds}};
  }

  layers() {
    if (!this.current()) return [];
    return [
      {
        slot: 10, id: 'field', type: 'raster', source: 'field', layout: {visibility: this.visible ? 'visible' : 'none'},
        paint: {'raster-opacity': this.opacity, 'raster-fade-duration': 0, 'raster-resampling': 'nearest'},
      },
    ];
  }

  async refresh(/** @type {string} */ version) {
    this.quantities = await (await this.view.fetch(`/api/fields.json?v=${version}`)).json();
    this.view.render();
  }

  show(/** @type {number | string | null} */ step) {
    this.step = step === null || step === undefined ? null : String(step);
    this.view.render();
  }

  hitLayers() {
    return [];
  }

  legend() {
    const found = this.current();
    if (!found) return null;
    const {quantity, step} = found;
    const window = step.accumulation_s ? this.view.words.span(step.accumulation_s) : '';
    return {
      name: [quantity.title, window].filter(Boolean).join(' · '), unit: quantity.unit, dataAt: step.valid_at,
      receivedAt: step.received_at, ramp: quantity.ramp, forecast: step.forecast, runAt: step.run_at,
      missing: step.missing_share,
    };
  }
}
