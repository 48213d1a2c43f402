// @ts-check
/** The stage: one button, a clock, and the voice. */
import { byId, el, say } from "./element.js";
import { clock } from "./formats.js";
import { t, words } from "./language.js";
import { announce } from "./notices.js";
import { Ripples } from "./ripples.js";

/** @typedef {import("./language.js").TextKey} TextKey */
/** @typedef {"idle" | "busy" | "recording" | "paused"} StageState */

/**
 * @typedef {object} Recorder what the stage works
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} stop
 * @property {() => void} abandon stop; what was sung stays on the device
 * @property {() => void} pause
 * @property {() => void} resume
 * @property {() => number} level the loudest sample since it was last asked, 0 to 1
 * @property {() => number} seconds recorded so far
 * @property {() => Promise<{ deviceId: string, label: string }[]>} devices those that have names by now
 * @property {(deviceId: string) => void} choose
 */

const LOUD_SHOWN = 2500; // ms that the word about a loud voice stays

export class Stage {
  /** @param {Recorder} recorder */
  constructor(recorder) {
    this.recorder = recorder;
    this.button = /** @type {HTMLButtonElement} */ (byId("record"));
    this.pauseButton = byId("pause");
    this.ripples = new Ripples(/** @type {HTMLCanvasElement} */ (byId("ripples")));
    this.button.addEventListener("click", () => void this.press());
    this.pauseButton.addEventListener("click", () => this.pause());
    byId("microphone").addEventListener("change", (event) => {
      recorder.choose(/** @type {HTMLSelectElement} */ (event.target).value);
    });
    this.be("idle");
    this.hint("idleHint");
    void this.listDevices();
  }

  get recording() {
    return this.state === "recording" || this.state === "paused";
  }

  async press() {
    if (this.state === "busy") return;
    await (this.recording ? this.stop() : this.start());
  }

  async start() {
    this.be("busy");
    this.hint("asking");
    try {
      await this.recorder.start();
    } catch (failure) {
      this.be("idle");
      return this.explain(failure);
    }
    this.be("recording");
    this.hint("recordingHint");
    announce(words("recordingStarted"));
    this.watch();
    void this.listDevices();
  }

  async stop() {
    this.be("busy");
    this.hint("finishing");
    try {
      await this.recorder.stop();
      this.hint("idleHint");
    } catch (failure) {
      this.explain(failure);
    }
    this.be("idle");
  }

  /** It ended by itself: the microphone is gone, or something failed. @param {unknown} [failure] */
  ended(failure) {
    this.be("idle");
    if (failure) this.explain(failure);
    else this.hint("idleHint");
  }

  /** Stop without a take. */
  abandon() {
    this.recorder.abandon();
    this.be("idle");
    this.hint("idleHint");
  }

  pause() {
    if (this.state === "recording") {
      this.recorder.pause();
      this.be("paused");
      this.hint("pausedHint");
      announce(words("recordingPaused"));
    } else if (this.state === "paused") {
      this.recorder.resume();
      this.be("recording");
      this.hint("recordingHint");
      this.watch();
    }
  }

  /** @param {StageState} state */
  be(state) {
    this.state = state;
    byId("stage").dataset.state = this.button.dataset.state = state;
    this.button.setAttribute("aria-busy", String(state === "busy"));
    say(this.button, words(this.recording ? "stopRecording" : "startRecording"), "aria-label");
    this.pauseButton.hidden = !this.recording;
    say(this.pauseButton, words(state === "paused" ? "resume" : "pause"));
    byId("microphone-choice").hidden = this.recording || state === "busy" || !this.devices;
    if (!this.recording) {
      this.ripples.calm();
      this.button.style.removeProperty("--level");
      say(byId("clipping"), () => "");
      this.showTime(0);
    }
  }

  watch() {
    if (this.state !== "recording") return;
    const level = this.recorder.level();
    this.button.style.setProperty("--level", level.toFixed(2));
    if (this.ripples.hear(level)) {
      say(byId("clipping"), words("tooLoud"));
      clearTimeout(this.quiet);
      this.quiet = setTimeout(() => say(byId("clipping"), () => ""), LOUD_SHOWN);
    }
    this.showTime(this.recorder.seconds());
    setTimeout(() => requestAnimationFrame(() => this.watch()), 40);
  }

  /** @param {number} seconds */
  showTime(seconds) {
    const timer = byId("timer");
    timer.toggleAttribute("data-idle", !this.recording);
    say(timer, () => clock(seconds));
  }

  /** @param {TextKey} key @param {Record<string, string>} [values] */
  hint(key, values) {
    const node = byId("stage-hint");
    node.classList.remove("problem");
    say(node, words(key, values));
  }

  /** @param {unknown} failure */
  explain(failure) {
    const name = failure instanceof Error ? failure.name : "";
    const [key, values] = REASONS[name] ?? ["recordingFailed", { reason: String(failure) }];
    this.hint(key, values);
    byId("stage-hint").classList.add("problem");
    announce(() => t(key, values));
  }

  async listDevices() {
    const devices = await this.recorder.devices();
    this.devices = devices.length > 1;
    const chosen = /** @type {HTMLSelectElement} */ (byId("microphone"));
    const kept = chosen.value;
    const first = el("option", { value: "", text: words("microphoneDefault") });
    chosen.replaceChildren(first, ...devices.map(({ deviceId, label }) => el("option", { value: deviceId }, label)));
    chosen.value = devices.some(({ deviceId }) => deviceId === kept) ? kept : "";
    byId("microphone-choice").hidden = this.recording || this.state === "busy" || !this.devices;
  }
}

/** What a browser calls it, and what to do about it. @type {Record<string, [TextKey, Record<string, string>?]>} */
const REASONS = {
  NotAllowedError: ["microphoneRefused"],
  SecurityError: ["microphoneRefused"],
  NotFoundError: ["microphoneMissing"],
  OverconstrainedError: ["microphoneMissing"],
  NotReadableError: ["microphoneBusy"],
  NotSupportedError: ["recordingUnsupported"],
  EmptyTakeError: ["emptyTake"],
};
