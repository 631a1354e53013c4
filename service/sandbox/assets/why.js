// Why the cards are what they are: the recommendations with their findings, the topics, what is missing or left out.
import { element, list, scrolling } from "./elements.js";
import { counted, indicatorWord, listOf, statusWord, verdictWord } from "./words.js";

const ORDER = ["applies", "unknown", "does-not-apply"];

/** All recommendations and topics of an examination. */
export function whyShown(examination) {
  const recommendations = listOf(examination.recommendations);
  const topics = listOf(examination.topics);
  const speaking = topics.filter((topic) => topic.speaks).length;
  return [
    element("p", { class: "summed" }, summed(recommendations)),
    element("div", { class: "recommendations" }, ...recommendations.map(recommendationRow)),
    topics.length > 0 && element("details", { class: "topics" },
      element("summary", {}, `Topics of cards for this hook: ${speaking} of ${topics.length} speak`),
      element("div", {}, ...topics.map(topicRow)),
    ),
  ].filter(Boolean);
}

function summed(recommendations) {
  const parts = ORDER.map((status) => {
    const number = recommendations.filter((item) => item.status === status).length;
    return `${statusWord(status)}: ${number}`;
  });
  return `${counted(recommendations.length, "recommendation")} · ${parts.join(" · ")}`;
}

function recommendationRow(item) {
  return element("details", { class: "row", "data-recommendation": item.id, "data-status": item.status },
    element("summary", {},
      element("span", { class: "status" }, statusWord(item.status)),
      element("span", { class: "name" }, element("b", {}, item.id), " ", String(item.title ?? ""), " ",
        element("span", { class: "grades" }, `grade ${listOf(item.grades).join(", ")}`)),
      element("span", { class: "because" }, String(item.why ?? "")),
    ),
    findingsTable(`Findings of ${item.id}`, item.findings),
  );
}

function topicRow(topic) {
  const says = topic.speaks ? `speaks${topic.indicator ? `: ${indicatorWord(topic.indicator)}` : ""}` : "silent";
  const attributes = { class: "row", "data-card-topic": topic.topic, "data-speaks": String(Boolean(topic.speaks)) };
  return element("details", attributes,
    element("summary", {},
      element("span", { class: "status" }, says),
      element("span", { class: "name" }, element("b", {}, String(topic.topic))),
      topic.switchedOff && element("span", { class: "because" }, "switched off here: its card is not shown"),
    ),
    findingsTable(`Findings of ${topic.topic}`, topic.findings),
  );
}

function findingsTable(caption, findings) {
  const given = listOf(findings);
  if (!given.length) return element("p", { class: "hint" }, "No finding was needed to decide.");
  const head = ["Criterion", "Verdict", "Because", "Evidence"];
  return scrolling(caption, element("table", { class: "findings" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...given.map(findingRow)),
  ));
}

function findingRow(finding) {
  const needs = listOf(finding.needs).map(String);
  return element("tr", { "data-verdict": finding.verdict, "data-criterion": finding.criterion },
    element("th", { scope: "row" }, String(finding.label ?? finding.criterion)),
    element("td", { class: "verdict" }, verdictWord(finding.verdict)),
    element("td", {}, String(finding.because ?? ""), needs.length > 0 && ` Needs: ${needs.join(", ")}.`),
    element("td", {}, ...listOf(finding.evidence).map((each) => element("code", {}, String(each)))),
  );
}

/** What is missing, and which recommendations it would settle. */
export function missingShown(examination) {
  const missing = listOf(examination.missing);
  if (!missing.length) return [element("p", {}, "Nothing that decides is missing.")];
  return [list(missing.map((gap) => {
    const settles = listOf(gap.settles);
    const bears = listOf(gap.bearsOn).filter((each) => !settles.includes(each));
    return element("span", { "data-gap": gap.id },
      element("b", {}, String(gap.id)), `: ${gap.why}`,
      settles.length > 0 && element("span", { class: "settles" }, ` Would settle ${settles.join(", ")}.`),
      bears.length > 0 && element("span", { class: "settles" }, ` Bears on ${bears.join(", ")}.`),
    );
  }), { class: "plain-list" })];
}

/** What of the record was left out, and why. */
export function ignoredShown(examination) {
  const ignored = listOf(examination.ignored);
  if (!ignored.length) return [element("p", {}, "Nothing was left out.")];
  return [list(ignored.map((each) => element("span", {}, element("code", {}, String(each.reference)), `: ${each.why}`)),
    { class: "plain-list" })];
}
