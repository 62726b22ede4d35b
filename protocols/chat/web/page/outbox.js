// Lines that the server has not acknowledged, in order. None is sent twice: each has a number, the
// server takes each number once, and a line is sent again only in the same session.
//
// An entry's `state`: "waiting" (not sent yet), "sent", "doubtful" (sent in a session that has
// ended: it may have arrived, so only the user can decide).

export const MAX_WAITING = 200;

// The server delays lines that come too fast, and drops those that are too many. So only a few are
// on their way at a time: this many lines, and this many characters unless it is one long line.
const WINDOW = 5;
const WINDOW_SIZE = 8000;

export class Outbox {
  entries = [];
  #ref = 0;

  /** Continue with what `stored` returned in an earlier document. */
  restore({ ref, entries }) {
    this.#ref = ref;
    this.entries = entries;
  }

  stored() {
    return { ref: this.#ref, entries: this.entries };
  }

  get isFull() {
    return this.entries.length >= MAX_WAITING;
  }

  /**
   * Add a line. `room`: in whose context the server executes it. `place`: the key of the room or
   * conversation where it is shown, as `shown`, while it waits.
   */
  add({ room, text, place, shown }) {
    const entry = { ref: ++this.#ref, room, text, place, shown, state: "waiting" };
    this.entries.push(entry);
    return entry;
  }

  /** Call `send(entry)` for those that may be sent now, until it returns false. */
  pump(send) {
    let sent = 0;
    let size = 0;
    for (const entry of this.entries) {
      if (entry.state === "doubtful") continue;
      size += entry.text.length;
      if (entry.state === "waiting") {
        if (sent >= WINDOW || (sent && size > WINDOW_SIZE) || !send(entry)) return;
        entry.state = "sent";
      }
      sent += 1;
    }
  }

  /** Remove the line with the number `ref`, which has been executed or refused; return it. */
  settle(ref) {
    const index = this.entries.findIndex((entry) => entry.ref === ref);
    return index < 0 ? null : this.entries.splice(index, 1)[0];
  }

  /** The session goes on, and the server has taken all lines up to the number `received`. */
  resume(received) {
    this.entries = this.entries.filter((e) => e.state !== "sent" || e.ref > received);
    for (const entry of this.entries) if (entry.state === "sent") entry.state = "waiting";
  }

  /** The session is a new one. */
  restart() {
    for (const entry of this.entries) if (entry.state === "sent") entry.state = "doubtful";
  }

  /** Send a doubtful line again, as a new one. */
  retry(entry) {
    if (this.settle(entry.ref)) this.add(entry);
  }

  /** A line of ours with `text` is in the history of `place`: no doubt is left. */
  confirm(place, text) {
    const entry = this.entries.find(
      (e) => e.state === "doubtful" && e.place === place && e.shown === text,
    );
    if (entry) this.settle(entry.ref);
    return Boolean(entry);
  }
}
