/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./api.js").ApiOptions & import("./upload-steps.js").StepOptions
 *   & Omit<import("./recording-service.js").RecordingOptions, "onChange">} UseRecordingOptions */
/**
 * @typedef {object} RecordingDetails
 * @property {import("./recording-service.js").RecordingState} state
 * @property {{ sent: number, whole: number } | null} progress of the upload, in bytes
 * @property {boolean} isWaiting whether the upload waits for the network
 * @property {unknown} error of the last call; null once the next call starts
 * @property {RecordingService} service for everything else: pause, level, devices, recordings kept on the device
 */
/**
 * @typedef {object} UseRecordingResult
 * @property {boolean} isRecording
 * @property {boolean} isUploading
 * @property {() => Promise<void>} startRecording
 * @property {(title: string) => Promise<RecordResponse>} stopRecording
 * @property {RecordingDetails} details
 */
/**
 * Record and upload. The hook uses the latest *options*; its functions are stable across renders. Unmounting releases
 * the microphone and keeps the recording on the device; an upload in progress continues.
 * @param {UseRecordingOptions} [options] the token and others that are absent come from `configure`
 * @returns {UseRecordingResult}
 */
export function useRecording(options?: UseRecordingOptions): UseRecordingResult;
export type RecordResponse = import("./api.js").RecordResponse;
export type UseRecordingOptions = import("./api.js").ApiOptions & import("./upload-steps.js").StepOptions & Omit<import("./recording-service.js").RecordingOptions, "onChange">;
export type RecordingDetails = {
    state: import("./recording-service.js").RecordingState;
    /**
     * of the upload, in bytes
     */
    progress: {
        sent: number;
        whole: number;
    } | null;
    /**
     * whether the upload waits for the network
     */
    isWaiting: boolean;
    /**
     * of the last call; null once the next call starts
     */
    error: unknown;
    /**
     * for everything else: pause, level, devices, recordings kept on the device
     */
    service: RecordingService;
};
export type UseRecordingResult = {
    isRecording: boolean;
    isUploading: boolean;
    startRecording: () => Promise<void>;
    stopRecording: (title: string) => Promise<RecordResponse>;
    details: RecordingDetails;
};
import { RecordingService } from "./recording-service.js";
