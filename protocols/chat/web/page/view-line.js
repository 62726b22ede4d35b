// One line of the log as an element.

import { paint } from "./colours.js";
import { dayName, dayOf, formatted, isEmoji, timeElement } from "./format.js";
import { icon } from "./icons.js";
import { element } from "./shared/dom.js";
import { describePassages } from "./wording.js";

/** Return the tile with the first letter of `name`, in its colour. */
export function avatar(name) {
  const letter = /[a-z0-9]/i.exec(name)?.[0].toUpperCase() ?? "?";
  return paint(element("span", { class: "avatar", "aria-hidden": "true" }, letter), name);
}

/**
 * Return the element for `line` of `room`, which follows `previous` (or undefined): also the day
 * above it, if it is another one. `me`: the user's name.
 */
export function renderLine(line, previous, room, me) {
  const entry = element("div", { class: "entry" });
  entry.dataset.serial = line.serial;
  if (!previous || dayOf(previous.time) !== dayOf(line.time)) {
    entry.append(element("div", { class: "day" }, element("span", {}, dayName(line.time))));
  }
  if (line.serial === room.marker && previous) {
    entry.append(element("div", { class: "marker" }, element("span", {}, "New messages")));
  }
  entry.append(RENDERERS[line.kind](line, previous, room, me));
  return entry;
}

function said(line, previous, room, me) {
  const continues = room.continues(line, previous) && dayOf(previous.time) === dayOf(line.time);
  const shown = element("div", { class: `line said${continues ? "" : " first"}` });
  if (line.own) shown.classList.add("own");
  if (line.mention) shown.classList.add("mentioned");
  const text = element("div", { class: "text", dir: "auto" }, formatted(line.text, me));
  if (isEmoji(line.text)) text.classList.add("emoji");
  if (continues) {
    const sender = element("span", { class: "visually-hidden" }, `${line.sender}: `);
    shown.append(timeElement(line.time, "aside"), sender, text);
  } else {
    const head = element("div", { class: "head" }, nameOf(line.sender));
    if (line.kind === "note") head.append(element("span", { class: "tag" }, "program"));
    head.append(" ", timeElement(line.time));
    shown.append(avatar(line.sender), head, text);
  }
  return shown;
}

function action(line, _previous, _room, me) {
  const shown = element(
    "div",
    { class: "line action first" },
    timeElement(line.time, "aside"),
    element(
      "div",
      { class: "text" },
      nameOf(line.sender),
      " ",
      element("bdi", {}, formatted(line.text, me)),
    ),
  );
  if (line.mention) shown.classList.add("mentioned");
  return shown;
}

function happened(line) {
  const text = element("div", { class: "text" }, element("bdi", {}, formatted(line.text)));
  if (line.invitation) {
    text.append(
      " ",
      element("button", { class: "small", type: "button", "data-join": line.invitation }, "Join"),
    );
  }
  return element("div", { class: "line event" }, timeElement(line.time, "aside"), text);
}

function passages(line) {
  const text = element("div", { class: "text" }, formatted(describePassages(line.people)));
  return element("div", { class: "line passages" }, timeElement(line.time, "aside"), text);
}

function reply(line) {
  return element(
    "div",
    { class: "line reply" },
    timeElement(line.time, "aside"),
    element("div", { class: "text", dir: "auto" }, formatted(line.text)),
  );
}

function gap(line) {
  return element(
    "div",
    { class: "line event gap" },
    timeElement(line.time, "aside"),
    element("div", { class: "text" }, "Some lines may be missing here"),
  );
}

const RENDERERS = {
  said,
  private: said,
  note: said,
  action,
  event: happened,
  passages,
  reply,
  gap,
};

/** A name in the log. A click opens the menu; for the keyboard, the list of members has it. */
function nameOf(name) {
  const button = element("button", { class: "who", type: "button", tabIndex: -1 });
  button.dataset.member = name;
  button.append(element("bdi", {}, name));
  return paint(button, name);
}

const WAITING = {
  waiting: "Will be sent when the connection is back",
  sent: "Sending",
  doubtful: "The connection was lost: this may not have been sent",
};

/** Return the elements for `entries` of the outbox. */
export function renderWaiting(entries, me, isConnected) {
  let said = ""; // what the head above says; the same is not said again
  return entries.map((entry) => {
    const { state, ref, shown: text } = entry;
    const why = state === "waiting" && isConnected ? WAITING.sent : WAITING[state];
    const isDoubtful = state === "doubtful";
    const item = element("li", { class: `line said waiting ${state}` });
    item.dataset.ref = ref;
    if (why !== said || isDoubtful) {
      item.classList.add("first");
      item.append(avatar(me), waitingHead(me, why, isDoubtful));
      said = why;
    }
    item.append(element("div", { class: "text", dir: "auto" }, formatted(text)));
    if (isDoubtful) item.append(decision());
    return item;
  });
}

function waitingHead(me, why, isDoubtful) {
  const name = paint(element("span", { class: "who" }, me), me);
  const mark = icon(isDoubtful ? "warning" : "clock");
  return element("div", { class: "head" }, name, " ", element("span", { class: "why" }, mark, why));
}

/** Only the user can decide whether a line that may have been sent is sent again. */
function decision() {
  const act = (name, label) =>
    element("button", { class: "small", type: "button", "data-act": name }, label);
  return element("div", { class: "acts" }, act("retry", "Send again"), act("discard", "Discard"));
}
