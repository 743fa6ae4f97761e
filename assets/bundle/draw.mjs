/** Drawing on the map, loaded only when somebody draws: `const {terradraw, TerraDrawMapLibreGLAdapter} = await import(...)`. */
export * as terradraw from 'terra-draw';
export {TerraDrawMapLibreGLAdapter} from 'terra-draw-maplibre-gl-adapter';
