/** The threshold of the field in the legend: cells at or above it stand out, the others fade. */

import {make} from './words.mjs';

export function addThreshold(/** @type {import('./map.mjs').MapView} */ view) {
  const {field, words} = view;
  const slider = /** @type {HTMLInputElement} */ (make('input', 'map-mark-slider'));
  const number = /** @type {HTMLInputElement} */ (make('input', 'map-mark-number'));
  const off = make('button', 'map-mark-off', words.say('mark_off'));
  slider.type = 'range';
  number.type = 'number';
  number.step = 'any';
  slider.setAttribute('aria-label', words.say('mark'));
  number.setAttribute('aria-label', words.say('mark'));
  const set = (/** @type {number | null} */ value) => {
    field.mark = value !== null && Number.isFinite(value) ? value : null;
    if (field.mark === null) number.value = '';
    else [slider.value, number.value] = [String(field.mark), String(field.mark)];
    off.hidden = field.mark === null;
    view.map?.triggerRepaint();
  };
  slider.addEventListener('input', () => set(Number(slider.value)));
  number.addEventListener('input', () => set(number.value === '' ? null : Number(number.value)));
  off.addEventListener('click', () => set(null));
  off.hidden = true;
  let key = '';
  field.listeners.add(() => {
    const {series} = field;
    if (!series || series.key === key) return;
    key = series.key;
    const values = series.ramp.stops.map((/** @type {{value: number}} */ {value}) => value);
    const [low, high] = [values[0], values.at(-1)];
    Object.assign(slider, {min: String(low), max: String(high), step: 'any', value: String(low)});
    slider.step = String(10 ** Math.floor(Math.log10((high - low) / 100 || 1)));
    set(field.mark);
  });
  return make('div', 'map-mark', make('label', '', words.say('mark')), slider, number, off);
}
