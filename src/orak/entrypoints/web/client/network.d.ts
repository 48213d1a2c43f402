/**
 * Wait before another try: with back-off, no shorter than whoever refused asks for, and on for as long as the device is
 * offline.
 * @param {unknown} failure
 * @param {number} failures how many there were in a row
 * @param {{ signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `onWaiting` is told of both ends
 */
export function untilAnotherTry(failure: unknown, failures: number, { signal, onWaiting }: {
    signal?: AbortSignal;
    onWaiting?: (waiting: boolean) => void;
}): Promise<void>;
/** Wait *pause* ms, and on for as long as the device is offline. @param {number} pause @param {AbortSignal} [signal] */
export function untilOnline(pause: number, signal?: AbortSignal): Promise<any>;
