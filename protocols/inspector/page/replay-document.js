// The state document of a moment in a recording, in the format of protocols/inspector/state.py, so
// that the page shows it as it shows a living loop.

import {
  CALLBACKS,
  callOf,
  CLOCK,
  CLOSE,
  DISPATCH,
  END,
  FLUSH,
  isTimer,
  timeOf,
  TIMEOUT,
  TIMERS,
  WAIT,
} from "./replay-model.js";
import { tableOf } from "./replay-table.js";

const AHEAD = 10; // seconds of timers to come
const MOST_NEXT = 100;
const KINDS = {
  event: DISPATCH,
  timer: TIMERS,
  "idle timer": TIMERS,
  deadline: TIMERS,
  callback: CALLBACKS,
};

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
function shownTurn(turn, step) {
  if (step >= END) return { ...turn, step: CLOSE, running: runningAt(turn, CLOSE) };
  const shown = { turn: turn.turn, times: turn.times.slice(0, step), step };
  if (step > TIMEOUT) copy(turn, shown, ["timeout", "reason", "timer"]);
  if (step > WAIT) copy(turn, shown, ["events"]);
  const calls = (turn.calls ?? []).filter(([kind]) => KINDS[kind] < step);
  if (calls.length) shown.calls = calls;
  if (step > DISPATCH) copy(turn, shown, ["opened", "errors", "received_data"]);
  if (step > FLUSH) copy(turn, shown, ["flushes", "sent_data"]);
  shown.running = runningAt(turn, step);
  return shown;
}

function copy(from, to, names) {
  for (const name of names) if (from[name] !== undefined) to[name] = from[name];
}

/** What runs, or has run last, in the turn. */
function runningAt(turn, step) {
  return (turn.calls ?? []).findLast(([kind]) => KINDS[kind] < step)?.[1] ?? "";
}

/** What the steps to come will do, which the turn itself says. */
function pendingOf(model, turn, step, next = null) {
  if (step >= END) return pendingOf(model, next ?? { times: [model.time] }, TIMEOUT);
  const calls = (turn.calls ?? []).map(callOf);
  const now = timeOf(turn, CLOCK);
  const before = (last, list) => (step <= last ? (list ?? []) : []);
  const events = before(DISPATCH, turn.events);
  const timers = before(TIMERS, calls.filter(isTimer));
  const callbacks = before(CALLBACKS, queuedCalls(turn, calls, step));
  return {
    events,
    handlers: Object.fromEntries(events.map(([fd]) => [fd, handlerOf(model, calls, fd)])),
    timers: timers.map(({ name, kind }) => ({ name, kind, in: dueIn(model, name, kind, now) })),
    callbacks: callbacks.map(({ name }) => name),
    // What is written is known when it was written: from step 5 on.
    flushes: step > DISPATCH ? before(FLUSH, flushesOf(model, turn, calls)) : [],
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

function handlerOf(model, calls, fd) {
  const row = model.rows.get(fd) ?? {};
  const call = calls.find((each) => each.kind === "event" && each.fd === fd);
  const { protocol = null, peer = null, kind = null } = row;
  return { handler: call?.name ?? null, kind, protocol, peer };
}

function dueIn(model, name, kind, now) {
  const timer = model.timers.next.find((each) => each.name === name && each.kind === kind);
  return timer ? Math.min(timer.at - now, 0) : null;
}

function flushesOf(model, turn, calls) {
  return (turn.flushes ?? [])
    .filter(([fd]) => !calls.some((call) => call.fd === fd && call.event.includes("W")))
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
