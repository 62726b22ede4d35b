// What a loop watches and waits for, rebuilt from the lines of a recording: a snapshot sets it, a
// turn changes it.
//
// A copy of the model is cheap, because copies share the rows and the lists: replay.js keeps many, to
// begin from the nearest one. A model changes only rows that it has made since its last copy.

export const STEPS = [
  "timeout",
  "wait",
  "clock",
  "dispatch",
  "timers",
  "callbacks",
  "flush",
  "close",
];
export const [TIMEOUT, WAIT, CLOCK, DISPATCH, TIMERS, CALLBACKS, FLUSH, CLOSE] = [
  1, 2, 3, 4, 5, 6, 7, 8,
];
export const END = 9; // the position after the last step: the turn has ended
const NEWEST = 20; // entries of the lists of what was last

/** The step in which a call of each kind runs. */
export const STEP_OF = {
  event: DISPATCH,
  timer: TIMERS,
  "idle timer": TIMERS,
  deadline: TIMERS,
  callback: CALLBACKS,
};

/** A call of a turn, by name. Trailing values that are empty are left out in the file. */
export function callOf([
  kind,
  name = "",
  took = 0,
  fd = null,
  event = "",
  received = 0,
  rearmed = false,
]) {
  return { kind, name, took: took / 1e6, fd, event, received, rearmed };
}

/** When step `step` of a turn began; 9 is its end. A turn that an exception ended has fewer. */
export function timeOf(turn, step) {
  return turn.times[Math.min(step, turn.times.length) - 1];
}

export class Model {
  #own = new Set(); // descriptors whose row no copy has

  constructor() {
    this.time = 0;
    this.wall = 0; // of time 0
    this.loop = { running: true, stopping: false, catching_up: false, debug: false };
    this.rows = new Map(); // by descriptor
    this.total = 0; // descriptors, also those that no snapshot has shown
    this.stats = {};
    this.woke = 0; // when the last wait ended
    this.timers = { next: [], total: 0, idle: 0, cancelled: 0 };
    this.fired = []; // the newest first, as all of these
    this.callbacks = { next: [], total: 0 };
    this.errors = { total: 0, recent: [] };
    this.closed = { total: 0, recent: [] };
  }

  copy() {
    const copy = Object.assign(new Model(), this);
    copy.rows = new Map(this.rows);
    copy.stats = { ...this.stats };
    this.#own.clear();
    return copy;
  }

  // -- a snapshot ---------------------------------------------------------------------------------

  /** A header or a keyframe: between two turns, at `line.time`. */
  snapshot(line) {
    const { loop, stats, descriptors = [], descriptors_total: total = 0 } = line.snapshot;
    this.time = line.time;
    if (Number.isFinite(line.wall)) this.wall = line.wall - line.time;
    const { stopping = false, catching_up = false, debug = false } = loop;
    this.loop = { running: true, stopping, catching_up, debug };
    this.woke = loop.now ?? line.time;
    this.stats = { ...stats };
    this.#setRows(descriptors, total);
    this.#setTimers(line.snapshot.timers ?? {}, line.time);
    this.callbacks = { next: [], total: 0, ...line.snapshot.callbacks };
  }

