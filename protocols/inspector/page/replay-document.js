// The state document of a moment in a recording, in the format of protocols/inspector/state.py, so
// that the page shows it as it shows a living loop.

import {
  CALLBACKS,
  callOf,
  CLOCK,
  CLOSE,
  DISPATCH,
  END,
  firstCallIn,
  FLUSH,
  flushesBefore,
  isTimer,
  lastCallIn,
  STEP_OF,
  timeOf,
  TIMEOUT,
  TIMERS,
  WAIT,
} from "./replay-model.js";
import { tableOf } from "./replay-table.js";

const AHEAD = 10; // seconds of timers to come
const MOST_NEXT = 100;
/**
 * `model`: before step `step` of `turn`, which is number `index` of `recording`. `next`: the turn
 * after it, or null. `names`: what ran in the last minute. `view`: see replay-table.js.
 */
export function documentOf({ recording, model, names, turn, next, step, index, view }) {
  const { time } = model;
  const { turns } = recording;
  return {
    loop: { ...model.loop, time: rounded(time), wall: rounded(model.wall + time) },
    stats: Object.fromEntries(
      Object.entries(model.stats).map(([name, value]) => [name, rounded(value)]),
    ),
    control: {
      mode: "paused",
      turns_per_second: null,
      recording: null,
      recorded: false,
      stepping: false,
    },
    turn: shownTurn(turn, step),
    turns: [],
    pending: pendingOf(model, turn, step, next),
    steps: turns.steps(index, step),
    strip: turns.stripAt(index, step),
    descriptors: tableOf(model.rows, model.total, view, time),
    timers: timersOf(model),
    callbacks: callbacksOf(model, turn, next, step),
    slowest: names.slowest(),
    blocked: blockedOf(recording, index, step),
    errors: {
      total: model.errors.total,
      recent: model.errors.recent.map(({ at, text }) => ({ at: rounded(at), text })),
    },
    closed: model.closed,
  };
}

/** Milliseconds, or with 6 digits microseconds. */
function rounded(seconds, digits = 3) {
  return Number(seconds.toFixed(digits));
}

function timersOf({ timers, fired, time }) {
  const next = timers.next
    .filter(({ at }) => at <= time + AHEAD)
    .slice(0, MOST_NEXT)
    .map((timer) => {
      const shown = { ...timer, at: rounded(timer.at) };
      if ("expires_at" in timer) shown.expires_at = rounded(timer.expires_at);
      return shown;
    });
  return {
    ...timers,
    next,
    fired: fired.map((timer) => ({
      ...timer,
      at: rounded(timer.at),
      took: rounded(timer.took, 6),
    })),
  };
}

/** What of a turn had happened before step `step` began. */
function shownTurn(line, step) {
  // What only the recording has is in the rows and in the counters.
  const { changed: _1, unregistered: _2, stats: _3, ...turn } = line;
  const running = runningAt(turn, step);
  if (step >= END) return { ...turn, step: CLOSE, running };
  const shown = { turn: turn.turn, times: turn.times.slice(0, step), reason: "", step, running };
  if (step > TIMEOUT) copy(turn, shown, ["timeout", "reason", "timer"]);
  if (step > WAIT) copy(turn, shown, ["events"]);
  const calls = (turn.calls ?? []).filter(([kind]) => STEP_OF[kind] < step);
  if (calls.length) shown.calls = calls;
  if (step > firstCallIn(turn)) copy(turn, shown, ["opened"]);
  if (step > lastCallIn(turn)) copy(turn, shown, ["errors"]);
  if (step > DISPATCH) copy(turn, shown, ["received_data"]);
  const flushes = flushesBefore(turn, step);
  if (flushes.length) shown.flushes = flushes;
  if (step > FLUSH) copy(turn, shown, ["modified", "sent_data"]);
  return shown;
}

function copy(from, to, names) {
  for (const name of names) if (from[name] !== undefined) to[name] = from[name];
}

