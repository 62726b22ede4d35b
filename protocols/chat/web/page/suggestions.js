// The list of completions above the message field.

import { completions } from "./completion.js";
import { element, plural } from "./shared/dom.js";

export class Suggestions {
  #found = null; // what `completions` returned
  #index = 0;
  #isChosen = false; // whether the user has moved in the list

  /** `sources()`: what `completions` chooses from. `say(text)` tells those who cannot see. */
  constructor({ field, list }, { sources, say }) {
    Object.assign(this, { field, list, sources, say });
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps focus
    list.addEventListener("click", ({ target }) => {
      const option = target.closest("li");
      if (option) this.accept(Number(option.dataset.index));
    });
  }

  get isOpen() {
    return this.#found !== null;
  }

  /** The text or the cursor has changed: show what is offered for it. */
  refresh() {
    const found = this.#find();
    if (found?.isOffered && !isComplete(found, this.field)) this.#open(found);
    else this.close();
  }

  close() {
    this.#found = null;
    this.list.hidden = true;
    this.field.removeAttribute("aria-activedescendant");
    this.field.removeAttribute("aria-controls");
  }

  /** Handle a key. Returns whether it was for the list. */
  key(event) {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return false;
    if (event.key === "Tab" && !event.shiftKey) return this.#tab();
    if (!this.isOpen) return false;
    switch (event.key) {
      case "ArrowDown":
        this.#move(1);
        return true;
      case "ArrowUp":
        this.#move(-1);
        return true;
      case "Escape":
        this.close();
        return true;
      case "Enter":
        if (event.shiftKey) return false;
        // A command that is typed in full is sent, unless another one was chosen.
        if (!this.#isChosen && this.#isTyped()) return false;
        this.accept(this.#index);
        return true;
      default:
        return false;
    }
  }

  accept(index) {
    const { start, options } = this.#found;
    const { value } = options[index];
    const { field } = this;
    // Not `field.value =`: the browser's undo knows what is inserted this way.
    field.focus();
    field.setSelectionRange(start, field.selectionStart);
    field.setRangeText(value, start, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #find() {
    const { field } = this;
    if (field.selectionStart !== field.selectionEnd) return null;
    return completions(field.value, field.selectionStart, this.sources());
  }

  #tab() {
    if (this.isOpen) {
      this.accept(this.#index);
      return true;
    }
    const found = this.#find();
    if (!found) return false; // Tab moves the focus, as everywhere
    this.#open(found);
    if (found.options.length === 1) this.accept(0);
    return true;
  }

  #isTyped() {
    const { start, options } = this.#found;
    const typed = this.field.value.slice(start).trim().toLowerCase();
    return options.some(({ value }) => value.trim().toLowerCase() === typed);
  }

  #open(found) {
    if (!this.isOpen) this.say(plural(found.options.length, "suggestion"));
    this.#found = found;
    this.#index = 0;
    this.#isChosen = false;
    this.list.replaceChildren(...found.options.map(option));
    this.list.hidden = false;
    this.field.setAttribute("aria-controls", this.list.id);
    this.#mark();
  }

  #move(step) {
    const count = this.#found.options.length;
    this.#index = (this.#index + step + count) % count;
    this.#isChosen = true;
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((item, index) => {
      const isMarked = index === this.#index;
      item.setAttribute("aria-selected", String(isMarked));
      if (isMarked) item.scrollIntoView({ block: "nearest" });
    });
    this.field.setAttribute("aria-activedescendant", `suggestion-${this.#index}`);
  }
}

function option({ label, detail }, index) {
  const item = element(
    "li",
    { role: "option", id: `suggestion-${index}` },
    element("bdi", { class: "label" }, label),
    detail ? element("span", { class: "detail" }, detail) : null,
  );
  item.dataset.index = index;
  return item;
}

/** Whether the only option is what stands there already. */
function isComplete({ start, options }, field) {
  const typed = field.value.slice(start, field.selectionStart);
  return options.length === 1 && options[0].value.trim() === typed;
}
