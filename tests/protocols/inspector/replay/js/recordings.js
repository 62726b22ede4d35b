// Recordings that tests make up: a file of lines.

const LOOP = { poller: "EpollPoller", now: 10, stopping: false, catching_up: false, debug: false };
const STATS = { turns: 0, work_time: 0, wait_time: 0, bytes_received: 0, bytes_sent: 0 };

export function header(changes = {}, snapshot = {}) {
  return {
    recording: 1,
    run: "42-1",
    wall: 1_700_000_010,
    time: 10,
    snapshot: { loop: LOOP, stats: STATS, descriptors: [], descriptors_total: 0, ...snapshot },
    ...changes,
  };
}

/** A turn that begins at `began`, waits for `waited` seconds and works for `worked`. */
export function turn(number, began, changes = {}, { waited = 0.5, worked = 0.1 } = {}) {
  const woke = began + waited;
  const times = [began, began, woke, woke, woke, woke, woke, woke, woke + worked];
  return { turn: number, times: times.map((time) => Number(time.toFixed(6))), ...changes };
}

/** Turns that follow each other, one each second, with the calls that `callsOf(number)` returns. */
export function turns(count, callsOf = () => []) {
  return Array.from({ length: count }, (_, number) =>
    turn(number, 10 + number, { calls: callsOf(number) }, { waited: 0.95, worked: 0.05 }),
  );
}

export function fileOf(lines, name = "turns", tail = "") {
  return new File([lines.map((line) => `${JSON.stringify(line)}\n`).join("") + tail], name);
}

export function row(fd, changes = {}) {
  return {
    fd,
    kind: "stream",
    protocol: "Echo",
    peer: `192.0.2.1:${50000 + fd}`,
    interest: "R",
    closing: false,
    reading_paused: false,
    queued: 0,
    unsent: 0,
    writing_paused: false,
    received: 0,
    sent: 0,
    last_event: "",
    opened: 10,
    last_time: 10,
    ...changes,
  };
}
