/** Words, times and numbers as people read them. The words come with the page, already in the reader's language. */

import {present} from './clock.mjs';

const UNITS = {mm: 'mm', m: 'm', 'm3/s': 'm³/s', degC: '°C', 'm/s': 'm/s', 'mm/h': 'mm/h', hPa: 'hPa', '%': '%'};

export class Words {
  /**
   * @param {Record<string, string>} words
   * @param {string} locale
   * @param {string} zone IANA name of the operator's time zone
   */
  constructor(words, locale, zone) {
    this.words = words;
    this.locale = locale;
    this.parts = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
      hourCycle: 'h23', timeZoneName: 'longOffset',
    });
    this.number = new Intl.NumberFormat(locale, {maximumSignificantDigits: 4});
  }

  /** The sentence for a key with `{name}` filled in; the key itself where the page sent none. */
  say(/** @type {string} */ key, /** @type {Record<string, string | number>} */ values = {}) {
    const sentence = this.words[key] ?? key;
    return sentence.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
  }

  /** The title of a series in the reader's language; as the series has it where the page sent none. */
  title(/** @type {{quantity: string, title: string}} */ {quantity, title}) {
    return this.words[`quantity_${quantity}`] ?? title;
  }

  /** `2026-03-01 20:05 +08:00`, a dash where there is no time. */
  time(/** @type {string | number | null | undefined} */ at) {
    if (at === null || at === undefined || at === '') return '–';
    const part = Object.fromEntries(this.parts.formatToParts(new Date(at)).map(({type, value}) => [type, value]));
    const offset = part.timeZoneName === 'GMT' ? '+00:00' : part.timeZoneName.replace('GMT', '').replace('UTC', '');
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute} ${offset}`;
  }

  /** The time without its year while that is this year's. */
  brief(/** @type {string | number | null | undefined} */ at) {
    const written = this.time(at);
    return written.startsWith(`${new Date(present()).getUTCFullYear()}-`) ? written.slice(5) : written;
  }

  /** `12 min ago`, `in 3 h`, `never`. */
  age(/** @type {string | number | null | undefined} */ at, now = present()) {
    if (at === null || at === undefined || at === '') return this.say('never');
    const seconds = Math.round((now - new Date(at).getTime()) / 1000);
    return this.say(seconds < 0 ? 'in' : 'ago', {span: this.span(Math.abs(seconds))});
  }

  /** A length of time in its largest sensible unit. */
  span(/** @type {number} */ seconds) {
    if (seconds < 90) return this.say('seconds', {n: seconds});
    if (seconds < 5400) return this.say('minutes', {n: Math.round(seconds / 60)});
    if (seconds < 172800) return this.say('hours', {n: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60)});
    return this.say('days', {n: Math.round(seconds / 86400)});
  }

  /** The interval of an amount, as its series is named: whole hours and days as such. */
  interval(/** @type {number} */ seconds) {
    if (seconds % 86400 === 0 && seconds > 259200) return this.say('days', {n: seconds / 86400});
    return seconds % 3600 ? this.span(seconds) : this.say('whole_hours', {n: seconds / 3600});
  }

  /** A value with its unit; a missing one says so and is never zero. */
  measure(/** @type {number | null | undefined} */ value, /** @type {string} */ unit) {
    if (value === null || value === undefined || !Number.isFinite(value)) return this.say('missing');
    return `${this.number.format(value)} ${UNITS[unit] ?? unit}`;
  }

  /** The name of a thing in the reader's language, where it has one. */
  name(/** @type {{name?: string, name_zh?: string, code?: string}} */ thing) {
    return (this.locale.startsWith('zh') && thing.name_zh) || thing.name || thing.code || '';
  }

  level(/** @type {string} */ key) {
    return this.say(`level_${key}`);
  }
}

/**
 * An element with text or children; text never becomes markup, because much of it comes from feeds.
 * @param {string} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 */
export function make(tag, className = '', ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
