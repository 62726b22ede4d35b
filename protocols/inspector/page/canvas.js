// What the charts draw on: a canvas as sharp as the screen, in the colours of the style sheet.

let colours = new Map();

/** Return the value of the custom property `name` ("--wait"), as a colour that a canvas knows. */
export function colour(name) {
  let value = colours.get(name);
  if (value === undefined) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    value = getComputedStyle(probe).color;
    probe.remove();
    colours.set(name, value);
  }
  return value;
}

/** Forget the colours: the theme has changed. */
export function forgetColours() {
  colours = new Map();
}

/** Calls `changed` when the colours may be others than before. */
export function watchColours(changed) {
  const all = () => {
    forgetColours();
    changed();
  };
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", all);
  }
  new MutationObserver(all).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
}

/** A canvas that fills its place. `draw(context, width, height)` is called when that changes. */
export class Canvas {
  #draw;

  constructor(className, draw) {
    this.#draw = draw;
    this.element = document.createElement("canvas");
    this.element.className = className;
    this.element.setAttribute("aria-hidden", "true");
    this.context = this.element.getContext("2d");
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  draw() {
    const { element, context } = this;
    const { clientWidth: width, clientHeight: height } = element;
    if (!width || !height) return;
    const scale = devicePixelRatio;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (element.width !== across || element.height !== down) {
      element.width = across;
      element.height = down;
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#draw(context, width, height);
  }
}
