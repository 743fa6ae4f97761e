/**
 * The map library and the PMTiles protocol, as one module: `import {maplibregl, PMTilesProtocol} from '/assets/vendor/map.mjs'`.
 * MapLibre finds its worker as `maplibre-gl-worker.mjs` next to this module, so that `worker-src 'self'` is enough.
 */
export * as maplibregl from 'maplibre-gl';
export {Protocol as PMTilesProtocol, PMTiles} from 'pmtiles';
