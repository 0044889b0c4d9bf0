// @ts-check
// What a page in another language than English needs beside the dictionary: it translates
// the HTML that the server sent, and sentences of the server.

const labels = ["aria-label", "title", "placeholder", "alt"];
const skipped = new Set(["script", "style", "noscript", "pre", "code", "svg", "textarea"]);

const squeeze = (text) => text.replace(/\s+/g, " ");

/** Reports whether an element has text of its own, beside that of elements in it. */
export const speaks = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");

/** Reports whether an element and what is in it are not translated. */
export const skips = (e) => skipped.has(e.localName) || e.getAttribute("translate") === "no";

/** The text of an element as the dictionary has it: elements in it are numbered, "Click <1>here</1>". */
export function keyOf(e) {
  let n = 0;
  return [...e.childNodes].map((c) => {
    if (c.nodeType === 3) return squeeze(c.data);
    if (c.nodeType !== 1) return "";
    n++;
    return `<${n}>${squeeze(c.textContent).trim()}</${n}>`;
  }).join("").trim();
}

export class Translator {
  /** @param {{dictionary: any, sentences: Record<string, string>, terms?: [RegExp, string][]}} language */
  constructor({ dictionary, sentences, terms = [] }) {
    this.dictionary = dictionary;
    this.sentences = Object.entries(sentences);
    this.terms = terms;
    /** @type {Map<string, string> | null} the sentences without {names}, once one was asked for */
    this.exact = null;
    /** @type {[RegExp, string][]} */
    this.patterns = [];
  }

  /** Translates a document as the server sent it. */
  page(document) {
    document.title = this.dictionary[document.title] || document.title;
    this.element(document.body);
  }

  element(e) {
    if (skips(e)) return;
    for (const name of labels) {
      const to = e.hasAttribute(name) && this.dictionary[squeeze(e.getAttribute(name)).trim()];
      if (to) e.setAttribute(name, to);
    }
    if (!speaks(e)) {
      for (const c of e.children) this.element(c);
      return;
    }
    const to = this.dictionary[keyOf(e)];
    if (!to) return;
    const inner = [...e.children];
    const parts = [];
    for (const [, text, number, words] of to.matchAll(/([^<]+)|<(\d+)>(.*?)<\/\2>/g)) {
      if (text !== undefined) {
        parts.push(text);
        continue;
      }
      const at = inner[Number(number) - 1];
      if (words) at.textContent = words;
      parts.push(at);
    }
    e.replaceChildren(...parts);
  }

  /** Translates a sentence of the server, by patterns with {names} for what differs. Returns null if none fits. */
  server(text) {
    if (!this.exact) {
      this.exact = new Map(this.sentences.filter(([from]) => !from.includes("{")));
      this.patterns = this.sentences.filter(([from]) => from.includes("{"))
        .map(([from, to]) => [pattern(from), to]);
    }
    const whole = this.exact.get(text);
    if (whole !== undefined) return whole;
    // Several facts in one sentence: each is one of its own.
    const parts = text.split("; ");
    if (parts.length > 1) {
      const some = parts.map((p) => this.server(capital(p.replace(/\.$/, ""), ".")));
      if (some.every((p) => p !== null)) {
        return `${some.map((p, i) => (i ? small(p) : p).replace(/\.$/, "")).join("; ")}.`;
      }
    }
    for (const [expression, to] of this.patterns) {
      const found = expression.exec(text);
      if (found) return to.replace(/\{(\w+)\}/g, (_, name) => this.term(found.groups?.[name] || ""));
    }
    return null;
  }

  // Translates the terms in a part of a sentence; what is quoted stays.
  term(text) {
    const put = (s) => this.terms.reduce((all, [from, to]) => all.replace(from, to), s);
    return text.split(/(".*")/).map((part, i) => (i % 2 ? part : put(part))).join("");
  }
}

const capital = (text, end) => text.charAt(0).toUpperCase() + text.slice(1) + end;
const small = (text) => text.charAt(0).toLowerCase() + text.slice(1);

// {id} is one word, others are any text.
function pattern(from) {
  const parts = from.split(/\{(\w+)\}/);
  const any = (name) => `(?<${name}>${name === "id" ? "\\S+" : ".+?"})`;
  const source = parts.map((p, i) => (i % 2 ? any(p) : p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))).join("");
  return new RegExp(`^${source}$`);
}
