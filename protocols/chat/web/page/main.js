// The page: makes its parts and connects them.

import { Actions } from "./actions.js";
import { Composer } from "./composer.js";
import { openWelcome } from "./dialogs.js";
import { Drawers } from "./drawers.js";
import { harmless } from "./format.js";
import { Frames } from "./frames.js";
import { drawIcons } from "./icons.js";
import { handleKeys } from "./keys.js";
import { Model } from "./model.js";
import { Attention, notify } from "./notify.js";
import { Session } from "./session.js";
import { byId, element } from "./shared/dom.js";
import { settings, storeTab, takeSession, takeTab } from "./storage.js";
import { LogView } from "./view-log.js";
import { MembersView } from "./view-members.js";
import { MeView, PlaceView } from "./view-place.js";
import { RoomsView } from "./view-rooms.js";
import { StatusView } from "./view-status.js";

const WARNING_TIME = 10_000; // milliseconds

const frames = new Frames(show);
const changed = (what) => frames.request(what);

const model = new Model({
  changed,
  alerted: (line, room) => {
    if (settings.notify && !isLooking()) notify(line, room, () => actions.open(room));
  },
  isReading: (room) => room === model.current && isLooking() && logView.isAtEnd,
  renamed: (name) => {
    session.wanted = name;
    settings.set("name", name);
  },
});

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const session = new Session(`${scheme}//${location.host}/`, model, {
  refused: (text, entry) => {
    warn(text);
    if (entry && entry.place === (model.current?.key ?? "")) composer.giveBack(entry.shown);
    else if (entry && !entry.place) composer.giveBack(entry.text);
  },
  changed: () => {
    changed("status");
    changed("me");
    changed("log");
  },
  listed: (rooms) => actions.listed(rooms),
});

const composer = new Composer(
  {
    form: byId("composer"),
    field: byId("text"),
    list: byId("suggestions"),
    counter: byId("counter"),
    button: byId("send"),
  },
  {
    send: (lines) => {
      const isTaken = actions.say(lines);
      if (isTaken) logView.toEnd();
      return isTaken;
    },
    limits: () => session.limits,
    sources: () => ({
      commands: session.commands,
      names: (model.current?.names() ?? []).filter((name) => name !== model.me),
      rooms: [...new Set([...model.channels().map((room) => room.name), ...actions.roomsKnown])],
    }),
    warn,
    say,
    page: (pages) => logView.page(pages),
  },
);

const actions = new Actions(model, session, { warn, changed: () => logView.redraw(), composer });

const logView = new LogView(
  {
    scroller: byId("scroller"),
    log: byId("log"),
    waiting: byId("waiting"),
    empty: byId("empty"),
    jump: byId("jump"),
    jumpLabel: byId("jump-label"),
  },
  { model, session, shows: settings, read: () => isLooking() && model.markRead() },
);

const drawers = new Drawers({
  app: byId("app"),
  main: byId("main"),
  side: byId("side"),
  sideOpen: byId("side-open"),
  sideClose: byId("side-close"),
  members: byId("members-panel"),
  membersOpen: byId("members-open"),
  membersClose: byId("members-close"),
  scrim: byId("scrim"),
});

const roomsView = new RoomsView(
  {
    rooms: byId("rooms"),
    conversations: byId("conversations"),
    noConversations: byId("no-conversations"),
  },
  model,
  {
    open: (room) => {
      actions.open(room);
      drawers.close();
      composer.focus();
    },
    close: (room) => actions.leave(room),
  },
);
const membersView = new MembersView(
  {
    panel: byId("members-panel"),
    list: byId("members"),
    filter: byId("filter"),
    count: byId("members-total"),
    more: byId("members-more"),
  },
  model,
);
const placeView = new PlaceView(
  {
    app: byId("app"),
    title: byId("title"),
    topic: byId("topic"),
    membersCount: byId("members-count"),
    membersButton: byId("members-open"),
    log: byId("log"),
  },
  model,
);
const meView = new MeView({ me: byId("me") }, model, session);
const statusView = new StatusView({ bar: byId("bar") }, session, {
  retry: () => session.connection.connect(),
  say,
});
const attention = new Attention(byId("icon"));

