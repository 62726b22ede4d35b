// The eight steps of a turn, and in words what each has done or is going to do.

import { bytes, count, duration } from "./format.js";

export const STEPS = [
  { name: "timeout", title: "Timeout", does: "finds out how long the loop may wait" },
  { name: "wait", title: "Wait", does: "asks the poller for events" },
  { name: "clock", title: "Clock", does: "reads the clock, once for the turn" },
  { name: "dispatch", title: "Dispatch", does: "calls the handler of each event" },
  { name: "timers", title: "Timers", does: "runs the timers that are due" },
  { name: "callbacks", title: "Callbacks", does: "runs what call_soon has queued" },
  { name: "flush", title: "Flush", does: "sends what was written" },
  { name: "close", title: "Close", does: "gives back closed descriptors" },
];
const [TIMEOUT, WAIT, CLOCK, DISPATCH, TIMERS, CALLBACKS, FLUSH, CLOSE] = [1, 2, 3, 4, 5, 6, 7, 8];
const TIMER_KINDS = new Set(["timer", "idle timer", "deadline"]);

const REASONS = {
  callbacks: "callbacks are queued",
  writes: "something was written",
  closing: "descriptors are to be closed",
  caller: "run_once was called so",
  "catching up": "the loop catches up after a stall",
  events: "only events end the wait",
};

const EVENTS = { R: "readable", W: "writable", E: "error", H: "hang-up" };

/** Return an event mask in words: "readable, writable". */
export const eventWords = (letters) => [...letters].map((one) => EVENTS[one] ?? one).join(", ");

/**
 * Return eight objects `{phase, text, items}`. `phase`: "done", "next" (the loop stands before
 * it, or without `pending` is in it) or "coming". An item is
 * `{fd, letters, name, detail, took}`, each optional.
 */
export function substanceOf(turn, pending, peerOf = () => "") {
  const current = isWhole(turn) || !turn ? STEPS.length + 1 : turn.step;
  const make = { turn: turn ?? {}, pending: pending ?? {}, current, peerOf };
  return STEPS.map(({ does }, index) => {
    const step = index + 1;
    const phase = step < current ? "done" : step === current ? "next" : "coming";
    if (!turn) return { phase: "coming", text: does, items: [] };
    const isNow = phase === "next" && !pending;
    const shown = isNow ? nowIn(step, make) : (phase === "done" ? DONE : TO_COME)[step](make);
    return { phase, text: "", items: [], ...(shown ?? { text: does }) };
  });
}

/** What a loop does that neither stands still nor has ended its turn: it waits, or works long. */
function nowIn(step, make) {
  const { turn } = make;
  if (step === WAIT) return { text: `waits ${timeoutWords(turn)}` };
  if (![DISPATCH, TIMERS, CALLBACKS].includes(step) || !turn.running) return null;
  const { items = [] } = DONE[step](make);
  return { text: "", items: [...items, { name: turn.running, detail: "now" }] };
}

const DONE = {
  [TIMEOUT]: ({ turn }) => ({ text: timeoutWords(turn) }),
  [WAIT]: ({ turn }) => {
    const number = turn.events?.length ?? 0;
    if (!number) return { text: "no event" };
    return {
      text: number === 1 ? "1 event" : `${count(number)} events`,
      items: turn.events.map(([fd, letters]) => ({ fd, letters })),
    };
  },
  [CLOCK]: ({ turn }) => {
    const now = turn.times?.[CLOCK - 1];
    return now === undefined ? null : { text: `it is ${now.toFixed(3)} s` };
  },
  [DISPATCH]: ({ turn, peerOf }) =>
    listOr(
      callsOf(turn, (kind) => kind === "event").map((call) => callItem(call, peerOf)),
      "no handler was called",
    ),
  [TIMERS]: ({ turn, peerOf }) =>
    listOr(
      callsOf(turn, (kind) => TIMER_KINDS.has(kind)).map((call) => callItem(call, peerOf)),
      "none was due",
    ),
  [CALLBACKS]: ({ turn, peerOf }) =>
    listOr(
      callsOf(turn, (kind) => kind === "callback").map((call) => callItem(call, peerOf)),
      "none was queued",
    ),
  [FLUSH]: ({ turn, peerOf }) =>
    listOr(
      (turn.flushes ?? []).map(([fd, sent, left]) => ({
        fd,
        name: peerOf(fd),
        detail: left ? `${bytes(sent)}, ${bytes(left)} left` : bytes(sent),
        isStuck: left > 0,
      })),
      "nothing was written",
    ),
  [CLOSE]: ({ turn }) =>
    listOr(
      (turn.closed ?? []).map((fd) => ({ fd, name: "closed" })),
      "nothing to close",
    ),
};

