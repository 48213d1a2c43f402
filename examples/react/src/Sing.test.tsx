import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { configure } from "orak-client";
import { FakeRecorder, plugIn } from "./microphone.fake";
import { serveOrak } from "./orak.fake";
import { Sing } from "./Sing";

let orak: Awaited<ReturnType<typeof serveOrak>>;

beforeEach(async () => {
  plugIn((name, value) => vi.stubGlobal(name, value));
  orak = await serveOrak();
  configure({ token: () => "t", baseUrl: orak.url });
  render(<StrictMode><Sing /></StrictMode>);
});
afterEach(async () => {
  cleanup();
  await orak.close();
  vi.unstubAllGlobals();
  FakeRecorder.pieces = ["sung ", "to the end"];
});

test("a recorded song is saved under its title", async () => {
  fireEvent.click(screen.getByRole("button", { name: "Sing" }));
  await screen.findByRole("button", { name: "Stop" });
  fireEvent.change(screen.getByLabelText("Title"), { target: { value: "First song" } });
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect(await screen.findByText("Saved “First song”")).toBeTruthy();
  expect(screen.getByRole("button").textContent).toBe("Sing");
  expect(orak.of("POST", /async$/).map(({ body }) => JSON.parse(body).title)).toEqual(["First song"]);
});

test("an empty recording shows an error and the form is usable again", async () => {
  FakeRecorder.pieces = [];
  fireEvent.click(screen.getByRole("button", { name: "Sing" }));
  await screen.findByRole("button", { name: "Stop" });
  fireEvent.change(screen.getByLabelText("Title"), { target: { value: "Silence" } });
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect((await screen.findByRole("alert")).textContent).toBe("the recording is empty");
  expect(screen.getByRole("button").textContent).toBe("Sing");
  expect(screen.queryByRole("progressbar")).toBeNull();
});
