/**
 * Create the record, trying again while orak is out of reach. Raises `OrakError`.
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
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type NewRecord = {
    title: string;
    uploadId: number;
    songId?: number | null | undefined;
    durationSeconds?: number | null | undefined;
};
