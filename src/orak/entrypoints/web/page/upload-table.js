// @ts-check
/** A table of uploads on the operators' page: dead letters or orphans. */
import { nextCursor } from "../client/records.js";
import { orak } from "./calls.js";
import { el, icon, ICONS } from "./element.js";
import { count, size, when } from "./formats.js";
import { t, words } from "./language.js";
import { notify } from "./notices.js";
import { reasonOf } from "./take.js";

/**
 * @typedef {object} ListedUpload
 * @property {number} uploadId
 * @property {number} userId
 * @property {number} fileSize
 * @property {string} createdAt
 * @property {string | null} errorMessage
 * @property {{ code: string, message: string, retryable: boolean } | null} failure
 */

/** @typedef {import("./language.js").TextKey} TextKey */

const PAGE = 50;

export class UploadTable {
  /**
   * @param {HTMLElement} place
   * @param {string} path
   * @param {TextKey} empty
   * @param {(id: number) => Promise<void>} [replay]
   */
  constructor(place, path, empty, replay) {
    this.place = place;
    this.path = path;
    this.empty = empty;
    this.replay = replay;
    /** @type {string | undefined} */
    this.shown = undefined;
  }

  async refresh() {
    const answer = await orak().call("GET", `${this.path}?limit=${PAGE}`);
    /** @type {ListedUpload[]} */
    const uploads = await answer.json();
    const shown = JSON.stringify(uploads);
    if (shown === this.shown) return; // keeps the focus on a button
    this.shown = shown;
    const rows = uploads.map((upload) => this.row(upload));
    const more = nextCursor(answer) ? el("p", { class: "hint", text: () => `${count(PAGE)}+` }) : null;
    const content = rows.length ? el("ul", {}, ...rows) : el("p", { class: "hint", text: words(this.empty) });
    this.place.replaceChildren(...[content, more].filter((node) => node !== null));
  }

  /** @param {ListedUpload} upload */
  row(upload) {
    const { uploadId: id, failure } = upload;
    const facts = el(
      "p",
      { class: "hint small" },
      el("span", { text: () => `${t("singer")} ${upload.userId} · ${size(upload.fileSize)} · ` }),
      el("time", { datetime: upload.createdAt, text: () => when(upload.createdAt) }),
    );
    const why = failure ? el("p", { class: "problem" }, failure.message, " ", el("code", {}, failure.code)) : null;
    const name = el("p", { class: "standing-name", text: () => `${t("upload")} ${id}` });
    return el("li", { class: "standing" }, el("div", {}, name, why, facts), this.replay && failure?.retryable ? this.button(id) : null);
  }

  /** @param {number} id */
  button(id) {
    const button = el("button", {
      type: "button",
      class: "outlined",
      label: () => t("replayOf", { id }),
      onclick: async () => {
        button.disabled = true;
        try {
          await this.replay?.(id);
        } catch (failure) {
          button.disabled = false;
          notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
        }
      },
    }, icon(ICONS.again), el("span", { text: words("replay") }));
    return button;
  }
}
