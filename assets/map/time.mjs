/**
 * The time bar: what time is drawn, in words; a slider over past and forecast; play, single steps, and the newest step
 * as it comes. It shows the state of the field and keeps none but the speed.
 */

import {isLate} from './field_steps.mjs';
import {Track} from './time_track.mjs';
import {make} from './words.mjs';

const SPEEDS = [1, 2, 4, 8]; // steps a second
const EVERY_MS = 10_000;

export class TimeBar {
  constructor(/** @type {import('./map.mjs').MapView} */ view) {
    this.view = view;
    this.field = view.field;
    const {words} = view;
    this.back = this.button('map-time-back', '‹', 'time_back', () => this.go(this.field.place - 1));
    this.toggle = this.button('map-time-play', '', 'time_play', () => (this.field.playing ? this.stop() : this.play()));
    this.ahead = this.button('map-time-ahead', '›', 'time_ahead', () => this.go(this.field.place + 1));
    this.latest = this.button('map-time-latest', words.say('time_latest'), 'time_latest_hint', () => this.field.follow());
    this.speed = this.speeds();
    this.drawn = make('div', 'map-time-drawn');
    this.state = make('div', 'map-time-state');
    this.state.setAttribute('role', 'status');
    this.track = new Track(view, (place) => this.go(place));
    const keys = make('div', 'map-time-keys', this.back, this.toggle, this.ahead, this.speed, this.latest);
    this.element = make('section', 'map-time', keys, make('div', 'map-time-words', this.drawn, this.state), this.track.element);
    this.element.setAttribute('aria-label', words.say('time_bar'));
    view.frame.append(this.element);
    this.changed = () => this.draw();
    this.field.listeners.add(this.changed);
    this.onKey = (/** @type {KeyboardEvent} */ press) => this.key(press);
    document.addEventListener('keydown', this.onKey);
    this.timer = setInterval(() => this.draw(), EVERY_MS);
    this.draw();
  }

  button(/** @type {string} */ className, /** @type {string} */ text, /** @type {string} */ hint, /** @type {() => void} */ act) {
    const button = make('button', className, text);
    button.setAttribute('type', 'button');
    button.setAttribute('aria-label', this.view.words.say(hint));
    button.title = this.view.words.say(hint);
    button.addEventListener('click', act);
    return button;
  }

  speeds() {
    const {words} = this.view;
    const select = /** @type {HTMLSelectElement} */ (make('select', 'map-time-speed'));
    select.setAttribute('aria-label', words.say('time_speed'));
    for (const speed of SPEEDS) select.append(new Option(words.say('time_per_second', {n: speed}), String(speed)));
    select.value = '4';
    return select;
  }

  key(/** @type {KeyboardEvent} */ press) {
    const typing = /** @type {Element} */ (press.target)?.closest?.('input:not([type=range]), textarea, select, [contenteditable]');
    if (press.key !== '.' || typing || press.ctrlKey || press.metaKey || press.altKey || !this.field.series) return;
    this.field.follow();
    press.preventDefault();
  }

  // ---- moving --------------------------------------------------------------------------------------------------

  go(/** @type {number} */ place) {
    this.stop();
    this.field.pin(place);
  }

  play() {
    this.field.playing = true;
    this.field.pin(this.field.place);
    this.beat();
  }

  stop() {
    this.field.playing = false;
    clearTimeout(this.next);
    this.draw();
  }

  /** One step further once the present one was on the screen and the next is complete: a slow line plays slowly. */
  beat() {
    clearTimeout(this.next);
    const {field} = this;
    if (!field.playing || this.view.removed) return;
    const place = (field.place + 1) % Math.max(1, field.slots.length);
    const seen = field.settled && field.rendered === field.drawn && this.view.compare.ready;
    const ready = field.isLoaded(field.slots[place]) || field.names(field.slots[place]).some((name) => field.tiles.failed.has(name));
    if ((seen || field.unread) && ready) field.pin(place);
    else field.update();
    this.next = setTimeout(() => this.beat(), seen && ready ? 1000 / Number(this.speed.value) : 60);
  }

  // ---- words ---------------------------------------------------------------------------------------------------

  draw() {
    const {field, view} = this;
    const shown = Boolean(field.series && field.visible && view.map);
    this.element.hidden = !shown;
    view.frame.dataset.time = String(shown);
    if (!shown) return;
    this.toggle.textContent = field.playing ? '❚❚' : '▶';
    const hint = view.words.say(field.playing ? 'time_pause' : 'time_play');
    this.toggle.setAttribute('aria-label', hint);
    this.toggle.title = hint;
    this.latest.setAttribute('aria-pressed', String(field.following));
    this.element.classList.toggle('map-time-pinned', !field.following);
    const [time, ...facts] = this.facts(field.rendered?.key === field.key ? field.rendered : null);
    const printed = [time, ...facts].join('\n');
    if (printed !== this.printed) {
      this.printed = printed;
      this.drawn.replaceChildren(make('strong', '', time), ...facts.filter(Boolean).map((fact) => make('span', '', fact)));
    }
    const states = this.states();
    const said = states.map(([kind, text]) => `${kind} ${text}`).join('\n');
    if (said !== this.said) {
      this.said = said;
      this.state.replaceChildren(...states.map(([kind, text]) => make('span', `map-time-${kind}`, text)));
    }
    this.track.draw();
  }

  /** The time of what the last frame held and what kind of step that is. */
  facts(/** @type {import('./field.mjs').Field['rendered']} */ rendered) {
    const {words} = this.view;
    if (!rendered) return [words.say('time_nothing')];
    const {at, step} = rendered.slot;
    const utc = `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    if (!step) return [words.time(at), utc, words.say('time_gap')];
    const age = words.age(at);
    const kind = step.forecast ? words.say('time_forecast', {time: words.time(step.run_at)}) : words.say('time_analysis');
    return [words.time(at), utc, age, kind];
  }

  /** What is to be known beside it: waiting, failure, pinned or following, something newer, something too old. */
  states() {
    const {field, view: {words}} = this;
    const found = [];
    const {series, wanted} = field;
    const newest = field.slots[field.latest]?.step;
    if (field.unread && wanted) found.push(['failed', words.say('time_failed', {time: words.time(wanted.at)})]);
    else if (!field.settled && wanted) found.push(['loading', words.say('time_loading', {time: words.time(wanted.at)})]);
    if (field.following) found.push(['following', words.say('time_following')]);
    else if (!field.playing) found.push(['pinned', words.say('time_pinned')]);
    if (field.newer) found.push(['newer', words.say('time_newer')]);
    if (series && newest && isLate(series, newest)) {
      found.push(['late', words.say('time_late', {age: words.age(newest.forecast ? newest.run_at : newest.valid_at)})]);
    }
    return found;
  }

  remove() {
    this.field.playing = false;
    clearTimeout(this.next);
    clearInterval(this.timer);
    document.removeEventListener('keydown', this.onKey);
    this.field.listeners.delete(this.changed);
  }
}
