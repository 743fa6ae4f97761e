/** The place search of Watch: a combobox over /api/search; a region opens its why, a place is flown to. */
(function () {
  "use strict";
  /** @type {any[]} */ let found = [];
  let marked = -1;
  let asked = 0;

  const input = () => document.getElementById("search");
  const list = () => document.getElementById("search-results");
  const chinese = () => document.documentElement.lang.startsWith("zh");
  const nameOf = (one) => (chinese() && one.name_zh) || one.name;

  function show() {
    const place = list();
    if (!place) return;
    place.replaceChildren(
      ...found.map((one, index) => {
        const row = document.createElement("div");
        row.className = "result";
        row.id = `search-${index}`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", String(index === marked));
        row.dataset.index = String(index);
        const name = document.createElement("b");
        name.textContent = nameOf(one);
        const note = document.createElement("span");
        note.className = "dim";
        note.textContent = one.within || "";
        row.append(name, " ", note);
        return row;
      }),
    );
    place.hidden = found.length === 0;
    input().setAttribute("aria-expanded", String(found.length > 0));
    input().setAttribute("aria-activedescendant", marked >= 0 ? `search-${marked}` : "");
  }

  function close() {
    found = [];
    marked = -1;
    show();
  }

  function choose(index) {
    const one = found[index];
    if (!one) return;
    close();
    input().value = "";
    if (one.code) window.dash_clientside.set_props("chosen", { data: { type: "region", code: one.code } });
    else window.dash_clientside.set_props("map-command", { data: { type: "fly", lon: one.lon, lat: one.lat, zoom: 8 } });
  }

  async function ask(text) {
    const mine = ++asked;
    if (!text.trim()) return close();
    const answer = await fetch(`/api/search?q=${encodeURIComponent(text)}`);
    if (!answer.ok || mine !== asked) return;
    found = (await answer.json()).results;
    marked = found.length ? 0 : -1;
    show();
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "search") ask(event.target.value);
  });
  document.addEventListener("keydown", (press) => {
    if (press.target.id === "search") {
      if (press.key === "ArrowDown") marked = Math.min(found.length - 1, marked + 1);
      else if (press.key === "ArrowUp") marked = Math.max(0, marked - 1);
      else if (press.key === "Enter") return choose(marked);
      else if (press.key === "Escape") { close(); return press.target.blur(); }
      else return;
      press.preventDefault();
      show();
    } else if (press.key === "/" && input() && !press.target.closest?.("input, textarea")) {
      press.preventDefault();
      input().focus();
    }
  });
  document.addEventListener("mousedown", (press) => {
    const row = press.target.closest && press.target.closest("#search-results .result");
    if (row) { press.preventDefault(); choose(Number(row.dataset.index)); }
    else if (press.target.id !== "search" && input()) close();
  });
})();
