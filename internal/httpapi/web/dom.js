// @ts-check
// Small helpers to make and find elements. Texts are only ever set as text: what
// stands in files and answers can never become markup.

/** The element of an ID. Which kind it is, its user knows. @returns {any} */
export const $ = (id) => document.getElementById(id);

/**
 * Makes an element. Properties that begin with "on" are listeners, "class" and
 * names with a dash are attributes, everything else is a property.
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const e = document.createElement(tag);
  set(e, props);
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

function set(e, props) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name === "colspan" || name === "scope" || name.includes("-")) e.setAttribute(name, value === true ? "" : value);
    else e[name] = value;
  }
}

const svgSpace = "http://www.w3.org/2000/svg";

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
  look: "M13 13l4 4M8.7 14.2a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z",
  save: "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
  near: "M4 8c2-2.5 4-2.5 6 0s4 2.5 6 0M4 13c2-2.5 4-2.5 6 0s4 2.5 6 0",
};

/** Makes an icon, which says nothing to screen readers. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 20 20", class: `icon-${name}`, "aria-hidden": "true" }, svg("path", { d: paths[name] }));
}

let saying;

/** Has screen readers say something. */
export function say(text) {
  clearTimeout(saying);
  const at = $("said");
  at.textContent = "";
  saying = setTimeout(() => { at.textContent = text; }, 50);
}

let asked = Promise.resolve();

/** Asks a question in a dialog and returns the value of the button pressed, "" for none. One question at a time. */
export function ask(title, text, buttons) {
  return (asked = asked.then(() => question(title, text, buttons)));
}

function question(title, text, buttons) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-buttons").replaceChildren(...buttons.map((b) => h("button", { value: b.value, class: b.class }, b.label)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

/** Shows a long list a piece at a time: most people need its beginning only. */
export function pieces(parent, items, make, size = 200) {
  let shown = 0;
  const button = h("button", { type: "button", class: "more", onclick: () => { more(); } });
  const more = () => {
    const next = items.slice(shown, shown + size);
    parent.append(...next.map((item, i) => make(item, shown + i)));
    shown += next.length;
    button.textContent = `Show ${Math.min(size, items.length - shown).toLocaleString()} more of ${items.length.toLocaleString()}`;
    button.hidden = shown >= items.length;
  };
  more();
  return button;
}
