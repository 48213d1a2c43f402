// @ts-check
/** The recorder: the record button, the clock and the input level. */
import { byId, el, setText } from "./element.js";
import { clock } from "./formats.js";
import { t, words } from "./language.js";
import { announce } from "./notices.js";
import { Ripples } from "./ripples.js";

/** @typedef {import("./language.js").TextKey} TextKey */
/** @typedef {import("../client/delivery.js").Delivery} Delivery */
/** @typedef {import("../client/recording-service.js").RecordingService} RecordingService */
/** @typedef {"idle" | "busy" | "recording" | "paused"} StageState */

const LEVEL_INTERVAL = 40; // ms between readings of the level
const WARNING_SHOWN = 2500; // ms that a warning about clipping stays

export class Stage {
  /** @param {(delivery: Delivery) => void} recorded called with each finished recording */
  constructor(recorded) {
    this.recorded = recorded;
    /** Whether the user has been warned that the recording is not kept. */
    this.warned = false;
    /** The service of the signed-in user. @type {RecordingService | undefined} */
    this.service = undefined;
    this.button = /** @type {HTMLButtonElement} */ (byId("record"));
    this.pauseButton = byId("pause");
    this.chosen = /** @type {HTMLSelectElement} */ (byId("microphone"));
    this.ripples = new Ripples(/** @type {HTMLCanvasElement} */ (byId("ripples")));
    this.button.addEventListener("click", () => void this.press());
    this.pauseButton.addEventListener("click", () => this.pause());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.listDevices());
    this.be("idle");
    this.hint("idleHint");
  }

  /** Start accepting recordings after sign-in. @param {RecordingService} service */
  open(service) {
    this.service = service;
    service.onChange = () => this.follow(service);
    void this.listDevices();
  }

  /** Stop after sign-out. The recording stays on the device. */
  async close() {
    const { service } = this;
    this.service = undefined;
    this.be("idle");
    this.hint("idleHint");
    await service?.close();
  }

  get recording() {
    return this.state === "recording" || this.state === "paused";
  }

  /** @param {RecordingService} service */
  follow(service) {
    if (service !== this.service) return;
    const { state } = service;
    if (state === "interrupted") void this.stop(new DOMException("the microphone was disconnected", "NotFoundError"));
    else this.be(state === "starting" ? "busy" : state);
  }

  async press() {
    if (this.state === "busy") return;
    await (this.recording ? this.stop() : this.start());
  }

  async start() {
    const { service } = this;
    if (!service) return;
    this.hint("asking");
    service.deviceId = this.chosen.value || undefined;
    try {
      await service.startRecording();
    } catch (failure) {
      return this.explain(failure);
    }
    this.warned = false;
    this.hint("recordingHint");
    announce(words("recordingStarted"));
    this.watch();
    void this.listDevices();
  }

  /** @param {unknown} [reason] why it ended, if the user did not stop it */
  async stop(reason) {
    const { service } = this;
    if (!service) return;
    this.be("busy");
    this.hint("finishing");
    try {
      const delivery = await service.endRecording();
      if (service !== this.service) return await delivery.letGo(); // the user has signed out
      this.recorded(delivery);
      this.explain(reason);
    } catch (failure) {
      this.explain(failure);
    }
    this.be("idle");
  }

  pause() {
    if (this.state === "recording") {
      this.service?.pauseRecording();
      this.hint("pausedHint");
      announce(words("recordingPaused"));
    } else if (this.state === "paused") {
      this.service?.resumeRecording();
      this.hint(this.warned ? "recordingUnkept" : "recordingHint");
      this.watch();
    }
  }

  /** @param {StageState} state */
  be(state) {
    this.state = state;
    byId("stage").dataset.state = this.button.dataset.state = state;
    this.button.setAttribute("aria-busy", String(state === "busy"));
    setText(this.button, words(this.recording ? "stopRecording" : "startRecording"), "aria-label");
    this.pauseButton.hidden = !this.recording;
    setText(this.pauseButton, words(state === "paused" ? "resume" : "pause"));
    byId("microphone-choice").hidden = this.recording || state === "busy" || !this.devices;
    if (!this.recording) {
      this.ripples.calm();
      this.button.style.removeProperty("--level");
      setText(byId("clipping"), () => "");
      this.showTime(0);
    }
  }

  watch() {
    if (this.state !== "recording" || !this.service) return;
    const { level, seconds, isKept } = this.service;
    if (!isKept && !this.warned) this.warn();
    this.button.style.setProperty("--level", level.peak.toFixed(2));
    this.ripples.hear(level);
    if (level.isClipping) {
      setText(byId("clipping"), words("tooLoud"));
      clearTimeout(this.quiet);
      this.quiet = setTimeout(() => setText(byId("clipping"), () => ""), WARNING_SHOWN);
    }
    this.showTime(seconds);
    clearTimeout(this.next);
    this.next = setTimeout(() => requestAnimationFrame(() => this.watch()), LEVEL_INTERVAL);
  }

  /** Warn that the recording is not kept, contrary to the hint. */
  warn() {
    this.warned = true;
    this.hint("recordingUnkept");
    announce(words("recordingUnkept"));
  }

  /** @param {number} seconds */
  showTime(seconds) {
    const timer = byId("timer");
    timer.toggleAttribute("data-idle", !this.recording);
    setText(timer, () => clock(seconds));
  }

  /** @param {TextKey} key @param {Record<string, string>} [values] */
  hint(key, values) {
    const node = byId("stage-hint");
    node.classList.remove("problem");
    setText(node, words(key, values));
  }

  /** @param {unknown} failure */
  explain(failure) {
    const name = failure instanceof Error ? failure.name : "";
    if (!failure || name === "AbortError") return this.hint("idleHint"); // not a failure
    const [key, values] = REASONS[name] ?? ["recordingFailed", { reason: String(failure) }];
    this.hint(key, values);
    byId("stage-hint").classList.add("problem");
    announce(() => t(key, values));
  }

  async listDevices() {
    const all = (await this.service?.devices()) ?? [];
    // Without permission they have no labels; "default" repeats one of the others.
    const devices = all.filter(({ label, deviceId }) => label && deviceId !== "default");
    this.devices = devices.length > 1;
    const { chosen } = this;
    const kept = chosen.value;
    const first = el("option", { value: "", text: words("microphoneDefault") });
    chosen.replaceChildren(first, ...devices.map(({ deviceId, label }) => el("option", { value: deviceId }, label)));
    chosen.value = devices.some(({ deviceId }) => deviceId === kept) ? kept : "";
    byId("microphone-choice").hidden = this.recording || this.state === "busy" || !this.devices;
  }
}

/** Texts for the browser's errors. @type {Record<string, [TextKey, Record<string, string>?]>} */
const REASONS = {
  NotAllowedError: ["microphoneRefused"],
  SecurityError: ["microphoneRefused"],
  NotFoundError: ["microphoneMissing"],
  OverconstrainedError: ["microphoneMissing"],
  NotReadableError: ["microphoneBusy"],
  NotSupportedError: ["recordingUnsupported"],
  EmptyTakeError: ["emptyTake"],
};
