// Which files are recordings, in whatever order and state they come.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openRecording } from "./page/replay.js";
import { fileOf, header, turn, turns } from "./recordings.js";

const numbers = (recording) =>
  Array.from({ length: recording.length }, (_, index) => recording.turn(index).turn);

test("FILE.1 and FILE are one recording, in any order", async () => {
  const older = fileOf([header(), ...turns(3)], "turns.1");
  const newer = fileOf([header({ time: 13 }), turn(3, 13), turn(4, 14)], "turns");
  for (const files of [
    [older, newer],
    [newer, older],
  ]) {
    const recording = await openRecording(files);
    assert.deepEqual(numbers(recording), [0, 1, 2, 3, 4]);
    assert.equal(recording.name, "turns");
    assert.equal(recording.cut, false);
  }
});

for (const tail of [
  '{"turn":2,"times":[12',
  '{"turn":2,"times":[12,13]}',
  "{]\n",
  '{"turn":"x"}\n',
  "7\n",
]) {
  test(`a last line like ${JSON.stringify(tail)} is left out, and said`, async () => {
    const recording = await openRecording([fileOf([header(), ...turns(2)], "turns", tail)]);
    assert.deepEqual(numbers(recording), [0, 1]);
    assert.equal(recording.cut, true);
  });
}

for (const [files, message] of [
  [[], "There is no file."],
  [[fileOf([], "a")], "a is not a recording of a loop."],
  [[new File(["no JSON\n"], "a")], "a is not a recording of a loop."],
  [[new File(["x".repeat(200_000)], "a")], "a is not a recording of a loop."],
  [[new File(['{"name": "package"}\n'], "a")], "a is not a recording of a loop."],
  [[new File(["null\n"], "a")], "a is not a recording of a loop."],
  [[fileOf([header({ recording: 2 })], "a")], "a has version 2 of the format; this page reads 1."],
  [[fileOf([{ recording: 1, run: "1" }], "a")], "a has no snapshot in its first line."],
  [[fileOf([header()], "a")], "The recording has no turns."],
  [
    [fileOf([header(), ...turns(1)], "a"), fileOf([header({ run: "43-1" }), ...turns(1)], "b")],
    "These files are of different runs. Open one of them.",
  ],
  [Array(9).fill(fileOf([header(), ...turns(1)])), "These are too many files."],
]) {
  test(`one line says: ${message}`, async () => {
    await assert.rejects(openRecording(files), { name: "Error", message });
  });
}

test("a file that is too large is not read", async () => {
  const file = { name: "big", size: 2 ** 40, slice: () => assert.fail("it was read") };
  await assert.rejects(openRecording([file]), {
    message: "big is too large: the limit is 160 MiB.",
  });
});

test("a file that cannot be read is one line", async () => {
  const failing = { arrayBuffer: () => Promise.reject(new Error("gone")) };
  const file = { name: "gone", size: 10, slice: () => failing };
  await assert.rejects(openRecording([file]), { message: "gone cannot be read." });
});

test("a long first line is a header too", async () => {
  const descriptors = Array.from({ length: 5000 }, (_, fd) => ({ fd, kind: "stream" }));
  const recording = await openRecording([fileOf([header({}, { descriptors }), ...turns(1)])]);
  assert.equal(recording.stateAt(0).descriptors.total, 5000);
});

test("progress goes from 0 to 1, and reading can be cancelled", async () => {
  const file = fileOf([header(), ...turns(20_000)]);
  const shares = [];
  await openRecording([file], { progress: (share) => shares.push(share) });
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  );
  assert.equal(shares.at(-1), 1);

  const controller = new AbortController();
  const progress = () => controller.abort();
  await assert.rejects(openRecording([file], { progress, signal: controller.signal }), {
    name: "AbortError",
  });
});

test("a file that grows while it is read ends where it ended at first", async () => {
  const text = `${JSON.stringify(header())}\n${JSON.stringify(turn(0, 10))}\n`;
  const blob = new Blob([text, "more and more"]);
  const file = {
    name: "turns",
    size: text.length,
    slice: (...range) => blob.slice(...range),
    stream: () => blob.stream(),
  };
  const recording = await openRecording([file]);
  assert.deepEqual(numbers(recording), [0]);
});
