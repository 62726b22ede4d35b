// Numbers as text, the sums of the strip, the bar of a write queue, and the rows to ask for.

import assert from "node:assert/strict";
import { test } from "node:test";

import { age, bytes, duration, percent, short } from "./page/format.js";
import { fillOf, positionOf } from "./page/queue-bar.js";
import { busyOf, entriesOf, lastSecond, secondsOfSteps } from "./page/strip.js";
import { MOST_ROWS, rowsToAsk, visibleRows } from "./page/window.js";

for (const [format, value, text] of [
  [bytes, 0, "0 B"],
  [bytes, 1023, "1023 B"],
  [bytes, 1024, "1.0 KiB"],
  [bytes, 1023.6 * 1024, "1.0 MiB"],
  [bytes, 64 << 20, "64 MiB"],
  [duration, 0, "0 µs"],
  [duration, 42e-6, "42 µs"],
  [duration, 0.9999e-3, "1.0 ms"],
  [duration, 0.0123, "12 ms"],
  [duration, 2.5, "2.5 s"],
  [duration, 59.96, "60 s"],
  [duration, 61, "1 min"],
  [age, 0.4, "now"],
  [age, 59.9, "59 s"],
  [age, 3600, "1 h"],
  [age, 200000, "2 d"],
  [percent, 0, "0 %"],
  [percent, 0.004, "<1 %"],
  [percent, 0.06, "6 %"],
  [short, 0, "0"],
  [short, 0.0001, "0.01"],
  [short, 3.44, "3.4"],
  [short, 12345, "12,345"],
]) {
  test(`${format.name}(${value})`, () => assert.equal(format(value), text));
}

test("the strip ends with the newest interval, and has gaps", () => {
  const strip = { 10: [0, 1, 2, 3, 4], 12: [5, 6, 7, 8, 9] };
  assert.deepEqual(entriesOf(strip, 4), [null, strip[10], null, strip[12]]);
  assert.deepEqual(entriesOf({}, 2), [null, null]);
  assert.deepEqual(entriesOf(undefined, 1), [null]);
});

test("the last second leaves out the interval that is not complete", () => {
  const strip = {
    6: [0, 0, 99, 0, 0],
    7: [0.2, 0.05, 10, 20, 0.01],
    8: [0.2, 0.05, 10, 20, 0.03],
    10: [0.2, 0.05, 10, 20, 0.02],
    11: [0.1, 0, 1000, 0, 1],
  };
  const sums = lastSecond(strip, 0.25);
  assert.equal(sums.turnsPerSecond, 30);
  assert.equal(sums.longest, 0.03);
  assert.equal(busyOf([sums.waited, sums.worked]).toFixed(2), "0.20");
  assert.equal(lastSecond({}, 0.25).turnsPerSecond, 0);
});

test("the bar of a write queue", () => {
  const row = { low_water: 16384, high_water: 65536, limit: 1114112 };
  const fills = [0, 16384, 16385, 65537, 1114112].map((queued) => fillOf({ ...row, queued }));
  assert.deepEqual(fills, ["low", "low", "middle", "high", "full"]);
  assert.equal(fillOf({ ...row, queued: 9e9, limit: null }), "high");
  assert.equal(fillOf({ queued: 0, low_water: null, high_water: null, limit: null }), "low");
  assert.equal(positionOf(0, row.limit), 0);
  assert.equal(positionOf(row.limit, row.limit), 1);
  assert.equal(positionOf(2 * row.limit, row.limit), 1);
  assert.equal(positionOf(1, 0), 0);
  assert.ok(positionOf(16384, row.limit) > 0.3); // the marks are not at the very edge
});

test("the rows that are visible", () => {
  const place = { scrollTop: 0, height: 300, rowHeight: 30, total: 1000 };
  assert.deepEqual(visibleRows(place), { first: 0, count: 10 });
  assert.deepEqual(visibleRows({ ...place, scrollTop: 45 }), { first: 1, count: 11 });
  assert.deepEqual(visibleRows({ ...place, scrollTop: 29990 }), { first: 999, count: 1 });
  assert.deepEqual(visibleRows({ ...place, total: 0 }), { first: 0, count: 0 });
});

test("other rows are asked for only when they are needed", () => {
  const first = rowsToAsk({ first: 0, count: 10 }, null, 1000);
  assert.deepEqual(first, { first: 0, count: 40 });
  assert.equal(rowsToAsk({ first: 20, count: 10 }, first, 1000), first);
  assert.deepEqual(rowsToAsk({ first: 31, count: 10 }, first, 1000), { first: 21, count: 40 });
  const end = { first: 980, count: 40 };
  assert.equal(rowsToAsk({ first: 995, count: 30 }, end, 1000), end);
  assert.equal(rowsToAsk({ first: 500, count: 180 }, null, 1000).count, MOST_ROWS);
});

test("how long each step takes in a second", () => {
  const steps = { seconds: [0.01, 0.5, 0, 0.03, 0, 0, 0, 0], of: 0.54 };
  const shown = secondsOfSteps(steps, { waited: 0.6, worked: 0.2 });
  assert.deepEqual(
    shown.map((each) => Number(each.toFixed(4))),
    [0.0625, 0.75, 0, 0.1875, 0, 0, 0, 0],
  );
  // No turn has ended: the strip has the wait that the loop is in.
  assert.equal(secondsOfSteps({ seconds: [], of: 0 }, { waited: 1, worked: 0 })[1], 1);
  assert.equal(secondsOfSteps(null, { waited: 0, worked: 0 })[1], null);
});
