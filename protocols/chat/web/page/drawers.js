// The lists at the sides: drawers on a narrow screen, columns on a wide one.

const NARROW = matchMedia("(max-width: 47.99rem)"); // no room for the list of rooms
const MEDIUM = matchMedia("(max-width: 67.99rem)"); // no room for the list of members

export class Drawers {
  constructor({ app, main, side, sideOpen, sideClose, members, membersOpen, membersClose, scrim }) {
    Object.assign(this, { app, main, scrim });
    this.side = { panel: side, opener: sideOpen, closer: sideClose, query: NARROW };
    this.members = { panel: members, opener: membersOpen, closer: membersClose, query: MEDIUM };
    for (const drawer of this.#all()) {
      drawer.opener.addEventListener("click", () => this.#toggle(drawer));
      drawer.closer.addEventListener("click", () => this.#shut(drawer));
      drawer.query.addEventListener("change", () => this.close());
    }
    scrim.addEventListener("click", () => this.close());
    this.#hidesMembers = false;
    this.#apply();
  }

  #hidesMembers; // on a wide screen

  get isOpen() {
    return this.#all().some((drawer) => drawer.isOpen);
  }

  /** Close what covers the log. */
  close() {
    for (const drawer of this.#all()) drawer.isOpen = false;
    this.#apply();
  }

  #all() {
    return [this.side, this.members];
  }

  #toggle(drawer) {
    if (!drawer.query.matches) {
      this.#hidesMembers = !this.#hidesMembers;
      this.#apply();
      return;
    }
    drawer.isOpen = !drawer.isOpen;
    this.#apply();
    if (drawer.isOpen) drawer.closer.focus();
  }

  #shut(drawer) {
    this.close();
    drawer.opener.focus();
  }

  #apply() {
    for (const drawer of this.#all()) {
      const covers = drawer.query.matches;
      const isShown = covers
        ? Boolean(drawer.isOpen)
        : drawer !== this.members || !this.#hidesMembers;
      drawer.panel.classList.toggle("open", covers && isShown);
      drawer.panel.inert = !isShown; // out of sight is out of the order of focus
      drawer.opener.setAttribute("aria-expanded", String(isShown));
    }
    this.app.classList.toggle("no-members", this.#hidesMembers);
    this.app.classList.toggle("covered", this.isOpen);
    this.main.inert = this.isOpen;
  }
}
