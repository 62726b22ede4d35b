// Sums over the strip of the last minute. An entry of it is [waited, worked, turns, events,
// longest] of one interval; the newest one is not complete.

import { STEPS } from "./steps.js";

const EMPTY = [0, 0, 0, 0, 0];
const WAIT = 1;

/** Return the number of the newest interval, or null if there is none. */
export function newestOf(strip) {
  const keys = Object.keys(strip ?? {});
  return keys.length ? Math.max(...keys.map(Number)) : null;
}

/** Return the entries of the `buckets` newest intervals, the oldest first; null where none is. */
export function entriesOf(strip, buckets) {
  const newest = newestOf(strip);
  if (newest === null) return new Array(buckets).fill(null);
  return Array.from({ length: buckets }, (_, at) => strip[newest - buckets + 1 + at] ?? null);
}

/** Return sums over the last second that is complete. */
export function lastSecond(strip, interval) {
  const number = Math.max(1, Math.round(1 / interval));
  const entries = entriesOf(strip, number + 1).slice(0, number);
  const sums = { waited: 0, worked: 0, turns: 0, events: 0, longest: 0 };
  for (const [waited, worked, turns, events, longest] of entries.map((entry) => entry ?? EMPTY)) {
    sums.waited += waited;
    sums.worked += worked;
    sums.turns += turns;
    sums.events += events;
    sums.longest = Math.max(sums.longest, longest);
  }
  const seconds = number * interval;
  return { ...sums, turnsPerSecond: sums.turns / seconds, seconds };
}

/**
 * Return how long each step takes in a second, or null where that is not known. `steps` has only
 * turns that have ended. The strip also has the wait that the loop is in, so it says how long the
 * loop has waited, and `steps` how the rest is divided.
 */
export function secondsOfSteps(steps, { waited, worked }) {
  const seconds = steps?.seconds ?? [];
  const total = waited + worked;
  if (!total) return STEPS.map(() => null);
  const working = seconds.reduce((sum, each, index) => sum + (index === WAIT ? 0 : each), 0);
  return STEPS.map((_, index) => {
    if (index === WAIT) return waited / total;
    return working ? ((seconds[index] ?? 0) / working) * (worked / total) : 0;
  });
}

export const busyOf = ([waited, worked]) => (waited + worked > 0 ? worked / (waited + worked) : 0);
