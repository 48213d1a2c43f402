// @ts-check
export { Api, isPassing, newKey, OrakError } from "./api.js";
export { microphones, recordingType } from "./capture.js";
export { contentTypeOf } from "./content-types.js";
export { Delivery, EmptyTakeError } from "./delivery.js";
export { getDuration, UndecodableError } from "./duration.js";
export { FileUploadService } from "./file-upload-service.js";
export { Live } from "./live.js";
export { RecordingService } from "./recording-service.js";
export { Takes } from "./takes.js";
export { Upload } from "./upload.js";
export { withDuration } from "./webm.js";
