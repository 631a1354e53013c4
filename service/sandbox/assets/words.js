// What the service's codes are called on the page.

const INDICATORS = { critical: "Critical", warning: "Warning", info: "Information" };
const STATUSES = { applies: "applies", "does-not-apply": "does not apply", unknown: "cannot tell" };
const VERDICTS = { met: "met", "not-met": "not met", unknown: "unknown" };
const OUTCOMES = { accepted: "accepted", overridden: "overridden" };

const own = (words, code) => (Object.hasOwn(words, code) ? words[code] : String(code ?? ""));

export const indicatorWord = (code) => own(INDICATORS, code);
export const statusWord = (code) => own(STATUSES, code);
export const verdictWord = (code) => own(VERDICTS, code);
export const outcomeWord = (code) => own(OUTCOMES, code);

/** `1 card`, `2 cards`. */
export function counted(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** An instant for reading: `2026-11-22 10:04:45 UTC`; what is none stays as it came. */
export function instant(text) {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z|\+00:00)$/.exec(String(text ?? ""));
  return parts ? `${parts[1]} ${parts[2]} UTC` : String(text ?? "");
}

/** The size of a text as it is sent. */
export function size(text) {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`;
}

/** A list whatever came: anything else counts as none. */
export const listOf = (value) => (Array.isArray(value) ? value : []);
