/** Level changes in words, for a screen reader: the worst first, and how many more. */

import {make} from './words.mjs';

const NAMED = 3;

export class Announcer {
  constructor(/** @type {HTMLElement} */ container, /** @type {import('./words.mjs').Words} */ words) {
    this.words = words;
    this.region = make('div', 'map-announcer');
    this.region.setAttribute('aria-live', 'polite');
    this.region.setAttribute('role', 'status');
    container.append(this.region);
    this.first = true;
  }

  say(/** @type {string} */ text) {
    this.region.textContent = text;
  }

  /** Compare two lists of regions at a level or unknown. */
  levels(/** @type {any} */ before, /** @type {any} */ after) {
    if (this.first) {
      this.first = false;
      return;
    }
    const {words} = this;
    const was = new Map(before.regions.map((/** @type {any} */ region) => [region.rid, region]));
    const raised = after.regions.filter((/** @type {any} */ region) => region.level > (was.get(region.rid)?.level ?? 0));
    const lost = (after.counts.by_level?.unknown ?? 0) - (before.counts.by_level?.unknown ?? 0);
    const stays = new Map(after.regions.map((/** @type {any} */ region) => [region.rid, region]));
    const lowered = before.regions.filter((/** @type {any} */ region) => (stays.get(region.rid)?.level ?? 0) < region.level);
    const parts = raised.slice(0, NAMED).map((/** @type {any} */ region) => {
      return `${words.name(region)}: ${words.level(['none', 'blue', 'yellow', 'orange', 'red'][region.level])}`;
    });
    if (raised.length > NAMED) parts.push(words.say('more_raised', {n: raised.length - NAMED}));
    if (lost > 0) parts.push(words.say('now_unknown', {n: lost}));
    if (lowered.length) parts.push(words.say('lowered', {n: lowered.length}));
    if (parts.length) this.say(parts.join('. '));
  }
}
