/** The recording or file is empty, so no upload was started. */
export class EmptyTakeError extends Error {
}
/** One recording or file to send. */
export class Delivery {
    /**
     * @param {Api} api
     * @param {Blob} blob
     * @param {() => Promise<Parcel>} pack called when the upload starts; returns what to send
     * @param {{ kept?: KeptPieces, songId?: number | null }} [take] `kept`: stores progress on the device
     */
    constructor(api: Api, blob: Blob, pack: () => Promise<Parcel>, { kept, songId }?: {
        kept?: KeptPieces;
        songId?: number | null;
    });
    api: import("./api.js").Api;
    blob: Blob;
    pack: () => Promise<Parcel>;
    kept: import("./takes.js").KeptPieces | undefined;
    /** @type {Known} */
    known: Known;
    /** @type {Upload | undefined} */
    upload: Upload | undefined;
    /** @type {Promise<RecordResponse> | undefined} */
    running: Promise<RecordResponse> | undefined;
    /** The title, once it is known. */
    get title(): string | undefined;
    /**
     * Upload the bytes and ask for the title at the same time, then create the record. When one of the two fails, the
     * other is aborted. After a failure, another call continues from what is done. While a run is in progress, a second
     * call returns the same record. When orak refuses, the signal aborts or no title is given, the upload is cancelled at
     * orak. An abort while the record is being created is ignored.
     * Throws `OrakError`, the rejection of *askTitle*, or the reason of the signal.
     * @param {DeliveryOptions} options `askTitle` is called until it has returned a title once
     * @returns {Promise<RecordResponse>}
     */
    run(options: DeliveryOptions): Promise<RecordResponse>;
    /** Change the title before the next run. @param {string} title */
    rename(title: string): Promise<void>;
    /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
    cancel(): Promise<void>;
    /**
     * Remove everything from orak and from the device, after an aborted run has ended. This includes a record that was
     * created despite the abort.
     */
    discard(): Promise<void>;
    /** Keep the recording on the device, after an aborted run has ended, so that any tab can finish it. */
    letGo(): Promise<void>;
    /** @param {DeliveryOptions} options @returns {Promise<RecordResponse>} */
    deliver(options: DeliveryOptions): Promise<RecordResponse>;
    /** @param {DeliveryOptions} options */
    sendAndAsk({ askTitle, signal, ...options }: DeliveryOptions): Promise<void>;
    /** @param {AskTitle} askTitle @param {AbortSignal} signal */
    ask(askTitle: AskTitle, signal: AbortSignal): Promise<void>;
    /** @param {import("./upload.js").UploadOptions & { signal: AbortSignal }} options */
    send(options: import("./upload.js").UploadOptions & {
        signal: AbortSignal;
    }): Promise<void>;
    /** @param {DeliveryOptions} options */
    create({ signal, onWaiting }: DeliveryOptions): Promise<import("./api.js").RecordResponse>;
    /** Forget what orak's refusal of the record has made useless. @param {unknown} failure */
    unlearn(failure: unknown): Promise<void>;
    /** @param {Known} known */
    note(known: Known): Promise<void>;
}
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type KeptPieces = import("./takes.js").KeptPieces;
export type Parcel = import("./upload.js").Parcel;
/**
 * returning null or rejecting cancels the delivery
 */
export type AskTitle = (signal: AbortSignal) => Promise<string | null> | string | null;
export type DeliveryOptions = import("./upload.js").UploadOptions & {
    askTitle: AskTitle;
};
/**
 * what is known about the recording so far
 */
export type Known = {
    /**
     * set once the bytes have arrived
     */
    uploadId?: number | undefined;
    title?: string | undefined;
    /**
     * Idempotency-Key for creating the record
     */
    key?: string | undefined;
    songId?: number | null | undefined;
    seconds?: number | null | undefined;
};
import { Upload } from "./upload.js";