function show(what) {
  if (what.has("place")) {
    placeView.update();
    showGone();
    composer.show(model.current);
  }
  if (what.has("members")) membersView.update();
  if (what.has("log")) logView.update();
  if (logView.isAtEnd && isLooking()) model.markRead();
  if (what.has("rooms")) {
    roomsView.update();
    byId("side-dot").hidden = !model.places().some((room) => room !== model.current && room.unread);
  }
  if (what.has("me")) meView.update();
  if (what.has("status")) statusView.update();
  attention.update(
    model.places(),
    model.current,
    session.state === "connected" || session.state === "idle",
  );
}

function isLooking() {
  return !document.hidden && document.hasFocus();
}

/** A room in which the user is not any more has this instead of the message field. */
function showGone() {
  const room = model.current;
  const bar = byId("gone");
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = !room?.gone;
  byId("composer").hidden = Boolean(room?.gone);
  if (!room?.gone) {
    if (hadFocus) composer.focus();
    return;
  }
  bar.replaceChildren(
    element("p", {}, element("bdi", {}, harmless(room.gone))),
    element(
      "button",
      { type: "button", class: "small primary", onclick: () => actions.join(room.name) },
      "Join again",
    ),
    element(
      "button",
      { type: "button", class: "small", onclick: () => model.close(room) },
      "Close",
    ),
  );
}

let warningTimer = 0;

/** Show why something was not done, near the message field; "" to remove it. */
function warn(text) {
  clearTimeout(warningTimer);
  byId("warning").textContent = harmless(text);
  if (text) warningTimer = setTimeout(() => warn(""), WARNING_TIME);
}

/** Tell `text` to those who cannot see. */
function say(text) {
  byId("status").textContent = text;
}

function listen() {
  byId("go").addEventListener("click", () => actions.goTo());
  byId("browse").addEventListener("click", () => actions.browse());
  byId("me").addEventListener("click", () => actions.settings());
  byId("topic").addEventListener("click", () => actions.details());
  byId("waiting").addEventListener("click", ({ target }) => {
    const act = target.closest("[data-act]");
    if (!act) return;
    const ref = Number(act.closest("li").dataset.ref);
    const entry = session.outbox.entries.find((other) => other.ref === ref);
    if (entry) session[act.dataset.act](entry);
    composer.focus();
  });
  document.addEventListener("click", ({ target }) => {
    const member = target.closest?.("[data-member]");
    const room = target.closest?.("[data-join]");
    if (member) actions.memberMenu(member.dataset.member, member);
    else if (room) actions.join(room.dataset.join);
  });
  addEventListener("focus", () => changed("rooms"));
  addEventListener("pagehide", putAway);
  addEventListener("pageshow", (event) => event.persisted && takeSession());
  handleKeys({ actions, composer, drawers, logView });
}

function putAway() {
  composer.store();
  const stored = session.stored();
  const tab = (count) => ({ ...model.stored(count), wanted: session.wanted });
  storeTab(tab, stored.secret ? stored : null);
}

function start() {
  drawIcons();
  listen();
  session.wanted = settings.name;
  try {
    goOn(takeTab());
  } catch {
    model.forget(); // another version of the page has stored something else
  }
  for (const what of ["place", "members", "log", "rooms", "me", "status"]) changed(what);
  if (session.wanted) return enter();
  openWelcome({
    limit: session.limits.name,
    chosen: (name) => {
      if (name) settings.set("name", name);
      session.wanted = name;
      enter();
    },
  });
}

/** Go on where `tab`, the same tab before a reload, was. */
function goOn(tab) {
  if (!tab) return;
  model.restore(tab);
  if (tab.session) session.restore(tab.session);
  session.wanted = tab.wanted;
}

function enter() {
  session.connection.connect();
  composer.focus();
}

start();
