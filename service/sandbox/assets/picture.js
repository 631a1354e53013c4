// The chart's SVG, taken in as a drawing and nothing else.

const SVG = "http://www.w3.org/2000/svg";
const DRAWING = new Set([
  "svg", "g", "path", "rect", "line", "circle", "ellipse", "polygon", "polyline", "text", "tspan", "title", "desc",
  "defs", "clipPath", "linearGradient", "radialGradient", "stop", "pattern", "marker", "mask", "symbol",
]);
const LOCAL = /^url\(\s*["']?#[\w-]+["']?\s*\)$/;

/** The drawing in an SVG text, with `name` for its title; undefined when the text is no SVG. */
export function drawing(text, name) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root.localName !== "svg" || root.namespaceURI !== SVG || parsed.querySelector("parsererror")) return undefined;
  clean(root);
  const picture = document.importNode(root, true);
  // the viewBox scales it; the style sheet says how wide it is
  picture.removeAttribute("width");
  picture.removeAttribute("height");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", name);
  picture.setAttribute("focusable", "false");
  for (const mark of picture.querySelectorAll("[aria-label]")) explain(mark);
  return picture;
}

function clean(node) {
  for (const attribute of [...node.attributes]) {
    if (!harmless(attribute)) node.removeAttributeNode(attribute);
  }
  for (const child of [...node.childNodes]) {
    const text = child.nodeType === Node.TEXT_NODE;
    const drawn = child.nodeType === Node.ELEMENT_NODE && child.namespaceURI === SVG && DRAWING.has(child.localName);
    if (drawn) clean(child);
    else if (!text) child.remove();
  }
}

/** No listener, no reference, no style (the page's policy forbids it), nothing from elsewhere. */
function harmless({ name, localName, value }) {
  if (/^on/i.test(localName) || ["href", "style", "src", "tabindex", "base"].includes(localName)) return false;
  if (name === "xmlns" || name.startsWith("xmlns:")) return true;
  return !/url\s*\(/i.test(value) || LOCAL.test(value.trim());
}

/** The label of a mark as its tooltip. */
function explain(mark) {
  const label = mark.getAttribute("aria-label");
  if (mark.localName === "svg" || mark.closest("[aria-hidden=true]") || mark.querySelector(":scope > title")) return;
  const title = document.createElementNS(SVG, "title");
  title.textContent = label;
  mark.prepend(title);
}
