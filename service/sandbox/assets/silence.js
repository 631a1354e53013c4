// Whose record the answer is about, and why there is no card.
import { element } from "./elements.js";
import { instant, listOf } from "./words.js";

const LONGEST = 80;

/** A text of the record, short enough for one line; nothing else is taken for a text. */
function short(value) {
  if (typeof value !== "string") return "";
  return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
}

/** Patient, hook and moment of an answer. */
export function subjectLine(body, assessment) {
  const patient = body.prefetch?.patient;
  const name = listOf(patient?.name)[0];
  const called = short(name?.text) || short([...listOf(name?.given), name?.family].filter(Boolean).join(" "));
  const born = short(patient?.birthDate);
  const parts = [short(patient?.gender), born && `born ${born}`, short(body.hook)].filter(Boolean);
  return [
    element("b", {}, `Patient ${called || short(body.context?.patientId) || "without a name"}`),
    ...[...parts, `as of ${instant(assessment?.asOf ?? new Date().toISOString())}`]
      .flatMap((part) => [" · ", element("span", { class: "part" }, String(part))]),
  ];
}

/** "No card", and the reason for it. */
export function noCards(assessment, examination, setting) {
  return element("p", { class: "none" }, `No card: ${reason(assessment, examination, setting)}`);
}

function reason(assessment, examination, setting) {
  const topics = listOf(examination?.topics);
  const speaking = topics.filter((topic) => topic.speaks).map((topic) => topic.topic);
  if (speaking.length) {
    const cause = setting?.mode === "silent" ? "the service is silent" : "these topics are switched off";
    return `${cause}; it would speak of ${speaking.join(", ")}.`;
  }
  const outside = [
    assessment?.population?.status === "out" && assessment.population.why,
    ["negative", "unknown"].includes(assessment?.antiMda5?.status) && assessment.antiMda5.why,
    ["none", "unknown"].includes(assessment?.lungDisease?.status) && assessment.lungDisease.why,
  ].filter(Boolean);
  if (outside.length) return `${outside.join("; ")}.`;
  return topics.length
    ? `none of the ${topics.length} topics of this hook has anything to say here.`
    : "nothing to say about this record.";
}
