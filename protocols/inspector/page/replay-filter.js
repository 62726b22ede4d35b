// The filter of the table of descriptors, for a replayed recording: the language is documented in
// protocols/inspector/filters.py.

const MAX_LENGTH = 100; // characters
const TEXT_KEYS = ["kind", "protocol", "peer", "interest", "last_event"];
const NUMBER_KEYS = ["fd", "queued", "received", "sent", "age", "silence"];

/** `paused`: it does not read, its protocol must not write, or it does not accept. */
export const FLAGS = {
  paused: (row) => Boolean(row.paused || row.reading_paused || row.writing_paused),
  closing: (row) => Boolean(row.closing),
};
const MOMENTS = { age: "opened", silence: "last_time" };

const TERM = /^([a-z_]+)(:(?!:)|[<>]=?|=)(.*)$/is;
const NUMBER = /^(\d+(?:\.\d+)?)([a-z]?)$/i;
const BYTES = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
const SECONDS = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };
const LETTERS = { r: 1, w: 2, e: 4, h: 8 };
const COMPARE = {
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "=": (a, b) => a === b,
};

/** A mask in letters as a number. */
export function bits(letters) {
  return [...(letters ?? "").toLowerCase()].reduce((mask, letter) => mask | LETTERS[letter], 0);
}

/**
 * Return a function that says whether a row matches `text` at the moment `now` of the loop's clock.
 * Throws an Error with one line if `text` is not a filter.
 */
export function makeFilter(text, now) {
  if (text.length > MAX_LENGTH) {
    throw new Error(`a filter has at most ${MAX_LENGTH} characters`);
  }
  const terms = text
    .split(/\s+/u)
    .filter(Boolean)
    .map((word) => makeTerm(word, now));
  return (row) => terms.every((term) => term(row));
}

function makeTerm(word, now) {
  if (word.startsWith("-") && word.length > 1) {
    const excluded = makeTerm(word.slice(1), now);
    return (row) => !excluded(row);
  }
  const flag = word.toLowerCase();
  if (Object.hasOwn(FLAGS, flag)) return FLAGS[flag];
  const match = TERM.exec(word);
  if (!match) return anyText(flag);
  const [, name, sign, value] = match;
  const key = name.toLowerCase();
  if (TEXT_KEYS.includes(key) && (sign === ":" || sign === "=")) return textTerm(key, value);
  if (NUMBER_KEYS.includes(key)) return comparison(key, sign === ":" ? "=" : sign, value, now);
  if (TEXT_KEYS.includes(key)) {
    throw new Error(`${key} is not a number: write ${key}:${value || "TEXT"}`);
  }
  const keys = [...TEXT_KEYS, ...NUMBER_KEYS].join(", ");
  throw new Error(`a filter has no '${key}': use ${keys}, ${Object.keys(FLAGS).join(" or ")}`);
}

function anyText(text) {
  return ({ fd, kind, protocol, peer }) =>
    has(protocol, text) || has(peer, text) || has(kind, text) || text === String(fd);
}

function has(value, text) {
  return (value ?? "").toLowerCase().includes(text);
}

function textTerm(key, value) {
  const wanted = value.toLowerCase();
  if (key === "kind") return ({ kind }) => kind.toLowerCase() === wanted;
  if (key === "protocol" || key === "peer") return (row) => has(row[key], wanted);
  if (key === "interest") {
    return ({ interest }) => [...wanted].every((letter) => has(interest, letter));
  }
  if ([...wanted].some((letter) => !(letter in LETTERS))) {
    throw new Error("last_event has the letters R, W, E (error) and H (hang-up)");
  }
  return ({ last_event: mask }) => (bits(mask) & bits(wanted)) === bits(wanted);
}

function comparison(key, sign, value, now) {
  const wanted = numberOf(key, value);
  const compare = COMPARE[sign];
  const moment = MOMENTS[key];
  return (row) => {
    const known = row[moment ?? key];
    if (known === null || known === undefined || known < 0) return false;
    return compare(moment ? now - known : known, wanted);
  };
}

function numberOf(key, text) {
  const units = key in MOMENTS ? SECONDS : key === "fd" ? { "": 1 } : BYTES;
  const match = NUMBER.exec(text);
  const unit = match?.[2].toLowerCase();
  if (!match || !(unit in units)) {
    const example = { age: "5m", silence: "60", fd: "8" }[key] ?? "64k";
    throw new Error(`${key} needs a number, such as ${key}>${example}, not '${text}'`);
  }
  return Number(match[1]) * units[unit];
}
