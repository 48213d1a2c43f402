/** Every export of orak-client, as an app would use it. */
import {
  Api,
  EmptyTakeError,
  FileUploadService,
  Live,
  OrakError,
  RecordingService,
  Takes,
  UndecodableError,
  Upload,
  configure,
  contentTypeOf,
  getDuration,
  isPassing,
  microphones,
  newKey,
  recordingType,
  records,
  withDuration,
} from "orak-client";
import type {
  Access,
  ApiOptions,
  AskTitle,
  CallOptions,
  CreateOptions,
  Delivery,
  DeliveryOptions,
  FileOptions,
  KeptTake,
  Level,
  LiveOptions,
  LiveState,
  LiveStep,
  NewRecord,
  PresignOptions,
  PresignedUrl,
  ProcessingStatus,
  PutOptions,
  RecordPage,
  RecordResponse,
  RecordingDetails,
  RecordingOptions,
  RecordingState,
  Records,
  StepOptions,
  Token,
  UploadOptions,
  UploadSteps,
  UseRecordingOptions,
  UseRecordingResult,
} from "orak-client";
import { useRecording } from "orak-client/react";

const token: Token = async () => "the current token";
const options: ApiOptions = { token, baseUrl: "https://orak.example", language: "ko" };
configure(options);

export async function recordSong(ask: AskTitle): Promise<number> {
  const more: StepOptions & RecordingOptions = { showTitleDialog: ask, takes: new Takes("user-1"), songId: 7 };
  const service = new RecordingService({ ...options, ...more, deviceId: (await microphones())[0]?.deviceId });
  await service.startRecording();
  service.pauseRecording();
  service.resumeRecording();
  const { rms, peak, isClipping }: Level = service.level;
  const state: RecordingState = service.state;
  console.log(state, rms, peak, isClipping, service.seconds, recordingType());
  const record: RecordResponse = await service.stopRecording();
  const left: KeptTake[] = await service.unfinishedTakes();
  for (const { id } of left) await service.finishTake(id);
  return record.id;
}

/** Both services have the steps of an upload. */
export async function uploadStepByStep(blob: Blob, service: UploadSteps = new RecordingService()): Promise<ProcessingStatus> {
  service.token = "another token";
  const asked: PresignOptions = { key: newKey() };
  const signed: PresignedUrl = await service.requestPresignedUrl(blob, 12, asked);
  const sent: PutOptions = { onProgress: console.log };
  const answer: Response = await service.uploadToS3(signed.presignedUrl, blob, sent);
  if (!answer.ok) throw new Error(`the store answered ${answer.status}`);
  const title = (await service.showTitleDialog()) ?? "Step by step";
  const record: NewRecord = { title, uploadId: signed.uploadId, songId: null, durationSeconds: 12 };
  const made: CreateOptions = { key: newKey() };
  return (await service.createRecord(record, made)).processingStatus;
}

export class Studio extends RecordingService {
  override async showTitleDialog(): Promise<string> {
    return "A title";
  }
}

export async function uploadFile(file: File, signal: AbortSignal): Promise<string> {
  try {
    const onProgress = (sent: number, whole: number): void => console.log(sent / whole);
    const files = new FileUploadService(options);
    const more: FileOptions & UploadOptions = { askTitle: () => "A title", onProgress, signal };
    return (await files.uploadExternalFile(file, more)).title;
  } catch (failure) {
    if (failure instanceof OrakError) return `${failure.code} ${failure.requestId ?? ""} ${isPassing(failure)}`;
    if (failure instanceof EmptyTakeError || failure instanceof UndecodableError) return failure.name;
    throw failure;
  }
}

export async function tidyUp(service: FileUploadService): Promise<void> {
  await tidy(records);
  await tidy(service.records);
}

async function tidy(records: Records): Promise<void> {
  let page: RecordPage = await records.list({ limit: 50 });
  for (;;) {
    for (const { id, failure } of page) {
      if (!failure) await records.rename(id, "Finished");
      else if (failure.retryable) await records.retry(id);
      else await records.delete(id);
    }
    if (!page.next) break;
    page = await records.list({ limit: 50, cursor: page.next });
  }
}

export async function followConversion(file: File, recordId: number): Promise<ProcessingStatus> {
  const api = new Api(options);
  const access: Access = { api };
  const seconds: number = await getDuration(file);
  const uploadId = await new Upload(new FileUploadService(access), file, seconds).run();
  const onStep = ({ recordId, progress }: LiveStep): void => console.log(recordId, progress);
  const onState = (state: LiveState): void => console.log(state);
  const live: LiveOptions = { onStep, onState };
  new Live(api, live).follow(recordId);
  const call: CallOptions = { headers: { "If-None-Match": '"1"' } };
  console.log(contentTypeOf(file, file.name), await withDuration(file, seconds), await api.json("GET", `/uploads/${uploadId}`, call));
  return (await new RecordingService(access).records.get(recordId)).processingStatus;
}

export async function retryDeliveries(service: RecordingService, file: File): Promise<void> {
  const recorded: Delivery = await service.endRecording();
  const chosen: Delivery = new FileUploadService({ api: service.api }).prepare(file, 7);
  for (const delivery of [recorded, chosen]) {
    const stop = new AbortController();
    const options: DeliveryOptions = { askTitle: () => delivery.title ?? "A title", onWaiting: console.log, signal: stop.signal };
    try {
      await delivery.run(options);
    } catch {
      await delivery.rename("Another title");
      await delivery.run(options).catch(() => delivery.letGo());
    }
  }
}

export function useRecorder(more?: UseRecordingOptions): boolean {
  const { isRecording, isUploading, details }: UseRecordingResult = useRecording(more);
  const { state, isWaiting }: RecordingDetails = details;
  return isRecording || isUploading || isWaiting || state === "paused";
}
