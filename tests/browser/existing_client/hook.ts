/** The app around a hook: it renders it, and shows its latest result to the test. */
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { configure, type RecordResponse } from "orak-client";
import { useRecording as ours } from "orak-client/react";
import { useRecording as original } from "./use-recording";

interface Result {
  isRecording: boolean;
  isUploading: boolean;
  startRecording: () => Promise<void>;
  stopRecording: (title: string) => Promise<RecordResponse>;
}

const hooks: Record<string, () => Result> = { original, ours };

/** Render the hook of that name; return an object whose `now` is the result of its last rendering. */
export function rendered(name: string, token: string): { now?: Result; seen: string[] } {
  configure({ token });
  const shown: { now?: Result; seen: string[] } = { seen: [] };
  const useRecording = hooks[name];
  function Component() {
    shown.now = useRecording();
    shown.seen.push(shown.now.isRecording ? "recording" : shown.now.isUploading ? "uploading" : "idle");
    return null;
  }
  createRoot(document.body.appendChild(document.createElement("div"))).render(createElement(Component));
  return shown;
}
