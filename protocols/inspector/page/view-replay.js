// The controls of a replayed recording: a scrubber, steps and turns forward and back, the speed,
// and a search for turns.

import { count } from "./format.js";
import { Timeline } from "./replay-timeline.js";
import { byId, element } from "./shared/dom.js";
import { svg } from "./svg.js";

// On a grid of 16 by 16.
const GLYPHS = {
  turnBack: "M3 3h2v10H3zM14 3v10L6 8z",
  stepBack: "M12 3v10L4 8z",
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  step: "M4 3v10l8-5z",
  turn: "M11 3h2v10h-2zM2 3v10l8-5z",
};
const SEARCHES = [
  ["slow", "a slow turn"],
  ["error", "an error"],
  ["fd", "a turn of descriptor"],
];
let timeline = null; // one for the page, so that a recording that was closed is not kept

export class ReplayView {
  #source;
  #complain;
  #play;
  #where;

  /** `source`: a ReplaySource. `speeds`: to choose from. `complain(text)` shows a line. */
  constructor({ source, speeds, complain }) {
    this.#source = source;
    this.#complain = complain;
    this.#play = button("play", "Play", () => this.toggle());
    timeline ??= new Timeline();
    byId("replay-timeline").replaceChildren(timeline.element);
    timeline.use(source);
    this.#where = element("output", { id: "where", htmlFor: "scrubber" });
    byId("replay-controls").replaceChildren(
      element(
        "div",
        { class: "together" },
        button("turnBack", "One turn back", () => source.moveTurns(-1)),
        button("stepBack", "One step back", () => source.move(-1)),
        this.#play,
        button("step", "One step forward", () => source.move(1)),
        button("turn", "One turn forward", () => source.moveTurns(1)),
      ),
      this.#where,
      this.#speeds(speeds),
      this.#search(),
    );
  }

  #speeds(speeds) {
    const select = element("select", { "aria-label": "Speed" });
    for (const speed of speeds) {
      const isChosen = speed === this.#source.speed;
      select.append(element("option", { selected: isChosen }, speed.name));
    }
    select.addEventListener("change", () => {
      const speed = speeds[select.selectedIndex];
      if (this.#source.isPlaying) this.#source.play(speed);
      else this.#source.speed = speed;
    });
    return select;
  }

  #search() {
    const what = element("select", { "aria-label": "Find" });
    for (const [value, words] of SEARCHES) what.append(element("option", { value }, words));
    const number = element("input", {
      type: "number",
      class: "descriptor",
      min: 0,
      hidden: true,
      "aria-label": "Number of the descriptor",
    });
    what.addEventListener("change", () => (number.hidden = what.value !== "fd"));
    const find = (direction) => this.#find(what.value, number, direction);
    number.addEventListener("keydown", (event) => event.key === "Enter" && find(1));
    return element(
      "div",
      { class: "together" },
      button("‹", "Find the one before", () => find(-1)),
      what,
      number,
      button("›", "Find the next one", () => find(1)),
    );
  }

  async #find(what, number, direction) {
    const isDescriptor = what === "fd";
    if (isDescriptor && !number.value) return number.focus();
    try {
      const sought = isDescriptor ? { fd: Number(number.value) } : what;
      if (await this.#source.find(sought, direction)) return;
    } catch (error) {
      if (error.name === "AbortError") return; // a newer search
      throw error;
    }
    const words = SEARCHES.find(([value]) => value === what)[1];
    const shown = isDescriptor ? `${words} ${number.value}` : words;
    this.#complain(`There is not ${shown} ${direction > 0 ? "after" : "before"} this.`);
  }

  toggle() {
    if (this.#source.isPlaying) this.#source.pause();
    else this.#source.play();
  }

  /** Let go of the recording. */
  close() {
    timeline.use(null);
  }

  show(state) {
    const { position, recording, isPlaying } = this.#source;
    timeline.show(state);
    const words = `turn ${count(position.index + 1)} of ${count(recording.length)}`;
    if (this.#where.textContent !== words) this.#where.textContent = words;
    this.#where.title = `${words}, at ${state.loop.time.toFixed(3)} s of the loop's clock`;
    const title = isPlaying ? "Pause" : "Play";
    if (this.#play.title !== title) {
      this.#play.title = title;
      this.#play.setAttribute("aria-label", title);
      this.#play.replaceChildren(glyph(isPlaying ? "pause" : "play"));
    }
  }
}

function button(name, title, onclick) {
  const shown = GLYPHS[name] ? glyph(name) : name;
  const properties = { type: "button", class: "icon-button", title, "aria-label": title, onclick };
  return element("button", properties, shown);
}

const glyph = (name) =>
  svg(
    "svg",
    { viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" },
    svg("path", { d: GLYPHS[name] }),
  );
