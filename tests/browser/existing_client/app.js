/** The app around the original services: what they leave out. */
import { FileUploadService } from "./file-upload-service.js";
import { RecordingService } from "./recording-service.js";

/** Has the microphone, and the recording once the recorder has stopped. */
export class App extends RecordingService {
  async startRecording() {
    await super.startRecording();
    this.recorder = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }));
    this.recorder.start();
  }

  async stopRecording() {
    const recorded = new Promise((done) => this.recorder.addEventListener("dataavailable", done, { once: true }));
    this.recorder.stop();
    this.audioBlob = (await recorded).data;
    return super.stopRecording();
  }

  async showTitleDialog() {
    return "내 첫 번째 녹음";
  }
}

/** The original says that both services have these methods, and shows them once. */
export class Files extends FileUploadService {
  async showTitleDialog() {
    return "첫 번째 파일";
  }
}
for (const name of ["requestPresignedUrl", "uploadToS3", "createRecord"]) {
  Files.prototype[name] = RecordingService.prototype[name];
}
