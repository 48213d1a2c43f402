// @ts-check
/** Bytes on their way to the store: exactly as signed, with progress, over gaps of the network. */
import { isPassing, newKey, OrakError } from "./api.js";
import { untilAnotherTry } from "./network.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */

/**
 * @typedef {object} UploadOptions
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] the network is away, or back
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} Parcel what is to be sent
 * @property {Blob} blob
 * @property {string} filename
 * @property {string} contentType
 * @property {number | null} durationSeconds whole seconds, or null where nobody knows
 */

const TRIES = 9;
const STALLED = 60_000; // ms without a byte, or without an answer
/** S3: another PUT of the object is under way (ConditionalRequestConflict), or this one was too slow. */
const AGAIN = [408, 409];

/**
 * Ask for a URL. Raises `OrakError`.
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
    createOnly: true, // what has arrived once is not written over by a late repeat
    // JSON has no Infinity, it would become null: what is unknown is left out.
    ...(Number.isFinite(parcel.durationSeconds) ? { durationSeconds: Math.round(Number(parcel.durationSeconds)) } : {}),
  };
  return api.json("POST", "/presigned-url", { json, ...options });
}

/**
 * Send *blob* once, exactly as signed. Resolves also if the store has it already (412). Raises `OrakError`: status 0
 * for a lost network, 403 for a URL that is not good any more; what the signal says when it aborts.
 * XMLHttpRequest, because fetch does not tell of bytes sent.
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
    let quiet;
    const stir = () => {
      clearTimeout(quiet);
      quiet = setTimeout(lose, STALLED);
    };
    /** @param {unknown} [failure] */
    const end = (failure) => {
      clearTimeout(quiet);
      removeEventListener("offline", lose);
      signal?.removeEventListener("abort", abort);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    request.open(signed.method, signed.presignedUrl);
    for (const [name, value] of Object.entries(signed.headers)) {
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value); // the browser's own to say
    }
    request.upload.onprogress = ({ loaded }) => {
      stir();
      onProgress?.(Math.min(loaded, blob.size), blob.size);
    };
    request.onload = () => {
      const { status } = request;
      if ((status >= 200 && status < 300) || status === 412) end();
      else end(new OrakError("STORE_REFUSED", `the store answered ${status}`, { status }));
    };
    request.onerror = () => end(new OrakError("NETWORK", "the store is out of reach"));
    request.onabort = () => end(isLost ? new OrakError("NETWORK", "nothing moves") : signal?.reason);
    addEventListener("offline", lose); // a line that comes back as another one carries no old request on
    stir();
    signal?.addEventListener("abort", abort, { once: true });
    request.send(blob);
  });
}

/** @param {unknown} failure */
const isOvertaken = (failure) =>
  failure instanceof OrakError && failure.code === "STORE_REFUSED" && AGAIN.includes(failure.status);

/** One upload, from its URL to the bytes being there. `run` may be called again after it failed: it goes on. */
export class Upload {
  /** @param {Api} api @param {Parcel} parcel @param {PresignedUrl} [signed] what was asked for already */
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
   * Send it. While the network is away, wait for it; ask for a fresh URL once if the store says 403.
   * Raises `OrakError` for a refusal, or when the network stays away for `TRIES` tries.
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
        } else if ((isPassing(failure) || isOvertaken(failure)) && ++lost < TRIES) {
          await untilAnotherTry(failure, lost, { signal, onWaiting });
        } else {
          throw failure;
        }
      }
    }
    onProgress?.(blob.size, blob.size);
    return /** @type {PresignedUrl} */ (this.signed).uploadId;
  }

  /** Give it up, at orak as well. `run` would begin anew. */
  async cancel() {
    const { signed } = this;
    this.signed = undefined;
    this.stored = false;
    if (signed) await cancelUpload(this.api, signed.uploadId);
  }
}

/** Tell orak that an upload is given up; what it cannot be told expires there by itself. @param {Api} api @param {number} id */
export async function cancelUpload(api, id) {
  await api.call("DELETE", `/uploads/${id}`, { keepalive: true }).catch(() => undefined);
}
