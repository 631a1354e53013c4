// The cards as an EHR shows them.
import { acceptance, overriding } from "./feedback.js";
import { element, link, list, scrolling, sign } from "./elements.js";
import { indicatorWord, listOf } from "./words.js";

// long, the same for every patient, and read once: folded, under their names
const FOLDED = ["Guideline", "Evidence", "Where the guideline's two texts differ", "Site policy, not the guideline"];
const CHOICE = { "at-most-one": "Choose at most one.", any: "Choose any." };

/**
 * One card. `html` is its detail, rendered and sanitised by the service; undefined: shown as it was written.
 * `sent` is the request that it answers.
 * @returns {HTMLElement}
 */
export function cardArticle(card, html, sent, number) {
  const heading = `card-${number}`;
  const article = element("article", {
    class: "card", "aria-labelledby": heading,
    "data-topic": card.source?.topic?.code, "data-indicator": card.indicator, "data-uuid": card.uuid,
  });
  const told = element("p", { class: "feedback", role: "status" });
  const context = { card, article, told, path: `${sent.path}/feedback`, onExchange: sent.onExchange };
  article.append(
    element("header", {},
      element("p", { class: "indicator" }, sign(card.indicator), indicatorWord(card.indicator)),
      element("h3", { id: heading }, String(card.summary ?? "")),
    ),
    element("div", { class: "halves" },
      element("div", { class: "told" }, detail(card, html), source(card.source), links(card)),
      element("div", { class: "offered" }, suggestions(context, sent.body), overriding(context), told),
    ),
  );
  return article;
}

/** All cards in one line each, to see at once what there is; undefined for a single one. */
export function overview(cards) {
  if (cards.length < 2) return undefined;
  return list(cards.map((card, number) => element("a", { href: `#card-${number}`, "data-tone": card.indicator },
    sign(card.indicator), element("span", { class: "word" }, indicatorWord(card.indicator)),
    element("span", {}, String(card.summary ?? "")),
  )), { class: "overview" });
}

function detail(card, html) {
  const shown = element("div", { class: "detail" });
  if (!card.detail) return undefined;
  if (html === undefined) {
    shown.append(element("pre", { class: "plain" }, String(card.detail)));
    return shown;
  }
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const wide of template.content.querySelectorAll("table")) {
    const holder = scrolling("Table");
    wide.replaceWith(holder);
    holder.append(wide);
  }
  shown.append(...folded([...template.content.childNodes]));
  return shown;
}

/** The nodes of a detail, with what is long and general behind one fold. */
function folded(nodes) {
  const kept = [];
  const inside = [];
  const names = [];
  let first = true;
  let fold = false;
  let later = false;
  for (const node of nodes) {
    const title = titleOf(node);
    if (title !== undefined) {
      node.classList.add(first ? "headline" : "part");
      later = !first;
      fold = FOLDED.includes(title);
      if (fold) names.push(title);
      first = false;
    }
    // paper has room for the beginning only
    if (later) node.classList?.add("later");
    (fold ? inside : kept).push(node);
  }
  if (!names.length) return kept;
  return [...kept, element("details", { class: "more" }, element("summary", {}, names.join(" · ")), ...inside)];
}

/** The text of a paragraph that is nothing but bold: the cards' own headings. */
function titleOf(node) {
  const bold = node.nodeName === "P" && node.children.length === 1 && node.firstElementChild;
  return bold && bold.nodeName === "STRONG" && bold.textContent === node.textContent ? node.textContent : undefined;
}

function source(given) {
  if (!given?.label) return undefined;
  return element("p", { class: "source" }, "Source: ", link(String(given.label), given.url));
}

function links(card) {
  const given = listOf(card.links);
  if (!given.length) return undefined;
  return list(given.map((each) => link(String(each?.label ?? each?.url), each?.url)), { class: "links" });
}

function suggestions(context, body) {
  const given = listOf(context.card.suggestions);
  if (!given.length) return undefined;
  const behavior = context.card.selectionBehavior;
  const choice = acceptance(context);
  return element("div", { class: "suggestions" },
    element("p", { class: "choice" }, CHOICE[behavior] ?? "Choose as many as fit."),
    ...given.map((each) => element("div", { class: "suggestion", "data-uuid": each?.uuid },
      element("p", { class: "offer" },
        choice.button(each),
        each?.isRecommended === true && element("strong", { class: "recommended" }, "recommended"),
      ),
      ...listOf(each?.actions).map((action) => actionTold(action, body)),
    )),
  );
}

function actionTold(action, body) {
  const kind = String(action?.type ?? "");
  const target = listOf(action?.resourceId ? [action.resourceId].flat() : []).map(String);
  const drafted = target.map((reference) => draftOrder(body, reference)).find(Boolean);
  return element("div", { class: "action" },
    element("p", {},
      element("span", { class: "kind" }, kind), " ",
      target.length > 0 && element("code", {}, target.join(", ")), target.length > 0 && " ",
      String(action?.description ?? ""),
    ),
    action?.resource && resource("resource", `FHIR ${action.resource.resourceType ?? "resource"}`, action.resource),
    drafted && resource("drafted", "The draft order to be deleted", drafted),
  );
}

function resource(kind, title, content) {
  return element("details", { class: kind },
    element("summary", {}, title), scrolling(title, element("pre", {}, JSON.stringify(content, null, 2))),
  );
}

/** The draft order that a `delete` is about, out of the request. */
function draftOrder(body, reference) {
  const resources = listOf(body?.context?.draftOrders?.entry).map((entry) => entry?.resource);
  return resources.find((resource) => resource && `${resource.resourceType}/${resource.id}` === reference);
}
