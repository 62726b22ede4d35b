// What the loop does, in one word: the page has a colour for each.

import { isWhole } from "./steps.js";

/**
 * Return `{mode, blocked}`: "running", "paused", "slow", "stopped", or "blocked" with the entry of
 * the turn that takes too long. "lost" if there is no connection.
 */
export function modeOf(state, status) {
  const blocked = state.blocked?.recent?.find((block) => block.going_on) ?? null;
  const { mode = "running" } = state.control ?? {};
  if (status === "lost") return { mode: "lost", blocked: null };
  if (mode === "paused") return { mode, blocked: null };
  if (blocked) return { mode: "blocked", blocked };
  if (mode === "running" && state.loop?.running === false) return { mode: "stopped", blocked: null };
  return { mode, blocked: null };
}

/** Return the mode in words, for a screen reader: said when it changes. */
export function modeWords(mode, state, blocked) {
  const { turn } = state;
  switch (mode) {
    case "paused":
      return isWhole(turn)
        ? `Paused after turn ${turn.turn}`
        : `Paused in turn ${turn?.turn ?? 0} before step ${turn?.step ?? 1}`;
    case "slow":
      return `Slow motion, ${state.control.turns_per_second} turns a second`;
    case "blocked":
      return `The loop is blocked${blocked.name ? ` in ${blocked.name}` : ""}`;
    case "lost":
      return "The connection to the inspector is lost";
    case "stopped":
      return "The loop does not run";
    default:
      return "The loop is running";
  }
}
