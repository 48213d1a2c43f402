/** The microphones; they have names once one was permitted. @returns {Promise<MediaDeviceInfo[]>} */
export function microphones(): Promise<MediaDeviceInfo[]>;
/**
 * Ask for a microphone, without what is made for speech: it cuts held notes and pumps with the music.
 * @param {string} [deviceId]
 */
export function openMicrophone(deviceId?: string): Promise<MediaStream>;
export function recordingType(): string | undefined;
export class Capture {
    /**
     * Record from *stream* at once; its tracks end with the take.
     * @param {MediaStream} stream
     * @param {Takes} takes where it is kept meanwhile
     * @param {number | null} songId
     * @param {() => void} interrupted called when the device goes away, or the recorder gives up
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
    /** Set when the last piece is here: it comes before `stop`. @type {Promise<Blob>} */
    ended: Promise<Blob>;
    /** What the recorder says that it records: never what it was asked for. */
    get mimeType(): string;
    get seconds(): number;
    get isPaused(): boolean;
    /** @param {Blob} piece */
    collect(piece: Blob): void;
    listen(): void;
    samples: Float32Array<ArrayBuffer> | undefined;
    /** How loud it is now. @returns {Level} */
    get level(): Level;
    pause(): void;
    resume(): void;
    /** End it, once; resolves to everything that was recorded, with the type it has. @returns {Promise<Blob>} */
    finish(): Promise<Blob>;
    mark(): void;
    release(): void;
}
export type KeptPieces = import("./takes.js").KeptPieces;
export type Takes = import("./takes.js").Takes;
/**
 * `rms` and `peak` from 0 to 1
 */
export type Level = {
    rms: number;
    peak: number;
    isClipping: boolean;
};
