// @ts-check
/** Recording from the microphone, up to the finished record. */
import { Capture, microphones, openMicrophone } from "./capture.js";
import { Delivery } from "./delivery.js";
import { openTake, Takes } from "./takes.js";
import { EmptyTakeError, UploadSteps } from "./upload-steps.js";
import { withDuration } from "./webm.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./takes.js").KeptTake} KeptTake */

/** @typedef {"idle" | "starting" | "recording" | "paused" | "interrupted"} RecordingState */

/**
 * @typedef {object} RecordingOptions
 * @property {Takes} [takes]
 * @property {number | null} [songId] of the song being sung
 * @property {string} [deviceId] of the microphone; default: the browser's choice
 * @property {() => void} [onChange] called when `state` or `uploads` changes
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] true when the upload waits for the network, false when it continues
 */

/** Records from the microphone, uploads the audio and creates the record. */
export class RecordingService extends UploadSteps {
  #uploads = 0;
  /** @type {RecordingState} */
  #state = "idle";
  /** @type {Capture | undefined} */
  #capture;
  /** @type {{ promise: Promise<void>, isCancelled: boolean } | undefined} */
  #starting;
  /** @type {Promise<Delivery> | undefined} */
  #ending;
  /** @type {Promise<RecordResponse> | undefined} */
  #stopping;

  /** @param {import("./api.js").Access & import("./upload-steps.js").StepOptions & RecordingOptions} [options] */
  constructor(options = {}) {
    super(options);
    this.takes = options.takes ?? new Takes();
    this.songId = options.songId ?? null;
    this.deviceId = options.deviceId;
    this.onChange = options.onChange;
    this.onProgress = options.onProgress;
    this.onWaiting = options.onWaiting;
  }

  get state() {
    return this.#state;
  }

  /** Number of uploads in progress. */
  get uploads() {
    return this.#uploads;
  }

  /** The current input level. @returns {Level} */
  get level() {
    return this.#capture?.level ?? { rms: 0, peak: 0, isClipping: false };
  }

  /** Seconds recorded, without pauses. */
  get seconds() {
    return this.#capture?.seconds ?? 0;
  }

  /** Whether the recording would survive a closed tab: false in a private window or on a full disk. */
  get isKept() {
    return this.#capture?.kept.failure === undefined;
  }

  /** Return the available microphones. */
  devices() {
    return microphones();
  }

