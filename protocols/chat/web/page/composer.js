// The message field: grows with its text, keeps a draft and the previous lines of each room.

import { plural } from "./shared/dom.js";
import { Suggestions } from "./suggestions.js";

const MAX_TYPED = 50; // previous lines kept for each room
const MAX_LINES = 100; // lines sent at a time
const COUNT_FROM = 0.8; // of the longest line; from there on, the length is shown

export class Composer {
  #room = null;
  #recalled = null; // {index, draft} while the user looks at previous lines

  /**
   * `send(lines)`: returns whether they were taken. `limits()`: the server's. `warn(text)`: shows
   * why something is not possible.
   */
  constructor({ form, field, list, counter, button }, { send, limits, sources, warn, say, page }) {
    Object.assign(this, { form, field, counter, button, send, limits, warn, page });
    this.suggestions = new Suggestions({ field, list }, { sources, say });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    field.addEventListener("input", () => this.#changed());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.suggestions.close());
    new ResizeObserver(() => this.#grow()).observe(form);
  }

  /** Show the draft for `room`, or nothing if there is no room. */
  show(room) {
    if (room === this.#room) return this.#enable();
    this.store();
    this.#room = room;
    this.#recalled = null;
    this.field.value = room?.draft ?? "";
    this.suggestions.close();
    this.#enable();
    this.#measure();
  }

  /** Put the text that stands there into the room, as its draft. */
  store() {
    if (this.#room) this.#room.draft = this.#recalled?.draft ?? this.field.value;
  }

  focus() {
    // On a phone, that would open the keyboard, over what the user wants to read.
    if (!matchMedia("(pointer: coarse)").matches) this.#focus();
  }

  #focus() {
    this.field.focus({ preventScroll: true });
  }

  /** Insert `text` at the cursor. */
  insert(text) {
    const { field } = this;
    this.#focus();
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Give back a line that was refused, if nothing else stands there. */
  giveBack(text) {
    if (this.field.value) return;
    this.field.value = text;
    this.#measure();
  }

  #enable() {
    const room = this.#room;
    const isGone = !room || Boolean(room.gone);
    this.field.placeholder = room
      ? `Write to ${room.isPrivate ? room.name : `#${room.name}`}`
      : "Join a room to write";
    this.field.setAttribute("aria-label", room ? `Message to ${room.name}` : "Message");
    this.form.classList.toggle("gone", isGone);
  }

  #changed() {
    this.#recalled = null;
    this.#measure();
    this.suggestions.refresh();
    this.warn("");
  }

  #measure() {
    this.#grow();
    const limit = this.limits().text;
    const longest = Math.max(...this.field.value.split("\n").map((line) => [...line].length));
    const isTooLong = longest > limit;
    this.counter.hidden = longest < limit * COUNT_FROM;
    this.counter.textContent = `${longest.toLocaleString("en")} / ${limit.toLocaleString("en")}`;
    this.counter.classList.toggle("too-long", isTooLong);
    this.field.setAttribute("aria-invalid", String(isTooLong));
    this.button.disabled = !this.field.value.trim();
    return !isTooLong;
  }

  #grow() {
    const { style } = this.field;
    style.height = "auto";
    style.height = `${this.field.scrollHeight}px`; // the style sheet has a maximum
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.suggestions.key(event) || this.#keyHere(event)) event.preventDefault();
  }

  #keyHere(event) {
    const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
    if (altKey || ctrlKey || metaKey) return false;
    switch (key) {
      case "Enter":
        if (shiftKey) return false;
        this.#submit();
        return true;
      case "ArrowUp":
        return !shiftKey && this.#recall(-1);
      case "ArrowDown":
        return !shiftKey && this.#recall(1);
      case "PageUp":
      case "PageDown":
        this.page(key === "PageUp" ? -1 : 1);
        return true;
      default:
        return false;
    }
  }

  #submit() {
    const { field } = this;
    const lines = field.value
      .split(/\r?\n/)
      .map((line) => line.trimEnd())
      .filter(Boolean);
    if (!lines.length) return;
    if (lines.length > MAX_LINES) {
      this.warn(
        `${plural(lines.length, "line")} are too many: send at most ${MAX_LINES} at a time`,
      );
      return;
    }
    if (!this.#measure()) {
      this.warn(`A line has at most ${this.limits().text.toLocaleString("en")} characters`);
      return;
    }
    if (!this.send(lines)) return;
    this.#remember(field.value.trimEnd());
    field.value = "";
    this.#recalled = null;
    this.suggestions.close();
    this.#measure();
  }

  #remember(text) {
    if (!this.#room) return;
    const { typed } = this.#room;
    if (typed.at(-1) !== text) typed.push(text);
    if (typed.length > MAX_TYPED) typed.shift();
  }

  /** Show the previous line or the next one, if the cursor is in the first or the last row. */
  #recall(step) {
    const { field } = this;
    const typed = this.#room?.typed ?? [];
    const before = field.value.slice(0, field.selectionStart);
    const after = field.value.slice(field.selectionEnd);
    if (step < 0 ? before.includes("\n") : after.includes("\n") || !this.#recalled) return false;
    const { index, draft } = this.#recalled ?? { index: typed.length, draft: field.value };
    const next = index + step;
    if (next < 0 || next > typed.length) return step < 0 && this.#recalled !== null;
    field.value = next === typed.length ? draft : typed[next];
    this.#recalled = next === typed.length ? null : { index: next, draft };
    const end = field.value.length;
    field.setSelectionRange(end, end);
    this.#measure();
    return true;
  }
}
