// @ts-check
/** Uploading existing audio files. */
import { Delivery } from "./delivery.js";
import { getDuration } from "./duration.js";
import { UploadSteps } from "./upload-steps.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */

/**
 * @typedef {object} FileOptions
 * @property {import("./upload-steps.js").AskTitle} [askTitle] default: the service's `showTitleDialog`
 * @property {number | null} [songId]
 */

/** Uploads existing audio files. */
export class FileUploadService extends UploadSteps {
  /**
   * Upload *file* and ask for its title at the same time, then create the record. If either fails or is aborted, the
   * upload is cancelled at orak and no record is created. Rejects with `EmptyTakeError`, `OrakError`, the rejection of
   * the dialog, or the reason of the signal.
   * @param {File} file
   * @param {FileOptions & import("./upload.js").UploadOptions} [options]
   * @returns {Promise<RecordResponse>}
   */
  async uploadExternalFile(file, { askTitle = (signal) => this.showTitleDialog(signal), songId = null, ...options } = {}) {
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
    // orak may still convert a file that this browser cannot decode.
    const pack = async () => ({ blob: file, durationSeconds: await getDuration(file).catch(() => null) });
    return new Delivery(this, file, pack, { songId });
  }
}
