// Text of people as DOM nodes: links, mentions, and characters that would do harm; times and days.
// Everything is a text node or an element made here. No text is ever parsed as markup.

import { element } from "./shared/dom.js";

// Control characters, and those that change the order or the shape of what is displayed. The server
// removes them. A page that trusts nobody shows what is left as code points. Not the joiners
// U+200C and U+200D, which Persian, scripts of India and emoji need; nor the signs of Arabic and
// Syriac that Unicode counts as format characters (protocols/text.py keeps the same ones).
const HARMFUL =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\n\t\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]]/gv;

const LINK = /\bhttps?:\/\/[^\s<>"\u201c\u201d\u00ab\u00bb]+/gi;

// Up to five emoji alone are a greeting, a laugh or a vote: they are shown large.
const EMOJI = /^(?:\p{RGI_Emoji}\s*){1,5}$/v;

/** Return a regular expression that finds `name` as a word, or null if there is no name. */
export function mentionPattern(name) {
  if (!name) return null;
  const literal = name.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&");
  // A name may contain . and -, so "bob" is not mentioned in "bob-2", but in "bob." and "@bob".
  return new RegExp(`(?<![\\w-]|\\w\\.)@?${literal}(?![\\w-]|\\.\\w)`, "gi");
}

export function mentions(text, name) {
  return mentionPattern(name)?.test(text) ?? false;
}

export const isEmoji = (text) => text.length <= 60 && EMOJI.test(text);

/** Return `text` as a fragment: links can be followed, and `name` is highlighted. */
export function formatted(text, name = "") {
  const fragment = document.createDocumentFragment();
  const pattern = mentionPattern(name);
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = withoutTrailingPunctuation(match[0]);
    const link = linkTo(address);
    if (!link) continue;
    appendText(fragment, text.slice(end, match.index), pattern);
    fragment.append(link);
    end = match.index + address.length;
  }
  appendText(fragment, text.slice(end), pattern);
  return fragment;
}

function linkTo(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  // A name before the host looks like the host: https://bank.example@elsewhere.example/
  if (url.username || url.password) return null;
  const link = element("a", {
    href: url.href,
    rel: "noopener noreferrer",
    target: "_blank",
    title: url.href.slice(0, 300), // the name of a host in its unambiguous form
  });
  appendText(link, address, null);
  return link;
}

function withoutTrailingPunctuation(address) {
  for (;;) {
    const last = address.at(-1);
    const unopened =
      (last === ")" && !address.includes("(")) || (last === "]" && !address.includes("["));
    if (!unopened && !/[.,:;!?'*_~\u2019]$/.test(address)) return address;
    address = address.slice(0, -1);
  }
}

function appendText(parent, text, pattern) {
  let end = 0;
  if (pattern) {
    for (const match of text.matchAll(pattern)) {
      appendHarmless(parent, text.slice(end, match.index));
      parent.append(element("mark", {}, match[0]));
      end = match.index + match[0].length;
    }
  }
  appendHarmless(parent, text.slice(end));
}

function appendHarmless(parent, text) {
  let end = 0;
  for (const match of text.matchAll(HARMFUL)) {
    if (match.index > end) parent.append(text.slice(end, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parent.append(element("span", { class: "harmful" }, `U+${code}`));
    end = match.index + match[0].length;
  }
  if (end < text.length) parent.append(text.slice(end));
}

/** Return `text` with each harmful character as U+FFFD, for places that hold only plain text. */
export const harmless = (text) => text.replace(HARMFUL, "\ufffd");

// Times and days. `time` is in seconds since the epoch, as the server sends it.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });
const WEEKDAY = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "full" });

export const clockOf = (time) => CLOCK.format(time * 1000);

export function timeElement(time, className) {
  const date = new Date(time * 1000);
  return element(
    "time",
    { class: className, dateTime: date.toISOString(), title: EXACT.format(date) },
    CLOCK.format(date),
  );
}

/** Return a number that is the same for all times of one day, in the reader's time zone. */
export function dayOf(time) {
  const date = new Date(time * 1000);
  return date.getFullYear() * 10000 + date.getMonth() * 100 + date.getDate();
}

export function dayName(time, now = Date.now() / 1000) {
  if (dayOf(time) === dayOf(now)) return "Today";
  const yesterday = new Date(now * 1000);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayOf(time) === dayOf(yesterday / 1000)) return "Yesterday";
  const sameYear = new Date(time * 1000).getFullYear() === new Date(now * 1000).getFullYear();
  return (sameYear ? WEEKDAY : DATE).format(time * 1000);
}
