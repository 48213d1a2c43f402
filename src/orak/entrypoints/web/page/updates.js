// @ts-check
/** Keeping the list up to date, by live events, or by polling where they are blocked. */
import { Live } from "../client/live.js";
import { orak } from "./calls.js";
import { byId, setText } from "./element.js";
import { t } from "./language.js";

const BUSY = 1500; // ms between requests without live events, while a take is being converted
const CALM = 15_000; // ms between requests without live events, otherwise
const LIVE = 60_000; // ms between requests with live events

export class Updates {
  /** @param {import("./shelf.js").Shelf} shelf */
  constructor(shelf) {
    this.shelf = shelf;
    /** Set while a user is signed in. @type {Live | undefined} */
    this.live = undefined;
    addEventListener("online", () => void this.refresh());
    addEventListener("offline", () => this.showConnection(false));
    document.addEventListener("visibilitychange", () => !document.hidden && void this.refresh());
  }

  begin() {
    this.end();
    this.live = new Live(orak(), {
      // If this fetch fails, the next refresh repeats it.
      onStep: (step) => void this.shelf.applyEvent(step).catch(() => undefined),
      // Changes between the last refresh and the first event were missed.
      onState: (state) => void (state === "live" ? this.refresh() : state === "polling" && this.refreshSoon()),
    });
    void this.refresh();
  }

  end() {
    this.live?.close();
    this.live = undefined;
    clearTimeout(this.timer);
  }

  /** Refresh shortly, after an action. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), BUSY);
  }

  async refresh() {
    const { live } = this;
    if (!live) return;
    try {
      await this.shelf.refresh();
      this.showConnection(true);
    } catch {
      this.showConnection(navigator.onLine);
    }
    if (this.live !== live) return;
    const pollInterval = this.shelf.isConverting ? BUSY : CALM;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), live.state === "live" ? LIVE : pollInterval);
  }

  /** @param {boolean} online */
  showConnection(online) {
    setText(byId("connection"), () => (online ? "" : t("offline")));
  }
}
