// The table of descriptors. The server sends only the rows on screen; the page says which.

import { age, bytes, count } from "./format.js";
import { queueBar } from "./queue-bar.js";
import { byId, element, plural } from "./shared/dom.js";
import { rowsToAsk, visibleRows } from "./window.js";

const FILTER_HELP =
  "Words, or kind:TLS, peer:10.0, queued>64k, silence>60, age<5m, paused, closing; " +
  "- before a term excludes what matches it";
const RECENT = 0.7; // seconds for which a row is lit after an event
const FILTER_DELAY = 250; // milliseconds after the last key

// `sort`: what the server calls it. `numbers`: the largest first at the first click.
const COLUMNS = [
  { sort: "fd", title: "FD", name: "Descriptor" },
  { sort: "kind", title: "Kind" },
  { sort: "protocol", title: "Protocol" },
  { sort: "peer", title: "Peer" },
  { sort: "interest", title: "R W", name: "Interest" },
  { sort: "received", title: "In", name: "Bytes in", numbers: true },
  { sort: "sent", title: "Out", name: "Bytes out", numbers: true },
  { sort: "queued", title: "Write queue", numbers: true },
  { sort: "age", title: "Age", numbers: true },
  { sort: "silence", title: "Silence", numbers: true },
];
export class DescriptorsView {
  #ask;
  #view = { sort: "fd", order: "asc", filter: "" };
  #asked = null; // {first, count}
  #body = element("tbody", { role: "rowgroup" });
  #above = element("tr", { class: "space", "aria-hidden": "true" });
  #below = element("tr", { class: "space", "aria-hidden": "true" });
  #rows = []; // a pool of Row objects
  #headers = new Map();
  #state = null;
  #kinds = ""; // what the totals were made of
  #chips = new Map();
  #filterTimer = 0;

  /** `ask(view)` is called when other rows are wanted. */
  constructor(ask) {
    this.#ask = ask;
    this.#makeHead();
    this.#body.append(this.#above, this.#below);
    byId("descriptors").append(this.#body);
    this.#makeFields();
    const scroller = byId("scroller");
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#scrolled()).observe(scroller);
  }

  /** The server does not understand the filter, and says so in one line; "" if it does. */
  refused(problem) {
    const filter = byId("filter");
    filter.setAttribute("aria-invalid", String(problem !== ""));
    filter.title = problem || FILTER_HELP;
    byId("filter-problem").textContent = problem;
  }

  /** Another source is shown: it is told what is wanted. */
  restart() {
    this.#asked = null;
    this.#scrolled();
  }

  show(state) {
    const isSame =
      this.#state?.descriptors === state.descriptors && this.#state.loop.time === state.loop.time;
    this.#state = state;
    if (isSame) return;
    this.#showTotals();
    this.#showRows();
  }

  // -- what is wanted -----------------------------------------------------------------------------

  #makeHead() {
    const row = element("tr", { role: "row" });
    for (const { sort, title, name } of COLUMNS) {
      const button = element(
        "button",
        { type: "button", title: name ?? "", onclick: () => this.#sortBy(sort) },
        title,
        element("span", { class: "arrow", "aria-hidden": "true" }),
      );
      const properties = { role: "columnheader", class: `c-${sort}`, scope: "col" };
      const header = element("th", properties, button);
      this.#headers.set(sort, header);
      row.append(header);
    }
    byId("descriptors").append(element("thead", { role: "rowgroup" }, row));
    this.#showSort();
  }

  #makeFields() {
    const sort = byId("sort");
    for (const { sort: value, title, name } of COLUMNS) {
      sort.append(element("option", { value }, name ?? title));
    }
    sort.addEventListener("change", () => this.#sortBy(sort.value));
    const filter = byId("filter");
    filter.title = FILTER_HELP;
    filter.addEventListener("input", () => {
      clearTimeout(this.#filterTimer);
      this.#filterTimer = setTimeout(() => this.#change({ filter: filter.value }), FILTER_DELAY);
    });
  }

  #sortBy(sort) {
    const isNumber = COLUMNS.find((column) => column.sort === sort).numbers;
    const first = isNumber ? "desc" : "asc";
    const other = this.#view.order === "asc" ? "desc" : "asc";
    this.#change({ sort, order: this.#view.sort === sort ? other : first });
  }

  #filterBy(text) {
    byId("filter").value = text;
    this.#change({ filter: text });
  }

