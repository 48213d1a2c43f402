// @ts-check
/** Uploading bytes to the store as signed, with progress and retries. */
import { isPassing, newKey, OrakError } from "./api.js";
import { untilAnotherTry } from "./network.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */

/**
 * @typedef {object} UploadOptions
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] true when the upload waits for the network, false when it continues
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} Parcel a file to upload
 * @property {Blob} blob
 * @property {string} filename
 * @property {string} contentType
 * @property {number | null} durationSeconds whole seconds, or null if unknown
 */

const TRIES = 9;
const STALLED = 60_000; // ms without progress or an answer
/** S3: another PUT of the object is in progress (409 ConditionalRequestConflict), or this one was too slow (408). */
const RETRIED = [408, 409];

/**
 * Request an upload URL. Throws `OrakError`.
 * @param {Api} api
 * @param {Parcel} parcel
 * @param {{ key?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<PresignedUrl>}
 */
export function presign(api, parcel, options = {}) {
  const json = {
    originalFilename: parcel.filename,
    fileSize: parcel.blob.size,
    contentType: parcel.contentType,
    createOnly: true, // a late repeat must not overwrite the object
    // JSON has no Infinity: leave an unknown duration out.
    ...(Number.isFinite(parcel.durationSeconds) ? { durationSeconds: Math.round(Number(parcel.durationSeconds)) } : {}),
  };
  return api.json("POST", "/presigned-url", { json, ...options });
}

/**
 * Send *blob* once, exactly as signed. A store that already has the object (412) counts as success. Throws `OrakError`:
 * status 0 for a lost connection, 403 for an expired URL. If the signal aborts, throws its reason.
 * It uses XMLHttpRequest because fetch does not report upload progress.
 * @param {PresignedUrl} signed
 * @param {Blob} blob
 * @param {UploadOptions} [options]
 * @returns {Promise<void>}
 */
export function put(signed, blob, { onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let isLost = false;
    const lose = () => {
      isLost = true;
      request.abort();
    };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(lose, STALLED);
    };
    /** @param {unknown} [failure] */
    const end = (failure) => {
      clearTimeout(timer);
      removeEventListener("offline", lose);
      signal?.removeEventListener("abort", abort);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    request.open(signed.method, signed.presignedUrl);
    for (const [name, value] of Object.entries(signed.headers)) {
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value); // the browser sets it
    }
    request.upload.onprogress = ({ loaded }) => {
      restartTimer();
      onProgress?.(Math.min(loaded, blob.size), blob.size);
    };
    request.onload = () => {
      const { status } = request;
      if ((status >= 200 && status < 300) || status === 412) end();
      else end(new OrakError("STORE_REFUSED", `the store answered HTTP ${status}`, { status }));
    };
    request.onerror = () => end(new OrakError("NETWORK", "the store cannot be reached"));
    request.onabort = () => end(isLost ? new OrakError("NETWORK", "the upload stalled") : signal?.reason);
    addEventListener("offline", lose); // a request does not survive a change of networks
    restartTimer();
    signal?.addEventListener("abort", abort, { once: true });
    request.send(blob);
  });
}

/** @param {unknown} failure */
const isConflict = (failure) =>
  failure instanceof OrakError && failure.code === "STORE_REFUSED" && RETRIED.includes(failure.status);

/** One upload. After a failure, calling `run` again continues it. */
export class Upload {
  /** @param {Api} api @param {Parcel} parcel @param {PresignedUrl} [signed] an existing signed request, to continue with */
  constructor(api, parcel, signed) {
    this.api = api;
    this.parcel = parcel;
    this.signed = signed;
    this.stored = false;
  }

  get uploadId() {
    return this.signed?.uploadId;
  }

  /**
   * Upload the file. Retries when the network is lost, and requests a fresh URL once if the store answers 403.
   * Throws `OrakError` when orak or the store refuses, or after the last of several tries without a network.
   * @param {UploadOptions} [options]
   * @returns {Promise<number>} the upload's id
   */
  async run({ onProgress, onWaiting, signal } = {}) {
    const { blob } = this.parcel;
    let key = newKey();
    let renewed = false;
    let lost = 0;
    while (!this.stored) {
      signal?.throwIfAborted();
      try {
        this.signed ??= await presign(this.api, this.parcel, { key, signal });
        await put(this.signed, blob, { onProgress, signal });
        this.stored = true;
      } catch (failure) {
        if (signal?.aborted) throw failure;
        if (failure instanceof OrakError && failure.status === 403 && failure.code === "STORE_REFUSED" && !renewed) {
          renewed = true;
          key = newKey();
          await this.cancel();
        } else if ((isPassing(failure) || isConflict(failure)) && ++lost < TRIES) {
          await untilAnotherTry(failure, lost, { signal, onWaiting });
        } else {
          throw failure;
        }
      }
    }
    onProgress?.(blob.size, blob.size);
    return /** @type {PresignedUrl} */ (this.signed).uploadId;
  }

  /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
  async cancel() {
    const { signed } = this;
    this.signed = undefined;
    this.stored = false;
    if (signed) await cancelUpload(this.api, signed.uploadId);
  }
}

/** Cancel an upload at orak. If orak cannot be reached, the upload expires by itself. @param {Api} api @param {number} id */
export async function cancelUpload(api, id) {
  await api.call("DELETE", `/uploads/${id}`, { keepalive: true }).catch(() => undefined);
}
