// What a beginning can be completed to: commands, names and rooms. No elements here.

const TAKES_NAME = /^\/(?:msg|kick|ban|unban|invite|ignore|unignore)\s+(\S*)$/i;
const TAKES_ROOM = /^\/join\s+#?(\S*)$/i;
const TAKES_COMMAND = /^\/help\s+\/?([a-z]*)$/i;
const MODE_NAME = /^\/mode\s+[+-][ov]\s+(\S*)$/i;
const MOST = 8; // options shown

/**
 * Return `{start, options, isOffered}` for `text`, in which the cursor is at `caret`; or null.
 * `start`: where the beginning starts. An option is `{value, label, detail}`; `value` replaces the
 * beginning. `isOffered`: whether options are shown without being asked for.
 */
export function completions(text, caret, { commands, names, rooms }) {
  const before = text.slice(0, caret);
  if (/^\/[a-z]*$/i.test(before)) return forCommand(before.slice(1), commands);
  const argument =
    forArgument(before, TAKES_NAME, names) ??
    forArgument(before, MODE_NAME, names) ??
    forArgument(before, TAKES_ROOM, rooms) ??
    forArgument(
      before,
      TAKES_COMMAND,
      commands.map((command) => command.name),
    );
  if (argument) return argument;
  const word = /(?:^|[\s(])(@?)([\w.-]*)$/.exec(before);
  if (!word || (!word[1] && !word[2])) return null;
  const start = caret - word[2].length - word[1].length;
  const lineStart = before.lastIndexOf("\n") + 1;
  const after = start === lineStart && !before.startsWith("/") ? ": " : " ";
  return offered(start, beginning(names, word[2]), after, Boolean(word[1]));
}

function forCommand(beginningOf, commands) {
  const found = commands.filter(({ name }) => name.startsWith(beginningOf.toLowerCase()));
  if (!found.length) return null;
  const options = found.map(({ name, usage, summary }) => ({
    value: `/${name} `,
    label: usage,
    detail: summary,
  }));
  return { start: 0, options, isOffered: true };
}

function forArgument(before, pattern, candidates) {
  const match = pattern.exec(before);
  if (!match) return null;
  const start = before.length - match[1].length;
  return offered(start, beginning(candidates, match[1]), " ", true);
}

function beginning(candidates, start) {
  const wanted = start.toLowerCase();
  return candidates.filter((name) => name.toLowerCase().startsWith(wanted)).slice(0, MOST);
}

function offered(start, found, after, isOffered) {
  if (!found.length) return null;
  const options = found.map((name) => ({ value: name + after, label: name, detail: "" }));
  return { start, options, isOffered };
}
