// Timers: a lane of the next ten seconds, with the last three at its left; and totals.

import { Canvas, colour, watchColours } from "./canvas.js";
import { count, duration } from "./format.js";
import { byId, element } from "./shared/dom.js";

const BEFORE = 3; // seconds that have passed
const AFTER = 10;
const SIZE = 3.2; // pixels: the radius of a dot
const NAMED = 3; // timers that are also in the list
const AXIS = 16; // pixels for the seconds

export class TimersView {
  #canvas;
  #soon = element("ul", { class: "timers-list", "aria-label": "Next" });
  #fired = element("ul", { class: "timers-list fired", "aria-label": "Recent expiries" });
  #state = null;
  #key = "";

  constructor() {
    this.#canvas = new Canvas("timers-canvas", (...place) => this.#draw(...place));
    const lists = element(
      "div",
      { class: "timers-lists" },
      element("div", {}, element("h3", {}, "Next"), this.#soon),
      element("div", {}, element("h3", {}, "Fired"), this.#fired),
    );
    byId("timers").append(this.#canvas.element, lists);
    watchColours(() => this.#canvas.draw());
  }

  show(state) {
    if (this.#state?.timers === state.timers && this.#state?.loop.time === state.loop.time) return;
    this.#state = state;
    this.#canvas.draw();
    this.#showText();
  }

  #showText() {
    const { timers, loop } = this.#state;
    const { next = [], fired = [], total = 0, idle = 0, cancelled = 0 } = timers ?? {};
    const hint = `${count(total)} set · ${count(idle)} idle · ${count(cancelled)} cancelled`;
    const soon = next.slice(0, NAMED).map((timer) => [timer, until(timer.at - loop.time)]);
    const past = fired.slice(0, NAMED).map((timer) => [timer, firedWords(timer, loop.time)]);
    const key = JSON.stringify([hint, soon, past]);
    if (key === this.#key) return;
    this.#key = key;
    byId("timers-hint").textContent = hint;
    this.#soon.replaceChildren(...soon.map(rowOf));
    this.#fired.replaceChildren(...past.map(rowOf));
    if (!soon.length) {
      this.#soon.append(element("li", { class: "empty" }, "None in the next ten seconds"));
    }
    if (!past.length) this.#fired.append(element("li", { class: "empty" }, "None yet"));
  }

  #draw(context, width, height) {
    if (!this.#state) return;
    const { timers, loop } = this.#state;
    const at = (seconds) => ((seconds + BEFORE) / (BEFORE + AFTER)) * width;
    const bottom = height - AXIS;
    this.#drawAxis(context, at, width, bottom);
    const idle = (timer) => timer.kind === "idle timer";
    const next = (timers?.next ?? []).map((timer) => ({ ...timer, in: timer.at - loop.time }));
    const fired = (timers?.fired ?? [])
      .map((timer) => ({ ...timer, in: timer.at - loop.time }))
      .filter((timer) => timer.in > -BEFORE);
    const middle = Math.round(bottom * 0.6);
    drawDots(context, next.filter((timer) => !idle(timer)), at, middle, middle, "--timers", true);
    drawDots(context, next.filter(idle), at, bottom, bottom - middle, "--idle", true);
    drawDots(context, fired.filter((timer) => !idle(timer)), at, middle, middle, "--timers", false);
    drawDots(context, fired.filter(idle), at, bottom, bottom - middle, "--idle", false);
  }

  #drawAxis(context, at, width, bottom) {
    context.fillStyle = colour("--track");
    context.fillRect(at(0), 0, width - at(0), bottom);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    for (let seconds = -2; seconds < AFTER; seconds += 2) {
      const x = Math.round(at(seconds));
      context.fillStyle = colour("--rule");
      if (seconds) context.fillRect(x, 0, 1, bottom);
      context.fillStyle = colour("--muted");
      context.fillText(seconds ? `${seconds} s` : "now", x, bottom + AXIS - 3);
    }
    context.fillStyle = colour("--accent");
    context.fillRect(Math.round(at(0)) - 1, 0, 2, bottom);
  }
}

/** Draw timers as dots over `base`, in piles where they are at the same time. */
function drawDots(context, timers, at, base, room, name, isAhead) {
  const piles = new Map();
  for (const timer of timers) {
    const column = Math.round(at(Math.min(timer.in, AFTER)) / (2 * SIZE + 1));
    piles.set(column, (piles.get(column) ?? 0) + 1);
  }
  const most = Math.max(1, Math.floor(room / (2 * SIZE + 1)));
  context.fillStyle = colour(name);
  context.strokeStyle = colour(name);
  context.lineWidth = 1.2;
  for (const [column, number] of piles) {
    const x = column * (2 * SIZE + 1);
    for (let index = 0; index < Math.min(number, most); index += 1) {
      const isMore = index === most - 1 && number > most;
      context.beginPath();
      context.arc(x, base - (index + 0.5) * (2 * SIZE + 1), SIZE, 0, 2 * Math.PI);
      if (isAhead || isMore) context.fill();
      else context.stroke();
    }
  }
}

function rowOf([{ name, kind }, words]) {
  return element(
    "li",
    { class: kind === "idle timer" ? "idle" : "" },
    element("span", { class: "timer-name" }, name),
    kind === "timer" ? null : element("span", { class: "tag", title: kind }, TAGS[kind] ?? kind),
    element("span", { class: "timer-when" }, words),
  );
}

const TAGS = { "idle timer": "idle" };

// Tenths of a second that change ten times a second are not readable.
const until = (seconds) => (seconds <= 0 ? "is due" : `in ${Math.ceil(seconds)} s`);

function firedWords({ at, took }, now) {
  const ago = now - at < 1 ? "just now" : `${Math.floor(now - at)} s ago`;
  return took ? `${ago} · ${duration(took)}` : ago;
}
