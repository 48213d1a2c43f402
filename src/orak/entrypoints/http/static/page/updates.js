// @ts-check
/** Keeping the shelf true while one looks at it: by orak's stream of events, and by asking where that is away. */
import { call } from "./calls.js";
import { byId, say } from "./element.js";
import { t } from "./language.js";

const BUSY = 1500; // ms between looks while something is being converted, and nobody tells
const CALM = 15_000; // ms between looks while nothing is
const TOLD = 60_000; // ms between looks while events come
const AGAIN = 5000; // ms until a lost stream is asked for again

export class Updates {
  /** @param {import("./shelf.js").Shelf} shelf */
  constructor(shelf) {
    this.shelf = shelf;
    this.running = false;
    /** @type {EventSource | undefined} */
    this.stream = undefined;
    this.last = "";
    addEventListener("online", () => this.running && this.begin());
    addEventListener("offline", () => this.show(false));
    document.addEventListener("visibilitychange", () => !document.hidden && this.running && void this.look());
  }

  begin() {
    this.end();
    this.running = true;
    void this.listen();
    void this.look();
  }

  end() {
    this.running = false;
    clearTimeout(this.timer);
    clearTimeout(this.again);
    this.stream?.close();
    this.stream = undefined;
    this.last = "";
  }

  /** Something was set going: look again before long. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), BUSY);
  }

  async look() {
    clearTimeout(this.timer);
    try {
      await this.shelf.refresh();
      this.show(true);
    } catch {
      this.show(navigator.onLine);
    }
    if (!this.running) return;
    clearTimeout(this.timer);
    const calm = this.stream?.readyState === EventSource.OPEN ? TOLD : CALM;
    const told = calm === TOLD || !this.shelf.restless;
    this.timer = setTimeout(() => void this.look(), told ? calm : BUSY);
  }

  /** Follow the stream. An EventSource sends no headers, and a token has no place in a URL: a ticket opens it, once. */
  async listen() {
    clearTimeout(this.again);
    let ticket;
    try {
      ({ ticket } = await (await call("POST", "/live/ticket")).json());
    } catch {
      return this.listenLater();
    }
    if (!this.running || this.stream) return;
    const query = new URLSearchParams({ ticket, ...(this.last ? { lastEventId: this.last } : {}) });
    const stream = new EventSource(new URL(`records/async/events?${query}`, document.baseURI));
    this.stream = stream;
    stream.onmessage = ({ data, lastEventId }) => {
      if (lastEventId) this.last = lastEventId;
      // What cannot be fetched now, the next look brings.
      this.shelf.step(JSON.parse(data)).catch(() => undefined);
    };
    stream.onerror = () => {
      stream.close(); // its own second try would come with a ticket that is used up
      if (this.stream !== stream) return;
      this.stream = undefined;
      this.listenLater();
      this.soon();
    };
  }

  listenLater() {
    if (this.running) this.again = setTimeout(() => void this.listen(), AGAIN);
  }

  /** @param {boolean} online */
  show(online) {
    say(byId("connection"), () => (online ? "" : t("offline")));
  }
}
