/**
 * Finds elements that ask for a map and gives them one. Dash renders late and swaps pages, so the document is watched;
 * on pages without a map nothing but this file is loaded.
 */

const SELECTOR = '[data-tocsin-map]';

/** @type {Map<HTMLElement, Promise<{remove: () => void}>>} */
const mounted = new Map();

async function mount(/** @type {HTMLElement} */ element) {
  const {mountMap} = await import('./map.mjs');
  return mountMap(element, JSON.parse(element.dataset.tocsinMap ?? '{}'));
}

function scan() {
  for (const element of document.querySelectorAll(SELECTOR)) {
    const target = /** @type {HTMLElement} */ (element);
    if (!mounted.has(target)) mounted.set(target, mount(target));
  }
  for (const [element, view] of mounted) {
    if (element.isConnected) continue;
    mounted.delete(element);
    view.then((map) => map.remove());
  }
}

let waiting = false;
new MutationObserver(() => {
  if (waiting) return;
  waiting = true;
  queueMicrotask(() => {
    waiting = false;
    scan();
  });
}).observe(document.documentElement, {childList: true, subtree: true});
scan();
