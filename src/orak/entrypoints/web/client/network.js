// @ts-check
/** Waiting for the network. */
import { OrakError } from "./api.js";

const LONGEST_PAUSE = 30_000; // ms

/**
 * Wait before another try: back off exponentially, wait at least as long as Retry-After asks, and until the device is
 * online.
 * @param {unknown} failure
 * @param {number} failures number of failures in a row
 * @param {{ signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `onWaiting` is called with true at the start and false at the end
 */
export async function untilAnotherTry(failure, failures, { signal, onWaiting }) {
  const asked = failure instanceof OrakError ? 1000 * failure.retryAfter : 0;
  onWaiting?.(true);
  try {
    await untilOnline(Math.max(asked, Math.min(LONGEST_PAUSE, 250 * 2 ** failures)), signal);
  } finally {
    onWaiting?.(false);
  }
}

/** Wait *pause* milliseconds, and until the device is online. @param {number} pause @param {AbortSignal} [signal] */
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
