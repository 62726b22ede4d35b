// The turn as a ring of eight steps. How far a step's part is filled shows how long it takes.

import { count, duration, percent, short } from "./format.js";
import { byId } from "./shared/dom.js";
import { isWhole, levelOf, STEPS, tookOf } from "./steps.js";
import { lastSecond, secondsOfSteps } from "./strip.js";
import { arc, sector, svg } from "./svg.js";

const INNER = 112;
const OUTER = 168;
const BEFORE = 5; // between the track and what fills it
const LABEL = 176; // where the labels of the upper half stand; those of the lower half hang
const HEIGHT = 11; // of the letters
const EACH = 360 / STEPS.length;
const CALM = 600; // milliseconds for which the words stay, at full speed
const FASTEST = 1.4; // turns of the light a second, however fast the loop is
const MODES = {
  running: "Running",
  paused: "Paused",
  slow: "Slow motion",
  blocked: "Blocked",
  lost: "No connection",
  stopped: "Stopped",
};

export class RingView {
  #parts = [];
  #hand;
  #comet;
  #rate = 0;
  #picture;
  #said = { mode: "", at: 0 };
  #later = 0; // a timer: says what has changed meanwhile
  #second = null; // sums over the last second

  constructor() {
    this.#picture = svg("svg", { viewBox: "-200 -200 400 400", role: "img" });
    for (const [index, { name, title }] of STEPS.entries()) this.#addPart(index, name, title);
    this.#hand = svg("path", { class: "hand", d: "M0 -106 L9 -90 L-9 -90 Z" });
    this.#picture.append(this.#hand);
    byId("ring").prepend(this.#picture);
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    this.#comet = byId("comet").animate([{ rotate: "0deg" }, { rotate: "360deg" }], {
      duration: 1000,
      iterations: Infinity,
    });
    this.#comet.pause();
    still.addEventListener("change", () => this.#comet.pause());
    this.isStill = () => still.matches;
  }

