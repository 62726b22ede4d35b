// Line drawings for buttons and marks.

const SVG = "http://www.w3.org/2000/svg";

// On a grid of 24 by 24.
const PATHS = {
  away: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5Z",
  clock: "M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
  close: "M6 6l12 12M18 6 6 18",
  gear:
    "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z" +
    "M9 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  lock: "M6.5 11h11v8.5h-11ZM8.8 11V8a3.2 3.2 0 0 1 6.4 0v3",
  shield: "M12 3.5 5 6v5.5c0 4.3 3 7.4 7 9 4-1.6 7-4.7 7-9V6Z",
  voice:
    "M12 4a2.6 2.6 0 0 0-2.6 2.6v4.8a2.6 2.6 0 0 0 5.2 0V6.6A2.6 2.6 0 0 0 12 4Z" +
    "M6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3.5",
  warning: "M12 8.5v4.5M12 16.5v.1M12 4 2.8 19.5h18.4Z",
  down: "M12 5v14M6 13l6 6 6-6",
  members:
    "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5c0-3 2.9-5 6.5-5s6.5 2 6.5 5" +
    "M16 4.9a3.5 3.5 0 0 1 0 6.2M18.2 15c2 .7 3.3 2.3 3.3 4.5",
  menu: "M4 7h16M4 12h16M4 17h16",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM15.5 15.5 20.5 20.5",
  send: "M4.5 12 20 4.5 15 20l-3.5-6.2Z",
};

/** Return a line drawing. It says nothing to screen readers: the element around it has a name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Draw the icons that the page's HTML names: `data-icon`. */
export function drawIcons() {
  for (const place of document.querySelectorAll("[data-icon]")) {
    place.replaceWith(icon(place.dataset.icon));
  }
}
