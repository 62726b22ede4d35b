// Keys that work everywhere on the page, and the dialog that lists them. They can be switched off:
// who dictates text to the computer would press them by accident (WCAG 2.2, 2.1.4).

import { openDialog } from "./control.js";
import { byId, element } from "./shared/dom.js";

const STORED = "inspector.keys";

const LIVE = [
  ["space", "Pause or resume"],
  ["n s", "Run one step, while the loop is paused"],
  ["t", "Run to the next turn, while the loop is paused"],
  ["m", "Slow motion on or off"],
  ["r", "Record, or stop the recording"],
];
const REPLAY = [
  ["space", "Play or pause"],
  ["→ ←", "One step forward or back"],
  ["shift → ←", "One turn forward or back"],
];
const ALWAYS = [
  ["/", "Filter the descriptors"],
  ["o", "Open a recording"],
  ["?", "Show these keys"],
];

/** `actions`: what each key does, by name: "space", "s", "ArrowLeft", "shift+ArrowLeft", "?"… */
export function handleKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const { target, key, shiftKey } = event;
    if (event.defaultPrevented || event.isComposing || !areOn()) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open], .menu:popover-open")) return;
    if (target.matches("input:not([type=range]), select, textarea, [contenteditable]")) return;
    const isSpace = key === " ";
    if (isSpace && target.closest("button, a, summary, input")) return; // it presses them
    if (key.startsWith("Arrow") && target.matches("input, [role=tab]")) return;
    const name = isSpace ? "space" : key.startsWith("Arrow") && shiftKey ? `shift+${key}` : key;
    const action = actions[name];
    if (!action || (event.repeat && isSpace)) return;
    if (action() !== false) event.preventDefault();
  });
}

export function areOn() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function switchKeys(on) {
  try {
    if (on) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, "off");
  } catch {
    // storage is forbidden: they stay on
  }
  document.body.classList.toggle("no-keys", !areOn());
}

export function showKeys() {
  const isReplay = document.body.dataset.source === "replay";
  const list = element("dl", { class: "keys" });
  for (const [key, does] of [...(isReplay ? REPLAY : LIVE), ...ALWAYS]) {
    const names = key.split(" ").map((name) => element("kbd", {}, name));
    list.append(element("div", {}, element("dt", {}, ...names), element("dd", {}, does)));
  }
  const on = element("input", { type: "checkbox", checked: areOn() });
  on.addEventListener("change", () => switchKeys(on.checked));
  const close = element("button", { type: "submit", class: "primary" }, "Close");
  openDialog(
    "Keys",
    element(
      "form",
      { class: "dialog-body", method: "dialog" },
      list,
      element("label", { class: "check" }, on, " These keys are on"),
      element("div", { class: "dialog-buttons" }, close),
    ),
  );
  close.focus();
}

/** Mark the page if the keys are off, so that it does not show them. */
export function startKeys() {
  document.body.classList.toggle("no-keys", !areOn());
  byId("help").addEventListener("click", showKeys);
}
