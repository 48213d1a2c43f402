// @ts-check
/** Sending one recording: upload its bytes while asking for its title, then create its record exactly once. */
import { isPassing, newKey, OrakError } from "./api.js";
import { confirmLeavingDuring } from "./leaving.js";
import { cancelUpload, Upload } from "./upload.js";
import { EmptyTakeError } from "./upload-steps.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./takes.js").KeptTake} KeptTake */
/** @typedef {import("./upload-steps.js").AskTitle} AskTitle */
/** @typedef {import("./upload-steps.js").UploadSteps} UploadSteps */

/** @typedef {import("./upload.js").UploadOptions & { askTitle: AskTitle }} DeliveryOptions */

/** @typedef {{ blob: Blob | File, durationSeconds: number | null }} Packed what is sent */

/**
 * @typedef {object} Known what is known about the recording so far
 * @property {number} [uploadId] set once the bytes have arrived
 * @property {string} [title]
 * @property {string} [key] Idempotency-Key for creating the record
 * @property {number | null} [songId]
 * @property {number | null} [seconds]
 */

/** Statuses that refuse the upload rather than the title: another try needs a new upload. */
const LOST = [403, 404, 409, 410];

/** One recording or file to send. `endRecording`, `takeUp` and `prepare` of the services make it. */
export class Delivery {
  #service;
  #pack;
  #kept;
  /** @type {Known} */
  #known;
  /** @type {Upload | undefined} */
  #upload;
  /** @type {Promise<RecordResponse> | undefined} */
  #running;

  /**
   * @param {UploadSteps} service
   * @param {Blob} blob
   * @param {() => Promise<Packed>} pack called when the upload starts
   * @param {{ kept?: KeptPieces, songId?: number | null }} [take] `kept`: stores progress on the device
   */
  constructor(service, blob, pack, { kept, songId = null } = {}) {
    if (!blob.size) throw new EmptyTakeError("the file is empty");
    /** What was recorded or chosen. */
    this.blob = blob;
    this.#service = service;
    this.#pack = pack;
    this.#kept = kept;
    this.#known = kept ? { ...kept.take } : { songId };
  }

  /** The title, once it is known. */
  get title() {
    return this.#known.title;
  }

  /** The upload's id, once the bytes have arrived. */
  get uploadId() {
    return this.#known.uploadId;
  }

  /** What is kept on the device; undefined for a chosen file. @returns {KeptTake | undefined} */
  get take() {
    return this.#kept?.take;
  }

  /**
   * Upload the bytes and ask for the title at the same time, then create the record. When one of the two fails, the
   * other is aborted. After a failure, another call continues from what is done. While a run is in progress, a second
   * call returns the same record. When orak refuses, the signal aborts or no title is given, the upload is cancelled at
   * orak. An abort while the record is being created is ignored.
   * Throws `OrakError`, the rejection of *askTitle*, or the reason of the signal.
   * @param {DeliveryOptions} options `askTitle` is called until it has returned a title once
   * @returns {Promise<RecordResponse>}
   */
  run(options) {
    this.#running ??= confirmLeavingDuring(() => this.#deliver(options)).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Change the title before the next run. @param {string} title */
  async rename(title) {
    await this.#note({ title, key: undefined }); // an idempotency key belongs to one request body
  }

  /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
  async cancel() {
    const [upload, known] = [this.#upload, this.#known];
    this.#upload = undefined;
    await this.#note({ uploadId: undefined, key: undefined });
    if (upload) await upload.cancel();
    else if (known.uploadId !== undefined) await cancelUpload(this.#service.api, known.uploadId);
  }

  /**
   * Remove everything from orak and from the device, after an aborted run has ended. This includes a record that was
   * created despite the abort.
   */
  async discard() {
    const late = await this.#running?.catch(() => undefined);
    const { uploadId, key } = this.#known;
    // A key means that creating the record was tried; the answer may have been lost.
    const record = late ?? (uploadId !== undefined && key !== undefined ? await this.#service.records.ofUpload(uploadId) : undefined);
    if (record) await this.#service.records.delete(record.id);
    await this.cancel();
    await this.#kept?.forget();
  }

  /** Keep the recording on the device, after an aborted run has ended, so that any tab can finish it. */
  async letGo() {
    await this.#running?.catch(() => undefined);
    await this.#kept?.letGo();
  }

  /** @param {DeliveryOptions} options @returns {Promise<RecordResponse>} */
  async #deliver(options) {
    const wasThere = this.#known.uploadId !== undefined;
    await this.#sendAndAsk(options);
    try {
      return await this.#create(options);
    } catch (failure) {
      await this.#unlearn(failure);
      // An upload from an earlier visit may have been removed; the bytes are still here.
      if (wasThere && this.#known.uploadId === undefined) return this.#deliver(options);
      throw failure;
    }
  }

  /** @param {DeliveryOptions} options */
  async #sendAndAsk({ askTitle, signal, ...options }) {
    const ending = new AbortController();
    const ended = signal ? AbortSignal.any([signal, ending.signal]) : ending.signal;
    const sent = this.#send({ ...options, signal: ended });
    try {
      // Do not wait for a dialog that ignores its signal.
      await Promise.all([Promise.race([this.#ask(askTitle, ended), rejectedBy(ended)]), sent]);
    } catch (failure) {
      ending.abort(failure);
      await Promise.allSettled([sent]);
      if (!isPassing(failure)) await this.cancel();
      throw failure;
    }
  }

  /** @param {AskTitle} askTitle @param {AbortSignal} signal */
  async #ask(askTitle, signal) {
    if (this.#known.title !== undefined) return;
    const title = await askTitle(signal);
    signal.throwIfAborted();
    if (title === null || title === undefined) throw new DOMException("no title was given", "AbortError");
    await this.rename(title);
  }

  /** @param {import("./upload.js").UploadOptions & { signal: AbortSignal }} options */
  async #send(options) {
    if (this.#known.uploadId !== undefined) return options.onProgress?.(this.blob.size, this.blob.size);
    if (!this.#upload) {
      const { blob, durationSeconds } = await Promise.race([this.#pack(), rejectedBy(options.signal)]);
      await this.#note({ seconds: durationSeconds });
      this.#upload = new Upload(this.#service, blob, durationSeconds);
    }
    const uploadId = await this.#upload.run(options);
    await this.#note({ uploadId });
  }

  /** @param {DeliveryOptions} options */
  async #create({ signal, onWaiting }) {
    await this.#note({ key: this.#known.key ?? newKey() });
    const { uploadId, title, key, songId, seconds } = this.#known;
    const record = { uploadId: Number(uploadId), title: String(title), songId, durationSeconds: seconds };
    const created = await this.#service.createRecord(record, { key, signal, onWaiting });
    // An override may return orak's refusal instead of throwing it: keep the recording.
    if (!created?.id) throw new OrakError("REFUSED", "createRecord returned no record");
    await this.#kept?.forget();
    return created;
  }

  /** Forget what orak's refusal of the record has made useless. @param {unknown} failure */
  async #unlearn(failure) {
    if (!(failure instanceof OrakError)) return; // an earlier try may have succeeded
    if (LOST.includes(failure.status)) await this.cancel();
    else if ([400, 422].includes(failure.status)) await this.#note({ title: undefined, key: undefined });
  }

  /** @param {Known} known */
  async #note(known) {
    this.#known = { ...this.#known, ...known };
    await this.#kept?.note(/** @type {Partial<import("./takes.js").KeptTake>} */ (known));
  }
}

/** @param {AbortSignal} signal @returns {Promise<never>} */
function rejectedBy(signal) {
  return new Promise((_, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
}
