/** The content type that orak is asked to sign, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob: Blob, name?: string): string;
/** A file name for a recording of that content type. @param {string} contentType */
export function filenameOf(contentType: string): string;
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
/** Wait *pause* ms, and on for as long as the device is offline. @param {number} pause @param {AbortSignal} [signal] */
export function untilOnline(pause: number, signal?: AbortSignal): Promise<any>;
/**
 * Have the browser ask before the page is left, for as long as *work* takes: a listener that stays keeps pages out of
 * the back/forward cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function guarded<T>(work: () => Promise<T>): Promise<T>;
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
    /** Give it up, at orak as well; what cannot be told orak expires there by itself. */
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