  #addPart(index, name, title) {
    const [from, to] = [index * EACH, (index + 1) * EACH];
    const isUpper = to <= 90 || from >= 270;
    const track = svg("path", { class: "track", d: sector(INNER, OUTER, from, to, 6) });
    const fill = svg("path", { class: "fill" });
    // Longer than the part: a letter that does not fit on a path is not drawn.
    const [start, end] = [from - 8, to + 8];
    const line = isUpper ? arc(LABEL, start, end) : arc(LABEL + HEIGHT, end, start);
    const path = svg("path", { id: `arc-${name}`, d: line, fill: "none" });
    const took = svg("tspan", { class: "step-took", dx: 6 });
    const label = svg(
      "textPath",
      { href: `#arc-${name}`, startOffset: "50%", "text-anchor": "middle" },
      svg("tspan", { class: "step-name" }, `${index + 1} ${title}`),
      took,
    );
    const text = svg("text", {}, label);
    const part = svg("g", { "data-step": index + 1, class: "part" }, track, fill, path, text);
    this.#picture.append(part);
    this.#parts.push({ part, fill, took, from, to, level: 0, shown: -1, title });
  }

  show(state, { mode, blocked, hello }) {
    this.#second = lastSecond(state.strip, hello?.strip?.interval ?? 0.25);
    const isSlow = mode === "paused" || mode === "slow";
    const step = stepOf(state.turn);
    const seconds = this.#secondsOf(state, mode, step);
    for (const [index, part] of this.#parts.entries()) {
      this.#fill(part, levelOf(seconds[index]), mode);
      const isCurrent = (isSlow || mode === "blocked") && step === index + 1;
      if (part.part.classList.contains("current") !== isCurrent) {
        part.part.classList.toggle("current", isCurrent);
      }
    }
    this.#showWords(mode, seconds);
    this.#turnHand(isSlow || mode === "blocked", step);
    this.#turnLight(state, mode);
    this.#showCentre(state, mode, blocked);
  }

  /** How long each step takes: of a turn that stands still, else in each second; [] if unknown. */
  #secondsOf(state, mode, step) {
    if (mode === "paused") return STEPS.map((_, index) => tookOf(state.turn, index + 1) ?? 0);
    if (mode === "blocked") return STEPS.map((_, index) => (index + 1 === step ? 1 : 0));
    return secondsOfSteps(state.steps, this.#second);
  }

  /** What the picture says in words. Text on a curve takes long to draw: not at each update. */
  #showWords(mode, seconds) {
    const now = performance.now();
    clearTimeout(this.#later);
    const wait = this.#said.at + CALM - now;
    if (mode === this.#said.mode && mode === "running" && wait > 0) {
      this.#later = setTimeout(() => this.#showWords(mode, seconds), wait);
      return;
    }
    this.#said = { mode, at: now };
    const words = seconds.map((each) => wordsFor(each, mode));
    for (const [index, part] of this.#parts.entries()) setText(part.took, words[index]);
    this.#describe(mode, words);
  }

  #fill(part, target, mode) {
    // The figures of one second jump; the picture follows them more calmly.
    part.level += (target - part.level) * (mode === "running" && !this.isStill() ? 0.35 : 1);
    const shown = Math.round(part.level * 100) / 100;
    if (shown === part.shown) return;
    part.shown = shown;
    const inner = INNER + BEFORE;
    const outer = inner + (OUTER - INNER - 2 * BEFORE) * shown;
    const isEmpty = shown < 0.01;
    part.fill.setAttribute("d", isEmpty ? "" : sector(inner, outer, part.from, part.to, 16));
    part.part.style.setProperty("--level", shown);
  }

  #turnHand(isShown, step) {
    this.#hand.classList.toggle("shown", isShown);
    this.#hand.style.rotate = `${step > STEPS.length ? 360 : (step - 0.5) * EACH}deg`;
  }

  #turnLight(state, mode) {
    const { turnsPerSecond } = this.#second;
    let rate = 0;
    if (mode === "slow") rate = Math.min(state.control.turns_per_second ?? 1, 4);
    else if (mode === "running") rate = Math.min(FASTEST, Math.log10(1 + turnsPerSecond) * 0.45);
    const isLit = rate > 0 && !this.isStill() && turnsPerSecond > 0;
    byId("comet").classList.toggle("lit", isLit);
    if (!isLit) this.#comet.pause();
    else {
      // Each change restarts the animation in the compositor.
      if (Math.abs(this.#rate - rate) > this.#rate * 0.15) {
        this.#comet.updatePlaybackRate(rate);
        this.#rate = rate;
      }
      if (this.#comet.playState !== "running") this.#comet.play();
    }
  }

  #showCentre(state, mode, blocked) {
    const { turnsPerSecond, waited, worked } = this.#second;
    setText(byId("mode"), MODES[mode] ?? mode);
    const isStopped = mode === "paused" || mode === "blocked";
    if (mode === "blocked") {
      setText(byId("rate"), blocked.took.toFixed(1));
      setText(byId("rate-unit"), "seconds");
    } else if (mode === "paused") {
      setText(byId("rate"), String(Math.min(stepOf(state.turn), STEPS.length)));
      setText(byId("rate-unit"), `of 8, turn ${count(state.turn?.turn ?? 0)}`);
    } else {
      setText(byId("rate"), short(turnsPerSecond));
      setText(byId("rate-unit"), "turns/s");
    }
    const total = waited + worked;
    const busy = total ? `${percent(worked / total)} busy` : "";
    setText(byId("running"), isStopped || mode === "slow" ? whatRuns(state, mode, blocked) : busy);
  }

  #describe(mode, words) {
    const steps = STEPS.map(({ title }, index) => `${title} ${words[index]}`);
    const text = `The turn of the loop, ${MODES[mode] ?? mode}. ${steps.join(", ")}.`;
    this.#picture.setAttribute("aria-label", text);
  }
}

/** The step that the loop is in or stands before; 9 at the end of the turn. */
const stepOf = (turn) => (isWhole(turn) ? STEPS.length + 1 : (turn?.step ?? 1));

function wordsFor(seconds, mode) {
  if (mode === "paused") return seconds >= 1e-6 ? duration(seconds) : "";
  if (mode === "blocked" || seconds === null) return "";
  return seconds < 1e-6 ? "0" : `${milliseconds(seconds)}/s`;
}

const milliseconds = (seconds) =>
  seconds < 1e-3 ? `${Math.round(seconds * 1e6)} µs` : `${short(seconds * 1e3)} ms`;

function whatRuns(state, mode, blocked) {
  if (mode === "blocked") return `in ${blocked.name || blocked.where || "a handler"}`;
  const step = STEPS[stepOf(state.turn) - 1];
  if (!step) return "the turn has ended";
  return mode === "paused" ? `next: ${step.title}` : state.turn?.running || step.title;
}

/** Set the text of an element, if it is another one: a change costs a layout. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
