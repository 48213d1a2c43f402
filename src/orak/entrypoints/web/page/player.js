// @ts-check
/** The player: one take at a time, with a waveform drawn by wavesurfer.js from the peaks that orak computed. */
import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";
import { el, refreshTexts } from "./element.js";
import { clock, spokenLength } from "./formats.js";
import { t, words } from "./language.js";
import { notify } from "./notices.js";

/** @typedef {import("./calls.js").Take} Take */

/** Pixels. This height is part of wavesurfer's style sheet, whose hash is in the Content-Security-Policy. */
const HEIGHT = 64;
const STEP = 5; // seconds per arrow key
const LEAP = 15; // seconds per Page Up or Page Down

/** The open player. @type {Player | null} */
let current = null;

export class Player {
  /**
   * Open the waveform of *take* in *place* and close the previous player.
   * @param {Take} take
   * @param {HTMLElement} place
   * @param {() => void} changed called when playback starts or stops
   */
  constructor(take, place, changed) {
    current?.close();
    current = this;
    this.take = take;
    this.place = place;
    this.changed = changed;
    this.length = take.durationSeconds ?? 0;
    this.audio = new Audio();
    this.audio.preload = "none";
    this.audio.src = take.publicUrl ?? "";
    this.now = el("span", {});
    this.all = el("span", {});
    this.wave = el("div", {
      class: "wave",
      role: "slider",
      tabindex: 0,
      label: () => t("position", { title: this.take.title }),
      "aria-valuemin": 0,
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.handleKey(event),
    });
    const times = el("p", { class: "wave-times", "aria-hidden": "true" }, this.now, this.all);
    place.replaceChildren(this.wave, times);
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.changed());
    for (const name of ["timeupdate", "seeking", "durationchange"]) {
      this.audio.addEventListener(name, () => this.showPosition());
    }
    this.audio.addEventListener("error", () => this.showFailure());
    this.showPosition();
    this.drawn = this.draw();
  }

  /** Use the new title of *take*. @param {Take} take */
  rename(take) {
    this.take = take;
    refreshTexts(this.place);
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  async toggle() {
    if (this.playing) return this.audio.pause();
    if (this.audio.error) this.audio.load();
    try {
      await this.audio.play();
    } catch (failure) {
      // Pausing or closing before playback starts rejects too.
      if (!(failure instanceof DOMException && failure.name === "AbortError")) this.showFailure();
    }
  }

  close() {
    if (current === this) current = null;
    this.closed = true;
    this.audio.pause();
    this.surfer?.destroy();
    this.audio.removeAttribute("src");
    this.audio.load(); // closes the connection
    this.place.replaceChildren();
    this.changed();
  }

  /** Update the colours after a change of colour scheme. */
  repaint() {
    this.surfer?.setOptions(colours(this.wave));
  }

  async draw() {
    const { peaks, seconds } = await waveform(this.take.waveformUrl);
    if (this.closed) return;
    if (seconds) this.length = seconds;
    this.surfer = WaveSurfer.create({
      container: this.wave,
      media: this.audio,
      url: this.audio.src,
      peaks,
      duration: this.length || 1,
      height: HEIGHT,
      barWidth: 2,
      barGap: 2,
      barRadius: 2,
      barMinHeight: 2,
      cursorWidth: 2,
      normalize: true,
      dragToSeek: true,
      hideScrollbar: true,
      ...colours(this.wave),
    });
    this.showPosition();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const now = this.audio.currentTime;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: now - STEP,
      ArrowDown: now - STEP,
      ArrowRight: now + STEP,
      ArrowUp: now + STEP,
      PageDown: now - LEAP,
      PageUp: now + LEAP,
      Home: 0,
      End: this.length,
    };
    if (event.key in targets) this.audio.currentTime = Math.min(Math.max(0, targets[event.key]), this.length);
    else if (event.key === " " || event.key === "Enter") void this.toggle();
    else return;
    event.preventDefault();
  }

  showPosition() {
    const { currentTime, duration } = this.audio;
    if (Number.isFinite(duration) && duration > 0) this.length = duration;
    this.now.textContent = clock(currentTime);
    this.all.textContent = clock(this.length);
    this.wave.setAttribute("aria-valuemax", String(Math.round(this.length)));
    this.wave.setAttribute("aria-valuenow", String(Math.round(currentTime)));
    const times = { now: spokenLength(currentTime), all: spokenLength(this.length) };
    this.wave.setAttribute("aria-valuetext", t("positionNow", times));
  }

  showFailure() {
    if (this.closed || !this.audio.getAttribute("src")) return;
    this.changed();
    notify(words("playbackFailed"), { kind: "error" });
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => current?.repaint());

/** @param {Element} node */
function colours(node) {
  const style = getComputedStyle(node);
  return {
    waveColor: mixed(style.getPropertyValue("--celadon"), style.getPropertyValue("--surface")),
    progressColor: style.getPropertyValue("--celadon"),
    cursorColor: style.getPropertyValue("--vermilion"),
  };
}

/** @param {string} strong @param {string} ground */
const mixed = (strong, ground) => `color-mix(in srgb, ${strong} 45%, ${ground})`;

/**
 * Fetch the peaks of a take: maxima and minima. Without them the waveform is flat, but the take still plays.
 * @param {string | null} url
 */
async function waveform(url) {
  try {
    const answer = await fetch(url ?? "");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    /** @type {{ durationSeconds: number, peaks: [number, number][] }} */
    const { durationSeconds, peaks } = await answer.json();
    return { seconds: durationSeconds, peaks: [peaks.map(([, high]) => high), peaks.map(([low]) => low)] };
  } catch {
    return { seconds: 0, peaks: [[0, 0]] };
  }
}
