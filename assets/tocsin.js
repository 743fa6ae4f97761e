/** What the pages do in the browser without asking the server: theme, clocks, panes, layer switches, keys. */
(function () {
  "use strict";
  const noUpdate = () => window.dash_clientside.no_update;
  const LAYERS = ["levels", "events", "stations", "warnings", "field", "survey"];

  /** @param {"light"|"dark"} scheme */
  function setMapTheme(scheme) {
    document.documentElement.dataset.theme = scheme;
    document.documentElement.dataset.agThemeMode = scheme; // what AG Grid follows
    for (const map of document.querySelectorAll("[data-tocsin-map]")) {
      window.dash_clientside.set_props(`${map.id}-command`, { data: { type: "theme", value: scheme } });
    }
  }

  /** Theme: the person's choice in this browser, else the system's; the button turns it over. */
  function theme(clicks, stored) {
    const system = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    let scheme = stored === "dark" || stored === "light" ? stored : system;
    const pressed = window.dash_clientside.callback_context.triggered.some((t) => t.prop_id === "theme.n_clicks" && t.value);
    if (pressed) scheme = scheme === "dark" ? "light" : "dark";
    setMapTheme(scheme);
    return [scheme, pressed ? scheme : noUpdate()];
  }

  /** Both clocks; the zone is the office's, and its offset is always printed. */
  function clockTexts(zone) {
    const now = new Date((window.tocsinNow || Date.now)());
    const parts = (timeZone) =>
      new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(now);
    const offset = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" })
      .formatToParts(now).find((part) => part.type === "timeZoneName").value.replace("GMT", "") || "+00:00";
    return [`${parts(zone)} ${offset}`, `${parts("UTC")} UTC`];
  }

  let ticking = false;
  function clocks(_ticks, zone) {
    if (!ticking) {
      ticking = true;
      setInterval(() => {
        const [here, utc] = clockTexts(zone);
        const first = document.getElementById("clock-local");
        const second = document.getElementById("clock-utc");
        if (first) first.textContent = here;
        if (second) second.textContent = utc;
      }, 1000);
    }
    return clockTexts(zone);
  }

  /** Marks the page's own link. */
  function active(pathname) {
    for (const link of document.querySelectorAll("a.nav")) {
      const own = new URL(link.href).pathname;
      if (own === pathname || (own !== "/" && pathname.startsWith(`${own}/`))) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const here = document.querySelector("#more-pages [aria-current]");
    document.getElementById("more")?.toggleAttribute("data-here", Boolean(here));
    openMore(false);
    return pathname;
  }

  function openMore(open) {
    document.getElementById("more")?.setAttribute("aria-expanded", String(open));
  }

  document.addEventListener("click", ({ target }) => {
    const button = document.getElementById("more");
    if (button) openMore(target === button && button.getAttribute("aria-expanded") !== "true");
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") openMore(false);
  });

  /** On a narrow screen one pane is shown at a time; on a wide one the buttons open and close the drawer. */
  function pane(_list, _map, _layers, view) {
    const id = window.dash_clientside.callback_context.triggered_id;
    const wanted = { "show-list": "list", "show-map": "map", "show-layers": "layers" }[id] || "list";
    window.setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
    return wanted === view && wanted === "layers" ? "list" : wanted;
  }

  function layers(...values) {
    const visible = {}, opacity = {};
    LAYERS.forEach((key, place) => {
      visible[key] = Boolean(values[place]);
      opacity[key] = values[place + LAYERS.length] / 100;
    });
    return { type: "layers", visible, opacity };
  }

  const choose_field = (value) => ({ type: "field", series: value || null });
  /** The choice follows the map: a link may have brought its own series. */
  const shown_field = (event, value) => (event && event.type === "time" && event.series !== (value || null) ? event.series : noUpdate());
  const choose_survey = (value) => ({ type: "survey", dataset: value ? Number(value) : null });

  /** What is open stands in the address, so that a link shows the same; the map keeps its view after the #. */
  function put(name, value) {
    const query = value ? `?${name}=${encodeURIComponent(value)}` : "";
    window.history.replaceState(window.history.state, "", window.location.pathname + query + window.location.hash);
    return noUpdate();
  }
  const address = (chosen) => put("region", chosen && chosen.code);
  const feed_address = (key) => put("source", key);

  /** Several choices in the address, each under the last word of its input's id. */
  function choices_address() {
    const query = new URLSearchParams();
    for (const [input, value] of Object.entries(window.dash_clientside.callback_context.inputs)) {
      if (value && value !== "any") query.set(input.replace(/\.value$/, "").replace(/^.*-/, ""), value);
    }
    const asked = query.size ? `?${query}` : "";
    window.history.replaceState(window.history.state, "", window.location.pathname + asked + window.location.hash);
    return noUpdate();
  }

  /** j and k walk the list, Escape goes back, ? lists the keys. */
  function walk(step) {
    const rows = [...document.querySelectorAll(".side .row:not(.flat)")].filter((row) => row.offsetParent !== null);
    const at = rows.indexOf(document.activeElement);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    if (next) next.focus();
  }

  document.addEventListener("keydown", (press) => {
    const field = press.target.closest && press.target.closest("input, textarea, select, [contenteditable]");
    if (field || press.ctrlKey || press.metaKey || press.altKey) return;
    const click = (id) => document.getElementById(id) && document.getElementById(id).click();
    if (press.key === "j") walk(1);
    else if (press.key === "k") walk(-1);
    else if (press.key === "Escape" && document.getElementById("why")) {
      window.dash_clientside.set_props("chosen", { data: null }); // not a click: the panel may be renewed just then
    }
    else if (press.key === "l") click("show-layers");
    else if (press.key === "m") { const map = document.querySelector("[data-tocsin-map] canvas"); if (map) map.focus(); }
    else if (press.key === "?") window.dash_clientside.set_props("keys", { opened: true });
    else return;
    press.preventDefault();
  });

  /** A session that has ended shows the sign-in page, instead of a screen that quietly stops changing. */
  const send = window.fetch;
  window.fetch = async function signedOut(...request) {
    const answer = await send.apply(this, request);
    if (answer.status === 401 && new URL(answer.url, window.location).origin === window.location.origin) {
      window.location.assign("/login?next=" + encodeURIComponent(window.location.pathname));
    }
    return answer;
  };

  // Chromium keeps the boxes of missing letters in a fixed bar when a part of a font arrives late: lay it out anew.
  document.fonts.addEventListener("loadingdone", () => {
    for (const bar of document.querySelectorAll(".bar")) {
      bar.style.display = "none";
      void bar.offsetHeight;
      bar.style.display = "";
    }
  });

  // Rows choose here and not through a server callback: Dash drops a press whose row was renewed in the meantime.
  document.addEventListener("click", (press) => {
    const side = press.target.closest && press.target.closest(".side");
    if (!side) return;
    if (press.target.closest("#why-close")) return window.dash_clientside.set_props("chosen", { data: null });
    const row = press.target.closest('[id^="{"]');
    const id = row && JSON.parse(row.id);
    if (id && id.type === "region") {
      window.dash_clientside.set_props("chosen", { data: { type: "region", code: id.code } });
    }
  });

  document.addEventListener("click", (press) => {
    const link = press.target.closest && press.target.closest("#language");
    if (!link) return;
    press.preventDefault();
    document.cookie = `tocsin_lang=${new URL(link.href).searchParams.get("lang")}; path=/; max-age=31536000; SameSite=Lax`;
    window.location.reload();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    tocsin: { theme, clocks, active, pane, layers, choose_field, shown_field, choose_survey, address, feed_address, choices_address },
  });
})();
