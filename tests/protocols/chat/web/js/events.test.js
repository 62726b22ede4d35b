// What the server sends may be wrong: it is left out, and the rest is not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checked } from "./page/events.js";

const SAID = { type: "said", room: "lobby", sender: "bob", text: "hi", time: 1, id: 1 };
const TYPES = [
  ...["welcome", "ack", "error", "rooms", "history", "room", "parted", "said", "action", "note"],
  ...["private", "joined", "left", "quit", "crowd", "kicked", "renamed", "topic", "mode", "away"],
  "invited",
];

for (const wrong of [
  ...[null, 1, "a", [], {}, { type: 5 }],
  ...TYPES.map((type) => ({ type })),
  ...TYPES.map((type) => ({ type, room: 5, sender: 5, text: 5, target: 5, names: 5, ref: "x" })),
  { ...SAID, time: 1e300 },
  { ...SAID, time: "now" },
  { ...SAID, id: "x" },
  { type: "room", room: "a", members: [null] },
  { type: "room", room: "a", members: [{ name: 5 }] },
  { type: "room", room: "a", members: [{}] },
  { type: "welcome", name: "a", session: "s", commands: [{}] },
  { type: "welcome", name: "a", session: "s", limits: { text: "x" } },
]) {
  test(`left out: ${JSON.stringify(wrong)}`, () => {
    assert.deepEqual(checked([wrong, SAID]), { right: [SAID], isAllRight: false });
  });
}

test("a wrong line in a history is left out alone", () => {
  const { room, ...line } = SAID;
  const history = { type: "history", room, events: [null, { type: "said" }, line] };
  assert.deepEqual(checked([history]), {
    right: [{ type: "history", room, events: [line] }],
    isAllRight: false,
  });
});

test("types and fields of later versions are no fault", () => {
  const events = [{ type: "constructor" }, { type: "pong", colour: 5 }, { ...SAID, text: "" }];
  assert.deepEqual(checked(events), { right: events, isAllRight: true });
});
