// Collects what has to be shown, and shows it once per frame, however much happens in between.

const HIDDEN_DELAY = 250; // milliseconds; a hidden page has no frames, but has a title

export class Frames {
  #waiting = new Set();
  #frame = 0;
  #timer = 0;

  /** `show(what)` is called with the set of all that was requested. */
  constructor(show) {
    this.show = show;
    document.addEventListener("visibilitychange", () => this.#waiting.size && this.#run());
  }

  request(what) {
    this.#waiting.add(what);
    if (this.#frame || this.#timer) return;
    if (document.hidden) this.#timer = setTimeout(() => this.#run(), HIDDEN_DELAY);
    else this.#frame = requestAnimationFrame(() => this.#run());
  }

  #run() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = this.#timer = 0;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    this.show(waiting);
  }
}