  #setRows(descriptors, total) {
    // With very many descriptors a snapshot has only some of them. Then the others stay.
    if (descriptors.length >= total) this.rows = new Map();
    this.#own.clear();
    for (const shown of descriptors) {
      this.rows.set(shown.fd, shown);
    }
    this.total = Math.max(total, descriptors.length);
  }

  #setTimers({ next = [], total = 0, idle = 0, cancelled = 0 }, now) {
    const entries = next.map(({ name, kind, in: delay, expires_in: expires }) => {
      const timer = { name, kind, at: now + delay };
      if (expires !== undefined) timer.expires_at = now + expires;
      return timer;
    });
    this.timers = { next: entries, total, idle, cancelled };
  }

  // -- a turn -------------------------------------------------------------------------------------

  /** Apply what `turn` did before step `step` began; with `END`, all of it. */
  turn(turn, step = END) {
    const calls = (turn.calls ?? []).map(callOf);
    this.time = timeOf(turn, step);
    const catching_up = turn.reason === "catching up";
    if (catching_up !== this.loop.catching_up) this.loop = { ...this.loop, catching_up };
    // The file of a recording begins with a snapshot, which may have the first turn in it already.
    if (!(turn.turn < this.stats.turns)) this.#change(turn, calls, step);
    if (step === END) this.#remember(turn, calls);
  }

  #change(turn, calls, step) {
    const first = firstCallIn(turn);
    const last = lastCallIn(turn);
    if (step > CLOCK) this.#clock(turn);
    if (step > first) this.#open(turn, step);
    this.#flushed(flushesBefore(turn, step));
    if (step > first && step <= FLUSH) this.#written(turn);
    this.#received(calls.filter(({ kind }) => STEP_OF[kind] < step));
    if (step > TIMERS) this.#timersRan(turn, calls.filter(isTimer));
    if (step > CALLBACKS) this.callbacks = { next: [], total: 0 };
    if (step > last) this.#changed(turn, step);
    if (step === END) this.#traffic(turn, calls);
    if (step > last) this.#remove([...(turn.closed ?? []), ...(turn.unregistered ?? [])]);
    if (step === END && turn.ended_by) this.loop = { ...this.loop, running: false };
  }

  /** The loop has read its clock, and counts the turn. */
  #clock(turn) {
    const began = timeOf(turn, TIMEOUT);
    const woke = timeOf(turn, CLOCK);
    this.stats.turns = turn.turn + 1;
    this.stats.work_time += began - this.woke;
    this.stats.wait_time += woke - began;
    this.woke = woke;
  }

  #open(turn, step) {
    for (const shown of turn.opened ?? []) {
      const old = this.rows.get(shown.fd);
      // As in the loop's table, what is registered again comes last.
      if (!this.rows.delete(shown.fd)) this.total += 1;
      this.#own.delete(shown.fd);
      const { received = null, sent = null, last_event = null } = old ?? {};
      const { opened = null, last_time = null } = old ?? {};
      const before = { received, sent, last_event, opened, last_time };
      this.rows.set(shown.fd, step === END ? shown : { ...shown, ...before });
    }
  }

  /** What was written in the turn waits for step 7. */
  #written(turn) {
    const early = new Set(flushesBefore(turn, FLUSH));
    for (const flush of turn.flushes ?? []) {
      const [fd, sent, left] = flush;
      if (!early.has(flush)) this.#queue(fd, sent + left);
    }
  }

  #timersRan(turn, calls) {
    if (!calls.length) return;
    const now = timeOf(turn, CLOCK);
    let { next, total, idle, cancelled } = this.timers;
    for (const { name, kind, rearmed } of calls) {
      const at = next.findIndex((timer) => timer.name === name && timer.kind === kind);
      if (!rearmed) total -= 1;
      if (!rearmed && kind === "idle timer") idle -= 1;
      if (at < 0) continue;
      const { expires_at: expires } = next[at];
      next = next.toSpliced(at, 1);
      // An idle timer that was set again expires when the snapshot said, if nothing came since.
      if (rearmed && expires > now) {
        next = [...next, { name, kind, at: expires, expires_at: expires }].sort(byTime);
      }
    }
    this.timers = { next, total: Math.max(total, next.length), idle: Math.max(idle, 0), cancelled };
  }

  #flushed(flushes) {
    for (const [fd, sent, left] of flushes) {
      this.#queue(fd, left);
      if (this.rows.get(fd)?.kind !== "datagram") this.stats.bytes_sent += sent;
    }
  }

  #received(calls) {
    for (const { fd, received } of calls) {
      if (this.rows.get(fd)?.kind !== "datagram") this.stats.bytes_received += received;
    }
  }

  #queue(fd, queued) {
    const row = this.rows.get(fd);
    if (!row || !("queued" in row)) return;
    this.#update(fd, "unsent" in row ? { queued, unsent: queued } : { queued });
  }

  #update(fd, changes) {
    const row = this.rows.get(fd);
    if (!row) return;
    if (this.#own.has(fd)) {
      Object.assign(row, changes);
    } else {
      this.rows.set(fd, { ...row, ...changes });
      this.#own.add(fd);
    }
  }

  /**
   * What handlers have changed. The flush after them changes the queue and the interest. What was
   * opened is described as it is at the end of the turn.
   */
  #changed(turn, step) {
    const toFlush = new Set(step <= FLUSH ? (turn.flushes ?? []).map(([fd]) => fd) : []);
    const opened = new Set((turn.opened ?? []).map(({ fd }) => fd));
    for (const [fd, interest] of turn.modified ?? []) {
      if (!toFlush.has(fd) && !opened.has(fd)) this.#update(fd, this.#interest(fd, interest));
    }
    for (const [key, changes] of Object.entries(turn.changed ?? {})) {
      const fd = Number(key);
      const { closing = this.rows.get(fd)?.closing } = changes;
      this.#update(fd, toFlush.has(fd) ? { closing } : changes);
    }
    Object.assign(this.stats, turn.stats);
  }

  #remove(descriptors) {
    for (const fd of descriptors) {
      if (this.rows.delete(fd)) this.total -= 1;
      this.#own.delete(fd);
    }
  }

  #interest(fd, interest) {
    const isTransport = "reading_paused" in (this.rows.get(fd) ?? {});
    return isTransport ? { interest, reading_paused: !interest.includes("R") } : { interest };
  }

  /** The lists of what was last. */
  #remember(turn, calls) {
    const at = timeOf(turn, END);
    // An idle timer that has only set itself again has not expired.
    const fired = calls
      .filter((call) => isTimer(call) && (call.kind === "timer" || !call.rearmed))
      .map(({ name, kind, took }) => ({ name, kind, at, took }));
    if (fired.length) this.fired = [...fired.reverse(), ...this.fired].slice(0, NEWEST);
    const { closed, errors } = turn;
    if (closed?.length) this.closed = newest(this.closed, closed);
    if (errors?.length) {
      this.errors = newest(
        this.errors,
        errors.map((text) => ({ at, text })),
      );
    }
  }

  /** As reactor/traffic.py counts. What was opened has its counts already. */
  #traffic(turn, calls) {
    const now = timeOf(turn, END);
    const opened = new Set((turn.opened ?? []).map(({ fd }) => fd));
    for (const { fd, event, received } of calls) {
      const row = this.rows.get(fd);
      if (!row || opened.has(fd)) continue;
      const changes = { received: (row.received ?? 0) + received };
      if (row.sent === null) changes.sent = 0;
      if (event) Object.assign(changes, { last_event: event, last_time: now });
      if (event || row.received !== null) this.#update(fd, changes);
    }
    for (const [fd, sent] of turn.flushes ?? []) {
      const row = this.rows.get(fd);
      if (!row || opened.has(fd)) continue;
      const changes = { sent: (row.sent ?? 0) + sent };
      if (row.received === null) Object.assign(changes, { received: 0, last_event: "" });
      this.#update(fd, changes);
    }
  }
}

