// The mail that is selected: its text, HTML, headers, source and attachments.

import { address, getMail, getSource, mailPath } from "./api.js";
import { asciiDomain, longTime, size } from "./format.js";
import { byId, element, plural } from "./shared/dom.js";

const MAX_SHOWN = 300_000; // characters of a text: browsers take long to lay out more
const MAX_LINKS = 500; // in a text

export class MessageView {
  #place = byId("shown");
  #loading = null; // an AbortController
  #view = ""; // the one that the user has chosen last
  #remove;
  #back;

  /** `remove(id)` is called by the button; `back()` by the one of narrow screens. */
  constructor({ remove, back }) {
    this.#remove = remove;
    this.#back = back;
  }

  async show(mail) {
    this.#loading?.abort();
    const controller = (this.#loading = new AbortController());
    byId("nothing").hidden = mail !== null;
    this.#place.hidden = mail === null;
    document.body.dataset.open = mail !== null;
    if (!mail) {
      this.#place.replaceChildren();
      return;
    }
    try {
      const content = await getMail(mail.id, controller.signal);
      this.#render({ ...mail, ...content }, controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#place.replaceChildren(
        this.#backButton(),
        element("p", { class: "empty" }, error.message),
      );
    }
  }

  #render(mail, signal) {
    this.#place.replaceChildren(this.#head(mail), ...this.#views(mail, signal));
    byId("message").scrollTop = 0;
  }

  #backButton() {
    const back = { type: "button", class: "small narrow-only", onclick: () => this.#back() };
    return element("button", back, "‹ Mails");
  }

  #head(mail) {
    const line = (name, value, more = "") =>
      value
        ? element(
            "div",
            {},
            element("dt", {}, name),
            element(
              "dd",
              {},
              element("bdi", {}, value),
              more ? element("span", { class: "tag" }, more) : null,
            ),
          )
        : null;
    return element(
      "header",
      { class: "message-head" },
      element(
        "div",
        { class: "message-tools" },
        this.#backButton(),
        element(
          "a",
          {
            class: "button small",
            href: address(mailPath(mail.id, "raw"), { download: "yes" }),
            download: "",
          },
          "Download",
        ),
        element(
          "button",
          {
            type: "button",
            class: "small danger",
            id: "delete",
            onclick: () => this.#remove(mail.id),
          },
          "Delete",
        ),
      ),
      element("h2", { id: "subject" }, element("bdi", {}, mail.subject || "(no subject)")),
      element(
        "dl",
        { class: "people" },
        line("From", mail.from, asciiDomain(mail.from)),
        line("To", mail.to),
        line("Cc", mail.cc),
        line("Received", `${longTime(mail.received)} · ${size(mail.size)}`),
      ),
      mail.problem ? element("p", { class: "note warn" }, mail.problem) : null,
      this.#attachments(mail),
    );
  }

  #attachments(mail) {
    if (!mail.attachments.length) return null;
    const files = mail.attachments.map((file) =>
      element(
        "li",
        {},
        element(
          "a",
          {
            class: "file",
            href: address(mailPath(mail.id, `parts/${file.number}`)),
            download: file.name,
            title: file.type,
          },
          element("bdi", {}, file.name),
          element("span", { class: "size" }, size(file.size)),
        ),
      ),
    );
    return element("ul", { class: "files", "aria-label": "Attachments" }, ...files);
  }

  #views(mail, signal) {
    const views = [];
    if (mail.html !== null) views.push(["HTML", () => this.#html(mail)]);
    if (mail.text !== null || mail.html === null) views.push(["Text", () => this.#text(mail)]);
    if (mail.links.length) views.push(["Links", () => this.#links(mail)]);
    views.push(["Headers", () => this.#headers(mail)]);
    views.push(["Source", () => this.#source(mail, signal)]);
    const panel = element("div", { role: "tabpanel", id: "view", class: "view", tabindex: "0" });
    const tabs = views.map(([name]) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${name.toLowerCase()}`,
          "aria-controls": "view",
          onclick: () => {
            this.#view = name;
            choose(name);
          },
        },
        name === "Links" ? `Links (${mail.links.length})` : name,
      ),
    );
    const choose = (name) => {
      views.forEach(([other, make], index) => {
        const isChosen = other === name;
        tabs[index].setAttribute("aria-selected", String(isChosen));
        tabs[index].tabIndex = isChosen ? 0 : -1;
        if (!isChosen) return;
        panel.setAttribute("aria-labelledby", tabs[index].id);
        panel.dataset.view = name.toLowerCase();
        panel.replaceChildren(...make());
      });
    };
    const bar = element("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, ...tabs);
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
      tabs[next].focus();
      tabs[next].click();
      event.preventDefault();
    });
    choose(views.some(([name]) => name === this.#view) ? this.#view : views[0][0]);
    return [bar, panel];
  }

  #html(mail) {
    const note = mail.blocked
      ? element(
          "p",
          { class: "note" },
          `${plural(mail.blocked, "image or file", "images and files")} from other places ` +
            `${mail.blocked === 1 ? "is" : "are"} not loaded.`,
        )
      : null;
    // Nothing is allowed to it: no scripts, no forms, no pop-ups, no navigation of this page.
    const frame = element("iframe", {
      class: "frame",
      title: "The mail as HTML",
      src: address(mailPath(mail.id, "html")),
      referrerpolicy: "no-referrer",
    });
    frame.setAttribute("sandbox", "");
    return note ? [note, frame] : [frame];
  }

  #text(mail) {
    const pieces = linked(cut(mail.text ?? ""), mail.links);
    return [element("pre", { class: "text" }, ...(mail.text ? pieces : ["(no text)"]))];
  }

  #links(mail) {
    const rows = mail.links.map(({ url, text }) =>
      element(
        "li",
        {},
        text ? element("bdi", {}, text) : null,
        link(url),
      ),
    );
    return [element("ul", { class: "links" }, ...rows)];
  }

  #headers(mail) {
    const rows = mail.headers.map(([name, value]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        element("td", {}, element("bdi", {}, value)),
      ),
    );
    return [element("table", { class: "headers" }, element("tbody", {}, ...rows))];
  }

  #source(mail, signal) {
    const place = element("pre", { class: "text source" }, "Loading…");
    getSource(mail.id, signal)
      .then((text) => {
        place.textContent = cut(text);
      })
      .catch((error) => {
        if (!signal.aborted) place.textContent = error.message;
      });
    return [place];
  }
}

const link = (url) =>
  element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, element("bdi", {}, url));

function cut(text) {
  const rest = text.length - MAX_SHOWN;
  return rest > 0 ? `${text.slice(0, MAX_SHOWN)}\n… ${size(rest)} more: download the mail` : text;
}

/** Return `text` in pieces, in which `links` are links. */
function linked(text, links) {
  const urls = links.map(({ url }) => url).sort((a, b) => b.length - a.length);
  if (!urls.length) return [text];
  const any = new RegExp(urls.map((url) => url.replace(/[^a-z0-9]/gi, "\\$&")).join("|"), "g");
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(any)) {
    if (pieces.length > 2 * MAX_LINKS) break;
    pieces.push(text.slice(end, match.index), link(match[0]));
    end = match.index + match[0].length;
  }
  return [...pieces, text.slice(end)];
}
