// @ts-check
/** Files from elsewhere. */
import { apiOf } from "./api.js";
import { contentTypeOf } from "./content-types.js";
import { Delivery } from "./delivery.js";
import { getDuration } from "./duration.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */

/**
 * @typedef {object} FileOptions
 * @property {import("./delivery.js").AskTitle} [askTitle]
 * @property {number | null} [songId]
 */

export class FileUploadService {
  /** @param {import("./api.js").Access & FileOptions} options `askTitle` for calls that bring none */
  constructor(options) {
    this.api = apiOf(options);
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
    const delivery = this.prepare(file, songId);
    try {
      return await delivery.run({ askTitle, ...options });
    } catch (failure) {
      await delivery.discard().catch(() => undefined); // what orak cannot be told expires there
      throw failure;
    }
  }

  /**
   * A delivery of *file*, for apps that let people try again. Throws `EmptyTakeError`.
   * @param {File} file
   * @param {number | null} [songId]
   */
  prepare(file, songId = null) {
    const pack = async () => ({
      blob: file,
      filename: file.name,
      contentType: contentTypeOf(file, file.name),
      // What this browser cannot play, orak may convert all the same.
      durationSeconds: await getDuration(file).catch(() => null),
    });
    return new Delivery(this.api, file, pack, { songId });
  }
}
