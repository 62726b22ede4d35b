// The log of the current room. It follows the end while the user reads there, and never moves what
// the user reads further up. It holds as many elements as the room has lines, which is limited.

import { dayOf } from "./format.js";
import { element, plural } from "./shared/dom.js";
import { renderLine, renderWaiting } from "./view-line.js";

const NEAR = 48; // pixels from the end that still count as the end

export class LogView {
  #room = null;
  #serials = []; // of the lines shown: one for each child of `log`
  #generation = 0;
  #positions = new WeakMap(); // of rooms: the serial at the top and its offset, or nothing
  #day = 0;
  #atEnd = true;
  #waitingShown = "";

  /** `read()`: the user has come to the end. */
  constructor({ scroller, log, waiting, empty, jump, jumpLabel }, { model, session, shows, read }) {
    Object.assign(this, { scroller, log, waiting, empty, jump, jumpLabel });
    Object.assign(this, { model, session, shows, read });
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#atEnd && this.#scrollToEnd()).observe(scroller);
  }

  /** Whether the user sees the end. */
  get isAtEnd() {
    return this.#atEnd;
  }

  update() {
    const room = this.model.current;
    if (room !== this.#room) this.#change(room);
    else if (room) this.#follow(room);
    this.#showWaiting();
    this.#showEmpty();
    if (this.#atEnd) this.#scrollToEnd();
    this.#showJump();
  }

  /** Show all lines again: a setting has changed, or the day. */
  redraw() {
    this.#generation = -1;
    this.update();
  }

  toEnd() {
    this.#atEnd = true;
    this.#scrollToEnd();
    this.#showJump();
    this.read();
  }

  /** Scroll by `pages` of the window, for keys. */
  page(pages) {
    this.scroller.scrollBy({ top: pages * (this.scroller.clientHeight - 60) });
  }

  #change(room) {
    if (this.#room) this.#positions.set(this.#room, this.#atEnd ? null : this.#position());
    this.#room = room;
    this.#quietly(() => this.#fill(room));
    const position = room && this.#positions.get(room);
    const marker = this.log.querySelector(".marker");
    this.#atEnd = true;
    this.#scrollToEnd();
    if (marker && marker.offsetTop < this.scroller.scrollTop) {
      // More is new than fits: begin where it begins.
      this.scroller.scrollTop = marker.offsetTop - 24;
      this.#atEnd = this.#measure();
    } else if (position && !room.unread) {
      this.#restore(position);
    }
  }

  #fill(room) {
    const lines = this.#visible(room);
    const entries = lines.map((line, i) => renderLine(line, lines[i - 1], room, this.model.me));
    this.log.replaceChildren(...entries);
    this.#serials = lines.map((line) => line.serial);
    this.#generation = room?.generation ?? 0;
    this.#day = dayOf(Date.now() / 1000);
    room?.touched.clear();
  }

  #follow(room) {
    const lines = this.#visible(room);
    const shown = this.#serials.length;
    const start = shown ? this.#serials.indexOf(lines[0]?.serial) : 0;
    const last = this.#serials.at(-1);
    const next = shown ? lines.findLastIndex((line) => line.serial === last) + 1 : 0;
    const isSame = start >= 0 && (next > 0 || !shown) && this.#generation === room.generation;
    if (!isSame || this.#day !== dayOf(Date.now() / 1000)) {
      this.#keepingPosition(() => this.#quietly(() => this.#fill(room)));
      return;
    }
    this.#keepingPosition(() => {
      this.#trim(start, lines, room);
      this.#refresh(lines, room);
      this.#append(lines, next, room);
    });
  }

  #trim(count, lines, room) {
    if (!count) return;
    for (let i = 0; i < count; i += 1) this.log.firstChild.remove();
    this.#serials.splice(0, count);
    // The line that is the first one now needs its day and its head.
    this.log.firstChild?.replaceWith(renderLine(lines[0], undefined, room, this.model.me));
  }

  #refresh(lines, room) {
    for (const line of room.touched) {
      const index = this.#serials.indexOf(line.serial);
      if (index < 0) continue;
      const fresh = renderLine(line, lines[index - 1], room, this.model.me);
      this.log.children[index].replaceWith(fresh);
    }
    room.touched.clear();
  }

  #append(lines, next, room) {
    const added = document.createDocumentFragment();
    for (let index = next; index < lines.length; index += 1) {
      added.append(renderLine(lines[index], lines[index - 1], room, this.model.me));
      this.#serials.push(lines[index].serial);
    }
    this.log.append(added);
  }

  #visible(room) {
    if (!room) return [];
    if (this.shows.passages) return room.lines;
    return room.lines.filter((line) => line.kind !== "passages");
  }

  #showWaiting() {
    const place = this.#room?.key;
    const entries = this.session.outbox.entries.filter((entry) => entry.place === place);
    const isConnected = this.session.state === "connected";
    // Elements that stay the same stay where they are: a click or the focus may be on them.
    const shown = JSON.stringify([entries, isConnected, this.model.me]);
    if (shown === this.#waitingShown) return;
    this.#waitingShown = shown;
    const me = this.model.me || "you";
    this.waiting.replaceChildren(...renderWaiting(entries, me, isConnected));
    this.waiting.hidden = !entries.length;
  }

  #showEmpty() {
    const room = this.#room;
    this.empty.hidden = room ? this.#serials.length > 0 || !this.waiting.hidden : !this.model.ready;
    if (this.empty.hidden) return;
    const [title, text] = wordsFor(room);
    this.empty.replaceChildren(element("strong", {}, title), element("p", {}, text));
  }

  #showJump() {
    this.jump.hidden = this.#atEnd || !this.#room;
    const unread = this.#room?.unread ?? 0;
    this.jumpLabel.textContent = unread ? plural(unread, "new message") : "Jump to the latest";
    this.jump.classList.toggle("new", unread > 0);
  }

  // Position

  #scrolled() {
    const atEnd = this.#measure();
    if (atEnd === this.#atEnd) return;
    this.#atEnd = atEnd;
    if (atEnd) this.read();
    this.#showJump();
  }

  #measure() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Return the first line that is seen, and how far it is from the top. */
  #position() {
    const top = this.scroller.scrollTop;
    const { children } = this.log;
    let low = 0;
    let high = children.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].offsetTop + children[middle].offsetHeight > top) high = middle;
      else low = middle + 1;
    }
    return low < children.length
      ? { serial: this.#serials[low], offset: children[low].offsetTop - top }
      : null;
  }

  #restore({ serial, offset }) {
    const index = Math.max(0, this.#serials.indexOf(serial)); // it may have been trimmed
    if (!this.#serials.length) return;
    this.scroller.scrollTop = this.log.children[index].offsetTop - offset;
    this.#atEnd = this.#measure();
  }

  #keepingPosition(change) {
    const position = this.#atEnd ? null : this.#position();
    change();
    if (position) this.#restore(position);
  }

  /** Make a change that screen readers need not hear: all lines, or none that is new. */
  #quietly(change) {
    this.log.setAttribute("aria-live", "off");
    change();
    requestAnimationFrame(() => this.log.setAttribute("aria-live", "polite"));
  }
}

/** A title and a sentence where no lines are. */
function wordsFor(room) {
  if (!room)
    return ["You are in no room", "The + next to \u201cRooms\u201d lists those that you can join."];
  if (room.isPrivate)
    return [`You and ${room.name}`, "Only the two of you see what is written here."];
  return [
    `Welcome to ${room.name}`,
    "Nobody has said anything here yet. You can be the first. Type / to see the commands.",
  ];
}
