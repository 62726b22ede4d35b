// Times and sizes, in words.

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const old = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

/** Return when a mail came, short. `seconds`: since the epoch. */
export function shortTime(seconds, now = Date.now()) {
  const date = new Date(seconds * 1000);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return time.format(date);
  return (date.getFullYear() === today.getFullYear() ? day : old).format(date);
}

export const longTime = (seconds) => full.format(new Date(seconds * 1000));

export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[0]}`;
}

/** Return the name in "Ada <ada@example.com>", or the address. */
export function nameOf(address) {
  const match = /^\s*"?([^"<]*?)"?\s*<([^>]*)>/.exec(address);
  if (!match) return address.trim();
  // A name that looks like an address may be there to be taken for the real one.
  return match[1].includes("@") ? match[2] : match[1] || match[2];
}

/**
 * Return the domain of `address` as DNS has it, if it has letters that look like others:
 * "xn--pple-43d.com" for an "apple.com" whose first letter is Cyrillic. Else return "".
 */
export function asciiDomain(address) {
  const domain = /@([^\s<>@,;:"'()]+)>?[^@]*$/.exec(address)?.[1] ?? "";
  if (/^[\x20-\x7e]*$/.test(domain)) return "";
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return "";
  }
}
