// What went wrong or took long: what blocked the loop, the slowest calls, errors; and the counters.

import { bytes, count, duration, timeOfDay } from "./format.js";
import { byId, element, plural } from "./shared/dom.js";

export class FindingsView {
  #parts = new Map(); // what each panel was made of
  #tabs;
  #open = new Set(); // blocks whose stack is shown
  #isChosen = false; // the user has selected a panel: it stays
  #rates = new Rates();

  constructor() {
    this.#tabs = [...byId("tabs").querySelectorAll("[role=tab]")];
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.#choose(tab));
    byId("tabs").addEventListener("keydown", (event) => this.#moved(event));
    this.#select(byId("tab-slowest"));
  }

  #choose(tab) {
    this.#isChosen = true;
    this.#select(tab);
  }

  #select(chosen) {
    if (chosen.getAttribute("aria-selected") === "true") return;
    for (const tab of this.#tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  }

  #moved(event) {
    const index = this.#tabs.indexOf(event.target);
    const last = this.#tabs.length - 1;
    const next = {
      ArrowRight: index === last ? 0 : index + 1,
      ArrowLeft: index === 0 ? last : index - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (index < 0 || next === undefined) return;
    event.preventDefault();
    this.#choose(this.#tabs[next]);
    this.#tabs[next].focus();
  }

  show(state, { hello }) {
    const { loop } = state;
    const wall = (at) => timeOfDay((loop.wall ?? 0) - (loop.time - at));
    this.#update("blocked", state.blocked, () => this.#blocked(state.blocked, wall, hello));
    this.#update("slowest", state.slowest, () => slowest(state.slowest ?? []));
    this.#update("errors", state.errors, () => errors(state.errors, wall));
    const rates = this.#rates.of(state);
    this.#update("counters", rates, () => counters(state, rates));
    badge("blocked-count", state.blocked?.total ?? 0);
    badge("errors-count", state.errors?.total ?? 0);
    if (!this.#isChosen) this.#select(byId(worstOf(state)));
  }

  #update(name, part, make) {
    if (this.#parts.has(name) && this.#parts.get(name) === part) return;
    this.#parts.set(name, part);
    const panel = byId(name);
    const focused = panel.contains(document.activeElement) && document.activeElement.dataset.key;
    panel.replaceChildren(...make());
    if (focused) panel.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #blocked(blocked, wall, hello) {
    const limit = duration(hello?.watchdog ?? 0.1);
    if (!blocked?.recent?.length) return [empty(`No turn has taken longer than ${limit}.`)];
    const items = blocked.recent.map((block) => this.#block(block, wall));
    return [element("ul", { class: "blocks" }, ...items)];
  }

  #block(block, wall) {
    const { id, at, took, going_on: isGoingOn, name, where, line, stack, samples, hottest } = block;
    const length = isGoingOn ? `${took.toFixed(1)} s …` : duration(took);
    const head = element(
      "summary",
      { "data-key": `block-${id}` },
      element("b", { class: "block-took" }, length),
      element("span", { class: "block-name" }, name || where || "not known"),
      element("time", {}, wall(at)),
      line ? element("code", { class: "block-line" }, line) : null,
      where ? element("span", { class: "block-where" }, where) : null,
    );
    const details = element("details", { class: isGoingOn ? "block now" : "block" }, head);
    details.open = this.#open.has(id);
    details.addEventListener("toggle", () => {
      if (details.open) this.#open.add(id);
      else this.#open.delete(id);
    });
    details.append(element("p", { class: "hint" }, `${plural(samples ?? 0, "sample")}`));
    if (hottest?.length > 1) {
      const rows = hottest.map(([place, number]) =>
        element("li", {}, element("code", {}, place), " ", element("b", {}, `${count(number)}×`)),
      );
      details.append(element("ul", { class: "hottest" }, ...rows));
    }
    if (stack?.length) details.append(element("pre", { tabIndex: 0 }, stack.join("\n")));
    return element("li", {}, details);
  }
}

/** Return the tab that has the most to say. */
function worstOf({ blocked, errors }) {
  if (blocked?.total) return "tab-blocked";
  return errors?.total ? "tab-errors" : "tab-slowest";
}

const empty = (text) => element("p", { class: "empty" }, text);

function badge(id, number) {
  const shown = byId(id);
  const text = number ? count(number) : "";
  if (shown.textContent !== text) shown.textContent = text;
}

function slowest(calls) {
  if (!calls.length) return [empty("Nothing was called in the last minute.")];
  const most = Math.max(...calls.map(({ seconds }) => seconds));
  const rows = calls.map(({ name, calls: number, seconds, longest }) => {
    const bar = element("span", { class: "share", "aria-hidden": "true" });
    bar.style.width = `${most ? (seconds / most) * 100 : 0}%`;
    return element(
      "tr",
      {},
      element("td", { class: "call-name", title: name }, bar, element("span", {}, name)),
      element("td", {}, count(number)),
      element("td", {}, duration(seconds)),
      element("td", {}, duration(longest)),
    );
  });
  const heads = ["Name", "Calls", "Total", "Longest"];
  const head = element("tr", {}, ...heads.map((title) => element("th", { scope: "col" }, title)));
  return [
    element("table", { class: "calls" }, element("thead", {}, head), element("tbody", {}, ...rows)),
  ];
}

function errors(found, wall) {
  if (!found?.recent?.length) return [empty("No error was reported.")];
  const items = found.recent.map(({ at, text }) =>
    element("li", {}, element("time", {}, wall(at)), " ", element("span", {}, text)),
  );
  return [element("ul", { class: "errors" }, ...items)];
}

const COUNTERS = [
  ["connections", "Connections", count],
  ["accepted", "Accepted", count],
  ["refused", "Refused", count],
  ["lingering", "Lingering", count],
  ["bytes_received", "Received", bytes],
  ["bytes_sent", "Sent", bytes],
  ["writes_dropped", "Writes dropped", count],
  ["datagrams_received", "Datagrams in", count],
  ["datagrams_sent", "Datagrams out", count],
  ["datagrams_dropped", "Datagrams dropped", count],
  ["turns", "Turns", count],
  ["wait_time", "Waited", duration],
  ["work_time", "Worked", duration],
  ["stalled_time", "Stalled", duration],
];
const RATED = new Set(["accepted", "bytes_received", "bytes_sent", "turns"]);

function counters(state, { values, rates }) {
  const list = element("dl", { class: "counters" });
  const entry = (title, text, rate = "") =>
    list.append(
      element(
        "div",
        {},
        element("dt", {}, title),
        element("dd", {}, text, rate ? element("span", { class: "per" }, rate) : null),
      ),
    );
  for (const [name, title, words] of COUNTERS) {
    if (values[name] === undefined || values[name] === null) continue;
    const rate = rates[name];
    entry(title, words(Math.max(0, values[name])), rate ? `${words(Math.round(rate))}/s` : "");
  }
  entry("Callbacks queued", count(state.callbacks?.total ?? 0));
  entry("Closed", count(state.closed?.total ?? 0));
  return [list];
}

/** The counters, once a second, and how fast they have grown since. */
class Rates {
  #last = null;
  #result = { values: {}, rates: {} };

  of(state) {
    const { time } = state.loop;
    const values = state.stats ?? {};
    const passed = this.#last ? time - this.#last.time : Infinity;
    if (passed >= 0 && passed < 1) return this.#result;
    const rates = {};
    if (Number.isFinite(passed) && passed > 0) {
      for (const name of RATED) rates[name] = (values[name] - this.#last.values[name]) / passed;
    }
    this.#last = { time, values };
    this.#result = { values, rates };
    return this.#result;
  }
}
