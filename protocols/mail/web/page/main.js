// The page: the list, the mail that is selected, and what both learn from the server's events.

import { deleteMail, deleteMails, markRead } from "./api.js";
import { watch } from "./events.js";
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

/** Show what a list says about the mailbox. An event says less. */
function shown({ total, unread, older, more, complete }) {
  Object.assign(counts, { total, unread });
  if (complete !== undefined) {
    byId("incomplete").hidden = complete;
    byId("incomplete").textContent =
      more || !older
        ? "The server is still reading the mails: some may be missing here."
        : `${plural(older, "older mail")} ${older === 1 ? "is" : "are"} not listed.`;
  }
  showCounts();
}

function showCounts() {
  const { total, unread } = counts;
  byId("counts").textContent = `${plural(total, "mail")}, ${unread.toLocaleString("en")} unread`;
  document.title = unread ? `(${unread}) Mail` : "Mail";
  byId("delete-all").disabled = !list.length;
  byId("delete-all").textContent = list.search ? "Delete these" : "Delete all";
  byId("empty").hidden = !list.isKnown || list.length > 0 || !byId("incomplete").hidden;
  byId("empty-text").textContent = list.search ? "No mail is like that." : "No mail has come yet.";
  byId("empty-hint").hidden = Boolean(list.search);
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
    ? `Delete all mails with “${search}”? They cannot be restored.`
    : `Delete ${plural(counts.total, "mail")}? They cannot be restored.`;
  if (!(await confirmed(question))) return;
  try {
    const { deleted, complete } = await (await deleteMails({ search })).json();
    byId("status").textContent = `${plural(deleted, "mail")} deleted.`;
    if (!complete) {
      complain("Some mails may be left: the server had not searched them, or cannot delete them.");
    }
  } catch (error) {
    complain(error.message);
  }
});

watch({
  changed(change) {
    complain("");
    if (change.total > counts.total) byId("status").textContent = "New mail.";
    if (change.deleted === null) list.clear();
    else list.remove(change.deleted);
    shown(change);
    list.refresh();
  },
  lost(isRefused) {
    list.distrust();
    complain(
      isRefused
        ? "The server refuses live updates: too many pages may watch it. Trying again…"
        : "The connection is lost. Trying again…",
    );
  },
});

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
    if (event.key !== "Escape") return;
    event.preventDefault();
    byId("search").value = "";
    search();
    list.focus();
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
list.refresh();
