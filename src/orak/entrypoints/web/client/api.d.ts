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
    /**
     * @param {string} code
     * @param {string} message
     * @param {{ status?: number, details?: { field: string, code: string, message: string }[], requestId?: string | null,
     *   retryAfter?: number, cause?: unknown }} [more] `retryAfter`: seconds, of an answer's Retry-After
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
export class Api {
    /** @param {ApiOptions} options */
    constructor({ token, baseUrl, language, timeout }: ApiOptions);
    token: Token;
    home: string;
    language: string | (() => string) | undefined;
    timeout: number;
    /** The token of this moment. */
    bearer(): Promise<string>;
    /**
     * Call orak. Raises `OrakError` for every answer that is not good, except 304; what *signal* says when it aborts.
     * @param {string} method
     * @param {string} path below `/records/async`
     * @param {CallOptions} [options]
     * @returns {Promise<Response>}
     */
    call(method: string, path: string, { json, key, signal, headers, keepalive }?: CallOptions): Promise<Response>;
    /** @param {string} method @param {string} path @param {CallOptions} [options] @returns {Promise<any>} the answer's JSON */
    json(method: string, path: string, options?: CallOptions): Promise<any>;
}
export function apiOf(access: Access): Api;
export type Token = string | (() => string | Promise<string>);
export type RecordResponse = {
    id: number;
    title: string;
    userId: number;
    songId: number | null;
    uploadId: number;
    durationSeconds: number | null;
    processingStatus: "COMPLETED" | "PROCESSING" | "FAILED";
    s3Key: string;
    publicUrl: string | null;
    createdAt: string;
    updatedAt: string;
    failure: {
        code: string;
        message: string;
    } | null;
    waveformUrl: string | null;
    loudness: {
        inputLufs: number | null;
        outputLufs: number | null;
        truePeakDb: number | null;
    } | null;
    /**
     * 0 to 100
     */
    progress: number;
};
/**
 * the one request that sends the bytes
 */
export type PresignedUrl = {
    uploadId: number;
    presignedUrl: string;
    s3Key: string;
    expirationTime: string;
    method: string;
    /**
     * exactly what was signed
     */
    headers: Record<string, string>;
};
export type ApiOptions = {
    token: Token;
    /**
     * where orak is; by default where the page is
     */
    baseUrl?: string | undefined;
    /**
     * of messages: `ko` or `en`; by default the browser's
     */
    language?: string | (() => string) | undefined;
    /**
     * ms that a call may take; 30 000
     */
    timeout?: number | undefined;
};
/**
 * how to get at orak; who has an `Api` shares it
 */
export type Access = ApiOptions | {
    api: Api;
};
export type CallOptions = {
    json?: unknown;
    /**
     * Idempotency-Key: a repeat with the same one happens once
     */
    key?: string | undefined;
    signal?: AbortSignal | undefined;
    headers?: Record<string, string> | undefined;
    /**
     * goes out also while the page goes away
     */
    keepalive?: boolean | undefined;
};
