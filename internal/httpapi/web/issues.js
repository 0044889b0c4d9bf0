// @ts-check
// What a person should look at: where it is, how bad it is, in which words.

import { fields, figure } from "./format.js";

// Problems by which something printed is not in the sheet.
const losing = new Set(["unread_row", "text_in_table", "missing_page", "no_number", "no_text", "unread_page", "damaged_page"]);

const outcomes = { mismatched: 0, unchecked: 1, reconciled: 2 };

/** The last page of a bill as a place: its foot is where totals are printed. */
export function foot(bill) {
  const last = bill.pages.reduce((a, b) => (b.n > a.n ? b : a), bill.pages[0]);
  return { file: last.file, page: last.page, box: null };
}

/** "Pieces: the lines add up to 5,604, the bill prints 5,606" */
export function difference(check) {
  const { name, unit } = fields[check.field];
  const of = unit ? ` ${unit}` : "";
  return `${name}: the lines add up to ${figure(check.field, check.sum)}${of}, the bill prints ${figure(check.field, check.printed)}${of}`;
}

/** All that should be looked at in a sheet, the worst first, and of that in the document's order. */
export function issuesOf(sheet) {
  const issues = [];
  const byNumber = new Map();
  sheet.bills.forEach((bill, i) => {
    const number = bill.number?.text || "";
    if (number) byNumber.set(number, i);
    if (bill.verdict.outcome === "mismatched") {
      // One thing to look at, however many totals are off: they have one cause.
      const off = bill.verdict.checks.filter((c) => !c.ok);
      const places = off.map((c) => bill.totals[c.field].value).filter(Boolean);
      issues.push({ kind: "bad", title: "Does not add up", bill: i, number, text: off.map(difference).join("; "), place: places[0] || foot(bill), also: places.slice(1) });
    } else if (bill.verdict.outcome === "unchecked" && !sheet.problems.some((p) => p.bill === number && p.kind === "missing_page")) {
      issues.push({ kind: "warn", title: "Not checked", bill: i, number, text: `${sentence(bill.verdict.reason)} The sums of its lines stand in.`, place: foot(bill) });
    }
  });
  for (const p of sheet.problems) {
    const bill = p.bill && byNumber.has(p.bill) ? byNumber.get(p.bill) : -1;
    issues.push({
      kind: losing.has(p.kind) ? "bad" : "warn", title: titles[p.kind] || "Look at this", bill, number: p.bill,
      text: sentence(p.message), place: p.page ? { file: p.file, page: p.page, box: p.box } : null,
    });
  }
  const rank = (i) => (i.kind === "bad" ? 0 : 1);
  const at = (i) => (i.place ? i.place.file * 1e6 + i.place.page : 0);
  const cause = (i) => (i.also ? 1 : 0); // what was not read is why a bill does not add up
  return issues.map((issue, n) => ({ ...issue, n })).sort((a, b) => rank(a) - rank(b) || at(a) - at(b) || cause(a) - cause(b) || a.n - b.n);
}

const titles = {
  unread_row: "Row not read", text_in_table: "Words between rows", unread_total: "Total not read", missing_page: "Page missing",
  duplicate_page: "Page twice", no_number: "Bill without number", no_text: "Page without text", not_a_bill: "Not a bill",
  unread_page: "Table not found", damaged_page: "Damaged page",
};

function sentence(text) {
  text = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Bills with something to look at first, then in the document's order. */
export function billOrder(sheet, issues) {
  const bad = new Map();
  for (const i of issues) if (i.bill >= 0) bad.set(i.bill, Math.min(bad.get(i.bill) ?? 9, i.kind === "bad" ? 0 : 1));
  const rank = (i) => Math.min(bad.get(i) ?? 9, outcomes[sheet.bills[i].verdict.outcome]);
  return sheet.bills.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
}

/** Where the columns of the sheet are, by name. */
export const column = (sheet, name) => sheet.columns.indexOf(name);

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
  return { bill, line, number: b.number?.text || "", title: `Line ${line + 1} of bill ${b.number?.text || "without number"}`, kind: "info", text: lineText(l), place: { file: l.file, page: l.page, box: l.box } };
}

function lineText(l) {
  const say = (v, unit) => v && `${v.text}${unit}`;
  return [say(l.cartons, " cartons"), l.style && `style ${l.style.text}`, say(l.pieces, " pieces"), l.description?.text, say(l.volume, " cu ft"), say(l.weight, " lb")].filter(Boolean).join(" · ");
}
