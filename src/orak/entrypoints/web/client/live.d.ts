/** A subscription to the user's records. */
export class Live {
    /** Connect at once. @param {import("./api.js").Api} api @param {LiveOptions} options */
    constructor(api: import("./api.js").Api, { onStep, onState, lastEventId, pollEvery }: LiveOptions);
    api: import("./api.js").Api;
    onStep: (step: LiveStep) => void;
    onState: ((state: LiveState) => void) | undefined;
    lastEventId: number | undefined;
    pollEvery: number;
    /** @type {LiveState} */
    state: LiveState;
    ending: AbortController;
    /** The records to poll, with their last ETags. @type {Map<number, string>} */
    followed: Map<number, string>;
    /** Poll this record too: every round without a WebSocket, rarely with one. @param {number} recordId */
    follow(recordId: number): void;
    /** @param {number} recordId */
    unfollow(recordId: number): void;
    close(): void;
    connect(): Promise<void>;
    /** Listen until the connection ends; return whether it was ever open. @returns {Promise<boolean>} */
    listen(): Promise<boolean>;
    poll(): Promise<void>;
    /** Poll the followed records until one fails; return that failure. @returns {Promise<unknown>} */
    pollAll(): Promise<unknown>;
    /** @param {number} recordId */
    pollOne(recordId: number): Promise<void>;
    /** @param {LiveState} state */
    change(state: LiveState): void;
}
export type LiveStep = {
    /**
     * null if it was polled
     */
    eventId: number | null;
    recordId: number;
    uploadId: number;
    processingStatus: "COMPLETED" | "PROCESSING" | "FAILED";
    /**
     * 0 to 100
     */
    progress: number;
    at: string;
    deleted?: boolean | undefined;
};
export type LiveState = "connecting" | "live" | "polling" | "closed";
export type LiveOptions = {
    onStep: (step: LiveStep) => void;
    onState?: ((state: LiveState) => void) | undefined;
    /**
     * resume after this event
     */
    lastEventId?: number | undefined;
    /**
     * milliseconds; default: 2 000
     */
    pollEvery?: number | undefined;
};
