// The bar that says how the connection is, when it is not well.

import { harmless } from "./format.js";
import { element, plural } from "./shared/dom.js";

const SHOW_AFTER = 400; // milliseconds; most connections are back before anybody wonders

export class StatusView {
  #since = Date.now();
  #state = "idle";
  #text = "";
  #timer = 0;

  /** `say(text)` tells those who cannot see. */
  constructor({ bar }, session, { retry, say }) {
    Object.assign(this, { bar, session, retry, say });
    bar.addEventListener("click", ({ target }) => target.closest("button") && this.retry());
  }

  update() {
    clearTimeout(this.#timer);
    const { state } = this.session;
    const isWell = state === "connected" || state === "idle";
    if (isWell) {
      if (this.#state === "lost" || this.#state === "closed") this.say("Connected again");
      this.#state = state;
    } else if (this.#state === "connected" || this.#state === "idle") {
      this.#since = Date.now();
      this.#state = state;
    }
    const late = Date.now() - this.#since;
    if (isWell || (late < SHOW_AFTER && state !== "closed")) {
      this.bar.hidden = true;
      this.#text = "";
      if (!isWell) this.#timer = setTimeout(() => this.update(), SHOW_AFTER - late + 1);
      return;
    }
    this.#show(state);
    if (state === "lost") this.#timer = setTimeout(() => this.update(), 500);
  }

  #show(state) {
    const { reason, retryAt } = this.session.connection;
    const why = navigator.onLine ? harmless(reason) || "Connection lost" : "You are offline";
    const waiting = this.session.outbox.entries.filter((entry) => entry.state === "waiting").length;
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const [text, detail] = {
      connecting: ["Connecting\u2026", ""],
      lost: [`${why}.`, `Next try in ${seconds} s.`],
      closed: [harmless(reason) || "You have left the chat.", ""],
    }[state];
    const queued = waiting ? `${plural(waiting, "line")} will be sent when it is back.` : "";
    const button = { lost: "Try now", closed: "Connect again" }[state];
    const shown = [text, detail, queued, button].join("|");
    this.bar.hidden = false;
    this.bar.dataset.state = state;
    if (shown === this.#text) return;
    // The countdown changes every second: only the state itself is announced.
    if (!this.#text.startsWith(text)) this.say(text);
    this.#text = shown;
    this.#state = state;
    const words = this.bar.querySelector("p") ?? element("p");
    words.replaceChildren(
      element("span", { class: "spinner", "aria-hidden": "true" }),
      element("strong", {}, text),
      ` ${detail} ${queued}`,
    );
    const old = this.bar.querySelector("button");
    if (!old && button)
      this.bar.append(element("button", { class: "small", type: "button" }, button));
    else if (old && button) old.textContent = button;
    else old?.remove();
    if (!words.parentElement) this.bar.prepend(words);
  }
}
