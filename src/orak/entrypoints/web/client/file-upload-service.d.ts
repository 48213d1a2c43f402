/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/**
 * @typedef {object} FileOptions
 * @property {import("./delivery.js").AskTitle} [askTitle]
 * @property {number | null} [songId]
 */
/** Uploads existing audio files. */
export class FileUploadService {
    /** @param {import("./api.js").Access & FileOptions} options `askTitle`: used by calls without one of their own */
    constructor(options: import("./api.js").Access & FileOptions);
    api: import("./api.js").Api;
    askTitle: import("./delivery.js").AskTitle | undefined;
    /**
     * Upload *file* and ask for its title at the same time, then create the record. If either fails or is aborted, the
     * upload is cancelled at orak and no record is created. Rejects with `EmptyTakeError`, `OrakError`, the rejection of
     * the dialog, or the reason of the signal.
     * @param {File} file
     * @param {FileOptions & import("./upload.js").UploadOptions} [options]
     * @returns {Promise<RecordResponse>}
     */
    uploadExternalFile(file: File, { askTitle, songId, ...options }?: FileOptions & import("./upload.js").UploadOptions): Promise<RecordResponse>;
    /**
     * Return a delivery of *file*, for apps that offer another try. Throws `EmptyTakeError`.
     * @param {File} file
     * @param {number | null} [songId]
     */
    prepare(file: File, songId?: number | null): Delivery;
}
export type RecordResponse = import("./api.js").RecordResponse;
export type FileOptions = {
    askTitle?: import("./delivery.js").AskTitle | undefined;
    songId?: number | null | undefined;
};
import { Delivery } from "./delivery.js";
