// What the table of descriptors shows: the cases that test_views.py checks in Python too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { checkedView, tableOf } from "./page/replay-table.js";

const { now, rows, kinds, cases } = JSON.parse(readFileSync("views.json", "utf8"));
const byDescriptor = new Map(rows.map((row) => [row.fd, row]));

for (const { view, shown, error } of cases) {
  test(`view ${JSON.stringify(view)}`, () => {
    if (error) {
      assert.throws(() => checkedView(view), { message: error });
      return;
    }
    const { first, matching, order } = tableOf(byDescriptor, rows.length, view, now);
    assert.deepEqual({ first, matching, order }, shown);
  });
}

test("rows, kinds and total", () => {
  const table = tableOf(byDescriptor, 5000, {}, now);
  assert.deepEqual(
    Object.values(table.rows),
    rows.toSorted((a, b) => a.fd - b.fd),
  );
  assert.deepEqual(table.kinds, kinds);
  assert.equal(table.total, 5000);
});

test("a name of Object.prototype is neither a column nor a filter", () => {
  assert.throws(() => checkedView({ sort: "constructor" }), /sort must be one of/);
  assert.throws(() => checkedView({ filter: "constructor>1" }), /a filter has no/);
  assert.throws(() => checkedView({ filter: "last_event:constructor" }), /letters/);
});
