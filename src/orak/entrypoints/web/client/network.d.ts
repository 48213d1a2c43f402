/**
 * Wait before another try: back off exponentially, wait at least as long as Retry-After asks, and until the device is
 * online.
 * @param {unknown} failure
 * @param {number} failures number of failures in a row
 * @param {{ signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `onWaiting` is called with true at the start and false at the end
 */
export function untilAnotherTry(failure: unknown, failures: number, { signal, onWaiting }: {
    signal?: AbortSignal;
    onWaiting?: (waiting: boolean) => void;
}): Promise<void>;
/** Wait *pause* milliseconds, and until the device is online. @param {number} pause @param {AbortSignal} [signal] */
export function untilOnline(pause: number, signal?: AbortSignal): Promise<any>;
