// Which rows of a long table are asked for, so that the server sends only what is on screen.

export const MOST_ROWS = 200; // that one request may ask for

/** Return the rows that are visible: `{first, count}`. */
export function visibleRows({ scrollTop, height, rowHeight, total }) {
  const first = Math.max(0, Math.min(Math.floor(scrollTop / rowHeight), total - 1));
  const last = Math.ceil((scrollTop + height) / rowHeight);
  return { first, count: Math.max(0, Math.min(last, total) - first) };
}

/**
 * Return the rows to ask for: the visible ones with as many before and after them. It is the same
 * object as `asked` as long as that has all that is visible, so that not each scroll asks again.
 */
export function rowsToAsk(visible, asked, total) {
  if (asked && covers(asked, visible, total)) return asked;
  const margin = Math.max(10, visible.count);
  const first = Math.max(0, visible.first - margin);
  const count = Math.min(MOST_ROWS, Math.max(40, visible.count + 2 * margin));
  return { first, count };
}

function covers(asked, visible, total) {
  const end = Math.min(visible.first + visible.count, total);
  return asked.first <= visible.first && end <= asked.first + asked.count;
}
