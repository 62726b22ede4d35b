// The server's events: when the mailbox has changed.
//
// A browser opens six connections to a server, for all its tabs together, and a stream takes one for
// as long as its tab is open. So one tab has the stream, and tells the others.

import { address } from "./api.js";

const RETRY = 5000; // milliseconds until a stream that was refused is asked for again

/**
 * Call `changed(change)` after each change of the mailbox, and `lost(isRefused)` when there is no
 * connection.
 */
export function watch({ changed, lost }) {
  const use = ({ change, isRefused }) => (change ? changed(change) : lost(isRefused));
  const channel = new BroadcastChannel("mail-events");
  channel.addEventListener("message", ({ data }) => use(data));
  const tell = (news) => {
    channel.postMessage(news);
    use(news);
  };
  const lead = () => {
    connect(tell);
    return new Promise(() => {}); // until the tab is closed
  };
  // There are no locks on pages that came over a network without TLS.
  if (navigator.locks) navigator.locks.request("mail-events", lead);
  else lead();
}

function connect(tell) {
  const events = new EventSource(address("events"));
  events.addEventListener("change", ({ data }) => tell({ change: JSON.parse(data) }));
  events.addEventListener("error", () => {
    const isRefused = events.readyState === EventSource.CLOSED; // or the browser tries again itself
    tell({ isRefused });
    if (!isRefused) return;
    events.close();
    setTimeout(connect, RETRY, tell);
  });
}
