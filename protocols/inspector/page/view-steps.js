// The substance of the turn: what each step has done, or is going to do.

import { count, duration } from "./format.js";
import { byId, element } from "./shared/dom.js";
import { isWhole, STEPS, substanceOf, tookOf } from "./steps.js";

const MOST_ITEMS = 6; // of a step, unless the list is unfolded
const CALM = 350; // milliseconds for which a sampled turn stays, at full speed
const CALM_WORK = 1500; // and one with work, before the list shows that the loop waits

export class StepsView {
  #rows;
  #shown = null; // what the list was made of
  #at = 0;
  #timer = 0;
  #open = new Set(); // steps that are unfolded

  constructor() {
    this.#rows = STEPS.map(({ title }, index) => {
      const text = element("p", { class: "step-text" });
      const items = element("ul", { class: "step-items" });
      const took = element("span", { class: "took" });
      const row = element(
        "li",
        { class: "step", "data-step": String(index + 1) },
        element("span", { class: "step-number", "aria-hidden": "true" }, String(index + 1)),
        element("h3", {}, title),
        element("div", { class: "step-substance" }, text, items),
        took,
      );
      return { row, text, items, took, key: "" };
    });
    byId("steps").append(...this.#rows.map(({ row }) => row));
  }

  show(state, { mode }) {
    const isCalm = mode === "running";
    clearTimeout(this.#timer);
    const isLess = isWhole(this.#shown?.[0]) && !isWhole(state.turn);
    const calm = isLess ? CALM_WORK : CALM;
    const wait = isCalm ? this.#at + calm - performance.now() : 0;
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#show(state, mode), wait);
    } else {
      this.#show(state, mode);
    }
  }

  #show(state, mode) {
    const { turn, pending } = state;
    this.#at = performance.now();
    const key = [turn, pending, mode, state.descriptors?.rows];
    if (this.#shown?.every((part, index) => part === key[index])) return;
    this.#shown = key;
    const substance = substanceOf(turn, pending, peersOf(state));
    for (const [index, part] of substance.entries()) {
      this.#showStep(index, part, part.phase === "done" ? tookOf(turn, index + 1) : null);
    }
    const number = turn ? count(turn.turn) : "–";
    const sampled = state.steps?.sampled;
    let note = "";
    if (mode === "running" && sampled) note = `, 1 of ${count(sampled)} turns measured`;
    else if (mode === "running" && isWhole(turn)) note = ", a sample";
    byId("steps-hint").textContent = `turn ${number}${note}`;
  }

  #showStep(index, { phase, text, items }, took) {
    const { row, ...shown } = this.#rows[index];
    const key = JSON.stringify([phase, text, items, took, this.#open.has(index)]);
    if (this.#rows[index].key === key) return;
    this.#rows[index].key = key;
    row.dataset.phase = phase;
    if (phase === "next") row.setAttribute("aria-current", "step");
    else row.removeAttribute("aria-current");
    shown.text.replaceChildren(...breakable(text));
    shown.took.textContent = took !== null && took >= 0.5e-6 ? duration(took) : "";
    const isLong = items.length > MOST_ITEMS + 1; // "and 1 more" would take as much room
    const most = isLong && !this.#open.has(index) ? MOST_ITEMS : items.length;
    const made = items.slice(0, most).map((item) => itemOf(item, items.length > 1));
    row.classList.toggle("wide", items.length > 1 ? Boolean(items[0].name) : isWide(items[0]));
    if (isLong) made.push(this.#folder(index, items.length - most));
    shown.items.replaceChildren(...made);
    shown.items.hidden = !items.length;
    if (phase === "next") scrollTo(row);
  }

  #folder(index, hidden) {
    const unfold = () => {
      if (!this.#open.delete(index)) this.#open.add(index);
      this.#shown = null;
      this.#rows[index].items.querySelector("button")?.blur();
      this.onfold?.();
    };
    const label = hidden ? `and ${count(hidden)} more` : "fewer";
    return element(
      "li",
      {},
      element("button", { type: "button", class: "fold", onclick: unfold }, label),
    );
  }
}

/** Whether one item alone needs the whole width of the list. */
const isWide = (item) => Boolean(item?.name && item.detail);

/** Show a row of the list without moving the page. */
function scrollTo(row) {
  const list = byId("steps");
  const top = row.offsetTop - list.offsetTop;
  const bottom = top + row.offsetHeight;
  if (top < list.scrollTop) list.scrollTop = top - 4;
  else list.scrollTop = Math.max(list.scrollTop, bottom - list.clientHeight + 4);
}

/** A function that returns the peer of a descriptor, as far as the page knows it. */
function peersOf(state) {
  const rows = state.descriptors?.rows ?? {};
  return (fd, pending = state.pending) =>
    pending?.handlers?.[fd]?.peer ?? rows[fd]?.peer ?? rows[fd]?.address ?? "";
}

/** Return a name that can go on in the next line after a dot. */
function breakable(name) {
  const parts = name.split(/(?<=[a-z]\.)/i);
  return parts.flatMap((part, index) => (index ? [element("wbr"), part] : [part]));
}

/** `isOneOfMany`: of one, the time that it took is that of the step. */
function itemOf({ fd, letters, name, detail, took, isStuck }, isOneOfMany) {
  const item = element("li", { class: `item${isStuck ? " stuck" : ""}${name ? "" : " short"}` });
  if (fd !== null && fd !== undefined) {
    item.append(element("span", { class: "fd", title: `Descriptor ${fd}` }, String(fd)), " ");
  }
  for (const letter of letters ?? "") {
    item.append(element("span", { class: `light lit ${letter}`, "aria-hidden": "true" }, letter));
  }
  if (name) item.append(" ", element("bdi", { class: "item-name" }, ...breakable(name)));
  if (detail) item.append(" ", element("span", { class: "detail" }, detail));
  if (took && isOneOfMany) {
    item.append(" ", element("span", { class: "item-took" }, duration(took)));
  }
  return item;
}
