/** There is nothing in it: no upload was begun. */
export class EmptyTakeError extends Error {
}
export class Delivery {
    /**
     * @param {Api} api
     * @param {Blob} blob
     * @param {() => Promise<Parcel>} pack makes what is sent of it, when it is needed
     * @param {{ kept?: KeptPieces, songId?: number | null }} [take] `kept`: what becomes known is kept on the device
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
    /** The title that was given, if one was. */
    get title(): string | undefined;
    /**
     * Send it, and ask for its title at the same time: when either fails, the other one is aborted. Then create its
     * record. After a failure it may be called again, and goes on with what was done; while it runs, a second call gets
     * the same record. An upload that a refusal, an abort or a missing title leaves behind is cancelled at orak. An abort
     * that comes while the record is created comes too late: the run ends as if there were none.
     * Raises `OrakError`, what *askTitle* said, or what the signal says.
     * @param {DeliveryOptions} options `askTitle` is not called again once it has answered
     * @returns {Promise<RecordResponse>}
     */
    run(options: DeliveryOptions): Promise<RecordResponse>;
    /** Give it another title before it is run again. @param {string} title */
    rename(title: string): Promise<void>;
    /** Give its upload up, at orak as well. Another `run` would begin anew. */
    cancel(): Promise<void>;
    /**
     * Nobody wants it: once a run that was aborted has ended, nothing of it is left at orak or on the device, nor the
     * record for which the abort came too late.
     */
    discard(): Promise<void>;
    /** Leave it on the device: once a run that was aborted has ended, any tab can finish it. */
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
    /** Forget what a refusal of its record says is no good. @param {unknown} failure */
    unlearn(failure: unknown): Promise<void>;
    /** @param {Known} known */
    note(known: Known): Promise<void>;
}
export type Api = import("./api.js").Api;
export type RecordResponse = import("./api.js").RecordResponse;
export type KeptPieces = import("./takes.js").KeptPieces;
export type Parcel = import("./upload.js").Parcel;
/**
 * null, or a rejection, gives up
 */
export type AskTitle = (signal: AbortSignal) => Promise<string | null> | string | null;
export type DeliveryOptions = import("./upload.js").UploadOptions & {
    askTitle: AskTitle;
};
/**
 * what is known of a take so far
 */
export type Known = {
    /**
     * its bytes are there
     */
    uploadId?: number | undefined;
    title?: string | undefined;
    /**
     * Idempotency-Key of its record
     */
    key?: string | undefined;
    songId?: number | null | undefined;
    seconds?: number | null | undefined;
};
import { Upload } from "./upload.js";
