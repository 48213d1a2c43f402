/** Return the microphones. They have labels once the user has permitted one. @returns {Promise<MediaDeviceInfo[]>} */
export function microphones(): Promise<MediaDeviceInfo[]>;
/**
 * Ask for a microphone with speech processing switched off: it cuts held notes and pumps with the music.
 * @param {string} [deviceId]
 */
export function openMicrophone(deviceId?: string): Promise<MediaStream>;
export function recordingType(): string | undefined;
/** One recording in progress. */
export class Capture {
    /**
     * Start recording *stream* at once. Its tracks stop when the recording ends.
     * @param {MediaStream} stream
     * @param {Takes} takes stores the recording on the device as it grows
     * @param {number | null} songId
     * @param {() => void} interrupted called when the device is removed or the recorder stops by itself
     */
    constructor(stream: MediaStream, takes: Takes, songId: number | null, interrupted: () => void);
    stream: MediaStream;
    isFinishing: boolean;
    past: number;
    since: number;
    /** @type {AudioContext | undefined} */
    hearing: AudioContext | undefined;
    /** @type {AnalyserNode | undefined} */
    ear: AnalyserNode | undefined;
    /** @type {Blob[]} */
    pieces: Blob[];
    recorder: MediaRecorder;
    kept: import("./takes.js").KeptPieces;
    /** Resolves after the last chunk, which arrives before `stop`. @type {Promise<Blob>} */
    ended: Promise<Blob>;
    /** The type that is really recorded, which may differ from the requested one. */
    get mimeType(): string;
    /** Seconds recorded, without pauses. */
    get seconds(): number;
    get isPaused(): boolean;
    /** @param {Blob} piece */
    collect(piece: Blob): void;
    listen(): void;
    samples: Float32Array<ArrayBuffer> | undefined;
    /** The current input level. @returns {Level} */
    get level(): Level;
    pause(): void;
    resume(): void;
    /** Stop recording. Repeated calls return the same audio, with the type that was recorded. @returns {Promise<Blob>} */
    finish(): Promise<Blob>;
    mark(): void;
    release(): void;
}
export type Takes = import("./takes.js").Takes;
/**
 * `rms` and `peak` from 0 to 1
 */
export type Level = {
    rms: number;
    peak: number;
    isClipping: boolean;
};
