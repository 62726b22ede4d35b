// What the user can notice without looking at the page: the title, the icon, and notifications.

import { harmless } from "./format.js";

const MOST_SHOWN = 200; // characters of a line in a notification

/** Show in the title and the icon how much is unread, and how much of it is for the user. */
export class Attention {
  #shown = "";

  constructor(iconLink) {
    this.iconLink = iconLink;
    this.plainIcon = iconLink.href;
  }

  update(rooms, current, isConnected) {
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    const forMe = rooms.reduce((sum, room) => sum + room.mentions, 0);
    const count = unread ? `(${unread > 999 ? "999+" : unread}) ` : "";
    const place = current ? `${current.isPrivate ? "" : "#"}${current.name}` : "Chat";
    const warning = isConnected ? "" : "\u26a0 ";
    document.title = `${count}${warning}${place}${current ? " \u00b7 Chat" : ""}`;
    const badge = forMe ? (forMe > 9 ? "9+" : String(forMe)) : unread ? "\u2022" : "";
    if (badge === this.#shown) return;
    this.#shown = badge;
    this.iconLink.href = badge ? iconWith(badge) : this.plainIcon;
  }
}

function iconWith(badge) {
  const ground = badge === "\u2022" ? "#f6c667" : "#e5484d";
  const ink = badge === "\u2022" ? "none" : "#fff";
  return `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<path fill="#0b6e69"
 d="M14 6h36a10 10 0 0 1 10 10v22a10 10 0 0 1-10 10H32L18 60V48h-4A10 10 0 0 1 4 38V16A10 10 0 0 1 14 6Z"/>
<circle cx="44" cy="44" r="19" fill="${ground}" stroke="#fff" stroke-width="3"/>
<text x="44" y="53" text-anchor="middle" font-family="sans-serif" font-weight="bold" font-size="26"
 fill="${ink}">${badge}</text>
</svg>`,
  )}`;
}

export const canNotify = () => "Notification" in window && window.isSecureContext;

/** Ask the user for permission. Call it in answer to a click. Returns whether it was given. */
export async function askPermission() {
  return canNotify() && (await Notification.requestPermission()) === "granted";
}

/** Tell the user of a line that is for it. `opened()`: it was clicked. */
export function notify(line, room, opened) {
  if (!canNotify() || Notification.permission !== "granted") return;
  const where = room.isPrivate ? "" : ` in #${room.name}`;
  try {
    const notification = new Notification(`${line.sender}${where}`, {
      body: harmless(line.text).slice(0, MOST_SHOWN),
      tag: room.key, // a later one of the same room replaces it
    });
    notification.onclick = () => {
      window.focus();
      notification.close();
      opened();
    };
  } catch {
    // Chromium on Android has notifications only in service workers.
  }
}
