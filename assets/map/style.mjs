/** The style as a function of the state: each change brings the map to it by the smallest steps. */

import {IMAGE_OPTIONS, images} from './shapes.mjs';

const differs = (/** @type {any} */ a, /** @type {any} */ b) => JSON.stringify(a) !== JSON.stringify(b);

/** A layer as MapLibre takes it; one that draws itself comes as it is. */
function plain(/** @type {any} */ {slot, custom, ...layer}) {
  return custom ?? layer;
}

export class Style {
  /** @param {{sources: () => any, layers: (palette: any) => any[]}[]} parts */
  constructor(parts) {
    this.parts = parts;
    /** @type {any} */
    this.map = null;
    /** @type {Map<string, any>} */
    this.layers = new Map();
    /** @type {Record<string, string>} */
    this.sources = {};
  }

  /** The sources and layers that the present state asks for, from bottom to top. */
  wanted(/** @type {import('./palette.mjs').Palette} */ palette) {
    /** @type {Record<string, any>} */
    const sources = Object.assign({}, ...this.parts.map((part) => part.sources()));
    const layers = this.parts.flatMap((part) => part.layers(palette)).filter(({source}) => !source || sources[source]);
    return {sources, layers: layers.sort((a, b) => a.slot - b.slot)};
  }

  /** The whole style, for a new map. */
  first(/** @type {import('./palette.mjs').Palette} */ palette, /** @type {any} */ faces) {
    const {sources, layers} = this.wanted(palette);
    this.remember(sources, layers);
    return {version: 8, sources, layers: layers.map(plain), ...(faces ? {'font-faces': faces} : {})};
  }

  remember(/** @type {Record<string, any>} */ sources, /** @type {any[]} */ layers) {
    this.sources = Object.fromEntries(Object.entries(sources).map(([id, source]) => [id, JSON.stringify(source)]));
    this.layers = new Map(layers.map((layer) => [layer.id, layer]));
  }

  /** Change what is another, so that nothing is lost and nothing flashes. */
  apply(/** @type {import('./palette.mjs').Palette} */ palette) {
    const {map} = this;
    const {sources, layers} = this.wanted(palette);
    for (const [id, written] of Object.entries(this.sources)) this.changeSource(id, written, sources[id]);
    const kept = new Set(layers.map(({id}) => id));
    for (const id of this.layers.keys()) if (!kept.has(id) && map.getLayer(id)) map.removeLayer(id);
    for (const [id, source] of Object.entries(sources)) if (!map.getSource(id)) map.addSource(id, source);
    for (let i = layers.length - 1; i >= 0; i--) this.changeLayer(layers[i], layers[i + 1]?.id);
    this.remember(sources, layers);
  }

  changeSource(/** @type {string} */ id, /** @type {string} */ written, /** @type {any} */ source) {
    const {map} = this;
    if (source && JSON.stringify(source) === written) return;
    const before = JSON.parse(written);
    if (source?.type === 'raster' && String(before.bounds) === String(source.bounds)) {
      map.getSource(id).setTiles(source.tiles);
      return;
    }
    for (const layer of this.layers.values()) if (layer.source === id && map.getLayer(layer.id)) map.removeLayer(layer.id);
    map.removeSource(id);
  }

  changeLayer(/** @type {any} */ layer, /** @type {string | undefined} */ above) {
    const {map} = this;
    const before = map.getLayer(layer.id) ? this.layers.get(layer.id) : null;
    if (!before) {
      map.addLayer(plain(layer), above);
      return;
    }
    for (const [key, value] of Object.entries(layer.paint ?? {})) {
      if (differs(value, before.paint[key])) map.setPaintProperty(layer.id, key, value);
    }
    for (const [key, value] of Object.entries(layer.layout ?? {})) {
      if (differs(value, before.layout?.[key])) map.setLayoutProperty(layer.id, key, value);
    }
    if (differs(layer.filter, before.filter)) map.setFilter(layer.id, layer.filter);
  }

  /** Draw the images anew in a palette. */
  setImages(/** @type {import('./palette.mjs').Palette} */ palette) {
    for (const [name, image] of Object.entries(images(palette))) {
      if (this.map.hasImage(name)) this.map.updateImage(name, image);
      else this.map.addImage(name, image, IMAGE_OPTIONS);
    }
  }
}
