// The members of the current room. A long list is cut, and can be filtered.

import { icon } from "./icons.js";
import { element } from "./shared/dom.js";
import { avatar } from "./view-line.js";

const SHOWN = 150; // members shown at most: each one costs the browser time
const FILTERED = 15; // from so many on, there is a filter

const GROUPS = [
  ["operator", "Operators"],
  ["voice", "With a voice"],
  [undefined, "Members"],
];

export class MembersView {
  #shown = "";

  constructor({ panel, list, filter, count, more }, model) {
    Object.assign(this, { panel, list, filter, count, more, model });
    filter.addEventListener("input", () => this.update());
  }

  update() {
    const room = this.model.current;
    const members = room ? [...room.members.values()] : [];
    this.count.textContent = room?.isChannel && room.count ? room.count.toLocaleString("en") : "";
    this.filter.hidden = members.length < FILTERED;
    const wanted = this.filter.hidden ? "" : this.filter.value.trim().toLowerCase();
    const found = wanted
      ? members.filter((member) => member.name.toLowerCase().includes(wanted))
      : members;
    found.sort((a, b) => rankOf(a) - rankOf(b) || byName(a, b));
    this.#showOnce(found.slice(0, SHOWN));
    const hidden = (wanted ? found.length : (room?.count ?? 0)) - Math.min(found.length, SHOWN);
    this.more.hidden = hidden <= 0;
    this.more.textContent = `and ${hidden.toLocaleString("en")} more`;
  }

  /** Show `found`, unless that is what is shown already: a click or the focus may be there. */
  #showOnce(found) {
    const shown = JSON.stringify([found, this.model.me]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const { activeElement } = document;
    const focused = this.list.contains(activeElement) ? activeElement.dataset.member : null;
    this.#show(found);
    if (focused) this.#button(focused)?.focus({ preventScroll: true });
  }

  #show(found) {
    const sections = [];
    for (const [role, title] of GROUPS) {
      const group = found.filter((member) => member.role === role);
      if (!group.length) continue;
      const id = `members-${role ?? "plain"}`;
      sections.push(
        element("h3", { id }, title),
        element("ul", { "aria-labelledby": id }, ...group.map((member) => this.#item(member))),
      );
    }
    this.list.replaceChildren(...sections);
  }

  #item({ name, role, away }) {
    const isMe = name === this.model.me;
    const button = element(
      "button",
      { class: "member", type: "button", title: away ? `Away: ${away}` : undefined },
      avatar(name),
      element("bdi", { class: "name" }, name),
    );
    button.dataset.member = name;
    if (isMe) button.append(element("span", { class: "tag" }, "you"));
    if (role) {
      button.append(
        element(
          "span",
          { class: "role", title: role === "voice" ? "Has a voice" : "Operator" },
          icon(role === "voice" ? "voice" : "shield"),
        ),
      );
    }
    if (away) {
      button.classList.add("is-away");
      button.append(icon("away"), element("span", { class: "visually-hidden" }, `, away: ${away}`));
    }
    return element("li", {}, button);
  }

  #button(name) {
    return [...this.list.querySelectorAll("button")].find((b) => b.dataset.member === name);
  }
}

const rankOf = ({ role }) => GROUPS.findIndex(([other]) => other === role);

const ORDER = new Intl.Collator("en", { numeric: true }); // guest9 before guest10

const byName = (a, b) => ORDER.compare(a.name, b.name);
