// @ts-check
// The words of the page. Scripts have them in English; the dictionary of another language is
// loaded only where the browser or the person asks for it.
//
//   t("Upload {name} again", { name })          a text; numbers are written as people write them
//   tn("{n} bill", "{n} bills", n)              a text that depends on a number
//
// Texts are literals, so that a test finds those without translation. Modules may use them
// where they are loaded: a module that imports this one waits for the dictionary.

/** The languages of the page with their own names. */
export const languages = { en: "English", es: "Español" };

const kept = "tallyman.language";
const wished = [...(globalThis.navigator?.languages || [])];
const base = (tag) => tag.toLowerCase().split("-")[0];

function choice() {
  try {
    const chosen = localStorage.getItem(kept) || "";
    return chosen in languages ? chosen : "";
  } catch {
    return ""; // without storage the browser chooses
  }
}

const chosen = choice();

/** The code of the page's language. */
export let language = chosen || wished.map(base).find((l) => l in languages) || "en";

/** Chooses a language and loads the page again, if the browser keeps the choice. */
export function choose(code) {
  try {
    localStorage.setItem(kept, code);
    location.reload();
  } catch {
    // The page stays as it is.
  }
}

/** @type {Record<string, string | string[]>} */
let dictionary = {};
/** @type {any} What only a page in another language needs. */
let translator = null;
if (language !== "en") {
  try {
    const [found, tools] = await Promise.all([import(`./${language}.js`), import("./translate.js")]);
    dictionary = found.dictionary;
    translator = new tools.Translator(found);
  } catch {
    language = "en";
  }
}

// The locale of numbers and dates: the browser's own if it is of the page's language, or of none that the page has;
// else the language as it is written in the browser's country.
function localeOf() {
  const own = Intl.DateTimeFormat().resolvedOptions().locale;
  if (base(own) === language || (language === "en" && !chosen)) return undefined;
  const wish = wished.find((tag) => base(tag) === language);
  const country = own.split("-").find((part) => /^[A-Z]{2}$/.test(part));
  return wish || (country ? `${language}-${country}` : language);
}

/** The locale of numbers and dates; undefined is the browser's. */
export const locale = localeOf();

const rules = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);
const lists = new Intl.ListFormat(language, { type: "conjunction" });

const write = (value) => (typeof value === "number" ? numbers.format(value) : String(value ?? ""));

const put = (text, values) =>
  (values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? write(values[name]) : all)) : text);

/**
 * Returns a text in the page's language, with values at the names in braces.
 * @param {string} text
 * @param {Record<string, any>} [values]
 */
export const t = (text, values) => put([dictionary[text] ?? text].flat()[0], values);

/**
 * Returns a text that depends on a number, which is {n} in it.
 * @param {string} one the text for 1
 * @param {string} many the text for other numbers
 * @param {number} n
 * @param {Record<string, any>} [values]
 */
export function tn(one, many, n, values) {
  const forms = dictionary[one] || [one, many];
  return put(forms[rules.select(n) === "one" ? 0 : 1], { n, ...values });
}

/** Writes texts as a list: "a, b and c". @param {string[]} texts */
export const listed = (texts) => lists.format(texts);

/**
 * Returns a sentence of the server in the page's language, null if the dictionary does not know it. Figures and names
 * in it stay as they are.
 * @param {string} text
 * @returns {string | null}
 */
export const translated = (text) => (translator ? translator.server(text) : text);

if (globalThis.document && translator) {
  document.documentElement.lang = language;
  translator.page(document);
}
