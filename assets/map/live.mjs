/**
 * The live stream: versions only. One stream a browser, shared by its tabs, because a browser gives one server six
 * connections and each tab would hold one. Where the stream cannot be had, versions are asked for instead.
 */

/**
 * @typedef {Record<string, any> & {v: number, now: string}} Versions
 * @typedef {object} Listener
 * @property {(message: Versions) => void} message
 * @property {(connected: boolean) => void} state
 */

const POLL_MS = 10_000;
const RETRY_MS = [1000, 2000, 5000, 10_000, 20_000];
/** The server says something at least every 15 s; a longer silence is a dead connection that no error told of. */
const SILENCE_MS = 40_000;

export class Live {
  /** @param {string} url */
  constructor(url, /** @type {string} */ pollUrl, /** @type {Listener} */ listener) {
    this.url = url;
    this.pollUrl = pollUrl;
    this.listener = listener;
    this.closed = false;
    this.connected = false;
    this.failures = 0;
    this.heardAt = 0;
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {Versions | null} */
    this.last = null;
    this.channel = 'BroadcastChannel' in window ? new BroadcastChannel('tocsin-live') : null;
    this.leading = false;
    this.channel?.addEventListener('message', ({data}) => this.heard(data));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.retry = undefined;
    this.watch = setInterval(() => this.checkSilence(), 5000);
    this.lead();
  }

  /** Hold the stream while no other tab does; the browser passes the lock on when a tab closes. */
  lead() {
    if (!this.channel || !navigator.locks) {
      this.leading = true;
      this.open();
      return;
    }
    this.channel.postMessage({ask: true});
    navigator.locks.request('tocsin-live', () => new Promise((release) => {
      this.release = release;
      if (this.closed) return release(undefined);
      this.leading = true;
      this.open();
    }));
  }

  /** What another tab says: a message, the state of its stream, or a question. */
  heard(/** @type {any} */ data) {
    if (data.ask) {
      if (this.leading && this.last) this.channel?.postMessage({message: this.last, connected: this.connected});
      return;
    }
    if (this.leading) return;
    if (data.message) this.receive(data.message);
    if (data.alive) this.heardAt = Date.now();
    this.setConnected(data.connected);
  }

  open() {
    if (this.closed) return;
    this.source?.close();
    const source = new EventSource(this.url);
    this.source = source;
    this.heardAt = Date.now();
    source.addEventListener('message', ({data}) => {
      this.failures = 0;
      this.receive(JSON.parse(data));
      this.setConnected(true);
      this.channel?.postMessage({message: this.last, connected: true});
    });
    source.addEventListener('beat', () => {
      this.heardAt = Date.now();
      this.channel?.postMessage({alive: true, connected: true});
    });
    source.addEventListener('error', () => this.failed());
  }

  /** Close, ask once for the versions, and try the stream again later. */
  failed() {
    this.source?.close();
    this.source = null;
    if (this.closed || this.retry) return;
    this.poll();
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.open();
    }, wait * (0.8 + Math.random() * 0.4));
  }

  async poll() {
    try {
      const response = await fetch(this.pollUrl, {cache: 'no-store'});
      const message = response.ok ? await response.json() : null;
      if (message) this.receive(message);
      this.setConnected(Boolean(message));
      if (message) this.channel?.postMessage({message, connected: true});
    } catch {
      this.setConnected(false);
    }
  }

  receive(/** @type {Versions} */ message) {
    this.heardAt = Date.now();
    this.last = message;
    this.listener.message(message);
  }

  setConnected(/** @type {boolean} */ connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    if (this.leading) this.channel?.postMessage({connected});
    this.listener.state(connected);
  }

  checkSilence() {
    const silence = Date.now() - this.heardAt;
    if (this.leading && this.retry === undefined && silence > SILENCE_MS) this.failed();
    else if (this.leading && !this.source && silence > POLL_MS) this.poll();
    else if (!this.leading && silence > SILENCE_MS) this.poll();
  }

  close() {
    this.closed = true;
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.source?.close();
    this.channel?.close();
    this.release?.(undefined);
  }
}
