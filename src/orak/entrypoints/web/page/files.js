// @ts-check
/** Files, chosen or dropped. */
import { byId } from "./element.js";

/** @param {(files: File[]) => void} given @param {() => boolean} welcome whether files are taken at all just now */
export function takeFiles(given, welcome) {
  const input = /** @type {HTMLInputElement} */ (byId("files"));
  const curtain = byId("curtain");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    given([...(input.files ?? [])]);
    input.value = ""; // the same file may be chosen again
  });
  /** @param {DragEvent} event */
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault(); // a browser would leave for the file
    curtain.classList.toggle("open", welcome());
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.classList.remove("open");
  });
  addEventListener("drop", (event) => {
    curtain.classList.remove("open");
    if (!brings(event)) return;
    event.preventDefault();
    if (welcome()) given([...(event.dataTransfer?.files ?? [])]);
  });
}
