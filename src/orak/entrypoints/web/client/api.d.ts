/**
 * Set the options of every `Api`, service and hook that has none of its own, now and later. An app calls it once.
 * @param {ApiOptions} options
 */
export function configure(options: ApiOptions): void;
/** Return *value*, or what it returns. @template T @param {T | (() => T | Promise<T>)} value @returns {Promise<T>} */
export function called<T>(value: T | (() => T | Promise<T>)): Promise<T>;
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
    /**
     * @param {string} code
     * @param {string} message
     * @param {{ status?: number, details?: { field: string, code: string, message: string }[], requestId?: string | null,
     *   retryAfter?: number, cause?: unknown }} [more] `retryAfter`: seconds, from the Retry-After header
     */
    constructor(code: string, message: string, { status, details, requestId, retryAfter, cause }?: {
        status?: number;
        details?: {
            field: string;
            code: string;
            message: string;
        }[];
        requestId?: string | null;
        retryAfter?: number;
        cause?: unknown;
    });
    code: string;
    status: number;
    details: {
        field: string;
        code: string;
        message: string;
    }[];
    requestId: string | null;
    retryAfter: number;
}
export function isPassing(failure: unknown): boolean;
export function newKey(): `${string}-${string}-${string}-${string}-${string}`;
/** A client of orak's HTTP API. */
export class Api {
    /** @param {ApiOptions} [options] */
    constructor({ token, baseUrl, language, timeout }?: ApiOptions);
    /** Used by the next call. */
    token: Token | undefined;
    /** The URL of the API. */
    get home(): string;
    /** Return the current token. Throws `OrakError` without one. */
    bearer(): Promise<string>;
    /**
     * Send a request and return the response with its whole body. Throws `OrakError` for an error status or a lost
     * connection; 304 is not an error. If *signal* aborts, throws its reason.
     * @param {string} method
     * @param {string} path below `/records/async`
     * @param {CallOptions} [options]
     * @returns {Promise<Response>}
     */
    call(method: string, path: string, { json, key, signal, headers, keepalive }?: CallOptions): Promise<Response>;
    /**
     * Send a request like `call` and return the JSON of the response.
     * @param {string} method
     * @param {string} path
     * @param {CallOptions} [options]
     * @returns {Promise<any>}
     */
    json(method: string, path: string, options?: CallOptions): Promise<any>;
    #private;
}
/**
 * a JWT, or a function that returns the current one
 */
export type Token = string | (() => string | Promise<string>);
export type ProcessingStatus = "COMPLETED" | "PROCESSING" | "FAILED";
export type RecordResponse = {
    id: number;
    title: string;
    userId: number;
    songId: number | null;
    uploadId: number;
    durationSeconds: number | null;
    processingStatus: ProcessingStatus;
    s3Key: string;
    publicUrl: string | null;
    createdAt: string;
    updatedAt: string;
    /**
     * `retryable`: whether `retry` can help
     */
    failure: {
        code: string;
        message: string;
        retryable: boolean;
    } | null;
    waveformUrl: string | null;
    /**
     * `limitedBy`: why the target was not reached
     */
    loudness: {
        inputLufs: number | null;
        outputLufs: number | null;
        truePeakDb: number | null;
        limitedBy: "headroom" | "silence" | null;
    } | null;
    /**
     * 0 to 100
     */
    progress: number;
};
/**
 * a signed request that uploads the bytes
 */
export type PresignedUrl = {
    uploadId: number;
    presignedUrl: string;
    s3Key: string;
    expirationTime: string;
    method: string;
    /**
     * the signed headers; send exactly these
     */
    headers: Record<string, string>;
};
/**
 * options that are absent come from `configure`
 */
export type ApiOptions = {
    token?: Token | undefined;
    /**
     * orak's URL; default: the page's origin
     */
    baseUrl?: string | undefined;
    /**
     * of error messages: `ko` or `en`; default: the browser's
     */
    language?: string | (() => string) | undefined;
    /**
     * of a call, in milliseconds; default: 30 000
     */
    timeout?: number | undefined;
};
/**
 * options for a new `Api`, or an `Api` to share
 */
export type Access = ApiOptions | {
    api: Api;
};
export type CallOptions = {
    json?: unknown;
    /**
     * Idempotency-Key: calls repeated with the same key take effect once
     */
    key?: string | undefined;
    signal?: AbortSignal | undefined;
    headers?: Record<string, string> | undefined;
    /**
     * lets the request outlive the page
     */
    keepalive?: boolean | undefined;
};