/** What runs, or has run last, in the turn. */
function runningAt(turn, step) {
  return (turn.calls ?? []).findLast(([kind]) => STEP_OF[kind] < step)?.[1] ?? "";
}

/** What the steps to come will do, which the turn itself says. */
function pendingOf(model, turn, step, next = null) {
  if (step >= END) return pendingOf(model, next ?? { times: [model.time] }, TIMEOUT);
  const calls = (turn.calls ?? []).map(callOf);
  const now = timeOf(turn, CLOCK);
  const before = (last, list) => (step <= last ? (list ?? []) : []);
  const events = before(DISPATCH, turn.events);
  // Before the wait nothing is due yet, unless the loop does not wait.
  const isDue = step > WAIT || turn.timeout === 0;
  const timers = before(TIMERS, isDue ? calls.filter(isTimer) : []);
  const callbacks = before(CALLBACKS, queuedCalls(turn, calls, step));
  return {
    events,
    handlers: Object.fromEntries(events.map((event) => [event[0], handlerOf(model, calls, event)])),
    timers: timers.map(({ name, kind }) => ({ name, kind, in: dueIn(model, name, kind, now) })),
    callbacks: callbacks.map(({ name }) => name),
    flushes: step > firstCallIn(turn) ? before(FLUSH, flushesOf(model, turn)) : [],
    closes: step > DISPATCH ? before(CLOSE, turn.closed) : [],
  };
}

/** The callbacks that are queued: before step 4 only those of earlier turns. */
function queuedCalls(turn, calls, step) {
  if (step <= DISPATCH && turn.reason !== "callbacks") return [];
  return calls.filter(({ kind }) => kind === "callback");
}

function callbacksOf(model, turn, next, step) {
  if (step <= CALLBACKS) {
    const list = queuedCalls(turn, (turn.calls ?? []).map(callOf), step);
    return { next: list.map(({ name }) => name), total: list.length };
  }
  const list = next ? queuedCalls(next, (next.calls ?? []).map(callOf), TIMEOUT) : [];
  return { next: list.map(({ name }) => name), total: list.length };
}

function handlerOf(model, calls, [fd, letters]) {
  const row = model.rows.get(fd) ?? {};
  const call = calls.find((each) => each.kind === "event" && each.fd === fd);
  const { protocol = null, peer = null, kind = null } = row;
  const handler = { handler: call?.name ?? null, kind, protocol, peer };
  const queued = letters.includes("W") ? (row.unsent ?? row.queued) : 0;
  return queued ? { ...handler, queued } : handler;
}

function dueIn(model, name, kind, now) {
  const timer = model.timers.next.find((each) => each.name === name && each.kind === kind);
  return timer ? Math.min(timer.at - now, 0) : null;
}

function flushesOf(model, turn) {
  const early = new Set(flushesBefore(turn, FLUSH));
  return (turn.flushes ?? [])
    .filter((flush) => !early.has(flush))
    .map(([fd, sent, left]) => {
      const { protocol = null, peer = null } = model.rows.get(fd) ?? {};
      return { fd, protocol, peer, queued: sent + left };
    });
}

/** Slow turns, the newest first. A recording has what ran, but no stack. */
function blockedOf(recording, index, step) {
  const { total, newest } = recording.turns.slowUpTo(step === END ? index : index - 1);
  return { total, recent: newest.map((at, place) => blockedTurn(recording, at, total - place)) };
}

function blockedTurn(recording, at, id) {
  const calls = (recording.turn(at).calls ?? []).map(callOf);
  const longest = calls.reduce((most, call) => (call.took > most.took ? call : most), calls[0]);
  const began = recording.turns.time(at, CLOCK);
  return {
    id,
    at: rounded(began),
    took: rounded(recording.turns.time(at, END) - began),
    going_on: false,
    name: longest?.name ?? "",
    where: null,
    line: null,
    stack: [],
    samples: 0,
    hottest: [],
  };
}
