/**
 * Two times or two quantities side by side: the first map (A) as it is, and a second one (B) beside or below it, with
 * one camera, one store of tiles and, where the quantity is the same, one ramp. Each prints the time and run it draws.
 */

import {Pane} from './compare_pane.mjs';
import {captionLines, valueLines} from './compare_words.mjs';
import {latestOf} from './field_steps.mjs';
import {readPart, writeParts} from './share.mjs';
import {showTool} from './tools.mjs';
import {make} from './words.mjs';

const HOUR_MS = 3_600_000;
const SAME = 'same';
const NARROW = 1000; // pixels of the frame

const stamp = (/** @type {number} */ at) => `${new Date(at).toISOString().slice(0, 16).replace(/[-:]/g, '')}Z`;

/**
 * @typedef {object} Wish what stands beside the first map
 * @property {string | null} series null is the series of the first map, whichever that is
 * @property {number | null} offset_h hours from the time of the first map; null where the time is its own
 * @property {number | string | null} step a step by its number
 * @property {string | null} time a step by its time, as addresses write it; with no step and no time it is the latest
 */

export class Compare {
  title = 'layer_compare';
  topic = 'compare';

  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    /** @type {Wish | null} */
    this.wish = fromAddress();
    /** @type {Pane | null} */
    this.pane = null;
    this.captions = {first: this.caption('A'), second: this.caption('B')};
    const leave = make('button', 'map-compare-leave', '✕');
    leave.setAttribute('type', 'button');
    leave.setAttribute('aria-label', view.words.say('compare_leave'));
    leave.title = view.words.say('compare_leave');
    leave.addEventListener('click', () => {
      this.show({});
      view.map?.getCanvas().focus();
    });
    this.captions.second.append(leave);
    this.crosses = {first: cross(), second: cross()};
    this.sync = () => this.renew();
    view.field.listeners.add(this.sync);
  }

  caption(/** @type {string} */ letter) {
    const words = make('div', 'map-compare-words');
    words.setAttribute('role', 'status');
    return make('div', 'map-compare-caption', make('b', 'map-compare-letter', letter), words);
  }

  get visible() {
    return this.pane !== null;
  }

  /** Whether the second map shows what it is meant to, as far as that can be had: playing waits for it. */
  get ready() {
    const field = this.pane?.field;
    return !field || !this.pane?.map || field.settled || field.unread || !field.wanted;
  }

  // ---- choice --------------------------------------------------------------------------------------------------

  /** Take a command; `time` may be "latest" or "kept", and one that names nothing at all ends the comparison. */
  show(/** @type {any} */ {series = null, step = null, offset_h = null, time = null}) {
    const none = [series, offset_h, step, time].every((part) => part === null);
    const fixed = time === 'kept' ? this.kept() : time === 'latest' ? null : time;
    this.wish = none ? null : {series, step, offset_h, time: fixed};
    this.write();
    this.renew();
  }

  /** The time that the second map is fixed to; of one that is not, the time of the first map now. */
  kept() {
    const {wish} = this;
    if (wish?.time) return wish.time;
    const slot = wish && wish.step !== null ? this.pane?.field.aimed : this.view.field.wanted;
    return slot ? stamp(slot.at) : null;
  }

  readAddress() {
    const wish = fromAddress();
    if (JSON.stringify(wish) === JSON.stringify(this.wish)) return;
    this.wish = wish;
    this.renew();
  }

  write() {
    const {wish} = this;
    const aimed = this.pane?.field.aimed;
    const fixed = wish?.time ?? (wish?.step !== null && aimed ? stamp(aimed.at) : null);
    const against = wish && (wish.offset_h !== null ? `${wish.offset_h}h` : fixed ?? (wish.step === null ? 'latest' : null));
    if (wish && !against) return; // the step's time is not known yet
    writeParts({compare: wish && (wish.series ?? SAME), against});
  }

  // ---- what is shown -------------------------------------------------------------------------------------------

  /** Bring the second map to the present state: open, aimed, or gone. */
  renew() {
    const {view, wish} = this;
    const {field} = view;
    const key = wish?.series ?? field.key;
    const active = wish && view.map && !view.removed && field.series && field.visible;
    if (!active || !key) this.close();
    else {
      if (!this.pane) this.open();
      this.pane?.field.aim(field.all, key, (series, slots) => this.choose(wish, series, slots));
      if (wish.step !== null) this.write();
    }
    this.draw();
    const time = wish && (wish.offset_h !== null ? String(wish.offset_h) : String(wish.step ?? wish.time ?? 'latest'));
    showTool(view, 'compare', {possible: Boolean(field.series), series: wish && (wish.series ?? SAME), time});
  }

  /** @returns {import('./field_steps.mjs').Slot | null} */
  choose(/** @type {Wish} */ wish, /** @type {any} */ series, /** @type {import('./field_steps.mjs').Slot[]} */ slots) {
    if (wish.offset_h !== null) {
      const from = this.view.field.wanted;
      if (!from) return null;
      const at = from.at + wish.offset_h * HOUR_MS;
      return slots.find((slot) => slot.at === at) ?? {at, step: null};
    }
    if (wish.step !== null) return slots.find(({step}) => step && String(step.id) === String(wish.step)) ?? null;
    if (wish.time !== null) return slots.find(({at}) => stamp(at) === wish.time) ?? null;
    return slots[latestOf(series, slots)] ?? null;
  }

  open() {
    const {view} = this;
    this.pane = new Pane(view);
    const {pane} = this;
    view.frame.dataset.compare = 'true';
    this.narrow = false;
    this.fold();
    view.stage.append(this.captions.first, this.crosses.first);
    pane.stage.append(this.captions.second, this.crosses.second);
    pane.field.listeners.add(() => {
      this.draw();
      if (pane.field.rendered !== this.named) view.legend?.draw();
      this.named = pane.field.rendered;
    });
    this.tip = make('div', 'map-tip');
    this.tip.hidden = true;
    pane.stage.append(this.tip);
    pane.start().then(() => this.pane === pane && pane.map && this.join(pane));
  }

  /** One camera for both maps, and the pointer of one shown on the other. */
  join(/** @type {Pane} */ pane) {
    const [first, second] = [this.view.map, pane.map];
    let following = false;
    const follow = (/** @type {any} */ from, /** @type {any} */ to) => () => {
      if (following || pane.removed) return;
      following = true;
      to.jumpTo({center: from.getCenter(), zoom: from.getZoom()});
      following = false;
    };
    const here = follow(first, second);
    const point = (/** @type {any} */ event) => this.point(event.lngLat, second, this.crosses.second);
    const away = () => { this.crosses.second.hidden = true; };
    const look = () => this.repaint();
    const resized = () => {
      this.fold();
      here();
    };
    const own = {move: here, resize: resized, mousemove: point, mouseout: away, render: look};
    for (const [name, listen] of Object.entries(own)) first.on(name, listen);
    this.part = () => { for (const [name, listen] of Object.entries(own)) first.off(name, listen); };
    second.on('move', follow(second, first));
    second.on('mousemove', (/** @type {any} */ event) => this.hover(event.lngLat, event.point));
    second.on('click', (/** @type {any} */ event) => this.hover(event.lngLat, event.point));
    second.on('mouseout', () => this.leave());
    second.on('movestart', () => this.leave());
    second.getCanvas().addEventListener('keydown', (/** @type {KeyboardEvent} */ press) => {
      if (press.key === 'Enter') this.hover(second.getCenter(), second.project(second.getCenter()));
      else if (press.key === 'Escape') this.leave();
    });
    here();
    this.draw();
  }

  /** Where there is little room the legend is folded, once; it can be opened again. */
  fold() {
    const narrow = this.view.frame.clientWidth < NARROW;
    if (narrow && !this.narrow && this.view.legend) this.view.legend.element.open = false;
    this.narrow = narrow;
  }

  /** The threshold and the opacity are the first map's. */
  repaint() {
    const {mark, opacity} = this.view.field;
    const look = `${mark} ${opacity}`;
    if (look !== this.look) this.pane?.map?.triggerRepaint();
    this.look = look;
  }

  close() {
    if (!this.pane) return;
    const {view, pane} = this;
    this.pane = null;
    this.part?.();
    pane.remove();
    this.tip = undefined;
    delete view.frame.dataset.compare;
    for (const element of [...Object.values(this.captions), ...Object.values(this.crosses)]) element.remove();
    view.legend?.draw();
  }

  /** The present palette and words; called whenever the first map is rendered anew. */
  draw() {
    const {pane, view} = this;
    if (!pane) return;
    if (pane.theme !== view.palette().theme) pane.render();
    if (pane.wind.kind !== view.wind.kind) pane.wind.show(view.wind.kind);
    this.print(this.captions.first, view.field);
    this.print(this.captions.second, pane.field);
  }

  /** Name, time and run of what a map's last frame held. */
  print(/** @type {HTMLElement} */ caption, /** @type {import('./field.mjs').Field} */ field) {
    const lines = captionLines(field, this.view.words);
    const place = /** @type {HTMLElement} */ (caption.querySelector('.map-compare-words'));
    if (place.dataset.said === lines.join('\n')) return;
    place.dataset.said = lines.join('\n');
    place.replaceChildren(...lines.map((line, i) => make(i === 1 ? 'strong' : 'span', '', line)));
  }

  // ---- values --------------------------------------------------------------------------------------------------

  /** What both maps say at a place, and the difference where it means something; nothing where neither has a cell. */
  lines(/** @type {{lng: number, lat: number}} */ place) {
    return this.pane ? valueLines(this.view.field, this.pane.field, place, this.view.words) : [];
  }

  hover(/** @type {{lng: number, lat: number}} */ place, /** @type {{x: number, y: number}} */ {x, y}) {
    const {tip, pane} = this;
    const lines = this.lines(place);
    this.point(place, this.view.map, this.crosses.first);
    if (!tip || !pane) return;
    tip.hidden = !lines.length;
    tip.replaceChildren(...lines.map((line) => make('span', '', line)));
    const {clientWidth, clientHeight} = pane.stage;
    const left = x + 14 + tip.offsetWidth > clientWidth ? x - 14 - tip.offsetWidth : x + 14;
    const top = y + 14 + tip.offsetHeight > clientHeight ? y - 14 - tip.offsetHeight : y + 14;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  leave() {
    if (this.tip) this.tip.hidden = true;
    this.crosses.first.hidden = true;
  }

  point(/** @type {{lng: number, lat: number}} */ place, /** @type {any} */ map, /** @type {HTMLElement} */ mark) {
    const {x, y} = map.project(place);
    mark.hidden = false;
    mark.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** Its own section: the ramp only where it is another than the first map's. */
  legend() {
    const {pane, view: {words}} = this;
    const facts = pane?.field.legend();
    if (!pane || !facts) return null;
    const name = `B · ${facts.name}`;
    if (!pane.field.same) return {...facts, name, control: null};
    return {...facts, name, ramp: null, hatched: false, control: null, citation: '', notes: [words.say('compare_ramp'), ...facts.notes]};
  }
}

/** @returns {Wish | null} */
function fromAddress() {
  const [compare, against] = [readPart('compare'), readPart('against')];
  if (!compare) return null;
  const hours = /^(-?\d{1,4})h$/.exec(against ?? '');
  const time = /^\d{8}T\d{4}Z$/.test(against ?? '') ? against : null;
  return {series: compare === SAME ? null : compare, step: null, offset_h: hours ? Number(hours[1]) : null, time};
}

function cross() {
  const mark = make('i', 'map-compare-cross');
  mark.setAttribute('aria-hidden', 'true');
  mark.hidden = true;
  return mark;
}
