// Elements made in code. Text goes in as text: nothing that was received is ever read as markup here.

/**
 * An element. `attributes` with the value `false`, `null` or `undefined` are left out, `true` stands without a value;
 * `on…` members are listeners. Children are nodes or strings; empty ones are left out.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | undefined | null | false)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child instanceof Node || (typeof child === "string" && child)));
  return made;
}

/** The element of the page with this id. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Where a section's content goes. */
export function bodyOf(section) {
  return byId(section).querySelector(".body");
}

/** A list, one item for each member. */
export function list(members, attributes = {}) {
  return element("ul", attributes, ...members.map((member) => element("li", {}, member)));
}

/** A link to an http(s) address, in a new tab; the label alone when the address is none. */
export function link(label, url) {
  const address = httpAddress(url);
  if (!address) return document.createTextNode(label);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label);
}

function httpAddress(url) {
  try {
    const parsed = new URL(String(url));
    return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}

/** What may be wider than the window: it scrolls inside itself, by keyboard too. */
export function scrolling(label, ...children) {
  return element("div", { class: "scroll", role: "group", "aria-label": label, tabindex: 0 }, ...children);
}

/**
 * A table with a header row.
 * @param {string} caption
 * @param {string[]} columns
 * @param {(Node | string)[][]} rows
 */
export function table(caption, columns, rows) {
  const head = element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)));
  const lines = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  const whole = element(
    "table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...lines),
  );
  return scrolling(caption, whole);
}

const SHAPES = {
  critical: ["M8 0h8l8 8v8l-8 8H8l-8-8V8z", "M10.8 5h2.4v9h-2.4zM10.8 16.5h2.4v2.6h-2.4z"],
  warning: ["M12 1l12 22H0z", "M10.9 9h2.2v7h-2.2zM10.9 17.6h2.2v2.4h-2.2z"],
  info: ["M12 0a12 12 0 1 0 0 24a12 12 0 1 0 0-24z", "M10.8 5h2.4v2.6h-2.4zM10.8 9.8h2.4V19h-2.4z"],
};

/** The sign of an indicator: another shape for each, so that colour is not needed. */
export function sign(indicator) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const attributes = { viewBox: "0 0 24 24", class: "sign", "aria-hidden": "true", focusable: "false" };
  for (const [name, value] of Object.entries(attributes)) picture.setAttribute(name, value);
  (Object.hasOwn(SHAPES, indicator) ? SHAPES[indicator] : SHAPES.info).forEach((outline, number) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", outline);
    path.setAttribute("class", number ? "glyph" : "ground");
    picture.append(path);
  });
  return picture;
}
