import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Sing } from "./Sing";

/** jsdom has no microphone: this one gives a track that can be seen to end. */
class Track extends EventTarget {
  readyState = "live";
  stop() {
    this.readyState = "ended";
  }
}

class Recorder extends EventTarget {
  static isTypeSupported = () => true;
  state = "inactive";
  mimeType = "audio/mp4";
  start() {
    this.state = "recording";
  }
  stop() {
    this.state = "inactive";
    this.dispatchEvent(new Event("stop"));
  }
}

class Hearing {
  createAnalyser = () => ({ fftSize: 0 });
  createMediaStreamSource = () => ({ connect: () => undefined });
  resume = async () => undefined;
  close = async () => undefined;
}

let tracks: Track[];

beforeEach(() => {
  tracks = [];
  vi.stubGlobal("MediaRecorder", Recorder);
  vi.stubGlobal("AudioContext", Hearing);
  const getUserMedia = async () => {
    const track = new Track();
    tracks.push(track);
    return { getTracks: () => [track] };
  };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia }, onLine: true });
  vi.stubGlobal("indexedDB", { open: () => { throw new Error("a private window"); } });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const shown = () => render(<StrictMode><Sing token={() => "t"} /></StrictMode>);

test("two quick clicks open one microphone", async () => {
  shown();
  const button = screen.getByRole("button");
  fireEvent.click(button);
  fireEvent.click(button);
  await screen.findByText("Stop");
  expect(tracks.length).toBe(1);
});

test("unmounting lets the microphone go", async () => {
  const { unmount } = shown();
  fireEvent.click(screen.getByRole("button"));
  await screen.findByText("Stop");
  await act(async () => unmount());
  expect(tracks.map(({ readyState }) => readyState)).toEqual(["ended"]);
});

test("a take in which nothing was recorded is told, and nothing stays stuck", async () => {
  shown();
  fireEvent.click(screen.getByRole("button"));
  fireEvent.click(await screen.findByText("Stop"));
  expect((await screen.findByRole("alert")).textContent).toBe("nothing was recorded");
  expect(screen.getByRole("button").textContent).toBe("Sing");
  expect(screen.queryByRole("status")).toBeNull();
});
