/** A subscription to the user's records. */
export class Live {
    /** Connect at once. @param {import("./api.js").Api} api @param {LiveOptions} options */
    constructor(api: import("./api.js").Api, { onStep, onState, lastEventId, pollEvery }: LiveOptions);
    get state(): LiveState;
    /** Poll this record too: every round without a WebSocket, rarely with one. @param {number} recordId */
    follow(recordId: number): void;
    /** @param {number} recordId */
    unfollow(recordId: number): void;
    close(): void;
    #private;
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
