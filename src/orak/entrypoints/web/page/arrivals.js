// @ts-check
/** Uploads in progress, each with a form for its title. */
import { OrakError } from "../client/api.js";
import { byId, el, icon, ICONS, setText } from "./element.js";
import { size } from "./formats.js";
import { t, words } from "./language.js";
import { announce, notify } from "./notices.js";
import { reasonOf } from "./take.js";

/** @typedef {import("../client/delivery.js").Delivery} Delivery */
/** @typedef {import("./element.js").Words} Words */
/** @typedef {import("./calls.js").Take} Take */

let number = 0;

/** @type {Set<Arrival>} */
const inProgress = new Set();

/** The files that are being uploaded, with what their users have entered. @returns {{ file: File, title: string }[]} */
export const filesInProgress = () =>
  [...inProgress].flatMap(({ delivery: { blob }, input }) => (blob instanceof File ? [{ file: blob, title: input.value }] : []));

/** Stop all uploads when the user signs out. Recordings on the device stay there. */
export async function abandonAll() {
  await Promise.all([...inProgress].map((arrival) => arrival.abandon()));
}

/** One upload in progress. */
export class Arrival {
  /**
   * @param {Words} name shown until it has a title
   * @param {string} suggestion
   * @param {Delivery} delivery
   * @param {(take: Take) => void} onRecord
   */
  constructor(name, suggestion, delivery, onRecord) {
    this.name = name;
    this.delivery = delivery;
    this.onRecord = onRecord;
    /** Whether the user has entered a title. */
    this.hasTitle = false;
    /** @type {((title: string) => void) | undefined} */
    this.answer = undefined;
    this.stop = new AbortController();
    number += 1;
    const id = `title-${number}`;
    this.input = el("input", { id, maxlength: 255, value: delivery.title ?? suggestion, placeholder: t("titlePlaceholder") });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.save = el("button", { class: "solid", text: words("save") });
    const label = el("label", { for: id, text: () => t("titleOf", { name: name() }) });
    const form = el(
      "form",
      { novalidate: true, onsubmit: (/** @type {Event} */ event) => this.submit(event) },
      label,
      this.input,
      this.save,
      this.problem,
    );
    this.bar = el("progress", { max: 1, value: 0, label: () => t("uploadProgress", { name: name() }) });
    this.status = el("p", { text: words("preparing") });
    this.cancelButton = el("button", {
      type: "button",
      class: "quiet",
      label: () => t("cancelUpload", { name: name() }),
      onclick: () => this.cancel(),
    }, icon(ICONS.close), el("span", { text: words("cancel") }));
    this.foot = el("div", { class: "arrival-foot" }, this.status, this.cancelButton);
    this.node = el("li", { class: "arrival card" }, form, this.bar, this.foot);
    byId("arrivals-list").prepend(this.node);
    if (delivery.title !== undefined) this.lockTitle(); // the user entered it before the page was closed
    inProgress.add(this);
    showSection();
    void this.run();
  }

  focus() {
    this.node.scrollIntoView({ block: "center" });
    this.input.focus({ preventScroll: true });
    this.input.select();
  }

  async run() {
    this.again?.remove();
    this.status.classList.remove("problem");
    const { delivery, stop } = this;
    try {
      const take = await delivery.run({
        askTitle: () => this.askTitle(),
        onProgress: (sent, total) => this.showProgress(sent, total),
        onWaiting: (waiting) => setText(this.status, words(waiting ? "waitingForNetwork" : "goingOn")),
        signal: stop.signal,
      });
      if (stop.signal.aborted) return; // the record was created too late to stop; `discard` deletes it
      this.close();
      announce(words("savedNotice", { title: take.title }));
      this.onRecord(take);
    } catch (failure) {
      if (!stop.signal.aborted) this.showFailure(failure);
    }
  }

  /** @returns {Promise<string>} */
  askTitle() {
    if (this.hasTitle) return Promise.resolve(this.input.value.trim()); // entered before a failure
    return new Promise((resolve) => (this.answer = resolve));
  }

  /** @param {Event} event */
  submit(event) {
    event.preventDefault();
    const title = this.input.value.trim();
    if (!title) return this.rejectTitle(words("titleRequired"));
    this.lockTitle();
    if (this.bar.value >= 1) setText(this.status, words("saving"));
    if (this.again?.isConnected) void this.tryAgain();
    else this.answer?.(title);
  }

  /** Accept the title and lock the form. */
  lockTitle() {
    this.hasTitle = true;
    setText(this.problem, () => "");
    this.input.removeAttribute("aria-invalid");
    this.input.readOnly = true;
    this.save.disabled = true;
  }

  /** Reject the title and unlock the form. @param {Words} reason */
  rejectTitle(reason) {
    this.hasTitle = false;
    this.input.readOnly = false;
    this.save.disabled = false;
    setText(this.problem, reason);
    this.input.setAttribute("aria-invalid", "true");
    this.input.focus();
  }

  /** @param {number} sent @param {number} total bytes */
  showProgress(sent, total) {
    this.bar.value = total ? sent / total : 0;
    if (sent < total) setText(this.status, () => t("sent", { sent: size(sent), total: size(total) }));
    else setText(this.status, words(this.hasTitle ? "saving" : "arrived"));
  }

  /** @param {unknown} failure */
  showFailure(failure) {
    if (this.hasTitle && failure instanceof OrakError && this.delivery.title === undefined) {
      this.rejectTitle(() => reasonOf(failure)); // only the title was refused
      return void this.run();
    }
    const text = () => t("uploadFailed", { reason: reasonOf(failure) });
    setText(this.status, text);
    announce(() => `${this.name()}. ${text()}`);
    this.status.classList.add("problem");
    const isFinal = failure instanceof OrakError && failure.status === 400; // orak does not accept the file
    this.input.readOnly = this.save.disabled = isFinal; // otherwise the title may be changed
    if (isFinal) return this.cancelButton.focus();
    const again = { type: "button", class: "outlined", text: words("tryAgain"), onclick: () => this.tryAgain() };
    this.again = el("button", again);
    this.cancelButton.before(this.again);
  }

  async tryAgain() {
    const title = this.input.value.trim();
    if (this.hasTitle && !title) return this.rejectTitle(words("titleRequired"));
    if (this.hasTitle) this.lockTitle();
    if (this.hasTitle && title !== this.delivery.title) await this.delivery.rename(title);
    this.stop = new AbortController();
    void this.run();
  }

  cancel() {
    this.stop.abort(new DOMException("cancelled", "AbortError"));
    this.close();
    this.delivery.discard().catch((failure) => {
      notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
    });
  }

  async abandon() {
    this.stop.abort(new DOMException("signed out", "AbortError"));
    this.close();
    await this.delivery.letGo();
  }

  close() {
    if (!inProgress.delete(this)) return;
    const hadFocus = this.node.contains(document.activeElement);
    this.node.remove();
    showSection();
    if (hadFocus) (byId("arrivals-list").querySelector("input") ?? byId("takes")).focus();
  }
}

/** Whether closing the page would lose an upload. */
export const hasUploads = () => byId("arrivals-list").hasChildNodes();

function showSection() {
  byId("arrivals").hidden = !hasUploads();
}