  /**
   * Ask for the microphone and start recording. While it is already starting or recording, a call changes nothing.
   * Rejects with the browser's DOMException (NotAllowedError, NotFoundError, ...), or with AbortError if it was stopped
   * before it started.
   * @returns {Promise<void>}
   */
  startRecording() {
    if (this.#starting) return this.#starting.promise;
    if (this.#capture && !this.#ending) return Promise.resolve();
    this.#stopping = undefined; // the previous recording continues to upload; a stop now means this one
    const starting = { promise: Promise.resolve(), isCancelled: false };
    this.#starting = starting;
    starting.promise = this.#begin(starting).finally(() => {
      if (this.#starting === starting) this.#starting = undefined;
      if (!this.#capture && !this.#starting) this.#change("idle");
    });
    return starting.promise;
  }

  /** @param {{ isCancelled: boolean }} starting */
  async #begin(starting) {
    if (this.#ending) await this.#ending.catch(() => undefined);
    if (starting.isCancelled) throw stopped();
    this.#change("starting");
    const stream = await openMicrophone(this.deviceId);
    if (starting.isCancelled) {
      for (const track of stream.getTracks()) track.stop();
      throw stopped();
    }
    const capture = new Capture(stream, this.takes, this.songId, () => {
      if (this.#capture === capture && !this.#ending) this.#change("interrupted");
    });
    this.#capture = capture;
    this.#change("recording");
  }

  pauseRecording() {
    this.#capture?.pause();
    if (this.#capture?.isPaused) this.#change("paused");
  }

  resumeRecording() {
    if (!this.#capture?.isPaused) return;
    this.#capture.resume();
    this.#change("recording");
  }

  /**
   * Stop recording, then upload the audio while asking for its title. A second call returns the same record.
   * If this fails or the title is refused, the recording stays on the device: see `unfinishedTakes`.
   * @param {string} [title] used instead of asking
   * @returns {Promise<RecordResponse>}
   */
  stopRecording(title) {
    if (this.#stopping) return this.#stopping;
    const stopping = this.endRecording()
      .then((delivery) => this.#send(delivery, title))
      .finally(() => {
        if (this.#stopping === stopping) this.#stopping = undefined;
      });
    this.#stopping = stopping;
    return stopping;
  }

  /**
   * Stop recording and return a delivery, for apps that send it themselves: `run` it, `discard` it, or `letGo` to keep
   * it for later. Rejects with `EmptyTakeError`, with AbortError if the microphone was still being requested, and with
   * InvalidStateError if nothing is being recorded.
   * @returns {Promise<Delivery>}
   */
  endRecording() {
    if (this.#ending) return this.#ending;
    if (this.#starting) {
      this.#forgetStarting();
      this.#change("idle");
      return Promise.reject(stopped());
    }
    const capture = this.#capture;
    if (!capture) return Promise.reject(new DOMException("nothing is being recorded", "InvalidStateError"));
    this.#ending = this.#end(capture).finally(() => (this.#ending = undefined));
    return this.#ending;
  }

  /** @param {Capture} capture */
  async #end(capture) {
    const blob = await capture.finish();
    if (this.#capture === capture) {
      this.#capture = undefined;
      this.#change("idle");
    }
    await capture.kept.note({ seconds: capture.seconds, songId: this.songId });
    return this.#delivery(blob, capture.kept);
  }

  /** Stop recording and delete the audio. */
  async discardRecording() {
    const capture = await this.#release();
    await capture?.kept.forget();
  }

  /** Release the microphone. The recording stays on the device. */
  async close() {
    await this.#release();
  }

  async #release() {
    this.#forgetStarting();
    const capture = this.#capture;
    this.#capture = undefined;
    this.#change("idle");
    if (!capture) return undefined;
    await capture.finish();
    if (!this.#ending) await capture.kept.letGo();
    return capture;
  }

  #forgetStarting() {
    if (this.#starting) this.#starting.isCancelled = true;
    this.#starting = undefined;
  }

  /**
   * Return the recordings on this device that have no record yet and are not open in any tab.
   * @returns {Promise<KeptTake[]>}
   */
  unfinishedTakes() {
    return this.takes.unfinished();
  }

  /**
   * Send a recording that is kept on the device.
   * @param {string} id
   * @param {string} [title] used instead of asking
   * @returns {Promise<RecordResponse>}
   */
  async finishTake(id, title) {
    return this.#send(await this.takeUp(id), title);
  }

  /**
   * Open a recording that is kept on the device, for apps that send it themselves. Rejects with `EmptyTakeError`, with
   * NotFoundError if it is gone, and with InvalidStateError while it is open in this tab or another.
   * @param {string} id
   * @returns {Promise<Delivery>}
   */
  async takeUp(id) {
    const { blob, kept } = await openTake(this.takes, id);
    return this.#delivery(blob, kept);
  }

  /** Delete a recording from the device and from orak. Rejects like `takeUp`. @param {string} id */
  async discardTake(id) {
    try {
      await (await this.takeUp(id)).discard();
    } catch (failure) {
      if (!(failure instanceof EmptyTakeError)) throw failure; // `takeUp` has already deleted an empty one
    }
  }

  /** @param {Blob} blob @param {KeptPieces} kept */
  async #delivery(blob, kept) {
    if (!blob.size) {
      await kept.forget();
      throw new EmptyTakeError("the recording is empty");
    }
    const { seconds } = kept.take;
    const pack = async () => ({ blob: await withDuration(blob, seconds), durationSeconds: seconds });
    return new Delivery(this, blob, pack, { kept });
  }

  /** @param {Delivery} delivery @param {string} [title] */
  async #send(delivery, title) {
    this.#uploads += 1;
    this.onChange?.();
    try {
      return await delivery.run({
        askTitle: (signal) => title ?? this.showTitleDialog(signal),
        onProgress: (sent, whole) => this.onProgress?.(sent, whole),
        onWaiting: (waiting) => this.onWaiting?.(waiting),
      });
    } catch (failure) {
      await delivery.letGo();
      throw failure;
    } finally {
      this.#uploads -= 1;
      this.onChange?.();
    }
  }

  /** @param {RecordingState} state */
  #change(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.onChange?.();
  }
}

const stopped = () => new DOMException("stopped before recording started", "AbortError");
