// @ts-check
// The keys of the page: one list, for the dialog that ? opens and for the help page.

import { h } from "./dom.js";

/** @type {[string, [string, string][]][]} */
const groups = [
  ["Everywhere", [["?", "this list"], ["Esc", "close what is open"]]],
  ["Results", [["← →", "another tab, while a tab has the focus"], ["Enter", "open a bill, a finding, a line"]]],
  ["Picture of a page", [
    ["n p", "next, previous finding"], ["] [", "next, previous page"], ["+ −", "zoom"], ["0", "fit the width"],
    ["f", "fit the page"], ["← →", "width of the picture, while the divider has the focus"],
  ]],
  ["Sheet", [
    ["Arrows", "move the selection; with Ctrl Home and End to the corners"], ["Enter", "show the line on its page"],
    ["Enter", "sort, on a heading"], ["Ctrl C", "copy the cell or the selection"],
  ]],
  ["Teaching a form", [
    ["Arrows", "move an edge; with Shift farther"], ["Page Up, Page Down", "the same by 20 points"],
    ["+", "add an edge to the right"], ["Delete", "remove the edge"],
  ]],
];

/** Makes the list. */
export const shortcuts = () => h("div", { class: "shortcuts" }, groups.map(([name, keys]) => h("section", {},
  h("h3", {}, name),
  h("dl", {}, keys.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])))));
