// Collects what has to be shown, and shows it once per frame, however much happens in between.

const HIDDEN_DELAY = 250; // milliseconds; a hidden page has no frames, but has a title
const SLOW = 32; // milliseconds; after more, the page rests as long, so that it can hear the user

export class Frames {
  #waiting = new Set();
  #frame = 0;
  #timer = 0;
  #restUntil = 0;

  /** `show(what)` is called with the set of all that was requested. */
  constructor(show) {
    this.show = show;
    document.addEventListener("visibilitychange", () => this.#waiting.size && this.#run());
  }

  request(what) {
    this.#waiting.add(what);
    if (this.#frame || this.#timer) return;
    const rest = document.hidden ? HIDDEN_DELAY : this.#restUntil - performance.now();
    if (rest > 0) this.#timer = setTimeout(() => this.#run(), rest);
    else this.#frame = requestAnimationFrame(() => this.#run());
  }

  #run() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = this.#timer = 0;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    const began = performance.now();
    this.show(waiting);
    const ended = performance.now();
    if (ended - began > SLOW) this.#restUntil = ended + (ended - began);
  }
}
