/** The map view: one element, one MapLibre map, one live stream. */

import {Announcer} from './announce.mjs';
import {Base} from './base.mjs';
import {Changes} from './changes.mjs';
import {Choropleth} from './choropleth.mjs';
import {present} from './clock.mjs';
import {Compare} from './compare.mjs';
import {Draw} from './draw.mjs';
import {Events} from './events.mjs';
import {Field} from './field.mjs';
import {addThreshold} from './field_control.mjs';
import {fontFaces} from './fonts.mjs';
import {Footprint} from './footprint.mjs';
import {addKeys} from './keyboard.mjs';
import {Legend} from './legend.mjs';
import {Live} from './live.mjs';
import {PALETTES, pickTheme} from './palette.mjs';
import {Records} from './records.mjs';
import {Regions} from './regions.mjs';
import {shapeElement} from './shapes.mjs';
import {readHash, readPart, writeHash, writeParts} from './share.mjs';
import {Stations} from './stations.mjs';
import {Style} from './style.mjs';
import {Survey} from './survey.mjs';
import {Table} from './table.mjs';
import {TimeBar} from './time.mjs';
import {showTool} from './tools.mjs';
import {Warnings} from './warnings.mjs';
import {Wind} from './wind.mjs';
import {Words, make} from './words.mjs';

/**
 * @typedef {object} Config what `pages/_map.py` writes
 * @property {string} id
 * @property {string} locale
 * @property {string} zone
 * @property {string} theme
 * @property {{lon: number, lat: number, zoom?: number}} view
 * @property {Record<string, string>} urls
 * @property {[string, number, number][]} kinds
 * @property {Record<string, string>} words
 * @property {number} blindAfterMs
 */

/** Lists that depend on the clock are asked for again this often, changed or not. */
const TIMED_MS = 300_000;
const RETRY_MS = 5000;
/** The pointer stands still for so long before the server is asked for the cell. */
const REST_MS = 250;

export class MapView {
  constructor(/** @type {HTMLElement} */ element, /** @type {Config} */ config) {
    this.element = element;
    this.config = config;
    this.words = new Words(config.words, config.locale, config.zone);
    this.theme = pickTheme(config.theme);
    this.frame = make('div', 'map-frame');
    this.stage = make('div', 'map-stage');
    this.notice = make('div', 'map-notice');
    this.notice.setAttribute('role', 'alert');
    this.frame.append(this.stage, this.notice);
    element.replaceChildren(this.frame);
    this.announcer = new Announcer(this.frame, this.words);
    this.tip = make('div', 'map-tip');
    this.tip.hidden = true;
    this.stage.append(this.tip);
    this.base = new Base(this);
    this.regions = new Regions(this);
    this.events = new Events(this);
    this.stations = new Stations(this);
    this.warnings = new Warnings(this);
    this.field = new Field(this);
    this.survey = new Survey(this);
    this.records = new Records(this);
    this.changes = new Changes(this);
    this.choropleth = new Choropleth(this);
    this.footprint = new Footprint(this);
    this.draw = new Draw(this);
    /** @type {Record<string, any>} what the drawer shows of its tools */
    this.tools = {};
    this.wind = new Wind(this, readPart('wind') ?? 'none', (state) => this.showWind(state));
    this.compare = new Compare(this);
    /** Layers that hold data, in the order of the legend. */
    this.data = [this.regions, this.field, this.warnings, this.stations, this.events, this.survey];
    /** @type {Record<string, string | number>} versions shown, by topic */
    this.versions = {};
    /** @type {Record<string, any>} */
    this.timings = {};
    this.style = new Style([this.base, ...this.data, this.records, this.changes, this.choropleth, this.footprint, this.wind]);
    /** Why what is shown may no longer hold; empty while it does. */
    this.blind = '';
    this.evaluatedAt = null;
    /** @type {any} */
    this.map = null;
    this.ready = false;
    this.removed = false;
    this.inFlight = new Map();
  }

