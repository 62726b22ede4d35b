// No line is sent twice, none is lost silently, and their order stays.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Outbox } from "./page/outbox.js";

let outbox;
let sent;

beforeEach(() => {
  outbox = new Outbox();
  sent = [];
});

const add = (...texts) =>
  texts.map((text) => outbox.add({ room: "lobby", text, place: "lobby", shown: text }));
const pump = () => outbox.pump(({ text }) => sent.push(text));
const texts = (state) => outbox.entries.filter((e) => e.state === state).map((e) => e.text);

test("lines are sent once, in order", () => {
  add("a", "b");
  pump();
  pump();
  assert.deepEqual(sent, ["a", "b"]);
});

test("a few are on their way at a time", () => {
  const [first] = add("a", "b", "c", "d", "e", "f", "g");
  pump();
  assert.equal(sent.join(""), "abcde");
  outbox.settle(first.ref);
  pump();
  assert.equal(sent.join(""), "abcdef");
});

test("long lines are sent one after the other", () => {
  const [first] = add("x".repeat(4096), "y".repeat(4096), "z");
  pump();
  assert.equal(sent.length, 1);
  outbox.settle(first.ref);
  pump();
  assert.equal(sent.length, 3);
});

test("what cannot be sent waits", () => {
  add("a", "b");
  outbox.pump(() => false);
  assert.deepEqual(texts("waiting"), ["a", "b"]);
});

test("in the same session, what the server has not taken is sent again", () => {
  const [, second] = add("a", "b", "c");
  pump();
  outbox.resume(second.ref);
  pump();
  assert.deepEqual(sent, ["a", "b", "c", "c"]);
});

test("in a new session, what was sent is doubtful, and what waited is sent", () => {
  add("a");
  pump();
  add("b");
  outbox.restart();
  pump();
  assert.deepEqual(sent, ["a", "b"]);
  assert.deepEqual(texts("doubtful"), ["a"]);
});

test("a doubtful line is sent again as a new one", () => {
  const [line] = add("a");
  pump();
  outbox.restart();
  outbox.retry(line);
  pump();
  assert.deepEqual(sent, ["a", "a"]);
  assert.equal(outbox.entries.length, 1);
  assert.ok(outbox.entries[0].ref > line.ref);
});

test("a doubtful line that is in the history was sent", () => {
  add("a", "b");
  pump();
  outbox.restart();
  assert.equal(outbox.confirm("lobby", "a"), true);
  assert.equal(outbox.confirm("build", "b"), false);
  assert.deepEqual(texts("doubtful"), ["b"]);
});

test("numbers go on after a reload", () => {
  add("a");
  const reloaded = new Outbox();
  reloaded.restore(JSON.parse(JSON.stringify(outbox.stored())));
  assert.deepEqual(reloaded.entries, outbox.entries);
  assert.equal(reloaded.add({ room: "", text: "b", place: "", shown: "b" }).ref, 2);
});
