// @ts-check
/** The same for React, which is the app's own. */
import { useCallback, useEffect, useRef, useState } from "react";
import { RecordingService } from "./recording-service.js";

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
export function useRecording(options) {
  const [service] = useState(() => new RecordingService(options));
  const [shown, setShown] = useState({ state: service.state, uploads: service.uploads });
  const [progress, setProgress] = useState(/** @type {{ sent: number, whole: number } | null} */ (null));
  const [isWaiting, setWaiting] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));

  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
    service.token = options.token;
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

  const startRecording = useCallback(() => told(setError, () => service.startRecording()), [service]);
  const stopRecording = useCallback(
    (/** @type {string} */ title) => told(setError, () => service.stopRecording(title)),
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
async function told(setError, work) {
  setError(null);
  try {
    return await work();
  } catch (failure) {
    setError(failure);
    throw failure;
  }
}
