// The page: chooses a request, sends it to the real endpoint, and shows what comes.
import { Refusal, Superseded, call } from "./calls.js";
import { cardArticle, overview } from "./cards.js";
import { courseShown, forgetCourse } from "./course.js";
import {
  chooseStory, fill, holdEditor, noteSent, rewriteHook, showStories, uploaded, watchEditor, written,
} from "./editor.js";
import { bodyOf, byId, element } from "./elements.js";
import { BrokenJson } from "./json_text.js";
import { clearMessages, showExchange } from "./messages.js";
import { noCards, subjectLine } from "./silence.js";
import { showProblem, showStatus, waited } from "./state.js";
import { ignoredShown, missingShown, whyShown } from "./why.js";
import { counted, listOf } from "./words.js";

const EXTENSION = "mda5-cds.assessment";
const EXAMINED = { course: courseShown, why: whyShown, missing: missingShown, ignored: ignoredShown };
let setting = { services: {} };
let latest = new AbortController();
let hookToSet;

/** Does something in place of whatever is under way: only the latest may show its answer. */
async function only(work) {
  latest.abort();
  latest = new AbortController();
  const { signal } = latest;
  const done = waited();
  holdEditor(false);
  clear();
  try {
    await work(signal);
  } catch (error) {
    if (!(error instanceof Superseded || signal.aborted)) failed(error);
  } finally {
    if (!signal.aborted) {
      byId("main").style.minHeight = "";
      done();
    }
  }
}

function clear() {
  // the page keeps its height meanwhile, so that nobody loses the place
  byId("main").style.minHeight = `${byId("main").offsetHeight}px`;
  forgetCourse();
  showProblem();
  byId("subject").hidden = true;
  for (const section of ["cards", ...Object.keys(EXAMINED)]) {
    bodyOf(section).replaceChildren(element("p", { class: "hint" }, "Nothing to show."));
    byId(section).removeAttribute("aria-busy");
  }
  clearMessages();
}

function failed(problem) {
  if (problem instanceof BrokenJson) {
    showStatus("Not sent.");
    showProblem(new Refusal("The request is no valid JSON, and was not sent.", [`${problem.message}.`]));
    return;
  }
  showStatus("No answer to show.");
  if (problem.exchange) showExchange("Request", problem.exchange);
  if (problem.exchange?.status === 401) byId("identity").open = true;
  showProblem(problem instanceof Refusal ? problem : new Refusal("The page failed.", [String(problem)]));
}

const start = () => only(async (signal) => {
  const wanted = new URLSearchParams(location.search).get("story");
  showStatus("Loading the stories…");
  setting = (await call("GET", "/sandbox/stories", { signal })).json;
  byId("versions").textContent = `mda5-cds ${setting.version ?? ""}`;
  byId("identity").open = setting.auth === "jwt";
  showStories(setting.stories);
  const known = wanted !== null && chooseStory(wanted);
  if (!known) chooseStory(setting.first);
  await tell(byId("story").value, signal);
  if (wanted !== null && !known) showProblem(new Refusal(`There is no story ${wanted}.`, ["The first one is shown."]));
});

async function tell(name, signal) {
  showStatus("Loading the story…");
  holdEditor(true);
  hookToSet = undefined;
  try {
    const { json } = await call("GET", `/sandbox/stories/${encodeURIComponent(name)}`, { signal });
    fill(JSON.stringify(json, null, 2));
  } finally {
    if (!signal.aborted) holdEditor(false);
  }
  if (hookToSet) byId("hook").value = hookToSet;
  if (hookToSet) rewriteHook();
  await post(signal);
}

async function post(signal) {
  const { text, body } = written();
  const path = setting.services?.[byId("hook").value] ?? `/cds-services/mda5-rpild-${byId("hook").value}`;
  showStatus("Sending…");
  noteSent(text);
  const exchange = await call("POST", path, { body: text, signal });
  showExchange("Request", exchange);
  if (!Array.isArray(exchange.json.cards)) throw new Refusal("The answer holds no array of cards.");
  await showCards(exchange, body, signal);
  await examine(exchange, text, body, signal);
}

