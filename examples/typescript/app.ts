/** Every export of orak-client, used as an app uses it. */
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

const options = { token: async () => "a token of this moment", baseUrl: "https://orak.example", language: "ko" };

export async function sing(ask: (signal: AbortSignal) => Promise<string | null>): Promise<number> {
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

export async function byHand(blob: Blob): Promise<string> {
  const service = new RecordingService(options);
  const signed = await service.requestPresignedUrl(blob, 12);
  await service.uploadToS3(signed.presignedUrl, blob);
  const record = await service.createRecord({ title: "By hand", uploadId: signed.uploadId, songId: null, durationSeconds: 12 });
  return record.processingStatus;
}

export async function sendFile(file: File, signal: AbortSignal): Promise<string> {
  try {
    const sent = (now: number, whole: number): void => console.log(now / whole);
    const files = new FileUploadService(options);
    return (await files.uploadExternalFile(file, { askTitle: () => "A title", onProgress: sent, signal })).title;
  } catch (failure) {
    if (failure instanceof OrakError) return `${failure.code} ${failure.requestId ?? ""} ${isPassing(failure)}`;
    if (failure instanceof EmptyTakeError || failure instanceof UndecodableError) return failure.name;
    throw failure;
  }
}

export async function follow(blob: Blob): Promise<void> {
  const api = new Api(options);
  const seconds: number = await getDuration(blob);
  const whole = await withDuration(blob, seconds);
  const upload = new Upload(api, { blob: whole, filename: "take.webm", contentType: contentTypeOf(whole), durationSeconds: seconds });
  const live = new Live(api, { onStep: ({ recordId, progress }) => console.log(recordId, progress), onState: console.log });
  live.follow(await upload.run());
  live.close();
  console.log(newKey());
}

export async function sendAgainAndAgain(service: RecordingService, file: File): Promise<void> {
  const own: Delivery = await service.endRecording();
  const chosen = new FileUploadService({ api: service.api }).prepare(file, 7);
  for (const delivery of [own, chosen]) {
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

export function useEverything(): boolean {
  const { isRecording, isUploading, details } = useRecording(options);
  return isRecording || isUploading || details.state === "paused";
}
