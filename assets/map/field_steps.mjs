/** The places of a time slider: steps that are here and, between them, times that are missing. */

import {present} from './clock.mjs';

/**
 * @typedef {object} Step
 * @property {number} id
 * @property {string} valid_at
 * @property {string} run_at
 * @property {string} received_at
 * @property {boolean} forecast
 * @property {number} missing_share
 * @property {number | null} low
 * @property {number | null} high
 * @property {string[]} notes
 *
 * @typedef {object} Slot
 * @property {number} at milliseconds
 * @property {Step | null} step null where no step came
 *
 * @typedef {Record<string, any> & {key: string, steps: Step[], gaps: string[]}} Series
 */

/** Steps and gaps of a series in the order of time. @returns {Slot[]} */
export function slotsOf(/** @type {Series} */ series) {
  const slots = series.steps.map((step) => ({at: Date.parse(step.valid_at), step}));
  const gaps = series.gaps.map((at) => ({at: Date.parse(at), step: null}));
  return [...slots, ...gaps].sort((a, b) => a.at - b.at);
}

/**
 * The place that "latest" means: the newest analysis; of a series of forecasts only, the last step that is not ahead.
 * @returns {number} -1 where there is no step
 */
export function latestOf(/** @type {Series} */ series, /** @type {Slot[]} */ slots, now = present()) {
  const analysis = slots.findLastIndex(({step}) => step && !step.forecast);
  if (analysis >= 0) return analysis;
  const reached = slots.findLastIndex(({step, at}) => step && at <= now);
  return reached >= 0 ? reached : slots.findIndex(({step}) => step);
}

/** Milliseconds since what "latest" stands for: its valid time, or its run for a forecast. */
export function ageOf(/** @type {Step} */ step, now = present()) {
  return now - Date.parse(step.forecast ? step.run_at : step.valid_at);
}

/** Whether the newest step is too old to speak of the present. */
export function isLate(/** @type {Series} */ series, /** @type {Step | null | undefined} */ step, now = present()) {
  if (!step) return true;
  return series.late_after_s !== null && ageOf(step, now) > series.late_after_s * 1000;
}
