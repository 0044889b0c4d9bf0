import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { dictionary, sentences, terms } from "../es.js";
import { Translator, keyOf, skips, speaks } from "../translate.js";
import { listed, t, tn } from "../words.js";

const folder = new URL("..", import.meta.url);
const files = (end) => readdirSync(folder).filter((f) => f.endsWith(end)).map((f) => [f, read(f)]);
const read = (name) => readFileSync(new URL(name, folder), "utf8");

// The calls of a function in a script: the arguments as they stand there.
function* calls(source, name) {
  for (const m of source.matchAll(new RegExp(`(?<![\\w.$"'\`])${name}\\(`, "g"))) {
    const args = [];
    let depth = 1, quote = "", from = m.index + m[0].length, at = from;
    for (; depth > 0; at++) {
      const c = source[at];
      assert.ok(c !== undefined, `${name}( is not closed`);
      if (quote) {
        if (c === "\\") at++;
        else if (c === quote) quote = "";
      } else if (`"'\``.includes(c)) quote = c;
      else if ("([{".includes(c)) depth++;
      else if (")]}".includes(c)) depth--;
      if (!quote && ((depth === 1 && c === ",") || depth === 0)) {
        args.push(source.slice(from, at).trim());
        from = at + 1;
      }
    }
    yield { args: args.filter(Boolean), line: source.slice(0, m.index).split("\n").length };
  }
}

const literal = /^"(?:[^"\\]|\\.)*"(?:\s*\+\s*"(?:[^"\\]|\\.)*")*$/;
const text = (arg) => [...arg.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([s]) => JSON.parse(s)).join("");

// The texts of a script: [key, whether it has forms for numbers, names of values, place].
function* texts(file, source) {
  const code = source.replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, "");
  const known = (arg, where) => {
    assert.match(arg, literal, `${where}: a text is not a literal, so nobody can translate it`);
    return text(arg);
  };
  for (const name of ["t", "tn", "plural"]) {
    for (const { args, line } of calls(code, name)) {
      const where = `${file}:${line}`;
      if (file === "words.js" || (file === "format.js" && name !== "t")) continue; // they define it
      if (name === "plural") {
        yield [`{n} ${known(args[1], where)}`, true, where];
        if (args[2]) known(args[2], where);
      } else if (name === "tn") {
        known(args[1], where);
        yield [known(args[0], where), true, where];
      } else yield [known(args[0], where), false, where];
    }
  }
}

