/** Drawing an area by hand. The library comes only when somebody draws. */

const ACCENT = '#6d28d9';
/** Corners are kept to a millionth of a degree. */
const DIGITS = 6;

export class Draw {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    /** @type {any} */
    this.tool = null;
    this.mode = 'none';
  }

  /** Whether clicks now set corners instead of choosing things. */
  get active() {
    return this.mode !== 'none';
  }

  /** Begin a polygon, or `none` to stop; an unfinished one is dropped. */
  async start(/** @type {string} */ mode) {
    this.mode = mode === 'polygon' && this.view.map ? 'polygon' : 'none';
    this.tool?.stop();
    this.tool = null;
    this.view.element.dataset.drawing = String(this.active);
    if (!this.active) return;
    const {terradraw, TerraDrawMapLibreGLAdapter} = await import('../vendor/draw.mjs');
    if (!this.active || this.tool || !this.view.map) return;
    const styles = {
      fillColor: ACCENT, fillOpacity: 0.15, outlineColor: ACCENT, outlineWidth: 2.5,
      closingPointColor: '#ffffff', closingPointOutlineColor: ACCENT, closingPointOutlineWidth: 2, closingPointWidth: 5,
    };
    const polygon = new terradraw.TerraDrawPolygonMode({styles});
    const adapter = new TerraDrawMapLibreGLAdapter({map: this.view.map, coordinatePrecision: DIGITS});
    this.tool = new terradraw.TerraDraw({adapter, modes: [polygon]});
    this.tool.start();
    this.tool.setMode('polygon');
    this.tool.on('finish', (/** @type {string} */ id) => this.finish(id));
  }

  /** Tell the page the area and show its outline; drawing ends. */
  finish(/** @type {string} */ id) {
    const feature = this.tool.getSnapshotFeature(id);
    // The click that closes the area must not choose what lies under it.
    setTimeout(() => this.start('none'), 0);
    if (feature?.geometry.type !== 'Polygon') return;
    this.view.footprint.show(feature.geometry);
    this.view.emit({type: 'polygon', geometry: feature.geometry});
  }
}
