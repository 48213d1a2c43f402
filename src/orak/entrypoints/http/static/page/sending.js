// @ts-check
/** Sending a take: its bytes to the store, its name to orak; each may be tried again, and happens once. */
import { call, CallFailed } from "./calls.js";

/** @typedef {import("./calls.js").Take} Take */
/** @typedef {import("./arrivals.js").Asking} Asking */

/** By the end of a file's name: what browsers say of a file's type differs too much. @type {Record<string, string>} */
const TYPES = {
  webm: "audio/webm",
  ogg: "audio/ogg",
  oga: "audio/ogg",
  opus: "audio/ogg",
  m4a: "audio/mp4",
  mp4: "audio/mp4",
  aac: "audio/aac",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  flac: "audio/flac",
};
const TRIES = 6;

/** @param {string} mimeType of a recording */
export const nameOf = (mimeType) => {
  const plain = mimeType.split(";")[0];
  return `take.${plain === "audio/mp4" ? "m4a" : plain === "audio/ogg" ? "ogg" : "webm"}`;
};

export class Sending {
  /** @param {Blob} blob @param {string} name of the file @param {number | null} seconds */
  constructor(blob, name, seconds) {
    this.blob = blob;
    this.name = name;
    this.seconds = seconds;
    this.type = TYPES[name.split(".").at(-1)?.toLowerCase() ?? ""] ?? (blob.type || "application/octet-stream");
    this.key = crypto.randomUUID?.() ?? String(Math.random());
    this.stored = false;
  }

  /** Send it, as far as it has not been sent. @param {Asking} asking @returns {Promise<Take>} */
  async run(asking) {
    const name = asking.askTitle();
    name.catch(() => undefined); // a failed upload is told first
    try {
      await this.store(asking);
      const title = await name;
      const { uploadId } = this;
      const answer = await call("POST", "", { json: { title, uploadId }, key: this.key, signal: asking.signal });
      return await answer.json();
    } catch (failure) {
      if (asking.signal.aborted) void this.giveUp();
      throw failure;
    }
  }

  /** @param {Asking} asking */
  async store(asking) {
    for (let left = TRIES; !this.stored; left -= 1) {
      asking.signal.throwIfAborted();
      try {
        const signed = await this.sign(asking.signal);
        this.stored = await put(signed, this.blob, asking);
      } catch (failure) {
        const lost = failure instanceof CallFailed && failure.status === 0;
        if (!lost || left <= 1) throw failure;
        asking.offline(true);
        await backAgain(asking.signal, TRIES - left + 1);
        asking.offline(false);
      }
    }
    asking.progress(this.blob.size, this.blob.size);
  }

  /** Ask for a URL, of the upload there is if its own is still good. @param {AbortSignal} signal */
  async sign(signal) {
    const json = {
      originalFilename: this.name,
      fileSize: this.blob.size,
      contentType: this.type,
      createOnly: true,
      ...(this.seconds ? { durationSeconds: Math.floor(this.seconds) } : {}),
    };
    if (this.signed && Date.parse(this.signed.expirationTime) > Date.now() + 60_000) return this.signed;
    if (this.uploadId) void this.giveUp();
    const answer = await call("POST", "/presigned-url", { json, signal });
    this.signed = /** @type {Signed} */ (await answer.json());
    this.uploadId = this.signed.uploadId;
    return this.signed;
  }

  /** Tell orak that nothing comes. */
  async giveUp() {
    const { uploadId } = this;
    this.uploadId = this.signed = undefined;
    if (uploadId) await call("DELETE", `/uploads/${uploadId}`).catch(() => undefined);
  }
}

/**
 * @typedef {object} Signed
 * @property {number} uploadId
 * @property {string} presignedUrl
 * @property {string} method
 * @property {Record<string, string>} headers
 * @property {string} expirationTime
 */

/**
 * Put the bytes where they belong, exactly as signed. XMLHttpRequest, because fetch does not tell of bytes sent.
 * @param {Signed} signed
 * @param {Blob} blob
 * @param {Asking} asking
 * @returns {Promise<boolean>} true
 */
function put(signed, blob, { progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(signed.method, signed.presignedUrl);
    for (const [name, value] of Object.entries(signed.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => progress(Math.min(loaded, blob.size), blob.size));
    request.addEventListener("load", () => {
      const { status } = request;
      // 412: the store has it already, from a try whose answer was lost.
      if ((status >= 200 && status < 300) || status === 412) resolve(true);
      else reject(new CallFailed(status >= 500 ? 0 : status, `HTTP ${status}`));
    });
    request.addEventListener("error", () => reject(new CallFailed(0, "network")));
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(blob.slice(0, blob.size, signed.headers["Content-Type"] ?? blob.type));
  });
}

/** Wait for the network, or a little longer each time. @param {AbortSignal} signal @param {number} tries */
function backAgain(signal, tries) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      if (signal.aborted) reject(signal.reason);
      else resolve(undefined);
    };
    const timer = setTimeout(done, Math.min(30_000, 500 * 2 ** tries));
    addEventListener("online", done);
    signal.addEventListener("abort", done, { once: true });
  });
}
