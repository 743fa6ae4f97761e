/** Ages that go on while nothing else changes, and a list that keeps focus and what was unfolded when it is renewed. */
(function () {
  "use strict";
  const WORDS = {
    en: { s: "{n} s", min: "{n} min", h: "{n} h {m}", d: "{n} d", ago: "{span} ago", in: "in {span}" },
    zh: { s: "{n} 秒", min: "{n} 分钟", h: "{n} 小时 {m} 分", d: "{n} 天", ago: "{span}前", in: "{span}后" },
  };

  /** The same steps as the server's `pages._times.span`. */
  function span(seconds, words) {
    const length = Math.floor(Math.abs(seconds));
    if (length < 90) return words.s.replace("{n}", String(length));
    if (length < 90 * 60) return words.min.replace("{n}", String(Math.round(length / 60)));
    if (length < 48 * 3600) {
      const minutes = String(Math.floor((length % 3600) / 60)).padStart(2, "0");
      return words.h.replace("{n}", String(Math.floor(length / 3600))).replace("{m}", minutes);
    }
    return words.d.replace("{n}", String(Math.round(length / 86400)));
  }

  function renew() {
    const words = WORDS[document.documentElement.lang.startsWith("zh") ? "zh" : "en"];
    for (const place of document.querySelectorAll("time.age")) {
      const at = Date.parse(place.dateTime);
      if (Number.isNaN(at)) continue;
      const seconds = ((window.tocsinNow || Date.now)() - at) / 1000;
      const text = (seconds >= 0 ? words.ago : words.in).replace("{span}", span(seconds, words));
      if (place.textContent !== text) place.textContent = text;
    }
  }
  setInterval(renew, 1000);

  /** @type {string} id of the row that had the focus */
  let focused = "";
  /** @type {Set<string>} sections that were unfolded */
  const unfolded = new Set();

  document.addEventListener("focusin", (event) => {
    focused = event.target.closest(".list") ? event.target.id : "";
  });
  document.addEventListener("toggle", (event) => {
    const section = event.target.closest && event.target.closest(".list section");
    if (!section) return;
    if (event.target.open) unfolded.add(section.id);
    else if (event.target.isConnected) unfolded.delete(section.id);
  }, true);

  new MutationObserver((changes) => {
    if (!changes.some((change) => change.target.closest && change.target.closest(".list"))) return;
    for (const id of unfolded) {
      const details = document.querySelector(`#${id} details`);
      if (details && !details.open) details.open = true;
    }
    const row = focused && document.getElementById(focused);
    if (row && document.activeElement === document.body) row.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
