// One WebSocket after another: connects, notices when a connection is dead, and tries again.
//
// States: "idle" (not started), "connecting" (until the server has welcomed us), "connected",
// "lost" (waiting for the next try, at `retryAt`), "closed" (the server or the user does not want
// another try).

export const SUBPROTOCOL = "chat.v1+json";

const FIRST_DELAY = 1000; // milliseconds, all of them
const LONGEST_DELAY = 30_000;
const SHORTEST_DELAY = 250;
const CONNECT_TIMEOUT = 15_000;
const STABLE = 10_000; // a connection that lasted this long was a success
const SILENCE = 30_000; // after that, we ask whether the server is there
const ANSWER_TIMEOUT = 10_000;
const TICK = 5_000;

export class Connection {
  #socket = null;
  #failures = 0;
  #heard = 0; // when something last arrived
  #asked = 0; // when we asked for a sign of life; 0 if we have not since
  #began = 0;
  #timer = 0;
  #lastTick = Date.now();

  /**
   * `opened()`: the socket is open. `received(events)`: an array came. `changed()`: the state is
   * another one.
   */
  constructor(url, { opened, received, changed }) {
    this.url = url;
    this.opened = opened;
    this.received = received;
    this.changed = changed;
    this.state = "idle";
    this.reason = "";
    this.retryAt = 0;
    setInterval(() => this.#tick(), TICK);
    addEventListener("online", () => this.wake());
    addEventListener("pageshow", () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  /** Connect now. */
  connect() {
    this.#drop();
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    this.#socket = socket;
    this.#began = Date.now();
    socket.onopen = () => this.opened();
    socket.onmessage = ({ data }) => this.#message(data);
    // A close that is not clean has an error event before it, which says nothing more.
    socket.onclose = ({ reason }) => this.#lost(reason);
    this.#timer = setTimeout(() => this.#lost("The server does not answer"), CONNECT_TIMEOUT);
    this.#change("connecting");
  }

  /** The server has welcomed us. */
  ready() {
    clearTimeout(this.#timer);
    this.#began = Date.now();
    this.#change("connected");
  }

  /** Close for good: only `connect` begins again. */
  close(reason) {
    this.#drop();
    clearTimeout(this.#timer);
    this.reason = reason;
    this.#change("closed");
  }

  /** Send `message`. Returns false if there is no open connection. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Something has changed outside: the machine woke up, or is online, or the page is shown. */
  wake() {
    if (this.state === "lost") this.connect();
    else if (this.state === "connected") this.#ask();
  }

  #message(data) {
    this.#heard = Date.now();
    this.#asked = 0;
    let events = null; // which is no event
    try {
      events = JSON.parse(data);
    } catch {
      // the receiver is told, too
    }
    this.received(Array.isArray(events) ? events : [events]);
  }

  #tick() {
    const now = Date.now();
    const slept = now - this.#lastTick > 4 * TICK; // or a hidden page's timers were slowed down
    this.#lastTick = now;
    if (slept) this.wake();
    else if (this.state !== "connected") return;
    else if (this.#asked && now - this.#asked > ANSWER_TIMEOUT) {
      this.#lost("The server does not answer");
    } else if (now - this.#heard > SILENCE) this.#ask();
  }

  #ask() {
    if (this.#asked) return;
    this.#asked = Date.now();
    this.send({ type: "ping" });
  }

  #lost(reason) {
    this.#drop();
    clearTimeout(this.#timer);
    if (this.state === "connected" && Date.now() - this.#began > STABLE) this.#failures = 0;
    // Full jitter: after a restart of the server, its pages do not all come back at once.
    const limit = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    const delay = SHORTEST_DELAY + Math.random() * (limit - SHORTEST_DELAY);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.reason = reason;
    this.retryAt = Date.now() + delay;
    this.#timer = setTimeout(() => this.connect(), delay);
    this.#change("lost");
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#asked = 0;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #change(state) {
    this.state = state;
    this.changed();
  }
}
