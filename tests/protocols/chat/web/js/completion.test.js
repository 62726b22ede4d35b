// What is offered for what was typed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { completions } from "./page/completion.js";
import { isEmoji, mentions } from "./page/format.js";

const SOURCES = {
  commands: [
    { name: "join", usage: "/join ROOM", summary: "enter ROOM" },
    { name: "me", usage: "/me TEXT", summary: "say what you do" },
    { name: "mode", usage: "/mode", summary: "show the modes" },
    { name: "msg", usage: "/msg NAME TEXT", summary: "say TEXT to NAME" },
  ],
  names: ["bert", "Bob", "carl"],
  rooms: ["build", "lobby"],
};

const offer = (text, caret = text.length) => {
  const found = completions(text, caret, SOURCES);
  return found && [found.start, found.isOffered, ...found.options.map((option) => option.value)];
};

for (const [text, expected] of [
  ["/", [0, true, "/join ", "/me ", "/mode ", "/msg "]],
  ["/M", [0, true, "/me ", "/mode ", "/msg "]],
  ["/x", null],
  ["/msg b", [5, true, "bert ", "Bob "]],
  ["/msg bob b", [9, false, "bert ", "Bob "]],
  ["/mode +o c", [9, true, "carl "]],
  ["/join #b", [7, true, "build "]],
  ["/help m", [6, true, "me ", "mode ", "msg "]],
  ["b", [0, false, "bert: ", "Bob: "]],
  ["hi b", [3, false, "bert ", "Bob "]],
  ["hi\nc", [3, false, "carl: "]],
  ["ask @c", [4, true, "carl "]],
  ["nobody", null],
  ["hi ", null],
  ["", null],
]) {
  test(`for ${JSON.stringify(text)}`, () => assert.deepEqual(offer(text), expected));
}

test("only what is before the cursor counts", () => {
  assert.deepEqual(offer("hi b there", 4), [3, false, "bert ", "Bob "]);
});

for (const [text, expected] of [
  ["bob: hi", true],
  ["hi, BOB.", true],
  ["@bob!", true],
  ["bobby", false],
  ["bob-2 and x.bob and bob.x", false],
]) {
  test(`whether ${JSON.stringify(text)} mentions bob`, () => {
    assert.equal(mentions(text, "bob"), expected);
  });
}

test("a name is no pattern", () => assert.equal(mentions("aXb", "a.b"), false));

test("emoji alone are shown large", () => {
  assert.deepEqual(
    ["\u{1f389}", "\u{1f44d}\u{1f3fd} \u{1f469}\u200d\u{1f4bb}", "ok \u{1f389}", "12", ""].map(
      isEmoji,
    ),
    [true, true, false, false, false],
  );
});
