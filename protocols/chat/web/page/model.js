// What the page knows: rooms, conversations, members and lines. The server's events change it, and
// views show it. Nothing here touches the document.

import { mentions } from "./format.js";
import { Room } from "./room.js";
import { describe } from "./wording.js";

export const MAX_CONVERSATIONS = 50;

export class Model {
  /**
   * `changed(what)`: something has to be shown: "log", "rooms", "members", "place" (the current
   * room's name, topic and so on), "me". `alerted(line, room)`: a line is for this user.
   * `isReading(room)`: whether the user sees the end of `room`. `renamed(name)`: the user has
   * another name. `announced(text)`: to be said to those who cannot see.
   */
  constructor({ changed, alerted, isReading, renamed }) {
    this.changed = changed;
    this.alerted = alerted;
    this.isReading = isReading;
    this.renamed = renamed;
    this.me = "";
    this.away = "";
    this.rooms = new Map(); // rooms and conversations by key, in the order in which they are listed
    this.current = null;
    this.ready = false; // whether the server has welcomed us at least once
  }

  joinedRooms() {
    return this.channels().filter((room) => !room.gone);
  }

  channels() {
    return [...this.rooms.values()].filter((room) => room.isChannel);
  }

  conversations() {
    return [...this.rooms.values()].filter((room) => room.isPrivate);
  }

  /** Rooms, then conversations: as they are listed. */
  places() {
    return [...this.channels(), ...this.conversations()];
  }

  /** The room in whose context commands are executed: the current one, or the first. */
  context() {
    if (this.current?.isChannel && !this.current.gone) return this.current;
    return this.joinedRooms()[0] ?? null;
  }

  /** Return the conversation with `name`, made if needed. The one read longest ago goes. */
  conversation(name) {
    const key = `@${name.toLowerCase()}`;
    let room = this.rooms.get(key);
    if (!room) {
      const all = this.conversations();
      if (all.length >= MAX_CONVERSATIONS) {
        const others = all.filter((other) => other !== this.current);
        const oldest = others.reduce((a, b) => ((b.shown ?? 0) < (a.shown ?? 0) ? b : a));
        this.rooms.delete(oldest.key);
      }
      room = new Room(name, true);
      room.shown = Date.now();
      this.rooms.set(key, room);
      this.changed("rooms");
    }
    return room;
  }

  /** Show `room`. */
  open(room) {
    if (room === this.current) return;
    this.current = room;
    room.shown = Date.now();
    for (const what of ["log", "rooms", "members", "place"]) this.changed(what);
  }

  /** Forget `room`, and show another one if it was shown. */
  close(room) {
    const places = this.places();
    const index = places.indexOf(room);
    this.rooms.delete(room.key);
    this.changed("rooms");
    if (room !== this.current) return;
    this.current = null;
    const next = places[index - 1] ?? places[index + 1];
    if (next) this.open(next);
    else for (const what of ["log", "members", "place"]) this.changed(what);
  }

  /** The user has read the current room. */
  markRead() {
    const room = this.current;
    if (!room?.unread) return;
    room.markRead();
    this.changed("rooms");
  }

  // Events

  /** The server has welcomed us as `name`. */
  welcome(name, resumed) {
    this.me = name;
    this.ready = true;
    if (!resumed) this.away = "";
    // In a new session we are in the rooms that the server tells us of, and in no others.
    for (const room of this.joinedRooms()) room.expected = !resumed;
    for (const what of ["me", "members", "place", "log"]) this.changed(what);
  }

  /** The server has told us all about the rooms that we asked for. */
  settleRooms() {
    for (const room of this.channels()) {
      if (!room.expected) continue;
      room.expected = false;
      this.#leave(room, "You are not in this room any more");
    }
  }

