// The conversation with the server: greets it, resumes after a loss, and sends each line once.
// The wire format is described in the reference ("chat.v1+json").

import { Connection } from "./connection.js";
import { checked } from "./events.js";
import { Outbox } from "./outbox.js";

export class Session {
  #secret = ""; // of the server's session, for resuming
  #keys = new Map(); // of rooms, as typed after /join
  #hasComplained = false; // that the server sends what we do not understand
  #greeting = false; // until the server has answered all that came with the greeting

  /**
   * `model`: gets the server's events. `refused(text, entry)`: something could not be done; `entry`
   * is the line, if it was one. `changed()`: the connection's state or the lines that wait.
   * `listed(rooms)`: the answer to `askForRooms`.
   */
  constructor(url, model, { refused, changed, listed }) {
    this.model = model;
    this.refused = refused;
    this.changed = changed;
    this.listed = listed;
    this.outbox = new Outbox();
    this.connection = new Connection(url, {
      opened: () => this.#greet(),
      received: (events) => this.#receive(events),
      changed,
    });
    this.commands = [];
    this.limits = { text: 4096, name: 32, topic: 200, away: 200 };
    this.wanted = ""; // the name that the user wants
  }

  get state() {
    return this.connection.state;
  }

  /** Continue with what `stored` returned in an earlier document. */
  restore({ secret, keys, outbox, commands, limits }) {
    this.#secret = secret;
    this.#keys = new Map(keys);
    this.outbox.restore(outbox);
    this.commands = commands;
    this.limits = limits;
  }

  stored() {
    return {
      secret: this.#secret,
      keys: [...this.#keys],
      outbox: this.outbox.stored(),
      commands: this.commands,
      limits: this.limits,
    };
  }

  /** Send a line when that is possible: see `Outbox.add`. Returns false if too many wait. */
  submit(line) {
    if (this.outbox.isFull) return false;
    const join = /^\/join +#?(\S+) +(\S+) *$/i.exec(line.text);
    if (join) this.#keys.set(join[1].toLowerCase(), join[2]);
    this.outbox.add(line);
    this.#pump();
    return true;
  }

  retry(entry) {
    this.outbox.retry(entry);
    this.#pump();
  }

  discard(entry) {
    this.outbox.settle(entry.ref);
    this.changed();
  }

  askForRooms() {
    return this.connection.send({ type: "rooms" });
  }

  #greet() {
    this.#greeting = true;
    this.#hasComplained = false;
    const rooms = this.model
      .joinedRooms()
      .map(({ name, key, lastId }) => ({ name, after: lastId, key: this.#keys.get(key) }));
    this.connection.send({
      type: "hello",
      session: this.#secret || undefined,
      name: this.wanted || undefined,
      rooms: rooms.length ? rooms : undefined,
    });
    // Its answer comes after all that the greeting brings.
    this.connection.send({ type: "ping" });
  }

  #receive(events) {
    const { right, isAllRight } = checked(events);
    if (!isAllRight && !this.#hasComplained) {
      this.#hasComplained = true;
      this.refused("The server sent something that this page does not understand", null);
    }
    for (const event of right) {
      switch (event.type) {
        case "welcome":
          this.#welcomed(event);
          break;
        case "ack":
          this.outbox.settle(event.ref);
          break;
        case "error":
          this.refused(event.text, event.ref ? this.outbox.settle(event.ref) : null);
          break;
        case "pong":
          if (this.#greeting) {
            this.#greeting = false;
            this.model.settleRooms();
          }
          break;
        case "rooms":
          this.listed(event.rooms ?? []);
          break;
        case "closed":
          if (!event.retry) {
            this.#secret = "";
            this.outbox.restart();
            this.connection.close(event.text ?? "");
            return;
          }
          break;
        case "history":
          this.#confirm(event);
          this.model.apply(event, this.#greeting);
          break;
        default:
          this.model.apply(event, this.#greeting);
      }
    }
    this.#pump();
  }

  #welcomed(event) {
    this.#secret = event.session;
    this.commands = event.commands ?? [];
    this.limits = { ...this.limits, ...event.limits };
    if (event.resumed) this.outbox.resume(event.received ?? 0);
    else this.outbox.restart();
    if (!this.wanted) this.wanted = event.name;
    this.model.welcome(event.name, Boolean(event.resumed));
    this.connection.ready();
  }

  #confirm({ room, events }) {
    const place = room.toLowerCase();
    const lastId = this.model.rooms.get(place)?.lastId ?? 0;
    for (const { id, type, sender, text } of events) {
      if (id > lastId && sender === this.wanted) {
        this.outbox.confirm(place, type === "action" ? `/me ${text}` : text);
      }
    }
  }

  #pump() {
    if (this.state === "connected") {
      this.outbox.pump(({ ref, room, text }) =>
        this.connection.send({ type: "line", ref, room, text }),
      );
    }
    this.changed();
  }
}
