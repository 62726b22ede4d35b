// When a connection counts as lost, and when the next one is tried.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Connection } from "./page/connection.js";
import { World } from "./world.js";

let world;
let states;
let connection;

beforeEach(() => {
  world = new World().install();
  Math.random = () => 1; // the longest delay
  states = [];
  connection = new Connection("ws://host/", {
    opened: () => {},
    received: () => connection.ready(),
    changed: () => states.push(connection.state),
  });
});

function connect() {
  connection.connect();
  world.open();
  world.receive({ type: "welcome" });
}

const lose = () => world.socket.onclose({ reason: "" });

test("it is connected when the server has welcomed it, not before", () => {
  connection.connect();
  world.open();
  assert.equal(connection.state, "connecting");
  world.receive({ type: "welcome" });
  assert.equal(connection.state, "connected");
  assert.equal(world.socket.subprotocol, "chat.v1+json");
});

test("a server that never answers is given up", () => {
  connection.connect();
  world.pass(15_000);
  assert.equal(connection.state, "lost");
});

test("it asks a silent server, and an answer is enough", () => {
  connect();
  world.pass(29_000);
  assert.deepEqual(world.socket.sent, []);
  world.pass(6_001);
  assert.deepEqual(world.socket.sent, [{ type: "ping" }]);
  world.receive({ type: "pong" });
  world.pass(29_000);
  assert.equal(connection.state, "connected");
});

test("without an answer, the connection is lost", () => {
  connect();
  const dead = world.socket;
  world.pass(51_000);
  assert.deepEqual(states.slice(2, 3), ["lost"]);
  assert.equal(dead.readyState, 3);
  assert.equal(dead.onmessage, null); // what it still says is not heard
});

test("delays grow to half a minute, and any delay up to that is possible", () => {
  const delays = [];
  connect();
  for (let i = 0; i < 8; i += 1) {
    lose();
    delays.push(connection.retryAt - world.now);
    world.pass(delays.at(-1));
  }
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  Math.random = () => 0;
  lose();
  assert.equal(connection.retryAt - world.now, 250);
});

test("a connection that lasted makes the next delay a short one", () => {
  connect();
  for (let i = 0; i < 4; i += 1) {
    lose();
    world.pass(connection.retryAt - world.now);
  }
  world.open();
  world.receive({ type: "welcome" });
  lose(); // at once: that was no success
  assert.equal(connection.retryAt - world.now, 16_000);
  connect();
  world.pass(11_000);
  lose();
  assert.equal(connection.retryAt - world.now, 1000);
});

for (const event of ["online", "pageshow", "visibilitychange"]) {
  test(`${event}: a lost connection is tried at once, a connected one is asked`, () => {
    connect();
    world.dispatch(event);
    assert.deepEqual(world.socket.sent, [{ type: "ping" }]);
    lose();
    world.dispatch(event);
    assert.equal(connection.state, "connecting");
    assert.equal(world.sockets.length, 2);
  });
}

test("a machine that wakes up asks at once", () => {
  connect();
  world.sleep(3_600_000);
  world.pass(0);
  assert.deepEqual(world.socket.sent, [{ type: "ping" }]);
});

test("a connection that was closed for good stays closed", () => {
  connect();
  connection.close("You were put out");
  world.pass(100_000);
  world.dispatch("online");
  assert.equal(connection.state, "closed");
  assert.equal(world.sockets.length, 1);
  connection.connect();
  assert.equal(connection.state, "connecting");
});
