// @ts-check
/** Capturing audio from a microphone, from the permission to the last chunk. */
import { beginTake } from "./takes.js";

/** @typedef {import("./takes.js").Takes} Takes */

/** @typedef {{ rms: number, peak: number, isClipping: boolean }} Level `rms` and `peak` from 0 to 1 */

const TYPES = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const PIECE = 1000; // ms per chunk: a crash loses at most this much
const CLIPPED = 0.98; // of full scale; resampling lowers clipped samples a little

/** Return the best type that the browser can record, or undefined to leave the choice to the browser. */
export const recordingType = () => TYPES.find((type) => MediaRecorder.isTypeSupported(type));

/** Return the microphones. They have labels once the user has permitted one. @returns {Promise<MediaDeviceInfo[]>} */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "audioinput");
}

/**
 * Ask for a microphone with speech processing switched off: it cuts held notes and pumps with the music.
 * @param {string} [deviceId]
 */
export async function openMicrophone(deviceId) {
  if (!navigator.mediaDevices || !globalThis.MediaRecorder) {
    throw new DOMException("recording requires https and a browser with MediaRecorder", "NotSupportedError");
  }
  const device = deviceId ? { deviceId: { exact: deviceId } } : {};
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return navigator.mediaDevices.getUserMedia({ audio: { ...device, ...plain } });
}

/** One recording in progress. */
export class Capture {
  /**
   * Start recording *stream* at once. Its tracks stop when the recording ends.
   * @param {MediaStream} stream
   * @param {Takes} takes stores the recording on the device as it grows
   * @param {number | null} songId
   * @param {() => void} interrupted called when the device is removed or the recorder stops by itself
   */
  constructor(stream, takes, songId, interrupted) {
    this.stream = stream;
    this.isFinishing = false;
    this.past = 0; // ms before the last pause
    this.since = 0;
    /** @type {AudioContext | undefined} */
    this.hearing = undefined;
    /** @type {AnalyserNode | undefined} */
    this.ear = undefined;
    /** @type {Blob[]} */
    this.pieces = [];
    try {
      const mimeType = recordingType();
      this.recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
      this.listen();
    } catch (failure) {
      this.release();
      throw failure;
    }
    this.kept = beginTake(takes, this.recorder.mimeType, songId);
    this.recorder.addEventListener("dataavailable", ({ data }) => this.collect(data));
    /** Resolves after the last chunk, which arrives before `stop`. @type {Promise<Blob>} */
    this.ended = new Promise((resolve) => {
      this.recorder.addEventListener("stop", () => {
        this.mark();
        this.release();
        if (!this.isFinishing) interrupted();
        resolve(new Blob(this.pieces, { type: this.mimeType }));
      }, { once: true });
    });
    for (const track of stream.getTracks()) {
      track.addEventListener("ended", () => {
        void this.finish();
        interrupted();
      }, { once: true });
    }
    this.since = performance.now();
    try {
      this.recorder.start(PIECE);
    } catch (failure) {
      this.release();
      void this.kept.forget();
      throw failure;
    }
  }

  /** The type that is really recorded, which may differ from the requested one. */
  get mimeType() {
    return this.recorder.mimeType || this.pieces.find(({ type }) => type)?.type || "application/octet-stream";
  }

  /** Seconds recorded, without pauses. */
  get seconds() {
    return (this.past + (this.since ? performance.now() - this.since : 0)) / 1000;
  }

  get isPaused() {
    return this.recorder.state === "paused";
  }

  /** @param {Blob} piece */
  collect(piece) {
    if (!piece.size) return;
    this.pieces.push(piece);
    void this.kept.add(piece, { seconds: this.seconds, mimeType: this.mimeType });
  }

  listen() {
    this.hearing = new AudioContext();
    this.ear = this.hearing.createAnalyser();
    this.ear.fftSize = 4096; // 85 ms at 48 kHz: reading every 80 ms misses no peak
    this.samples = new Float32Array(this.ear.fftSize);
    this.hearing.createMediaStreamSource(this.stream).connect(this.ear);
    void this.hearing.resume(); // Safari creates it suspended
  }

  /** The current input level. @returns {Level} */
  get level() {
    if (!this.ear || !this.samples) return { rms: 0, peak: 0, isClipping: false };
    this.ear.getFloatTimeDomainData(this.samples);
    let [peak, power] = [0, 0];
    for (const sample of this.samples) {
      peak = Math.max(peak, Math.abs(sample));
      power += sample * sample;
    }
    const rms = Math.min(1, Math.sqrt(power / this.samples.length));
    return { rms, peak: Math.min(1, peak), isClipping: peak >= CLIPPED };
  }

  pause() {
    if (this.recorder.state !== "recording") return;
    this.mark();
    this.recorder.pause();
  }

  resume() {
    if (this.recorder.state !== "paused") return;
    this.since = performance.now();
    this.recorder.resume();
  }

  /** Stop recording. Repeated calls return the same audio, with the type that was recorded. @returns {Promise<Blob>} */
  finish() {
    this.isFinishing = true;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    return this.ended;
  }

  mark() {
    this.past = this.seconds * 1000;
    this.since = 0;
  }

  release() {
    for (const track of this.stream.getTracks()) track.stop();
    if (this.hearing && this.hearing.state !== "closed") void this.hearing.close();
    this.hearing = this.ear = undefined;
  }
}
