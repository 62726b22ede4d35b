// The write queue of a descriptor as a bar: how full it is, its water marks, its limit.

import { bytes } from "./format.js";
import { element } from "./shared/dom.js";

const UNIT = 1024; // bytes from which the scale is logarithmic

/**
 * Return where `size` is on a bar that ends at `limit`, 0 to 1. The scale is logarithmic: the water
 * marks are often a hundredth of the limit.
 */
export function positionOf(size, limit) {
  if (!(size > 0) || !(limit > 0)) return 0;
  return Math.min(1, Math.log1p(size / UNIT) / Math.log1p(limit / UNIT));
}

/** Return in which part of the bar `size` is: "low", "middle", "high" or "full". */
export function fillOf({ queued, low_water: low, high_water: high, limit }) {
  // Without a mark, which is infinite, nothing is above it: in JavaScript 0 >= null.
  if (queued >= (limit ?? Infinity)) return "full";
  if (queued > (high ?? Infinity)) return "high";
  return queued > low ? "middle" : "low";
}

/** Return the contents of the cell, a list of nodes. */
export function queueBar(row) {
  const { queued, limit, low_water: low, high_water: high } = row;
  if (queued === undefined || queued === null) return ["–"];
  const bar = element("span", { class: `queue ${fillOf(row)}`, "aria-hidden": "true" });
  const fill = element("span", { class: "fill" });
  fill.style.width = `${(positionOf(queued, limit) * 100).toFixed(1)}%`;
  bar.append(fill);
  for (const size of [low, high]) {
    const line = element("span", { class: "mark" });
    line.style.left = `${(positionOf(size, limit) * 100).toFixed(1)}%`;
    bar.append(line);
  }
  const mark = (size) => (Number.isFinite(size) ? bytes(size) : "none");
  bar.title =
    `${bytes(queued)} queued; low water ${mark(low)}, high water ${mark(high)}, ` +
    `limit ${mark(limit)}`;
  const text = element("span", { class: "queued" }, queued ? bytes(queued) : "0");
  if (row.writing_paused) {
    text.classList.add("paused");
    text.title = "The protocol was told to pause writing.";
    text.append(element("span", { class: "visually-hidden" }, " writing paused"));
  }
  return [bar, text];
}
