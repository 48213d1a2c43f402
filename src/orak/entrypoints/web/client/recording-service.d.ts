/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./delivery.js").AskTitle} AskTitle */
/** @typedef {import("./records.js").NewRecord} NewRecord */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./takes.js").KeptTake} KeptTake */
/** @typedef {"idle" | "starting" | "recording" | "paused" | "interrupted"} RecordingState */
/**
 * @typedef {object} RecordingOptions
 * @property {AskTitle} [showTitleDialog]
 * @property {Takes} [takes]
 * @property {number | null} [songId] that is sung
 * @property {string} [deviceId] of the microphone; the default one otherwise
 * @property {() => void} [onChange] `state`, or the number of `uploads`, is another
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] the network is away, or back
 */
export class RecordingService {
    /** @param {import("./api.js").Access & RecordingOptions} options */
    constructor(options: import("./api.js").Access & RecordingOptions);
    api: import("./api.js").Api;
    takes: Takes;
    songId: number | null;
    deviceId: string | undefined;
    onChange: (() => void) | undefined;
    onProgress: ((sent: number, whole: number) => void) | undefined;
    onWaiting: ((waiting: boolean) => void) | undefined;
    /** How many takes are on their way. */
    uploads: number;
    /** @type {RecordingState} */
    state: RecordingState;
    /** @type {Capture | undefined} */
    capture: Capture | undefined;
    /** @type {{ promise: Promise<void>, isCancelled: boolean } | undefined} */
    starting: {
        promise: Promise<void>;
        isCancelled: boolean;
    } | undefined;
    /** @type {Promise<Delivery> | undefined} */
    ending: Promise<Delivery> | undefined;
    /** @type {Promise<RecordResponse> | undefined} */
    stopping: Promise<RecordResponse> | undefined;
    /** @type {Map<string, PresignedUrl>} */
    signed: Map<string, PresignedUrl>;
    /**
     * The app's own: given as an option, or overridden.
     * @param {AbortSignal} _signal aborts when nobody needs a title any more
     * @returns {Promise<string | null> | string | null}
     */
    showTitleDialog(_signal: AbortSignal): Promise<string | null> | string | null;
    set token(token: import("./api.js").Token);
    get token(): import("./api.js").Token;
    /** How loud it is now. @returns {Level} */
    get level(): Level;
    /** Seconds recorded, without pauses. */
    get seconds(): number;
    /** Whether what is recorded outlives the page: not in a private window, nor on a full disk. */
    get isKept(): boolean;
    /** The microphones there are. */
    devices(): Promise<MediaDeviceInfo[]>;
    /**
     * Ask for the microphone and record. While it records already, or asks, nothing new begins. Rejects with the
     * browser's own DOMException (NotAllowedError, NotFoundError, ...), AbortError if it was stopped meanwhile.
     * @returns {Promise<void>}
     */
    startRecording(): Promise<void>;
    /** @param {{ isCancelled: boolean }} starting */
    begin(starting: {
        isCancelled: boolean;
    }): Promise<void>;
    pauseRecording(): void;
    resumeRecording(): void;
    /**
     * End the recording, send it and ask for its title at the same time. A second call gets the same record.
     * When it fails, or the title is refused, the take stays on the device: see `unfinishedTakes`.
     * @param {string} [title] instead of asking
     * @returns {Promise<RecordResponse>}
     */
    stopRecording(title?: string): Promise<RecordResponse>;
    /**
     * End the recording, for apps that send it themselves: `run` the delivery, `discard` it, or `letGo` of it for later.
     * Rejects with `EmptyTakeError`, AbortError while the microphone is still asked for, InvalidStateError otherwise.
     * @returns {Promise<Delivery>}
     */
    endRecording(): Promise<Delivery>;
    /** @param {Capture} capture */
    end(capture: Capture): Promise<Delivery>;
    /** End the recording and keep nothing of it. */
    discardRecording(): Promise<void>;
    /** Let the microphone go. What was recorded stays on the device. */
    close(): Promise<Capture | undefined>;
    forgetStarting(): void;
    /** Takes that have not become records, and that no tab works on. @returns {Promise<KeptTake[]>} */
    unfinishedTakes(): Promise<KeptTake[]>;
    /** Send a take that is kept. @param {string} id @param {string} [title] instead of asking @returns {Promise<RecordResponse>} */
    finishTake(id: string, title?: string): Promise<RecordResponse>;
    /**
     * Take up one that is kept, for apps that send it themselves. Rejects with `EmptyTakeError`, NotFoundError if it is
     * gone, InvalidStateError while this tab or another works on it.
     * @param {string} id
     * @returns {Promise<Delivery>}
     */
    takeUp(id: string): Promise<Delivery>;
    /** Keep nothing of a take, here or at orak. Rejects as `takeUp`. @param {string} id */
    discardTake(id: string): Promise<void>;
    /** @param {Blob} blob @param {KeptPieces} kept */
    delivery(blob: Blob, kept: KeptPieces): Promise<Delivery>;
    /** @param {Delivery} delivery @param {string} [title] */
    send(delivery: Delivery, title?: string): Promise<import("./api.js").RecordResponse>;
    /** @param {Blob} blob @param {number | null} durationSeconds */
    parcel(blob: Blob, durationSeconds: number | null): {
        blob: Blob;
        filename: string;
        contentType: string;
        durationSeconds: number | null;
    };
    /**
     * Ask for a URL for *blob*. Raises `OrakError`.
     * @param {Blob} blob
     * @param {number | null} [durationSeconds]
     * @returns {Promise<PresignedUrl>}
     */
    requestPresignedUrl(blob: Blob, durationSeconds?: number | null): Promise<PresignedUrl>;
    /**
     * Send *blob* as signed. Raises `OrakError`: 403 is one too.
     * @param {string | PresignedUrl} presignedUrl what `requestPresignedUrl` resolved to, or the URL in it
     * @param {Blob} blob
     * @param {import("./upload.js").UploadOptions} [options]
     * @returns {Promise<void>}
     */
    uploadToS3(presignedUrl: string | PresignedUrl, blob: Blob, options?: import("./upload.js").UploadOptions): Promise<void>;
    /** Create the record of an upload that has arrived. @param {NewRecord} record @returns {Promise<RecordResponse>} */
    createRecord(record: NewRecord): Promise<RecordResponse>;
    /** @param {RecordingState} state */
    change(state: RecordingState): void;
}
export type PresignedUrl = import("./api.js").PresignedUrl;
export type RecordResponse = import("./api.js").RecordResponse;
export type Level = import("./capture.js").Level;
export type AskTitle = import("./delivery.js").AskTitle;
export type NewRecord = import("./records.js").NewRecord;
export type KeptPieces = import("./takes.js").KeptPieces;
export type KeptTake = import("./takes.js").KeptTake;
export type RecordingState = "idle" | "starting" | "recording" | "paused" | "interrupted";
export type RecordingOptions = {
    showTitleDialog?: import("./delivery.js").AskTitle | undefined;
    takes?: Takes | undefined;
    /**
     * that is sung
     */
    songId?: number | null | undefined;
    /**
     * of the microphone; the default one otherwise
     */
    deviceId?: string | undefined;
    /**
     * `state`, or the number of `uploads`, is another
     */
    onChange?: (() => void) | undefined;
    /**
     * bytes
     */
    onProgress?: ((sent: number, whole: number) => void) | undefined;
    /**
     * the network is away, or back
     */
    onWaiting?: ((waiting: boolean) => void) | undefined;
};
import { Takes } from "./takes.js";
import { Capture } from "./capture.js";
import { Delivery } from "./delivery.js";
