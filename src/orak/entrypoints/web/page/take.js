// @ts-check
/** One row of the list: play, rename, retry or delete a take. */
import { OrakError } from "../client/api.js";
import { takes } from "./calls.js";
import { el, icon, ICONS, refreshTexts, setText } from "./element.js";
import { clock, percent, spokenLength, when } from "./formats.js";
import { t, words } from "./language.js";
import { notify } from "./notices.js";
import { Player } from "./player.js";

/** @typedef {import("./calls.js").Take} Take */

export class TakeRow {
  /**
   * @param {Take} take
   * @param {{ remove: (row: TakeRow) => void, changed: (take: Take) => void }} shelf
   */
  constructor(take, shelf) {
    this.take = take;
    this.shelf = shelf;
    /** @type {Player | null} */
    this.player = null;
    /** The values that the row shows. @type {string | undefined} */
    this.shown = undefined;
    this.node = el("li", { class: "take", "data-id": take.id });
    this.button = el("button", { type: "button", class: "round take-play", onclick: () => this.play() });
    this.title = el("p", { class: "take-title", dir: "auto" });
    this.meta = el("p", { class: "take-meta" });
    this.body = el("div", { class: "take-body" }, this.title, this.meta);
    this.place = el("div", { class: "take-player" });
    this.node.append(this.button, this.body, this.actions(), this.place);
    this.show();
  }

  /** Show the current values of *take*. @param {Take} take */
  update(take) {
    const hasMoved = take.publicUrl !== this.take.publicUrl;
    this.take = take;
    if (hasMoved) this.player?.close();
    this.show();
  }

  actions() {
    const name = () => ({ title: this.take.title });
    this.renameButton = el("button", {
      type: "button",
      class: "round",
      label: () => t("rename", name()),
      onclick: () => this.rename(),
    }, icon(ICONS.rename));
    const remove = el("button", {
      type: "button",
      class: "round take-remove",
      label: () => t("remove", name()),
      onclick: () => this.shelf.remove(this),
    }, icon(ICONS.remove));
    return el("div", { class: "take-actions" }, this.renameButton, remove);
  }

  show() {
    const { take } = this;
    const playing = this.player?.playing ?? false;
    this.node.dataset.status = take.processingStatus;
    if (this.title.textContent !== take.title) {
      this.title.textContent = take.title;
      refreshTexts(this.node); // the labels of all buttons contain the title
    }
    this.button.disabled = take.publicUrl === null;
    this.button.classList.toggle("playing", playing);
    if (this.button.dataset.shape !== String(playing)) {
      this.button.replaceChildren(icon(playing ? ICONS.pause : ICONS.play));
      this.button.dataset.shape = String(playing);
    }
    setText(this.button, () => t(playing ? "pausePlayback" : "play", { title: this.take.title }), "aria-label");
    this.showState();
  }

  showState() {
    const { take } = this;
    const state = `${take.processingStatus} ${take.progress} ${take.durationSeconds} ${JSON.stringify(take.failure)}`;
    if (this.shown === state) return;
    this.shown = state;
    this.bar?.remove();
    this.retryButton?.remove();
    if (take.processingStatus === "FAILED") {
      const why = el("span", { class: "problem", text: () => take.failure?.message ?? t("failed") });
      this.meta.replaceChildren(why);
      if (!take.failure?.retryable) return; // another run would fail too
      this.retryButton = el("button", {
        type: "button",
        class: "outlined take-retry",
        label: () => t("retryOf", { title: this.take.title }),
        onclick: () => this.retry(),
      }, icon(ICONS.again), el("span", { text: words("retry") }));
      this.body.append(this.retryButton);
    } else if (take.processingStatus === "PROCESSING") {
      this.meta.replaceChildren(el("span", {
        text: () => (take.progress ? t("converting", { percent: percent(take.progress / 100) }) : t("waiting")),
      }));
      this.bar = el("progress", { max: 100, value: take.progress, label: () => take.title });
      this.body.append(this.bar);
    } else {
      const length = take.durationSeconds;
      const shown = length === null ? null : el("span", { "aria-hidden": "true", text: () => `${clock(length)} · ` });
      const read = length === null ? null : el("span", { class: "unseen", text: () => `${spokenLength(length)}, ` });
      this.meta.replaceChildren(
        ...[shown, read].filter((node) => node !== null),
        el("time", { datetime: take.createdAt, text: () => when(take.createdAt) }),
      );
    }
  }

  /** Show the waveform without playing. */
  open() {
    if (this.player && !this.player.closed) return;
    this.player = new Player(this.take, this.place, () => this.show());
  }

  async play() {
    this.open();
    await this.player?.toggle();
  }

  close() {
    this.player?.close();
  }

  rename() {
    const input = el("input", {
      value: this.take.title,
      maxlength: 255,
      required: true,
      label: () => t("titleOf", { name: this.take.title }),
    });
    const problem = el("p", { class: "problem", role: "alert" });
    const end = () => {
      form.replaceWith(this.title);
      this.meta.hidden = false;
      this.node.classList.remove("renaming");
      this.renameButton?.focus();
    };
    const form = el(
      "form",
      {
        onsubmit: async (/** @type {Event} */ event) => {
          event.preventDefault();
          const title = input.value.trim();
          if (!title) return setText(problem, words("titleRequired"));
          try {
            this.take = await takes().rename(this.take.id, title);
          } catch (failure) {
            return setText(problem, () => reasonOf(failure));
          }
          this.player?.rename(this.take);
          end();
          this.show();
          this.shelf.changed(this.take);
        },
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Escape") end();
        },
      },
      input,
      el("button", { class: "solid", text: words("save") }),
      el("button", { type: "button", class: "outlined", text: words("cancel"), onclick: end }),
      problem,
    );
    this.title.replaceWith(form);
    this.meta.hidden = true;
    this.node.classList.add("renaming");
    input.focus();
    input.select();
  }

  async retry() {
    if (this.retryButton) this.retryButton.disabled = true;
    try {
      this.update(await takes().retry(this.take.id));
      this.shelf.changed(this.take);
      this.renameButton?.focus();
    } catch (failure) {
      if (this.retryButton) this.retryButton.disabled = false;
      notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
    }
  }
}

/** Return the text that explains a failure. @param {unknown} failure */
export function reasonOf(failure) {
  if (failure instanceof OrakError && failure.status === 0) return t("offline");
  if (failure instanceof OrakError && failure.code === "STORE_REFUSED") return t("storeRefused");
  const name = failure instanceof Error ? failure.name : "";
  if (name in REASONS) return t(REASONS[name]);
  if (failure instanceof OrakError && failure.details.some(({ code }) => code === "UNSUPPORTED_TYPE")) {
    return t("unsupportedFile", { formats: t("formats") }); // orak's message lists all content types
  }
  if (failure instanceof OrakError && failure.details.length) {
    return failure.details.map(({ message }) => message).join(". "); // each names one wrong field
  }
  return failure instanceof Error ? failure.message : String(failure);
}

/** Texts for errors of the client, which are not translated. @type {Record<string, import("./language.js").TextKey>} */
const REASONS = {
  EmptyTakeError: "emptyFile",
  InvalidStateError: "takenElsewhere",
  NotFoundError: "takeGone",
};
