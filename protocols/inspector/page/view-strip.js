// The last minute: how busy the loop was, its turns and events, and the longest wait of a callback.

import { Canvas, colour, watchColours } from "./canvas.js";
import { duration, percent, short } from "./format.js";
import { byId, element } from "./shared/dom.js";
import { busyOf, entriesOf, lastSecond, newestOf } from "./strip.js";

const GAP = 8; // pixels between two rows
const AXIS = 15; // pixels for the seconds; charts.css knows it too
const FLOOR = 1e-5; // seconds; the least that the logarithmic row shows
const CEILING = 10;

const ROWS = [
  {
    title: "Busy",
    hint: "the share of time in which it works",
    of: busyOf,
    now: (second) => percent(busyOf([second.waited, second.worked])),
    say: percent,
    height: (value) => value,
    colour: () => "--work",
    isBar: true,
  },
  {
    title: "Turns/s",
    hint: "turns of the loop in a second",
    of: ([, , turns], { interval }) => turns / interval,
    now: (second) => short(second.turnsPerSecond),
    say: short,
    height: (value, most) => (most ? value / (most * 1.2) : 0),
    colour: () => "--wait",
  },
  {
    title: "Events/turn",
    hint: "events that a turn handles on average",
    of: ([, , turns, events]) => (turns ? events / turns : 0),
    now: (second) => short(second.turns ? second.events / second.turns : 0),
    say: short,
    height: (value, most) => (most ? value / (most * 1.2) : 0),
    colour: () => "--flush",
  },
  {
    title: "call_soon lag",
    hint: "how long a callback had to wait at worst",
    of: ([, , , , longest]) => longest,
    now: (second, blocked) => duration(Math.max(second.longest, blocked?.took ?? 0)),
    say: duration,
    height: (value) =>
      value > FLOOR ? Math.min(1, Math.log10(value / FLOOR) / Math.log10(CEILING / FLOOR)) : 0.02,
    colour: (value, { watchdog }) => (value >= watchdog ? "--alarm" : "--callbacks"),
    isBar: true,
  },
];

export class StripView {
  #canvas;
  #values;
  #entries = [];
  #second = null;
  #settings = { interval: 0.25, watchdog: 0.1 };
  #newest = NaN;
  #hello = null;
  #blocked = null; // the turn that takes too long, while it does
  #pointed = null; // index of the entry under the pointer

  constructor() {
    this.#canvas = new Canvas("strip-canvas", (...place) => this.#draw(...place));
    this.#values = ROWS.map(() => element("dd", {}));
    const list = element("dl", { class: "strip-rows" });
    for (const [index, { title, hint }] of ROWS.entries()) {
      list.append(element("div", { title: hint }, element("dt", {}, title), this.#values[index]));
    }
    byId("strip").append(list, this.#canvas.element);
    const canvas = this.#canvas.element;
    canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    watchColours(() => this.#canvas.draw());
  }

  show(state, { hello, blocked }) {
    this.#blocked = blocked;
    // The newest interval changes all the time, but the picture only when it is over.
    const newest = newestOf(state.strip);
    if (this.#newest === newest && this.#hello === hello) return;
    this.#newest = newest;
    this.#hello = hello;
    const { interval = 0.25, buckets = 240 } = hello?.strip ?? {};
    this.#settings = { interval, watchdog: hello?.watchdog ?? 0.1 };
    this.#entries = entriesOf(state.strip, buckets);
    this.#second = lastSecond(state.strip, interval);
    this.#canvas.draw();
    this.#showValues();
  }

  #point(x) {
    const { clientWidth } = this.#canvas.element;
    this.#pointed = x === null ? null : Math.floor((x / clientWidth) * this.#entries.length);
    this.#canvas.draw();
    this.#showValues();
  }

  #showValues() {
    if (!this.#second) return;
    const entry = this.#pointed === null ? null : this.#entries[this.#pointed];
    for (const [index, row] of ROWS.entries()) {
      const text = entry ? row.say(row.of(entry, this.#settings)) : row.now(this.#second, this.#blocked);
      if (this.#values[index].textContent !== text) this.#values[index].textContent = text;
    }
    const ago = (this.#entries.length - 1 - this.#pointed) * this.#settings.interval;
    byId("strip-hint").textContent = entry ? `${ago.toFixed(1)} s ago` : "";
  }

  #draw(context, width, height) {
    const entries = this.#entries;
    if (!entries.length) return;
    const bottom = height - AXIS;
    const each = (bottom - GAP * (ROWS.length - 1)) / ROWS.length;
    drawSeconds(context, width, height);
    for (const [index, row] of ROWS.entries()) {
      context.save();
      context.translate(0, index * (each + GAP));
      this.#drawRow(context, row, width, each);
      context.restore();
    }
    if (this.#pointed !== null) {
      context.fillStyle = colour("--ink");
      context.fillRect(((this.#pointed + 0.5) / entries.length) * width, 0, 1, bottom);
    }
  }

  #drawRow(context, row, width, height) {
    context.fillStyle = colour("--track");
    context.fillRect(0, 0, width, height);
    const values = this.#entries.map((entry) => (entry ? row.of(entry, this.#settings) : null));
    // The newest interval has just begun: its sums would look like a drop.
    if (!row.isBar && values.at(-1) !== null) values[values.length - 1] = values.at(-2);
    const most = Math.max(...values.map((value) => value ?? 0));
    const step = width / values.length;
    const heightOf = (value) => Math.max(0, row.height(value, most)) * (height - 2);
    if (row.isBar) this.#drawBars(context, row, values, step, height, heightOf);
    else this.#drawLine(context, row, values, step, height, heightOf);
    context.fillStyle = colour("--rule");
    for (let seconds = 15; seconds < 60; seconds += 15) {
      context.fillRect(Math.round((seconds / 60) * width), 0, 1, height);
    }
  }

  #drawBars(context, row, values, step, height, heightOf) {
    for (const [index, value] of values.entries()) {
      if (value === null) continue;
      const size = Math.max(heightOf(value), value > 0 ? 1 : 0);
      context.fillStyle = colour(row.colour(value, this.#settings));
      context.fillRect(index * step, height - size, Math.max(step - 0.5, 1), size);
    }
  }

  #drawLine(context, row, values, step, height, heightOf) {
    const ink = colour(row.colour());
    context.strokeStyle = ink;
    context.fillStyle = ink;
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    for (const [from, to] of runsOf(values)) {
      context.beginPath();
      for (let index = from; index < to; index += 1) {
        const y = height - 1 - heightOf(values[index]);
        context.lineTo((index + 0.5) * step, y);
      }
      context.stroke();
      context.lineTo((to - 0.5) * step, height);
      context.lineTo((from + 0.5) * step, height);
      context.globalAlpha = 0.18;
      context.fill();
      context.globalAlpha = 1;
    }
  }
}

function drawSeconds(context, width, height) {
  context.fillStyle = colour("--muted");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  for (let seconds = 15; seconds < 60; seconds += 15) {
    context.fillText(`-${60 - seconds} s`, Math.round((seconds / 60) * width), height - 2);
  }
  context.textAlign = "end";
  context.fillText("now", width, height - 2);
}

/** Yield [from, to) of each run of values that are known. */
function* runsOf(values) {
  let from = null;
  for (let index = 0; index <= values.length; index += 1) {
    const isKnown = index < values.length && values[index] !== null;
    if (isKnown && from === null) from = index;
    if (!isKnown && from !== null) {
      yield [from, index];
      from = null;
    }
  }
}
