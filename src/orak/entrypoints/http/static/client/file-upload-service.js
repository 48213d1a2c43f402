// @ts-check
/** Files from elsewhere. */
import { Api, newKey } from "./api.js";
import { getDuration } from "./duration.js";
import { createRecord, EmptyTakeError, sendAndAsk } from "./sending.js";
import { contentTypeOf, guarded, Upload } from "./upload.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */

/**
 * @typedef {object} FileOptions
 * @property {import("./sending.js").AskTitle} [askTitle]
 * @property {number | null} [songId]
 */

export class FileUploadService {
  /** @param {import("./api.js").ApiOptions & FileOptions} options `askTitle` for calls that bring none */
  constructor(options) {
    this.api = new Api(options);
    this.askTitle = options.askTitle;
  }

  /**
   * Send *file* and ask for its title at the same time. When either fails, is aborted or given up, the upload is
   * cancelled at orak and no record is made. Rejects with `EmptyTakeError`, `OrakError`, what the dialog said, or
   * what the signal says.
   * @param {File} file
   * @param {FileOptions & import("./upload.js").UploadOptions} [options]
   * @returns {Promise<RecordResponse>}
   */
  async uploadExternalFile(file, { askTitle = this.askTitle, songId = null, ...options } = {}) {
    if (!askTitle) throw new TypeError("give uploadExternalFile an askTitle");
    if (!file.size) throw new EmptyTakeError("the file is empty");
    const ask = askTitle;
    return guarded(async () => {
      // What this browser cannot play, orak may convert all the same.
      const durationSeconds = await getDuration(file).catch(() => null);
      options.signal?.throwIfAborted();
      const contentType = contentTypeOf(file, file.name);
      const upload = new Upload(this.api, { blob: file, filename: file.name, contentType, durationSeconds });
      try {
        const title = await sendAndAsk(upload, ask, options);
        const record = { title, uploadId: Number(upload.uploadId), songId, durationSeconds };
        return await createRecord(this.api, record, { key: newKey(), signal: options.signal });
      } catch (failure) {
        await upload.cancel();
        throw failure;
      }
    });
  }
}
