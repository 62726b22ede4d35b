// The list of mails: a window of the newest, which grows when it is scrolled to its end.

import { getList } from "./api.js";
import { nameOf, shortTime, size } from "./format.js";
import { byId, element } from "./shared/dom.js";

const PAGE = 50; // mails of a request

export class List {
  #list = byId("list");
  #mails = []; // the newest first
  #rows = new Map(); // by id
  #more = false;
  #loading = null; // the AbortController of a request
  #isStale = false; // the list has changed since that request
  #search = "";
  #selected = "";
  #open;
  #complain;
  #shown;

  /**
   * `open(mail)` is called when one is selected, or with null when it is gone; `shown(counts)` when
   * the list has come; `complain(text)` when it cannot.
   */
  constructor({ open, shown, complain }) {
    this.#open = open;
    this.#shown = shown;
    this.#complain = complain;
    this.#list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.select(row.dataset.id);
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("scroll", () => this.#scrolled());
  }

  get selected() {
    return this.#selected;
  }

  get search() {
    return this.#search;
  }

  get length() {
    return this.#mails.length;
  }

  setSearch(text) {
    this.#search = text;
    this.#loading?.abort();
    this.#loading = null;
    this.#replace([]);
    return this.refresh();
  }

  /** Ask for the newest mails, and put them in front. */
  async refresh() {
    if (this.#loading) {
      this.#isStale = true;
      return;
    }
    const found = await this.#get({});
    if (!found) return;
    const known = found.messages.findIndex((mail) => this.#rows.has(mail.id));
    if (known < 0 || !found.more) {
      this.#more = found.more;
      this.#replace(found.messages);
    } else {
      this.#merge(found.messages);
    }
    this.#shown(found);
    if (this.#isStale) {
      this.#isStale = false;
      this.refresh();
    }
  }

  remove(ids) {
    const gone = new Set(ids);
    const index = this.#mails.findIndex((mail) => mail.id === this.#selected);
    this.#mails = this.#mails.filter((mail) => !gone.has(mail.id));
    for (const id of gone) {
      this.#rows.get(id)?.remove();
      this.#rows.delete(id);
    }
    if (gone.has(this.#selected)) {
      this.#selected = "";
      const next = this.#mails[Math.min(index, this.#mails.length - 1)];
      if (next && index >= 0 && this.#list.contains(document.activeElement)) this.select(next.id);
      else this.#open(null);
    }
  }

  /** Nobody knows which mails are left. */
  clear() {
    this.#replace([]);
    if (!this.#selected) return;
    this.deselect();
    this.#open(null);
  }

  select(id) {
    const mail = this.#mails.find((one) => one.id === id);
    if (!mail) return;
    if (this.#selected) this.#rows.get(this.#selected)?.setAttribute("aria-selected", "false");
    this.#selected = id;
    const row = this.#rows.get(id);
    row.setAttribute("aria-selected", "true");
    this.#list.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
    this.#open(mail);
  }

  deselect() {
    if (this.#selected) this.#rows.get(this.#selected)?.setAttribute("aria-selected", "false");
    this.#selected = "";
    this.#list.removeAttribute("aria-activedescendant");
  }

  /** Select the mail that is `step` rows further down. */
  move(step) {
    const index = this.#mails.findIndex((mail) => mail.id === this.#selected);
    const next = this.#mails[index < 0 ? 0 : index + step];
    if (next) this.select(next.id);
    if (index + 5 > this.#mails.length) this.#loadMore();
  }

  showRead(id) {
    const mail = this.#mails.find((one) => one.id === id);
    if (!mail) return;
    mail.read = true;
    this.#update(mail);
  }

  focus() {
    this.#list.focus();
  }

  async #get(parameters) {
    const controller = (this.#loading = new AbortController());
    try {
      const query = { search: this.#search, limit: PAGE, ...parameters };
      return await getList(query, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.#complain(error.message);
      return null;
    } finally {
      if (this.#loading === controller) this.#loading = null;
    }
  }

  async #loadMore() {
    if (!this.#more || this.#loading || !this.#mails.length) return;
    const found = await this.#get({ before: this.#mails.at(-1).id });
    if (!found) return;
    this.#more = found.more;
    for (const mail of found.messages.filter((one) => !this.#rows.has(one.id))) {
      this.#mails.push(mail);
      this.#list.append(this.#row(mail));
    }
    this.#shown(found);
    if (this.#isStale) {
      this.#isStale = false;
      this.refresh();
    }
  }

  /** Put in front what is new in `mails`, which have some of those that are shown. */
  #merge(mails) {
    const added = [];
    for (const mail of mails) {
      if (this.#rows.has(mail.id)) this.#update(mail);
      else added.push(mail);
    }
    const all = [...this.#mails, ...added];
    all.sort((a, b) => b.received - a.received || (a.id < b.id ? 1 : -1));
    this.#mails = all;
    for (const mail of added.reverse()) {
      const next = all[all.indexOf(mail) + 1];
      this.#list.insertBefore(this.#row(mail), next ? (this.#rows.get(next.id) ?? null) : null);
    }
  }

  #replace(mails) {
    const old = this.#rows;
    this.#mails = mails;
    this.#rows = new Map();
    const rows = mails.map((mail) => {
      const row = old.get(mail.id);
      if (!row) return this.#row(mail);
      this.#rows.set(mail.id, row);
      this.#update(mail);
      return row;
    });
    const isSame =
      rows.length === this.#list.children.length &&
      rows.every((row, index) => row === this.#list.children[index]);
    if (!isSame) this.#list.replaceChildren(...rows);
  }

  #row(mail) {
    const row = element("li", {
      role: "option",
      class: "row",
      id: `row-${mail.id}`,
      "data-id": mail.id,
      "aria-selected": String(mail.id === this.#selected),
    });
    this.#rows.set(mail.id, row);
    this.#update(mail);
    return row;
  }

  #update(mail) {
    const row = this.#rows.get(mail.id);
    row.dataset.read = mail.read;
    // Rows that are out of sight are not drawn, and would have no name.
    row.setAttribute("aria-label", spoken(mail));
    row.replaceChildren(
      element(
        "div",
        { class: "row-top" },
        element("bdi", { class: "from", title: mail.from }, nameOf(mail.from) || "(no sender)"),
        mail.to ? element("bdi", { class: "to", title: mail.to }, `to ${nameOf(mail.to)}`) : null,
        element("time", {}, shortTime(mail.received)),
      ),
      element(
        "div",
        { class: "row-subject" },
        element("bdi", {}, mail.subject || "(no subject)"),
        mail.attachments ? clip() : null,
      ),
      element(
        "div",
        { class: "row-more" },
        element("bdi", {}, mail.snippet || "(no text)"),
        element("span", { class: "size" }, size(mail.size)),
      ),
    );
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    if (scrollTop + 2 * clientHeight > scrollHeight) this.#loadMore();
  }

  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Home" && this.#mails.length) this.select(this.#mails[0].id);
    else if (event.key === "End" && this.#mails.length) this.select(this.#mails.at(-1).id);
    else if (event.key === "Enter") byId("message").focus();
    else return;
    event.preventDefault();
  }
}

function clip() {
  const icon = byId("clip").cloneNode(true);
  icon.removeAttribute("id");
  return element("span", { class: "clip", title: "Has attachments" }, icon);
}

const spoken = (mail) =>
  [
    mail.read ? "" : "Unread",
    nameOf(mail.from) || "No sender",
    mail.subject || "No subject",
    mail.attachments ? "with attachments" : "",
    shortTime(mail.received),
  ]
    .filter(Boolean)
    .join(", ");
