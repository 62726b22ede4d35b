// Sums over the strip of the last minute. An entry of it is [waited, worked, turns, events, longest]
// of one interval; the newest one is not complete.

const EMPTY = [0, 0, 0, 0, 0];

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

export const busyOf = ([waited, worked]) => (waited + worked > 0 ? worked / (waited + worked) : 0);
