/** The track of the time slider: a mark for each step, gaps left open, the forecast beyond now drawn otherwise. */

import {present} from './clock.mjs';
import {make} from './words.mjs';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 10;

export class Track {
  /** @param {(place: number) => void} choose */
  constructor(/** @type {import('./map.mjs').MapView} */ view, choose) {
    this.view = view;
    this.choose = choose;
    this.slider = /** @type {HTMLInputElement} */ (make('input', 'map-time-slider'));
    Object.assign(this.slider, {type: 'range', min: '0', step: '1'});
    this.slider.setAttribute('aria-label', view.words.say('time_slider'));
    this.slider.addEventListener('input', () => choose(Number(this.slider.value)));
    this.marks = document.createElementNS(SVG, 'svg');
    this.marks.setAttribute('preserveAspectRatio', 'none');
    this.marks.setAttribute('aria-hidden', 'true');
    this.now = make('i', 'map-time-now');
    this.thumb = make('i', 'map-time-thumb');
    this.first = make('span', 'map-time-first');
    this.last = make('span', 'map-time-last');
    this.nowLabel = make('span', 'map-time-now-label', view.words.say('time_now'));
    this.bar = make('div', 'map-time-bar', this.marks, this.now, this.thumb, this.slider);
    this.element = make('div', 'map-time-track', this.bar, make('div', 'map-time-labels', this.first, this.nowLabel, this.last));
    this.bar.addEventListener('pointerdown', (event) => this.drag(event));
  }

  /** Press and pull: the place under the pointer. */
  drag(/** @type {PointerEvent} */ event) {
    const {slots} = this.view.field;
    const choose = (/** @type {PointerEvent} */ {clientX}) => {
      const {left, width} = this.bar.getBoundingClientRect();
      const place = Math.floor(((clientX - left) / width) * slots.length);
      const bounded = Math.max(0, Math.min(slots.length - 1, place));
      if (bounded !== this.view.field.place || this.view.field.following) this.choose(bounded);
    };
    this.bar.setPointerCapture(event.pointerId);
    const end = () => {
      this.bar.removeEventListener('pointermove', choose);
      this.bar.removeEventListener('pointerup', end);
      this.bar.removeEventListener('pointercancel', end);
    };
    this.bar.addEventListener('pointermove', choose);
    this.bar.addEventListener('pointerup', end);
    this.bar.addEventListener('pointercancel', end);
    choose(event);
    this.slider.focus({preventScroll: true});
    event.preventDefault();
  }

  draw() {
    const {field, words} = this.view;
    const {slots, place} = field;
    const count = Math.max(1, slots.length);
    if (slots !== this.slots) this.drawMarks(slots);
    this.slider.max = String(count - 1);
    this.slider.value = String(place);
    this.thumb.style.left = `${((place + 0.5) / count) * 100}%`;
    this.thumb.classList.toggle('map-time-waiting', !field.settled);
    const ahead = slots.findIndex(({at}) => at > present());
    const now = ahead < 0 ? count : ahead;
    this.now.style.left = this.nowLabel.style.left = `${(now / count) * 100}%`;
    this.now.hidden = this.nowLabel.hidden = ahead <= 0;
    const slot = slots[place];
    const text = slot ? [words.time(slot.at), words.say(!slot.step ? 'time_gap' : slot.step.forecast ? 'time_is_forecast' : 'time_analysis')] : [];
    this.slider.setAttribute('aria-valuetext', text.join(', '));
  }

  drawMarks(/** @type {import('./field_steps.mjs').Slot[]} */ slots) {
    const {words} = this.view;
    this.slots = slots;
    this.marks.setAttribute('viewBox', `0 0 ${Math.max(1, slots.length)} ${HEIGHT}`);
    this.marks.replaceChildren(...slots.map(({step}, i) => {
      const mark = document.createElementNS(SVG, 'rect');
      const kind = !step ? 'gap' : step.forecast ? 'forecast' : 'analysis';
      mark.setAttribute('class', `map-time-mark-${kind}`);
      const inset = slots.length > 150 ? 0 : 0.08;
      for (const [name, value] of Object.entries({x: i + inset, width: 1 - 2 * inset, y: kind === 'gap' ? HEIGHT - 2 : 0, height: kind === 'gap' ? 2 : HEIGHT})) {
        mark.setAttribute(name, String(value));
      }
      return mark;
    }));
    this.first.textContent = slots.length ? words.brief(slots[0].at) : '';
    this.last.textContent = slots.length > 1 ? words.brief(/** @type {any} */ (slots.at(-1)).at) : '';
  }
}
