/**
 * Create the record, trying again while orak is out of reach. Raises `OrakError`. A try that is under way is not
 * aborted, only the waiting for another one: nobody would know whether it got through.
 * @param {Api} api
 * @param {NewRecord} record
 * @param {{ key: string, signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `key`: however often
 *   it is tried with it, it is created once
 * @returns {Promise<RecordResponse>}
 */
export function createRecord(api: Api, { title, uploadId, songId, durationSeconds }: NewRecord, { key, signal, onWaiting }: {
    key: string;
    signal?: AbortSignal;
    onWaiting?: (waiting: boolean) => void;
}): Promise<RecordResponse>;
/** The record that an upload has already. @param {Api} api @param {number} uploadId */
export function recordOf(api: Api, uploadId: number): Promise<any>;
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type NewRecord = {
    title: string;
    uploadId: number;
    songId?: number | null | undefined;
    durationSeconds?: number | null | undefined;
};
