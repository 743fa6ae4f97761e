/** What the page of rules does in the browser: line numbers, the way from a fault to its place, the address. */
(function () {
  "use strict";
  const none = () => window.dash_clientside.no_update;
  const area = () => document.querySelector(".rules-text textarea");

  const PAUSE_MS = 400; // after the last key, before the text is checked and kept
  let waiting = 0;

  /** Line numbers beside the text; it goes to be checked when nobody has typed for a moment. */
  function typed(text, known) {
    window.clearTimeout(waiting);
    if (text !== known) waiting = window.setTimeout(() => window.dash_clientside.set_props("rules-typed", { data: text }), PAUSE_MS);
    return lines(text);
  }

  function lines(text) {
    const count = (text || "").split("\n").length;
    return Array.from({ length: count }, (_, place) => place + 1).join("\n");
  }

  /** Open another address of this site, as a link does. */
  function go(address) {
    if (typeof address === "string" && address.startsWith("/")) window.location.assign(address);
    return none();
  }

  /** The tab stands in the address, so that a reload and a link show the same. */
  function tab(value) {
    if (window.location.pathname !== "/rules" || !value) return none();
    const query = new URLSearchParams(window.location.search);
    query.set("tab", value);
    window.history.replaceState(window.history.state, "", `/rules?${query}${window.location.hash}`);
    window.setTimeout(() => window.dispatchEvent(new Event("resize")), 60); // a map that was hidden has no size
    return none();
  }

  /** Put the cursor where a fault is. */
  function jump(line, column) {
    const box = area();
    if (!box) return;
    const rows = box.value.split("\n");
    const start = rows.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0) + column - 1;
    const row = rows[line - 1] || "";
    box.focus();
    box.setSelectionRange(start, Math.max(start, start - column + 1 + row.length));
    const height = box.scrollHeight / Math.max(1, rows.length);
    box.scrollTop = Math.max(0, (line - 6) * height);
  }

  // A change of the form draws it anew: whoever moves through it by keyboard stays where they were.
  let held = "";
  document.addEventListener("focusin", (event) => {
    if (!(event.target instanceof Element)) return;
    held = event.target.closest("#rules-form") ? event.target.id : "";
  });
  new MutationObserver(() => {
    if (!held || document.activeElement !== document.body) return;
    const field = document.getElementById(held);
    if (field && field.closest("#rules-form")) field.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("click", (event) => {
    const fault = event.target instanceof Element && event.target.closest(".rules-fault");
    if (event.target instanceof Element && event.target.closest("#rules-discard")) window.clearTimeout(waiting);
    if (fault) jump(Number(fault.dataset.line), Number(fault.dataset.column));
  });
  document.addEventListener("scroll", (event) => {
    const gutter = document.getElementById("rules-gutter");
    if (gutter && event.target === area()) gutter.scrollTop = event.target.scrollTop;
  }, true);
  document.addEventListener("input", (event) => {
    const gutter = document.getElementById("rules-gutter");
    if (gutter && event.target === area()) gutter.textContent = lines(event.target.value);
  }, true);

  window.dash_clientside = Object.assign({}, window.dash_clientside, { tocsin_rules: { typed, go, tab } });
})();
