// A recording as a source of states for the page, as source-live.js is for a living loop: with
// `subscribe`, `setView`, `control` and `close`. It has a position, which can be moved and played.

import { CLOCK, END } from "./replay-model.js";
import { checkedView } from "./replay-table.js";

const TICK = 50; // milliseconds between two documents while it plays
const LONGEST_WAIT = 2; // seconds: longer waits of the loop are shortened
const MOST_TURNS = 10; // in one document

/** The speeds to choose from: `factor` of the real time, or `turns` a second, step by step. */
export const SPEEDS = [
  { name: "1 turn/s", turns: 1 },
  { name: "5 turns/s", turns: 5 },
  { name: "20 turns/s", turns: 20 },
  { name: "0.01×", factor: 0.01 },
  { name: "0.1×", factor: 0.1 },
  { name: "Real time", factor: 1 },
  { name: "10×", factor: 10 },
];
const REAL_TIME = SPEEDS.find(({ factor }) => factor === 1);

export class ReplaySource {
  kind = "replay";
  status = "connected";
  problem = "";
  state = null;
  hello = null;
  /** Turn `index` of the recording, before step `step`; `step` 9 is the end of the turn. */
  position = { index: 0, step: END };
  speed = REAL_TIME;
  isPlaying = false;
  #listeners = new Set();
  #viewRefused;
  #view = {};
  #timer = 0;
  #ticked = 0;
  #time = 0; // of the loop, while it plays
  #steps = 0; // a part of a step that the last tick has left
  #ended = []; // turns that ended since the last document
  #search = new AbortController();

  /** `viewRefused(text)`: a view is not possible, see LiveSource. `clock`: milliseconds. */
  constructor(recording, { viewRefused = () => {}, clock = () => performance.now() } = {}) {
    this.#viewRefused = viewRefused;
    this.recording = recording;
    this.clock = clock;
    this.hello = recording.hello();
    this.#show();
  }

  // -- as every source ----------------------------------------------------------------------------

  subscribe(listener) {
    this.#listeners.add(listener);
    listener(this.state, this.hello);
    return () => this.#listeners.delete(listener);
  }

  setView(view) {
    try {
      this.#view = checkedView(view);
    } catch (error) {
      this.#viewRefused(error.message); // as of the server; the rows stay
      return;
    }
    this.#viewRefused("");
    this.#show();
  }

  close() {
    this.pause();
    this.#search.abort();
    this.#listeners.clear();
  }

  /** What the page asks of a living loop. Returns what went wrong, in one line, or "". */
  async control({ action, turns_per_second: turns }) {
    if (action === "pause") this.pause();
    else if (action === "step") this.move(1);
    else if (action === "turn") this.moveTurns(1);
    else if (action === "resume") this.play();
    else if (action === "slow") this.play({ name: `${turns} turns/s`, turns });
    else return "This is a recording: it cannot be recorded.";
    return "";
  }

  // -- the position -------------------------------------------------------------------------------

  /** Go to turn `index` before step `step`, and stop there. */
  go(index, step = END) {
    this.pause();
    this.#set(index, step);
    this.#show();
  }

  /** `steps` steps forward, or back if it is negative. */
  move(steps) {
    const { index, step } = moved(this.position, steps, this.recording.length);
    this.go(index, step);
  }

  /** `turns` turns forward or back, to the end of a turn. */
  moveTurns(turns) {
    this.go(this.position.index + turns);
  }

  /** To the last turn that began at or before `time`, in seconds of the loop's clock. */
  goToTime(time) {
    this.go(this.recording.indexAt(time));
  }

  /**
   * To the next turn that `what` describes, or with `direction` -1 to the one before: see
   * Recording.find. Returns whether there is one. A newer search ends an older one.
   */
  async find(what, direction = 1) {
    this.pause();
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    const index = await this.recording.find(this.position.index, direction, what, signal);
    signal.throwIfAborted();
    if (index >= 0) this.go(index);
    return index >= 0;
  }

  #set(index, step) {
    this.position = { index: Math.max(0, Math.min(index, this.recording.length - 1)), step };
  }

  // -- playing ------------------------------------------------------------------------------------

  /** Play from here, or at the end from the beginning. `speed`: one of SPEEDS. */
  play(speed = this.speed) {
    this.speed = speed;
    const { index, step } = this.position;
    if (index === this.recording.length - 1 && step === END) this.#set(0, END);
    this.#time = this.recording.turns.time(this.position.index, this.position.step);
    this.#steps = 0;
    this.#ticked = this.clock();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.tick(), TICK);
    this.isPlaying = true;
    this.#show();
  }

  pause() {
    if (!this.isPlaying) return;
    clearInterval(this.#timer);
    this.isPlaying = false;
    this.#show();
  }

  /** Play what has become due; the timer calls this. */
  tick() {
    const now = this.clock();
    // A page in the background gets fewer ticks: it does not catch up.
    const elapsed = Math.min((now - this.#ticked) / 1000, 1);
    this.#ticked = now;
    const { index, step } = this.position;
    const hasMoved = this.speed.turns ? this.#playSteps(elapsed) : this.#playTime(elapsed);
    if (this.isPlaying && hasMoved) this.#show();
    const last = this.recording.length - 1;
    if (this.position.index === last && this.position.step === END) this.pause();
    return index !== this.position.index || step !== this.position.step;
  }

  #playSteps(elapsed) {
    this.#steps += elapsed * this.speed.turns * 8;
    const steps = Math.floor(this.#steps);
    this.#steps -= steps;
    const before = this.position.index;
    this.position = moved(this.position, steps, this.recording.length);
    const { index } = this.position;
    this.#ended = [];
    for (let at = Math.max(before, index - MOST_TURNS); at < index; at += 1) this.#ended.push(at);
    return steps > 0;
  }

  #playTime(elapsed) {
    const { turns, length } = this.recording;
    let { index } = this.position;
    this.#time += elapsed * this.speed.factor;
    while (index + 1 < length && turns.time(index + 1, END) <= this.#time) index += 1;
    this.#set(index, END);
    if (index + 1 < length) {
      const next = turns.time(index + 1, CLOCK) - LONGEST_WAIT * Math.max(this.speed.factor, 1);
      this.#time = Math.max(this.#time, Math.min(next, turns.time(index + 1, CLOCK)));
    }
    return true;
  }

  #show() {
    const { index, step } = this.position;
    const state = this.recording.stateAt(index, step, this.#view);
    if (this.isPlaying) this.#asPlaying(state);
    this.state = state;
    for (const listener of this.#listeners) listener(state, this.hello);
  }

  #asPlaying(state) {
    if (this.speed.turns) {
      state.control.mode = "slow";
      state.control.turns_per_second = this.speed.turns;
      state.turns = this.#ended.map((index) => this.recording.turn(index));
      this.#ended = [];
    } else {
      // The loop's clock goes on while it waits.
      const passed = Math.max(this.#time - state.loop.time, 0);
      state.loop.time += passed;
      state.loop.wall += passed;
      state.control.mode = "running";
      state.pending = null;
    }
  }
}

/** A position, some steps later or earlier. Only the last turn of all has a place after step 8. */
export function moved({ index, step }, steps, length) {
  const last = length * 8; // the place after the last step
  const place = Math.max(0, Math.min(index * 8 + step - 1 + steps, last));
  if (place === last) return { index: length - 1, step: END };
  return { index: Math.floor(place / 8), step: (place % 8) + 1 };
}
