// What the last minute was like at any moment of a recording: a few numbers for each turn, in typed
// arrays, so that hundreds of thousands of turns take some megabytes.

import { CLOCK, END, timeOf, WAIT } from "./replay-model.js";

const SLOW = 0.1; // seconds of work from which a turn counts as slow, as for the watchdog
const MINUTE = 60; // seconds
const INTERVAL = 0.25; // seconds of an entry of the strip
const STEPS = 8;
const PLACES = STEPS + 1;
const MOST_NAMES = 20; // to show
const MOST_COUNTED = 1000;
const OTHERS = "(others)"; // what further names are counted under
const LONGEST_LIST = 20;
const NEWEST_TURNS = 200; // of which the inspector knows what their steps took
const IS_SLOW = 1;
const IS_ERROR = 2;
const FLAGS = { slow: IS_SLOW, error: IS_ERROR };

/** The turns of a recording, a few numbers each. */
export class TurnTable {
  #times = new Float64Array(1024 * PLACES); // when each step began, and when the turn ended
  #lines = new Uint32Array(1024);
  #events = new Uint32Array(1024);
  #flags = new Uint8Array(1024);
  length = 0;
  slow = SLOW;
  minute = MINUTE;
  strip = { interval: INTERVAL, buckets: MINUTE / INTERVAL };

  add(turn, line) {
    const at = this.length;
    if (at === this.#lines.length) this.#grow();
    for (let step = 1; step <= END; step += 1)
      this.#times[at * PLACES + step - 1] = timeOf(turn, step);
    this.#lines[at] = line;
    this.#events[at] = turn.events?.length ?? 0;
    this.length += 1;
    if (this.worked(at) >= SLOW) this.#flags[at] |= IS_SLOW;
    if (turn.errors?.length || turn.ended_by) this.#flags[at] |= IS_ERROR;
  }

  #grow() {
    const grown = (array) => {
      const larger = new array.constructor(array.length * 2);
      larger.set(array);
      return larger;
    };
    this.#times = grown(this.#times);
    this.#lines = grown(this.#lines);
    this.#events = grown(this.#events);
    this.#flags = grown(this.#flags);
  }

  /** When step `step` of turn `index` began; 9 is its end. */
  time(index, step) {
    return this.#times[index * PLACES + step - 1];
  }

  /** The line of turn `index` in the file. */
  line(index) {
    return this.#lines[index];
  }

  events(index) {
    return this.#events[index];
  }

  /** Seconds that turn `index` has waited, and worked. */
  waited(index) {
    return this.time(index, CLOCK) - this.time(index, WAIT);
  }

  worked(index) {
    return this.time(index, END) - this.time(index, 1) - this.waited(index);
  }

  isSlow(index) {
    return (this.#flags[index] & IS_SLOW) !== 0;
  }

  isError(index) {
    return (this.#flags[index] & IS_ERROR) !== 0;
  }

  indexAt(time) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time(middle, 1) <= time) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  // -- the last minute ----------------------------------------------------------------------------

  /**
   * The strip of the last minute before step `step` of turn `index`, as history.py makes it:
   * waiting and working by intervals in which they lie, a turn in the one in which it ends.
   */
  stripAt(index, step) {
    const now = this.time(index, step);
    const oldest = Math.floor(now / INTERVAL) - this.strip.buckets;
    const intervals = new Map();
    this.#spread(intervals, index, step);
    if (step === END) this.#count(intervals, index);
    else if (step !== WAIT) {
      const values = entry(intervals, Math.floor(now / INTERVAL));
      const waited = step > WAIT ? this.waited(index) : 0;
      values[4] = now - this.time(index, 1) - waited;
    }
    for (let at = index - 1; at >= 0; at -= 1) {
      const ended = this.time(at, END);
      if (Math.floor(ended / INTERVAL) <= oldest) break;
      this.#spread(intervals, at, END);
      this.#count(intervals, at);
    }
    const shown = {};
    for (const [key, values] of [...intervals].sort((a, b) => a[0] - b[0])) {
      if (key > oldest && values.some(Boolean)) {
        shown[key] = values.map((value) => Math.round(value * 1e6) / 1e6);
      }
    }
    return shown;
  }

  #count(intervals, index) {
    const values = entry(intervals, Math.floor(this.time(index, END) / INTERVAL));
    values[2] += 1;
    values[3] += this.#events[index];
    values[4] = Math.max(values[4], this.worked(index));
  }

