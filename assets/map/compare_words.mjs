/** What a comparison says: of each map its name, time and run; at a place both values and their difference. */

/**
 * @typedef {import('./field.mjs').Field} Field
 * @typedef {import('./words.mjs').Words} Words
 */

/** Name, time and run of what a map's last frame held; then what is still to come. */
export function captionLines(/** @type {Field} */ field, /** @type {Words} */ words) {
  const {series, wanted} = field;
  const window = series?.accumulation_s ? words.interval(series.accumulation_s) : '';
  const lines = [series ? [words.title(series), window].filter(Boolean).join(' · ') : words.say('compare_gone')];
  const rendered = field.rendered?.key === field.key && field.drawn ? field.rendered : null;
  const step = rendered?.slot.step;
  if (!rendered) lines.push(words.say(wanted ? 'time_nothing' : 'compare_gone'));
  else {
    const kind = step?.forecast ? 'time_forecast' : 'compare_analysis';
    lines.push(words.time(rendered.slot.at), step ? words.say(kind, {time: words.time(step.run_at)}) : words.say('time_gap'));
  }
  if (!field.settled && wanted) {
    lines.push(words.say(field.unread ? 'time_failed' : 'time_loading', {time: words.time(wanted.at)}));
  }
  return lines;
}

/** Both values at a place, and the difference where the units agree; nothing where neither map has a cell there. */
export function valueLines(
  /** @type {Field} */ first, /** @type {import('./compare_pane.mjs').SecondField} */ second,
  /** @type {{lng: number, lat: number}} */ place, /** @type {Words} */ words,
) {
  const [a, b] = [first.reading(place), second.reading(place)];
  if (!a && !b) return [];
  const line = (/** @type {string} */ letter, /** @type {Field} */ field, /** @type {typeof a} */ reading) => {
    const title = second.same ? '' : `${field.series ? words.title(field.series) : ''}: `;
    const value = reading ? words.measure(reading.value, reading.unit) : words.say('compare_outside');
    return [`${letter}  ${title}${value}`, reading ? words.time(reading.step.valid_at) : ''].filter(Boolean).join(' · ');
  };
  const lines = [line('A', first, a), line('B', second, b)];
  if (a && b && a.unit === b.unit) {
    const difference = a.value === null || b.value === null ? null : Number((a.value - b.value).toPrecision(6));
    lines.push(words.say('compare_difference', {value: words.measure(difference, a.unit)}));
  }
  return lines;
}
