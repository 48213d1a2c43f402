// @ts-check
/** Keeping the shelf true while one looks at it: by what orak tells, and by asking where that does not get through. */
import { Live } from "../client/live.js";
import { orak } from "./calls.js";
import { byId, say } from "./element.js";
import { t } from "./language.js";

const BUSY = 1500; // ms between looks while something is being converted, and nobody tells
const CALM = 15_000; // ms between looks while nothing is
const TOLD = 60_000; // ms between looks while orak tells

export class Updates {
  /** @param {import("./shelf.js").Shelf} shelf */
  constructor(shelf) {
    this.shelf = shelf;
    /** Set while somebody is in. @type {Live | undefined} */
    this.live = undefined;
    addEventListener("online", () => void this.look());
    addEventListener("offline", () => this.show(false));
    document.addEventListener("visibilitychange", () => !document.hidden && void this.look());
  }

  begin() {
    this.end();
    this.live = new Live(orak(), {
      // What cannot be fetched now, the next look brings.
      onStep: (step) => void this.shelf.step(step).catch(() => undefined),
      // What happened between the last look and the first word, nobody told.
      onState: (state) => void (state === "live" ? this.look() : state === "polling" && this.soon()),
    });
    void this.look();
  }

  end() {
    this.live?.close();
    this.live = undefined;
    clearTimeout(this.timer);
  }

  /** Something was set going: look again before long. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), BUSY);
  }

  async look() {
    const { live } = this;
    if (!live) return;
    try {
      await this.shelf.refresh();
      this.show(true);
    } catch {
      this.show(navigator.onLine);
    }
    if (this.live !== live) return;
    const unwatched = this.shelf.restless ? BUSY : CALM;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), live.state === "live" ? TOLD : unwatched);
  }

  /** @param {boolean} online */
  show(online) {
    say(byId("connection"), () => (online ? "" : t("offline")));
  }
}
