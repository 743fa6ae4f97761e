/** What the drawer beside the map must know to offer its tools: a state, not an event, in a store of its own. */

export function showTool(/** @type {import('./map.mjs').MapView} */ view, /** @type {string} */ name, /** @type {any} */ state) {
  if (JSON.stringify(view.tools[name]) === JSON.stringify(state)) return;
  view.tools = {...view.tools, [name]: state};
  view.setProps('tools', view.tools);
}
