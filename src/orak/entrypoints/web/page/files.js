// @ts-check
/** Choosing and dropping files. */
import { byId } from "./element.js";

/** Call *receive* with chosen or dropped files. @param {(files: File[]) => void} receive @param {() => boolean} mayDrop */
export function takeFiles(receive, mayDrop) {
  const input = /** @type {HTMLInputElement} */ (byId("files"));
  const curtain = byId("curtain");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    receive([...(input.files ?? [])]);
    input.value = ""; // so that the same file can be chosen again
  });
  /** @param {DragEvent} event */
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // the browser would open the file
    curtain.classList.toggle("open", mayDrop());
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.classList.remove("open");
  });
  addEventListener("drop", (event) => {
    curtain.classList.remove("open");
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (mayDrop()) receive([...(event.dataTransfer?.files ?? [])]);
  });
}
