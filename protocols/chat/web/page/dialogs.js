// The dialogs: welcome, settings, help, rooms to join, going to a room, and the details of a room.

import { form, labelled, openDialog } from "./dialog.js";
import { formatted } from "./format.js";
import { askPermission, canNotify } from "./notify.js";
import { element, plural } from "./shared/dom.js";
import { setTheme, theme } from "./shared/themes.js";
import { settings } from "./storage.js";
import { avatar } from "./view-line.js";
import { MODE_NAMES } from "./wording.js";

const NAME_HINT = "Letters from A to Z, digits, and _ - . [ ] { } \\ | ^ `";
const NAME = "[A-Za-z0-9_.\\-\\[\\]\\{\\}\\\\\\|\\^`]+";

function nameField(value, limit) {
  return element("input", {
    type: "text",
    value,
    required: true,
    maxLength: limit,
    pattern: NAME,
    title: NAME_HINT,
    autocomplete: "nickname",
    autocapitalize: "off",
    spellcheck: false,
    "data-first": "",
  });
}

const button = (label, className, run) =>
  element("button", { class: className, type: run ? "button" : "submit", onclick: run }, label);

/** Ask a new user for a name. `chosen(name)`: "" for a guest. */
export function openWelcome({ limit, chosen }) {
  const field = nameField("", limit);
  let name = "";
  const tile = element("div", { class: "welcome-avatar" }, avatar("?"));
  field.addEventListener("input", () => tile.replaceChildren(avatar(field.value || "?")));
  const dialog = openDialog({
    title: "Welcome to the chat",
    className: "welcome",
    content: [
      element("p", {}, "Everybody here sees this name next to what you write."),
      form(
        {
          submitted: () => {
            name = field.value.trim();
            dialog.close();
          },
        },
        element("div", { class: "name-row" }, tile, labelled("Your name", field, NAME_HINT)),
        element(
          "div",
          { class: "buttons" },
          button("Join as a guest", "", () => dialog.close()),
          button("Join the chat", "primary"),
        ),
      ),
    ],
    closed: () => chosen(name),
  });
}

/** `changed()`: a setting that the views show. `rename(name)`. */
export function openSettings({ me, limit, away, rename, setAway, changed, help }) {
  const field = nameField(me, limit);
  delete field.dataset.first;
  const awayField = element("input", {
    type: "text",
    value: away,
    placeholder: "Back at three",
    maxLength: 200,
  });
  const dialog = openDialog({
    title: "Settings",
    className: "settings",
    content: [
      form(
        {
          class: "row",
          submitted: () => {
            if (field.value.trim() !== me) rename(field.value.trim());
            dialog.close();
          },
        },
        labelled("Your name", field, NAME_HINT),
        button("Change", ""),
      ),
      form(
        {
          class: "row",
          submitted: () => {
            if (awayField.value.trim() !== away) setAway(awayField.value.trim());
            dialog.close();
          },
        },
        labelled("Away", awayField, "Others see that you are away, and why. Empty: you are here."),
        button("Set", ""),
      ),
      element(
        "fieldset",
        { class: "themes" },
        element("legend", {}, "Theme"),
        ...["system", "light", "dark"].map(themeChoice),
      ),
      checkbox("Show who joins and leaves", settings.passages, (on) => {
        settings.set("passages", on);
        changed();
      }),
      notifyBox(),
      element(
        "div",
        { class: "buttons" },
        button("Commands and keys", "", () => {
          dialog.close();
          help();
        }),
        button("Done", "primary", () => dialog.close()),
      ),
    ],
  });
}

function themeChoice(name) {
  const input = element("input", { type: "radio", name: "theme", checked: theme() === name });
  input.addEventListener("change", () => setTheme(name));
  const label = { system: "Like the system", light: "Light", dark: "Dark" }[name];
  return element("label", { class: "choice" }, input, label);
}

function checkbox(label, checked, changed) {
  const input = element("input", { type: "checkbox", checked });
  input.addEventListener("change", () => changed(input.checked, input));
  return element("label", { class: "choice" }, input, label);
}