  /** `greeting`: whether this belongs to the answer to our greeting. */
  apply(event, greeting = false) {
    event.time ??= Date.now() / 1000;
    switch (event.type) {
      case "said":
      case "action":
      case "note":
      case "private":
        this.#spoken(event);
        break;
      case "history":
        this.#history(event);
        break;
      case "room":
        this.#snapshot(event);
        break;
      case "entered":
        this.#entered(event, greeting);
        break;
      case "parted":
        this.#parted(event);
        break;
      case "joined":
        if (!this.#isMe(event.sender)) this.#passed(event, "joined", event.sender);
        break;
      case "left":
      case "quit":
        this.#passed(event, "left", event.sender, event.text);
        break;
      case "crowd":
        for (const name of event.names ?? []) {
          if (!this.#isMe(name)) {
            this.#passed(event, event.target === "joined" ? "joined" : "left", name);
          }
        }
        break;
      case "kicked":
        this.#kicked(event);
        break;
      case "renamed":
        this.#renamed(event);
        break;
      case "topic":
        this.#topic(event);
        break;
      case "mode":
        this.#mode(event);
        break;
      case "away":
        this.#away(event);
        break;
      case "invited":
        this.#invited(event);
        break;
      case "reply":
      case "notice":
        this.#reply(event);
        break;
    }
  }

  #isMe(name = "") {
    return name.toLowerCase() === this.me.toLowerCase();
  }

