/** The table twin of the map: regions by level and events, for screen readers and for browsers without WebGL 2. */

import {LEVEL_KEYS, UNKNOWN} from './palette.mjs';
import {shapeElement} from './shapes.mjs';
import {make} from './words.mjs';

const ROWS = 200;

export class Table {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.body = make('div', 'map-table-body');
    this.element = make('div', 'map-table', this.body);
    this.element.tabIndex = -1;
    this.element.hidden = true;
    view.frame.append(this.element);
  }

  /** Show it instead of the map; `why` is said above it. */
  show(/** @type {string} */ why = '') {
    this.why = why;
    this.element.hidden = false;
    this.draw();
  }

  hide() {
    this.element.hidden = true;
  }

  draw() {
    if (this.element.hidden) return;
    const parts = [this.regions(), this.events(), this.warnings()];
    if (this.view.blind) parts.unshift(make('p', 'map-table-why', this.view.blind));
    if (this.why) parts.unshift(make('p', 'map-table-why', this.why));
    this.body.replaceChildren(...parts);
  }

  regions() {
    const {words, regions} = this.view;
    const rows = regions.listed.regions.slice(0, ROWS).map((/** @type {any} */ region) => {
      const known = words.level(LEVEL_KEYS[region.level]);
      const doubtful = region.unknown || this.view.blind;
      const text = doubtful ? words.say('unknown_last', {level: known}) : known;
      const level = make('span', 'map-table-level', shapeElement(doubtful ? UNKNOWN : region.level), text);
      return this.row([words.name(region), level, region.code], () => {
        this.view.emit({type: 'region', rid: region.rid, code: region.code, lon: region.lon, lat: region.lat});
      });
    });
    const more = regions.listed.more + Math.max(0, regions.listed.regions.length - ROWS);
    return this.table('table_regions', ['col_region', 'col_level', 'col_code'], rows, more, 'table_no_regions');
  }

  events() {
    const {words, events} = this.view;
    const rows = events.data.features.slice(0, ROWS).map((/** @type {any} */ feature) => {
      const event = feature.properties;
      const when = `${words.time(event.occurred_at)} (${words.age(event.occurred_at)})`;
      const magnitude = event.magnitude === null ? words.say('missing') : words.number.format(event.magnitude);
      return this.row([event.title || event.id, magnitude, when], () => this.view.emit(events.message(feature)));
    });
    const more = events.data.more + Math.max(0, events.data.features.length - ROWS);
    return this.table('layer_events', ['col_event', 'col_magnitude', 'col_time'], rows, more, 'table_no_events');
  }

  warnings() {
    const {words, warnings} = this.view;
    const all = [...warnings.data.collection.features.map((/** @type {any} */ {properties}) => properties),
      ...warnings.data.without_geometry];
    const rows = all.slice(0, ROWS).map((warning) => this.row(
      [warning.headline || warning.event, warning.area ?? '', words.time(warning.expires_at)],
      () => this.view.emit({type: 'warning', key: warning.key}),
    ));
    return this.table('layer_warnings', ['col_warning', 'col_area', 'col_until'], rows, Math.max(0, all.length - ROWS), 'table_no_warnings');
  }

  row(/** @type {(string | Node)[]} */ cells, /** @type {() => void} */ open) {
    const row = make('tr');
    cells.forEach((cell, i) => {
      if (i) return row.append(make('td', '', cell));
      const button = make('button', 'map-table-open', cell);
      button.addEventListener('click', open);
      row.append(make('th', '', button));
    });
    return row;
  }

  table(/** @type {string} */ title, /** @type {string[]} */ columns, /** @type {HTMLElement[]} */ rows, /** @type {number} */ more, /** @type {string} */ empty) {
    const {words} = this.view;
    const caption = make('caption', '', words.say(title));
    if (!rows.length) return make('table', '', caption, make('tbody', '', make('tr', '', make('td', '', words.say(empty)))));
    const heads = columns.map((key) => {
      const head = make('th', '', words.say(key));
      head.setAttribute('scope', 'col');
      return head;
    });
    const table = make('table', '', caption, make('thead', '', make('tr', '', ...heads)), make('tbody', '', ...rows));
    if (more) table.append(make('tfoot', '', make('tr', '', make('td', '', words.say('more', {n: more})))));
    return table;
  }
}