async function showCards(exchange, body, signal) {
  const { cards } = exchange.json;
  const html = await rendered(cards, signal);
  const assessment = exchange.json.extension?.[EXTENSION];
  const onExchange = (fed) => showExchange("Feedback", fed);
  const articles = cards.map(
    (card, number) => cardArticle(card, html[number], { path: exchange.path, body, onExchange }, number),
  );
  const shown = articles.length ? [overview(cards), ...articles] : [noCards(assessment)];
  bodyOf("cards").replaceChildren(...shown.filter(Boolean));
  byId("subject").replaceChildren(...subjectLine(body, assessment));
  byId("subject").hidden = false;
  const knowledge = assessment?.guideline?.knowledgeVersion;
  byId("versions").textContent = `mda5-cds ${setting.version ?? ""}${knowledge ? `, knowledge ${knowledge}` : ""}`;
  showStatus(`${cards.length ? counted(cards.length, "card") : "No card"} in ${Math.round(exchange.ms)} ms`);
  byId("main").removeAttribute("aria-busy");
}

/** The details as HTML; without it, the cards show them as they were written. */
async function rendered(cards, signal) {
  if (!cards.length) return [];
  try {
    const texts = cards.map((card) => String(card?.detail ?? ""));
    return listOf((await call("POST", "/sandbox/markdown", { body: { texts }, signal })).json.html);
  } catch (error) {
    if (error instanceof Superseded) throw error;
    return [];
  }
}

/** The explanation of the same request at the same moment. Its failure leaves the cards where they are. */
async function examine(exchange, text, body, signal) {
  const asOf = exchange.json.extension?.[EXTENSION]?.asOf ?? new Date().toISOString();
  const sections = Object.keys(EXAMINED);
  for (const section of sections) {
    byId(section).setAttribute("aria-busy", "true");
    bodyOf(section).replaceChildren(element("p", { class: "hint" }, "Working it out…"));
  }
  try {
    const path = `/sandbox/examination?asOf=${encodeURIComponent(asOf)}`;
    const { json } = await call("POST", path, { body: text, signal });
    for (const section of sections) bodyOf(section).replaceChildren(...EXAMINED[section](json));
    const silent = !exchange.json.cards.length;
    if (silent) bodyOf("cards").replaceChildren(noCards(exchange.json.extension?.[EXTENSION], json, setting));
  } catch (problem) {
    if (problem instanceof Superseded) throw problem;
    const words = [problem.message, problem.hint].filter(Boolean).join(" ");
    for (const section of sections) {
      bodyOf(section).replaceChildren(element("p", { class: "problem" }, `Not shown. ${words}`));
    }
  }
  for (const section of sections) byId(section).removeAttribute("aria-busy");
}

const send = () => {
  // a story on its way is sent when it is there
  if (byId("request").readOnly) return undefined;
  if (!byId("request").value.trim() && !listOf(setting.stories).length) return start();
  return only(post);
};

byId("send").addEventListener("click", send);
byId("token").addEventListener("keydown", (event) => event.key === "Enter" && send());
byId("story").addEventListener("change", () => {
  const name = byId("story").value;
  chooseStory(name);
  history.replaceState(null, "", `/?story=${encodeURIComponent(name)}`);
  only((signal) => tell(name, signal));
});
byId("hook").addEventListener("change", () => {
  if (byId("request").readOnly) {
    hookToSet = byId("hook").value;
    return;
  }
  rewriteHook();
  only(post);
});
byId("upload").addEventListener("change", (event) => only(async (signal) => {
  const [file] = event.target.files;
  if (!file) return;
  try {
    const text = await uploaded(file);
    if (signal.aborted) return;
    fill(text);
    showStatus(`${file.name} is in the editor. Send it.`);
  } catch (error) {
    throw new Refusal("The file was not taken.", [error.message]);
  } finally {
    event.target.value = "";
  }
}));
watchEditor(send);
start();
