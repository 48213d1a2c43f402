/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/**
 * @typedef {object} FileOptions
 * @property {import("./delivery.js").AskTitle} [askTitle]
 * @property {number | null} [songId]
 */
export class FileUploadService {
    /** @param {import("./api.js").Access & FileOptions} options `askTitle` for calls that bring none */
    constructor(options: import("./api.js").Access & FileOptions);
    api: import("./api.js").Api;
    askTitle: import("./delivery.js").AskTitle | undefined;
    /**
     * Send *file* and ask for its title at the same time. When either fails, is aborted or given up, the upload is
     * cancelled at orak and no record is made. Rejects with `EmptyTakeError`, `OrakError`, what the dialog said, or
     * what the signal says.
     * @param {File} file
     * @param {FileOptions & import("./upload.js").UploadOptions} [options]
     * @returns {Promise<RecordResponse>}
     */
    uploadExternalFile(file: File, { askTitle, songId, ...options }?: FileOptions & import("./upload.js").UploadOptions): Promise<RecordResponse>;
    /**
     * A delivery of *file*, for apps that let people try again. Throws `EmptyTakeError`.
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
