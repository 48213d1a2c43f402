// @ts-check
/** Calls to orak: a token, a deadline, and its error envelope as an `OrakError`. */

/** @typedef {string | (() => string | Promise<string>)} Token */

/**
 * @typedef {object} RecordResponse
 * @property {number} id
 * @property {string} title
 * @property {number} userId
 * @property {number | null} songId
 * @property {number} uploadId
 * @property {number | null} durationSeconds
 * @property {"COMPLETED" | "PROCESSING" | "FAILED"} processingStatus
 * @property {string} s3Key
 * @property {string | null} publicUrl
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {{ code: string, message: string } | null} failure
 * @property {string | null} waveformUrl
 * @property {{ inputLufs: number | null, outputLufs: number | null, truePeakDb: number | null } | null} loudness
 * @property {number} progress 0 to 100
 */

/**
 * @typedef {object} PresignedUrl the one request that sends the bytes
 * @property {number} uploadId
 * @property {string} presignedUrl
 * @property {string} s3Key
 * @property {string} expirationTime
 * @property {string} method
 * @property {Record<string, string>} headers exactly what was signed
 */

/**
 * @typedef {object} ApiOptions
 * @property {Token} token
 * @property {string} [baseUrl] where orak is; by default where the page is
 * @property {string | (() => string)} [language] of messages: `ko` or `en`; by default the browser's
 * @property {number} [timeout] ms that a call may take; 30 000
 */

/** @typedef {ApiOptions | { api: Api }} Access how to get at orak; who has an `Api` shares it */

/**
 * @typedef {object} CallOptions
 * @property {unknown} [json]
 * @property {string} [key] Idempotency-Key: a repeat with the same one happens once
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [keepalive] goes out also while the page goes away
 */

/** orak, or the store, refused; or it is out of reach: `code` is then `NETWORK` or `TIMEOUT`, and `status` 0. */
export class OrakError extends Error {
  name = "OrakError";

  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, details?: { field: string, code: string, message: string }[], requestId?: string | null,
   *   retryAfter?: number, cause?: unknown }} [more] `retryAfter`: seconds, of an answer's Retry-After
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

const SOON = 60; // seconds

/** Whether *failure* may be gone by itself a little later: within a minute, if it says when. @param {unknown} failure */
export const isPassing = (failure) =>
  failure instanceof OrakError &&
  (failure.status === 0 || failure.status === 429 || failure.status >= 500) &&
  failure.retryAfter <= SOON;

/** A new key of something that is to happen once. `randomUUID` is there on https and localhost only. */
export const newKey = () =>
  crypto.randomUUID?.() ??
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Api {
  /** @param {ApiOptions} options */
  constructor({ token, baseUrl, language, timeout = 30_000 }) {
    this.token = token;
    this.home = new URL(`${(baseUrl ?? location.origin).replace(/\/+$/, "")}/records/async`, location.href).href;
    this.language = language;
    this.timeout = timeout;
  }

  /** The token of this moment. */
  async bearer() {
    return typeof this.token === "function" ? await this.token() : this.token;
  }

  /**
   * Call orak. Raises `OrakError` for every answer that is not good, except 304; what *signal* says when it aborts.
   * @param {string} method
   * @param {string} path below `/records/async`
   * @param {CallOptions} [options]
   * @returns {Promise<Response>}
   */
  async call(method, path, { json, key, signal, headers = {}, keepalive = false } = {}) {
    const sent = new Headers({ ...headers, Authorization: `Bearer ${await this.bearer()}` });
    const language = typeof this.language === "function" ? this.language() : this.language;
    if (language) sent.set("Accept-Language", language);
    if (json !== undefined) sent.set("Content-Type", "application/json");
    if (key) sent.set("Idempotency-Key", key);
    signal?.throwIfAborted();
    const late = AbortSignal.timeout(this.timeout);
    const body = json === undefined ? undefined : JSON.stringify(json);
    try {
      const answer = await fetch(this.home + path, {
        method,
        headers: sent,
        body,
        keepalive,
        signal: signal ? AbortSignal.any([signal, late]) : late,
        cache: "no-store",
      });
      // The body counts to the deadline too.
      const whole = new Response(answer.status === 204 || answer.status === 304 ? null : await answer.blob(), answer);
      if (answer.ok || answer.status === 304) return whole;
      throw await refusal(whole);
    } catch (failure) {
      if (failure instanceof OrakError) throw failure;
      signal?.throwIfAborted();
      if (late.aborted) throw new OrakError("TIMEOUT", `no answer in ${this.timeout} ms`, { cause: failure });
      throw new OrakError("NETWORK", "orak is out of reach", { cause: failure });
    }
  }

  /** @param {string} method @param {string} path @param {CallOptions} [options] @returns {Promise<any>} the answer's JSON */
  async json(method, path, options) {
    return (await this.call(method, path, options)).json();
  }
}

/** @param {Access} access */
export const apiOf = (access) => ("api" in access ? access.api : new Api(access));

/** @param {Response} answer */
async function refusal(answer) {
  const { status } = answer;
  const requestId = answer.headers.get("X-Request-Id");
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  try {
    const { error } = await answer.json();
    return new OrakError(error.code, error.message, {
      status,
      details: error.details ?? [],
      requestId: error.requestId ?? requestId,
      retryAfter,
    });
  } catch {
    return new OrakError("HTTP", `HTTP ${status}`, { status, requestId, retryAfter }); // something between us and orak answered
  }
}
