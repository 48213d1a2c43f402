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
    /** The records to ask for when asking is all there is, with the ETags they had. @type {Map<number, string>} */
    followed: Map<number, string>;
    /** Ask for this record too: often while there is no WebSocket, else seldom. @param {number} recordId */
    follow(recordId: number): void;
    /** @param {number} recordId */
    unfollow(recordId: number): void;
    close(): void;
    connect(): Promise<void>;
    /** Listen until the connection ends. @returns {Promise<boolean>} whether there ever was one */
    listen(): Promise<boolean>;
    poll(): Promise<void>;
    /** Ask for all that are followed, until one cannot be had. @returns {Promise<unknown>} why not */
    askAll(): Promise<unknown>;
    /** @param {number} recordId */
    ask(recordId: number): Promise<void>;
    /** @param {LiveState} state */
    change(state: LiveState): void;
}
export type LiveStep = {
    /**
     * null for one that was asked for
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
     * go on behind it
     */
    lastEventId?: number | undefined;
    /**
     * ms; 2 000
     */
    pollEvery?: number | undefined;
};
