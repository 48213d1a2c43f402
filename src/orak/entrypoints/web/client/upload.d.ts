/** Cancel an upload at orak. If orak cannot be reached, it expires by itself. @param {import("./api.js").Api} api @param {number} id */
export function cancelUpload(api: import("./api.js").Api, id: number): Promise<void>;
/** One upload. After a failure, calling `run` again continues it. */
export class Upload {
    /** @param {UploadSteps} service @param {Blob | File} blob @param {number | null} [durationSeconds] */
    constructor(service: UploadSteps, blob: Blob | File, durationSeconds?: number | null);
    /** Set once the URL is signed. */
    get uploadId(): number | undefined;
    /**
     * Upload the file. Retries when the network is lost. Requests a fresh URL once if the store answers 403, and one that
     * allows overwriting if the store cannot do anything else (501). Three uploads of a page run at once.
     * Throws `OrakError` when orak or the store refuses, or after the last of several tries without a network.
     * @param {UploadOptions} [options]
     * @returns {Promise<number>} the upload's id
     */
    run({ onProgress, onWaiting, signal }?: UploadOptions): Promise<number>;
    /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
    cancel(): Promise<void>;
    #private;
}
export type PresignedUrl = import("./api.js").PresignedUrl;
export type UploadSteps = import("./upload-steps.js").UploadSteps;
export type UploadOptions = {
    /**
     * bytes
     */
    onProgress?: ((sent: number, whole: number) => void) | undefined;
    /**
     * true when the upload waits for the network, false when it continues
     */
    onWaiting?: ((waiting: boolean) => void) | undefined;
    signal?: AbortSignal | undefined;
};
