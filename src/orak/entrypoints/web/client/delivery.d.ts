/** One recording or file to send. `endRecording`, `takeUp` and `prepare` of the services make it. */
export class Delivery {
    /**
     * @param {UploadSteps} service
     * @param {Blob} blob
     * @param {() => Promise<Packed>} pack called when the upload starts
     * @param {{ kept?: KeptPieces, songId?: number | null }} [take] `kept`: stores progress on the device
     */
    constructor(service: UploadSteps, blob: Blob, pack: () => Promise<Packed>, { kept, songId }?: {
        kept?: KeptPieces;
        songId?: number | null;
    });
    /** What was recorded or chosen. */
    blob: Blob;
    /** The title, once it is known. */
    get title(): string | undefined;
    /** The upload's id, once the bytes have arrived. */
    get uploadId(): number | undefined;
    /** What is kept on the device; undefined for a chosen file. @returns {KeptTake | undefined} */
    get take(): KeptTake | undefined;
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
    #private;
}
export type RecordResponse = import("./api.js").RecordResponse;
export type KeptPieces = import("./takes.js").KeptPieces;
export type KeptTake = import("./takes.js").KeptTake;
export type AskTitle = import("./upload-steps.js").AskTitle;
export type UploadSteps = import("./upload-steps.js").UploadSteps;
export type DeliveryOptions = import("./upload.js").UploadOptions & {
    askTitle: AskTitle;
};
/**
 * what is sent
 */
export type Packed = {
    blob: Blob | File;
    durationSeconds: number | null;
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
