/**
 * Ask for a URL. Raises `OrakError`.
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
 * Send *blob* once, exactly as signed. Resolves also if the store has it already (412). Raises `OrakError`: status 0
 * for a lost network, 403 for a URL that is not good any more; what the signal says when it aborts.
 * XMLHttpRequest, because fetch does not tell of bytes sent.
 * @param {PresignedUrl} signed
 * @param {Blob} blob
 * @param {UploadOptions} [options]
 * @returns {Promise<void>}
 */
export function put(signed: PresignedUrl, blob: Blob, { onProgress, signal }?: UploadOptions): Promise<void>;
/** Tell orak that an upload is given up; what it cannot be told expires there by itself. @param {Api} api @param {number} id */
export function cancelUpload(api: Api, id: number): Promise<void>;
/** One upload, from its URL to the bytes being there. `run` may be called again after it failed: it goes on. */
export class Upload {
    /** @param {Api} api @param {Parcel} parcel @param {PresignedUrl} [signed] what was asked for already */
    constructor(api: Api, parcel: Parcel, signed?: PresignedUrl);
    api: import("./api.js").Api;
    parcel: Parcel;
    signed: import("./api.js").PresignedUrl | undefined;
    stored: boolean;
    get uploadId(): number | undefined;
    /**
     * Send it. While the network is away, wait for it; ask for a fresh URL once if the store says 403.
     * Raises `OrakError` for a refusal, or when the network stays away for `TRIES` tries.
     * @param {UploadOptions} [options]
     * @returns {Promise<number>} the upload's id
     */
    run({ onProgress, onWaiting, signal }?: UploadOptions): Promise<number>;
    /** Give it up, at orak as well. `run` would begin anew. */
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
     * the network is away, or back
     */
    onWaiting?: ((waiting: boolean) => void) | undefined;
    signal?: AbortSignal | undefined;
};
/**
 * what is to be sent
 */
export type Parcel = {
    blob: Blob;
    filename: string;
    contentType: string;
    /**
     * whole seconds, or null where nobody knows
     */
    durationSeconds: number | null;
};
