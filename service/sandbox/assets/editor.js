// The request: chosen, uploaded, pasted or edited.
import { BrokenJson, parseJson, withHook } from "./json_text.js";
import { byId, element } from "./elements.js";
import { listOf } from "./words.js";

const LARGEST_FILE = 64 * 1024 * 1024;
const LONG_INSERTION = 4096;
const PAUSE_MS = 250;
const GROUPS = {
  "patient-view": "A chart is opened (patient-view)",
  "order-select": "An order is being chosen (order-select)",
  "order-sign": "An order is being signed (order-sign)",
};

const area = () => byId("request");
const hooks = () => [...byId("hook").options].map((option) => option.value);
let stories = [];
let sentText;

/** Fills the list of stories, by hook. */
export function showStories(told) {
  stories = listOf(told);
  const groups = hooks().map((hook) => element("optgroup", { label: GROUPS[hook] ?? hook },
    ...stories.filter((story) => story.hook === hook)
      .map((story) => element("option", { value: story.name }, String(story.title ?? story.name))),
  ));
  byId("story").replaceChildren(...groups);
}

/** Chooses a story; whether there is one of that name. */
export function chooseStory(name) {
  const story = stories.find((each) => each.name === name);
  if (!story) return false;
  byId("story").value = name;
  byId("story-text").textContent = String(story.story ?? "");
  return true;
}

/** Puts a request into the editor and sets the hook by it. */
export function fill(text) {
  area().value = text;
  area().scrollTop = 0;
  followHook();
  markEdited();
}

/** While a story is on its way there is nothing to edit. */
export function holdEditor(held) {
  area().readOnly = held;
}

/** What is in the editor: its text and value. Throws BrokenJson, with the cursor put to the place. */
export function written() {
  const text = area().value;
  try {
    if (!text.trim()) throw new BrokenJson("there is nothing to send", text, 0);
    const body = parseJson(text);
    if (body === null || typeof body !== "object" || Array.isArray(body)) {
      throw new BrokenJson("a request is an object in braces", text, text.search(/\S|$/));
    }
    area().removeAttribute("aria-invalid");
    followHook(body);
    return { text, body };
  } catch (error) {
    if (error instanceof BrokenJson) pointAt(error);
    throw error;
  }
}

/** Remembers what was sent, so that a later change is told from it. */
export function noteSent(text) {
  sentText = text;
  markEdited();
}

/** The chosen hook in the editor's text; whether the text could be rewritten. */
export function rewriteHook() {
  const changed = withHook(area().value, byId("hook").value);
  if (changed === undefined) return false;
  area().value = changed;
  markEdited();
  return true;
}

/** The text of an uploaded file. Throws an Error that says why it is no request. */
export async function uploaded(file) {
  if (file.size > LARGEST_FILE) throw new Error(`${file.name} is larger than ${LARGEST_FILE / 1024 / 1024} MiB.`);
  const text = await file.text();
  try {
    parseJson(text);
  } catch (error) {
    throw new Error(`${file.name} is no JSON: ${error.message}.`);
  }
  return text;
}

/** Listens to the editor; `send` is called by Ctrl + Enter. */
export function watchEditor(send) {
  let pause;
  area().addEventListener("input", () => {
    area().removeAttribute("aria-invalid");
    clearTimeout(pause);
    pause = setTimeout(() => { followHook(); markEdited(); }, PAUSE_MS);
  });
  area().addEventListener("beforeinput", (event) => {
    // many lines put in as if typed (by dictation, by tools) stop Chromium for minutes; a paste is not concerned
    if (event.inputType !== "insertText" || !(event.data?.length > LONG_INSERTION)) return;
    event.preventDefault();
    area().setRangeText(event.data, area().selectionStart, area().selectionEnd, "end");
    area().dispatchEvent(new Event("input", { bubbles: true }));
  });
  area().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
  });
}

/** A pasted request knows its own hook: the choice follows it. */
function followHook(known) {
  let body = known;
  if (!body) {
    try {
      body = JSON.parse(area().value);
    } catch {
      return;
    }
  }
  if (hooks().includes(body?.hook)) byId("hook").value = body.hook;
}

function markEdited() {
  byId("edited").hidden = sentText === undefined || sentText === area().value;
}

function pointAt(error) {
  const field = area();
  field.setAttribute("aria-invalid", "true");
  field.focus();
  field.setSelectionRange(error.index, Math.min(error.index + 1, field.value.length));
  const lineHeight = parseFloat(getComputedStyle(field).lineHeight) || 18;
  field.scrollTop = Math.max(0, (error.line - 4) * lineHeight);
}
