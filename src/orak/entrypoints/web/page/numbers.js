// @ts-check
/** The counts on the operators' page, each with its recent history. */
import { el, setText } from "./element.js";
import { clock, count } from "./formats.js";
import { t, words } from "./language.js";
import { Sparkline } from "./sparkline.js";

/**
 * @typedef {object} Statistics
 * @property {number} activeJobs
 * @property {number} maxConcurrentJobs
 * @property {number} failedCount
 * @property {number} completedCount
 * @property {boolean} batchEnabled
 * @property {number} queueDepth
 * @property {number} waitingUsers
 * @property {number} batchSize
 * @property {number} orphanCount
 * @property {number} oldestWaitingSeconds
 */

/** @typedef {import("./language.js").TextKey} TextKey */

/**
 * @typedef {object} Shown
 * @property {TextKey} name
 * @property {(statistics: Statistics) => number} value
 * @property {(value: number) => string} [written]
 * @property {(statistics: Statistics) => string} [beside]
 */

/** @type {Shown[]} */
const SHOWN = [
  {
    name: "queueDepth",
    value: (read) => read.queueDepth,
    beside: (read) => t("ofUsers", { count: count(read.waitingUsers) }),
  },
  {
    name: "activeJobs",
    value: (read) => read.activeJobs,
    beside: (read) => t("ofAtMost", { count: count(read.maxConcurrentJobs) }),
  },
  { name: "oldestWaiting", value: (read) => read.oldestWaitingSeconds, written: clock },
  { name: "completed", value: (read) => read.completedCount },
  { name: "failedCount", value: (read) => read.failedCount },
  { name: "orphanCount", value: (read) => read.orphanCount },
];

export class Numbers {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.clear();
  }

  clear() {
    this.tiles = SHOWN.map((shown) => new Tile(shown));
    this.place.replaceChildren(...this.tiles.map(({ node }) => node));
  }

  /** @param {Statistics} statistics */
  show(statistics) {
    for (const tile of this.tiles ?? []) tile.show(statistics);
  }
}

class Tile {
  /** @param {Shown} shown */
  constructor(shown) {
    this.shown = shown;
    this.value = el("dd", { class: "number" });
    this.beside = el("dd", { class: "hint small" });
    this.line = new Sparkline(words(shown.name));
    this.node = el(
      "div",
      { class: "tile card" },
      el("dt", { text: words(shown.name) }),
      this.value,
      this.beside,
      el("dd", { class: "trend" }, this.line.node),
    );
  }

  /** @param {Statistics} statistics */
  show(statistics) {
    const { shown } = this;
    const value = shown.value(statistics);
    setText(this.value, () => (shown.written ?? count)(value));
    setText(this.beside, () => shown.beside?.(statistics) ?? "");
    this.line.add(value);
    this.line.describe(words(shown.name));
  }
}
