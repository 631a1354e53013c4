// The course of the disease: the picture, what its signs mean, and the same values as a table.
import { drawing } from "./picture.js";
import { element, list, scrolling, table } from "./elements.js";
import { counted, listOf } from "./words.js";

const NAME = "Course of the disease";
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let redraw = () => {};
let printing = false;

// paper is white: the light picture, whichever way the browser announces it
addEventListener("beforeprint", () => { printing = true; redraw(); });
addEventListener("afterprint", () => { printing = false; redraw(); });
for (const query of [dark, paper]) query.addEventListener("change", () => redraw());

/** What the section shows of an examination. */
export function courseShown(examination) {
  const { course, pictures } = examination;
  if (!course) return [element("p", { class: "problem" }, "The service told no course.")];
  const panels = listOf(course.panels);
  const values = panels.flatMap((panel) => listOf(panel.values));
  const holder = scrolling("Chart");
  holder.classList.add("chart");
  redraw = () => {
    const theme = dark.matches && !printing && !paper.matches ? "dark" : "light";
    if (holder.dataset.theme === theme) return;
    const picture = pictures?.[theme] && drawing(pictures[theme], NAME);
    holder.dataset.theme = theme;
    holder.replaceChildren(picture ?? element("p", { class: "problem" }, "No picture: see the table."));
  };
  redraw();
  return [
    element("figure", {}, holder, legend(values, course)),
    element("details", { class: "values" },
      element("summary", {}, "Values as a table"),
      ...tables(course, panels),
      listOf(course.notes).length > 0 && list(listOf(course.notes).map(String), { class: "remarks" }),
    ),
  ];
}

/** Nothing of an earlier request is drawn again when the theme changes. */
export function forgetCourse() {
  redraw = () => {};
}

function legend(values, course) {
  const left = values.filter((value) => !value.used).length;
  const derived = values.filter((value) => value.kind === "derived").length;
  return element("figcaption", {},
    `${counted(values.length, "value")}, ${left} of them not counted. Filled mark: counted. Hollow mark: not counted, `,
    "with its reason in the table. ",
    derived > 0 && "Diamond: derived from one blood gas, not measured. ",
    values.some((value) => value.comparator) && "Triangle: the laboratory gave a limit, not a value. ",
    "Ring: baseline or follow-up of the response. Dashed lines: thresholds. Bars: therapies. ",
    `Vertical lines: ${listOf(course.moments).map((each) => each.label).join(", ")}.`,
  );
}

function tables(course, panels) {
  return [
    ...panels.map((panel) => valuesTable(panel)),
    table("Thresholds", ["Panel", "Value", "Label", "Source"], panels.flatMap((panel) => listOf(panel.thresholds).map(
      (limit) => [text(panel.title), `${limit.value} ${panel.unit ?? ""}`.trim(), text(limit.label), text(limit.source)],
    ))),
    table("Therapies", ["Agent", "Status", "Start", "End"], listOf(course.therapies).map(
      (bar) => [text(bar.label ?? bar.agent), text(bar.status), text(bar.start), text(bar.end)],
    )),
    table("Moments", ["Date", "What"], listOf(course.moments).map((each) => [text(each.date), text(each.label)])),
  ];
}

function valuesTable(panel) {
  const rows = listOf(panel.values).map((value) => [
    text(value.date), measured(value, panel), text(value.recorded), text(value.kind),
    value.used ? "counted" : "not counted", text(value.why),
    element("code", {}, text(value.reference)),
  ]);
  const title = panel.unit ? `${panel.title} (${panel.unit})` : text(panel.title);
  return table(title, ["Date", "Value", "Recorded", "Kind", "Counted", "Why", "Reference"], rows);
}

function measured(value, panel) {
  if (value.value === undefined) return "";
  return `${value.comparator ?? ""}${value.value}${panel.unit ? ` ${panel.unit}` : ""}`;
}

const text = (value) => String(value ?? "");
