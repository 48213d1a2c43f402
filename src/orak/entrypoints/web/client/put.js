// @ts-check
/** One request that sends bytes to the store. */
import { OrakError } from "./api.js";

/**
 * @typedef {object} PutOptions
 * @property {Record<string, string>} [headers] the signed headers
 * @property {(sent: number, whole: number) => void} [onProgress] bytes
 * @property {AbortSignal} [signal]
 */

const STALLED = 60_000; // ms without progress or an answer
const BODYLESS = [204, 205, 304];

/**
 * PUT *blob* and return the answer, whatever its status. Throws `OrakError` if the connection is lost, or the reason of
 * the signal. It uses XMLHttpRequest because fetch does not report upload progress.
 * @param {string} url
 * @param {Blob} blob
 * @param {PutOptions} [options]
 * @returns {Promise<Response>}
 */
export function put(url, blob, { headers = {}, onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let isLost = false;
    const lose = () => {
      isLost = true;
      request.abort();
    };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(lose, STALLED);
    };
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value); // the browser sets it
    }
    request.upload.onprogress = ({ loaded }) => {
      restartTimer();
      onProgress?.(Math.min(loaded, blob.size), blob.size);
    };
    request.onload = () => resolve(answerOf(request));
    request.onerror = () => reject(new OrakError("NETWORK", "the store cannot be reached"));
    request.onabort = () => reject(isLost ? new OrakError("NETWORK", "the upload stalled") : signal?.reason);
    request.onloadend = () => {
      clearTimeout(timer);
      removeEventListener("offline", lose);
      signal?.removeEventListener("abort", abort);
    };
    addEventListener("offline", lose); // a request does not survive a change of networks
    restartTimer();
    signal?.addEventListener("abort", abort, { once: true });
    request.send(blob);
  });
}

/** Return the answer as fetch would. @param {XMLHttpRequest} request */
function answerOf(request) {
  const { status, statusText } = request;
  const lines = request.getAllResponseHeaders().trim().split("\r\n").filter(Boolean);
  const headers = lines.map((line) => /** @type {[string, string]} */ (line.split(/: ?(.*)/s, 2)));
  return new Response(BODYLESS.includes(status) ? null : request.responseText, { status, statusText, headers });
}
