// @ts-check
/** A take from the microphone, piece by piece. */
import { Keeping } from "./keeping.js";
import { subject } from "./session.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const PIECE = 1000; // ms: what a crash can cost

/** @typedef {{ blob: Blob, seconds: number, keeping: Keeping }} Sung */

export class EmptyTakeError extends Error {
  name = "EmptyTakeError";
}

export class Microphone {
  /** @param {{ sung: (take: Sung) => void, lost: (take: Sung) => void }} then `lost` when the microphone went away */
  constructor({ sung, lost }) {
    this.sung = sung;
    this.lost = lost;
    /** @type {AudioContext | undefined} */
    this.hearing = undefined;
    /** @type {AnalyserNode | undefined} */
    this.ear = undefined;
    this.deviceId = "";
    this.past = 0; // ms recorded before the last pause
    this.since = 0;
  }

  async start() {
    if (!navigator.mediaDevices || !window.MediaRecorder) throw new DOMException("", "NotSupportedError");
    const device = this.deviceId ? { deviceId: { exact: this.deviceId } } : {};
    // Processing that is made for speech cuts held notes and pumps with the music.
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...device, ...plain } });
    try {
      this.listen(stream);
      this.record(stream);
    } catch (failure) {
      this.release(stream);
      throw failure;
    }
  }

  /** @param {MediaStream} stream */
  listen(stream) {
    this.hearing = new AudioContext();
    this.ear = this.hearing.createAnalyser();
    this.ear.fftSize = 4096;
    this.samples = new Float32Array(this.ear.fftSize);
    this.hearing.createMediaStreamSource(stream).connect(this.ear);
  }

  /** @param {MediaStream} stream */
  record(stream) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    /** @type {Blob[]} */
    const pieces = [];
    const keeping = new Keeping({
      id: crypto.randomUUID?.() ?? String(Math.random()),
      owner: subject(),
      mimeType: recorder.mimeType,
      beganAt: Date.now(),
      seconds: 0,
    });
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (!data.size) return;
      pieces.push(data);
      keeping.add(data, this.seconds());
    });
    // The last piece comes before `stop`, never after it.
    this.ended = new Promise((resolve) => {
      recorder.addEventListener("stop", () => {
        this.mark();
        this.release(stream);
        const type = recorder.mimeType || pieces[0]?.type || "audio/webm";
        resolve({ blob: new Blob(pieces, { type }), seconds: this.seconds(), keeping });
      }, { once: true });
    });
    for (const track of stream.getTracks()) {
      track.addEventListener("ended", () => void this.unplugged(), { once: true });
    }
    this.past = 0;
    this.since = performance.now();
    recorder.start(PIECE);
    this.recorder = recorder;
  }

  async stop() {
    const take = await this.finished();
    if (!take) return;
    if (take.blob.size) return this.sung(take);
    await take.keeping.forget();
    throw new EmptyTakeError("nothing was recorded");
  }

  async abandon() {
    (await this.finished())?.keeping.letGo();
  }

  async unplugged() {
    const take = await this.finished();
    if (take) this.lost(take);
  }

  /** End the recording that runs; of two who ask, one gets it. @returns {Promise<Sung | undefined>} */
  async finished() {
    const { recorder, ended } = this;
    this.recorder = undefined;
    if (!recorder) return undefined;
    if (recorder.state !== "inactive") recorder.stop();
    return ended;
  }

  pause() {
    this.mark();
    this.recorder?.pause();
  }

  resume() {
    this.since = performance.now();
    this.recorder?.resume();
  }

  mark() {
    this.past = this.elapsed();
    this.since = 0;
  }

  elapsed() {
    return this.past + (this.since ? performance.now() - this.since : 0);
  }

  seconds() {
    return this.elapsed() / 1000;
  }

  level() {
    if (!this.ear || !this.samples) return 0;
    this.ear.getFloatTimeDomainData(this.samples);
    return this.samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
  }

  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return all.filter(({ kind, label, deviceId }) => kind === "audioinput" && label && deviceId !== "default");
  }

  /** @param {string} deviceId */
  choose(deviceId) {
    this.deviceId = deviceId;
  }

  /** @param {MediaStream} stream */
  release(stream) {
    for (const track of stream.getTracks()) track.stop();
    void this.hearing?.close();
    this.hearing = this.ear = undefined;
  }
}
