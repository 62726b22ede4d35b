// What each step has done or is going to do, in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { levelOf, substanceOf, tookOf } from "./page/steps.js";

const WHOLE = {
  turn: 7,
  times: [1, 1.00002, 1.5, 1.5, 1.5002, 1.5003, 1.5004, 1.5006, 1.5006],
  timeout: 2,
  reason: "timer",
  timer: "Chat.tick",
  events: [
    [8, "R"],
    [9, "RW"],
  ],
  calls: [
    ["event", "Chat.data_received", 201, 8, "R", 14],
    ["idle timer", "Session.expire", 5, null, "", 0, true],
    ["callback", "Room.announce", 24],
  ],
  flushes: [
    [8, 31, 0],
    [9, 4096, 1024],
  ],
  closed: [12],
};

const substance = (turn, pending = null) => substanceOf(turn, pending, (fd) => `peer ${fd}`);

test("a turn that has ended", () => {
  const steps = substance(WHOLE);
  assert.deepEqual(new Set(steps.map(({ phase }) => phase)), new Set(["done"]));
  const [timeout, wait, clock, dispatch, timers, callbacks, flush, close] = steps;
  assert.equal(timeout.text, "at most 2.0 s, until Chat.tick");
  assert.equal(wait.text, "2 events");
  assert.deepEqual(wait.items[1], { fd: 9, letters: "RW" });
  assert.equal(clock.text, "it is 1.500 s");
  assert.equal(dispatch.items[0].name, "Chat.data_received");
  assert.equal(dispatch.items[0].detail, "peer 8, 14 B read");
  assert.equal(timers.items[0].detail, "idle timer, set again");
  assert.equal(callbacks.items[0].took, 24e-6);
  assert.deepEqual(
    flush.items.map(({ detail, isStuck }) => [detail, isStuck]),
    [
      ["31 B", false],
      ["4.0 KiB, 1.0 KiB left", true],
    ],
  );
  assert.equal(close.items[0].fd, 12);
});

test("a turn with nothing to do", () => {
  const steps = substance({ turn: 1, times: WHOLE.times, reason: "events" });
  assert.deepEqual(
    steps.map(({ text }) => text),
    [
      "until an event comes",
      "no event",
      "it is 1.500 s",
      "no handler was called",
      "none was due",
      "none was queued",
      "nothing was written",
      "nothing to close",
    ],
  );
});

for (const [turn, text] of [
  [{ timeout: 0, reason: "callbacks" }, "not at all: callbacks are queued"],
  [{ timeout: 0, reason: "timer", timer: "tick" }, "not at all: tick is due"],
  [{ timeout: 0.5, reason: "caller" }, "at most 500 ms: run_once was called so"],
  [{ timeout: 0, reason: "catching up" }, "not at all: the loop catches up after a stall"],
]) {
  test(`the timeout: ${text}`, () => {
    assert.equal(substance({ ...turn, times: [1, 2], step: 2 })[0].text, text);
  });
}

test("before the wait, a paused loop shows what is there", () => {
  const pending = {
    events: [[8, "R"]],
    handlers: { 8: { handler: "Chat.data_received", peer: "anna", kind: "stream" } },
  };
  const steps = substance({ turn: 7, times: [1], step: 1 }, pending);
  assert.deepEqual(
    steps.map(({ phase }) => phase),
    ["next", ...new Array(7).fill("coming")],
  );
  assert.equal(steps[1].text, "1 event is there");
  assert.equal(steps[3].items[0].name, "Chat.data_received");
  assert.equal(steps[3].items[0].detail, "anna");
});

test("an event that reports room shows how much its handler sends", () => {
  const handlers = { 8: { handler: "Datagrams.flush", peer: null, kind: "datagram", queued: 2048 } };
  const steps = substance({ turn: 7, times: [1], step: 1 }, { events: [[8, "W"]], handlers });
  assert.equal(steps[3].items[0].detail, "datagram, 2.0 KiB to send");
});

test("before the flush, it shows to whom how much goes", () => {
  const pending = { flushes: [{ fd: 9, peer: "bob", queued: 2048 }], closes: [4] };
  const turn = { ...WHOLE, flushes: undefined, times: WHOLE.times.slice(0, 7), step: 7 };
  const steps = substance(turn, pending);
  assert.equal(steps[5].phase, "done");
  assert.equal(steps[6].phase, "next");
  assert.deepEqual(steps[6].items, [{ fd: 9, name: "bob", detail: "2.0 KiB" }]);
  assert.equal(steps[7].items[0].fd, 4);
});

test("a loop that does not stand still shows what it does now", () => {
  const events = [[8, "R"]];
  const turn = { times: [1, 2, 3, 3], step: 4, timeout: 0.5, reason: "caller", events };
  const steps = substance({ ...turn, running: "Chat.data_received" });
  assert.deepEqual(steps[3].items, [{ name: "Chat.data_received", detail: "now" }]);
  const [, wait] = substance({ ...turn, times: [1, 2], step: 2 });
  assert.equal(wait.text, "waits at most 500 ms: run_once was called so");
});

test("callbacks of a snapshot are names, or objects with names", () => {
  const pending = { callbacks: ["a", { name: "b" }] };
  const { items } = substance({ times: [1], step: 1 }, pending)[5];
  assert.deepEqual(
    items.map(({ name }) => name),
    ["a", "b"],
  );
});

test("without a turn, the steps say what they do", () => {
  assert.equal(substance(null)[0].text, "finds out how long the loop may wait");
});

test("how long a step took is known when the next one has begun", () => {
  assert.equal(tookOf(WHOLE, 2).toFixed(3), "0.500");
  assert.equal(tookOf({ times: [1, 2] }, 2), null);
  assert.equal(tookOf(null, 1), null);
});

test("levels are logarithmic, between a microsecond and a second", () => {
  assert.equal(levelOf(0), 0);
  assert.equal(levelOf(1e-6), 0);
  assert.equal(levelOf(1e-3).toFixed(3), "0.500");
  assert.equal(levelOf(5), 1);
  assert.equal(levelOf(Number.NaN), 0);
});