  #room(name = "") {
    return this.rooms.get(name.toLowerCase());
  }

  /** Return the room that an event names, or all in which `name` is. */
  #roomsOf(event, name) {
    if (event.room) return [this.#room(event.room)].filter(Boolean);
    const known = name.toLowerCase();
    return this.places().filter((room) =>
      room.isPrivate ? room.name.toLowerCase() === known : room.has(name),
    );
  }

  #spoken(event, isMissed = true) {
    const { type: kind, id = 0, time, sender, text = "" } = event;
    const own = this.#isMe(sender);
    const room =
      kind === "private" ? this.conversation(own ? event.target : sender) : this.#room(event.room);
    if (!room) return;
    const mention = !own && kind !== "note" && mentions(text, this.me);
    const line = room.add({ kind, id, time, sender, text, own, mention });
    if (!line) return;
    if (room === this.current) this.changed("log");
    if (own || !isMissed) return;
    this.#unread(room, line, mention || room.isPrivate);
  }

  #unread(room, line, isForMe) {
    const reading = this.isReading(room);
    if (!reading) {
      if (!room.unread) room.setMarker(line.serial);
      room.unread += 1;
      if (isForMe) room.mentions += 1;
      this.changed("rooms");
    }
    if (isForMe) this.alerted(line, room);
  }

  #history({ room: name, events, complete }) {
    const room = this.#room(name);
    if (!room) return;
    const before = room.lastId; // nothing before that was missed: then the user came just now
    const [first] = events;
    if (before && !complete && first && first.id > before) {
      room.add({ kind: "gap", id: 0, time: first.time });
    }
    for (const event of events) this.#spoken({ ...event, room: name }, before > 0);
  }

  #snapshot({ room: name, topic = "", modes = "", count = 0, members = [] }) {
    const room = this.#make(name);
    room.topic = topic;
    room.modes = modes;
    room.setMembers(members, count);
    this.away = members.find((member) => this.#isMe(member.name))?.away ?? this.away;
    this.#changedRoom(room);
    this.changed("me");
  }

  #make(name) {
    let room = this.#room(name);
    if (!room) {
      room = new Room(name);
      this.rooms.set(room.key, room);
    }
    room.expected = false;
    room.gone = "";
    if (!this.current) this.open(room);
    this.changed("rooms");
    return room;
  }

  #entered({ room: name }, greeting) {
    if (!name) return;
    const room = this.#make(name);
    if (!greeting) this.open(room);
  }

  #parted({ room: name }) {
    const room = this.#room(name);
    if (!room) return;
    if (room.kicked) this.#leave(room, room.kicked);
    else this.close(room);
  }

  /** The user is not in `room` any more, but has not left by itself: the room stays listed. */
  #leave(room, why) {
    room.kicked = "";
    room.gone = why;
    room.setMembers([], 0);
    this.#changedRoom(room);
  }

  #passed(event, verb, name, reason = "") {
    for (const room of this.#roomsOf(event, name)) {
      const changed = verb === "joined" ? room.enter(name) : room.leave(name);
      if (changed || room.isPrivate) room.pass(event.time, verb, name, reason);
      this.#changedRoom(room);
    }
  }

  #kicked(event) {
    const room = this.#room(event.room);
    if (!room) return;
    room.leave(event.target);
    if (this.#isMe(event.target)) room.kicked = describe(event, this.me);
    this.#happened(event, room);
  }

  #renamed(event) {
    const { sender: old, text: name } = event;
    const mine = this.#isMe(old);
    const rooms = this.#roomsOf(event, old);
    const was = this.rooms.get(`@${old.toLowerCase()}`);
    for (const room of rooms) {
      if (room.isChannel) room.rename(old, name);
      if (room.renamePassing(old, name)) this.#changedRoom(room);
      else this.#happened(event, room);
    }
    if (was && !this.rooms.has(`@${name.toLowerCase()}`)) this.#renameConversation(was, name);
    if (!mine) return;
    this.me = name;
    this.renamed(name);
    this.changed("me");
  }

  #renameConversation(was, name) {
    const places = [...this.rooms.values()];
    was.name = name;
    this.rooms = new Map(places.map((room) => [room.key, room]));
    this.#changedRoom(was);
  }

  #topic(event) {
    const room = this.#room(event.room);
    if (!room) return;
    room.topic = event.text ?? "";
    if (event.sender) this.#happened(event, room);
    this.#changedRoom(room);
  }

  #mode(event) {
    const room = this.#room(event.room);
    if (!room) return;
    const [sign, letter] = event.text;
    const member = room.members.get(event.target?.toLowerCase());
    if (letter === "o" || letter === "v") {
      if (member) grant(member, letter, sign === "+");
    } else if (letter !== "b") {
      const letters = room.modes.replace(/^\+/, "").split(" ")[0].replace(letter, "");
      room.modes = `+${letters}${sign === "+" ? letter : ""}`;
    }
    this.#happened(event, room);
  }

  #away(event) {
    const { sender, text = "", target } = event;
    if (target) {
      this.#happened(event, this.conversation(sender)); // we have written to one who is away
      return;
    }
    if (this.#isMe(sender)) {
      this.away = text;
      this.changed("me");
      if (this.current) this.#happened(event, this.current);
    }
    for (const room of this.#roomsOf({}, sender)) {
      const member = room.members.get(sender.toLowerCase());
      if (member) member.away = text;
      this.#changedRoom(room);
    }
  }

  #invited(event) {
    const room = this.current;
    if (!room) return;
    const line = this.#happened(event, room);
    if (this.#isMe(event.target)) {
      line.invitation = event.room;
      this.#unread(room, line, true);
    }
  }

  #reply({ type, time, text }) {
    const room = this.current;
    if (!room || !text) return;
    room.add({ kind: type === "reply" ? "reply" : "event", id: 0, time, text });
    this.changed("log");
  }

  #happened(event, room) {
    const line = room.add({
      kind: "event",
      type: event.type,
      id: 0,
      time: event.time,
      sender: event.sender,
      text: describe(event, this.me),
    });
    this.#changedRoom(room);
    return line;
  }

  #changedRoom(room) {
    this.changed("rooms");
    if (room !== this.current) return;
    for (const what of ["log", "members", "place"]) this.changed(what);
  }

  // Storing

  stored(count) {
    return {
      me: this.me,
      current: this.current?.key ?? "",
      rooms: this.places().map((room) => room.stored(count)),
    };
  }

  /** Forget everything. */
  forget() {
    this.me = "";
    this.rooms.clear();
    this.current = null;
  }

  restore({ me, current, rooms }) {
    this.me = me;
    for (const stored of rooms) {
      const room = Room.restored(stored);
      this.rooms.set(room.key, room);
    }
    const room = this.rooms.get(current) ?? this.places()[0];
    if (room) this.open(room);
  }
}

/** Grant `member` to be an operator ("o") or to have a voice ("v"), or take it away. */
function grant(member, letter, on) {
  if (letter === "v") member.voice = on;
  const operator = letter === "o" ? on : member.role === "operator";
  const role = operator ? "operator" : member.voice ? "voice" : undefined;
  if (role) member.role = role;
  else delete member.role;
}
