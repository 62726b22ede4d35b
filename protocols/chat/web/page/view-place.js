// The head of the current room: its name, its topic and how many are there. Also the user's own
// name at the foot of the list of rooms.

import { harmless } from "./format.js";
import { icon } from "./icons.js";
import { element, plural } from "./shared/dom.js";
import { avatar } from "./view-line.js";

export class PlaceView {
  constructor({ app, title, topic, membersCount, membersButton, log }, model) {
    Object.assign(this, { app, title, topic, membersCount, membersButton, log, model });
  }

  update() {
    const room = this.model.current;
    const name = room?.name ?? "";
    this.title.replaceChildren(
      room?.isChannel ? element("span", { class: "hash", "aria-hidden": "true" }, "#") : "",
      element("bdi", {}, name || "Chat"),
    );
    if (room?.isChannel && /[ks]/.test(room.modes)) this.title.append(icon("lock"));
    this.topic.replaceChildren(element("bdi", {}, this.#topicOf(room)));
    this.topic.classList.toggle("unset", !room?.topic);
    this.topic.disabled = !room?.isChannel || Boolean(room.gone);
    this.app.classList.toggle("alone", !room?.isChannel); // there are no members to show
    this.membersButton.hidden = !room?.isChannel;
    this.membersCount.textContent = room ? room.count.toLocaleString("en") : "";
    this.membersButton.setAttribute(
      "aria-label",
      `Members: ${plural(room?.count ?? 0, "person", "people")}`,
    );
    this.log.setAttribute("aria-label", room ? `Messages: ${name}` : "Messages");
  }

  #topicOf(room) {
    if (!room) return "";
    if (room.isPrivate) return "Private conversation";
    return room.topic ? harmless(room.topic) : "No topic yet";
  }
}

const STATES = {
  idle: "not connected",
  connecting: "connecting\u2026",
  connected: "connected",
  lost: "connection lost",
  closed: "not connected",
};

export class MeView {
  constructor({ me }, model, session) {
    Object.assign(this, { me, model, session });
  }

  update() {
    const { me, away } = this.model;
    const { state } = this.session;
    const says = state === "connected" && away ? `away: ${away}` : STATES[state];
    this.me.dataset.state = state === "connected" && away ? "away" : state;
    this.me.replaceChildren(
      avatar(me || "?"),
      element(
        "span",
        { class: "me-text" },
        element("bdi", { class: "name" }, me || "\u2026"),
        element("span", { class: "me-state" }, says),
      ),
      icon("gear"),
      element("span", { class: "visually-hidden" }, "Settings"),
    );
  }
}
