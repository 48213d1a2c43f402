// @ts-check
/** Recording: from the microphone to a record. */
import { Api, newKey, OrakError } from "./api.js";
import { Capture, microphones, openMicrophone } from "./capture.js";
import { createRecord, EmptyTakeError, sendAndAsk } from "./sending.js";
import { Takes } from "./takes.js";
import { contentTypeOf, filenameOf, guarded, presign, put, Upload } from "./upload.js";
import { withDuration } from "./webm.js";

/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./sending.js").AskTitle} AskTitle */
/** @typedef {import("./sending.js").NewRecord} NewRecord */
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
  /** @param {import("./api.js").ApiOptions & RecordingOptions} options */
  constructor(options) {
    this.api = new Api(options);
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
    if (this.capture) return Promise.resolve();
    const starting = { promise: Promise.resolve(), isCancelled: false };
    this.starting = starting;
    this.change("starting");
    starting.promise = this.begin(starting).finally(() => {
      if (this.starting === starting) this.starting = undefined;
      if (!this.capture && !this.starting) this.change("idle");
    });
    return starting.promise;
  }

  /** @param {{ isCancelled: boolean }} starting */
  async begin(starting) {
    const stream = await openMicrophone(this.deviceId);
    if (starting.isCancelled) {
      for (const track of stream.getTracks()) track.stop();
      throw new DOMException("stopped before it began", "AbortError");
    }
    const capture = new Capture(stream, this.takes, () => {
      if (this.capture === capture) this.change("interrupted");
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
    if (this.starting) {
      this.starting.isCancelled = true;
      this.starting = undefined;
      this.change("idle");
      return Promise.reject(new DOMException("stopped before it began", "AbortError"));
    }
    const { capture } = this;
    if (!capture) return Promise.reject(new DOMException("nothing is being recorded", "InvalidStateError"));
    const stopping = this.end(capture, title).finally(() => {
      if (this.stopping === stopping) this.stopping = undefined;
    });
    this.stopping = stopping;
    return stopping;
  }

  /** @param {Capture} capture @param {string} [title] */
  async end(capture, title) {
    const blob = await capture.finish();
    this.capture = undefined;
    this.stopping = undefined; // the next take may begin while this one is sent
    this.change("idle");
    const { kept, seconds } = capture;
    if (!blob.size) {
      await kept.forget();
      throw new EmptyTakeError("nothing was recorded");
    }
    await kept.note({ seconds, songId: this.songId });
    return this.send(blob, kept, title);
  }

  /** End the recording and keep nothing of it. */
  async discardRecording() {
    const capture = await this.close();
    await capture?.kept.forget();
  }

  /** Let the microphone go. What was recorded stays on the device. */
  async close() {
    if (this.starting) this.starting.isCancelled = true;
    this.starting = undefined;
    const { capture } = this;
    this.capture = undefined;
    this.change("idle");
    if (!capture) return undefined;
    await capture.finish();
    await capture.kept.written;
    capture.kept.letGo();
    return capture;
  }

  /** Takes that have not become records, and that no tab works on. @returns {Promise<KeptTake[]>} */
  unfinishedTakes() {
    return this.takes.unfinished();
  }

  /** Send a take that is kept. @param {string} id @param {string} [title] instead of asking @returns {Promise<RecordResponse>} */
  async finishTake(id, title) {
    const found = await this.takes.takeUp(id);
    if (!found) throw new DOMException("there is no such take any more", "NotFoundError");
    if (found.blob.size) return this.send(found.blob, found.kept, title);
    await found.kept.forget();
    throw new EmptyTakeError("nothing was recorded");
  }

  /** @param {string} id */
  discardTake(id) {
    return this.takes.discard(id);
  }

  /** @param {Blob} blob @param {KeptPieces} kept @param {string} [title] */
  async send(blob, kept, title) {
    this.uploads += 1;
    this.onChange?.();
    try {
      const record = await guarded(() => this.deliver(blob, kept, title));
      await kept.forget();
      return record;
    } catch (failure) {
      kept.letGo();
      throw failure;
    } finally {
      this.uploads -= 1;
      this.onChange?.();
    }
  }

  /** @param {Blob} blob @param {KeptPieces} kept @param {string} [title] @returns {Promise<RecordResponse>} */
  async deliver(blob, kept, title) {
    const remembered = kept.take;
    if (remembered.uploadId === undefined || remembered.title === undefined) {
      const whole = await withDuration(blob, remembered.seconds);
      const upload = new Upload(this.api, this.parcel(whole, remembered.seconds));
      try {
        const asked = title === undefined ? this.showTitleDialog.bind(this) : () => title;
        const given = await sendAndAsk(upload, asked, { onProgress: this.onProgress, onWaiting: this.onWaiting });
        await kept.note({ uploadId: upload.uploadId, title: given, key: newKey() });
      } catch (failure) {
        await upload.cancel();
        throw failure;
      }
    }
    return this.name(kept);
  }

  /** Create the record of a take that has arrived; whatever was lost of an earlier try, once. @param {KeptPieces} kept */
  async name(kept) {
    const { uploadId, title, key, songId, seconds } = kept.take;
    const record = { uploadId: Number(uploadId), title: String(title), songId, durationSeconds: seconds };
    try {
      return await createRecord(this.api, record, { key: String(key) });
    } catch (failure) {
      // A refusal does not change by repeating it: the next try sends and asks anew.
      const isFinal = failure instanceof OrakError && failure.status >= 400 && failure.status < 500;
      if (isFinal && ![401, 408, 429].includes(failure.status)) {
        await this.api.call("DELETE", `/uploads/${uploadId}`).catch(() => undefined);
        await kept.note({ uploadId: undefined, title: undefined, key: undefined });
      }
      throw failure;
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
