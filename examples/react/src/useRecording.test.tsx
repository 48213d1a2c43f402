import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { StrictMode, type ReactNode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useRecording } from "orak-client/react";
import { FakeRecorder, plugIn } from "./microphone.fake";
import { serveOrak } from "./orak.fake";

let microphone: ReturnType<typeof plugIn>;
let orak: Awaited<ReturnType<typeof serveOrak>>;
let complaints: unknown[][];

beforeEach(async () => {
  microphone = plugIn((name, value) => vi.stubGlobal(name, value));
  orak = await serveOrak();
  complaints = [];
  vi.spyOn(console, "error").mockImplementation((...message) => void complaints.push(message));
});
afterEach(async () => {
  cleanup();
  await orak.close();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  FakeRecorder.pieces = ["sung ", "to the end"];
  expect(complaints).toEqual([]); // React reports misuse here
});

type Options = NonNullable<Parameters<typeof useRecording>[0]>;

const used = (options: Partial<Options> = {}) =>
  renderHook((given: Partial<Options>) => useRecording({ token: "t", baseUrl: orak.url, ...given }), {
    initialProps: options,
    wrapper: ({ children }: { children: ReactNode }) => <StrictMode>{children}</StrictMode>,
  });

/** Return a promise and the function that resolves it. */
function gate() {
  let open = () => {};
  const kept = new Promise<void>((done) => (open = done));
  return { kept, open: () => open() };
}

test("the whole recording is uploaded with the signed type and becomes a record", async () => {
  const { result } = used({ songId: 7 });
  await act(() => result.current.startRecording());
  expect(result.current.isRecording).toBe(true);
  const record = await act(() => result.current.stopRecording("First song"));
  expect(record).toMatchObject({ title: "First song", uploadId: 1, songId: 7 });
  const [put] = orak.of("PUT", /store/);
  expect([put.body, put.type]).toEqual(["sung to the end", "audio/x-signed"]);
  const [asked] = orak.of("POST", /presigned-url$/).map(({ body }) => JSON.parse(body));
  expect([asked.contentType, asked.originalFilename, asked.fileSize]).toEqual(["audio/mp4", "take.m4a", 15]);
  expect([result.current.isRecording, result.current.isUploading, result.current.details.error]).toEqual([false, false, null]);
});

test("the hook uses the latest options and its functions are stable", async () => {
  const onProgress = { old: vi.fn(), now: vi.fn() };
  const { result, rerender } = used({ token: "old", onProgress: onProgress.old });
  const { startRecording, stopRecording } = result.current;
  await act(() => startRecording());
  rerender({ token: "new", songId: 9, onProgress: onProgress.now });
  expect([result.current.startRecording, result.current.stopRecording]).toEqual([startRecording, stopRecording]);
  const record = await act(() => stopRecording("With a new token"));
  expect(new Set(orak.of("POST", /./).map(({ token }) => token))).toEqual(new Set(["new"]));
  expect(record.songId).toBe(9);
  expect(onProgress.now).toHaveBeenCalled();
  expect(onProgress.old).not.toHaveBeenCalled();
});

test("the service's own token is used until the options name another", async () => {
  const { result, rerender } = used({ token: undefined });
  result.current.details.service.token = "set later";
  rerender({ token: undefined });
  await act(() => result.current.startRecording());
  await act(() => result.current.stopRecording("With its own token"));
  expect(new Set(orak.of("POST", /./).map(({ token }) => token))).toEqual(new Set(["set later"]));
});

test("isUploading is true until the upload ends", async () => {
  const { kept, open } = gate();
  orak.held = kept;
  const { result } = used();
  await act(() => result.current.startRecording());
  let sent: Promise<unknown> = Promise.resolve();
  act(() => void (sent = result.current.stopRecording("Held")));
  await waitFor(() => expect(orak.of("PUT", /store/).length).toBe(1));
  expect([result.current.isUploading, result.current.isRecording]).toEqual([true, false]);
  open();
  await act(() => sent);
  expect(result.current.isUploading).toBe(false);
});

test("after any failure, isUploading is false and the error stays until the next call", async () => {
  const { result } = used();
  const failing = async () => {
    await act(() => result.current.startRecording());
    expect(result.current.details.error).toBeNull();
    const failure = await act(() => result.current.stopRecording("Refused").catch((reason) => reason));
    expect(result.current.isUploading).toBe(false);
    expect(result.current.details.error).toBe(failure);
    return failure;
  };
  orak.store = 403;
  expect(await failing()).toMatchObject({ code: "STORE_REFUSED", status: 403 });
  expect(orak.of("POST", /async$/)).toEqual([]); // no record without its bytes
  orak.store = 200;
  orak.create = 400;
  expect(await failing()).toMatchObject({ code: "VALIDATION_FAILED", status: 400 });
  orak.create = 200;
  FakeRecorder.pieces = [];
  const before = orak.received.length;
  expect(await failing()).toMatchObject({ name: "EmptyTakeError" });
  expect(orak.received.length).toBe(before);
});

test("a second start or stop has no further effect", async () => {
  const { result } = used();
  await act(() => Promise.all([result.current.startRecording(), result.current.startRecording()]));
  expect(microphone.tracks.length).toBe(1);
  const [one, other] = await act(() => Promise.all([result.current.stopRecording("One"), result.current.stopRecording("Two")]));
  expect(other).toBe(one);
  expect(orak.of("POST", /async$/).length).toBe(1);
});

test("unmounting during the permission prompt releases the microphone", async () => {
  const { kept, open } = gate();
  microphone.permitted = kept;
  const { result, unmount } = used();
  let started: Promise<unknown> = Promise.resolve();
  act(() => void (started = result.current.startRecording().catch(({ name }) => name)));
  unmount();
  open();
  expect(await started).toBe("AbortError");
  expect(microphone.tracks.map(({ readyState }) => readyState)).toEqual(["ended"]);
});

test("unmounting during a recording releases the microphone", async () => {
  const { result, unmount } = used();
  await act(() => result.current.startRecording());
  unmount();
  await waitFor(() => expect(microphone.tracks.map(({ readyState }) => readyState)).toEqual(["ended"]));
  expect(orak.received).toEqual([]);
});

test("an upload in progress continues after unmounting", async () => {
  const { kept, open } = gate();
  orak.held = kept;
  const { result, unmount } = used();
  await act(() => result.current.startRecording());
  let sent: Promise<unknown> = Promise.resolve();
  act(() => void (sent = result.current.stopRecording("In progress")));
  await waitFor(() => expect(orak.of("PUT", /store/).length).toBe(1));
  unmount();
  open();
  expect(await sent).toMatchObject({ title: "In progress" });
});
