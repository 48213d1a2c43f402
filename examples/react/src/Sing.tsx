import { useState, type FormEvent } from "react";
import { useRecording } from "orak-client/react";

export function Sing() {
  const { isRecording, isUploading, startRecording, stopRecording, details } = useRecording();
  const [title, setTitle] = useState("");
  const [saved, setSaved] = useState("");
  const { progress, isWaiting, error } = details;

  async function press(event: FormEvent) {
    event.preventDefault();
    try {
      if (!isRecording) return await startRecording();
      setSaved((await stopRecording(title)).title);
      setTitle("");
    } catch {
      // shown by details.error
    }
  }

  return (
    <form onSubmit={press}>
      <label>
        Title <input value={title} onChange={(event) => setTitle(event.target.value)} required={isRecording} maxLength={255} />
      </label>
      <button>{isRecording ? "Stop" : "Sing"}</button>
      {isUploading && <progress aria-label="Upload progress" value={progress?.sent ?? 0} max={progress?.whole ?? 1} />}
      <p role="status">{isWaiting ? "Waiting for the network" : isUploading ? "Uploading" : saved && `Saved “${saved}”`}</p>
      {error instanceof Error && <p role="alert">{error.message}</p>}
    </form>
  );
}
