// The state of a living loop, from the inspector's server: a stream of events with the whole
// document first and patches after it.
//
// A source has `subscribe(listener)`, which calls `listener(state, hello)` at each change and
// returns a function that ends that; `setView(view)`: which descriptors are wanted; `close()`. A
// replayed recording is a source too: see replay.js.

import { merge } from "./patch.js";

const RETRY = [1000, 2000, 5000]; // milliseconds until the next attempt
const VIEW_DELAY = 120; // milliseconds for which the view must stay the same

export class LiveSource {
  kind = "live";
  state = null;
  hello = null;
  /** "connecting", "connected" or "lost"; `problem` says why, in one line. */
  status = "connecting";
  problem = "";
  #listeners = new Set();
  #statusListener;
  #stream = null;
  #next = null; // the stream of another view, until it has its first document
  #timer = 0;
  #attempts = 0;
  #view = {};
  #token;
  #isClosed = false;

  #viewRefused;

  /**
   * `token`: the one in the page's address, or "". `statusChanged(status, problem)`.
   * `viewRefused(problem)`: the server does not understand the filter; "" if it does again.
   */
  constructor({ token = "", statusChanged = () => {}, viewRefused = () => {} } = {}) {
    this.#token = token;
    this.#statusListener = statusChanged;
    this.#viewRefused = viewRefused;
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    if (this.state) listener(this.state, this.hello);
    if (!this.#stream && !this.#timer) this.#connect();
    return () => this.#listeners.delete(listener);
  }

  /** The next stream has these descriptors: sort, order, filter, first, count. */
  setView(view) {
    this.#view = view;
    if (!this.#stream) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), VIEW_DELAY);
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#next?.close();
    this.#listeners.clear();
  }

  /** Ask for `request` ("pause" and so on). Returns what went wrong, in one line, or "". */
  async control(request) {
    try {
      const response = await fetch(this.address("control"), {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-Inspector-Token": this.hello?.token ?? this.#token,
        },
        body: JSON.stringify(request),
      });
      return response.ok ? "" : (await oneLine(response)) || `Refused (${response.status})`;
    } catch {
      return "The inspector cannot be reached.";
    }
  }

  /** Return the address of `path` with the token that it needs. */
  address(path, parameters = {}) {
    const query = new URLSearchParams(parameters);
    if (this.#token) query.set("token", this.#token);
    return query.size ? `./${path}?${query}` : `./${path}`;
  }

  #connect() {
    this.#timer = 0;
    this.#next?.close();
    const stream = new EventSource(this.address("events", this.#view));
    this.#next = stream;
    let hello = null;
    let state = null;
    stream.addEventListener("hello", (event) => {
      hello = JSON.parse(event.data);
    });
    stream.addEventListener("state", (event) => {
      state = JSON.parse(event.data);
      this.#take(stream, state, hello);
    });
    stream.addEventListener("patch", (event) => {
      if (state === null) return; // only a whole document can be patched
      state = merge(state, JSON.parse(event.data));
      this.#take(stream, state, hello);
    });
    // The browser would connect again by itself, but not after an answer such as 503.
    stream.addEventListener("error", () => this.#lost(stream));
  }

  #take(stream, state, hello) {
    if (this.#isClosed) return;
    if (stream === this.#next) {
      this.#stream?.close();
      this.#stream = stream;
      this.#next = null;
      this.#viewRefused("");
    }
    if (stream !== this.#stream) return;
    this.#attempts = 0;
    this.state = state;
    this.hello = hello;
    this.#setStatus("connected", "");
    for (const listener of this.#listeners) listener(state, hello);
  }

  async #lost(stream) {
    stream.close();
    if (this.#isClosed || (stream !== this.#stream && stream !== this.#next)) return;
    if (stream === this.#next) this.#next = null;
    if (stream === this.#stream) this.#stream = null;
    const { status, text } = await this.#ask();
    if (this.#isClosed || this.#next) return;
    if (status === 400) {
      this.#viewRefused(text);
      this.#view = { ...this.#view, filter: "" };
    }
    if (this.#stream) return; // it goes on with the view that it has
    if (status !== 400) this.#setStatus("lost", text);
    const delay = RETRY[Math.min(this.#attempts, RETRY.length - 1)];
    this.#attempts += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), status === 400 ? 0 : delay);
  }

  /** Ask why there is no stream: an EventSource does not tell. */
  async #ask() {
    try {
      const response = await fetch(this.address("loop.json", this.#view));
      return { status: response.status, text: response.ok ? "" : await oneLine(response) };
    } catch {
      return { status: 0, text: "" };
    }
  }

  #setStatus(status, problem) {
    if (status === this.status && problem === this.problem) return;
    this.status = status;
    this.problem = problem;
    this.#statusListener(status, problem);
  }
}

/** What the server says in plain text. A proxy's page says nothing that helps. */
async function oneLine(response) {
  if (!response.headers.get("content-type")?.startsWith("text/plain")) return "";
  return (await response.text()).split("\n")[0].slice(0, 200);
}
