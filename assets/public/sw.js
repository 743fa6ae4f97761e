// Keeps the last known pages on a device and shows them, when there is no connection, with their age and as not current.

const KEPT = "tocsin-public-1";
const MOST = 30;
const PATIENCE_MS = 8000;
const PAGE = /^\/public(\/w\/[^/]+|\/history|\/follow)?$/;
const AT = "x-kept-at";
const NOTHING = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>?</title><h1>We cannot tell at present / 目前无法判断</h1>
<p>You are offline, and this page was not kept. Listen to the radio.</p><p>您处于离线状态，此页面未保存。请收听广播。</p>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event, address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin) return;
  if (address.pathname.startsWith("/public/assets/")) event.respondWith(file(request));
  else if (PAGE.test(address.pathname)) event.respondWith(page(request));
});

/** Style, script and icons: from the network, else as they were. */
async function file(request) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await keep(cache, request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(request, { ignoreVary: true, ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

/** A page: from the network, else the last known one, marked. */
async function page(request) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await within(fetch(request), PATIENCE_MS);
    if (answer.status === 200) await keep(cache, request, answer.clone());
    return answer;
  } catch {
    const kept = await cache.match(request, { ignoreVary: true });
    const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
    return kept ? new Response(marked(await kept.text(), Number(kept.headers.get(AT))), { headers })
      : new Response(NOTHING, { status: 503, headers });
  }
}

function within(promise, ms) {
  return Promise.race([promise, new Promise((_, refuse) => setTimeout(() => refuse(new Error("slow")), ms))]);
}

async function keep(cache, request, answer) {
  const headers = new Headers(answer.headers);
  headers.set(AT, String(Date.now()));
  headers.delete("content-encoding");
  await cache.put(request, new Response(await answer.blob(), { headers }));
  const held = await cache.keys();
  await Promise.all(held.slice(0, Math.max(0, held.length - MOST)).map((old) => cache.delete(old)));
}

/** The page with a sentence that says how old it is; the words stand in the page, in its language. */
function marked(html, at) {
  return html.replace(/(<p class="not-current" id="not-current") hidden([^>]*)>/, (_, opening, words) => {
    const word = (name) => words.match(new RegExp(`data-${name}="([^"]*)"`))?.[1] ?? "";
    const minutes = Math.round((Date.now() - at) / 60000);
    if (!(minutes >= 0)) return `${opening}${words}>${word("unknown")}`;
    const age = minutes < 120 ? word("minutes").replace("{n}", minutes)
      : minutes < 2880 ? word("hours").replace("{n}", Math.round(minutes / 60))
      : word("days").replace("{n}", Math.round(minutes / 1440));
    return `${opening}${words}>${word("age").replace("{age}", age)}`;
  });
}

// A message: {"title", "body", "lang", "tag", "identifier", "expires_at"}. It may arrive late, and then it says so.
self.addEventListener("push", (event) => {
  let told = {};
  try { told = event.data?.json() ?? {}; } catch { told = { body: event.data.text() }; }
  const over = told.expires_at && Date.parse(told.expires_at) <= Date.now();
  const note = told.lang?.startsWith("zh") ? "已过期 · " : "Expired · ";
  const address = told.identifier ? `/public/w/${encodeURIComponent(told.identifier)}` : "/public";
  event.waitUntil(self.registration.showNotification(told.title || "Warning / 预警", {
    body: (over ? note : "") + (told.body || ""), lang: told.lang, tag: told.tag, renotify: Boolean(told.tag),
    requireInteraction: !over, icon: "/public/assets/icon-192.png", data: { address },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.address));
});
