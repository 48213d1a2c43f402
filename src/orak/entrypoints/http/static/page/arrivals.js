// @ts-check
/** Takes on their way: bytes that move, and a title that is asked for meanwhile. */
import { byId, el, icon, ICONS, say } from "./element.js";
import { size } from "./formats.js";
import { t, words } from "./language.js";
import { announce } from "./notices.js";
import { reasonOf } from "./take.js";

/** @typedef {import("./element.js").Words} Words */
/** @typedef {import("./calls.js").Take} Take */

/**
 * @typedef {object} Asking what an upload may ask of its card
 * @property {() => Promise<string>} askTitle resolves when somebody has given one; rejects when they cancel
 * @property {(sent: number, total: number) => void} progress
 * @property {(waiting: boolean) => void} offline
 * @property {AbortSignal} signal
 */

let number = 0;

/** @type {Set<Arrival>} */
const underway = new Set();

/** Whoever signs out takes nothing along: what goes up stops, and what is kept on the device stays. */
export function abandonAll() {
  for (const arrival of underway) arrival.abandon();
}

/** One take on its way. */
export class Arrival {
  /**
   * @param {Words} name what it is called as long as it has no title
   * @param {string} suggestion
   * @param {(asking: Asking) => Promise<Take>} send
   * @param {(take: Take) => void} arrived
   * @param {(done: boolean) => void} [over] is called at the end: `done` when it arrived or was cancelled, and nothing
   *   needs to be kept of it
   */
  constructor(name, suggestion, send, arrived, over = () => undefined) {
    this.over = over;
    this.name = name;
    this.send = send;
    this.arrived = arrived;
    /** @type {string | null} */
    this.title = null;
    this.stop = new AbortController();
    number += 1;
    const id = `title-${number}`;
    this.input = el("input", { id, maxlength: 255, value: suggestion, placeholder: t("titlePlaceholder") });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.save = el("button", { class: "solid", text: words("save") });
    const label = el("label", { for: id, text: () => t("titleOf", { name: name() }) });
    const form = el(
      "form",
      { novalidate: true, onsubmit: (/** @type {Event} */ event) => this.give(event) },
      label,
      this.input,
      this.save,
      this.problem,
    );
    this.bar = el("progress", { max: 1, value: 0, label: () => t("uploadProgress", { name: name() }) });
    this.said = el("p", { text: words("preparing") });
    this.cancelButton = el("button", {
      type: "button",
      class: "quiet",
      label: () => t("cancelUpload", { name: name() }),
      onclick: () => this.cancel(),
    }, icon(ICONS.close), el("span", { text: words("cancel") }));
    this.foot = el("div", { class: "arrival-foot" }, this.said, this.cancelButton);
    this.node = el("li", { class: "arrival card" }, form, this.bar, this.foot);
    byId("arrivals-list").prepend(this.node);
    underway.add(this);
    showList();
    void this.run();
  }

  focus() {
    this.node.scrollIntoView({ block: "center" });
    this.input.focus({ preventScroll: true });
    this.input.select();
  }

  async run() {
    this.again?.remove();
    this.said.classList.remove("problem");
    try {
      const take = await this.send({
        askTitle: () => this.asked(),
        progress: (sent, total) => this.move(sent, total),
        offline: (waiting) => waiting && say(this.said, words("waitingForNetwork")),
        signal: this.stop.signal,
      });
      this.close();
      announce(words("savedNotice", { title: take.title }));
      this.arrived(take);
    } catch (failure) {
      if (this.stop.signal.aborted) this.close();
      else this.fail(failure);
    }
  }

  /** @returns {Promise<string>} */
  asked() {
    if (this.title !== null) return Promise.resolve(this.title); // a second try does not ask again
    return new Promise((resolve, reject) => {
      this.given = resolve;
      this.stop.signal.addEventListener("abort", () => reject(this.stop.signal.reason), { once: true });
    });
  }

  /** @param {Event} event */
  give(event) {
    event.preventDefault();
    const title = this.input.value.trim();
    if (!title) {
      say(this.problem, words("titleRequired"));
      this.input.setAttribute("aria-invalid", "true");
      return this.input.focus();
    }
    say(this.problem, () => "");
    this.input.removeAttribute("aria-invalid");
    this.title = title;
    this.input.readOnly = true;
    this.save.disabled = true;
    if (this.bar.value >= 1) say(this.said, words("saving"));
    this.given?.(title);
  }

  /** @param {number} sent @param {number} total bytes */
  move(sent, total) {
    this.bar.value = total ? sent / total : 0;
    if (sent < total) say(this.said, () => t("sent", { sent: size(sent), total: size(total) }));
    else say(this.said, words(this.title === null ? "arrived" : "saving"));
  }

  /** @param {unknown} failure */
  fail(failure) {
    say(this.said, () => t("uploadFailed", { reason: reasonOf(failure) }));
    this.said.classList.add("problem");
    this.input.readOnly = false;
    this.save.disabled = this.title !== null;
    const again = () => {
      this.stop = new AbortController();
      void this.run();
    };
    this.again = el("button", { type: "button", class: "outlined", text: words("tryAgain"), onclick: again });
    this.cancelButton.before(this.again);
  }

  cancel() {
    const failed = this.again?.isConnected;
    this.stop.abort(new DOMException("cancelled", "AbortError"));
    if (failed) this.close();
  }

  abandon() {
    this.stop.abort(new DOMException("signed out", "AbortError"));
    this.close(false);
  }

  /** @param {boolean} [done] */
  close(done = true) {
    if (!underway.delete(this)) return;
    const held = this.node.contains(document.activeElement);
    this.node.remove();
    this.over(done);
    showList();
    if (held) (byId("arrivals-list").querySelector("input") ?? byId("takes")).focus();
  }
}

/** Whether something would be lost by leaving. */
export const anyArriving = () => byId("arrivals-list").hasChildNodes();

function showList() {
  byId("arrivals").hidden = !anyArriving();
}