function notifyBox() {
  if (!canNotify()) {
    return element("p", { class: "hint" }, "This browser shows no notifications for this address.");
  }
  const isOn = settings.notify && Notification.permission === "granted";
  return checkbox("Notify me of mentions and private lines", isOn, async (on, input) => {
    const allowed = on && (await askPermission());
    input.checked = allowed;
    settings.set("notify", allowed);
  });
}

const KEYS = [
  ["Enter", "send"],
  ["Shift+Enter", "begin another line"],
  ["Tab", "complete a name, a room or a command"],
  ["\u2191 \u2193", "what you have sent before"],
  ["Alt+\u2191 Alt+\u2193", "the room above, the room below"],
  ["Alt+Shift+\u2191 \u2193", "the next room with unread messages"],
  ["Ctrl+K", "go to a room or a person"],
  ["Page Up, Page Down", "scroll the messages"],
  ["Escape", "go to the latest message"],
];

/** List the commands and the keys. */
export function openHelp(commands) {
  const rows = (pairs, cell) =>
    pairs.map(([name, text]) =>
      element("div", {}, element("dt", {}, cell(name)), element("dd", {}, text)),
    );
  const dialog = openDialog({
    title: "Commands and keys",
    className: "wide",
    content: [
      element("h3", {}, "Commands"),
      element(
        "dl",
        { class: "help" },
        ...rows(
          commands.map(({ usage, summary }) => [usage, summary]),
          (name) => element("code", {}, name),
        ),
        ...rows([["//TEXT", "say a line that begins with a slash"]], (name) =>
          element("code", {}, name),
        ),
      ),
      element("h3", {}, "Keys"),
      element("dl", { class: "help" }, ...rows(KEYS, (name) => element("kbd", {}, name))),
    ],
  });
  dialog.querySelector(".dialog-body").tabIndex = 0; // the keys that scroll need the focus there
}

/**
 * Show the rooms that the server lists. Returns `show(rooms)`, to be called with them.
 * `joined(name)`: whether the user is in that room.
 */
export function openRooms({ limit, joined, join, closed }) {
  const field = element("input", {
    type: "text",
    required: true,
    maxLength: limit,
    pattern: NAME,
    title: NAME_HINT,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: false,
    "data-first": "",
  });
  const key = element("input", { type: "text", autocomplete: "off", maxLength: 32 });
  const list = element(
    "ul",
    { class: "rooms-found" },
    element("li", { class: "hint" }, "Loading\u2026"),
  );
  const go = (name, withKey = "") => {
    dialog.close();
    join(name, withKey);
  };
  let rooms = [];
  const show = () => {
    const wanted = field.value.trim().toLowerCase();
    const found = rooms.filter(({ name, topic = "" }) =>
      `${name} ${topic}`.toLowerCase().includes(wanted),
    );
    found.sort((a, b) => b.count - a.count || a.name.localeCompare(b.name));
    list.replaceChildren(
      ...found.slice(0, 100).map((room) => roomItem(room, joined(room.name), go)),
    );
    if (!found.length && wanted) {
      list.append(element("li", { class: "hint" }, "No such room yet: joining creates it."));
    }
  };
  field.addEventListener("input", show);
  const dialog = openDialog({
    title: "Join a room",
    className: "wide rooms-dialog",
    content: [
      form(
        { class: "row", submitted: () => go(field.value.trim(), key.value.trim()) },
        labelled("Find or create a room", field),
        element("details", {}, element("summary", {}, "The room has a key"), labelled("Key", key)),
        button("Join", "primary"),
      ),
      list,
    ],
    closed,
  });
  return (found) => {
    rooms = found;
    show();
  };
}

function roomItem({ name, topic = "", count }, isJoined, go) {
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", onclick: () => go(name) },
      element("span", { class: "hash", "aria-hidden": "true" }, "#"),
      element(
        "span",
        { class: "about" },
        element("bdi", { class: "name" }, name),
        element("bdi", { class: "hint" }, formatted(topic).textContent),
      ),
      element("span", { class: "hint" }, plural(count, "person", "people")),
      isJoined ? element("span", { class: "tag" }, "joined") : null,
    ),
  );
}