  async start() {
    this.element.dataset.theme = this.theme;
    this.legend = new Legend(this);
    this.table = new Table(this);
    this.field.control = addThreshold(this);
    this.time = new TimeBar(this);
    const library = await import('../vendor/map.mjs');
    if (this.removed) return;
    try {
      this.createMap(library, await this.letters());
      await new Promise((resolve) => this.map.once('load', resolve));
    } catch (error) {
      this.withoutMap(error);
    }
    if (this.removed) return;
    this.live = new Live(this.config.urls.live, this.config.urls.versions, {
      message: (message) => this.receive(message),
      state: (connected) => this.connection(connected),
    });
    this.clock = setInterval(() => this.tick(), 10_000);
    this.takeCommands();
    this.onCommand = () => this.takeCommands();
    window.addEventListener('tocsin-map-command', this.onCommand);
    this.ready = true;
    this.element.dataset.ready = 'true';
    this.setProps('status', {webgl: Boolean(this.map), connected: this.live.connected, last_message_at: null});
  }

  /** The font slices of a language whose letters no system can be trusted to have. */
  letters() {
    if (!this.config.locale.startsWith('zh')) return undefined;
    return fontFaces(new URL('../vendor/fonts-zh.css', import.meta.url).href, 'Noto Sans SC');
  }

  createMap(/** @type {any} */ {maplibregl, PMTilesProtocol, PMTiles}, /** @type {any} */ faces) {
    if (!MapView.protocol) {
      MapView.protocol = new PMTilesProtocol({metadata: true});
      maplibregl.addProtocol('pmtiles', MapView.protocol.tile);
    }
    this.PMTiles = PMTiles;
    const start = readHash() ?? this.config.view;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.map = new maplibregl.Map({
      container: this.stage,
      style: this.style.first(this.palette(), faces),
      center: [start.lon, start.lat], zoom: this.zoomOf(start), minZoom: 0.5, maxZoom: 14,
      attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false,
      fadeDuration: still ? 0 : 150, maxPitch: 0,
      locale: this.config.words,
    });
    const {map} = this;
    this.style.map = map;
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    this.style.setImages(this.palette());
    map.addControl(new maplibregl.NavigationControl({showCompass: false}), 'top-right');
    map.addControl(new maplibregl.ScaleControl({maxWidth: 90}), 'bottom-right');
    map.addControl(new maplibregl.AttributionControl({compact: true}), 'bottom-right');
    map.once('idle', () => this.stage.querySelector('.maplibregl-ctrl-attrib')?.classList.remove('maplibregl-compact-show'));
    map.on('mousemove', (/** @type {any} */ event) => this.hoverAt(event));
    map.on('mouseout', () => this.leave());
    map.on('movestart', () => { this.tip.hidden = true; });
    map.on('click', (/** @type {any} */ event) => this.pick(event.point, event.lngLat));
    map.on('move', () => this.field.update());
    map.on('resize', () => this.field.update());
    map.on('moveend', () => this.moved());
    map.on('error', (/** @type {any} */ event) => this.failure(event));
    addKeys(this);
    this.onHash = () => {
      const view = readHash();
      if (view) map.jumpTo({center: [view.lon, view.lat], zoom: view.zoom});
      this.field.readAddress();
      this.wind.show(readPart('wind') ?? 'none');
      this.compare.readAddress();
    };
    window.addEventListener('hashchange', this.onHash);
  }

  /** A given zoom, else the one at which the world fills the width. */
  zoomOf(/** @type {{zoom?: number}} */ {zoom}) {
    return zoom ?? Math.min(2, Math.max(0.5, Math.log2(this.stage.clientWidth / 512)));
  }

  /** No WebGL 2: say so and show the table. */
  withoutMap(/** @type {unknown} */ error) {
    console.info('Tocsin: no map in this browser:', String(error));
    this.map = null;
    this.stage.replaceChildren();
    this.stage.hidden = true;
    this.element.dataset.webgl = 'false';
    this.table?.show(this.words.say('no_webgl'));
  }

  // ---- style ---------------------------------------------------------------------------------------------------

  palette() {
    return PALETTES[this.theme];
  }

  /** Show the present state. */
  render() {
    if (this.map) this.style.apply(this.palette());
    this.afterRender();
  }

