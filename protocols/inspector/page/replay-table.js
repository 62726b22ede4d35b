// The descriptors on screen, of a replayed recording: the sorting, the filter and the window of
// protocols/inspector/table.py. tests/protocols/inspector/replay/views.json says what both do.

const UNKNOWN = -1;
const TEXT = new Set(["kind", "protocol", "peer", "interest"]);

/** The entry "descriptors" of a state document. `rows`: by descriptor. */
export function tableOf(rows, total, view = {}) {
  const { sort = "fd", order = "asc", filter = "", first = 0, count = 40 } = view;
  const matches = matcher(filter);
  const key = keyOf(sort);
  const all = [...rows.values()].sort((a, b) => a.fd - b.fd);
  const matching = all.filter(matches).map((row) => [key(row), row]);
  const direction = order === "desc" ? -1 : 1;
  matching.sort(([a], [b]) => direction * compare(a, b));
  const shown = matching.slice(first, first + count).map(([, row]) => row);
  const kinds = {};
  for (const { kind } of all) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return {
    total,
    matching: matching.length,
    kinds,
    first,
    order: shown.map(({ fd }) => fd),
    rows: Object.fromEntries(shown.map((row) => [row.fd, row])),
  };
}

function keyOf(column) {
  if (column === "peer") return ({ peer }) => peerKey(peer);
  if (TEXT.has(column)) return (row) => row[column] ?? "";
  return (row) => row[column] ?? UNKNOWN;
}

function peerKey(peer) {
  const [, host, port] = /^(.*):(\d+)$/.exec(peer ?? "") ?? [];
  return host === undefined ? [peer ?? "", 0] : [host, Number(port)];
}

function compare(a, b) {
  if (Array.isArray(a)) return compare(a[0], b[0]) || compare(a[1], b[1]);
  return a < b ? -1 : a > b ? 1 : 0;
}

function matcher(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => words.every((word) => JSON.stringify(row).toLowerCase().includes(word));
}
