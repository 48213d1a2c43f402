/**
 * Send with *askTitle* asking at the same time. When either fails, the other one is aborted.
 * @param {Upload} upload
 * @param {AskTitle} askTitle its signal aborts when nobody needs a title any more
 * @param {UploadOptions} options
 * @returns {Promise<string>} the title
 */
export function sendAndAsk(upload: Upload, askTitle: AskTitle, { signal, ...options }: UploadOptions): Promise<string>;
/**
 * Create the record, trying again while orak is out of reach. Raises `OrakError`.
 * @param {Api} api
 * @param {NewRecord} record
 * @param {{ key: string, signal?: AbortSignal }} options `key`: however often it is tried with it, it is created once
 * @returns {Promise<RecordResponse>}
 */
export function createRecord(api: Api, { title, uploadId, songId, durationSeconds }: NewRecord, { key, signal }: {
    key: string;
    signal?: AbortSignal;
}): Promise<RecordResponse>;
/** There is nothing in it: no upload was begun. */
export class EmptyTakeError extends Error {
}
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type Upload = import("./upload.js").Upload;
export type UploadOptions = import("./upload.js").UploadOptions;
/**
 * null, or a rejection, gives up
 */
export type AskTitle = (signal: AbortSignal) => Promise<string | null> | string | null;
export type NewRecord = {
    title: string;
    uploadId: number;
    songId?: number | null | undefined;
    durationSeconds?: number | null | undefined;
};
