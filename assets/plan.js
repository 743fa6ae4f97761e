/** What the Plan page does in the browser: the map's events, the chosen row, panes, and the address. */
(function () {
  "use strict";
  const none = () => window.dash_clientside.no_update;
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const SETTLED_MS = 250; // while the slider is dragged, the table waits
  let waiting = 0;

  /** What the map draws, what was clicked on it and what was drawn on it. */
  function event(message, region) {
    if (!message) return none();
    if (message.type === "time") {
      window.clearTimeout(waiting);
      const { series, step, latest, missing, valid_at: at } = message;
      if (!series || (step === null && !missing)) return none(); // nothing is drawn yet
      const data = { series, step, latest: Boolean(latest), missing: Boolean(missing), at };
      waiting = window.setTimeout(() => set("plan-time", { data }), SETTLED_MS);
    } else if (message.type === "region" && message.code !== region) {
      set("plan-region", { data: message.code });
      set("plan-grid", { selectedRows: { ids: [message.code] }, scrollTo: { rowId: message.code, rowPosition: "middle" } });
    } else if (message.type === "polygon") {
      set("plan-area", { data: message.geometry ? { kind: "drawn", geometry: message.geometry } : null });
      if (window.innerWidth <= 800) set("plan", { "data-view": "results" });
    }
    return none();
  }

  /** A row of the table: go there, unless it was chosen on the map. */
  function choose(rows, region) {
    const code = Array.isArray(rows) && rows.length ? rows[0].code : null;
    if (!code || code === region) return [none(), none()];
    return [code, { code, fly: true }];
  }

  function filter(text) {
    return { quickFilterText: text || "" };
  }

  /** On a narrow screen one pane at a time. */
  function pane() {
    const id = window.dash_clientside.callback_context.triggered_id || "plan-show-choices";
    window.setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
    return id.replace("plan-show-", "");
  }

  const DEFAULTS = { show: "value", statistic: "mean", tab: "ranking", paint: "regions" };
  const NAMES = ["series", "show", "kind", "statistic", "above", "people", "time", "region", "tab", "paint", "area", "risk"];

  const MOST_CORNERS = 60; // as in pages/_plan_state.py

  /** A drawn area as corners, where a link can carry it. */
  function outline(area) {
    const rings = area && area.kind === "drawn" && area.geometry.type === "Polygon" ? area.geometry.coordinates : [];
    if (rings.length !== 1 || rings[0].length - 1 > MOST_CORNERS) return "";
    return rings[0].slice(0, -1).map(([lon, lat]) => `${+lon.toFixed(4)},${+lat.toFixed(4)}`).join(";");
  }

  /** Draw on the map; on a narrow screen the map comes forward first. */
  function draw() {
    const wished = window.dash_clientside.callback_context.triggered_id === "plan-draw";
    if (wished && window.innerWidth <= 800) set("plan", { "data-view": "map" });
    return { type: "draw", mode: wished ? "polygon" : "none" };
  }

  /** Everything chosen stands in the address, so that a link shows the same; the map keeps its view after the #. */
  function address(...values) {
    if (window.location.pathname !== "/plan") return none();
    const state = Object.fromEntries(NAMES.map((name, place) => [name, values[place]]));
    const time = state.time;
    delete state.time;
    state.people = state.people ? "1" : "";
    state.step = time && !time.latest && time.step ? time.step : "";
    const area = state.area;
    state.area = outline(area);
    state.reach = area && area.kind !== "drawn" ? `${area.kind}:${area.value}` : "";
    state.risk = state.risk
      ? Object.entries(state.risk).map(([key, one]) => [key, one.weight ?? 1, one.low ?? "", one.high ?? ""].join("*")).join(";")
      : "";
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) {
      if (value !== null && value !== undefined && value !== "" && value !== DEFAULTS[name]) query.set(name, value);
    }
    const written = query.size ? `?${query}` : "";
    window.history.replaceState(window.history.state, "", window.location.pathname + written + window.location.hash);
    return none();
  }

  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  /** Unknown is neither high nor low: it stays last whichever way the column is sorted. */
  functions.unknownLast = function (one, other, _oneNode, _otherNode, descending) {
    if (one === null || one === undefined) return other === null || other === undefined ? 0 : descending ? -1 : 1;
    if (other === null || other === undefined) return descending ? 1 : -1;
    return one - other;
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    tocsin_plan: { event, choose, filter, pane, draw, address },
  });
})();
