// The page: the list, the mail that is selected, and what both learn from the server's events.

import { address, deleteMail, deleteMails, markRead } from "./api.js";
import { List } from "./list.js";
import { MessageView } from "./message.js";
import { byId, plural } from "./shared/dom.js";
import { setTheme, theme } from "./shared/themes.js";

const SEARCH_DELAY = 200; // milliseconds after the last key
const counts = { total: 0, unread: 0 };

const message = new MessageView({ remove: removeMail, back: () => leave() });
const list = new List({ open, shown, complain });

function open(mail) {
  message.show(mail);
  if (mail && !mail.read) {
    list.showRead(mail.id);
    markRead(mail.id).catch((error) => complain(error.message));
  }
}

function leave() {
  list.deselect();
  message.show(null);
  list.focus();
}

function shown({ total, unread, complete }) {
  Object.assign(counts, { total, unread });
  if (complete !== undefined) byId("incomplete").hidden = complete; // an event does not say it
  showCounts();
}

function showCounts() {
  const { total, unread } = counts;
  byId("counts").textContent = `${plural(total, "mail")}, ${unread.toLocaleString("en")} unread`;
  document.title = unread ? `(${unread}) Mail` : "Mail";
  byId("delete-all").disabled = !list.length;
  byId("delete-all").textContent = list.search ? "Delete these" : "Delete all";
  const empty = byId("empty");
  empty.hidden = list.length > 0 || !byId("incomplete").hidden;
  empty.textContent = list.search ? "No mail is like that." : "No mail has come yet.";
}

function complain(text) {
  byId("banner").textContent = text;
  byId("banner").hidden = !text;
}

// -- changes -------------------------------------------------------------------------------------

async function confirmed(text) {
  const dialog = byId("dialog");
  byId("dialog-text").textContent = text;
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes";
}

async function removeMail(id) {
  try {
    await deleteMail(id);
    list.focus();
    list.remove([id]);
    byId("status").textContent = "The mail is deleted.";
  } catch (error) {
    if (error.status === 404) list.remove([id]);
    else complain(error.message);
  }
}

byId("delete-all").addEventListener("click", async () => {
  const { search } = list;
  const question = search
    ? `Delete all mails with “${search}”?`
    : `Delete all mails (${counts.total.toLocaleString("en")})?`;
  if (!(await confirmed(question))) return;
  try {
    const { deleted } = await (await deleteMails({ search })).json();
    byId("status").textContent = `${plural(deleted, "mail")} deleted.`;
  } catch (error) {
    complain(error.message);
  }
});

// -- events --------------------------------------------------------------------------------------

function connect() {
  const events = new EventSource(address("events"));
  events.addEventListener("change", (event) => {
    complain("");
    const change = JSON.parse(event.data);
    if (change.total > counts.total) byId("status").textContent = "New mail.";
    if (change.deleted === null) list.clear();
    else list.remove(change.deleted);
    shown(change);
    list.refresh();
  });
  events.addEventListener("error", () => {
    complain("The connection is lost. Trying again…");
    if (events.readyState !== EventSource.CLOSED) return;
    events.close(); // refused: too many pages, or a wrong token
    setTimeout(connect, 5000);
  });
}

// -- search, theme, keys -------------------------------------------------------------------------

let searchTimer = 0;

function search() {
  clearTimeout(searchTimer);
  const text = byId("search").value.trim();
  if (text !== list.search) list.setSearch(text);
}

byId("search").addEventListener("input", () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(search, SEARCH_DELAY);
});
byId("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
  list.focus();
});

const themes = { system: "◐ Auto", light: "○ Light", dark: "● Dark" };

function showTheme() {
  const name = theme();
  byId("theme").textContent = themes[name];
  byId("theme").setAttribute("aria-label", `Theme: ${name}`);
}

byId("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  setTheme(names[(names.indexOf(theme()) + 1) % names.length]);
  showTheme();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("dialog").open) return;
  if (event.target.matches("input")) {
    if (event.key === "Escape") list.focus();
    return;
  }
  const actions = {
    "/": () => byId("search").focus(),
    j: () => list.move(1),
    k: () => list.move(-1),
    "#": () => list.selected && removeMail(list.selected),
    Delete: () => list.selected && removeMail(list.selected),
    Escape: leave,
  };
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});

showTheme();
showCounts();
connect();