const TO_COME = {
  [TIMEOUT]: ({ pending }) => {
    if (pending.callbacks?.length) return { text: `may not wait: ${REASONS.callbacks}` };
    if (pending.flushes?.length) return { text: `may not wait: ${REASONS.writes}` };
    return null;
  },
  [WAIT]: ({ turn, pending, current, peerOf }) => {
    const events = pending.events ?? [];
    if (events.length) {
      return {
        text: events.length === 1 ? "1 event is there" : `${count(events.length)} events are there`,
        items: events.map(([fd, letters]) => eventItem(fd, letters, peerOf(fd, pending))),
      };
    }
    return current === WAIT ? { text: `will wait ${timeoutWords(turn)}` } : null;
  },
  [CLOCK]: () => null,
  [DISPATCH]: ({ turn, pending, peerOf }) => {
    const events = turn.events?.length ? turn.events : (pending.events ?? []);
    const items = events.map(([fd, letters]) => {
      const handler = pending.handlers?.[fd];
      return {
        ...eventItem(fd, letters, handler?.peer ?? peerOf(fd)),
        name: handler?.handler ?? peerOf(fd),
        detail: [
          handler?.peer ?? handler?.kind ?? "",
          handler?.queued ? `${bytes(handler.queued)} to send` : "",
        ]
          .filter(Boolean)
          .join(", "),
      };
    });
    return items.length ? { text: "will call", items } : null;
  },
  [TIMERS]: ({ pending }) => named(pending.timers, "will run", (timer) => timer.name, timerDetail),
  [CALLBACKS]: ({ pending }) => named(pending.callbacks, "will run", nameOf),
  [FLUSH]: ({ pending }) => {
    const items = (pending.flushes ?? []).map(({ fd, protocol, peer, queued }) => ({
      fd,
      name: peer ?? protocol ?? "",
      detail: queued ? bytes(queued) : "",
    }));
    return items.length ? { text: "will send", items } : null;
  },
  [CLOSE]: ({ pending }) => {
    const items = (pending.closes ?? []).map((fd) => ({ fd, name: "to be closed" }));
    return items.length ? { text: "will close", items } : null;
  },
};

const nameOf = (callback) => (typeof callback === "string" ? callback : callback.name);

const timerDetail = ({ kind }) => (kind === "timer" ? "" : kind);

function named(list, text, name, detail = () => "") {
  if (!list?.length) return null;
  return { text, items: list.map((one) => ({ name: name(one), detail: detail(one) })) };
}

const listOr = (items, none) => (items.length ? { text: "", items } : { text: none });

function eventItem(fd, letters, peer) {
  return { fd, letters, name: peer, detail: eventWords(letters) };
}

function callItem(call, peerOf) {
  const [kind, name, took, fd = null, letters = "", received = 0, again = false] = call;
  const details = [];
  if (fd !== null && peerOf(fd)) details.push(peerOf(fd));
  if (received) details.push(`${bytes(received)} read`);
  if (TIMER_KINDS.has(kind) && kind !== "timer") details.push(kind);
  if (again) details.push("set again");
  return { fd, letters, name, detail: details.join(", "), took: took / 1e6 };
}

const callsOf = (turn, isWanted) => (turn.calls ?? []).filter(([kind]) => isWanted(kind));

function timeoutWords({ timeout, reason, timer }) {
  if (timeout === undefined || timeout === null) return "until an event comes";
  const isTimer = reason === "timer";
  const because = isTimer ? (timer ?? "a timer") : (REASONS[reason] ?? reason ?? "");
  if (timeout === 0) return isTimer ? `not at all: ${because} is due` : `not at all: ${because}`;
  return `at most ${duration(timeout)}${isTimer ? `, until ${because}` : `: ${because}`}`;
}

/** Whether a turn has ended. */
export const isWhole = (turn) => (turn?.times?.length ?? 0) > STEPS.length;

/** Return how long step `step` of `turn` took in seconds, or null while it is not known. */
export function tookOf(turn, step) {
  const times = turn?.times ?? [];
  return times.length > step ? times[step] - times[step - 1] : null;
}

/**
 * Return how much of a step's part of the ring is filled, 0 to 1: 0 for a microsecond, 1 for a
 * second, with the logarithm between them. Otherwise only the wait would be seen.
 */
export function levelOf(seconds) {
  if (!(seconds > 1e-6)) return 0;
  return Math.min(1, (Math.log10(seconds) + 6) / 6);
}
