// A steady colour for each name. Only the hue depends on the name: the style sheet adds a lightness
// with enough contrast in each theme (oklch has the same lightness for all hues).

const HUES = 24;

/** Return the hue of `name`, in degrees. The same name has the same hue on every page. */
export function hueOf(name) {
  let hash = 2166136261; // FNV-1a
  for (const char of name.toLowerCase()) {
    hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  }
  hash ^= hash >>> 15; // short names differ in few bits
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return ((hash >>> 0) % HUES) * (360 / HUES);
}

/** Give `element` the colour of `name`. */
export function paint(element, name) {
  element.style.setProperty("--hue", hueOf(name));
  return element;
}
