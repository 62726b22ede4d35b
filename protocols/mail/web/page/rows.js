// The rows of a long list. Only those in sight are elements of the page: thousands are slow.

const MARGIN = 10; // rows above and below those in sight
const GUESS = 80; // pixels of a row, until one was measured; all have the same height

export class Rows {
  #list;
  #fill;
  #items = [];
  #rows = new Map(); // by id: [row, item]
  #selected = "";
  #height = 0;
  #above = spacer();
  #below = spacer();

  /** `list` scrolls; `fill(row, item)` makes what is in a row. Items have an `id`. */
  constructor(list, fill) {
    this.#list = list;
    this.#fill = fill;
    list.addEventListener("scroll", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(list);
  }

  /** Show these items. What is in sight stays where it is, unless the list is at its beginning. */
  show(items) {
    const { scrollTop } = this.#list;
    const index = Math.floor(scrollTop / this.#step);
    const first = scrollTop > 0 ? this.#items[index] : undefined;
    const now = first ? items.findIndex(({ id }) => id === first.id) : -1;
    this.#items = items;
    this.#draw(now < 0 ? scrollTop : scrollTop + (now - index) * this.#step);
  }

  /** An item has changed. */
  update(item) {
    const [row] = this.#rows.get(item.id) ?? [];
    if (row) this.#fill(row, item);
  }

  /** Select the item with this id, and bring it into sight; "" selects none. */
  select(id) {
    const before = this.#rows.get(this.#selected)?.[0];
    before?.setAttribute("aria-selected", "false");
    this.#selected = id;
    const index = this.#items.findIndex((item) => item.id === id);
    if (index < 0) {
      this.#list.removeAttribute("aria-activedescendant");
      return;
    }
    const { scrollTop, clientHeight } = this.#list;
    const top = index * this.#step;
    this.#draw(Math.max(Math.min(scrollTop, top), top + this.#step - clientHeight));
    const [row] = this.#rows.get(id);
    row.setAttribute("aria-selected", "true");
    this.#list.setAttribute("aria-activedescendant", row.id);
  }

  get #step() {
    return this.#height || GUESS;
  }

  #draw(scrollTop = this.#list.scrollTop) {
    const step = this.#step;
    const end = (scrollTop + this.#list.clientHeight) / step;
    const first = Math.max(0, Math.floor(scrollTop / step) - MARGIN);
    const last = Math.min(this.#items.length, Math.ceil(end) + MARGIN);
    const old = this.#rows;
    this.#rows = new Map();
    const rows = [];
    for (let index = first; index < last; index++) rows.push(this.#row(index, old));
    this.#above.style.height = `${first * step}px`;
    this.#below.style.height = `${Math.max(0, this.#items.length - last) * step}px`;
    const children = [this.#above, ...rows, this.#below];
    const shown = this.#list.children;
    if (children.length !== shown.length || children.some((child, i) => child !== shown[i])) {
      this.#list.replaceChildren(...children);
    }
    if (this.#list.scrollTop !== scrollTop) this.#list.scrollTop = scrollTop;
    this.#measure(rows[0]);
  }

  #row(index, old) {
    const item = this.#items[index];
    const known = old.get(item.id);
    const row = known?.[0] ?? document.createElement("li");
    if (!known) {
      row.className = "row";
      row.id = `row-${item.id}`;
      row.dataset.id = item.id;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(item.id === this.#selected));
    }
    if (known?.[1] !== item) this.#fill(row, item);
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.#items.length);
    this.#rows.set(item.id, [row, item]);
    return row;
  }

  /** The height changes with the size of the font. */
  #measure(row) {
    const height = row?.getBoundingClientRect().height ?? 0;
    if (!height || Math.abs(height - this.#height) < 0.1) return; // nothing is drawn while hidden
    const index = this.#list.scrollTop / this.#step;
    this.#height = height;
    this.#draw(index * height);
  }
}

function spacer() {
  const made = document.createElement("li");
  made.setAttribute("role", "presentation");
  return made;
}
