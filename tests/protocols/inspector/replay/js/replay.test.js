// A recording at its moments: what a turn changes, snapshots between turns, the last minute, and
// that every way to a moment leads to the same state.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openRecording } from "./page/replay.js";
import { fileOf, header, row, turn, turns } from "./recordings.js";

const opened = (lines, first = header()) => openRecording([fileOf([first, ...lines])]);
const echo = (fd, received) => ["event", "Echo.data_received", 42, fd, "R", received];

test("hello says what the header knows", async () => {
  const hello = (await opened(turns(2))).hello();
  const { pid, poller, started, python, steps, title, token, version } = hello;
  assert.deepEqual(
    { pid, poller, started, title },
    {
      pid: 42,
      poller: "EpollPoller",
      started: 1_700_000_010,
      title: "turns",
    },
  );
  assert.deepEqual(
    { python, token, version, steps: steps.length },
    {
      python: null,
      token: null,
      version: 1,
      steps: 8,
    },
  );
  assert.deepEqual(hello.strip, { interval: 0.25, buckets: 240 });
});

test("a message is an event, then a call, then a flush", async () => {
  const first = header({}, { descriptors: [row(8)], descriptors_total: 1 });
  const line = turn(0, 10, {
    reason: "events",
    events: [[8, "R"]],
    calls: [echo(8, 64)],
    flushes: [[8, 60, 4]],
  });
  const recording = await opened([line], first);
  const at = (step) => recording.stateAt(0, step);

  assert.deepEqual(at(1).turn, { turn: 0, times: [10], reason: "", step: 1, running: "" });
  assert.deepEqual(at(3).pending.events, [[8, "R"]]);
  assert.deepEqual(at(4).pending.handlers, {
    8: { handler: "Echo.data_received", kind: "stream", protocol: "Echo", peer: "192.0.2.1:50008" },
  });
  assert.deepEqual(at(5).turn.calls, [echo(8, 64)]);
  assert.deepEqual(at(5).pending.events, []);
  const waiting = { fd: 8, protocol: "Echo", peer: "192.0.2.1:50008", queued: 64 };
  assert.deepEqual(at(7).pending.flushes, [waiting]);
  assert.equal(at(7).descriptors.rows[8].queued, 64);
  assert.equal(at(8).descriptors.rows[8].queued, 4);
  const { received, sent, last_event, last_time } = at(9).descriptors.rows[8];
  assert.deepEqual(
    { received, sent, last_event, last_time },
    {
      received: 64,
      sent: 60,
      last_event: "R",
      last_time: 10.6,
    },
  );
  assert.deepEqual(at(9).turn, { ...line, step: 8, running: "Echo.data_received" });
});

test("opened, modified, changed, unregistered and closed", async () => {
  const lines = [
    turn(0, 10, { opened: [row(8), row(9), row(7)] }),
    turn(1, 11, {
      modified: [
        [8, "RW"],
        [8, "W"],
      ],
      changed: { 9: { queued: 5000, writing_paused: true } },
    }),
    turn(2, 12, { closed: [8], unregistered: [7], stats: { connections: 1 } }),
  ];
  const recording = await opened(lines);
  const rows = (index) => recording.stateAt(index).descriptors;
  assert.deepEqual(rows(0).order, [7, 8, 9]);
  assert.equal(rows(1).rows[8].interest, "W");
  assert.equal(rows(1).rows[8].reading_paused, true);
  assert.equal(rows(1).rows[9].queued, 5000);
  assert.deepEqual({ order: rows(2).order, total: rows(2).total }, { order: [9], total: 1 });
  assert.deepEqual(recording.stateAt(2).closed, { total: 1, recent: [8] });
  assert.equal(recording.stateAt(2).stats.connections, 1);
});

test("a snapshot between two turns replaces what was known, and a cut one adds to it", async () => {
  const keyframe = (time, descriptors, total) => ({
    time,
    snapshot: { ...header().snapshot, descriptors, descriptors_total: total },
  });
  const timers = {
    next: [{ name: "beat", kind: "timer", in: 2 }],
    total: 7,
    idle: 3,
    cancelled: 1,
  };
  const lines = [
    turn(0, 10, { opened: [row(8)] }),
    { time: 11, snapshot: { ...keyframe(11, [row(9)], 1).snapshot, timers } },
    turn(1, 11),
    keyframe(12, [row(10)], 2),
    turn(2, 12),
  ];
  const recording = await opened(lines);
  assert.deepEqual(recording.stateAt(0).descriptors.order, [8]);
  assert.deepEqual(recording.stateAt(1).descriptors.order, [9]);
  assert.deepEqual(recording.stateAt(1).timers.next, [{ name: "beat", kind: "timer", at: 13 }]);
  assert.equal(recording.stateAt(1).timers.total, 7);
  assert.deepEqual(recording.stateAt(2).descriptors.order, [9, 10]);
});

test("a turn that the snapshot of its file has already is not counted twice", async () => {
  const stats = { ...header().snapshot.stats, turns: 4, bytes_received: 64 };
  const first = header(
    {},
    { stats, descriptors: [row(8, { received: 64 })], descriptors_total: 1 },
  );
  const recording = await opened(
    [turn(3, 10, { calls: [echo(8, 64)] }), turn(4, 11, { calls: [echo(8, 1)] })],
    first,
  );
  assert.equal(recording.stateAt(0).stats.bytes_received, 64);
  assert.equal(recording.stateAt(1).stats.bytes_received, 65);
  assert.equal(recording.stateAt(1).descriptors.rows[8].received, 65);
});

