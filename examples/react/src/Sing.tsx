import { useState } from "react";
import { useRecording } from "orak-client/react";

export function Sing({ token }: { token: () => string }) {
  const { isRecording, isUploading, startRecording, stopRecording, details } = useRecording({ token });
  const [title, setTitle] = useState("");
  const ignore = () => undefined; // details.error has it
  return (
    <main>
      <input aria-label="Title" value={title} onChange={(event) => setTitle(event.target.value)} />
      <button onClick={() => (isRecording ? stopRecording(title) : startRecording()).catch(ignore)}>
        {isRecording ? "Stop" : "Sing"}
      </button>
      {isUploading && <p role="status">Sending</p>}
      {details.error instanceof Error && <p role="alert">{details.error.message}</p>}
    </main>
  );
}
