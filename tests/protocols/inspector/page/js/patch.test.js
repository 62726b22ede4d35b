// JSON merge patch: the examples of RFC 7396, appendix A, and what the views rely on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { merge } from "./page/patch.js";

const EXAMPLES = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

for (const [target, patch, expected] of EXAMPLES) {
  test(`${JSON.stringify(target)} and ${JSON.stringify(patch)}`, () => {
    assert.deepEqual(merge(target, patch), expected);
  });
}

test("what is not mentioned is the same object, and nothing is changed in place", () => {
  const before = { kept: { a: 1 }, rows: { 8: { fd: 8 }, 9: { fd: 9 } } };
  const copy = structuredClone(before);
  const after = merge(before, { rows: { 9: { fd: 10 } } });
  assert.deepEqual(before, copy);
  assert.equal(after.kept, before.kept);
  assert.equal(after.rows[8], before.rows[8]);
  assert.notEqual(after.rows[9], before.rows[9]);
});

test("a name cannot set the prototype", () => {
  const after = merge({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getPrototypeOf(after), Object.prototype);
});
