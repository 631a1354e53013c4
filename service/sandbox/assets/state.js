// What the page says of itself: that something happens, that it is done, that it went wrong.
import { byId, element, list } from "./elements.js";

const SOON_MS = 300;
const TICK_MS = 1000;
let stop = () => {};

/** Marks the answer as awaited, and says so when it takes long; gives what ends it. */
export function waited() {
  stop();
  const main = byId("main");
  const words = byId("waiting");
  const began = performance.now();
  main.setAttribute("aria-busy", "true");
  const tell = () => {
    const seconds = Math.floor((performance.now() - began) / TICK_MS);
    words.textContent = `Waiting for the service${seconds ? `, ${seconds} s` : ""}…`;
    // once the cards are there, the sections below say for themselves that they are awaited
    words.hidden = !main.hasAttribute("aria-busy");
  };
  const first = setTimeout(tell, SOON_MS);
  const ticking = setInterval(tell, TICK_MS);
  stop = () => {
    clearTimeout(first);
    clearInterval(ticking);
    words.hidden = true;
    main.removeAttribute("aria-busy");
  };
  return stop;
}

/** Says in one line how things stand; read out by screen readers. */
export function showStatus(text) {
  byId("status").textContent = text;
}

/** Says what went wrong; nothing given: nothing is wrong. */
export function showProblem(problem) {
  const place = byId("error");
  if (!problem) {
    place.replaceChildren();
    return;
  }
  place.replaceChildren(
    element("p", { class: "title" }, problem.title),
    list(problem.reasons),
    problem.hint ? element("p", {}, problem.hint) : "",
  );
}
