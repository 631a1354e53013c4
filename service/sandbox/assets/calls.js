// Calls of the service, the only place that does them, and what goes wrong with them in words.
import { byId } from "./elements.js";
import { listOf } from "./words.js";

const LONGEST_MS = 30_000;
const HINTS = {
  401: "Callers are identified here: give a new bearer token under Identity, then try again.",
  404: "Check the address and the id of the service.",
  412: "What the service needs came neither with the request nor from a FHIR server: put the named keys into prefetch.",
  413: "Send a smaller request.",
  429: "Wait a little, then send again.",
  503: "Something that the service needs is down or busy: try again.",
};

/** A call without the answer that was wanted. `title` says what happened, `reasons` why, `hint` what to do. */
export class Refusal extends Error {
  constructor(title, reasons = [], hint = "", exchange = undefined) {
    super([title, ...reasons].join(" "));
    Object.assign(this, { title, reasons, hint, exchange });
  }
}

/** The call was given up for a newer one: nobody waits for its answer. */
export class Superseded extends Error {}

/**
 * One call. `body` is text to be sent as it is, or an object that becomes JSON.
 * @returns {Promise<{method: string, path: string, sent: string, status: number, statusText: string, ms: number,
 *   text: string, headers: [string, string][], json: any}>}
 * Throws Refusal, or Superseded once `signal` is aborted.
 */
export async function call(method, path, { body, signal } = {}) {
  const sent = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const exchange = await exchanged(method, path, sent, signal);
  try {
    exchange.json = JSON.parse(exchange.text);
  } catch {
    exchange.json = undefined;
  }
  if (exchange.status !== 200) throw refusal(exchange);
  if (exchange.json === undefined) throw new Refusal("The answer is no JSON.", [], "", exchange);
  return exchange;
}

async function exchanged(method, path, sent, signal) {
  const control = new AbortController();
  const give_up = () => control.abort();
  let late = false;
  const timer = setTimeout(() => { late = true; give_up(); }, LONGEST_MS);
  signal?.addEventListener("abort", give_up);
  if (signal?.aborted) give_up();
  const started = performance.now();
  try {
    const response = await fetch(path, {
      method, headers: headersFor(sent), body: sent || undefined, signal: control.signal,
      cache: "no-store", credentials: "omit", redirect: "error",
    });
    const text = await response.text();
    if (signal?.aborted) throw new Superseded();
    return {
      method, path, sent, text, status: response.status, statusText: response.statusText,
      ms: performance.now() - started, headers: [...response.headers], json: undefined,
    };
  } catch (error) {
    if (signal?.aborted) throw new Superseded();
    if (late) {
      throw new Refusal(`No answer within ${LONGEST_MS / 1000} seconds.`, [], "The call was given up: try again.");
    }
    throw new Refusal("The service could not be reached.", [], "Is it still running? Nothing was evaluated.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", give_up);
  }
}

function headersFor(sent) {
  // read anew for each call, and kept nowhere
  const token = byId("token").value.trim();
  return {
    Accept: "application/json",
    ...(sent ? { "Content-Type": "application/json" } : {}),
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
  };
}

/** `412 Precondition failed`. */
export function statusLine({ status, statusText }) {
  const words = statusText.length > 2 ? `${statusText.slice(0, 1)}${statusText.slice(1).toLowerCase()}` : statusText;
  return `${status} ${words}`.trim();
}

/** The OperationOutcome of an answer, in words. */
function refusal(exchange) {
  const issues = exchange.json?.resourceType === "OperationOutcome" ? listOf(exchange.json.issue) : [];
  const reasons = issues.map(
    (issue) => `${issue?.diagnostics ?? issue?.details?.text ?? "no reason given"} (${issue?.code ?? "no code"})`,
  );
  const after = exchange.headers.find(([name]) => name === "retry-after")?.[1];
  const hint = [HINTS[exchange.status], after && `The service asks to wait ${after} s.`].filter(Boolean).join(" ");
  const status = statusLine(exchange);
  return new Refusal(
    `The service refused: HTTP ${status}.`,
    reasons.length ? reasons : ["It gave no OperationOutcome."], hint, exchange,
  );
}
