// The raw messages: what was sent and what came, to the byte.
import { statusLine } from "./calls.js";
import { bodyOf, element, scrolling } from "./elements.js";
import { listOf, size } from "./words.js";

const OF_NOTE = ["content-type", "x-request-id", "www-authenticate", "retry-after", "allow"];

/** Forgets the messages of an earlier request. */
export function clearMessages() {
  bodyOf("messages").replaceChildren(element("p", { class: "hint" }, "Nothing was sent yet."));
}

/** Shows one call and its answer. `name` says what it was: "Request", "Feedback". */
export function showExchange(name, exchange) {
  const place = bodyOf("messages");
  place.querySelector(":scope > .hint")?.remove();
  const headers = listOf(exchange.headers).filter(([header]) => OF_NOTE.includes(header));
  const answered = name === "Request" ? "Response" : `Answer to ${name.toLowerCase()}`;
  place.append(
    message(`${name}: ${exchange.method} ${exchange.path}`, "request", exchange.sent, "Content-Type: application/json"),
    message(
      `${answered}: ${statusLine(exchange)} in ${Math.round(exchange.ms)} ms`, "response", exchange.text,
      headers.map(([header, value]) => `${header}: ${value}`).join("\n"),
    ),
  );
}

function message(title, kind, text, headers) {
  const shown = element("pre", { class: "body" }, text);
  return element("details", { class: `message ${kind}` },
    element("summary", {}, `${title} · ${size(text)}`),
    headers && element("p", { class: "headers" }, headers),
    element("p", { class: "tools" }, copyButton(text), indentButton(shown, text)),
    scrolling(title, shown),
  );
}

function copyButton(text) {
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser does not allow copying: select the text";
    }
  });
  return button;
}

/** Indents what came in one line; the bytes as they were stay one click away. */
function indentButton(shown, text) {
  const button = element("button", { type: "button", "aria-pressed": "false" }, "Indent");
  button.addEventListener("click", () => {
    const indent = button.getAttribute("aria-pressed") === "false";
    try {
      shown.textContent = indent ? JSON.stringify(JSON.parse(text), null, 2) : text;
      button.setAttribute("aria-pressed", String(indent));
    } catch {
      button.disabled = true;
    }
  });
  return button;
}
