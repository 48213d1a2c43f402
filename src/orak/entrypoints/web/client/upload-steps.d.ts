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
}
/** What both services can do. Whole uploads use these methods too, so an app may override them. */
export class UploadSteps {
    /** @param {import("./api.js").Access & StepOptions} [options] */
    constructor(options?: import("./api.js").Access & StepOptions);
    /** Used by the next call, unless the service was made with a shared `Api`, which has a token of its own. */
    token: import("./api.js").Token | undefined;
    /** @type {Api} */
    api: Api;
    records: Records;
    /**
     * Ask the user for a title. The app supplies this method: as an option, by assigning it or by overriding it.
     * @param {AbortSignal} [_signal] aborts when the title is no longer needed
     * @returns {Promise<string | null> | string | null}
     */
    showTitleDialog(_signal?: AbortSignal): Promise<string | null> | string | null;
    /**
     * Request a URL to upload *blob*. Throws `OrakError`, or `EmptyTakeError`.
     * @param {Blob | File} blob
     * @param {number | null} [durationSeconds]
     * @param {PresignOptions} [options]
     * @returns {Promise<PresignedUrl>}
     */
    requestPresignedUrl(blob: Blob | File, durationSeconds?: number | null, { createOnly, ...options }?: PresignOptions): Promise<PresignedUrl>;
    /**
     * PUT *blob* to a signed URL. As with fetch, the store's refusal is an answer: look at `ok`. Status 412 says that an
     * earlier PUT has arrived. Throws `OrakError` if the store cannot be reached.
     * @param {string | PresignedUrl} presignedUrl any signed URL, or the whole answer of `requestPresignedUrl`
     * @param {Blob} blob
     * @param {PutOptions} [options] `headers`; default: those that the URL was signed with
     * @returns {Promise<Response>}
     */
    uploadToS3(presignedUrl: string | PresignedUrl, blob: Blob, options?: PutOptions): Promise<Response>;
    /**
     * Create the record of an upload; retry while orak cannot be reached. Throws `OrakError`.
     * @param {NewRecord} record
     * @param {CreateOptions} [options]
     * @returns {Promise<RecordResponse>}
     */
    createRecord(record: NewRecord, options?: CreateOptions): Promise<RecordResponse>;
}
export type PresignedUrl = import("./api.js").PresignedUrl;
export type RecordResponse = import("./api.js").RecordResponse;
export type PutOptions = import("./put.js").PutOptions;
export type CreateOptions = import("./records.js").CreateOptions;
export type NewRecord = import("./records.js").NewRecord;
/**
 * returning null or rejecting cancels the upload
 */
export type AskTitle = (signal: AbortSignal) => Promise<string | null> | string | null;
export type StepOptions = {
    showTitleDialog?: AskTitle;
};
export type PresignOptions = {
    /**
     * Idempotency-Key: calls repeated with the same key create one upload
     */
    key?: string | undefined;
    signal?: AbortSignal | undefined;
    /**
     * whether a repeated PUT must not overwrite the object; default: true
     */
    createOnly?: boolean | undefined;
};
import { Api } from "./api.js";
import { Records } from "./records.js";
