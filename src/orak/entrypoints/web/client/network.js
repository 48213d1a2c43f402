// @ts-check
/** Waiting for a network that comes and goes. */
import { OrakError } from "./api.js";

const LONGEST = 30_000; // ms

/**
 * Wait before another try: with back-off, no shorter than whoever refused asks for, and on for as long as the device is
 * offline.
 * @param {unknown} failure
 * @param {number} failures how many there were in a row
 * @param {{ signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `onWaiting` is told of both ends
 */
export async function untilAnotherTry(failure, failures, { signal, onWaiting }) {
  const asked = failure instanceof OrakError ? 1000 * failure.retryAfter : 0;
  onWaiting?.(true);
  try {
    await untilOnline(Math.max(asked, Math.min(LONGEST, 250 * 2 ** failures)), signal);
  } finally {
    onWaiting?.(false);
  }
}

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
