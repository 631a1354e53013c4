// Accepting and overriding a card: sent as feedback to the real endpoint, then read back from what is stored.
import { call } from "./calls.js";
import { element } from "./elements.js";
import { instant, listOf, outcomeWord } from "./words.js";

const MOST_TOLD = 5;

/**
 * What one card's buttons need.
 * @typedef {{card: any, article: HTMLElement, told: HTMLElement, path: string,
 *   onExchange: (exchange: any) => void}} Context
 */

/** The buttons of a card's suggestions. @param {Context} context */
export function acceptance(context) {
  const exclusive = context.card.selectionBehavior === "at-most-one";
  const buttons = [];
  const accept = async (button, suggestion) => {
    const entry = { outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] };
    if (!await sent(context, entry)) return;
    // not `disabled`: the focus would be lost
    button.setAttribute("aria-disabled", "true");
    button.classList.add("done");
    if (exclusive) buttons.filter((each) => each !== button).forEach((each) => { each.disabled = true; });
    close(context.article.querySelector(".override"));
  };
  const button = (suggestion) => {
    const made = element("button", { type: "button", class: "accept" }, String(suggestion?.label ?? "Accept"));
    made.addEventListener("click", () => free(made, context) && accept(made, suggestion));
    buttons.push(made);
    return made;
  };
  return { button };
}

/** The form by which a card is overridden. @param {Context} context */
export function overriding(context) {
  const reasons = listOf(context.card.overrideReasons);
  const choice = element("select", {},
    element("option", { value: "" }, "No reason given"),
    ...reasons.map((reason, number) => element("option", { value: number }, String(reason?.display ?? reason?.code))),
  );
  const comment = element("input", { type: "text", autocomplete: "off", maxlength: 4000 });
  const button = element("button", { type: "button" }, "Override");
  button.addEventListener("click", async () => {
    if (!free(button, context)) return;
    const entry = { outcome: "overridden", ...reasonGiven(reasons[choice.value], comment.value.trim()) };
    if (!await sent(context, entry)) return;
    button.setAttribute("aria-disabled", "true");
    button.classList.add("done");
    const others = [choice, comment, ...context.article.querySelectorAll("button.accept")];
    others.forEach((each) => { each.disabled = true; });
  });
  return element("div", { class: "override" },
    element("label", {}, element("span", {}, "Reason for overriding"), choice),
    element("label", {}, element("span", {}, "Comment"), comment),
    button,
  );
}

function reasonGiven(reason, comment) {
  if (!reason && !comment) return {};
  const { code, system, display } = reason ?? {};
  return {
    overrideReason: { ...(reason && { reason: { code, system, display } }), ...(comment && { userComment: comment }) },
  };
}

function close(form) {
  form?.querySelectorAll("select, input, button").forEach((each) => { each.disabled = true; });
}

const free = (button, context) => button.getAttribute("aria-disabled") !== "true" && !context.article.dataset.sending;

/** Whether the service stored the entry; says in words what became of it. */
async function sent(context, entry) {
  const { card, article, told, path } = context;
  const feedback = [{ card: card.uuid, ...entry, outcomeTimestamp: pressedAt(article, entry) }];
  article.dataset.sending = "true";
  say(told, "Sending feedback…");
  try {
    noted(context, await call("POST", path, { body: { feedback } }));
  } catch (problem) {
    if (problem.exchange) noted(context, problem.exchange);
    const certain = problem.exchange ? "It was not stored." : "It is not known to be stored.";
    say(told, [certain, problem.message, "Try again."].join(" "), true);
    return false;
  } finally {
    delete article.dataset.sending;
  }
  await readBack(card, told);
  return true;
}

/** When the button was pressed: the same when it is pressed again because no answer came, so that it counts once. */
function pressedAt({ dataset }, entry) {
  const pressed = JSON.stringify(entry);
  if (dataset.pressed !== pressed) {
    dataset.pressed = pressed;
    dataset.pressedAt = new Date().toISOString();
  }
  return dataset.pressedAt;
}

/** Tells the exchange, unless the card is gone: then the messages are already those of another request. */
function noted({ article, onExchange }, exchange) {
  if (article.isConnected) onExchange(exchange);
}

async function readBack(card, told) {
  try {
    const stored = await call("GET", `/sandbox/feedback?card=${encodeURIComponent(card.uuid)}`);
    const entries = listOf(stored.json.entries);
    if (!entries.length) throw new Error("nothing is stored for this card");
    const lines = entries.slice(0, MOST_TOLD).map((entry) => entryInWords(entry, card));
    const more = entries.length > MOST_TOLD ? `\nand ${entries.length - MOST_TOLD} more.` : "";
    say(told, `Stored: ${lines.join("\nBefore: ")}${more}`);
  } catch (problem) {
    say(told, `The service took it. What is stored could not be read: ${problem.message}`, true);
  }
}

function entryInWords(entry, card) {
  const labels = listOf(entry.suggestions).map((id) => {
    const known = listOf(card.suggestions).find((suggestion) => suggestion?.uuid === id);
    return known ? `“${known.label}”` : id;
  });
  const reason = entry.reason?.display ?? entry.reason?.code;
  const parts = [
    `${outcomeWord(entry.outcome)}${labels.length ? ` ${labels.join(", ")}` : ""}`,
    reason && `reason: ${reason}`,
    entry.comment && `comment: ${entry.comment}`,
    `at ${instant(entry.outcomeTimestamp)}`,
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}

function say(told, text, wrong = false) {
  told.classList.toggle("problem", wrong);
  told.textContent = text;
}
