// The list of mails: the newest, and more of them when it is scrolled to its end.

import { getList } from "./api.js";
import { nameOf, shortTime, size } from "./format.js";
import { Rows } from "./rows.js";
import { byId, element } from "./shared/dom.js";

const FIRST = 50; // mails of a request for the newest
const MORE = 200; // of one for older ones

export class List {
  #list = byId("list");
  #rows = new Rows(this.#list, fill);
  #mails = []; // the newest first
  #more = false;
  #loading = null; // the AbortController of a request
  #isStale = false; // the mailbox has changed since that request
  #isUnsure = false; // mails may have been deleted unheard
  #isKnown = false; // the server has answered since the search has changed
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

  /** Whether the server has told what is in it. */
  get isKnown() {
    return this.#isKnown;
  }

  setSearch(text) {
    this.#search = text;
    this.#loading?.abort();
    this.#loading = null;
    this.#isKnown = false;
    this.#show([]);
    return this.refresh();
  }

  /** Ask for the newest mails, and put them in front. */
  async refresh() {
    if (this.#loading) {
      this.#isStale = true;
      return;
    }
    const found = await this.#get({ limit: FIRST });
    if (!found) return;
    const newest = new Set(found.messages.map(({ id }) => id));
    const others = this.#mails.filter(({ id }) => !newest.has(id));
    const overlap = others.length < this.#mails.length;
    if (overlap && found.more && !this.#isUnsure) {
      this.#show([...found.messages, ...others].sort(newestFirst));
    } else {
      this.#more = found.more;
      this.#isUnsure = false;
      this.#show(found.messages);
    }
    this.#isKnown = true;
    this.#shown(found);
    this.#again();
  }

  /** There was no connection for a while: with the next refresh, begin again. */
  distrust() {
    this.#isUnsure = true;
  }

  remove(ids) {
    const gone = new Set(ids);
    const index = this.#mails.findIndex((mail) => mail.id === this.#selected);
    this.#show(this.#mails.filter((mail) => !gone.has(mail.id)));
    if (gone.has(this.#selected)) {
      this.deselect();
      const next = this.#mails[Math.min(index, this.#mails.length - 1)];
      if (next && index >= 0 && this.#list.contains(document.activeElement)) this.select(next.id);
      else this.#open(null);
    }
  }

  /** Nobody knows which mails are left. */
  clear() {
    this.#show([]);
    if (!this.#selected) return;
    this.deselect();
    this.#open(null);
  }

  select(id) {
    const mail = this.#mails.find((one) => one.id === id);
    if (!mail) return;
    this.#selected = id;
    this.#rows.select(id);
    this.#open(mail);
  }

  deselect() {
    this.#selected = "";
    this.#rows.select("");
  }

  /** Select the mail that is `step` rows further down. */
  move(step) {
    const index = this.#mails.findIndex((mail) => mail.id === this.#selected);
    const last = this.#mails.length - 1;
    const next = this.#mails[index < 0 ? 0 : Math.max(0, Math.min(last, index + step))];
    if (next && next.id !== this.#selected) this.select(next.id);
    if (index + 5 > this.#mails.length) this.#loadMore();
  }

  showRead(id) {
    const mail = this.#mails.find((one) => one.id === id);
    if (!mail) return;
    mail.read = true;
    this.#rows.update(mail);
  }

  focus() {
    this.#list.focus();
  }

  #show(mails) {
    this.#mails = mails;
    this.#rows.show(mails);
  }

  async #get(parameters) {
    const controller = (this.#loading = new AbortController());
    try {
      return await getList({ search: this.#search, ...parameters }, controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) this.#complain(error.message);
      return null;
    } finally {
      if (this.#loading === controller) this.#loading = null;
    }
  }

  async #loadMore() {
    if (!this.#more || this.#loading || !this.#mails.length) return;
    const found = await this.#get({ before: this.#mails.at(-1).id, limit: MORE });
    if (!found) return;
    this.#more = found.more;
    const known = new Set(this.#mails.map(({ id }) => id));
    this.#show([...this.#mails, ...found.messages.filter(({ id }) => !known.has(id))]);
    this.#shown(found);
    this.#again();
  }

  /** A request has ended, during which others may have been refused. */
  #again() {
    if (this.#isStale) {
      this.#isStale = false;
      this.refresh();
    } else {
      this.#scrolled();
    }
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    if (scrollTop + 2 * clientHeight > scrollHeight) this.#loadMore();
  }

  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "End") this.move(Infinity);
    else if (event.key === "Enter") byId("message").focus();
    else return;
    event.preventDefault();
  }
}

const newestFirst = (a, b) => b.received - a.received || (a.id < b.id ? 1 : -1);

/** Make what is in the row of a mail. */
function fill(row, mail) {
  row.dataset.read = mail.read;
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
