/** Every export of orak-client, as an app would use it. */
import {
  Api,
  Delivery,
  EmptyTakeError,
  FileUploadService,
  Live,
  OrakError,
  RecordingService,
  Takes,
  UndecodableError,
  Upload,
  contentTypeOf,
  getDuration,
  isPassing,
  microphones,
  newKey,
  recordingType,
  withDuration,
} from "orak-client";
import { useRecording } from "orak-client/react";

const options = { token: async () => "the current token", baseUrl: "https://orak.example", language: "ko" };

export async function recordSong(ask: (signal: AbortSignal) => Promise<string | null>): Promise<number> {
  const service = new RecordingService({
    ...options,
    showTitleDialog: ask,
    takes: new Takes("user-1"),
    deviceId: (await microphones())[0]?.deviceId,
    songId: 7,
  });
  await service.startRecording();
  service.pauseRecording();
  service.resumeRecording();
  const { rms, peak, isClipping } = service.level;
  console.log(rms, peak, isClipping, service.seconds, recordingType());
  const record = await service.stopRecording();
  for (const { id } of await service.unfinishedTakes()) await service.finishTake(id);
  return record.id;
}

export async function uploadStepByStep(blob: Blob): Promise<string> {
  const service = new RecordingService(options);
  const signed = await service.requestPresignedUrl(blob, 12);
  await service.uploadToS3(signed.presignedUrl, blob);
  const record = await service.createRecord({ title: "Step by step", uploadId: signed.uploadId, songId: null, durationSeconds: 12 });
  return record.processingStatus;
}

export async function uploadFile(file: File, signal: AbortSignal): Promise<string> {
  try {
    const onProgress = (sent: number, whole: number): void => console.log(sent / whole);
    const files = new FileUploadService(options);
    return (await files.uploadExternalFile(file, { askTitle: () => "A title", onProgress, signal })).title;
  } catch (failure) {
    if (failure instanceof OrakError) return `${failure.code} ${failure.requestId ?? ""} ${isPassing(failure)}`;
    if (failure instanceof EmptyTakeError || failure instanceof UndecodableError) return failure.name;
    throw failure;
  }
}

export async function followConversion(blob: Blob): Promise<void> {
  const api = new Api(options);
  const seconds: number = await getDuration(blob);
  const complete = await withDuration(blob, seconds);
  const upload = new Upload(api, { blob: complete, filename: "take.webm", contentType: contentTypeOf(complete), durationSeconds: seconds });
  const live = new Live(api, { onStep: ({ recordId, progress }) => console.log(recordId, progress), onState: console.log });
  live.follow(await upload.run());
  live.close();
  console.log(newKey());
}

export async function retryDeliveries(service: RecordingService, file: File): Promise<void> {
  const recorded: Delivery = await service.endRecording();
  const chosen = new FileUploadService({ api: service.api }).prepare(file, 7);
  for (const delivery of [recorded, chosen]) {
    const stop = new AbortController();
    const options = { askTitle: () => delivery.title ?? "A title", onWaiting: console.log, signal: stop.signal };
    try {
      await delivery.run(options);
    } catch {
      await delivery.rename("Another title");
      await delivery.run(options).catch(() => delivery.letGo());
    }
  }
  const blob = new Blob(["bytes"]);
  const pack = async () => ({ blob, filename: "take.webm", contentType: "audio/webm", durationSeconds: null });
  await new Delivery(service.api, blob, pack, { songId: 7 }).discard();
}

export function useRecorder(): boolean {
  const { isRecording, isUploading, details } = useRecording(options);
  return isRecording || isUploading || details.state === "paused";
}
