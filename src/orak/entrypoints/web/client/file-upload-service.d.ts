/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/**
 * @typedef {object} FileOptions
 * @property {import("./upload-steps.js").AskTitle} [askTitle] default: the service's `showTitleDialog`
 * @property {number | null} [songId]
 */
/** Uploads existing audio files. */
export class FileUploadService extends UploadSteps {
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
    /**
     * default: the service's `showTitleDialog`
     */
    askTitle?: import("./upload-steps.js").AskTitle | undefined;
    songId?: number | null | undefined;
};
import { UploadSteps } from "./upload-steps.js";
import { Delivery } from "./delivery.js";
