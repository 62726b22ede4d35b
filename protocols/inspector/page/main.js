// The page: connects a source of states with the views that show them.

import { ControlView } from "./control.js";
import { acceptFiles, chooseFiles } from "./files.js";
import { handleKeys, showKeys, startKeys } from "./keys.js";
import { openMenu } from "./menu.js";
import { modeOf, modeWords } from "./mode.js";
import { openRecording } from "./replay.js";
import { ReplaySource, SPEEDS } from "./replay-source.js";
import { byId } from "./shared/dom.js";
import { setTheme, theme } from "./shared/themes.js";
import { LiveSource } from "./source-live.js";
import { DescriptorsView } from "./view-descriptors.js";
import { FindingsView } from "./view-findings.js";
import { ReplayView } from "./view-replay.js";
import { RingView } from "./view-ring.js";
import { StepsView } from "./view-steps.js";
import { StripView } from "./view-strip.js";
import { TimersView } from "./view-timers.js";

const TOAST_TIME = 6000; // milliseconds
const token = new URLSearchParams(location.search).get("token") ?? "";

let source = null;
let leave = () => {}; // ends the subscription
let current = null; // {state, hello}, to be shown in the next frame
let isDue = false;
let saidMode = "";
let toastTimer = 0;
let replay = null; // the ReplayView, while a recording is shown
let opening = null; // cancels the reading of a file

const descriptors = new DescriptorsView((view) => source?.setView(view));
const views = [
  new RingView(),
  new StepsView(),
  new StripView(),
  new TimersView(),
  descriptors,
  new FindingsView(),
];
const control = new ControlView({
  control: (request) => source.control(request),
  say: toast,
});

// -- sources -------------------------------------------------------------------------------------

function use(other) {
  leave();
  source?.close();
  source = other;
  current = null;
  document.body.dataset.source = other.kind;
  descriptors.restart(); // the source knows what is wanted before it connects
  leave = other.subscribe((state, hello) => {
    current = { state, hello };
    request();
  });
}

const viewRefused = (text) => descriptors.refused(text);

function goLive() {
  opening?.abort();
  replay?.close();
  replay = null;
  banner("");
  use(new LiveSource({ token, statusChanged, viewRefused }));
}

function statusChanged(status, problem) {
  if (status === "lost") banner(problem || "The connection is lost. Trying again…");
  else if (status === "connected") banner("");
  request();
}

async function openFiles(files) {
  opening?.abort();
  const controller = (opening = new AbortController());
  const shown = byId("banner-text").textContent;
  banner("Opening the recording…", true);
  try {
    const progress = (share) =>
      banner(`Opening the recording… ${Math.round(share * 100)} %`, true);
    const recording = await openRecording(files, { progress, signal: controller.signal });
    const opened = new ReplaySource(recording, { viewRefused });
    replay = new ReplayView({ source: opened, speeds: SPEEDS, complain: toast });
    use(opened);
    const cut = recording.cut ? " Its end is missing." : "";
    banner(`Replaying the recording ${recording.name}.${cut}`, true);
    byId("scrubber").focus({ preventScroll: true }); // its keys work at once
  } catch (error) {
    if (controller.signal.aborted) return; // the user has changed their mind
    if (replay) banner(shown, true);
    else banner("");
    if (source?.kind === "live") statusChanged(source.status, source.problem);
    toast(error.message);
  }
}

async function openOwnRecording() {
  const response = await fetch(source.address("recording"));
  if (!response.ok) return toast((await response.text()).split("\n")[0]);
  return openFiles([new File([await response.blob()], current?.hello?.title || "of this loop")]);
}

// -- showing -------------------------------------------------------------------------------------

function request() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(show);
}

function show() {
  isDue = false;
  if (!current) return;
  const { state, hello } = current;
  const { mode, blocked } = modeOf(state, source.status);
  document.body.dataset.mode = mode;
  const context = { mode, blocked, hello };
  for (const view of views) view.show(state, context);
  control.show(state);
  replay?.show(state);
  showHead(state, hello, mode);
  say(modeWords(mode, state, blocked), mode);
}

function showHead(state, hello, mode) {
  const title = hello?.title || "Inspector";
  set(byId("title"), title);
  const parts = [
    hello?.pid ? `pid ${hello.pid}` : "",
    hello?.python ? `Python ${hello.python}` : "",
    hello?.poller?.replace(/Poller$/, "").toLowerCase() ?? "",
    state.loop.debug ? "debug" : "",
    state.loop.catching_up ? "catching up" : "",
    state.loop.stopping ? "stopping" : "",
  ];
  set(byId("about"), parts.filter(Boolean).join(" · "));
  const mark = { paused: "⏸ ", blocked: "⚠ ", lost: "⚠ " }[mode] ?? "";
  document.title = `${mark}${title} – Inspector`;
}

/** Say a new mode to screen readers, once. A recording moves too fast for that. */
function say(words, mode) {
  const key = mode === "paused" ? words : mode;
  if (key === saidMode || replay) return;
  saidMode = key;
  byId("mode-said").textContent = words;
}

function banner(text, isReplay = false) {
  byId("banner").hidden = !text;
  set(byId("banner-text"), text);
  byId("banner-back").hidden = !isReplay;
  byId("banner").classList.toggle("replay", isReplay);
}

function toast(text) {
  byId("toast").textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (byId("toast").textContent = ""), TOAST_TIME);
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// -- tools ---------------------------------------------------------------------------------------

const THEMES = { system: "◐ Auto", light: "☀ Light", dark: "☾ Dark" };

function showTheme() {
  byId("theme").textContent = THEMES[theme()];
  byId("theme").setAttribute("aria-label", `Theme: ${THEMES[theme()].slice(2)}`);
}

byId("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(theme()) + 1) % names.length]);
  showTheme();
});

byId("more").addEventListener("click", () => {
  const items = [{ label: "Open a recording…", run: chooseFiles }];
  if (source.kind === "live") {
    if (current?.state.control?.recorded) {
      items.push(
        { label: "Replay the last recording", run: openOwnRecording },
        { label: "Save the last recording", href: source.address("recording") },
      );
    }
    items.push(
      {
        label: "Save the turns for Perfetto",
        href: source.address("trace.json"),
        download: "trace.json",
      },
      { label: "Save this state (JSON)", href: source.address("loop.json"), download: "loop.json" },
    );
  }
  openMenu(byId("more"), "More", items);
});

byId("banner-back").addEventListener("click", goLive);

const onlyLive = (action) => () => (replay ? false : action());
const onlyReplay = (action) => () => (replay ? action() : false);

handleKeys({
  space: () => (replay ? replay.toggle() : control.togglePause()),
  n: onlyLive(() => control.go("step")),
  s: onlyLive(() => control.go("step")),
  t: onlyLive(() => control.go("turn")),
  m: onlyLive(() => control.toggleSlow()),
  r: onlyLive(() => control.toggleRecording()),
  ArrowRight: onlyReplay(() => source.move(1)),
  ArrowLeft: onlyReplay(() => source.move(-1)),
  "shift+ArrowRight": onlyReplay(() => source.moveTurns(1)),
  "shift+ArrowLeft": onlyReplay(() => source.moveTurns(-1)),
  "/": () => byId("filter").focus(),
  o: () => chooseFiles(),
  "?": () => showKeys(),
});

startKeys();
showTheme();
acceptFiles(openFiles);
goLive();
