// The buttons that control a living loop, and the keys for them.

import { bytes, count } from "./format.js";
import { byId, element } from "./shared/dom.js";

export class ControlView {
  #control;
  #say;
  #state = null;
  #wasRecording = false;

  /** `control(request)` sends a request and returns what went wrong, or "". `say` shows a line. */
  constructor({ control, say }) {
    this.#control = control;
    this.#say = say;
    byId("pause").addEventListener("click", () => this.togglePause());
    byId("step").addEventListener("click", () => this.go("step"));
    byId("turn").addEventListener("click", () => this.go("turn"));
    byId("slow").addEventListener("click", () => this.toggleSlow());
    byId("record").addEventListener("click", () => this.toggleRecording());
    const speed = byId("speed");
    speed.addEventListener("input", () => this.#showSpeed());
    speed.addEventListener("change", () => this.#mode === "slow" && this.slow());
  }

  get #mode() {
    return this.#state?.control?.mode ?? "running";
  }

  togglePause() {
    return this.send({ action: this.#mode === "paused" ? "resume" : "pause" });
  }

  /** A step or a turn, if the loop stands still. */
  go(action) {
    if (this.#mode === "paused") this.send({ action });
    else this.#say("Pause the loop first: only then can it go on by steps and turns.");
  }

  toggleSlow() {
    if (this.#mode === "slow") this.send({ action: "resume" });
    else this.slow();
  }

  slow() {
    return this.send({ action: "slow", turns_per_second: Number(byId("speed").value) });
  }

  toggleRecording() {
    if (this.#state?.control?.recording) this.send({ action: "stop_recording" });
    else openRecordDialog((payload) => this.send({ action: "record", payload }));
  }

  async send(request) {
    const problem = await this.#control(request);
    if (problem) this.#say(problem);
  }

  show(state) {
    this.#state = state;
    const { recording = null } = state.control ?? {};
    const mode = this.#mode;
    label("pause", mode === "paused" ? "Resume" : "Pause");
    byId("pause").classList.toggle("resume", mode === "paused");
    // Not "disabled": between two steps the button would lose the focus.
    const isIdle = String(mode !== "paused");
    for (const id of ["step", "turn"]) byId(id).setAttribute("aria-disabled", isIdle);
    byId("slow").setAttribute("aria-pressed", String(mode === "slow"));
    label("record", recording ? recordingWords(recording) : "Record");
    byId("record").classList.toggle("on", Boolean(recording));
    if (this.#wasRecording && !recording && state.control?.recorded) this.#say(RECORDED);
    this.#wasRecording = Boolean(recording);
    this.#showSpeed();
  }

  #showSpeed() {
    byId("speed-shown").textContent = `${byId("speed").value}/s`;
  }
}

function label(id, text) {
  const shown = byId(id).querySelector(".label");
  if (shown.textContent !== text) shown.textContent = text;
}

const recordingWords = ({ turns, size }) => `Stop: ${count(turns ?? 0)} turns, ${bytes(size ?? 0)}`;

const RECORDED = "The recording is ready: “More” replays and saves it.";
const RECORD_TEXT =
  "Each turn is recorded, until you stop. Then the recording can be replayed here, or saved.";
const PAYLOAD_HINT = "0 to 1024. Data can be secret: passwords, messages.";

/** Ask what to record. `start(payload)` is called with the bytes to keep. */
function openRecordDialog(start) {
  const payload = element("input", {
    type: "number",
    id: "payload",
    min: 0,
    max: 1024,
    value: 0,
    "aria-describedby": "payload-hint",
  });
  const form = element(
    "form",
    { class: "dialog-body", method: "dialog" },
    element("p", {}, RECORD_TEXT),
    element("label", { htmlFor: "payload" }, "Bytes of data to keep of each descriptor and turn"),
    payload,
    element("p", { class: "hint", id: "payload-hint" }, PAYLOAD_HINT),
    element(
      "div",
      { class: "dialog-buttons" },
      element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
      element("button", { type: "submit", class: "primary" }, "Record"),
    ),
  );
  const dialog = openDialog("Record", form);
  form.addEventListener("submit", () => start(Number(payload.value) || 0));
  form.querySelector(".primary").focus();
}

/** Open a dialog. It goes when it is closed. */
export function openDialog(title, ...content) {
  const dialog = element(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    element("h2", { id: "dialog-title" }, title),
    ...content,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
