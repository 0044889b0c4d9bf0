// @ts-check
// The keys of the page: one list, for the dialog that ? opens and for the help page.

import { h } from "./dom.js";
import { t } from "./words.js";

/** @type {[string, [string, string][]][]} */
const groups = [
  [t("Everywhere"), [["?", t("this list")], ["Esc", t("close what is open")]]],
  [t("Results"), [
    ["← →", t("another tab, while a tab has the focus")], [t("Enter"), t("open a bill, a finding, a line")],
    [t("Space"), t("tick a finding off, or take the tick back")],
  ]],
  [t("Picture of a page"), [
    ["n p", t("next, previous finding")], ["] [", t("next, previous page")], ["+ −", t("zoom")],
    ["0", t("fit the width")], ["f", t("fit the page")],
    ["e", t("correct the values")], ["↑ ↓", t("the same value of another line, while it is corrected")],
    ["← →", t("width of the picture, while the divider has the focus")],
  ]],
  [t("Sheet"), [
    [t("Arrows"), t("move the selection; with Ctrl Home and End to the corners")],
    [t("Enter"), t("show the line on its page")], [t("Enter"), t("sort, on a heading")],
    [t("Shift and arrows"), t("select cells; Ctrl A all of them")],
    ["Ctrl C, Ctrl V", t("copy cells, and paste them into columns without a source")],
    ["Ctrl D", t("fill down the first of the selected cells")], ["Ctrl Z", t("undo what was done in this tab")],
  ]],
  [t("Teaching a form"), [
    [t("Arrows"), t("move an edge; with Shift farther")], [t("Page Up, Page Down"), t("the same by 20 points")],
    ["+", t("add an edge to the right")], [t("Delete"), t("remove the edge")],
  ]],
];

/** Makes the list. */
export const shortcuts = () => h("div", { class: "shortcuts" }, groups.map(([name, keys]) => h("section", {},
  h("h3", {}, name),
  h("dl", {}, keys.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])))));
