// The text of a JSON object: where it breaks, and where its member "hook" stands.
// Browsers do not agree on telling the place of an error, and to write the parsed value back would change its numbers.

const SPACE = /[\t\n\r ]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What is wrong with a JSON text: `index` of the character, and `line` and `column` from 1. */
export class BrokenJson extends Error {
  constructor(why, text, index) {
    const before = text.slice(0, index);
    const line = before.split("\n").length;
    const column = index - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${why}`);
    Object.assign(this, { index, line, column });
  }
}

/** The value of a JSON text; throws BrokenJson. */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    new Walk(text).run();
    throw new BrokenJson("this cannot be read as JSON", text, 0);
  }
}

/** The text with another top-level "hook", else unchanged; undefined when the text is no JSON object. */
export function withHook(text, hook) {
  let place;
  try {
    if (!text.trimStart().startsWith("{")) return undefined;
    place = new Walk(text).run();
  } catch (error) {
    if (error instanceof BrokenJson) return undefined;
    throw error;
  }
  const value = JSON.stringify(hook);
  if (place.hook) return text.slice(0, place.hook.start) + value + text.slice(place.hook.end);
  const separator = place.empty ? "" : ",";
  return `${text.slice(0, place.inside)}\n  "hook": ${value}${separator}${text.slice(place.inside)}`;
}

/** Goes through a JSON text once, as far as it is right; remembers where the top-level "hook" stands. */
class Walk {
  constructor(text) {
    Object.assign(this, { text, at: 0, open: [], expected: "value", key: undefined, start: 0 });
    this.place = { inside: text.indexOf("{") + 1, empty: true, hook: undefined };
  }

  /** The places found; throws BrokenJson at the first character that does not belong. */
  run() {
    for (;;) {
      this.skip(SPACE);
      if (this.expected === "nothing") {
        if (this.at < this.text.length) this.fail("nothing more is expected here");
        return this.place;
      }
      this.step(this.text[this.at], this.open[this.open.length - 1] === "{" ? "}" : "]");
    }
  }

  step(character, closing) {
    if (this.expected.endsWith("or end") && character === closing) this.close();
    else if (this.expected.startsWith("value")) this.value(character);
    else if (this.expected.startsWith("key")) this.name(character);
    else if (this.expected === "colon") this.sign(character === ":", "a colon is expected here", "value");
    else if (character === closing) this.close();
    else this.sign(character === ",", `a comma or ${closing} is expected here`, closing === "}" ? "key" : "value");
  }

  sign(right, why, next) {
    if (!right) this.fail(why);
    this.at += 1;
    this.expected = next;
  }

  name(character) {
    if (character !== '"') this.fail("a name in quotation marks is expected here");
    const name = this.string();
    if (this.open.length === 1) {
      this.key = name;
      this.place.empty = false;
    }
    this.expected = "colon";
  }

  value(character) {
    if (this.open.length === 1) this.start = this.at;
    if (character === "{" || character === "[") {
      this.open.push(character);
      this.at += 1;
      this.expected = character === "{" ? "key or end" : "value or end";
      return;
    }
    if (character === '"') this.string();
    else if (!this.skip(WORD) && !this.skip(NUMBER)) this.fail("a value is expected here");
    this.ended();
  }

  string() {
    const from = this.at++;
    while (this.text[this.at] !== '"') {
      if (this.text[this.at] === "\\") {
        if (!this.skip(ESCAPE)) this.fail("this escape is none of JSON");
      } else if (this.at >= this.text.length || this.text.charCodeAt(this.at) < 32) {
        this.fail("a text must end with a quotation mark on its own line");
      } else this.at += 1;
    }
    this.at += 1;
    return JSON.parse(this.text.slice(from, this.at));
  }

  close() {
    this.at += 1;
    this.open.pop();
    this.ended();
  }

  ended() {
    // of a key given twice the last counts, as in the service
    if (this.open.length === 1 && this.key === "hook") this.place.hook = { start: this.start, end: this.at };
    this.expected = this.open.length ? "comma" : "nothing";
  }

  /** Goes past what the pattern finds here; whether there was anything. */
  skip(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    this.at += found ? found[0].length : 0;
    return Boolean(found?.[0]);
  }

  fail(why) {
    const ended = this.at >= this.text.length;
    throw new BrokenJson(ended ? "the text ends too early" : why, this.text, Math.min(this.at, this.text.length));
  }
}
