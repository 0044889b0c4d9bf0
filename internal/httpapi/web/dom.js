// @ts-check
// Small helpers to make and find elements. Texts are only ever set as text: the
// content of files and answers can never become markup.

import { t } from "./words.js";

/** The element with an ID. @returns {any} */
export const $ = (id) => document.getElementById(id);

/**
 * Makes an element. Properties that begin with "on" are listeners, "class" and
 * names with a dash are attributes, everything else is a property.
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const e = document.createElement(tag);
  set(e, props);
  e.append(...shown(children));
  return e;
}

// What is there of a list of optional content: elements and texts.
const shown = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);

/** Replaces the content of an element. What is missing (null, undefined, false) is left out. */
export const fill = (e, ...children) => e.replaceChildren(...shown(children));

const attributes = new Set(["class", "role", "for", "colspan", "scope", "translate"]);

function set(e, props) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (!attributes.has(name) && !name.includes("-")) e[name] = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
}

/** Makes a button. */
export const button = (props, ...content) => h("button", { type: "button", ...props }, content);

/** Has a file input give the files that are chosen, each time anew. */
export function chosen(input, take) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) take(files);
  });
}

/** Makes cells of a table: a text, a figure, a heading of a column. */
export const td = (...content) => h("td", {}, content);
export const num = (...content) => h("td", { class: "num" }, content);
export const heading = (text, className = "") => h("th", { scope: "col", class: className }, text);

/** Makes a table. The name is for screen readers. */
export function table(className, name, heads, body) {
  return h("table", { class: className }, h("caption", { class: "unseen" }, name), h("thead", {}, heads), body);
}

const svgSpace = "http://www.w3.org/2000/svg";

/** Gives each cell of a row the name of its column, which is shown where a table is a list of blocks. */
export function named(row, heads) {
  const missing = heads.children.length - row.children.length; // the first cell of a sum stands for several
  [...row.children].forEach((cell, i) => {
    if (!i && missing) return;
    const { textContent } = heads.children[i + missing];
    if (textContent && cell.textContent && !cell.querySelector("button.small")) cell.dataset.name = textContent;
  });
  return row;
}

/** Makes an SVG element. */
export function svg(tag, attributes, ...children) {
  const e = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes || {})) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

const paths = {
  ok: "M4.5 10.5l3.7 3.7 7.3-8",
  bad: "M10 3l7.5 13.5h-15zM10 8v4M10 14.2v.1",
  cross: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  up: "M5 12.5l5-5 5 5",
  down: "M5 7.5l5 5 5-5",
  left: "M12.5 5l-5 5 5 5",
  right: "M7.5 5l5 5-5 5",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  fit: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4",
  page: "M5 2.5h10v15H5zM8 6.5h4M8 10h4M8 13.5h4",
  look: "M13 13l4 4M8.7 14.2a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z",
  save: "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
};

/** Makes an icon, which screen readers skip. */
export const icon = (name) =>
  svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: paths[name] }));

/** Makes a small button that is only an icon. */
export const sign = (name, label, onclick, props) =>
  button({ class: "quiet icon small", "aria-label": label, onclick, ...props }, icon(name));

/** Stores a text for this tab, or removes it if it is empty. Without a value returns what is stored. */
export function stored(name, value, where = "sessionStorage") {
  try {
    const storage = globalThis[where];
    if (value === undefined) return storage.getItem(name) || "";
    if (value) storage.setItem(name, value);
    else storage.removeItem(name);
  } catch {
    // A frame without storage keeps nothing.
  }
  return value || "";
}

/** Does so for this browser, not only for this tab. */
export const remembered = (name, value) => stored(name, value, "localStorage");

/** Reads JSON that was stored. Returns otherwise for other texts. */
export function parsed(text, otherwise) {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

const keptPrefix = "tallyman.view.";

/** Keeps a value for this tab, so that a reload loses no search and no filter. Without a value returns what is kept. */
export const kept = (name, value) => parsed(stored(keptPrefix + name, value && JSON.stringify(value)), {});

/** Forgets what is kept, when the session has ended. */
export function forgetKept() {
  try {
    for (const k of Object.keys(sessionStorage)) if (k.startsWith(keptPrefix)) sessionStorage.removeItem(k);
  } catch {
    // The same.
  }
}

let saying;

/** Has screen readers say something. */
export function say(text) {
  clearTimeout(saying);
  const at = $("said");
  at.textContent = "";
  saying = setTimeout(() => { at.textContent = text; }, 50);
}

/** @type {Promise<any>} */
let asked = Promise.resolve();

/** Asks a question in a dialog, one at a time. Returns the value of the button pressed, "" for none. */
export function ask(title, text, buttons) {
  return (asked = asked.then(() => question(title, text, buttons)));
}

function question(title, text, buttons) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-buttons").replaceChildren(...buttons.map((b) => h("button", { value: b.value, class: b.class }, b.label)));
  return answered(dialog);
}

/** Shows a dialog. Returns the value of the button that closes it, "" for none. @returns {Promise<string>} */
export function answered(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** Asks whether to do something. Yes is what the button says. Returns whether the person wants it. */
export async function agreed(title, text, yes, no = t("Keep")) {
  const buttons = [{ value: "yes", label: yes, class: "primary" }, { value: "", label: no }];
  return (await ask(title, text, buttons)) === "yes";
}

// The lists that show a piece only. Paper gets all of them.
const cut = new Map();
let cuts = 0;
globalThis.addEventListener?.("beforeprint", () => {
  for (const [n, { parent, all }] of cut) {
    const list = parent.deref();
    if (list?.isConnected) all();
    if (!list?.isConnected) cut.delete(n);
  }
});

/** Shows a long list in pieces: most people need its beginning only. Returns the button for the next piece. */
export function pieces(parent, items, make, size = 200) {
  let shown = 0;
  const next = button({ class: "more", onclick: () => { more(); } });
  const more = () => {
    const some = items.slice(shown, shown + size);
    parent.append(...some.map((item, i) => make(item, shown + i)));
    shown += some.length;
    const left = Math.min(size, items.length - shown);
    next.textContent = t("Show {n} more of {all}", { n: left, all: items.length });
    next.hidden = shown >= items.length;
  };
  more();
  const all = () => {
    while (shown < items.length) more();
  };
  if (items.length > size) cut.set(++cuts, { parent: new WeakRef(parent), all });
  return next;
}
