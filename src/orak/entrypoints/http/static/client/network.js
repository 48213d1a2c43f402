// @ts-check
/** Waiting for a network that comes and goes. */

/** Wait *pause* ms, and on for as long as the device is offline. @param {number} pause @param {AbortSignal} [signal] */
export function untilOnline(pause, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason);
      else resolve(undefined);
    };
    const timer = setTimeout(() => navigator.onLine && end(), pause);
    addEventListener("online", end);
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
  });
}
