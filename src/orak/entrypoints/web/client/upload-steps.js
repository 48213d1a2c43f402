// @ts-check
/** The steps of an upload, for apps that take them one by one. */
import { Api, called } from "./api.js";
import { contentTypeOf, described } from "./content-types.js";
import { confirmLeavingDuring } from "./leaving.js";
import { put } from "./put.js";
import { Records, wholeSeconds } from "./records.js";

/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./put.js").PutOptions} PutOptions */
/** @typedef {import("./records.js").CreateOptions} CreateOptions */
/** @typedef {import("./records.js").NewRecord} NewRecord */

/** @typedef {(signal: AbortSignal) => Promise<string | null> | string | null} AskTitle returning null or rejecting cancels the upload */

/** @typedef {{ showTitleDialog?: AskTitle }} StepOptions */

/**
 * @typedef {object} PresignOptions
 * @property {string} [key] Idempotency-Key: calls repeated with the same key create one upload
 * @property {AbortSignal} [signal]
 * @property {boolean} [createOnly] whether a repeated PUT must not overwrite the object; default: true
 */

/** The recording or file is empty, so no upload was started. */
export class EmptyTakeError extends Error {
  name = "EmptyTakeError";
}

/** The headers of each signed URL that has not been used yet. @type {Map<string, Record<string, string>>} */
const signedHeaders = new Map();

/** What both services can do. Whole uploads use these methods too, so an app may override them. */
export class UploadSteps {
  /** @param {import("./api.js").Access & StepOptions} [options] */
  constructor(options = {}) {
    const shared = "api" in options ? options.api : undefined;
    const own = shared ? {} : /** @type {import("./api.js").ApiOptions} */ (options);
    /** Used by the next call, unless the service was made with a shared `Api`, which has a token of its own. */
    this.token = own.token;
    /** @type {Api} */
    this.api = shared ?? new Api({ ...own, token: /** @type {() => Promise<any>} */ (() => called(this.token)) });
    this.records = new Records(this.api);
    if (options.showTitleDialog) this.showTitleDialog = options.showTitleDialog;
  }

  /**
   * Ask the user for a title. The app supplies this method: as an option, by assigning it or by overriding it.
   * @param {AbortSignal} [_signal] aborts when the title is no longer needed
   * @returns {Promise<string | null> | string | null}
   */
  showTitleDialog(_signal) {
    throw new TypeError("the app has no showTitleDialog: pass it to the service, or assign it");
  }

  /**
   * Request a URL to upload *blob*. Throws `OrakError`, or `EmptyTakeError`.
   * @param {Blob | File} blob
   * @param {number | null} [durationSeconds]
   * @param {PresignOptions} [options]
   * @returns {Promise<PresignedUrl>}
   */
  async requestPresignedUrl(blob, durationSeconds = null, { createOnly = true, ...options } = {}) {
    if (!blob.size) throw new EmptyTakeError("the recording or file is empty");
    const { filename, contentType } = described(blob);
    const json = { originalFilename: filename, fileSize: blob.size, contentType, createOnly, ...wholeSeconds(durationSeconds) };
    /** @type {PresignedUrl} */
    const signed = await this.api.json("POST", "/presigned-url", { json, ...options });
    signedHeaders.set(signed.presignedUrl, signed.headers);
    return signed;
  }

  /**
   * PUT *blob* to a signed URL. As with fetch, the store's refusal is an answer: look at `ok`. Status 412 says that an
   * earlier PUT has arrived. Throws `OrakError` if the store cannot be reached.
   * @param {string | PresignedUrl} presignedUrl any signed URL, or the whole answer of `requestPresignedUrl`
   * @param {Blob} blob
   * @param {PutOptions} [options] `headers`; default: those that the URL was signed with
   * @returns {Promise<Response>}
   */
  async uploadToS3(presignedUrl, blob, options) {
    const signed = typeof presignedUrl === "string" ? undefined : presignedUrl;
    const url = signed?.presignedUrl ?? String(presignedUrl);
    const headers = signed?.headers ?? signedHeaders.get(url) ?? headersOf(url, blob);
    const answer = await confirmLeavingDuring(() => put(url, blob, { headers, ...options }));
    if (answer.ok) signedHeaders.delete(url);
    return answer;
  }

  /**
   * Create the record of an upload; retry while orak cannot be reached. Throws `OrakError`.
   * @param {NewRecord} record
   * @param {CreateOptions} [options]
   * @returns {Promise<RecordResponse>}
   */
  createRecord(record, options) {
    return this.records.create(record, options);
  }
}

/** Return the headers for a URL that was signed elsewhere: its name tells the type, S3's signature the rest. @param {string} url @param {Blob} blob */
function headersOf(url, blob) {
  const { pathname, searchParams } = new URL(url, location.href);
  const signed = searchParams.get("X-Amz-SignedHeaders")?.split(";") ?? [];
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": contentTypeOf(blob, pathname) };
  if (signed.includes("if-none-match")) headers["If-None-Match"] = "*";
  return headers;
}
