// @ts-check
/** Recording: from the microphone to a record. */
import { apiOf, newKey } from "./api.js";
import { Capture, microphones, openMicrophone } from "./capture.js";
import { contentTypeOf, filenameOf } from "./content-types.js";
import { Delivery, EmptyTakeError } from "./delivery.js";
import { guarded } from "./leaving.js";
import { createRecord } from "./records.js";
import { Takes } from "./takes.js";
import { presign, put } from "./upload.js";
import { withDuration } from "./webm.js";

/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./delivery.js").AskTitle} AskTitle */
/** @typedef {import("./records.js").NewRecord} NewRecord */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./takes.js").KeptTake} KeptTake */

/** @typedef {"idle" | "starting" | "recording" | "paused" | "interrupted"} RecordingState */

/**
 * @typedef {object} RecordingOptions
 * @property {AskTitle} [showTitleDialog]
 * @property {Takes} [takes]
 * @property {number | null} [songId] that is sung
 * @property {string} [deviceId] of the microphone; the default one otherwise
 * @property {() => void} [onChange] `state`, or the number of `uploads`, is another
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] the network is away, or back
 */

export class RecordingService {
  /** @param {import("./api.js").Access & RecordingOptions} options */
  constructor(options) {
    this.api = apiOf(options);
    this.takes = options.takes ?? new Takes();
    this.songId = options.songId ?? null;
    this.deviceId = options.deviceId;
    this.onChange = options.onChange;
    this.onProgress = options.onProgress;
    this.onWaiting = options.onWaiting;
    /** How many takes are on their way. */
    this.uploads = 0;
    /** @type {RecordingState} */
    this.state = "idle";
    /** @type {Capture | undefined} */
    this.capture = undefined;
    /** @type {{ promise: Promise<void>, isCancelled: boolean } | undefined} */
    this.starting = undefined;
    /** @type {Promise<Delivery> | undefined} */
    this.ending = undefined;
    /** @type {Promise<RecordResponse> | undefined} */
    this.stopping = undefined;
    /** @type {Map<string, PresignedUrl>} */
    this.signed = new Map();
    if (options.showTitleDialog) this.showTitleDialog = options.showTitleDialog;
  }

  get token() {
    return this.api.token;
  }

  set token(token) {
    this.api.token = token;
  }

  /**
   * The app's own: given as an option, or overridden.
   * @param {AbortSignal} _signal aborts when nobody needs a title any more
   * @returns {Promise<string | null> | string | null}
   */
  showTitleDialog(_signal) {
    throw new TypeError("give RecordingService a showTitleDialog");
  }

  /** How loud it is now. @returns {Level} */
  get level() {
    return this.capture?.level ?? { rms: 0, peak: 0, isClipping: false };
  }

  /** Seconds recorded, without pauses. */
  get seconds() {
    return this.capture?.seconds ?? 0;
  }

  /** Whether what is recorded outlives the page: not in a private window, nor on a full disk. */
  get isKept() {
    return this.capture?.kept.failure === undefined;
  }

  /** The microphones there are. */
  devices() {
    return microphones();
  }

  /**
   * Ask for the microphone and record. While it records already, or asks, nothing new begins. Rejects with the
   * browser's own DOMException (NotAllowedError, NotFoundError, ...), AbortError if it was stopped meanwhile.
   * @returns {Promise<void>}
   */
  startRecording() {
    if (this.starting) return this.starting.promise;
    if (this.capture && !this.ending) return Promise.resolve();
    this.stopping = undefined; // the take before goes on its way; a stop is this one's from now on
    const starting = { promise: Promise.resolve(), isCancelled: false };
    this.starting = starting;
    starting.promise = this.begin(starting).finally(() => {
      if (this.starting === starting) this.starting = undefined;
      if (!this.capture && !this.starting) this.change("idle");
    });
    return starting.promise;
  }

  /** @param {{ isCancelled: boolean }} starting */
  async begin(starting) {
    if (this.ending) await this.ending.catch(() => undefined);
    if (starting.isCancelled) throw stopped();
    this.change("starting");
    const stream = await openMicrophone(this.deviceId);
    if (starting.isCancelled) {
      for (const track of stream.getTracks()) track.stop();
      throw stopped();
    }
    const capture = new Capture(stream, this.takes, this.songId, () => {
      if (this.capture === capture && !this.ending) this.change("interrupted");
    });
    this.capture = capture;
    this.change("recording");
  }

  pauseRecording() {
    this.capture?.pause();
    if (this.capture?.isPaused) this.change("paused");
  }

  resumeRecording() {
    if (!this.capture?.isPaused) return;
    this.capture.resume();
    this.change("recording");
  }

  /**
   * End the recording, send it and ask for its title at the same time. A second call gets the same record.
   * When it fails, or the title is refused, the take stays on the device: see `unfinishedTakes`.
   * @param {string} [title] instead of asking
   * @returns {Promise<RecordResponse>}
   */
  stopRecording(title) {
    if (this.stopping) return this.stopping;
    const stopping = this.endRecording()
      .then((delivery) => this.send(delivery, title))
      .finally(() => {
        if (this.stopping === stopping) this.stopping = undefined;
      });
    this.stopping = stopping;
    return stopping;
  }