  afterRender() {
    this.time?.draw();
    this.legend?.draw();
    this.table?.draw();
    this.compare.draw();
  }

  showWind(/** @type {{kind: string, possible: boolean}} */ state) {
    showTool(this, 'wind', state);
    if (state.kind !== 'none' && this.field.series) this.legend?.draw();
  }

  setTheme(/** @type {string} */ theme) {
    this.theme = pickTheme(theme);
    this.element.dataset.theme = this.theme;
    if (this.map) this.style.setImages(this.palette());
    this.render();
  }

  setData(/** @type {string} */ source, /** @type {any} */ data) {
    this.map?.getSource(source)?.setData(data);
  }

  /** The names of the layers inside a tile file. */
  async layersOf(/** @type {string} */ url) {
    const metadata = await new this.PMTiles(url).getMetadata();
    return (metadata.vector_layers ?? []).map((/** @type {any} */ layer) => layer.id);
  }

  // ---- live ----------------------------------------------------------------------------------------------------

  async fetch(/** @type {string} */ path) {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  }

  receive(/** @type {import('./live.mjs').Versions} */ message) {
    this.message = message;
    this.evaluatedAt = message.engine?.at ?? null;
    for (const layer of this.data) this.follow(layer, message[layer.topic] ?? 0);
    this.setProps('live', message);
    this.look();
  }

  /** Fetch a layer whose version is another; one request at a time each, and the newest wins. */
  async follow(/** @type {any} */ layer, /** @type {number} */ version) {
    const wanted = layer.timed ? `${version}.${Math.floor(present() / TIMED_MS)}` : String(version);
    if (this.versions[layer.topic] === wanted) return;
    layer.wantedVersion = wanted;
    if (this.inFlight.has(layer)) return;
    this.inFlight.set(layer, true);
    try {
      await layer.refresh(wanted);
      layer.failed = null;
      this.versions[layer.topic] = wanted;
    } catch (error) {
      console.info(`Tocsin: ${layer.topic} not refreshed:`, String(error));
      layer.failed ??= new Date().toISOString();
      layer.wantedVersion = null;
      setTimeout(() => this.message && !this.removed && this.follow(layer, this.message[layer.topic] ?? 0), RETRY_MS);
    } finally {
      this.inFlight.delete(layer);
    }
    this.afterRender();
    if (layer.wantedVersion && layer.wantedVersion !== wanted) this.follow(layer, this.message?.[layer.topic] ?? version);
  }

  connection(/** @type {boolean} */ connected) {
    this.lostAt = connected ? null : (this.lostAt ?? Date.now());
    this.setProps('status', {webgl: Boolean(this.map), connected, last_message_at: this.message?.now ?? null});
    clearTimeout(this.blinding);
    if (!connected) this.blinding = setTimeout(() => this.look(), this.config.blindAfterMs + 50);
    this.look();
  }

  /** Whether what is shown still holds: without a stream or an engine every watched region is unknown. */
  look() {
    const {words, message} = this;
    let blind = '';
    let notice = '';
    if (this.lostAt) {
      notice = words.say('lost', {time: words.time(this.lostAt)});
      if (Date.now() - this.lostAt >= this.config.blindAfterMs) blind = notice;
    } else if (message?.error) {
      blind = notice = words.say('store_failed');
    } else if (message?.engine && message.engine.state !== 'ok') {
      blind = notice = words.say(`engine_${message.engine.state}`, {time: words.time(message.engine.at)});
    }
    if (this.notice.textContent !== notice) this.notice.textContent = notice;
    this.element.dataset.blind = blind ? 'true' : 'false';
    if (blind === this.blind) return;
    this.blind = blind;
    this.render();
  }

  /** Every ten seconds: ages move on, and lists that depend on the clock are asked for again when due. */
  tick() {
    this.look();
    this.warnings.show();
    if (this.message) for (const layer of this.data) if (layer.timed) this.follow(layer, this.message[layer.topic] ?? 0);
    this.render();
  }

  // ---- pointer and keys ----------------------------------------------------------------------------------------

