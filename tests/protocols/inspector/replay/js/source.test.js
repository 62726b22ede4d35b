// A recording as a source for the page: its position, playing, and views.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openRecording } from "./page/replay.js";
import { moved, ReplaySource, SPEEDS } from "./page/replay-source.js";
import { fileOf, header, row, turn, turns } from "./recordings.js";

async function sourceOf(lines, options = {}, first = header()) {
  const clock = { now: 0 };
  const recording = await openRecording([fileOf([first, ...lines])]);
  const source = new ReplaySource(recording, { clock: () => clock.now, ...options });
  const shown = [];
  source.subscribe((state, hello) => shown.push({ state, hello }));
  const pass = (seconds, ticks = 1) => {
    for (let tick = 0; tick < ticks; tick += 1) {
      clock.now += (seconds * 1000) / ticks;
      source.tick();
    }
  };
  return { source, shown, pass };
}

const speed = (name) => SPEEDS.find((each) => each.name === name);

test("steps go from one turn to the next, and back", () => {
  assert.deepEqual(moved({ index: 0, step: 8 }, 1, 3), { index: 1, step: 1 });
  assert.deepEqual(moved({ index: 1, step: 1 }, -1, 3), { index: 0, step: 8 });
  assert.deepEqual(moved({ index: 0, step: 9 }, 1, 3), { index: 1, step: 2 });
  assert.deepEqual(moved({ index: 0, step: 1 }, -1, 3), { index: 0, step: 1 });
  assert.deepEqual(moved({ index: 2, step: 8 }, 1, 3), { index: 2, step: 9 });
  assert.deepEqual(moved({ index: 2, step: 9 }, 5, 3), { index: 2, step: 9 });
  assert.deepEqual(moved({ index: 2, step: 9 }, -1, 3), { index: 2, step: 8 });
});

test("a subscriber gets the state at once and at each move", async () => {
  const { source, shown } = await sourceOf(turns(5));
  assert.equal(shown.length, 1);
  source.moveTurns(2);
  source.move(-1);
  source.goToTime(14.5);
  source.go(99);
  source.go(-5, 1);
  const places = shown.map(({ state }) => [state.turn.turn, state.turn.step]);
  assert.deepEqual(places, [
    [0, 8],
    [2, 8],
    [2, 8],
    [4, 8],
    [4, 8],
    [0, 1],
  ]);
  assert.equal(shown[2].state.turn.flushes, undefined);
  assert.equal(shown[0].state.control.mode, "paused");
  assert.equal(shown[0].hello.version, 1);
});

test("turn by turn it shows each step", async () => {
  const { source, shown, pass } = await sourceOf(turns(5));
  source.play(speed("1 turn/s"));
  assert.equal(source.isPlaying, true);
  pass(2, 16);
  assert.deepEqual(source.position, { index: 3, step: 1 });
  const { control, turns: ended, pending } = shown.at(-1).state;
  assert.deepEqual([control.mode, control.turns_per_second], ["slow", 1]);
  assert.deepEqual(
    ended.map(({ turn: number }) => number),
    [2],
  );
  assert.notEqual(pending, null);
  source.close();
});

test("in real time the clock goes on in a wait, and long waits are shortened", async () => {
  const lines = [
    turn(0, 10),
    turn(1, 10.6, {}, { waited: 1, worked: 0 }),
    turn(2, 11.6, {}, { waited: 3600, worked: 0 }),
  ];
  const { source, shown, pass } = await sourceOf(lines);
  source.play(speed("Real time"));
  pass(0.5);
  assert.equal(source.position.index, 0);
  assert.equal(shown.at(-1).state.loop.time, 11.1);
  assert.equal(shown.at(-1).state.control.mode, "running");
  pass(0.5);
  assert.equal(source.position.index, 1);
  pass(2.5, 10);
  assert.equal(source.position.index, 2);
  assert.equal(source.isPlaying, false);
});

test("it stops at the end, and plays again from the beginning", async () => {
  const { source, shown, pass } = await sourceOf(turns(3));
  source.play(speed("10×"));
  pass(1);
  assert.deepEqual([source.isPlaying, source.position.index], [false, 2]);
  assert.equal(shown.at(-1).state.control.mode, "paused");
  source.play();
  assert.deepEqual([source.isPlaying, source.position.index], [true, 0]);
  source.close();
});

test("a page in the background does not catch up", async () => {
  const { source, pass } = await sourceOf(turns(100));
  source.play(speed("Real time"));
  pass(60);
  assert.ok(source.position.index <= 1);
  source.close();
});

test("a search goes to what it finds, and a newer one ends it", async () => {
  const lines = turns(5000);
  lines[10].errors = ["x"];
  lines[4000].events = [[77, "R"]];
  const { source } = await sourceOf(lines);
  assert.equal(await source.find("error"), true);
  assert.equal(source.position.index, 10);
  assert.equal(await source.find("slow"), false);
  assert.equal(source.position.index, 10);
  assert.equal(await source.find({ fd: 77 }), true);
  assert.equal(source.position.index, 4000);
  const searches = [source.find({ fd: 999_999 }), source.find("error", -1)];
  await assert.rejects(searches[0], { name: "AbortError" });
  assert.equal(await searches[1], true);
  assert.equal(source.position.index, 10);
});

test("a view sorts, filters and cuts; a wrong one is refused in one line", async () => {
  const refused = [];
  const first = header({}, { descriptors: [row(8), row(9), row(10)], descriptors_total: 3 });
  const { source, shown } = await sourceOf(
    turns(1),
    { viewRefused: (text) => refused.push(text) },
    first,
  );
  source.setView({ order: "desc", count: 2 });
  assert.deepEqual(shown.at(-1).state.descriptors.order, [10, 9]);
  source.setView({ filter: "fd<10" });
  assert.equal(shown.at(-1).state.descriptors.matching, 2);
  source.setView({ filter: "colour:red" });
  assert.match(refused.at(-1), /^a filter has no 'colour'/);
  assert.equal(shown.at(-1).state.descriptors.matching, 2);
  source.setView({});
  assert.equal(refused.at(-1), "");
});

test("the buttons for a living loop move the recording", async () => {
  const { source } = await sourceOf(turns(5));
  source.go(1, 3);
  assert.equal(await source.control({ action: "step" }), "");
  assert.deepEqual(source.position, { index: 1, step: 4 });
  await source.control({ action: "turn" });
  assert.equal(source.position.index, 2);
  await source.control({ action: "slow", turns_per_second: 4 });
  assert.equal(source.state.control.turns_per_second, 4);
  await source.control({ action: "pause" });
  assert.equal(source.isPlaying, false);
  assert.match(await source.control({ action: "record" }), /recording/);
});
