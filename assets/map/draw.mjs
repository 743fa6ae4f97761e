/** Drawing an area by hand, and moving the corners of one. The library comes only when somebody draws. */

const ACCENT = '#6d28d9';
/** Corners are kept to a millionth of a degree. */
const DIGITS = 6;
const MODES = ['polygon', 'circle', 'edit'];

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

  /**
   * Begin a polygon or a circle, move the corners of a polygon (`edit`), or `none` to stop; what is unfinished is
   * dropped. `edited` comes back with each change of the corners.
   */
  async start(/** @type {string} */ mode, /** @type {any} */ geometry = null, /** @type {any} */ edited = null) {
    this.mode = MODES.includes(mode) && this.view.map ? mode : 'none';
    this.edited = edited;
    this.tool?.stop();
    this.tool = null;
    this.view.element.dataset.drawing = String(this.active);
    if (!this.active) return;
    const {terradraw, TerraDrawMapLibreGLAdapter} = await import('../vendor/draw.mjs');
    if (!this.active || this.tool || !this.view.map) return;
    const adapter = new TerraDrawMapLibreGLAdapter({map: this.view.map, coordinatePrecision: DIGITS});
    this.tool = new terradraw.TerraDraw({adapter, modes: this.modes(terradraw)});
    this.tool.start();
    this.tool.on('finish', (/** @type {string} */ id) => this.finish(id));
    if (this.mode === 'edit') this.select(geometry);
    else this.tool.setMode(this.mode);
  }

  modes(/** @type {any} */ terradraw) {
    const styles = {
      fillColor: ACCENT, fillOpacity: 0.15, outlineColor: ACCENT, outlineWidth: 2.5,
      closingPointColor: '#ffffff', closingPointOutlineColor: ACCENT, closingPointOutlineWidth: 2, closingPointWidth: 5,
    };
    const polygon = new terradraw.TerraDrawPolygonMode({styles});
    if (this.mode === 'polygon') return [polygon];
    if (this.mode === 'circle') return [new terradraw.TerraDrawCircleMode({styles, projection: 'globe'})];
    return [polygon, new terradraw.TerraDrawSelectMode({
      flags: {polygon: {feature: {draggable: true, coordinates: {midpoints: true, draggable: true, deletable: true}}}},
      keyEvents: {deselect: null, delete: null, rotate: null, scale: null},
      allowManualDeselection: false,
      styles: {
        selectedPolygonColor: ACCENT, selectedPolygonFillOpacity: 0.15, selectedPolygonOutlineColor: ACCENT,
        selectedPolygonOutlineWidth: 2.5, selectionPointColor: '#ffffff', selectionPointOutlineColor: ACCENT,
        selectionPointOutlineWidth: 2, selectionPointWidth: 6, midPointColor: ACCENT, midPointWidth: 4,
        midPointOutlineColor: '#ffffff',
      },
    })];
  }

  /** Put a polygon under the pointer so that its corners can be moved; a right click takes a corner away. */
  select(/** @type {any} */ geometry) {
    const near = (/** @type {number[]} */ [lon, lat]) => [Number(lon.toFixed(DIGITS)), Number(lat.toFixed(DIGITS))];
    const coordinates = [geometry.coordinates[0].map(near)];
    const feature = {type: 'Feature', properties: {mode: 'polygon'}, geometry: {type: 'Polygon', coordinates}};
    const [added] = this.tool.addFeatures([feature]);
    if (!added?.valid) {
      this.start('none');
      return;
    }
    this.tool.setMode('select');
    this.tool.selectFeature(added.id);
  }

  /** Tell the page what was drawn and show its outline; drawing a new one ends. */
  finish(/** @type {string} */ id) {
    const feature = this.tool.getSnapshotFeature(id);
    if (feature?.geometry.type !== 'Polygon') return;
    if (this.mode === 'edit') {
      this.view.emit({type: 'polygon', geometry: feature.geometry, edited: this.edited});
      return;
    }
    const message = this.mode === 'circle' ? circle(feature) : {type: 'polygon', geometry: feature.geometry};
    // The click that closes the area must not choose what lies under it.
    setTimeout(() => this.start('none'), 0);
    this.view.footprint.show(feature.geometry);
    this.view.emit(message);
  }
}

/** The centre of a drawn circle lies halfway between its northernmost and its southernmost point. */
function circle(/** @type {any} */ {geometry, properties}) {
  const [lons, lats] = [0, 1].map((place) => geometry.coordinates[0].map((/** @type {number[]} */ at) => at[place]));
  const middle = (/** @type {number[]} */ values) => (Math.min(...values) + Math.max(...values)) / 2;
  return {type: 'circle', lon: middle(lons), lat: middle(lats), radius_km: properties.radiusKilometers};
}
