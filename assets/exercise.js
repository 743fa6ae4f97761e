/** An exercise: the pages follow the scenario's clock, and those who may can pause it or change its speed. */
(function () {
  "use strict";
  const AHEAD_MS = 25000; // as the server: the clock runs at most so far past what is done
  let told = { at: 0, speed: 0, read: 0 };

  /** The time that pages go by [ms since 1970]: the scenario's in an exercise, else the real one. */
  window.tocsinNow = function () {
    if (!told.at) return Date.now();
    return told.at + Math.min((performance.now() - told.read) * told.speed, AHEAD_MS);
  };

  /** @param {string} at @param {number} speed @param {string} state */
  function take(at, speed, state) {
    const running = state === "running" ? speed : 0;
    const next = Date.parse(at);
    const shown = window.tocsinNow();
    const back = told.at && next < shown && shown - next < AHEAD_MS; // a clock that waits a moment, not one that jumps back
    told = { at: back ? shown : next, speed: back ? 0 : running, read: performance.now() };
  }

  function strip() { return document.getElementById("exercise"); }

  function show() {
    const place = document.getElementById("exercise-time");
    if (!place) return;
    const now = new Date(window.tocsinNow());
    const zone = strip().dataset.zone;
    place.dateTime = now.toISOString();
    place.textContent = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
      timeZoneName: "longOffset",
    }).format(now).replace("GMT", "");
  }

  /** @param {{at: string, speed: number, state: string, asked_pause: boolean, asked_speed: number}} state */
  function follow(state) {
    take(state.at, state.speed, state.state);
    const words = document.getElementById("exercise-state");
    if (words) words.textContent = `${words.getAttribute(`data-${state.state}`) || state.state} · ${state.asked_speed}×`;
    const pause = document.getElementById("exercise-pause");
    if (pause) {
      pause.hidden = state.state === "done";
      pause.textContent = state.asked_pause ? pause.dataset.goOn : pause.dataset.pause;
      pause.dataset.next = String(!state.asked_pause);
    }
    const speed = document.getElementById("exercise-speed");
    if (speed && document.activeElement !== speed) speed.value = String(state.asked_speed);
    show();
  }

  async function ask() {
    const answer = await fetch("/api/exercise.json", { cache: "no-store" });
    if (answer.ok) follow(await answer.json());
  }

  /** @param {object} wish */
  async function control(wish) {
    const cookie = document.cookie.split("; ").find((one) => one.startsWith(`${strip().dataset.csrf}=`)) || "";
    const answer = await fetch("/api/exercise.json", {
      method: "POST", body: JSON.stringify(wish),
      headers: { "Content-Type": "application/json", "X-CSRFToken": decodeURIComponent(cookie.split("=").slice(1).join("=")) },
    });
    if (answer.ok) follow(await answer.json());
  }

  function begin() {
    if (!strip()) return;
    const { at, speed, state, view } = strip().dataset;
    if (view && window.location.pathname === "/" && !/[#&]map=/.test(window.location.hash)) {
      window.history.replaceState(window.history.state, "", `${window.location.pathname}${window.location.search}#${view}`);
    }
    take(at, Number(speed), state);
    show();
    setInterval(show, 250);
    setInterval(() => ask().catch(() => {}), 1000); // the pages themselves say when the server is away
    ask().catch(() => {});
    const pause = document.getElementById("exercise-pause");
    if (pause) pause.addEventListener("click", () => control({ pause: pause.dataset.next !== "false" }));
    const choose = document.getElementById("exercise-speed");
    if (choose) choose.addEventListener("change", () => control({ speed: Number(choose.value) }));
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