// As much of a document as translate.js looks at.
function parse(html) {
  const root = node("#document"), open = [root];
  const empty = new Set(["meta", "link", "input", "br", "hr", "img", "path", "circle", "rect"]);
  for (const [whole, end, name, attributes, slash, words] of
    html.replace(/<!doctype[^>]*>|<!--.*?-->/gis, "")
      .matchAll(/<(\/?)([a-z0-9]+)((?:[^>"]|"[^"]*")*?)(\/?)>|([^<]+)/g)) {
    const into = open[open.length - 1];
    if (words) into.childNodes.push({ nodeType: 3, data: words.replaceAll("&amp;", "&") });
    else if (end) assert.equal(open.pop().localName, name, whole);
    else {
      const e = node(name);
      for (const [, key, , value] of attributes.matchAll(/([\w-]+)(="([^"]*)")?/g)) e.attributes[key] = value || "";
      into.childNodes.push(e);
      if (!slash && !empty.has(name)) open.push(e);
    }
  }
  return root;
}

const node = (localName) => ({
  nodeType: 1, localName, childNodes: [], attributes: {},
  getAttribute(name) { return this.attributes[name] ?? null; },
  get children() { return this.childNodes.filter((c) => c.nodeType === 1); },
  get textContent() { return this.childNodes.map((c) => c.data ?? c.textContent).join(""); },
});

function* spoken(file, e) {
  if (skips(e)) return;
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    if (e.attributes[name]) yield [e.attributes[name].replace(/\s+/g, " ").trim(), false, file];
  }
  if (e.localName === "title" || speaks(e)) yield [keyOf(e), false, file];
  else for (const c of e.children) yield* spoken(file, c);
}

// docs.html describes the interface for programs, in English like its names.
const pages = files(".html").filter(([f]) => f !== "docs.html");

const used = new Map();
const use = ([key, forms, where]) => used.set(key, { forms: forms || used.get(key)?.forms, where });
for (const [file, source] of files(".js")) for (const text of texts(file, source)) use(text);
for (const [file, html] of pages) for (const text of spoken(file, parse(html))) use(text);

test("every text of the page has its Spanish", () => {
  const lacking = [...used].filter(([key, { forms }]) => (forms
    ? !(Array.isArray(dictionary[key]) && dictionary[key].length === 2)
    : dictionary[key] === undefined));
  assert.deepEqual(lacking.map(([key, { where }]) => `${where}: ${key}`), []);
});

test("the dictionary has no text that the page does not use", () => {
  assert.deepEqual(Object.keys(dictionary).filter((key) => !used.has(key)), []);
});

const names = (s) => [...new Set([...s.matchAll(/\{(\w+)\}|<(\d+)>/g)].map(([whole]) => whole))].sort();

test("translations have the values and elements of their texts", () => {
  for (const [key, to] of Object.entries(dictionary)) {
    for (const form of [to].flat()) {
      const have = names(form), want = names(key);
      // "One bill" may say its number in words.
      if (Array.isArray(to)) assert.deepEqual(have.filter((n) => n !== "{n}"), want.filter((n) => n !== "{n}"), key);
      else assert.deepEqual(have, want, key);
    }
  }
  for (const [from, to] of Object.entries(sentences)) assert.deepEqual(names(to), names(from), from);
});

test("texts take their values", () => {
  assert.equal(t("{name} has {n} rows", { name: "a {n}", n: 1234 }).replace(/\D?234/, "234"), "a {n} has 1234 rows");
  assert.equal(tn("{n} bill", "{n} bills", 1), "1 bill");
  assert.equal(tn("{n} bill", "{n} bills", 0), "0 bills");
  assert.equal(listed(["a", "b", "c"]).replace(", and", " and"), "a, b and c");
});

test("sentences of the server are translated by their patterns", () => {
  const translator = new Translator({
    dictionary: {}, sentences: { "Upload {what} first.": "Primero suba {what}.", "Done (all).": "Listo." },
  });
  assert.equal(translator.server("Upload the bills first."), "Primero suba the bills.");
  assert.equal(translator.server("Done (all)."), "Listo.");
  assert.equal(translator.server("Upload nothing"), null);
});

test("what is found in scans is said in Spanish", () => {
  const translator = new Translator({ dictionary, sentences, terms });
  for (const text of [
    "\"48\" was read from the picture, and it may be \"43\" or \"46\".",
    "\"48\" was read from the picture, close to a ruling line; it may be another text: \"4.8\".",
    "One reader read \"48\", the other nothing, and no total proves either.",
    "One reader read \"48\", the other \"43\" or \"46\"; \"48\" was chosen, since only with it the lines add up to " +
      "the printed totals.",
    "One reader read \"A1\", the other \"A7\"; \"A1\" was chosen, since the order export has nothing else in its " +
      "place.",
    "One reader read \"A1\", the other \"A7\"; the order export has \"A7\" in its place.",
    "It was read from a picture: two readers read it from a picture; 3 values are not proved, though the lines add " +
      "up to the printed totals; its 4 lines are not in the sheet, until somebody accepts the bill.",
    "Its 9 values were read once, from a picture: one reader read it from a picture; its lines add up to the printed " +
      "totals, but one misreading can stand in both; its 1 line is not in the sheet, until somebody accepts the bill.",
    "It was read from a picture: two readers read it from a picture; pieces: the lines add up to 79, the bill prints " +
      "84; its 4 lines are in the sheet, since somebody accepted the bill.",
    "The number of this bill cannot be read (\"G24O\"); its lines are in the sheet without one.",
    "The picture is too dark; take it again with more light.",
    "The picture is blurred; hold the camera still and take it again.",
    "The picture was taken from too far or with too few dots, so that its letters are only 6 pixels high; take it " +
      "again from nearer, or scan it with 300 dots per inch.",
    "The pictures were read by one reader, since the second one is not there or failed, so nothing that was read of " +
      "them is proved; install tesseract to have them read twice.",
    "The page is a picture in which no text was found.",
  ]) {
    const spanish = translator.server(text);
    assert.ok(spanish, text);
    assert.doesNotMatch(spanish, /\b(the|read|picture|is|was|until|nothing|pieces)\b/, spanish);
  }
});
