// @ts-check
/** Sending a take, by orak's own client: its bytes to the store, its name to orak; each may be tried again. */
import { Api, newKey } from "../client/api.js";
import { createRecord, sendAndAsk } from "../client/sending.js";
import { contentTypeOf, filenameOf, Upload } from "../client/upload.js";
import { HOME } from "./calls.js";
import { language } from "./language.js";
import { token } from "./session.js";

/** @typedef {import("./calls.js").Take} Take */
/** @typedef {import("./arrivals.js").Asking} Asking */

export class Sending {
  /** @param {Blob} blob @param {string | null} name of the file, if it is one @param {number | null} seconds */
  constructor(blob, name, seconds) {
    this.api = new Api({ token: () => token() ?? "", baseUrl: HOME.href, language: language() });
    this.durationSeconds = seconds;
    const contentType = contentTypeOf(blob, name ?? "");
    const filename = name ?? filenameOf(contentType);
    this.upload = new Upload(this.api, { blob, filename, contentType, durationSeconds: seconds });
    this.key = newKey();
  }

  /** Send it, as far as it has not been sent. @param {Asking} asking @returns {Promise<Take>} */
  async run({ askTitle, progress, offline, signal }) {
    const { upload, durationSeconds, key } = this;
    try {
      const title = await sendAndAsk(upload, askTitle, { onProgress: progress, onWaiting: offline, signal });
      const record = { title, uploadId: Number(upload.uploadId), durationSeconds };
      return await createRecord(this.api, record, { key, signal });
    } catch (failure) {
      if (signal.aborted) void upload.cancel();
      throw failure;
    }
  }
}
