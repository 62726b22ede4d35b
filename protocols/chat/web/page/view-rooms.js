// The list of rooms and conversations, with what is unread in them.

import { icon } from "./icons.js";
import { element, plural } from "./shared/dom.js";
import { avatar } from "./view-line.js";

export class RoomsView {
  #items = new Map(); // by key: {shown, item}

  constructor({ rooms, conversations, noConversations }, model, { open, close }) {
    Object.assign(this, { rooms, conversations, noConversations, model });
    for (const list of [rooms, conversations]) {
      list.addEventListener("click", ({ target }) => {
        const item = target.closest("li");
        const room = item && model.rooms.get(item.dataset.key);
        if (!room) return;
        if (target.closest(".leave")) close(room);
        else if (target.closest(".place")) open(room);
      });
    }
  }

  update() {
    const focused = document.activeElement?.closest?.(".side-lists li")?.dataset.key;
    const before = this.#items;
    this.#items = new Map();
    for (const room of this.model.places()) this.#items.set(room.key, this.#kept(room, before));
    const conversations = this.model.conversations();
    this.#fill(this.rooms, this.model.channels());
    this.#fill(this.conversations, conversations);
    this.noConversations.hidden = conversations.length > 0;
    const item = focused && this.#items.get(focused)?.item;
    if (item && !item.contains(document.activeElement)) {
      item.querySelector(".place").focus({ preventScroll: true });
    }
  }

  /** The item for `room`: the same one as before if it looks the same, as a click may be on it. */
  #kept(room, before) {
    const isCurrent = room === this.model.current;
    const shown = [room.name, isCurrent, room.unread, room.mentions, room.gone].join("|");
    const old = before.get(room.key);
    return old?.shown === shown ? old : { shown, item: this.#item(room) };
  }

  #fill(list, rooms) {
    const items = rooms.map((room) => this.#items.get(room.key).item);
    if (
      items.length !== list.children.length ||
      items.some((item, i) => item !== list.children[i])
    ) {
      list.replaceChildren(...items);
    }
  }

  #item(room) {
    const isCurrent = room === this.model.current;
    const place = element("button", { class: "place", type: "button" });
    if (isCurrent) place.setAttribute("aria-current", "page");
    place.append(
      room.isPrivate
        ? avatar(room.name)
        : element("span", { class: "hash", "aria-hidden": "true" }, "#"),
      element("bdi", { class: "name" }, room.name),
    );
    if (room.unread) {
      place.append(
        element(
          "span",
          { class: `badge${room.mentions ? " for-me" : ""}`, "aria-hidden": "true" },
          room.mentions && room.isChannel ? "@" : "",
          room.unread > 99 ? "99+" : `${room.unread}`,
        ),
        element(
          "span",
          { class: "visually-hidden" },
          `, ${plural(room.unread, "unread message")}${room.mentions ? ", for you" : ""}`,
        ),
      );
    }
    const leave = element(
      "button",
      {
        class: "leave",
        type: "button",
        title: room.isPrivate ? "Close" : "Leave",
        "aria-label": `${room.isPrivate ? "Close the conversation with" : "Leave"} ${room.name}`,
      },
      icon("close"),
    );
    const item = element("li", {}, place, leave);
    item.dataset.key = room.key;
    item.classList.toggle("unread", room.unread > 0);
    item.classList.toggle("gone", Boolean(room.gone));
    return item;
  }
}
