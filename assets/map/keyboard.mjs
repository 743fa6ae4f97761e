/**
 * Keys while the map has the focus, beyond MapLibre's own (arrows, + and -): Enter opens what is at the centre, Home
 * returns to the first view. A cross marks the centre while the keyboard is in use.
 */

import {make} from './words.mjs';

export function addKeys(/** @type {import('./map.mjs').MapView} */ view) {
  const canvas = view.map.getCanvas();
  const cross = make('div', 'map-cross');
  cross.setAttribute('aria-hidden', 'true');
  cross.hidden = true;
  view.stage.append(cross);
  canvas.setAttribute('aria-label', view.words.say('map_label'));
  canvas.addEventListener('keydown', (event) => {
    cross.hidden = false;
    if (event.key === 'Enter') view.pick(view.map.project(view.map.getCenter()), view.map.getCenter());
    else if (event.key === 'Home') view.fly({...view.config.view, zoom: view.zoomOf(view.config.view)});
    else if (event.key === 'Escape') view.regions.select(-1);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => { cross.hidden = true; });
  canvas.addEventListener('pointerdown', () => { cross.hidden = true; });
}
