// @ts-check
/** Uploading existing audio files. */
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

/** Uploads existing audio files. */
export class FileUploadService {
  /** @param {import("./api.js").Access & FileOptions} options `askTitle`: used by calls without one of their own */
  constructor(options) {
    this.api = apiOf(options);
    this.askTitle = options.askTitle;
  }

  /**
   * Upload *file* and ask for its title at the same time, then create the record. If either fails or is aborted, the
   * upload is cancelled at orak and no record is created. Rejects with `EmptyTakeError`, `OrakError`, the rejection of
   * the dialog, or the reason of the signal.
   * @param {File} file
   * @param {FileOptions & import("./upload.js").UploadOptions} [options]
   * @returns {Promise<RecordResponse>}
   */
  async uploadExternalFile(file, { askTitle = this.askTitle, songId = null, ...options } = {}) {
    if (!askTitle) throw new TypeError("pass askTitle to uploadExternalFile or to the constructor");
    const delivery = this.prepare(file, songId);
    try {
      return await delivery.run({ askTitle, ...options });
    } catch (failure) {
      await delivery.discard().catch(() => undefined); // if orak cannot be reached, the upload expires
      throw failure;
    }
  }

  /**
   * Return a delivery of *file*, for apps that offer another try. Throws `EmptyTakeError`.
   * @param {File} file
   * @param {number | null} [songId]
   */
  prepare(file, songId = null) {
    const pack = async () => ({
      blob: file,
      filename: file.name,
      contentType: contentTypeOf(file, file.name),
      // orak may still convert a file that this browser cannot decode.
      durationSeconds: await getDuration(file).catch(() => null),
    });
    return new Delivery(this.api, file, pack, { songId });
  }
}
