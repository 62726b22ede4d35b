// Dialogs and menus: the parts that all of them share.

import { icon } from "./icons.js";
import { element } from "./shared/dom.js";

let lastId = 0;

/**
 * Open a dialog with `title` above `content` and return it. The browser keeps the focus inside,
 * closes it on Escape, and gives the focus back. `closed()`: it is closed, in whatever way.
 */
export function openDialog({ title, content, className = "", closed }) {
  const id = `dialog-${++lastId}`;
  const dialog = element(
    "dialog",
    { class: `dialog ${className}`, "aria-labelledby": id },
    element(
      "div",
      { class: "dialog-head" },
      element("h2", { id }, title),
      element(
        "button",
        { class: "plain", type: "button", "aria-label": "Close", onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    element("div", { class: "dialog-body" }, ...content),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed?.();
    // The field that has the focus again may be without a cursor, and then ignores keys: Chromium
    // gives the focus back while the page behind the dialog is still inert.
    const field = document.activeElement;
    field?.blur();
    field?.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("[data-first]")?.focus();
  return dialog;
}

/** Return a form whose `submitted` is called when it is sent. No form here has an action. */
export function form({ submitted, ...properties }, ...children) {
  const made = element("form", properties, ...children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submitted(made);
  });
  return made;
}

/** Return a labelled control. `hint`: a sentence below it. */
export function labelled(label, control, hint) {
  const id = control.id || `control-${++lastId}`;
  control.id = id;
  const shown = element(
    "div",
    { class: "control" },
    element("label", { htmlFor: id }, label),
    control,
  );
  if (hint) {
    control.setAttribute("aria-describedby", `${id}-hint`);
    shown.append(element("p", { class: "hint", id: `${id}-hint` }, hint));
  }
  return shown;
}

/** Open a menu at `anchor`. `items`: `{label, run}`, or null for a line between groups. */
export function openMenu(anchor, title, items) {
  document.querySelector(".menu")?.hidePopover();
  const menu = element("div", {
    class: "menu",
    role: "menu",
    "aria-label": title,
    popover: "auto",
  });
  menu.append(element("div", { class: "menu-title", "aria-hidden": "true" }, title));
  for (const item of items) {
    if (!item) {
      menu.append(element("hr"));
      continue;
    }
    const run = () => {
      menu.hidePopover();
      item.run();
    };
    menu.append(
      element(
        "button",
        { role: "menuitem", type: "button", tabIndex: -1, onclick: run },
        item.label,
      ),
    );
  }
  document.body.append(menu);
  menu.addEventListener("keydown", (event) => moveInMenu(menu, event));
  menu.addEventListener("toggle", ({ newState }) => newState === "closed" && menu.remove());
  menu.showPopover();
  place(menu, anchor);
  menu.querySelector("button")?.focus();
}

function moveInMenu(menu, event) {
  const buttons = [...menu.querySelectorAll("button")];
  const index = buttons.indexOf(document.activeElement);
  const next = {
    ArrowDown: (index + 1) % buttons.length,
    ArrowUp: (index - 1 + buttons.length) % buttons.length,
    Home: 0,
    End: buttons.length - 1,
  }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  buttons[next].focus();
}

function place(menu, anchor) {
  const { left, bottom, top } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = bottom + 4;
  const y = below + height > innerHeight - 8 ? Math.max(8, top - height - 4) : below;
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  menu.style.top = `${y}px`;
}