  /** The topmost thing at a point: points before areas, areas before regions. */
  at(/** @type {{x: number, y: number}} */ {x, y}) {
    const areas = /** @type {any[]} */ ([this.regions, this.choropleth, this.warnings]);
    for (const layer of [this.events, this.stations, this.records, this.changes, this.survey, this.warnings, this.choropleth, this.regions]) {
      const layers = layer.hitLayers().filter((id) => this.map.getLayer(id));
      if (!layers.length) continue;
      const reach = areas.includes(layer) ? 0 : 4;
      const box = reach ? [[x - reach, y - reach], [x + reach, y + reach]] : [x, y];
      const [feature] = this.map.queryRenderedFeatures(box, {layers});
      if (feature) return {layer, feature};
    }
    return null;
  }

  hoverAt(/** @type {any} */ {point}) {
    this.pointer = point;
    if (this.looking) return;
    this.looking = true;
    requestAnimationFrame(() => {
      this.looking = false;
      if (this.pointer && this.map && !this.map.isMoving()) this.showTip(this.pointer);
    });
  }

  showTip(/** @type {{x: number, y: number}} */ point) {
    const found = this.at(point);
    this.regions.hover(found && this.isRegion(found.layer) ? found.feature.id : -1);
    this.map.getCanvas().style.cursor = found ? 'pointer' : '';
    const place = this.map.unproject([point.x, point.y]);
    const reading = this.field.reading(place);
    const compared = this.compare.lines(place);
    this.tip.hidden = !found && !reading && !compared.length;
    clearTimeout(this.resting);
    if (this.tip.hidden) return;
    const {shape, title, lines} = found ? found.layer.tip(found.feature) : {shape: undefined, title: '', lines: []};
    if (reading) {
      if (!compared.length) lines.unshift(...this.field.tip(reading));
      this.resting = setTimeout(() => this.restAt(point, place), REST_MS);
    }
    lines.unshift(...compared);
    const heading = make('strong', '', title);
    if (shape !== undefined) heading.prepend(shapeElement(shape));
    this.tip.replaceChildren(heading, ...lines.filter(Boolean).map((line) => make('span', '', line)));
    const {clientWidth, clientHeight} = this.stage;
    const {offsetWidth, offsetHeight} = this.tip;
    const left = point.x + 14 + offsetWidth > clientWidth ? point.x - 14 - offsetWidth : point.x + 14;
    const top = point.y + 14 + offsetHeight > clientHeight ? point.y - 14 - offsetHeight : point.y + 14;
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  /** The pointer rests: the value of the very cell, and the cell itself. */
  async restAt(/** @type {{x: number, y: number}} */ point, /** @type {{lng: number, lat: number}} */ place) {
    const line = await this.field.cellLine(place);
    if (line && this.pointer === point && !this.tip.hidden) this.tip.append(make('span', 'map-tip-cell', line));
  }

  isRegion(/** @type {any} */ layer) {
    return layer === this.regions || layer === this.choropleth;
  }

  leave() {
    this.pointer = null;
    this.tip.hidden = true;
    this.regions.hover(-1);
  }

  /** Choose what is at a point. */
  pick(/** @type {{x: number, y: number}} */ point, /** @type {{lng: number, lat: number}} */ {lng, lat}) {
    if (this.draw.active) return;
    const found = this.at(point);
    const region = found && this.isRegion(found.layer) ? found.layer.message(found.feature) : null;
    const reading = this.field.reading({lng, lat});
    if (region) this.regions.select(region.rid);
    if (reading && (region || !found)) {
      this.emit({...region, type: 'point', series: this.field.key, step: reading.step.id, lon: lng, lat});
    } else if (found) this.emit({...found.layer.message(found.feature), lon: lng, lat});
  }

  emit(/** @type {any} */ message) {
    this.setProps('event', {...message, at: new Date().toISOString()});
  }

  moved() {
    const {lng, lat} = this.map.getCenter().wrap();
    const view = {lon: lng, lat, zoom: this.map.getZoom()};
    writeHash(view);
    clearTimeout(this.moving);
    this.moving = setTimeout(() => this.emit({type: 'view', ...view}), 500);
  }

  fly(/** @type {any} */ {lon, lat, zoom, bbox}) {
    if (!this.map) return;
    if (bbox) this.map.fitBounds([[bbox[0], bbox[1]], [bbox[2], bbox[3]]], {padding: 60, maxZoom: 9});
    else this.map.flyTo({center: [lon, lat], zoom: zoom ?? Math.max(this.map.getZoom(), 6)});
  }

  // ---- the page ------------------------------------------------------------------------------------------------

  setProps(/** @type {string} */ store, /** @type {any} */ data) {
    const dash = /** @type {any} */ (window).dash_clientside;
    if (!this.removed) dash?.set_props?.(`${this.config.id}-${store}`, {data});
  }

  /** Carry out what the page left in the inbox. */
  takeCommands() {
    const inbox = /** @type {any} */ (window).tocsinMapInbox?.[this.config.id] ?? [];
    for (const command of inbox.splice(0)) this.command(command);
  }

  command(/** @type {any} */ command) {
    const layers = {levels: this.regions, field: this.field, warnings: this.warnings, stations: this.stations,
      events: this.events, survey: this.survey};
    if (command.type === 'layers') {
      for (const [key, layer] of Object.entries(layers)) {
        layer.visible = command.visible?.[key] ?? layer.visible;
        layer.opacity = command.opacity?.[key] ?? layer.opacity;
      }
      this.render();
      this.field.update();
    } else if (command.type === 'fly') this.fly(command);
    else if (command.type === 'select') this.map && this.regions.select(command.rid ?? -1);
    else if (command.type === 'theme') this.setTheme(command.value);
    else if (command.type === 'field') {
      this.field.opacity = command.opacity ?? this.field.opacity;
      this.field.show(command.series, command.step ?? null);
    } else if (command.type === 'time') {
      this.time?.stop();
      if (command.step === undefined || command.step === null) this.field.follow();
      else this.field.show(undefined, command.step);
    } else if (command.type === 'survey') this.survey.show(command.dataset);
    else if (command.type === 'draw') this.draw.start(command.mode, command.geometry, command.edited);
    else if (command.type === 'footprint') this.footprint.show(command.geometry, Boolean(command.filled));
    else if (command.type === 'records') this.records.show(command.store);
    else if (command.type === 'changes') this.changes.show(command.kinds);
    else if (command.type === 'choropleth') this.choropleth.show(command.kind, command.url, command.table);
    else if (command.type === 'table') this.showTable(Boolean(command.value));
    else if (command.type === 'wind') {
      this.wind.show(command.kind);
      writeParts({wind: this.wind.kind === 'none' ? null : this.wind.kind});
    } else if (command.type === 'compare') this.compare.show(command);
    else if (command.type === 'focus') this.map?.getCanvas().focus();
  }

  /** The table beside or instead of the map, for those who read better than they see. */
  showTable(/** @type {boolean} */ wished) {
    if (!this.map) return;
    if (wished) this.table?.show();
    else this.table?.hide();
    this.stage.inert = wished;
  }

  failure(/** @type {any} */ event) {
    const reason = String(event.error?.message ?? event);
    this.timings.errors = [...(this.timings.errors ?? []), reason].slice(-20);
    console.info('Tocsin map:', reason);
  }

  remove() {
    this.removed = true;
    clearInterval(this.clock);
    clearTimeout(this.moving);
    clearTimeout(this.blinding);
    this.live?.close();
    this.legend?.remove();
    this.time?.remove();
    this.draw.start('none');
    this.compare.close();
    this.wind.close();
    this.field.close();
    if (this.onCommand) window.removeEventListener('tocsin-map-command', this.onCommand);
    if (this.onHash) window.removeEventListener('hashchange', this.onHash);
    this.map?.remove();
    this.map = null;
  }
}

/** @type {any} */
MapView.protocol = null;

function addStyle(/** @type {string} */ href) {
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = href;
  document.head.append(link);
}

/** Put a map into an element. */
export async function mountMap(/** @type {HTMLElement} */ element, /** @type {Config} */ config) {
  addStyle(new URL('../vendor/maplibre.css', import.meta.url).pathname);
  const view = new MapView(element, config);
  /** @type {any} */ (window).tocsinMap = view;
  await view.start();
  return view;
}
