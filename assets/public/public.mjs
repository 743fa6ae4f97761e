// What scripts add to the public pages, which work without: an open page stays true, and a device can be told.

const LOOK_AGAIN_MS = 60_000;
const words = document.getElementById("not-current");
let lastGood = Date.now();

/** Replace what is shown by what holds now; a page left open must not show an ended warning as current. */
async function lookAgain() {
  if (document.hidden || document.querySelector("#main :focus, #push, textarea")) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = fresh.getElementById("main");
    if (!main) throw new Error(`HTTP ${answer.status}`);
    document.getElementById("main").replaceWith(main);
    document.querySelector("footer p").replaceWith(fresh.querySelector("footer p"));
    const told = fresh.getElementById("not-current");
    words.hidden = told.hidden;
    words.textContent = told.textContent;
    if (told.hidden) lastGood = Date.now();
  } catch {
    words.textContent = words.dataset.age.replace("{age}", aged(Date.now() - lastGood));
    words.hidden = false;
  }
}

/** An age in the page's language. */
function aged(ms) {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120) return words.dataset.minutes.replace("{n}", minutes);
  const hours = Math.round(minutes / 60);
  return hours < 48 ? words.dataset.hours.replace("{n}", hours) : words.dataset.days.replace("{n}", Math.round(hours / 24));
}

setInterval(lookAgain, LOOK_AGAIN_MS);
document.addEventListener("visibilitychange", lookAgain);
window.addEventListener("online", lookAgain);
window.addEventListener("pageshow", (event) => event.persisted && lookAgain());

const worker = "serviceWorker" in navigator
  ? navigator.serviceWorker.register("/public/sw.js", { scope: "/public" }).catch(() => null)
  : Promise.resolve(null);

const install = document.getElementById("install");
window.addEventListener("beforeinstallprompt", (event) => {
  if (!install) return;
  event.preventDefault();
  install.hidden = false;
  install.querySelector("button").addEventListener("click", () => event.prompt(), { once: true });
});

const push = document.getElementById("push");
if (push) offerPush(push);

/** The opt-in: nothing is asked of the browser before a person has pressed the button. */
async function offerPush(box) {
  const [on, off, status] = ["push-on", "push-off", "push-status"].map((id) => document.getElementById(id));
  const say = (text) => { status.textContent = text; };
  const registration = await worker;
  if (!registration || !("PushManager" in window)) return say(box.dataset.none);
  const show = async () => {
    const held = await registration.pushManager.getSubscription();
    off.hidden = !held;
    say(held ? box.dataset.on : "");
    return held;
  };
  on.disabled = false;
  await show();
  on.addEventListener("click", async () => {
    on.disabled = true;
    try {
      if ((await Notification.requestPermission()) !== "granted") return say(box.dataset.refused);
      await navigator.serviceWorker.ready;
      const { key } = await asked("/public/push/key");
      const held = await registration.pushManager.getSubscription()
        ?? await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) });
      const least = Number(document.getElementById("least").value);
      const regions = box.dataset.place ? [box.dataset.place] : [];
      await asked("/public/push", { subscription: held.toJSON(), regions, least_level: least, locale: box.dataset.locale });
      await show();
    } catch (error) {
      say(box.dataset.failed.replace("{why}", error.message));
    } finally {
      on.disabled = false;
    }
  });
  off.addEventListener("click", async () => {
    try {
      const held = await registration.pushManager.getSubscription();
      if (held) {
        await asked("/public/push/end", { endpoint: held.endpoint, auth: held.toJSON().keys.auth });
        await held.unsubscribe();
      }
      off.hidden = true;
      say(box.dataset.off);
    } catch (error) {
      say(box.dataset.failed.replace("{why}", error.message));
    }
  });
}

/** JSON from our own server; an Error with its sentence where it refuses. */
async function asked(address, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(address, options);
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.message ?? `HTTP ${answer.status}`);
  return told;
}

function bytesOf(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
