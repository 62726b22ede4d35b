// A browser's window with virtual time, as far as connection.js needs one.

export class World {
  now = 1_000_000;
  sockets = [];
  timers = new Map();
  listeners = {};
  #lastTimer = 0;

  install() {
    const world = this;
    Date.now = () => world.now;
    globalThis.setTimeout = (run, delay) => world.#add(run, delay, 0);
    globalThis.setInterval = (run, delay) => world.#add(run, delay, delay);
    globalThis.clearTimeout = globalThis.clearInterval = (id) => world.timers.delete(id);
    globalThis.addEventListener = (type, listener) => {
      (world.listeners[type] ??= []).push(listener);
    };
    globalThis.document = { hidden: false, addEventListener };
    globalThis.WebSocket = class {
      static OPEN = 1;
      sent = [];
      readyState = 0;
      constructor(url, subprotocol) {
        Object.assign(this, { url, subprotocol });
        world.sockets.push(this);
      }
      send(text) {
        this.sent.push(JSON.parse(text));
      }
      close() {
        this.readyState = 3;
      }
    };
    return this;
  }

  /** The newest socket. */
  get socket() {
    return this.sockets.at(-1);
  }

  open() {
    this.socket.readyState = 1;
    this.socket.onopen();
  }

  receive(...events) {
    this.socket.onmessage({ data: JSON.stringify(events) });
  }

  dispatch(type) {
    for (const listener of this.listeners[type] ?? []) listener();
  }

  /** Let `time` milliseconds pass, timer by timer. */
  pass(time) {
    const end = this.now + time;
    for (;;) {
      const due = [...this.timers].filter(([, timer]) => timer.when <= end);
      if (!due.length) break;
      const [id, timer] = due.reduce((a, b) => (b[1].when < a[1].when ? b : a));
      this.now = Math.max(this.now, timer.when);
      if (timer.period) timer.when += timer.period;
      else this.timers.delete(id);
      timer.run();
    }
    this.now = end;
  }

  /** The machine sleeps: time passes, and no timer runs. */
  sleep(time) {
    this.now += time;
    for (const timer of this.timers.values()) if (timer.when < this.now) timer.when = this.now;
  }

  #add(run, delay, period) {
    this.#lastTimer += 1;
    this.timers.set(this.#lastTimer, { run, period, when: this.now + delay });
    return this.#lastTimer;
  }
}
