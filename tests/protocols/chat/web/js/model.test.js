// What the server's events make of the rooms.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { MAX_CONVERSATIONS, Model } from "./page/model.js";
import { MAX_LINES } from "./page/room.js";
import { describePassages } from "./page/wording.js";

let model;
let reading;
let alerts;

beforeEach(() => {
  reading = true;
  alerts = [];
  model = new Model({
    changed: () => {},
    alerted: (line) => alerts.push(line.text),
    isReading: (room) => reading && room === model.current,
    renamed: () => {},
  });
  model.welcome("anna", false);
  model.apply({
    type: "room",
    room: "lobby",
    count: 2,
    members: [{ name: "anna" }, { name: "bob" }],
  });
});

const lobby = () => model.rooms.get("lobby");
const texts = (room = lobby()) => room.lines.map((line) => line.text ?? line.kind);
const said = (id, text = `line ${id}`, sender = "bob") => ({
  type: "said",
  id,
  time: id,
  room: "lobby",
  sender,
  text,
});
const history = (complete, ...events) => ({ type: "history", room: "lobby", events, complete });

test("missed lines are put in their places, each once", () => {
  model.apply(said(5));
  model.apply(said(9));
  model.apply(history(true, said(7), said(9)));
  model.apply(said(7));
  assert.deepEqual(texts(), ["line 5", "line 7", "line 9"]);
});

test("lines that nobody knows any more leave a gap", () => {
  model.apply(said(5));
  model.apply(history(false, said(90)));
  assert.deepEqual(texts(), ["line 5", "gap", "line 90"]);
});

test("a newcomer has missed nothing", () => {
  reading = false;
  model.apply(history(false, said(7), said(8)));
  assert.deepEqual(texts(), ["line 7", "line 8"]);
  assert.equal(lobby().unread, 0);
});

test("what is not read is counted, and what is for the user is told", () => {
  model.apply(said(1));
  assert.equal(lobby().unread, 0);
  reading = false;
  model.apply(said(2));
  model.apply(said(3, "hi Anna!"));
  model.apply(said(4, "my own anna", "anna"));
  assert.deepEqual([lobby().unread, lobby().mentions, alerts], [2, 1, ["hi Anna!"]]);
  assert.equal(lobby().lines.find((line) => line.serial === lobby().marker).id, 2);
  model.markRead();
  assert.deepEqual([lobby().unread, lobby().mentions], [0, 0]);
});

test("a room keeps a bounded number of lines, and private conversations are bounded too", () => {
  for (let id = 1; id <= MAX_LINES + 10; id += 1) model.apply(said(id));
  assert.equal(lobby().lines.length, MAX_LINES);
  assert.equal(lobby().lines[0].id, 11);
  for (let i = 0; i <= MAX_CONVERSATIONS; i += 1) model.conversation(`user${i}`);
  assert.equal(model.conversations().length, MAX_CONVERSATIONS);
});

test("who comes and goes is one line", () => {
  const pass = (type, sender, more = {}) =>
    model.apply({ type, time: 1, room: "lobby", sender, ...more });
  pass("joined", "carl");
  pass("joined", "dora");
  pass("left", "dora");
  pass("quit", "bob", { room: "", text: "bye" });
  pass("crowd", "", { target: "joined", names: ["e1", "e2", "e3", "e4", "e5", "e6"] });
  assert.deepEqual(lobby().lines.length, 1);
  assert.equal(
    describePassages(lobby().lines[0].people),
    "carl, e1, e2, e3, e4 and 2 more joined \u00b7 bob left (bye) \u00b7 dora came and went",
  );
  assert.equal(lobby().count, 8);
});

test("roles follow the modes", () => {
  const mode = (text, target) =>
    model.apply({ type: "mode", time: 1, room: "lobby", sender: "bob", text, target });
  mode("+o", "anna");
  assert.equal(lobby().members.get("anna").role, "operator");
  mode("-o", "anna");
  assert.equal(lobby().members.get("anna").role, undefined);
  mode("+m");
  mode("+i");
  mode("-m");
  assert.equal(lobby().modes, "+i");
});

test("a voice stays under the role of an operator", () => {
  const mode = (text) =>
    model.apply({ type: "mode", time: 1, room: "lobby", sender: "bob", text, target: "anna" });
  const role = () => lobby().members.get("anna").role;
  mode("+v");
  mode("+o");
  assert.equal(role(), "operator");
  mode("-o");
  assert.equal(role(), "voice");
  const members = [{ name: "anna", role: "operator", voice: true }];
  model.apply({ type: "room", room: "lobby", count: 1, members });
  mode("-o");
  assert.equal(role(), "voice");
  mode("-v");
  assert.equal(role(), undefined);
});

test("members who are not listed are counted until they leave", () => {
  model.apply({ type: "room", room: "lobby", count: 3, members: [{ name: "anna" }] });
  model.apply({ type: "left", time: 1, room: "lobby", sender: "zed" });
  assert.equal(lobby().count, 2);
  model.apply({ type: "left", time: 1, room: "lobby", sender: "anna" });
  model.apply({ type: "left", time: 1, room: "lobby", sender: "yves" });
  model.apply({ type: "left", time: 1, room: "lobby", sender: "xena" });
  assert.equal(lobby().count, 0);
});

test("in a new session, rooms that the server does not name are marked", () => {
  model.apply({ type: "room", room: "build", count: 1, members: [{ name: "anna" }] });
  model.welcome("anna", false);
  model.apply({ type: "room", room: "lobby", count: 1, members: [{ name: "anna" }] }, true);
  model.settleRooms();
  assert.equal(lobby().gone, "");
  assert.notEqual(model.rooms.get("build").gone, "");
  assert.deepEqual(model.joinedRooms(), [lobby()]);
});

test("what was stored is what is restored", () => {
  reading = false;
  model.apply(said(1));
  model.apply({ type: "private", id: 2, time: 2, sender: "bob", target: "anna", text: "psst" });
  const copy = new Model({ changed() {}, alerted() {}, isReading: () => false, renamed() {} });
  copy.restore(JSON.parse(JSON.stringify(model.stored(100))));
  assert.deepEqual(texts(copy.rooms.get("lobby")), ["line 1"]);
  assert.deepEqual(texts(copy.rooms.get("@bob")), ["psst"]);
  assert.equal(copy.rooms.get("@bob").mentions, 1);
  assert.equal(copy.current.key, "lobby");
  copy.apply(said(1));
  assert.deepEqual(texts(copy.rooms.get("lobby")), ["line 1"]);
});
