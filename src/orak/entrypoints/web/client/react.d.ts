/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./api.js").ApiOptions & Omit<import("./recording-service.js").RecordingOptions, "onChange">} HookOptions */
/**
 * @typedef {object} RecordingDetails
 * @property {import("./recording-service.js").RecordingState} state
 * @property {{ sent: number, whole: number } | null} progress bytes of what is being sent
 * @property {boolean} isWaiting for the network
 * @property {unknown} error why the last call failed; null after the next one begins
 * @property {RecordingService} service for everything else: pause, level, devices, kept takes
 */
/**
 * @typedef {object} Recording
 * @property {boolean} isRecording
 * @property {boolean} isUploading
 * @property {() => Promise<void>} startRecording
 * @property {(title: string) => Promise<RecordResponse>} stopRecording
 * @property {RecordingDetails} details
 */
/**
 * Record and send. *options* may be new ones at each render: the latest count. The functions stay the same ones.
 * Unmounting lets the microphone go and keeps the take on the device; what is being sent is sent.
 * @param {HookOptions} options
 * @returns {Recording}
 */
export function useRecording(options: HookOptions): Recording;
export type RecordResponse = import("./api.js").RecordResponse;
export type HookOptions = import("./api.js").ApiOptions & Omit<import("./recording-service.js").RecordingOptions, "onChange">;
export type RecordingDetails = {
    state: import("./recording-service.js").RecordingState;
    /**
     * bytes of what is being sent
     */
    progress: {
        sent: number;
        whole: number;
    } | null;
    /**
     * for the network
     */
    isWaiting: boolean;
    /**
     * why the last call failed; null after the next one begins
     */
    error: unknown;
    /**
     * for everything else: pause, level, devices, kept takes
     */
    service: RecordingService;
};
export type Recording = {
    isRecording: boolean;
    isUploading: boolean;
    startRecording: () => Promise<void>;
    stopRecording: (title: string) => Promise<RecordResponse>;
    details: RecordingDetails;
};
import { RecordingService } from "./recording-service.js";