  #spread(intervals, index, step) {
    const until = this.time(index, step);
    const waitBegan = Math.min(this.time(index, WAIT), until);
    const waitEnded = Math.min(this.time(index, CLOCK), until);
    spread(intervals, 1, this.time(index, 1), waitBegan);
    spread(intervals, 0, waitBegan, waitEnded);
    spread(intervals, 1, waitEnded, until);
  }

  /** What each step took over the last second, of the newest turns, as state.py sums it up. */
  steps(index, step) {
    const now = this.time(index, step);
    const seconds = new Array(STEPS).fill(0);
    const last = step === END ? index : index - 1;
    let began = now;
    for (let at = last; at >= 0 && at > last - NEWEST_TURNS; at -= 1) {
      if (this.time(at, END) <= now - 1) break;
      began = this.time(at, 1);
      for (let each = 1; each <= STEPS; each += 1) {
        seconds[each - 1] += this.time(at, each + 1) - this.time(at, each);
      }
    }
    const micro = (value) => Math.round(value * 1e6) / 1e6;
    return { seconds: seconds.map(micro), of: micro(now - began) };
  }

  /** The indices of the newest slow turns up to `index`, and how many there are in all. */
  slowUpTo(index) {
    const newest = [];
    let total = 0;
    for (let at = index; at >= 0; at -= 1) {
      if (!this.isSlow(at)) continue;
      total += 1;
      if (newest.length < LONGEST_LIST) newest.push(at);
    }
    return { total, newest };
  }

  /**
   * All of the recording in `columns` parts of equal time: `busy`, the share of each in which the
   * loop worked, and `marks` {x, isError} where a turn was slow or had an error.
   */
  overview(columns) {
    const began = this.time(0, 1);
    const span = Math.max(this.time(this.length - 1, END) - began, 1e-9);
    const column = (time) => Math.min(Math.floor(((time - began) / span) * columns), columns - 1);
    const busy = new Float32Array(columns);
    const marks = new Map();
    const part = span / columns;
    for (let at = 0; at < this.length; at += 1) {
      const from = this.time(at, CLOCK);
      const to = this.time(at, END);
      const last = column(to);
      for (let x = column(from); x <= last; x += 1) {
        const inside = Math.min(to, began + (x + 1) * part) - Math.max(from, began + x * part);
        busy[x] += Math.max(inside, 0) / part;
      }
      const flags = this.#flags[at];
      if (flags & IS_ERROR) marks.set(-1 - last, { x: last, isError: true });
      if (flags & IS_SLOW) marks.set(last, { x: last, isError: false });
    }
    return { busy: busy.map((share) => Math.min(share, 1)), marks: [...marks.values()] };
  }

  find(index, direction, what) {
    for (let at = index + direction; at >= 0 && at < this.length; at += direction) {
      if (this.#flags[at] & FLAGS[what]) return at;
    }
    return -1;
  }
}

function entry(intervals, key) {
  let values = intervals.get(key);
  if (!values) intervals.set(key, (values = [0, 0, 0, 0, 0]));
  return values;
}

/** Add the time from `begin` to `end` to the intervals that it lies in. */
function spread(intervals, which, begin, end) {
  const last = Math.floor(end / INTERVAL);
  const from = Math.max(begin, end - MINUTE);
  for (let key = Math.floor(from / INTERVAL); key <= last; key += 1) {
    const first = Math.max(from, key * INTERVAL);
    const span = Math.min(end, (key + 1) * INTERVAL) - first;
    if (span > 0) entry(intervals, key)[which] += span;
  }
}

/** How often and how long something ran, by name. */
export class Names {
  #names = new Map();

  add({ name, took }) {
    this.#count(name, 1, took, took);
  }

  merge(other) {
    for (const [name, { calls, seconds, longest }] of other.#names) {
      this.#count(name, calls, seconds, longest);
    }
  }

  #count(name, calls, seconds, longest) {
    const known = this.#names.get(name);
    if (known) {
      known.calls += calls;
      known.seconds += seconds;
      known.longest = Math.max(known.longest, longest);
    } else {
      const counted = this.#names.size < MOST_COUNTED ? name : OTHERS;
      if (counted !== name && this.#names.has(counted))
        this.#count(counted, calls, seconds, longest);
      else this.#names.set(counted, { name: counted, calls, seconds, longest });
    }
  }

  /** The names that took most. */
  slowest() {
    return [...this.#names.values()]
      .sort((a, b) => b.seconds - a.seconds || (a.name < b.name ? -1 : 1))
      .slice(0, MOST_NAMES)
      .map((entry) => ({
        ...entry,
        seconds: Math.round(entry.seconds * 1e6) / 1e6,
        longest: Math.round(entry.longest * 1e6) / 1e6,
      }));
  }
}
