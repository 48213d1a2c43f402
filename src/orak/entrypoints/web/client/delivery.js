// @ts-check
/** One take on its way: its bytes and its title at the same time, then its record, once. */
import { isPassing, newKey, OrakError } from "./api.js";
import { guarded } from "./leaving.js";
import { createRecord, recordOf } from "./records.js";
import { cancelUpload, Upload } from "./upload.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./upload.js").Parcel} Parcel */

/** @typedef {(signal: AbortSignal) => Promise<string | null> | string | null} AskTitle null, or a rejection, gives up */

/** @typedef {import("./upload.js").UploadOptions & { askTitle: AskTitle }} DeliveryOptions */

/**
 * @typedef {object} Known what is known of a take so far
 * @property {number} [uploadId] its bytes are there
 * @property {string} [title]
 * @property {string} [key] Idempotency-Key of its record
 * @property {number | null} [songId]
 * @property {number | null} [seconds]
 */

/** What orak refuses for what it is itself, not for the title: another try needs another upload. */
const LOST = [403, 404, 409, 410];

/** There is nothing in it: no upload was begun. */
export class EmptyTakeError extends Error {
  name = "EmptyTakeError";
}

export class Delivery {
  /**
   * @param {Api} api
   * @param {Blob} blob
   * @param {() => Promise<Parcel>} pack makes what is sent of it, when it is needed
   * @param {{ kept?: KeptPieces, songId?: number | null }} [take] `kept`: what becomes known is kept on the device
   */
  constructor(api, blob, pack, { kept, songId = null } = {}) {
    if (!blob.size) throw new EmptyTakeError("there is nothing in it");
    this.api = api;
    this.blob = blob;
    this.pack = pack;
    this.kept = kept;
    /** @type {Known} */
    this.known = kept ? { ...kept.take } : { songId };
    /** @type {Upload | undefined} */
    this.upload = undefined;
    /** @type {Promise<RecordResponse> | undefined} */
    this.running = undefined;
  }

  /** The title that was given, if one was. */
  get title() {
    return this.known.title;
  }

  /**
   * Send it, and ask for its title at the same time: when either fails, the other one is aborted. Then create its
   * record. After a failure it may be called again, and goes on with what was done; while it runs, a second call gets
   * the same record. An upload that a refusal, an abort or a missing title leaves behind is cancelled at orak. An abort
   * that comes while the record is created comes too late: the run ends as if there were none.
   * Raises `OrakError`, what *askTitle* said, or what the signal says.
   * @param {DeliveryOptions} options `askTitle` is not called again once it has answered
   * @returns {Promise<RecordResponse>}
   */
  run(options) {
    this.running ??= guarded(() => this.deliver(options)).finally(() => (this.running = undefined));
    return this.running;
  }

  /** Give it another title before it is run again. @param {string} title */
  async rename(title) {
    await this.note({ title, key: undefined }); // a key is for one body
  }

  /** Give its upload up, at orak as well. Another `run` would begin anew. */
  async cancel() {
    const { upload, known } = this;
    this.upload = undefined;
    await this.note({ uploadId: undefined, key: undefined });
    if (upload) await upload.cancel();
    else if (known.uploadId !== undefined) await cancelUpload(this.api, known.uploadId);
  }

  /**
   * Nobody wants it: once a run that was aborted has ended, nothing of it is left at orak or on the device, nor the
   * record for which the abort came too late.
   */
  async discard() {
    const late = await this.running?.catch(() => undefined);
    const { uploadId, key } = this.known;
    // With a key its record was tried, and an answer may have been lost.
    const record = late ?? (uploadId !== undefined && key !== undefined ? await recordOf(this.api, uploadId) : undefined);
    if (record) await this.api.call("DELETE", `/${record.id}`);
    await this.cancel();
    await this.kept?.forget();
  }

  /** Leave it on the device: once a run that was aborted has ended, any tab can finish it. */
  async letGo() {
    await this.running?.catch(() => undefined);
    await this.kept?.letGo();
  }

  /** @param {DeliveryOptions} options @returns {Promise<RecordResponse>} */
  async deliver(options) {
    const wasThere = this.known.uploadId !== undefined;
    await this.sendAndAsk(options);
    try {
      return await this.create(options);
    } catch (failure) {
      await this.unlearn(failure);
      // What arrived long ago may be gone by now: the bytes are still here.
      if (wasThere && this.known.uploadId === undefined) return this.deliver(options);
      throw failure;
    }
  }

  /** @param {DeliveryOptions} options */
  async sendAndAsk({ askTitle, signal, ...options }) {
    const ending = new AbortController();
    const ended = signal ? AbortSignal.any([signal, ending.signal]) : ending.signal;
    const sent = this.send({ ...options, signal: ended });
    try {
      // A dialog that does not look at its signal is not waited for.
      await Promise.all([Promise.race([this.ask(askTitle, ended), rejectedBy(ended)]), sent]);
    } catch (failure) {
      ending.abort(failure);
      await Promise.allSettled([sent]);
      if (!isPassing(failure)) await this.cancel();
      throw failure;
    }
  }

  /** @param {AskTitle} askTitle @param {AbortSignal} signal */
  async ask(askTitle, signal) {
    if (this.known.title !== undefined) return;
    const title = await askTitle(signal);
    signal.throwIfAborted();
    if (title === null || title === undefined) throw new DOMException("no title was given", "AbortError");
    await this.rename(title);
  }

  /** @param {import("./upload.js").UploadOptions & { signal: AbortSignal }} options */
  async send(options) {
    if (this.known.uploadId !== undefined) return options.onProgress?.(this.blob.size, this.blob.size);
    if (!this.upload) {
      const parcel = await Promise.race([this.pack(), rejectedBy(options.signal)]);
      await this.note({ seconds: parcel.durationSeconds });
      this.upload = new Upload(this.api, parcel);
    }
    const uploadId = await this.upload.run(options);
    await this.note({ uploadId });
  }

  /** @param {DeliveryOptions} options */
  async create({ signal, onWaiting }) {
    await this.note({ key: this.known.key ?? newKey() });
    const { uploadId, title, key, songId, seconds } = this.known;
    const record = { uploadId: Number(uploadId), title: String(title), songId, durationSeconds: seconds };
    const created = await createRecord(this.api, record, { key: String(key), signal, onWaiting });
    await this.kept?.forget();
    return created;
  }

  /** Forget what a refusal of its record says is no good. @param {unknown} failure */
  async unlearn(failure) {
    if (!(failure instanceof OrakError)) return; // aborted: an earlier try may have got through
    if (LOST.includes(failure.status)) await this.cancel();
    else if ([400, 422].includes(failure.status)) await this.note({ title: undefined, key: undefined });
  }

  /** @param {Known} known */
  async note(known) {
    this.known = { ...this.known, ...known };
    await this.kept?.note(/** @type {Partial<import("./takes.js").KeptTake>} */ (known));
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
