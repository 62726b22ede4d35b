// The list of rooms and conversations, with what is unread in them.

import { element, icon, plural } from "./dom.js";
import { avatar } from "./view-line.js";

export class RoomsView {
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
    const focused = document.activeElement?.closest?.("li")?.dataset.key;
    const inList = this.rooms.parentElement.contains(document.activeElement);
    const conversations = this.model.conversations();
    this.rooms.replaceChildren(...this.model.channels().map((room) => this.#item(room)));
    this.conversations.replaceChildren(...conversations.map((room) => this.#item(room)));
    this.noConversations.hidden = conversations.length > 0;
    if (inList && focused) {
      const item = [...this.rooms.children, ...this.conversations.children].find(
        (other) => other.dataset.key === focused,
      );
      item?.querySelector(".place").focus({ preventScroll: true });
    }
  }

  #item(room) {
    const isCurrent = room === this.model.current;
    const place = element("button", { class: "place", type: "button" });
    if (isCurrent) place.setAttribute("aria-current", "page");
    place.append(
      room.isPrivate ? avatar(room.name) : element("span", { class: "hash", "aria-hidden": "true" }, "#"),
      element("bdi", { class: "name" }, room.name),
    );
    if (room.unread) {
      place.append(
        element("span", { class: `badge${room.mentions ? " for-me" : ""}`, "aria-hidden": "true" },
          room.mentions && room.isChannel ? "@" : "", room.unread > 99 ? "99+" : `${room.unread}`),
        element("span", { class: "visually-hidden" },
          `, ${plural(room.unread, "unread message")}${room.mentions ? ", for you" : ""}`),
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
