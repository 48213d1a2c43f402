/**
 * Create the record; retry while orak cannot be reached. Throws `OrakError`. *signal* ends the retries but does not
 * abort a request in progress, because its outcome would be unknown.
 * @param {Api} api
 * @param {NewRecord} record
 * @param {{ key: string, signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `key`: the
 *   idempotency key; retries create one record only
 * @returns {Promise<RecordResponse>}
 */
export function createRecord(api: Api, { title, uploadId, songId, durationSeconds }: NewRecord, { key, signal, onWaiting }: {
    key: string;
    signal?: AbortSignal;
    onWaiting?: (waiting: boolean) => void;
}): Promise<RecordResponse>;
/** Return the record of an upload, or undefined if it has none. @param {Api} api @param {number} uploadId */
export function recordOf(api: Api, uploadId: number): Promise<any>;
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type NewRecord = {
    title: string;
    uploadId: number;
    songId?: number | null | undefined;
    durationSeconds?: number | null | undefined;
};
