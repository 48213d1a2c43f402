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
  /** @param {(delivery: Delivery) => void} onRecorded called with each finished recording */
  constructor(onRecorded) {
    this.onRecorded = onRecorded;
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
    this.setState("idle");
    this.showHint("idleHint");
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
    this.setState("idle");
    this.showHint("idleHint");
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
    else this.setState(state === "starting" ? "busy" : state);
  }

  async press() {
    if (this.state === "busy") return;
    await (this.recording ? this.stop() : this.start());
  }

  async start() {
    const { service } = this;
    if (!service) return;
    this.showHint("asking");
    service.deviceId = this.chosen.value || undefined;
    try {
      await service.startRecording();
    } catch (failure) {
      return this.showFailure(failure);
    }
    this.warned = false;
    this.showHint("recordingHint");
    announce(words("recordingStarted"));
    this.showLevel();
    void this.listDevices();
  }

  /** @param {unknown} [reason] why it ended, if the user did not stop it */
  async stop(reason) {
    const { service } = this;
    if (!service) return;
    this.setState("busy");
    this.showHint("finishing");
    try {
      const delivery = await service.endRecording();
      if (service !== this.service) return await delivery.letGo(); // the user has signed out
      this.onRecorded(delivery);
      this.showFailure(reason);
    } catch (failure) {
      this.showFailure(failure);
    }
    this.setState("idle");
  }

  pause() {
    if (this.state === "recording") {
      this.service?.pauseRecording();
      this.showHint("pausedHint");
      announce(words("recordingPaused"));
    } else if (this.state === "paused") {
      this.service?.resumeRecording();
      this.showHint(this.warned ? "recordingUnkept" : "recordingHint");
      this.showLevel();
    }
  }

  /** @param {StageState} state */
  setState(state) {
    this.state = state;
    byId("stage").dataset.state = this.button.dataset.state = state;
    this.button.setAttribute("aria-busy", String(state === "busy"));
    setText(this.button, words(this.recording ? "stopRecording" : "startRecording"), "aria-label");
    this.pauseButton.hidden = !this.recording;
    setText(this.pauseButton, words(state === "paused" ? "resume" : "pause"));
    byId("microphone-choice").hidden = this.recording || state === "busy" || !this.devices;
    if (!this.recording) {
      this.ripples.clear();
      this.button.style.removeProperty("--level");
      setText(byId("clipping"), () => "");
      this.showTime(0);
    }
  }

  showLevel() {
    if (this.state !== "recording" || !this.service) return;
    const { level, seconds, isKept } = this.service;
    if (!isKept && !this.warned) this.warn();
    this.button.style.setProperty("--level", level.peak.toFixed(2));
    this.ripples.add(level);
    if (level.isClipping) {
      setText(byId("clipping"), words("tooLoud"));
      clearTimeout(this.warningTimer);
      this.warningTimer = setTimeout(() => setText(byId("clipping"), () => ""), WARNING_SHOWN);
    }
    this.showTime(seconds);
    clearTimeout(this.levelTimer);
    this.levelTimer = setTimeout(() => requestAnimationFrame(() => this.showLevel()), LEVEL_INTERVAL);
  }

  /** Warn that the recording is not kept, contrary to the hint. */
  warn() {
    this.warned = true;
    this.showHint("recordingUnkept");
    announce(words("recordingUnkept"));
  }

  /** @param {number} seconds */
  showTime(seconds) {
    const timer = byId("timer");
    timer.toggleAttribute("data-idle", !this.recording);
    setText(timer, () => clock(seconds));
  }

  /** @param {TextKey} key @param {Record<string, string>} [values] */
  showHint(key, values) {
    const node = byId("stage-hint");
    node.classList.remove("problem");
    setText(node, words(key, values));
  }

  /** @param {unknown} failure */
  showFailure(failure) {
    const name = failure instanceof Error ? failure.name : "";
    if (!failure || name === "AbortError") return this.showHint("idleHint"); // not a failure
    const [key, values] = REASONS[name] ?? ["recordingFailed", { reason: String(failure) }];
    this.showHint(key, values);
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
