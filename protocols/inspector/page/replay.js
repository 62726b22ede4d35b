// A recording that can be seen at each of its moments: `stateAt(index, step)` builds the document
// that the inspector's server sends of a living loop (see protocols/inspector/state.py).
//
// While the file is read, every turn is applied to a model once. At the beginning of each block of
// turns the model is copied, so that any moment is at most a block away. The bytes of the lines
// stay in memory, and a few numbers for each turn; the objects do not.

import { documentOf } from "./replay-document.js";
import { readFiles, RecordingError } from "./replay-file.js";
import { Names, TurnTable } from "./replay-history.js";
import { callOf, END, Model, STEPS, timeOf } from "./replay-model.js";

export { RecordingError };

const BLOCK_TURNS = 1000;
const BLOCK_TIME = 1; // seconds
const MOST_ROWS = 1_500_000; // in all copies of the model

/** Read the files of a recording. The options are those of `readFiles`. */
export async function openRecording(files, options = {}) {
  const recording = new Recording();
  const line = (value, index) => recording.add(value, index);
  const { lines, cut } = await readFiles(files, { ...options, line });
  if (!recording.length) throw new RecordingError("The recording has no turns.");
  recording.lines = lines;
  recording.cut = cut;
  recording.name = [...files].map(({ name }) => name).sort()[0] ?? "";
  return recording;
}

export class Recording {
  #blocks = []; // {first, line, model, names}: of turns, see #begin
  #model = new Model();
  #header = null;
  #rows = 0; // in the copies
  #stride = 1; // of so many blocks one has a copy

  constructor() {
    this.lines = null;
    this.cut = false;
    this.name = "";
    this.turns = new TurnTable();
  }

  /** The number of turns. */
  get length() {
    return this.turns.length;
  }

  // -- reading ------------------------------------------------------------------------------------

  /** The next line of the file. */
  add(line, index) {
    if (line.snapshot !== undefined) {
      this.#header ??= line;
      this.#model.snapshot(line);
      return;
    }
    this.#begin(line, index);
    const { names } = this.#blocks.at(-1);
    for (const call of line.calls ?? []) names.add(callOf(call));
    this.turns.add(line, index);
    this.#model.turn(line);
  }

  /** Begin another block if this one is long. */
  #begin(turn, index) {
    const last = this.#blocks.at(-1);
    const began = timeOf(turn, 1);
    if (last && this.length - last.first < BLOCK_TURNS && began - last.began < BLOCK_TIME) return;
    const model = this.#blocks.length % this.#stride === 0 ? this.#model.copy() : null;
    this.#rows += model?.rows.size ?? 0;
    this.#blocks.push({ first: this.length, line: index, began, model, names: new Names() });
    if (this.#rows > MOST_ROWS) this.#thin();
  }

  /** Every second copy goes, the first stays; the way to a moment becomes longer instead. */
  #thin() {
    this.#stride *= 2;
    this.#rows = 0;
    this.#blocks.forEach((block, at) => {
      if (at % this.#stride) block.model = null;
      this.#rows += block.model?.rows.size ?? 0;
    });
  }

  // -- what is known of all of it -----------------------------------------------------------------

  get began() {
    return this.turns.time(0, 1);
  }

  get ended() {
    return this.turns.time(this.length - 1, END);
  }

  /** What a stream begins with. What a recording does not say is null. */
  hello() {
    const { run = "", wall, snapshot } = this.#header;
    const pid = Number.parseInt(run, 10);
    return {
      version: 1,
      title: this.name,
      pid: Number.isNaN(pid) ? null : pid,
      python: null,
      reactor: null,
      poller: snapshot.loop.poller ?? null,
      steps: STEPS,
      started: wall ?? null,
      token: null,
      watchdog: this.turns.slow,
      strip: this.turns.strip,
      replay: { turns: this.length, cut: this.cut },
    };
  }

  /** The index of the last turn that began at or before `time`, in seconds of the loop's clock. */
  indexAt(time) {
    return this.turns.indexAt(time);
  }

  /** Turn `index`, as its line has it. */
  turn(index) {
    return this.lines.parse(this.turns.line(index));
  }

  // -- a moment -----------------------------------------------------------------------------------

  /**
   * The state before step `step` of turn `index`, or with `step` 9 at the turn's end. `view` is
   * {sort, order, filter, first, count}.
   */
  stateAt(index, step = END, view = {}) {
    const { model, names, turn } = this.#seek(index, step);
    const next = index + 1 < this.length ? this.turn(index + 1) : null;
    return documentOf({ recording: this, model, names, turn, next, step, index, view });
  }

  #seek(index, step) {
    const at = this.#blocks.findLastIndex(({ first }) => first <= index);
    let from = at;
    while (!this.#blocks[from].model) from -= 1;
    const model = this.#blocks[from].model.copy();
    const names = new Names();
    const since = this.turns.time(index, 1) - this.turns.minute;
    for (let block = at - 1; block >= 0 && this.#blocks[block].began >= since; block -= 1) {
      names.merge(this.#blocks[block].names);
    }
    const last = this.turns.line(index);
    let turn = null;
    for (let line = this.#blocks[from].line; line <= last; line += 1) {
      const value = this.lines.parse(line);
      if (value.snapshot !== undefined) {
        model.snapshot(value);
        continue;
      }
      turn = value;
      if (line === last) break;
      model.turn(value);
      if (line >= this.#blocks[at].line)
        for (const call of value.calls ?? []) names.add(callOf(call));
    }
    model.turn(turn, step);
    if (step === END) for (const call of turn.calls ?? []) names.add(callOf(call));
    return { model, names, turn };
  }

  // -- searching ----------------------------------------------------------------------------------

  /**
   * The next turn after `index` (`direction` 1) or before it (-1) that `what` describes: "slow",
   * "error", or {fd: number} for one that touches that descriptor; -1 if there is none. A search
   * for a descriptor reads lines, so it lets the page draw now and then; `signal` cancels it.
   */
  async find(index, direction, what, signal) {
    if (typeof what === "string") return this.turns.find(index, direction, what);
    const digits = String(what.fd);
    let pause = performance.now() + 40;
    for (let at = index + direction; at >= 0 && at < this.length; at += direction) {
      const text = this.lines.text(this.turns.line(at));
      if (text.includes(digits) && touches(JSON.parse(text), what.fd)) return at;
      if (performance.now() > pause) {
        await new Promise((resolve) => setTimeout(resolve));
        signal?.throwIfAborted();
        pause = performance.now() + 40;
      }
    }
    return -1;
  }
}

/** Whether a turn has something to do with descriptor `fd`. */
export function touches(turn, fd) {
  const { events, calls, flushes, opened, closed, modified, unregistered, changed } = turn;
  return Boolean(
    events?.some((event) => event[0] === fd) ||
    calls?.some((call) => call[3] === fd) ||
    flushes?.some((flush) => flush[0] === fd) ||
    opened?.some((shown) => shown.fd === fd) ||
    closed?.includes(fd) ||
    unregistered?.includes(fd) ||
    modified?.some((change) => change[0] === fd) ||
    changed?.[fd],
  );
}