  #change(changes) {
    this.#view = { ...this.#view, ...changes };
    this.#showSort();
    byId("scroller").scrollTop = 0;
    this.#asked = null;
    this.#kinds = "";
    if (this.#state) this.#showTotals();
    this.#scrolled();
  }

  #showSort() {
    const { sort, order } = this.#view;
    for (const [name, header] of this.#headers) {
      if (name === sort) {
        header.setAttribute("aria-sort", order === "asc" ? "ascending" : "descending");
      } else header.removeAttribute("aria-sort");
    }
    byId("sort").value = sort;
  }

  #visible() {
    const scroller = byId("scroller");
    return visibleRows({
      scrollTop: scroller.scrollTop,
      height: scroller.clientHeight,
      rowHeight: rowHeight(scroller),
      total: this.#state?.descriptors?.matching ?? 0,
    });
  }

  #scrolled() {
    const total = this.#state?.descriptors?.matching ?? 0;
    const asked = rowsToAsk(this.#visible(), this.#asked, total);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#ask({ ...this.#view, ...asked });
    }
    if (this.#state) this.#showRows();
  }

  // -- what is shown ------------------------------------------------------------------------------

  #showTotals() {
    const { descriptors } = this.#state;
    const { total = 0, matching = 0, kinds = {} } = descriptors ?? {};
    const key = JSON.stringify([total, matching, kinds, this.#view.filter]);
    if (key === this.#kinds) return;
    this.#kinds = key;
    this.#showChips(kinds);
    const title = byId("descriptors-title");
    title.textContent = "Descriptors ";
    const shown = matching === total ? count(total) : `${count(matching)} of ${count(total)}`;
    title.append(element("span", { class: "total" }, shown));
    byId("descriptors").setAttribute("aria-rowcount", String(matching + 1));
    const none = byId("no-descriptors");
    none.hidden = matching > 0;
    const { filter } = this.#view;
    none.textContent = filter ? `None matches “${filter}”.` : "None is open.";
  }

  /** A button for each kind. They stay the same elements: one may have the focus. */
  #showChips(kinds) {
    const sorted = Object.entries(kinds).sort(([, a], [, b]) => b - a);
    const items = sorted.map(([kind, number]) => {
      const chip = this.#chips.get(kind) ?? this.#makeChip(kind);
      chip.number.textContent = count(number);
      const isOn = this.#view.filter === `kind:${kind}`;
      chip.button.setAttribute("aria-pressed", String(isOn));
      return chip.item;
    });
    const shown = [...byId("kinds").children];
    const isSame =
      items.length === shown.length && items.every((item, index) => item === shown[index]);
    if (!isSame) byId("kinds").replaceChildren(...items);
  }

  #makeChip(kind) {
    const filter = `kind:${kind}`;
    const number = element("b", {});
    const toggle = () => this.#filterBy(this.#view.filter === filter ? "" : filter);
    const button = element(
      "button",
      { type: "button", class: "chip", "data-kind": kind, onclick: toggle },
      `${kind} `,
      number,
    );
    const chip = { item: element("li", {}, button), button, number };
    this.#chips.set(kind, chip);
    return chip;
  }

  #showRows() {
    const { descriptors, loop } = this.#state;
    const { first = 0, order = [], rows = {}, matching = 0 } = descriptors ?? {};
    const visible = this.#visible();
    const from = Math.max(0, visible.first - 2);
    const to = Math.min(matching, visible.first + visible.count + 2);
    const height = rowHeight(byId("scroller"));
    this.#above.style.height = `${from * height}px`;
    this.#below.style.height = `${Math.max(0, matching - to) * height}px`;
    this.#keep(to - from);
    for (const [offset, row] of this.#rows.entries()) {
      const index = from + offset;
      const fd = order[index - first];
      row.show(index, fd === undefined ? null : rows[fd], loop.time);
    }
  }

  #keep(number) {
    while (this.#rows.length > Math.max(0, number)) this.#rows.pop().element.remove();
    while (this.#rows.length < number) {
      const row = new Row();
      this.#rows.push(row);
      this.#below.before(row.element);
    }
  }
}

const rowHeight = (scroller) =>
  Number.parseFloat(getComputedStyle(scroller).getPropertyValue("--row")) || 32;

/** A row of the table. Its cells are changed only where the value has changed. */
class Row {
  #cells = {};
  #row = null;
  #index = -1;
  #texts = {};
  #isRecent = false;

