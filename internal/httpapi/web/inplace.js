// @ts-check
// Asks for a text in place of what it changes, without a dialog.

import { button, h } from "./dom.js";
import { t } from "./words.js";

/** Makes a form for one text, in place of what it changes. Done is told whether it is sent or given up. */
export function inPlace(input, name, done) {
  const send = (e) => {
    e.preventDefault();
    done(true);
  };
  const key = (e) => {
    if (e.key !== "Escape") return;
    e.preventDefault();
    e.stopPropagation();
    done(false);
  };
  return h("form", { onsubmit: send, onkeydown: key }, input, h("button", { class: "primary small" }, name),
    button({ class: "quiet small", onclick: () => done(false) }, t("Cancel")));
}
