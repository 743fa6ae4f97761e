/** What the desk does in the browser: panes, the address, drawing, keys, and proving who one is without leaving. */
(function () {
  "use strict";
  const none = () => window.dash_clientside.no_update;
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const desk = () => document.getElementById("warn");
  const NARROW = 1000;
  const BLANK = /\[\[[^[\]]*\]\]/;

  /** Open another address of this page without loading it anew. */
  function go(address) {
    if (typeof address !== "string" || !address.startsWith("/")) return none();
    window.history.pushState({}, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    return none();
  }

  /** On a narrow screen one pane at a time; whatever is opened comes forward. */
  function pane() {
    const id = window.dash_clientside.callback_context.triggered_id || "";
    window.setTimeout(() => window.dispatchEvent(new Event("resize")), 60); // a map that was hidden has no size
    if (id.startsWith("warn-show-")) return id.replace("warn-show-", "");
    const asked = new URLSearchParams(window.location.search);
    return asked.has("proposal") || asked.has("id") ? "area" : "list";
  }

  /** What on the map changes the area, where the area may be changed. */
  function on_map(message) {
    const changes = message && ["region", "point", "polygon", "circle"].includes(message.type);
    return changes && desk() && desk().dataset.locked === "no" ? message : none();
  }

  /** Draw on the map, or move the corners of a polygon. */
  function draw(_polygon, _circle, _stop, _corners, rings) {
    const { triggered_id: id, triggered } = window.dash_clientside.callback_context;
    if (!triggered.some((one) => one.value)) return none();
    if (window.innerWidth <= NARROW) set("warn", { "data-view": "area" });
    if (id && typeof id === "object") {
      const ring = (rings || [])[Number(id.index)];
      return ring ? { type: "draw", mode: "edit", geometry: { type: "Polygon", coordinates: [ring] }, edited: Number(id.index) } : none();
    }
    return { type: "draw", mode: String(id).replace("warn-draw-", "").replace("stop", "none") };
  }

  async function post(address, body) {
    const config = JSON.parse(document.getElementById("_dash-config").textContent);
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(`${config.csrf_token_name}=`)) || "=";
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": cookie.slice(cookie.indexOf("=") + 1) },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.message || answer.statusText);
    return said;
  }

  /** Prove who one is, in this session; what was typed for it is forgotten at once. */
  async function prove(_sign, _key, password, code) {
    const { triggered_id: id, triggered } = window.dash_clientside.callback_context;
    if (!triggered.some((one) => one.value)) return none();
    set("warn-sign-fault", { children: "" });
    try {
      const body = { password: password || "", code: code || "" };
      if (id === "warn-sign-key") {
        const asked = await post("/reauth/options.json", {});
        if (!asked.key) throw new Error(desk().dataset.noKey);
        const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked.key);
        body.credential = (await navigator.credentials.get({ publicKey: options })).toJSON();
      }
      const said = await post("/reauth.json", body);
      set("warn-proved", { data: said.until });
    } catch (error) {
      set("warn-sign-fault", { children: error.message });
    }
    set("warn-password", { value: "" });
    set("warn-code", { value: "" });
    return none();
  }

  /** Fields with a blank that is still to be filled look it, while one types. */
  function mark(field) {
    const shell = field.closest(".warn-language > *");
    if (shell) shell.classList.toggle("warn-blank", BLANK.test(field.value));
  }

  document.addEventListener("input", (event) => {
    if (event.target.closest && event.target.closest(".warn-language")) mark(event.target);
  });

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !desk()) return;
    const row = event.target.closest(".warn-left a.row, .warn-steps a, .warn-decide a, .warn-conflicts a");
    if (row && !event.ctrlKey && !event.metaKey && event.button === 0) {
      event.preventDefault();
      go(row.getAttribute("href"));
    }
    const fault = event.target.closest(".warn-fault");
    if (fault) jump(fault.dataset.place);
  });

  /** Put the cursor into the field that a fault is about. */
  function jump(place) {
    const field = document.getElementById(JSON.stringify({ place, type: "warn-field" }));
    if (!field) return;
    if (window.innerWidth <= NARROW) set("warn", { "data-view": place.startsWith("texts") ? "texts" : "area" });
    window.setTimeout(() => {
      field.focus();
      const found = BLANK.exec(field.value || "");
      if (found && field.setSelectionRange) field.setSelectionRange(found.index, found.index + found[0].length);
      field.scrollIntoView({ block: "center" });
    }, 60);
  }

  /** j and k walk the inbox, as long as nobody types. */
  document.addEventListener("keydown", (event) => {
    if (!desk() || event.ctrlKey || event.metaKey || event.altKey || !["j", "k"].includes(event.key)) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable], .map")) return;
    const rows = [...document.querySelectorAll(".warn-left a.row")];
    const place = rows.indexOf(document.activeElement);
    const next = rows[event.key === "j" ? Math.min(place + 1, rows.length - 1) : Math.max(place - 1, 0)];
    if (next) next.focus();
  });

  // A form that is drawn anew keeps the cursor where it was, and shows its blanks.
  let held = "";
  document.addEventListener("focusin", (event) => {
    if (!(event.target instanceof Element) || !desk()) return;
    held = event.target.closest("#warn-form, .warn-area") ? event.target.id : "";
    const form = event.target.closest("#warn-form");
    if (form) form.style.minHeight = `${form.offsetHeight}px`; // or the page would scroll up while it is drawn anew
  });
  new MutationObserver(() => {
    if (!desk()) return;
    for (const field of document.querySelectorAll(".warn-language input, .warn-language textarea")) mark(field);
    if (!held || document.activeElement !== document.body) return;
    const field = document.getElementById(held);
    if (field) field.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    tocsin_warn: { go, pane, on_map, draw, prove },
  });
})();
