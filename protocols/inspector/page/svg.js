// Elements of SVG, and parts of rings.

const SVG = "http://www.w3.org/2000/svg";

/** Return a new SVG element. `attributes`: presentation attributes and the like. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const fixed = (value) => value.toFixed(2);

/** Return the point at `radius` and `angle`: degrees from the top, clockwise. */
function point(radius, angle) {
  const radians = ((angle - 90) * Math.PI) / 180;
  return [radius * Math.cos(radians), radius * Math.sin(radians)];
}

/** Return the path of an arc, clockwise if `to` is the larger angle. */
export function arc(radius, from, to) {
  const [start, end] = [from, to].map((angle) => point(radius, angle).map(fixed).join(" "));
  return `M${start}A${radius} ${radius} 0 0 ${to > from ? 1 : 0} ${end}`;
}

/** Return the path of the part of a ring between two radii and two angles, `gap` units apart. */
export function sector(inner, outer, from, to, gap = 0) {
  const degrees = (radius) => ((gap / 2 / radius) * 180) / Math.PI;
  const corner = (radius, angle) => point(radius, angle).map(fixed).join(" ");
  const [a, b] = [degrees(outer), degrees(inner)];
  return [
    `M${corner(outer, from + a)}`,
    `A${outer} ${outer} 0 0 1 ${corner(outer, to - a)}`,
    `L${corner(inner, to - b)}`,
    `A${inner} ${inner} 0 0 0 ${corner(inner, from + b)}Z`,
  ].join("");
}
