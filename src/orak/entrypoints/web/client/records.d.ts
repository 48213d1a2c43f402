/**
 * Return the field of a duration. JSON has no Infinity: an unknown duration is left out.
 * @param {number | null | undefined} seconds
 * @returns {{ durationSeconds?: number }}
 */
export function wholeSeconds(seconds: number | null | undefined): {
    durationSeconds?: number;
};
/** Return the cursor of the next page from the `Link` header (RFC 8288). @param {Response} answer */
export function nextCursor(answer: Response): string | null;
/** The records of the user whose token the API has. */
export class Records {
    /** @param {Api} api */
    constructor(api: Api);
    /**
     * Return the records, newest first: all of them, up to 1,000, or a page of *limit*.
     * @param {{ limit?: number, cursor?: string | null, signal?: AbortSignal }} [options] `limit`: 1 to 200; `cursor`: the
     *   `next` of the page before
     * @returns {Promise<RecordPage>}
     */
    list({ limit, cursor, signal }?: {
        limit?: number;
        cursor?: string | null;
        signal?: AbortSignal;
    }): Promise<RecordPage>;
    /** @param {number} id @returns {Promise<RecordResponse>} */
    get(id: number): Promise<RecordResponse>;
    /** @param {number} id @param {string} title @returns {Promise<RecordResponse>} */
    rename(id: number, title: string): Promise<RecordResponse>;
    /**
     * Delete a record with its audio. Throws `OrakError` with status 404 if it is gone already.
     * @param {number} id
     * @param {{ keepalive?: boolean }} [options] `keepalive`: the request outlives the page
     * @returns {Promise<void>}
     */
    delete(id: number, { keepalive }?: {
        keepalive?: boolean;
    }): Promise<void>;
    /** Convert a failed record again. @param {number} id @returns {Promise<RecordResponse>} */
    retry(id: number): Promise<RecordResponse>;
    /**
     * Create the record of an upload; retry while orak cannot be reached. Throws `OrakError`. If an earlier try has
     * succeeded and its answer was lost, that record is returned.
     * @param {NewRecord} record
     * @param {CreateOptions} [options]
     * @returns {Promise<RecordResponse>}
     */
    create({ title, uploadId, songId, durationSeconds }: NewRecord, { key, signal, onWaiting }?: CreateOptions): Promise<RecordResponse>;
    /** Return the record of an upload, or undefined if it has none. @param {number} uploadId */
    ofUpload(uploadId: number): Promise<import("./api.js").RecordResponse | undefined>;
    #private;
}
/** The records of the user whose token `configure` has set. */
export const records: Records;
export type RecordResponse = import("./api.js").RecordResponse;
export type NewRecord = {
    title: string;
    uploadId: number;
    songId?: number | null | undefined;
    durationSeconds?: number | null | undefined;
};
export type CreateOptions = {
    /**
     * Idempotency-Key; default: a new one
     */
    key?: string | undefined;
    /**
     * ends the retries, but not a request in progress: its outcome would be unknown
     */
    signal?: AbortSignal | undefined;
    /**
     * true when the call waits for the network, false when it continues
     */
    onWaiting?: ((waiting: boolean) => void) | undefined;
};
/**
 * `next`: the cursor of the next page, or null
 */
export type RecordPage = RecordResponse[] & {
    next: string | null;
};
import { Api } from "./api.js";
