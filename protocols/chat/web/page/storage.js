// What outlives the document. localStorage: what the user has chosen, for all tabs.
// sessionStorage: this tab's place in the chat, so that a reload goes on where it was.
//
// A browser that duplicates a tab copies its sessionStorage. Two tabs must not share a session, and
// no line may be sent by both. So the session is stored only when the document is put away, and is
// taken out again when it is shown: a copy made in between has none, and becomes a new member.

const TAB = "chat.tab";
const SESSION = "chat.session";

const BUDGET = 1_500_000; // characters; browsers store about 5 million per origin

function read(area, key) {
  try {
    return JSON.parse(window[area].getItem(key));
  } catch {
    return null; // storage is forbidden, or something else is stored there
  }
}

function write(area, key, value) {
  try {
    window[area].setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false; // storage is forbidden or full: the chat works without
  }
}

function remove(area, key) {
  try {
    window[area].removeItem(key);
  } catch {
    // there is nothing to remove
  }
}

/** Return what was stored for this tab, with its session if there is one, or null. */
export function takeTab() {
  const tab = read("sessionStorage", TAB);
  const session = takeSession();
  return tab && typeof tab === "object" ? { ...tab, session } : null;
}

/** Take the session out of the store: this document uses it from now on. */
export function takeSession() {
  const session = read("sessionStorage", SESSION);
  remove("sessionStorage", SESSION);
  return session;
}

/**
 * Store this tab's place. `snapshot(count)` returns it with at most `count` lines of each room;
 * `session`, or null: what `takeTab` returns as `session`.
 */
export function storeTab(snapshot, session) {
  remove("sessionStorage", SESSION);
  for (const count of [200, 50, 10, 0]) {
    const tab = snapshot(count);
    if (JSON.stringify(tab).length > BUDGET && count) continue;
    // A session without its lines would show empty rooms, so both are stored or neither.
    if (write("sessionStorage", TAB, tab)) {
      if (session) write("sessionStorage", SESSION, session);
      return;
    }
  }
}

const DEFAULTS = { name: "", passages: true, notify: false };

/** Return what is stored, as far as it is of the right kind. */
function chosen() {
  const stored = Object.entries(read("localStorage", "chat.settings") ?? {});
  return Object.fromEntries(stored.filter(([key, value]) => typeof value === typeof DEFAULTS[key]));
}

/** What the user has chosen. Each change is stored at once. */
export const settings = {
  ...DEFAULTS,
  ...chosen(),
  set(name, value) {
    this[name] = value;
    const all = Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, this[key]]));
    write("localStorage", "chat.settings", all);
  },
};