export function isTimer({ kind }) {
  return STEP_OF[kind] === TIMERS;
}

/**
 * The first step in which a turn has run something, 0 if it has not. What it has opened and written
 * was there, as far as its line tells, or between two turns.
 */
export function firstCallIn({ calls = [] }) {
  return calls.length ? Math.min(...calls.map(([kind]) => STEP_OF[kind])) : 0;
}

/** The last step in which a turn has run something, 0 if it has not. */
export function lastCallIn({ calls = [] }) {
  return Math.max(...calls.map(([kind]) => STEP_OF[kind]), 0);
}

/**
 * The flushes that were made before step `step`. All are known to be in step 7, but those of what
 * the poller has reported as ready for writing, and if there are several to one descriptor.
 */
export function flushesBefore({ flushes = [], calls = [] }, step) {
  if (step > FLUSH) return flushes;
  if (step <= DISPATCH) return [];
  const ready = new Set(
    calls.filter(([, , , , event]) => event?.includes("W")).map((call) => call[3]),
  );
  return flushes.filter(([fd], at) => {
    const isFirst = flushes.findIndex((other) => other[0] === fd) === at;
    const isLast = flushes.findLastIndex((other) => other[0] === fd) === at;
    return isFirst && ready.has(fd) ? true : !isLast;
  });
}

function byTime(a, b) {
  return a.at - b.at;
}

function newest({ total, recent }, added) {
  return {
    total: total + added.length,
    recent: [...added.toReversed(), ...recent].slice(0, NEWEST),
  };
}
