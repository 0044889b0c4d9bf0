// @ts-check
// The findings of a sheet. The server makes them; the views show them.

import { h } from "./dom.js";
import { capital } from "./format.js";
import { language, t, tn, translated } from "./words.js";

const outcomes = { mismatched: 0, unproved: 1, unchecked: 2, reconciled: 3 };

// The kind, by which findings are drawn, of each severity.
const looks = { error: "bad", warning: "warn", notice: "warn", info: "info" };

// How the figures of a bill of an unknown form were weighed is for the command line.
const weighed = / \(\d+ bits of [^)]*\)/;

/** What is said of a bill, without what only programmers need. */
export const plainly = (text) => text.replace(weighed, "");

/** The findings of a sheet as the views show them, most severe first. Finding names one in amendments. */
export function issuesOf(sheet) {
  return sheet.findings.map((f, n) => ({
    n, kind: looks[f.severity], code: f.kind, title: f.title, where: capital(f.where), action: f.action,
    text: sentence(plainly(f.text)), bill: f.bills.length === 1 ? f.bills[0] : -1,
    place: f.places[0] || null, also: f.places.slice(1),
    checked: f.checked || null, finding: { kind: f.kind, where: f.where, text: f.text },
  }));
}

/** The findings that somebody should check, or has checked. */
export const toCheck = (issues) => issues.filter((i) => i.kind !== "info");

/** The findings that nobody has ticked off, of those to check. */
export const unchecked = (issues) => toCheck(issues).filter((i) => !i.checked);

/** A sentence of the server: in the page's language if the dictionary has it, else as it is, marked as English. */
export function english(text) {
  const to = translated(text);
  if (to !== null) return to;
  return language === "en" ? text : h("span", { lang: "en" }, text);
}

function sentence(text) {
  text = capital(text);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The order of the bills: those with findings first, the rest as in the document. */
export function billOrder(sheet, issues) {
  const bad = new Map();
  for (const { bill, kind } of unchecked(issues)) {
    if (bill >= 0) bad.set(bill, Math.min(bad.get(bill) ?? 9, kind === "bad" ? 0 : 1));
  }
  const rank = (i) => Math.min(bad.get(i) ?? 9, outcomes[sheet.bills[i].verdict.outcome]);
  return sheet.bills.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
}

/** The index of the sheet's column of that name. */
export const column = (sheet, name) => sheet.columns.indexOf(name);

/** How many lines and order rows of a sheet have no partner, both parts of a near miss counted once. */
export function loose(sheet) {
  const match = sheet?.match;
  return match ? match.unmatched_lines.length + match.unmatched_orders.length - match.near_misses.length : 0;
}

/** The sums of a sheet. */
export function totals(sheet) {
  const at = Object.fromEntries(["Cartons", "Pallet"].map((n) => [n, column(sheet, n)]));
  const t = { cartons: 0, pallets: 0, cube: 0, weight: 0 };
  for (const row of sheet.rows) {
    t.cartons += row.cells[at.Cartons] || 0;
    t.pallets += row.cells[at.Pallet] || 0;
  }
  for (const bill of sheet.bills) {
    t.cube += bill.totals.cube.number || 0;
    t.weight += bill.totals.weight.number || 0;
  }
  return t;
}

/** What the inspector needs to show a line. */
export function lineTarget(sheet, bill, line) {
  const b = sheet.bills[bill], l = b.lines[line];
  const title = t("Line {n} of bill {number}", { n: line + 1, number: b.number?.text || t("without number") });
  return { bill, line, title, kind: "info", text: lineText(l), place: { file: l.file, page: l.page, box: l.box } };
}

function lineText(l) {
  const say = (v, unit) => v && `${v.text}${unit}`;
  const n = (v) => (v?.text.trim() === "1" ? 1 : 2);
  const texts = [
    say(l.cartons, ` ${tn("carton", "cartons", n(l.cartons))}`), l.style && t("style {style}", { style: l.style.text }),
    say(l.pieces, ` ${tn("piece", "pieces", n(l.pieces))}`), l.description?.text,
    say(l.volume, ` ${t("cu ft")}`), say(l.weight, ` ${t("lb")}`),
  ];
  return texts.filter(Boolean).join(" · ");
}
