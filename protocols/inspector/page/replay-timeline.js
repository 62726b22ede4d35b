// The timeline of a recording: how busy the loop was, where turns were slow and where errors were,
// and a slider to go to a moment. From left to right is the time of the loop.

import { Canvas, colour, watchColours } from "./canvas.js";
import { element } from "./shared/dom.js";
import { END, STEPS } from "./replay-model.js";
import { placeOf, timeAt } from "./replay-scale.js";

const MARK = 6; // pixels
const PAGES = 20; // as many of a page key's jumps go through the whole recording

export class Timeline {
  #source = null;
  #canvas;
  #thumb;
  #bins = null; // for the width that they were made for
  #wanted = null; // the time to go to in the next frame
  #shown = "";

  constructor() {
    this.#canvas = new Canvas("timeline-canvas", (...place) => this.#draw(...place));
    this.#thumb = element("div", { class: "timeline-thumb", "aria-hidden": "true" });
    this.element = element(
      "div",
      {
        class: "timeline",
        id: "scrubber",
        role: "slider",
        tabindex: "0",
        "aria-label": "Position in the recording",
        "aria-valuemin": "1",
        onkeydown: (event) => this.#key(event),
        onpointerdown: (event) => this.#drag(event),
        onpointermove: (event) => event.buttons & 1 && this.#drag(event),
      },
      this.#canvas.element,
      this.#thumb,
    );
    watchColours(() => this.#canvas.draw());
  }

  /** Show the recording of `source`, a ReplaySource; or null to let go of the one before. */
  use(source) {
    this.#source = source;
    this.#bins = null;
    this.#shown = "";
    if (!source) return;
    this.element.setAttribute("aria-valuemax", String(source.recording.length));
    this.#canvas.draw();
  }

  /** Show where the source is. */
  show(state) {
    const { position, recording } = this.#source;
    const { index, step } = position;
    const where = step === END ? "" : `, before step ${step}, ${STEPS[step - 1]}`;
    const seconds = Math.max(state.loop.time - recording.began, 0);
    const words = `Turn ${index + 1} of ${recording.length}${where}, ${seconds.toFixed(3)} s`;
    if (words === this.#shown) return;
    this.#shown = words;
    this.element.setAttribute("aria-valuenow", String(index + 1));
    this.element.setAttribute("aria-valuetext", words);
    this.element.title = words;
    this.#thumb.style.left = `${placeOf(recording, state.loop.time) * 100}%`;
  }

  // -- moving -------------------------------------------------------------------------------------

  #key(event) {
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    if (altKey || ctrlKey || metaKey) return;
    const source = this.#source;
    const { length } = source.recording;
    const page = Math.max(Math.round(length / PAGES), 1);
    const one = (direction) => (shiftKey ? source.moveTurns(direction) : source.move(direction));
    const actions = {
      ArrowRight: () => one(1),
      ArrowUp: () => one(1),
      ArrowLeft: () => one(-1),
      ArrowDown: () => one(-1),
      PageUp: () => source.moveTurns(page),
      PageDown: () => source.moveTurns(-page),
      Home: () => source.go(0, 1),
      End: () => source.go(length - 1, END),
    };
    if (!Object.hasOwn(actions, key)) return;
    event.preventDefault();
    actions[key]();
  }

  #drag(event) {
    if (event.button > 0) return;
    if (event.type === "pointerdown") this.element.setPointerCapture(event.pointerId);
    const { left, width } = this.element.getBoundingClientRect();
    const isFirst = this.#wanted === null;
    this.#wanted = timeAt(this.#source.recording, (event.clientX - left) / width);
    if (!isFirst) return;
    requestAnimationFrame(() => {
      this.#source?.goToTime(this.#wanted);
      this.#wanted = null;
    });
  }

  // -- drawing ------------------------------------------------------------------------------------

  #draw(context, width, height) {
    if (!this.#source) return;
    const columns = Math.floor(width);
    if (this.#bins?.columns !== columns) {
      this.#bins = { columns, ...this.#source.recording.turns.overview(columns) };
    }
    const { busy, marks } = this.#bins;
    const ground = height - MARK;
    context.fillStyle = colour("--work");
    busy.forEach((share, x) => {
      if (!share) return;
      const bar = Math.max(Math.sqrt(share) * (ground - MARK), 1); // little work is seen as well
      context.fillRect(x, ground - bar, 1, bar);
    });
    for (const { x, isError } of marks) {
      if (isError) mark(context, x, height - MARK, height, colour("--danger"));
      else mark(context, x, MARK, 0, colour("--accent"));
    }
  }
}

/** A triangle: slow turns have theirs at the top, errors at the bottom. */
function mark(context, x, tip, base, fill) {
  context.fillStyle = fill;
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - MARK / 2, base);
  context.lineTo(x + MARK / 2, base);
  context.fill();
}
