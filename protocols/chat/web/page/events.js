// Whether what the server sends has the form that the reference describes ("chat.v1+json"). Behind
// this, nothing need ask whether a field is there or what it is: an event that is wrong, of a
// server with another version or of a program between us, is left out, and breaks nothing else.

const isText = (value) => typeof value === "string";
const isNumber = (value) => typeof value === "number";
const isTime = (value) => isNumber(value) && Math.abs(value) <= 8.64e12; // what a Date can hold

const listOf = (test) => (value) => Array.isArray(value) && value.every(test);

/** Return a test for objects that have `required`, and whose fields pass the tests in `fields`. */
function withFields(fields, ...required) {
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    required.every((name) => Object.hasOwn(value, name)) &&
    Object.entries(fields).every(([name, test]) => !Object.hasOwn(value, name) || test(value[name]));
}

const NAMED = { name: isText, role: isText, away: isText, topic: isText, count: isNumber };
const COMMAND = { name: isText, usage: isText, summary: isText };
const LIMITS = { text: isNumber, name: isNumber, topic: isNumber, away: isNumber };

const hasRightFields = withFields(
  {
    ...{ type: isText, room: isText, sender: isText, text: isText, target: isText, name: isText },
    ...{ session: isText, topic: isText, modes: isText },
    ...{ id: isNumber, ref: isNumber, count: isNumber, received: isNumber, time: isTime },
    names: listOf(isText),
    events: Array.isArray,
    members: listOf(withFields(NAMED, "name")),
    rooms: listOf(withFields(NAMED, "name")),
    commands: listOf(withFields(COMMAND, "name", "usage", "summary")),
    limits: withFields(LIMITS),
  },
  "type",
);

// What cannot be left out. Unknown types are ignored later: a newer server may have more.
const REQUIRED = new Map(
  Object.entries({
    welcome: ["name", "session"],
    ack: ["ref"],
    error: ["text"],
    rooms: ["rooms"],
    history: ["room", "events"],
    room: ["room", "members"],
    parted: ["room"],
    said: ["room", "sender"],
    action: ["room", "sender"],
    note: ["room", "sender"],
    private: ["sender", "target"],
    joined: ["sender"],
    left: ["sender"],
    quit: ["sender"],
    crowd: ["names"],
    kicked: ["room", "target"],
    renamed: ["sender", "text"],
    topic: ["room"],
    mode: ["room", "text"],
    away: ["sender"],
    invited: ["room", "target"],
  }),
);

function isRight(event) {
  return (
    hasRightFields(event) &&
    (REQUIRED.get(event.type) ?? []).every((name) => Object.hasOwn(event, name))
  );
}

/** Return those of `events` that are right, also inside a history, and whether all are. */
export function checked(events) {
  const right = events.filter(isRight);
  let isAllRight = right.length === events.length;
  for (const event of right) {
    if (event.type !== "history") continue;
    const lines = event.events.filter((line) => isRight({ ...line, room: event.room }));
    isAllRight &&= lines.length === event.events.length;
    event.events = lines;
  }
  return { right, isAllRight };
}
