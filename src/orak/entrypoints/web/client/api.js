// @ts-check
/** Calls to orak's HTTP API, with a token and a deadline; error responses become an `OrakError`. */

/** @typedef {string | (() => string | Promise<string>)} Token a JWT, or a function that returns the current one */

/** @typedef {"COMPLETED" | "PROCESSING" | "FAILED"} ProcessingStatus */

/**
 * @typedef {object} RecordResponse
 * @property {number} id
 * @property {string} title
 * @property {number} userId
 * @property {number | null} songId
 * @property {number} uploadId
 * @property {number | null} durationSeconds
 * @property {ProcessingStatus} processingStatus
 * @property {string} s3Key
 * @property {string | null} publicUrl
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {{ code: string, message: string, retryable: boolean } | null} failure `retryable`: whether `retry` can help
 * @property {string | null} waveformUrl
 * @property {{ inputLufs: number | null, outputLufs: number | null, truePeakDb: number | null,
 *   limitedBy: "headroom" | "silence" | null } | null} loudness `limitedBy`: why the target was not reached
 * @property {number} progress 0 to 100
 */

/**
 * @typedef {object} PresignedUrl a signed request that uploads the bytes
 * @property {number} uploadId
 * @property {string} presignedUrl
 * @property {string} s3Key
 * @property {string} expirationTime
 * @property {string} method
 * @property {Record<string, string>} headers the signed headers; send exactly these
 */

/**
 * @typedef {object} ApiOptions options that are absent come from `configure`
 * @property {Token} [token]
 * @property {string} [baseUrl] orak's URL; default: the page's origin
 * @property {string | (() => string)} [language] of error messages: `ko` or `en`; default: the browser's
 * @property {number} [timeout] of a call, in milliseconds; default: 30 000
 */

/** @typedef {ApiOptions | { api: Api }} Access options for a new `Api`, or an `Api` to share */

/**
 * @typedef {object} CallOptions
 * @property {unknown} [json]
 * @property {string} [key] Idempotency-Key: calls repeated with the same key take effect once
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] lets the request outlive the page
 */

/**
 * orak or the store answered with an error. Without an answer, `code` is `NETWORK` or `TIMEOUT` and `status` is 0.
 */
export class OrakError extends Error {
  name = "OrakError";

  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, details?: { field: string, code: string, message: string }[], requestId?: string | null,
   *   retryAfter?: number, cause?: unknown }} [more] `retryAfter`: seconds, from the Retry-After header
   */
  constructor(code, message, { status = 0, details = [], requestId = null, retryAfter = 0, cause } = {}) {
    super(message, { cause });
    this.code = code;
    this.status = status;
    this.details = details;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** @type {ApiOptions} */
const defaults = {};

/**
 * Set the options of every `Api`, service and hook that has none of its own, now and later. An app calls it once.
 * @param {ApiOptions} options
 */
export function configure(options) {
  Object.assign(defaults, options);
}

const LONGEST_RETRY_AFTER = 60; // seconds

/**
 * Return whether *failure* is temporary: no answer, 429 or 5xx, and no Retry-After longer than a minute.
 * @param {unknown} failure
 */
export const isPassing = (failure) =>
  failure instanceof OrakError &&
  (failure.status === 0 || failure.status === 429 || failure.status >= 500) &&
  failure.retryAfter <= LONGEST_RETRY_AFTER;

/** Return a new idempotency key. `crypto.randomUUID` exists on https and localhost only. */
export const newKey = () =>
  crypto.randomUUID?.() ??
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const TIMEOUT = 30_000; // ms

/** Return *value*, or what it returns. @template T @param {T | (() => T | Promise<T>)} value @returns {Promise<T>} */
export async function called(value) {
  return typeof value === "function" ? /** @type {() => T | Promise<T>} */ (value)() : value;
}

/** A client of orak's HTTP API. */
export class Api {
  #baseUrl;
  #language;
  #timeout;

  /** @param {ApiOptions} [options] */
  constructor({ token, baseUrl, language, timeout } = {}) {
    /** Used by the next call. */
    this.token = token;
    this.#baseUrl = baseUrl;
    this.#language = language;
    this.#timeout = timeout;
  }

  /** The URL of the API. */
  get home() {
    const base = this.#baseUrl ?? defaults.baseUrl ?? location.origin;
    return new URL(`${base.replace(/\/+$/, "")}/records/async`, globalThis.location?.href).href;
  }

  /** Return the current token. Throws `OrakError` without one. */
  async bearer() {
    const token = (await called(this.token)) ?? (await called(defaults.token));
    if (token) return token;
    throw new OrakError("UNAUTHORIZED", "no token: set service.token, or call configure({ token })", { status: 401 });
  }

  /**
   * Send a request and return the response with its whole body. Throws `OrakError` for an error status or a lost
   * connection; 304 is not an error. If *signal* aborts, throws its reason.
   * @param {string} method
   * @param {string} path below `/records/async`
   * @param {CallOptions} [options]
   * @returns {Promise<Response>}
   */
  async call(method, path, { json, key, signal, headers = {}, keepalive = false } = {}) {
    const sent = new Headers({ ...headers, Authorization: `Bearer ${await this.bearer()}` });
    const language = await called(this.#language ?? defaults.language);
    const timeout = this.#timeout ?? defaults.timeout ?? TIMEOUT;
    if (language) sent.set("Accept-Language", language);
    if (json !== undefined) sent.set("Content-Type", "application/json");
    if (key) sent.set("Idempotency-Key", key);
    signal?.throwIfAborted();
    const deadline = AbortSignal.timeout(timeout);
    const body = json === undefined ? undefined : JSON.stringify(json);
    try {
      const response = await fetch(this.home + path, {
        method,
        headers: sent,
        body,
        keepalive,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        cache: "no-store",
      });
      // Read the body here: the deadline covers it too.
      const isBodyless = response.status === 204 || response.status === 304;
      const complete = new Response(isBodyless ? null : await response.blob(), response);
      if (response.ok || response.status === 304) return complete;
      throw await errorOf(complete);
    } catch (failure) {
      if (failure instanceof OrakError) throw failure;
      signal?.throwIfAborted();
      if (deadline.aborted) throw new OrakError("TIMEOUT", `orak did not answer within ${timeout} ms`, { cause: failure });
      throw new OrakError("NETWORK", "orak cannot be reached", { cause: failure });
    }
  }

  /**
   * Send a request like `call` and return the JSON of the response.
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  async json(method, path, options) {
    return (await this.call(method, path, options)).json();
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const { status } = response;
  const requestId = response.headers.get("X-Request-Id");
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  try {
    const { error } = await response.json();
    return new OrakError(error.code, error.message, {
      status,
      details: error.details ?? [],
      requestId: error.requestId ?? requestId,
      retryAfter,
    });
  } catch {
    // Not orak's envelope: a proxy answered.
    return new OrakError("HTTP", `HTTP ${status}`, { status, requestId, retryAfter });
  }
}
