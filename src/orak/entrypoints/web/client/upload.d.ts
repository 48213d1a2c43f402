/**
 * Request an upload URL. Throws `OrakError`.
 * @param {Api} api
 * @param {Parcel} parcel
 * @param {{ key?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<PresignedUrl>}
 */
export function presign(api: Api, parcel: Parcel, options?: {
    key?: string;
    signal?: AbortSignal;
}): Promise<PresignedUrl>;
/**
 * Send *blob* once, exactly as signed. A store that already has the object (412) counts as success. Throws `OrakError`:
 * status 0 for a lost connection, 403 for an expired URL. If the signal aborts, throws its reason.
 * It uses XMLHttpRequest because fetch does not report upload progress.
 * @param {PresignedUrl} signed
 * @param {Blob} blob
 * @param {UploadOptions} [options]
 * @returns {Promise<void>}
 */
export function put(signed: PresignedUrl, blob: Blob, { onProgress, signal }?: UploadOptions): Promise<void>;
/** Cancel an upload at orak. If orak cannot be reached, the upload expires by itself. @param {Api} api @param {number} id */
export function cancelUpload(api: Api, id: number): Promise<void>;
/** One upload. After a failure, calling `run` again continues it. */
export class Upload {
    /** @param {Api} api @param {Parcel} parcel @param {PresignedUrl} [signed] an existing signed request, to continue with */
    constructor(api: Api, parcel: Parcel, signed?: PresignedUrl);
    api: import("./api.js").Api;
    parcel: Parcel;
    signed: import("./api.js").PresignedUrl | undefined;
    stored: boolean;
    get uploadId(): number | undefined;
    /**
     * Upload the file. Retries when the network is lost, and requests a fresh URL once if the store answers 403.
     * Throws `OrakError` when orak or the store refuses, or after the last of several tries without a network.
     * @param {UploadOptions} [options]
     * @returns {Promise<number>} the upload's id
     */
    run({ onProgress, onWaiting, signal }?: UploadOptions): Promise<number>;
    /** Cancel the upload, at orak too. Another `run` starts from the beginning. */
    cancel(): Promise<void>;
}
export type Api = import("./api.js").Api;
export type PresignedUrl = import("./api.js").PresignedUrl;
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
/**
 * a file to upload
 */
export type Parcel = {
    blob: Blob;
    filename: string;
    contentType: string;
    /**
     * whole seconds, or null if unknown
     */
    durationSeconds: number | null;
};