  /**
   * End the recording, for apps that send it themselves: `run` the delivery, `discard` it, or `letGo` of it for later.
   * Rejects with `EmptyTakeError`, AbortError while the microphone is still asked for, InvalidStateError otherwise.
   * @returns {Promise<Delivery>}
   */
  endRecording() {
    if (this.ending) return this.ending;
    if (this.starting) {
      this.forgetStarting();
      this.change("idle");
      return Promise.reject(stopped());
    }
    const { capture } = this;
    if (!capture) return Promise.reject(new DOMException("nothing is being recorded", "InvalidStateError"));
    this.ending = this.end(capture).finally(() => (this.ending = undefined));
    return this.ending;
  }

  /** @param {Capture} capture */
  async end(capture) {
    const blob = await capture.finish();
    if (this.capture === capture) {
      this.capture = undefined;
      this.change("idle");
    }
    await capture.kept.note({ seconds: capture.seconds, songId: this.songId });
    return this.delivery(blob, capture.kept);
  }

  /** End the recording and keep nothing of it. */
  async discardRecording() {
    const capture = await this.close();
    await capture?.kept.forget();
  }

  /** Let the microphone go. What was recorded stays on the device. */
  async close() {
    this.forgetStarting();
    const { capture } = this;
    this.capture = undefined;
    this.change("idle");
    if (!capture) return undefined;
    await capture.finish();
    if (!this.ending) await capture.kept.letGo();
    return capture;
  }

  forgetStarting() {
    if (this.starting) this.starting.isCancelled = true;
    this.starting = undefined;
  }

  /** Takes that have not become records, and that no tab works on. @returns {Promise<KeptTake[]>} */
  unfinishedTakes() {
    return this.takes.unfinished();
  }

  /** Send a take that is kept. @param {string} id @param {string} [title] instead of asking @returns {Promise<RecordResponse>} */
  async finishTake(id, title) {
    return this.send(await this.takeUp(id), title);
  }

  /**
   * Take up one that is kept, for apps that send it themselves. Rejects with `EmptyTakeError`, NotFoundError if it is
   * gone, InvalidStateError while this tab or another works on it.
   * @param {string} id
   * @returns {Promise<Delivery>}
   */
  async takeUp(id) {
    const { blob, kept } = await this.takes.takeUp(id);
    return this.delivery(blob, kept);
  }

  /** Keep nothing of a take, here or at orak. Rejects as `takeUp`. @param {string} id */
  async discardTake(id) {
    try {
      await (await this.takeUp(id)).discard();
    } catch (failure) {
      if (!(failure instanceof EmptyTakeError)) throw failure; // that one went as it was taken up
    }
  }

  /** @param {Blob} blob @param {KeptPieces} kept */
  async delivery(blob, kept) {
    if (!blob.size) {
      await kept.forget();
      throw new EmptyTakeError("nothing was recorded");
    }
    const { seconds } = kept.take;
    return new Delivery(this.api, blob, async () => this.parcel(await withDuration(blob, seconds), seconds), { kept });
  }

  /** @param {Delivery} delivery @param {string} [title] */
  async send(delivery, title) {
    this.uploads += 1;
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
      this.uploads -= 1;
      this.onChange?.();
    }
  }

  /** @param {Blob} blob @param {number | null} durationSeconds */
  parcel(blob, durationSeconds) {
    const contentType = contentTypeOf(blob);
    return { blob, filename: filenameOf(contentType), contentType, durationSeconds };
  }

  /**
   * Ask for a URL for *blob*. Raises `OrakError`.
   * @param {Blob} blob
   * @param {number | null} [durationSeconds]
   * @returns {Promise<PresignedUrl>}
   */
  async requestPresignedUrl(blob, durationSeconds = null) {
    if (!blob.size) throw new EmptyTakeError("nothing was recorded");
    const signed = await presign(this.api, this.parcel(blob, durationSeconds));
    this.signed.set(signed.presignedUrl, signed);
    return signed;
  }

  /**
   * Send *blob* as signed. Raises `OrakError`: 403 is one too.
   * @param {string | PresignedUrl} presignedUrl what `requestPresignedUrl` resolved to, or the URL in it
   * @param {Blob} blob
   * @param {import("./upload.js").UploadOptions} [options]
   * @returns {Promise<void>}
   */
  async uploadToS3(presignedUrl, blob, options) {
    const signed = typeof presignedUrl === "string" ? this.signed.get(presignedUrl) : presignedUrl;
    if (!signed) throw new TypeError("this service did not ask for that URL: give what requestPresignedUrl resolved to");
    await guarded(() => put(signed, blob, options));
    this.signed.delete(signed.presignedUrl);
  }

  /** Create the record of an upload that has arrived. @param {NewRecord} record @returns {Promise<RecordResponse>} */
  createRecord(record) {
    return createRecord(this.api, record, { key: newKey() });
  }

  /** @param {RecordingState} state */
  change(state) {
    if (this.state === state) return;
    this.state = state;
    this.onChange?.();
  }
}

const stopped = () => new DOMException("stopped before it began", "AbortError");
