// @ts-check
/** A React hook for recording. React is a peer dependency. */
import { useCallback, useEffect, useRef, useState } from "react";
import { RecordingService } from "./recording-service.js";

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
export function useRecording(options = {}) {
  const [service] = useState(() => new RecordingService(options));
  const [shown, setShown] = useState({ state: service.state, uploads: service.uploads });
  const [progress, setProgress] = useState(/** @type {{ sent: number, whole: number } | null} */ (null));
  const [isWaiting, setWaiting] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));

  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
    if (options.token) service.token = options.token;
    service.songId = options.songId ?? null;
    service.deviceId = options.deviceId;
    if (options.showTitleDialog) service.showTitleDialog = options.showTitleDialog;
  });

  useEffect(() => {
    service.onChange = () => {
      setShown({ state: service.state, uploads: service.uploads });
      if (!service.uploads) setProgress(null);
    };
    service.onProgress = (sent, whole) => {
      setProgress({ sent, whole });
      latest.current.onProgress?.(sent, whole);
    };
    service.onWaiting = (waiting) => {
      setWaiting(waiting);
      latest.current.onWaiting?.(waiting);
    };
    return () => {
      service.onChange = service.onProgress = service.onWaiting = undefined;
      void service.close();
    };
  }, [service]);

  const startRecording = useCallback(() => withErrorState(setError, () => service.startRecording()), [service]);
  const stopRecording = useCallback(
    (/** @type {string} */ title) => withErrorState(setError, () => service.stopRecording(title)),
    [service],
  );

  return {
    isRecording: shown.state === "recording" || shown.state === "paused" || shown.state === "interrupted",
    isUploading: shown.uploads > 0,
    startRecording,
    stopRecording,
    details: { state: shown.state, progress, isWaiting, error, service },
  };
}

/**
 * @template T
 * @param {(error: unknown) => void} setError
 * @param {() => Promise<T>} work
 */
async function withErrorState(setError, work) {
  setError(null);
  try {
    return await work();
  } catch (failure) {
    setError(failure);
    throw failure;
  }
}
