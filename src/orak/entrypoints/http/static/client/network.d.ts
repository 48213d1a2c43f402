/** Waiting for a network that comes and goes. */
/** Wait *pause* ms, and on for as long as the device is offline. @param {number} pause @param {AbortSignal} [signal] */
export function untilOnline(pause: number, signal?: AbortSignal): Promise<any>;