  constructor() {
    this.element = element("tr", { role: "row", class: "row" });
    for (const { sort, title } of COLUMNS) {
      const cell = element("td", { role: "cell", class: `c-${sort}`, "data-title": title });
      this.#cells[sort] = cell;
      this.element.append(cell);
    }
  }

  show(index, row, now) {
    if (index !== this.#index) {
      this.#index = index;
      this.element.setAttribute("aria-rowindex", String(index + 2)); // the header is the first
    }
    if (!row) {
      this.element.classList.add("unknown");
      return;
    }
    if (row !== this.#row) this.#showRow(row);
    // These grow without any change of the row.
    const { opened = null, last_time: last = null } = row;
    this.#text("age", opened === null ? "–" : age(now - opened));
    this.#text("silence", last === null ? "–" : age(now - last));
    // Not an animation: with many events, it would keep the page busy.
    const isRecent = last !== null && now - last < RECENT;
    if (isRecent === this.#isRecent) return;
    this.#isRecent = isRecent;
    this.element.classList.toggle("recent", isRecent);
  }

  #showRow(row) {
    this.#row = row;
    this.element.classList.remove("unknown");
    this.#text("fd", String(row.fd));
    this.#text("kind", row.kind);
    this.element.dataset.kind = row.kind;
    const protocol = row.protocol ?? row.handler ?? "–";
    this.#text("protocol", protocol);
    this.#cells.protocol.title = protocol; // it may be cut
    this.#part("peer", peerKey(row), () => peerOf(row));
    const lights = [row.interest, row.last_event, row.reading_paused];
    this.#part("interest", lights.join(), () => lightsOf(row));
    const { received = null, sent = null } = row;
    this.#text("received", received === null ? "–" : bytes(received));
    this.#text("sent", sent === null ? "–" : bytes(sent));
    const queue = [row.queued, row.limit, row.low_water, row.high_water, row.writing_paused];
    this.#part("queued", queue.join(), () => queueBar(row));
  }

  #text(name, text) {
    if (this.#texts[name] === text) return;
    this.#texts[name] = text;
    this.#cells[name].textContent = text;
  }

  #part(name, key, make) {
    if (this.#texts[name] === key) return;
    this.#texts[name] = key;
    this.#cells[name].replaceChildren(...make());
  }
}

const BADGES = [
  ["closing", "closing", "It is being closed"],
  ["paused", "paused", "It does not accept connections"],
];

const badgesOf = (row) => BADGES.filter(([name]) => row[name]);

const peerKey = (row) =>
  [row.peer, row.address, row.connections, ...badgesOf(row).map(([name]) => name)].join("|");

function peerOf(row) {
  const name = row.peer ?? row.address ?? "–";
  const cell = element(
    "div",
    { class: "peer-cell" },
    element("bdi", { class: "peer", title: name }, name),
  );
  if (row.connections !== null && row.connections !== undefined) {
    const title = plural(row.connections, "connection");
    cell.append(element("span", { class: "state", title }, `× ${count(row.connections)}`));
  }
  for (const [, words, title] of badgesOf(row)) {
    cell.append(element("span", { class: "state warn", title }, words));
  }
  return [cell];
}

const INTEREST = { R: "reads", W: "writes", RW: "reads and writes", "": "none" };

function lightsOf(row) {
  const interest = row.interest ?? null;
  const words = interest === null ? "not known" : (INTEREST[interest] ?? interest);
  const last = row.last_event ? `, last event ${row.last_event}` : "";
  const paused = row.reading_paused ? ", reading paused" : "";
  return [
    element("span", { class: "visually-hidden" }, words + paused + last),
    ...["R", "W"].map((letter) => {
      const lit = interest?.includes(letter) ? " lit" : "";
      const recent = row.last_event?.includes(letter) ? " last" : "";
      const isPaused = letter === "R" && row.reading_paused;
      const waits = letter === "R" ? "waits for data" : "waits until it can write";
      const title = isPaused ? "reading is paused" : lit ? waits : "";
      const state = isPaused ? " paused" : lit;
      return element(
        "span",
        { class: `light ${letter}${state}${recent}`, "aria-hidden": "true", title },
        letter,
      );
    }),
    ...[..."EH"].filter((letter) => row.last_event?.includes(letter)).map(troubleOf),
  ];
}

function troubleOf(letter) {
  const title = letter === "E" ? "error" : "hang-up";
  return element("span", { class: "light lit E", "aria-hidden": "true", title }, letter);
}