/** Go to one of `places` by typing a part of its name. */
export function openSwitcher({ places, open }) {
  const list = element("ul", {
    role: "listbox",
    id: "switcher-list",
    class: "switcher-list",
    "aria-label": "Rooms and people",
  });
  const field = element("input", {
    type: "text",
    role: "combobox",
    "aria-controls": "switcher-list",
    "aria-expanded": "true",
    "aria-label": "Go to a room or a person",
    placeholder: "Go to\u2026",
    autocomplete: "off",
    spellcheck: false,
    "data-first": "",
  });
  let found = [];
  let index = 0;
  const choose = (place) => {
    dialog.close();
    if (place) open(place);
  };
  const mark = () => {
    [...list.children].forEach((item, i) => {
      item.setAttribute("aria-selected", String(i === index));
      if (i === index) item.scrollIntoView({ block: "nearest" });
    });
    field.setAttribute("aria-activedescendant", found.length ? `place-${index}` : "");
  };
  const show = () => {
    const wanted = field.value.trim().toLowerCase().replace(/^[#@]/, "");
    const begins = ({ name }) => name.toLowerCase().startsWith(wanted);
    found = places.filter(({ name }) => name.toLowerCase().includes(wanted));
    found.sort((a, b) => begins(b) - begins(a)); // and otherwise as they are listed
    found = found.slice(0, 12);
    index = 0;
    list.replaceChildren(...found.map((place, i) => placeItem(place, i, choose)));
    mark();
  };
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) index = (index + step + found.length) % found.length;
    else if (event.key === "Enter") choose(found[index]);
    else return;
    event.preventDefault();
    mark();
  });
  const dialog = openDialog({ title: "Go to", className: "switcher", content: [field, list] });
  show();
}

function placeItem(place, index, choose) {
  const { name, isPrivate, unread } = place;
  return element(
    "li",
    { role: "option", id: `place-${index}`, onclick: () => choose(place) },
    isPrivate ? avatar(name) : element("span", { class: "hash", "aria-hidden": "true" }, "#"),
    element("bdi", { class: "name" }, name),
    unread ? element("span", { class: "hint" }, `${unread} unread`) : null,
  );
}

/** Show a room's topic, rules and what one can do with it. */
export function openDetails({ room, limits, setTopic, invite, leave }) {
  const topic = element("textarea", { rows: 3, value: room.topic, maxLength: limits.topic });
  const guest = element("input", {
    type: "text",
    maxLength: limits.name,
    pattern: NAME,
    title: NAME_HINT,
    required: true,
    autocomplete: "off",
    autocapitalize: "off",
  });
  const submit = (run) => () => {
    dialog.close();
    run();
  };
  const [letters] = room.modes.replace(/^\+/, "").split(" ");
  const rules = [...letters].map((letter) => MODE_NAMES[letter]).filter(Boolean);
  const dialog = openDialog({
    title: `#${room.name}`,
    className: "details",
    content: [
      element("p", { class: "hint" }, plural(room.count, "person", "people")),
      room.topic ? element("p", { class: "topic-text", dir: "auto" }, formatted(room.topic)) : null,
      form(
        { submitted: submit(() => setTopic(topic.value.replace(/\s+/g, " ").trim())) },
        labelled("Topic", topic),
        element("div", { class: "buttons" }, button("Set the topic", "")),
      ),
      rules.length ? element("h3", {}, "Rules") : null,
      rules.length
        ? element("ul", { class: "rules" }, ...rules.map((rule) => element("li", {}, rule)))
        : null,
      form(
        { class: "row", submitted: submit(() => invite(guest.value.trim())) },
        labelled("Invite somebody", guest),
        button("Invite", ""),
      ),
      element(
        "div",
        { class: "buttons" },
        button("Leave the room", "danger", submit(leave)),
        button("Done", "primary", () => dialog.close()),
      ),
    ].filter(Boolean),
  });
}
