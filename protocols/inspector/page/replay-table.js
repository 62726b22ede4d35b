// The descriptors on screen, of a replayed recording: the sorting and the window of
// protocols/inspector/table.py. tests/protocols/inspector/replay/views.json says what both do.

import { bits, FLAGS, makeFilter } from "./replay-filter.js";

const MOST_ROWS = 200;
const UNKNOWN = -1; // what is not known or does not exist comes first

const text = (name) => (row) => row[name] ?? "";
const number = (name) => (row) => row[name] ?? UNKNOWN;
const KEYS = {
  fd: number("fd"),
  kind: text("kind"),
  protocol: text("protocol"),
  peer: peerKey,
  interest: text("interest"),
  last_event: (row) => bits(row.last_event),
  received: number("received"),
  sent: number("sent"),
  queued: number("queued"),
  state: (row) => 2 * Number(FLAGS.closing(row)) + Number(FLAGS.paused(row)),
  age: number("opened"),
  silence: number("last_time"),
  opened: number("opened"),
  last_time: number("last_time"),
};
// How long ago something was is sorted the other way round than when it was.
const SINCE = ["age", "silence"];

export const DEFAULT_VIEW = { sort: "fd", order: "asc", filter: "", first: 0, count: 40 };

/** Return `view` with its defaults. Throws an Error with one line if that is not possible. */
export function checkedView(view) {
  const checked = { ...DEFAULT_VIEW, ...view };
  const columns = Object.keys(KEYS);
  if (!columns.includes(checked.sort)) {
    throw new Error(`sort must be one of ${columns.join(", ")}, not '${checked.sort}'`);
  }
  if (checked.order !== "asc" && checked.order !== "desc") {
    throw new Error(`order must be asc or desc, not '${checked.order}'`);
  }
  if (checked.first < 0) throw new Error("first must not be negative");
  if (checked.count < 0 || checked.count > MOST_ROWS) {
    throw new Error(`count must be 0 to ${MOST_ROWS}, not ${checked.count}`);
  }
  makeFilter(checked.filter, 0);
  return checked;
}

/**
 * The entry "descriptors" of a state document. `rows`: all of them by descriptor, in the order in
 * which they were registered; `total`: with those that are not known; `now`: of the loop's clock.
 */
export function tableOf(rows, total, view, now) {
  const { sort, order, filter, first, count } = checkedView(view);
  const all = [...rows.values()];
  const matches = makeFilter(filter, now);
  const key = KEYS[sort];
  const direction = SINCE.includes(sort) === (order === "desc") ? 1 : -1;
  const matching = all
    .filter(matches)
    .map((row) => [key(row), row])
    .sort(([a], [b]) => direction * compare(a, b));
  const begin = Math.min(first, Math.max(matching.length - count, 0));
  const shown = matching.slice(begin, begin + count).map(([, row]) => rounded(row));
  const kinds = {};
  for (const { kind } of all) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return {
    total,
    matching: matching.length,
    kinds,
    first: begin,
    order: shown.map(({ fd }) => fd),
    rows: Object.fromEntries(shown.map((row) => [row.fd, row])),
  };
}

function rounded(row) {
  const shown = { ...row };
  for (const name of ["opened", "last_time"]) {
    if (Number.isFinite(shown[name])) shown[name] = Number(shown[name].toFixed(3));
  }
  return shown;
}

/** By address, then by port. */
function peerKey({ kind, peer }) {
  if (!peer || kind === "connecting") return ["", 0];
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer) ?? [];
  return host === undefined ? [peer, 0] : [host, Number(port)];
}

function compare(a, b) {
  if (Array.isArray(a)) return compare(a[0], b[0]) || compare(a[1], b[1]);
  return a < b ? -1 : a > b ? 1 : 0;
}
