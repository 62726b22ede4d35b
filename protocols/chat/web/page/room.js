// A room or a private conversation: what is known of it, and its last lines.
//
// The kinds of line: "said", "action", "private" and "note" (by people and programs), "passages"
// (several who came and went), "event" (something else that happened), "reply" (answers of the
// server to this user), "gap" (lines are missing here).

export const MAX_LINES = 500;
const MAX_PASSAGES = 1000; // names in one line of passages
const GROUP_TIME = 300; // seconds; a later line of the same sender has a head of its own

export const SPOKEN = new Set(["said", "action", "private", "note"]);

let lastSerial = 0;

export class Room {
  constructor(name, isPrivate = false) {
    this.name = name;
    this.isPrivate = isPrivate;
    this.topic = "";
    this.modes = "";
    this.count = 0;
    this.members = new Map(); // by name in lower case: {name, role, voice, away}
    this.gone = ""; // why the user is not in it any more
    this.lines = []; // each with a `serial` of its own; treat as read-only
    this.lastId = 0; // the highest id of a line
    this.generation = 0; // changes when lines were inserted or removed other than at the ends
    this.touched = new Set(); // lines that have changed since they were shown
    this.unread = 0;
    this.mentions = 0;
    this.marker = 0; // serial of the first line that was new when the user came back
    this.draft = "";
    this.typed = []; // previous lines, for the arrow keys
    this.expected = null; // see `Model.welcome`
    this.#ids = new Set();
  }

  #ids;

  /** Where `Model.rooms` has it. No room's name begins with @. */
  get key() {
    return (this.isPrivate ? "@" : "") + this.name.toLowerCase();
  }

  get isChannel() {
    return !this.isPrivate;
  }

  /** Add `line` at its place, and return it; or null if it is here already. */
  add(line) {
    if (line.id) {
      if (this.#ids.has(line.id)) return null;
      this.#ids.add(line.id);
      this.lastId = Math.max(this.lastId, line.id);
    }
    line.serial = ++lastSerial;
    let index = this.lines.length;
    // Lines of the history can come after later ones.
    while (line.id && index && this.lines[index - 1].id > line.id) index -= 1;
    if (index === this.lines.length) this.lines.push(line);
    else {
      this.lines.splice(index, 0, line);
      this.generation += 1;
    }
    if (this.lines.length > MAX_LINES) this.#forget(this.lines.shift());
    return line;
  }

  /** Note that `name` came or went: `verb` is "joined" or "left". `reason`: last words. */
  pass(time, verb, name, reason = "") {
    let line = this.lines.at(-1);
    if (line?.kind !== "passages" || line.people.length >= MAX_PASSAGES) {
      line = this.add({ kind: "passages", time, id: 0, people: [] });
    } else {
      this.touched.add(line);
    }
    line.time = time;
    const earlier = line.people.find((person) => person.name === name);
    if (earlier) Object.assign(earlier, { last: verb, reason });
    else line.people.push({ name, first: verb, last: verb, reason });
  }

  /** Note that `old` is now `name`. Returns whether that is only a part of its coming. */
  renamePassing(old, name) {
    const line = this.lines.at(-1);
    const person = line?.kind === "passages" && line.people.find((other) => other.name === old);
    if (!person || person.last !== "joined") return false;
    person.name = name;
    this.touched.add(line);
    return true;
  }

  /** Whether `line`, which follows `previous`, needs no head: the same person goes on speaking. */
  continues(line, previous) {
    return (
      previous !== undefined &&
      line.sender === previous.sender &&
      line.kind === previous.kind &&
      (line.kind === "said" || line.kind === "private" || line.kind === "note") &&
      line.serial !== this.marker &&
      line.time - previous.time < GROUP_TIME
    );
  }

  markRead() {
    this.unread = this.mentions = 0;
  }

  setMarker(serial) {
    if (serial === this.marker) return;
    for (const line of this.lines) {
      if (line.serial === serial || line.serial === this.marker) this.touched.add(line);
    }
    this.marker = serial;
  }

  // Members

  setMembers(members, count) {
    this.members = new Map(
      members.map((member) => {
        const voice = member.voice || member.role === "voice"; // an operator may have one, too
        return [member.name.toLowerCase(), { ...member, voice }];
      }),
    );
    this.count = count;
  }

  has(name) {
    return this.members.has(name.toLowerCase());
  }

  enter(name) {
    if (this.has(name)) return false;
    this.members.set(name.toLowerCase(), { name });
    this.count += 1;
    return true;
  }

  leave(name) {
    const known = this.members.delete(name.toLowerCase());
    // Of a large room, the server lists only a part.
    if (known || this.count > this.members.size) this.count -= 1;
    return known;
  }

  rename(old, name) {
    const member = this.members.get(old.toLowerCase());
    if (!member) return false;
    this.members.delete(old.toLowerCase());
    this.members.set(name.toLowerCase(), { ...member, name });
    return true;
  }

  /** The names of those who spoke here last, the latest first, and then of all others. */
  names() {
    const names = new Set();
    for (let i = this.lines.length - 1; i >= 0; i -= 1) {
      if (SPOKEN.has(this.lines[i].kind)) names.add(this.lines[i].sender);
    }
    const present = [...names].filter((name) => this.isPrivate || this.has(name));
    const others = [...this.members.values()].map((member) => member.name);
    others.sort((a, b) => a.localeCompare(b));
    return [...new Set([...present, ...others])];
  }

  // Storing

  stored(count) {
    const { name, isPrivate, topic, modes, gone, lastId, unread, mentions, draft, marker } = this;
    const lines = count ? this.lines.slice(-count) : [];
    const members = [...this.members.values()];
    return {
      ...{ name, isPrivate, topic, modes, gone, lastId, unread, mentions, draft, lines, members },
      count: this.count,
      typed: this.typed.slice(-count),
      marked: marker ? lines.findIndex((line) => line.serial === marker) : -1,
    };
  }

  static restored(stored) {
    const { lines, members, count, marked, ...properties } = stored;
    const room = Object.assign(new Room(stored.name, stored.isPrivate), properties);
    room.setMembers(members, count);
    for (const line of lines) room.add(line);
    room.marker = room.lines[marked]?.serial ?? 0;
    return room;
  }

  #forget(line) {
    this.#ids.delete(line.id);
    this.touched.delete(line);
    if (this.marker === line.serial) this.marker = 0;
  }
}
