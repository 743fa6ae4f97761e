/** The legend: for each visible layer its unit, data time, received time and age. Nothing lies over it. */

import {LEVEL_KEYS, UNKNOWN} from './palette.mjs';
import {background} from './ramp.mjs';
import {shapeElement} from './shapes.mjs';
import {make} from './words.mjs';

const EVERY_MS = 10_000;

export class Legend {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.body = make('div', 'map-legend-body');
    const heading = make('summary', '', view.words.say('legend'));
    this.element = /** @type {HTMLDetailsElement} */ (make('details', 'map-legend', heading, this.body));
    const small = Boolean(view.element.closest('#warn')) || matchMedia('(max-width: 700px)').matches; // the desk's map is low
    this.element.open = !small;
    view.frame.append(this.element);
    this.timer = setInterval(() => this.draw(), EVERY_MS);
  }

  draw() {
    if (document.activeElement?.closest('.map-mark') && this.body.contains(document.activeElement)) return; // in use
    const sections = [];
    const {data, field, wind, compare, choropleth, records, changes} = this.view;
    const inOrder = data.flatMap((layer) => (layer === field ? [field, compare, wind] : [layer]));
    for (const layer of [...inOrder, choropleth, records, changes]) {
      if (layer === field && choropleth.visible && choropleth.legend()) continue; // its regions are drawn, with its ramp
      const facts = layer.visible ? layer.legend() : null;
      if (facts) sections.push(this.section(layer, facts));
    }
    this.body.replaceChildren(...sections);
  }

  section(/** @type {any} */ layer, /** @type {any} */ facts) {
    const {words} = this.view;
    const title = make('h3', '', facts.name ?? words.say(layer.title));
    if (facts.unit) title.append(make('span', 'map-legend-unit', ` [${words.measure(0, facts.unit).replace(/^0 /, '')}]`));
    const section = make('section', `map-legend-${layer.topic}`, title);
    if (layer.failed) section.append(make('p', 'map-legend-failed', words.say('layer_failed', {time: words.time(layer.failed)})));
    if (facts.levels) section.append(this.levels(facts.levels));
    if (facts.signs) section.append(this.signs(facts.signs));
    if (facts.circles) section.append(this.circles(facts.circles));
    if (facts.ramp) section.append(this.ramp(facts.ramp));
    if (facts.hatched) section.append(make('p', 'map-legend-hatched', make('i', 'map-swatch map-swatch-unknown'), words.say('hatched')));
    if (facts.control) section.append(facts.control);
    if (facts.stripes) section.append(make('p', 'map-legend-stripes', words.say('stripes')));
    const counts = [];
    if (facts.count !== undefined) counts.push(words.say('count', {n: facts.count}));
    if (facts.more) counts.push(words.say('more', {n: facts.more}));
    if (facts.silent) counts.push(words.say('silent', {n: facts.silent}));
    if (facts.unplaced) counts.push(words.say('unplaced', {n: facts.unplaced}));
    if (facts.missing) counts.push(words.say('missing_share', {share: Math.round(facts.missing * 100)}));
    if (facts.forecast) counts.push(words.say('forecast_of', {time: words.time(facts.runAt)}));
    if (facts.experimental) counts.push(words.say('experimental'));
    if (facts.source) counts.push(words.say('source', {source: facts.source}));
    for (const note of facts.notes ?? []) counts.push(note);
    if (facts.citation) counts.push(facts.citation);
    if (counts.length) section.append(make('p', '', counts.join(' · ')));
    section.append(this.times(facts));
    return section;
  }

  /** What time the data is of and when it came, each with its age; the full time in UTC is a hover away. */
  times(/** @type {any} */ {dataAt, receivedAt, times}) {
    const {words} = this.view;
    const grid = make('div', 'map-legend-times');
    for (const [label, at] of times ?? [['data_time', dataAt], ['received_time', receivedAt]]) {
      const time = make('time', '', words.brief(at));
      if (at) time.title = new Date(at).toISOString();
      grid.append(make('span', '', words.say(label)), time, make('b', '', words.age(at)));
    }
    return grid;
  }

  /** Shape and word of each level with the number of regions; unknown is hatched as on the map. */
  levels(/** @type {Record<string, number>} */ counts) {
    const list = make('ul', 'map-legend-levels');
    const {words} = this.view;
    for (const level of [4, 3, 2, 1, UNKNOWN, 0, null]) {
      const key = level === null ? 'unwatched' : level === UNKNOWN ? 'unknown' : LEVEL_KEYS[level];
      const swatch = make('span', `map-swatch map-swatch-${key}`);
      const shape = level === null || level === 0 ? make('span') : shapeElement(level);
      const count = counts[key];
      list.append(make('li', '', swatch, shape, make('span', '', words.level(key)), make('b', '', count ? String(count) : '')));
    }
    return list;
  }

  /** Letters in their colour, what they stand for, and how many there are. */
  signs(/** @type {{letter: string, colour: string, word: string, count: string}[]} */ signs) {
    return make('ul', 'map-legend-levels', ...signs.map(({letter, colour, word, count}) => {
      const swatch = make('b', 'map-sign', letter);
      swatch.style.background = colour;
      return make('li', '', swatch, make('span'), make('span', '', word), make('b', '', count));
    }));
  }

  circles(/** @type {number[]} */ magnitudes) {
    const radii = {3: 4, 5: 9, 7: 20};
    const row = make('p', 'map-legend-circles');
    for (const magnitude of magnitudes) {
      const circle = make('i', 'map-legend-circle');
      circle.style.width = circle.style.height = `${2 * radii[magnitude]}px`;
      row.append(circle, make('span', '', `M ${magnitude}`));
    }
    return row;
  }

  /** @param {import('./ramp.mjs').Ramp} ramp */
  ramp({stops, kind}) {
    const bar = make('div', 'map-legend-ramp');
    bar.style.background = background({stops, kind});
    const shown = stops.length > 7 ? stops.filter((_, i) => i % Math.ceil(stops.length / 6) === 0 || i === stops.length - 1) : stops;
    const labels = make('div', 'map-legend-values', ...shown.map(({value}) => make('span', '', this.view.words.number.format(value))));
    return make('div', '', bar, labels);
  }

  remove() {
    clearInterval(this.timer);
    this.element.remove();
  }
}
