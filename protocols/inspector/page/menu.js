// A menu below a button.

import { element } from "./shared/dom.js";

/** Open a menu at `anchor`. `items`: `{label, run}`, or `{label, href, download}` for a link. */
export function openMenu(anchor, title, items) {
  const menu = element("div", { class: "menu", role: "menu", "aria-label": title, popover: "auto" });
  for (const { label, run, href, download } of items) {
    const properties = { role: "menuitem", tabIndex: -1 };
    const choose = () => {
      menu.hidePopover();
      run?.();
    };
    menu.append(
      href
        ? element("a", { ...properties, href, download: download ?? "", onclick: choose }, label)
        : element("button", { ...properties, type: "button", onclick: choose }, label),
    );
  }
  menu.addEventListener("keydown", (event) => moved(menu, event));
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    const hadFocus = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (hadFocus) anchor.focus();
  });
  document.body.append(menu);
  menu.showPopover();
  const { right, bottom } = anchor.getBoundingClientRect();
  menu.style.top = `${bottom + 6}px`;
  menu.style.left = `${Math.max(8, right - menu.offsetWidth)}px`;
  menu.firstElementChild.focus();
}

function moved(menu, event) {
  const items = [...menu.children];
  const index = items.indexOf(document.activeElement);
  const next = {
    ArrowDown: (index + 1) % items.length,
    ArrowUp: (index - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items[next].focus();
}
