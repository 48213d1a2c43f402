// @ts-check
/** Keeping the shelf true while one looks at it. */
import { byId, say } from "./element.js";
import { t } from "./language.js";

const BUSY = 1500; // ms between looks while something is being converted
const CALM = 15_000; // ms between looks while nothing is

export class Updates {
  /** @param {import("./shelf.js").Shelf} shelf */
  constructor(shelf) {
    this.shelf = shelf;
    this.running = false;
    addEventListener("online", () => this.running && void this.look());
    addEventListener("offline", () => this.show(false));
    document.addEventListener("visibilitychange", () => !document.hidden && this.running && void this.look());
  }

  begin() {
    this.running = true;
    void this.look();
  }

  end() {
    this.running = false;
    clearTimeout(this.timer);
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
    this.timer = setTimeout(() => void this.look(), this.shelf.restless ? BUSY : CALM);
  }

  /** @param {boolean} online */
  show(online) {
    say(byId("connection"), () => (online ? "" : t("offline")));
  }
}
