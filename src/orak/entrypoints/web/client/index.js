// @ts-check
export { Api, configure, isPassing, newKey, OrakError } from "./api.js";
export { microphones, recordingType } from "./capture.js";
export { contentTypeOf } from "./content-types.js";
export { getDuration, UndecodableError } from "./duration.js";
export { FileUploadService } from "./file-upload-service.js";
export { Live } from "./live.js";
export { RecordingService } from "./recording-service.js";
export { records } from "./records.js";
export { Takes } from "./takes.js";
export { Upload } from "./upload.js";
export { EmptyTakeError } from "./upload-steps.js";
export { withDuration } from "./webm.js";

/** @typedef {import("./api.js").Access} Access */
/** @typedef {import("./api.js").ApiOptions} ApiOptions */
/** @typedef {import("./api.js").CallOptions} CallOptions */
/** @typedef {import("./api.js").PresignedUrl} PresignedUrl */
/** @typedef {import("./api.js").ProcessingStatus} ProcessingStatus */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./capture.js").Level} Level */
/** @typedef {import("./delivery.js").Delivery} Delivery */
/** @typedef {import("./delivery.js").DeliveryOptions} DeliveryOptions */
/** @typedef {import("./file-upload-service.js").FileOptions} FileOptions */
/** @typedef {import("./live.js").LiveOptions} LiveOptions */
/** @typedef {import("./live.js").LiveState} LiveState */
/** @typedef {import("./live.js").LiveStep} LiveStep */
/** @typedef {import("./put.js").PutOptions} PutOptions */
/** @typedef {import("./react.js").RecordingDetails} RecordingDetails */
/** @typedef {import("./react.js").UseRecordingOptions} UseRecordingOptions */
/** @typedef {import("./react.js").UseRecordingResult} UseRecordingResult */
/** @typedef {import("./recording-service.js").RecordingOptions} RecordingOptions */
/** @typedef {import("./recording-service.js").RecordingState} RecordingState */
/** @typedef {import("./records.js").CreateOptions} CreateOptions */
/** @typedef {import("./records.js").NewRecord} NewRecord */
/** @typedef {import("./records.js").RecordPage} RecordPage */
/** @typedef {import("./records.js").Records} Records */
/** @typedef {import("./takes.js").KeptTake} KeptTake */
/** @typedef {import("./upload-steps.js").AskTitle} AskTitle */
/** @typedef {import("./upload-steps.js").PresignOptions} PresignOptions */
/** @typedef {import("./upload-steps.js").StepOptions} StepOptions */
/** @typedef {import("./upload-steps.js").UploadSteps} UploadSteps */
/** @typedef {import("./upload.js").UploadOptions} UploadOptions */
