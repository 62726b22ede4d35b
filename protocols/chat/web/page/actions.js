// What the user does: lines that are sent, rooms that are opened, and the menus and dialogs for it.

import { openMenu } from "./dialog.js";
import { openDetails, openHelp, openRooms, openSettings, openSwitcher } from "./dialogs.js";
import { settings } from "./storage.js";

export class Actions {
  #showRooms = null; // of the dialog that waits for the list of rooms
  roomsKnown = []; // names, for completion

  /** `warn(text)` shows why something is not possible; `changed()`: a setting is another one. */
  constructor(model, session, { warn, changed, composer }) {
    Object.assign(this, { model, session, warn, changed, composer });
  }

  /** Send what was typed in the current room. Returns whether it was taken. */
  say(lines) {
    const room = this.model.current;
    for (const line of lines) {
      if (!this.#page(line) && !this.#say(line, room)) return false;
    }
    room?.setMarker(0);
    return true;
  }

  /** Execute `text`, a command, in the context of `room`. */
  command(text, room = this.model.context()) {
    return this.#submit({ room, text, place: "", shown: text });
  }

  /** Commands that the page answers itself. Returns whether `line` is one. */
  #page(line) {
    const [, command, rest = ""] = /^\/(\w+)\s*(.*)$/s.exec(line) ?? [];
    switch (command?.toLowerCase()) {
      case "help":
        if (rest) return false;
        openHelp(this.session.commands);
        return true;
      case "rooms":
        this.browse();
        return true;
      case "join": {
        const known = this.model.rooms.get(rest.trim().replace(/^#/, "").toLowerCase());
        if (!known || known.gone) return false;
        this.model.open(known);
        return true;
      }
      case "msg":
        if (!/^[\w.-]+$/.test(rest)) return false; // there is something to say, too
        this.converse(rest);
        return true;
      default:
        return false;
    }
  }

  #say(line, room) {
    if (!room) {
      if (line.startsWith("/")) return this.command(line, null);
      this.warn("You are in no room: join one to write");
      return false;
    }
    if (!room.isPrivate)
      return this.#submit({ room, text: line, place: room.key, shown: shownOf(line) });
    const context = this.model.context();
    const isCommand = /^\/[^/]/.test(line);
    if (/^\/me(?!\S)/i.test(line)) {
      this.warn("/me works in rooms only");
      return false;
    }
    if (isCommand) return this.#submit({ room: context, text: line, place: "", shown: line });
    const text = line.startsWith("//") ? line.slice(1) : line;
    return this.#submit({
      room: context,
      text: `/msg ${room.name} ${text}`,
      place: room.key,
      shown: text,
    });
  }

  #submit({ room, text, place, shown }) {
    // A command is not a line of the log, unless it is an action.
    const isSpoken = /^(?!\/)|^\/\/|^\/(?:me|msg)\s/i.test(text);
    const line = { room: room?.name ?? "", text, place: isSpoken ? place : "", shown };
    if (this.session.submit(line)) return true;
    this.warn("Too many lines wait to be sent: this one was not taken");
    return false;
  }

  // Rooms and people

  open(room) {
    this.model.open(room);
  }

  converse(name) {
    this.model.open(this.model.conversation(name));
    this.composer.focus();
  }

  join(name, key = "") {
    const known = this.model.rooms.get(name.toLowerCase());
    if (known && !known.gone) this.model.open(known);
    else this.command(`/join ${name} ${key}`.trimEnd());
  }

  leave(room) {
    if (room.isPrivate || room.gone) this.model.close(room);
    else this.command("/part", room);
  }

  /** Show the room that is `step` places further down, or the next one with unread lines. */
  step(step, onlyUnread = false) {
    const places = this.model.places();
    const index = places.indexOf(this.model.current);
    for (let i = 1; i <= places.length; i += 1) {
      const room = places[(index + i * step + places.length * i) % places.length];
      if (!onlyUnread || room.unread) return this.model.open(room);
    }
  }

  memberMenu(name, anchor) {
    const { model } = this;
    const room = model.current;
    const isMe = name.toLowerCase() === model.me.toLowerCase();
    if (isMe) return this.settings();
    const mine = room?.members.get(model.me.toLowerCase());
    const theirs = room?.members.get(name.toLowerCase());
    const run = (label, text) => ({ label, run: () => this.command(text, room) });
    const items = [
      { label: "Write privately", run: () => this.converse(name) },
      { label: "Mention", run: () => this.composer.insert(`${name} `) },
    ];
    if (mine?.role === "operator" && theirs) {
      const isOperator = theirs.role === "operator";
      items.push(
        null,
        run(
          isOperator ? "Take the operator\u2019s rights" : "Make an operator",
          `/mode ${isOperator ? "-" : "+"}o ${name}`,
        ),
        run("Put out of the room", `/kick ${name}`),
        run("Ban from the room", `/ban ${name}`),
      );
    }
    items.push(null, run("Ignore", `/ignore ${name}`), run("Hear again", `/unignore ${name}`));
    openMenu(anchor, name, items);
  }

  // Dialogs

  browse() {
    this.#showRooms = openRooms({
      limit: this.session.limits.name,
      joined: (name) => {
        const room = this.model.rooms.get(name.toLowerCase());
        return Boolean(room) && !room.gone;
      },
      join: (name, key) => this.join(name.replace(/^#/, ""), key),
      closed: () => {
        this.#showRooms = null;
      },
    });
    if (!this.session.askForRooms()) this.#showRooms([]);
  }

  /** The server has listed its rooms. */
  listed(rooms) {
    this.roomsKnown = rooms.map((room) => room.name);
    this.#showRooms?.(rooms);
  }

  goTo() {
    openSwitcher({
      places: [...this.model.places(), ...this.#people()],
      open: (place) => (place.key ? this.model.open(place) : this.converse(place.name)),
    });
  }

  #people() {
    const names = new Map();
    for (const room of this.model.channels()) {
      for (const { name } of room.members.values()) names.set(name.toLowerCase(), name);
    }
    names.delete(this.model.me.toLowerCase());
    return [...names.values()]
      .filter((name) => !this.model.rooms.has(`@${name.toLowerCase()}`))
      .sort()
      .map((name) => ({ name, isPrivate: true, unread: 0 }));
  }

  settings() {
    openSettings({
      me: this.model.me,
      away: this.model.away,
      limit: this.session.limits.name,
      rename: (name) => this.rename(name),
      setAway: (text) => this.command(`/away ${text}`.trimEnd()),
      changed: this.changed,
      help: () => openHelp(this.session.commands),
    });
  }

  rename(name) {
    settings.set("name", name);
    this.session.wanted = name;
    this.command(`/nick ${name}`);
  }

  details() {
    const room = this.model.current;
    if (!room?.isChannel || room.gone) return;
    openDetails({
      room,
      limits: this.session.limits,
      setTopic: (topic) => this.command(`/topic ${topic}`, room),
      invite: (name) => this.command(`/invite ${name}`, room),
      leave: () => this.leave(room),
    });
  }
}

function shownOf(line) {
  return line.startsWith("//") ? line.slice(1) : line;
}
