// @ts-check
export { Api, isPassing, newKey, OrakError } from "./api.js";
export { microphones, recordingType } from "./capture.js";
export { getDuration, UndecodableError } from "./duration.js";
export { FileUploadService } from "./file-upload-service.js";
export { Live } from "./live.js";
export { RecordingService } from "./recording-service.js";
export { EmptyTakeError } from "./sending.js";
export { Takes } from "./takes.js";
export { contentTypeOf, Upload } from "./upload.js";
export { withDuration } from "./webm.js";
