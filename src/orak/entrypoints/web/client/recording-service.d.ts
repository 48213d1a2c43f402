/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./takes.js").KeptPieces} KeptPieces */
/** @typedef {import("./takes.js").KeptTake} KeptTake */
/** @typedef {"idle" | "starting" | "recording" | "paused" | "interrupted"} RecordingState */
/**
 * @typedef {object} RecordingOptions
 * @property {Takes} [takes]
 * @property {number | null} [songId] of the song being sung
 * @property {string} [deviceId] of the microphone; default: the browser's choice
 * @property {() => void} [onChange] called when `state` or `uploads` changes
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {(waiting: boolean) => void} [onWaiting] true when the upload waits for the network, false when it continues
 */
/** Records from the microphone, uploads the audio and creates the record. */
export class RecordingService extends UploadSteps {
    /** @param {import("./api.js").Access & import("./upload-steps.js").StepOptions & RecordingOptions} [options] */
    constructor(options?: import("./api.js").Access & import("./upload-steps.js").StepOptions & RecordingOptions);
    takes: Takes;
    songId: number | null;
    deviceId: string | undefined;
    onChange: (() => void) | undefined;
    onProgress: ((sent: number, whole: number) => void) | undefined;
    onWaiting: ((waiting: boolean) => void) | undefined;
    get state(): RecordingState;
    /** Number of uploads in progress. */
    get uploads(): number;
    /** The current input level. @returns {Level} */
    get level(): Level;
    /** Seconds recorded, without pauses. */
    get seconds(): number;
    /** Whether the recording would survive a closed tab: false in a private window or on a full disk. */
    get isKept(): boolean;
    /** Return the available microphones. */
    devices(): Promise<MediaDeviceInfo[]>;
    /**
     * Ask for the microphone and start recording. While it is already starting or recording, a call changes nothing.
     * Rejects with the browser's DOMException (NotAllowedError, NotFoundError, ...), or with AbortError if it was stopped
     * before it started.
     * @returns {Promise<void>}
     */
    startRecording(): Promise<void>;
    pauseRecording(): void;
    resumeRecording(): void;
    /**
     * Stop recording, then upload the audio while asking for its title. A second call returns the same record.
     * If this fails or the title is refused, the recording stays on the device: see `unfinishedTakes`.
     * @param {string} [title] used instead of asking
     * @returns {Promise<RecordResponse>}
     */
    stopRecording(title?: string): Promise<RecordResponse>;
    /**
     * Stop recording and return a delivery, for apps that send it themselves: `run` it, `discard` it, or `letGo` to keep
     * it for later. Rejects with `EmptyTakeError`, with AbortError if the microphone was still being requested, and with
     * InvalidStateError if nothing is being recorded.
     * @returns {Promise<Delivery>}
     */
    endRecording(): Promise<Delivery>;
    /** Stop recording and delete the audio. */
    discardRecording(): Promise<void>;
    /** Release the microphone. The recording stays on the device. */
    close(): Promise<void>;
    /**
     * Return the recordings on this device that have no record yet and are not open in any tab.
     * @returns {Promise<KeptTake[]>}
     */
    unfinishedTakes(): Promise<KeptTake[]>;
    /**
     * Send a recording that is kept on the device.
     * @param {string} id
     * @param {string} [title] used instead of asking
     * @returns {Promise<RecordResponse>}
     */
    finishTake(id: string, title?: string): Promise<RecordResponse>;
    /**
     * Open a recording that is kept on the device, for apps that send it themselves. Rejects with `EmptyTakeError`, with
     * NotFoundError if it is gone, and with InvalidStateError while it is open in this tab or another.
     * @param {string} id
     * @returns {Promise<Delivery>}
     */
    takeUp(id: string): Promise<Delivery>;
    /** Delete a recording from the device and from orak. Rejects like `takeUp`. @param {string} id */
    discardTake(id: string): Promise<void>;
    #private;
}
export type RecordResponse = import("./api.js").RecordResponse;
export type Level = import("./capture.js").Level;
export type KeptPieces = import("./takes.js").KeptPieces;
export type KeptTake = import("./takes.js").KeptTake;
export type RecordingState = "idle" | "starting" | "recording" | "paused" | "interrupted";
export type RecordingOptions = {
    takes?: Takes | undefined;
    /**
     * of the song being sung
     */
    songId?: number | null | undefined;
    /**
     * of the microphone; default: the browser's choice
     */
    deviceId?: string | undefined;
    /**
     * called when `state` or `uploads` changes
     */
    onChange?: (() => void) | undefined;
    /**
     * bytes
     */
    onProgress?: ((sent: number, whole: number) => void) | undefined;
    /**
     * true when the upload waits for the network, false when it continues
     */
    onWaiting?: ((waiting: boolean) => void) | undefined;
};
import { UploadSteps } from "./upload-steps.js";
import { Takes } from "./takes.js";
import { Delivery } from "./delivery.js";
