// Recordings that are opened in the page: dropped anywhere, chosen, or made by the inspector.

import { byId } from "./shared/dom.js";

/** `open(files)` is called with what the user drops on the page, or chooses. */
export function acceptFiles(open) {
  const drop = byId("drop");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // dragenter and dragleave come for each element that is crossed
  const leave = () => {
    depth = 0;
    drop.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    drop.hidden = false;
  });
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth -= 1;
    if (depth <= 0) leave();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    leave();
    open([...event.dataTransfer.files]);
  });
  const field = byId("file");
  field.addEventListener("change", () => {
    const files = [...field.files];
    field.value = ""; // so that the same file can be chosen again
    if (files.length) open(files);
  });
}

export const chooseFiles = () => byId("file").click();
