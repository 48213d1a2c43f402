// @ts-check
/** Uploading one file, through retries. */
import { isPassing, newKey, OrakError } from "./api.js";
import { untilAnotherTry } from "./network.js";

/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./upload-steps.js").UploadSteps} UploadSteps */

/**
 * @typedef {object} UploadOptions
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] true when the upload waits for the network, false when it continues
 * @property {AbortSignal} [signal]
 */

const TRIES = 9;
/** S3: another PUT of the object is in progress (409 ConditionalRequestConflict), or this one was too slow (408). */
const RETRIED = [408, 409];

/** One upload. After a failure, calling `run` again continues it. */
export class Upload {
  #service;
  #blob;
  #seconds;
  /** @type {PresignedUrl | undefined} */
  #signed;
  #isStored = false;
  #createOnly = true;

  /** @param {UploadSteps} service @param {Blob | File} blob @param {number | null} [durationSeconds] */
  constructor(service, blob, durationSeconds = null) {
    this.#service = service;
    this.#blob = blob;
    this.#seconds = durationSeconds;
  }

  /** Set once the URL is signed. */
  get uploadId() {
    return this.#signed?.uploadId;
  }

  /**
   * Upload the file. Retries when the network is lost. Requests a fresh URL once if the store answers 403, and one that
   * allows overwriting if the store cannot do anything else (501). Three uploads of a page run at once.
   * Throws `OrakError` when orak or the store refuses, or after the last of several tries without a network.
   * @param {UploadOptions} [options]
   * @returns {Promise<number>} the upload's id
   */
  async run({ onProgress, onWaiting, signal } = {}) {
    const { size } = this.#blob;
    let key = newKey();
    let renewed = false;
    let lost = 0;
    while (!this.#isStored) {
      signal?.throwIfAborted();
      try {
        await this.#send(key, { onProgress, signal });
      } catch (failure) {
        if (signal?.aborted) throw failure;
        const status = refusal(failure);
        if ((status === 403 && !renewed) || (status === 501 && this.#createOnly)) {
          if (status === 403) renewed = true;
          else this.#createOnly = false;
          key = newKey();
          await this.cancel();
        } else if ((isPassing(failure) || RETRIED.includes(status)) && ++lost < TRIES) {
          await untilAnotherTry(failure, lost, { signal, onWaiting });
        } else {
          throw failure;
        }
      }
    }
    onProgress?.(size, size);
    return /** @type {PresignedUrl} */ (this.#signed).uploadId;
  }

  /** @param {string} key @param {UploadOptions} options */
  async #send(key, { onProgress, signal }) {
    const [service, blob, createOnly] = [this.#service, this.#blob, this.#createOnly];
    const signed = (this.#signed ??= await service.requestPresignedUrl(blob, this.#seconds, { key, signal, createOnly }));
    const { presignedUrl, headers } = signed;
    const answer = await inTurn(() => service.uploadToS3(presignedUrl, blob, { headers, onProgress, signal }), signal);
    const { ok, status } = answer;
    // 412: an earlier PUT arrived, and its answer was lost.
    if (!ok && status !== 412) throw new OrakError("STORE_REFUSED", `the store answered HTTP ${status}`, { status });
    this.#isStored = true;
  }

  /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
  async cancel() {
    const signed = this.#signed;
    this.#signed = undefined;
    this.#isStored = false;
    if (signed) await cancelUpload(this.#service.api, signed.uploadId);
  }
}

/** The status of the store's refusal, or 0. @param {unknown} failure */
const refusal = (failure) => (failure instanceof OrakError && failure.code === "STORE_REFUSED" ? failure.status : 0);

/** Cancel an upload at orak. If orak cannot be reached, it expires by itself. @param {import("./api.js").Api} api @param {number} id */
export async function cancelUpload(api, id) {
  await api.call("DELETE", `/uploads/${id}`, { keepalive: true }).catch(() => undefined);
}

/** Browsers open six connections to a host with HTTP/1.1: this leaves some to the calls of the API. */
const SENT_AT_ONCE = 3;
let sending = 0;
/** @type {(() => void)[]} */
let waiting = [];

/**
 * Do *work* once fewer than three others are at work. Rejects with the reason of *signal* if it aborts before.
 * @template T
 * @param {() => Promise<T>} work
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
async function inTurn(work, signal) {
  while (sending >= SENT_AT_ONCE) {
    await new Promise((resolve) => {
      waiting.push(() => resolve(undefined));
      signal?.addEventListener("abort", resolve, { once: true });
    });
    signal?.throwIfAborted();
  }
  sending += 1;
  try {
    return await work();
  } finally {
    sending -= 1;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }
}
