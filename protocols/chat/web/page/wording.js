// What happened, in words. `me` is the user's own name.

import { listed } from "./shared/dom.js";

const MODES = {
  "+o": (who) => `made ${who} an operator`,
  "-o": (who) => `took the operator's rights from ${who}`,
  "+v": (who) => `gave ${who} a voice`,
  "-v": (who) => `took the voice from ${who}`,
  "+b": (who) => `banned ${who}`,
  "-b": (who) => `lifted the ban on ${who}`,
  "+n": () => "closed the room to lines from outside",
  "-n": () => "opened the room to lines from outside",
  "+t": () => "left the topic to the operators",
  "-t": () => "left the topic to everybody",
  "+m": () => "made the room moderated: only those with a voice can speak",
  "-m": () => "let everybody speak again",
  "+i": () => "closed the room to all who are not invited",
  "-i": () => "opened the room to everybody",
  "+s": () => "made the room secret: no list shows it",
  "-s": () => "made the room public: lists show it",
  "+k": (who) => `set the key of the room: ${who}`,
  "-k": () => "removed the key of the room",
  "+l": (who) => `limited the room to ${who} members`,
  "-l": () => "removed the limit of members",
};

/** What each letter means for those who are in the room, for a list of its rules. */
export const MODE_NAMES = {
  i: "Only invited people can join",
  k: "A key is needed to join",
  l: "The number of members is limited",
  m: "Only operators and people with a voice can speak",
  n: "Only members can write here",
  s: "The room is in no list",
  t: "Only operators set the topic",
};

const same = (a, b) => a.toLowerCase() === b.toLowerCase();

export function describe(event, me) {
  const { type, sender = "", text = "", target = "", names = [], room } = event;
  const who = same(sender, me) ? "You" : sender;
  const because = text ? `: ${text}` : "";
  switch (type) {
    case "kicked":
      return `${who} put ${same(target, me) ? "you" : target} out of ${room}${because}`;
    case "renamed":
      return who === "You" ? `You are now called ${text}` : `${sender} is now called ${text}`;
    case "topic":
      if (!sender) return `The topic is: ${text}`;
      return text ? `${who} set the topic: ${text}` : `${who} removed the topic`;
    case "mode": {
      const whom = names[0] ?? target;
      const named = same(whom, me) ? "you" : whom;
      if (!sender) {
        const promoted = named === "you" ? "You are" : `${named} is`;
        return `${promoted} an operator now: the last one has left`;
      }
      return `${who} ${MODES[text]?.(named) ?? `changed the mode ${text} ${target}`.trimEnd()}`;
    }
    case "away":
      if (who === "You") return text ? `You are away: ${text}` : "You are back";
      return text ? `${sender} is away: ${text}` : `${sender} is back`;
    case "invited":
      return `${who} invited ${same(target, me) ? "you" : target} into ${room}`;
    default:
      return text;
  }
}

/** Those who came and went, in one sentence: "anna and bob joined · carl left". */
export function describePassages(people) {
  const groups = [
    ["joined", (p) => p.first === "joined" && p.last === "joined"],
    ["left", (p) => p.first === "left" && p.last === "left"],
    ["came and went", (p) => p.first === "joined" && p.last === "left"],
    ["left and came back", (p) => p.first === "left" && p.last === "joined"],
  ];
  return groups
    .map(([verb, belongs]) => {
      const group = people.filter(belongs);
      if (!group.length) return "";
      const reason = group.length === 1 && group[0].reason ? ` (${group[0].reason})` : "";
      return `${listed(group.map((person) => person.name))} ${verb}${reason}`;
    })
    .filter(Boolean)
    .join(" \u00b7 ");
}
