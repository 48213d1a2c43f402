// @ts-check
/** The list of takes, newest first, kept up to date. */
import { takes } from "./calls.js";
import { deleteLater, isBeingDeleted } from "./deletions.js";
import { byId, el, setText } from "./element.js";
import { count } from "./formats.js";
import { onLanguage, t, words } from "./language.js";
import { announce, notify } from "./notices.js";
import { reasonOf, TakeRow } from "./take.js";

/** @typedef {import("./calls.js").Take} Take */

const PAGE = 50; // takes per request

export class Shelf {
  constructor() {
    this.list = byId("takes-list");
    this.state = byId("takes-state");
    this.more = byId("more");
    /** @type {Map<number, TakeRow>} */
    this.rows = new Map();
    /** @type {string | null} */
    this.next = null;
    /** Changes with each sign-in: a late answer may belong to the previous user. */
    this.visit = 0;
    this.more.addEventListener("click", () => void this.showMore());
    onLanguage(() => void this.refresh()); // failure messages come from the server in the new language
  }

  /** Whether a take is being converted. */
  get isConverting() {
    return [...this.rows.values()].some(({ take }) => take.processingStatus === "PROCESSING");
  }

  /** Fetch the newest page and update the list. */
  async refresh() {
    if (!this.rows.size && !this.state.hasChildNodes()) this.showState(words("loading"));
    const { visit } = this;
    let page;
    try {
      page = await takes().list({ limit: PAGE });
    } catch (failure) {
      if (visit !== this.visit) return;
      if (!this.rows.size) this.showFailure(failure);
      throw failure;
    }
    if (visit !== this.visit) return;
    const first = !this.loaded;
    this.loaded = true;
    if (first) this.next = page.next;
    this.removeMissing(page, page.next === null);
    for (const take of page.toReversed()) this.put(take);
    this.showCount();
    if (first) this.openFirst();
  }

  /** Update *take*, or insert it in order: a new one at the top. @param {Take} take */
  put(take) {
    if (isBeingDeleted(take.id)) return;
    const row = this.rows.get(take.id);
    if (row) {
      const before = row.take.processingStatus;
      row.update(take);
      if (before !== take.processingStatus) this.announceStatus(take);
      return;
    }
    const made = this.row(take);
    const after = [...this.rows.values()].find((other) => other.take.id < take.id);
    this.list.insertBefore(made.node, after?.node ?? null);
    this.rows.set(take.id, made);
    this.rows = new Map([...this.rows].sort(([one], [other]) => other - one));
    this.showCount();
  }

  /** Apply one live event. @param {{ recordId: number, processingStatus: string, progress: number, deleted?: boolean }} step */
  async applyEvent({ recordId, processingStatus, progress, deleted = false }) {
    const row = this.rows.get(recordId);
    if (deleted) return row && this.removeRow(row);
    if (row && processingStatus === "PROCESSING" && row.take.processingStatus === "PROCESSING") {
      return row.update({ ...row.take, progress });
    }
    const { visit } = this;
    const take = await takes().get(recordId);
    if (visit === this.visit) this.put(take);
  }

  async showMore() {
    if (!this.next) return;
    const { visit } = this;
    try {
      const page = await takes().list({ limit: PAGE, cursor: this.next });
      if (visit !== this.visit) return;
      this.next = page.next;
      for (const take of page) this.put(take);
      this.showCount();
    } catch (failure) {
      notify(() => t("listFailed", { reason: reasonOf(failure) }), { kind: "error" });
    }
  }

  /** @param {Take} take */
  row(take) {
    const { visit } = this;
    const changed = (/** @type {Take} */ now) => visit === this.visit && this.put(now);
    return new TakeRow(take, { remove: (row) => this.remove(row), changed });
  }

  /** @param {TakeRow} row */
  remove(row) {
    const neighbour = row.node.nextElementSibling ?? row.node.previousElementSibling;
    deleteLater(row.take, {
      restore: () => {
        this.put(row.take);
        this.rows.get(row.take.id)?.button.focus();
      },
      onFailure: (failure) => notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" }),
    });
    this.removeRow(row);
    const next = /** @type {HTMLElement | null} */ (neighbour?.querySelector(".take-remove"));
    (next ?? byId("record")).focus();
  }

  /** @param {TakeRow} row */
  removeRow(row) {
    row.close();
    row.node.remove();
    this.rows.delete(row.take.id);
    this.showCount();
  }

  clear() {
    this.visit += 1;
    for (const row of [...this.rows.values()]) this.removeRow(row);
    this.loaded = false;
    this.next = null;
    this.state.replaceChildren();
    byId("takes-count").textContent = "";
  }

  /** Remove rows that are missing from the newest page. @param {Take[]} takes @param {boolean} all */
  removeMissing(takes, all) {
    const kept = new Set(takes.map(({ id }) => id));
    const oldest = all ? 0 : Math.min(...kept);
    for (const row of [...this.rows.values()]) {
      if (row.take.id >= oldest && !kept.has(row.take.id)) this.removeRow(row);
    }
  }

  openFirst() {
    [...this.rows.values()].find(({ take }) => take.publicUrl)?.open();
  }

  /** @param {Take} take */
  announceStatus(take) {
    if (take.processingStatus === "COMPLETED") announce(words("announceReady", { title: take.title }));
    if (take.processingStatus === "FAILED") announce(words("announceFailed", { title: take.title }));
  }

  showCount() {
    this.more.hidden = this.next === null;
    const { size } = this.rows;
    setText(byId("takes-count"), () => {
      if (!size) return "";
      const shown = this.next ? `${count(size)}+` : count(size);
      return size === 1 ? t("takesCountOne") : t("takesCount", { count: shown });
    });
    if (size) this.state.replaceChildren();
    else if (this.loaded) this.showState(words("emptyLead"), words("emptyHeading"));
  }

  /** @param {() => string} lead @param {() => string} [heading] */
  showState(lead, heading) {
    this.state.replaceChildren(...(heading ? [el("h3", { text: heading })] : []), el("p", { text: lead }));
  }

  /** @param {unknown} failure */
  showFailure(failure) {
    this.showState(() => t("listFailed", { reason: reasonOf(failure) }));
    const again = () => this.refresh().catch(() => undefined);
    this.state.append(el("button", { type: "button", class: "outlined", text: words("retry"), onclick: again }));
  }
}