test("a timer that fires leaves the list, and one that was set again has not fired", async () => {
  const next = [
    { name: "beat", kind: "timer", in: 1 },
    { name: "Chat.expire", kind: "idle timer", in: 1, expires_in: 9 },
  ];
  const first = header({}, { timers: { next, total: 2, idle: 1, cancelled: 0 } });
  const calls = [
    ["timer", "beat", 1000],
    ["idle timer", "Chat.expire", 5, null, "", 0, true],
  ];
  const recording = await opened([turn(0, 10.5, { calls })], first);
  const { timers } = recording.stateAt(0);
  assert.deepEqual(timers.next, [
    { name: "Chat.expire", kind: "idle timer", at: 19, expires_at: 19 },
  ]);
  assert.deepEqual({ total: timers.total, idle: timers.idle }, { total: 1, idle: 1 });
  assert.deepEqual(timers.fired, [{ name: "beat", kind: "timer", at: 11.1, took: 0.001 }]);
});

test("slow turns and errors are listed, and found forwards and back", async () => {
  const lines = turns(50);
  lines[20] = turn(
    20,
    30,
    { calls: [["callback", "time.sleep", 300_000]] },
    { waited: 0.1, worked: 0.3 },
  );
  lines[30].errors = ["callback failed: ValueError"];
  lines[40].events = [[812, "R"]];
  const recording = await opened(lines);
  assert.equal(await recording.find(0, 1, "slow"), 20);
  assert.equal(await recording.find(20, 1, "slow"), -1);
  assert.equal(await recording.find(49, -1, "slow"), 20);
  assert.equal(await recording.find(0, 1, "error"), 30);
  assert.equal(await recording.find(0, 1, { fd: 812 }), 40);
  assert.equal(await recording.find(0, 1, { fd: 81 }), -1);
  const { blocked, errors } = recording.stateAt(35);
  assert.equal(blocked.total, 1);
  assert.deepEqual(
    { at: blocked.recent[0].at, took: blocked.recent[0].took, name: blocked.recent[0].name },
    { at: 30.1, took: 0.3, name: "time.sleep" },
  );
  assert.deepEqual(errors, { total: 1, recent: [{ at: 41, text: "callback failed: ValueError" }] });
  assert.equal(recording.stateAt(19).blocked.total, 0);
  assert.equal(recording.stateAt(29).errors.total, 0);
});

test("a turn that an exception has ended has what it came to", async () => {
  const recording = await opened([{ turn: 0, times: [10, 10, 11], ended_by: "KeyboardInterrupt" }]);
  for (let step = 1; step <= 9; step += 1) recording.stateAt(0, step);
  assert.equal(recording.stateAt(0).loop.running, false);
  assert.equal(recording.stateAt(0).loop.time, 11);
  assert.equal(await recording.find(-1, 1, "error"), 0);
});

test("the last minute is the minute before the moment", async () => {
  const recording = await opened(
    turns(200, (number) => [["callback", `name ${number % 3}`, 50_000]]),
  );
  const { strip, slowest, steps } = recording.stateAt(150);
  const keys = Object.keys(strip).map(Number);
  assert.equal(keys.at(-1), Math.floor((10 + 151) * 4));
  assert.ok(keys[0] > keys.at(-1) - 240);
  const worked = Object.values(strip).reduce((sum, entry) => sum + entry[1], 0);
  assert.ok(Math.abs(worked - 3) < 0.06, `${worked} s of work in a minute`);
  const calls = slowest.reduce((sum, entry) => sum + entry.calls, 0);
  assert.ok(calls >= 60 && calls <= 62, `${calls} calls in a minute`);
  assert.ok(Math.abs(steps.seconds[1] - 0.95) < 0.01);
});

test("every way to a moment leads to the same state", async () => {
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  const open = new Set();
  const lines = Array.from({ length: 4000 }, (_, number) => {
    const changes = { calls: [], flushes: [], events: [] };
    const fd = 8 + random(300);
    if (!open.has(fd)) {
      open.add(fd);
      changes.opened = [row(fd)];
    } else if (random(4) === 0) {
      open.delete(fd);
      changes.closed = [fd];
    } else {
      changes.events.push([fd, "R"]);
      changes.calls.push(echo(fd, random(100)));
      changes.flushes.push([fd, random(100), random(10)]);
    }
    return turn(number, 10 + number * 0.01, changes, { waited: 0.008, worked: 0.001 });
  });
  const recording = await opened(lines);
  const forward = [];
  for (let index = 0; index < 4000; index += 97)
    forward.push(JSON.stringify(recording.stateAt(index)));
  for (let at = forward.length - 1; at >= 0; at -= 1) {
    assert.equal(JSON.stringify(recording.stateAt(at * 97)), forward[at]);
  }
  // A shorter recording of the same turns is at its end where the longer one is at that moment.
  const shorter = await opened(lines.slice(0, 971));
  const { pending: _, callbacks: __, ...last } = shorter.stateAt(970);
  const { pending: ___, callbacks: ____, ...same } = JSON.parse(forward[10]);
  assert.deepEqual(JSON.parse(JSON.stringify(last)), same);
});
