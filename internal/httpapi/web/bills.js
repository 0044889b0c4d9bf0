// @ts-check
// Every bill with its lines, its totals and a verdict. Bills to check come first.

import { h, fill, button, heading, icon, kept, num, pieces, table, td } from "./dom.js";
import { count, exact, fields, figure, plural, capital } from "./format.js";
import { billOrder, lineTarget, toCheck } from "./issues.js";

const verdicts = {
  reconciled: ["ok", "Adds up"],
  mismatched: ["bad", "Does not add up"],
  unchecked: ["warn", "Not checked"],
  unproved: ["warn", "Not proved"],
};

const choices = [
  ["", "All bills"], ["look", "To check"], ["mismatched", "Do not add up"], ["unchecked", "Not checked"],
  ["unproved", "Not proved"], ["reconciled", "Add up"],
];

const columns = ["Bill", "Consigned to", "Page", "Lines", "Cartons", "Pieces", "Weight lb", "Cube cu ft", "Verdict"];

const chip = (kind, text) => h("span", { class: `chip ${kind}` }, icon(kind === "ok" ? "ok" : "bad"), text);

export class BillsView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    Object.assign(this, { text: "", only: "" }, kept("bills"));
  }

  clear() {
    this.root.replaceChildren();
    this.stale = true;
    this.text = this.only = "";
  }

  render(sheet, issues) {
    this.sheet = sheet;
    this.order = billOrder(sheet, issues);
    this.issues = new Map();
    for (const i of issues) if (i.bill >= 0) this.issues.set(i.bill, [...(this.issues.get(i.bill) || []), i]);
    this.list = h("div", { class: "bills" });
    this.found = h("p", { class: "found", role: "status" });
    const find = () => {
      this.text = search.value;
      this.fill();
    };
    const search = h("input",
      { type: "search", id: "bill-search", value: this.text, placeholder: "Bill, consignee or style", oninput: find });
    const choose = () => {
      this.only = only.value;
      this.fill();
    };
    const only = h("select", { id: "bill-only", onchange: choose },
      choices.map(([value, name]) => h("option", { value, selected: value === this.only }, name)));
    fill(this.root,
      this.lesson(sheet, issues),
      this.attention(issues),
      h("div", { class: "tools" },
        h("div", { class: "field" }, h("label", { for: "bill-search" }, "Find"), search),
        h("div", { class: "field" }, h("label", { for: "bill-only" }, "Show"), only),
        this.found),
      this.list,
    );
    this.fill();
  }

  // Offers a lesson for the first document that nothing proves.
  lesson(sheet, issues) {
    const bill = sheet.bills.find((b) => b.held);
    const page = !sheet.bills.length && issues.find((i) => i.place);
    if (!bill && !page) return null;
    const at = bill ? bill.pages[0] : page.place;
    const text = bill
      ? "This is a bill of lading, but its table could not be proved: show us the columns."
      : `${page.text.replace(/[;:] show us the columns/, "")} Show us the columns, and it is read.`;
    return h("section", { class: "teachme", "aria-label": "A document that is not proved" },
      icon("bad"), h("p", {}, text, " ", h("small", {}, `${pageName(sheet, at)}.`)),
      button({ class: "primary", onclick: () => this.views.teach(at) }, "Show the columns"));
  }

  attention(issues) {
    const check = toCheck(issues), known = issues.filter((i) => i.kind === "info");
    const list = (some, name, className) => {
      const items = h("ol", { class: className, "aria-label": name });
      const more = pieces(items, some, (issue) => h("li", {}, this.issue(issue)), 12);
      return [items, more];
    };
    const section = () => h("section", { class: "attention", "aria-labelledby": "attention-title" },
      h("h2", { id: "attention-title" }, "To check ", h("span", { class: "n" }, count(check.length))),
      h("p", { class: "hint" }, "Click a finding to see its place."),
      list(check, "To check", "issues"));
    const proved = this.sheet.bills.every((b) => b.verdict.outcome === "reconciled");
    const { length } = this.sheet.bills;
    const all = length === 1 ? "The bill adds up to the totals printed on it"
      : `All ${count(length)} bills add up to the totals printed on them`;
    const allWell = () => h("p", { class: "allwell" }, icon("ok"), `${all}, and every row was read.`);
    return h("div", {},
      check.length ? section() : proved && allWell(),
      known.length > 0 && h("details", { class: "known" },
        h("summary", {}, `For information (${count(known.length)})`), list(known, "For information", "information")));
  }

  issue(issue) {
    const go = issue.place ? () => this.views.inspect(issue) : () => this.views.open("matching");
    return button({ class: `issue ${issue.kind}`, "data-issue": String(issue.n), onclick: go },
      icon(issue.kind === "info" ? "look" : "bad"),
      h("span", { class: "what" },
        h("strong", {}, issue.title), h("span", { class: "unseen" }, ". "), issue.text,
        issue.action && h("small", {}, ` ${issue.action}`)),
      h("span", { class: "where" }, issue.where));
  }

  fill() {
    kept("bills", { text: this.text, only: this.only });
    const words = this.text.trim().toLowerCase();
    const match = (i) => {
      const b = this.sheet.bills[i];
      if (this.only === "look") {
        if (!toCheck(this.issues.get(i) || []).length) return false;
      } else if (this.only && b.verdict.outcome !== this.only) return false;
      const texts = [b.number?.text, ...b.consignee.map((c) => c.text), ...b.lines.map((l) => l.style?.text)];
      return !words || texts.some((t) => t?.toLowerCase().includes(words));
    };
    const some = this.order.filter(match);
    const all = plural(this.order.length, "bill");
    this.found.textContent = some.length === this.order.length ? all : `${count(some.length)} of ${all}`;
    const body = h("div", { class: "rows" });
    const more = pieces(body, some, (i) => this.bill(i, some.length), 100);
    fill(this.list,
      h("div", { class: "head", "aria-hidden": "true" },
        columns.map((t, i) => h("span", { class: i > 2 && i < 8 ? "num" : "" }, t))),
      body, more, some.length === 0 && h("p", { class: "none" }, "No bill matches. Change the search or the filter."));
  }

  bill(i, shown) {
    const bill = this.sheet.bills[i];
    const issues = this.issues.get(i) || [];
    const bad = issues.some((x) => x.kind === "bad");
    const { outcome } = bill.verdict;
    const [kind, text] = bad && outcome !== "mismatched" ? ["bad", "To check"] : verdicts[outcome];
    const t = bill.totals;
    const cell = (name, text) => h("span", { class: `num ${name.split(" ")[0].toLowerCase()}` },
      h("span", { class: "label" }, `${name} `), text);
    const toggle = () => details.open && !details.filled && this.open(details, i);
    const details = h("details", { class: "bill", ontoggle: toggle },
      h("summary", {},
        h("span", { class: "id" }, icon("right"), bill.number?.text || "No number"),
        h("span", { class: "to" }, bill.consignee[0]?.text || "–"),
        h("span", { class: "page", title: pagesName(this.sheet, bill) },
          h("span", { class: "label" }, "Page "), pages(this.sheet, bill)),
        cell("Lines", count(bill.lines.length)),
        cell("Cartons", figure("cartons", t.cartons.number)), cell("Pieces", figure("pieces", t.pieces.number)),
        cell("Weight lb", figure("weight", t.weight.number)), cell("Cube cu ft", figure("cube", t.cube.number)),
        h("span", { class: "verdict" }, chip(kind, text))));
    if (bad && (shown <= 10 || this.order.indexOf(i) < 3)) details.open = true;
    return details;
  }

  open(details, i) {
    details.filled = true;
    const bill = this.sheet.bills[i];
    const show = (title, text, place) => () => this.views.inspect({ bill: i, title, text, kind: "info", place });
    const about = [
      ["To", bill.consignee.slice(1).map((c) => c.text).join(", ")],
      ["Date", bill.date?.text], ["Order no.", bill.order_number?.text], ["Store", bill.store?.text],
      ["Shipped via", bill.shipped_via?.text], ["Start and cancel", bill.internal_code?.text],
      ["Terms", bill.terms?.text],
      ["Instructions", bill.instructions.map((x) => x.text).join(" / ")],
      ["Notes", bill.notes.map((x) => x.text).join(" / ")],
    ];
    // The totals show mismatches and why totals were not checked.
    const issues = (this.issues.get(i) || []).filter((x) => x.code !== "mismatch" && x.code !== "unchecked");
    details.append(h("div", { class: "inside" },
      h("div", { class: "side" },
        h("div", { class: "scroll" }, this.totals(bill, show)),
        bill.verdict.reason && h("p", { class: "hint" }, capital(bill.verdict.reason)),
        issues.map((x) => this.issue(x)),
        h("dl", { class: "about" },
          about.filter(([, text]) => text).map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]))),
      this.lines(i, bill)));
  }

  totals(bill, show) {
    const checks = new Map(bill.verdict.checks.map((c) => [c.field, c]));
    const rows = ["cartons", "pieces", "weight", "cube"].map((field) => {
      const total = bill.totals[field];
      const check = checks.get(field);
      const { name, unit } = fields[field];
      const printed = ({ text }) => button({
        class: "link", "aria-label": `${name} printed: ${text}; show it on the page`,
        onclick: show(`${name} of bill ${bill.number?.text || ""}`, `Printed: ${text}`, total.value),
      }, figure(field, check?.printed ?? total.number));
      const off = check?.state === "differs";
      return h("tr", { class: off ? "off" : "" },
        h("th", { scope: "row" }, name, unit && h("small", {}, ` ${unit}`)),
        num(figure(field, check ? check.sum : total.printed ? null : total.number)),
        num(total.value ? printed(total.value) : h("span", { class: "none" }, "not printed")),
        num(off ? signed(field, check.difference) : ""),
        td(check ? outcome(check) : ""));
    });
    const heads = h("tr", {},
      heading("Total"), heading("Lines", "num"), heading("Printed", "num"), heading("Off by", "num"), td());
    return table("totals", "Totals", heads, h("tbody", {}, rows));
  }

  lines(i, bill) {
    const matched = Boolean(this.sheet.match);
    const body = h("tbody");
    const more = pieces(body, bill.lines, (line, j) => {
      const go = () => this.views.inspect(lineTarget(this.sheet, i, j));
      const look = { class: "quiet icon small", "aria-label": `Show line ${j + 1} on the page`, onclick: go };
      const order = line.order_row
        ? h("span", { class: "order" }, `Row ${line.order_row}`)
        : h("span", { class: "order none" }, "No order");
      return h("tr", { class: "line", onclick: (e) => e.target.closest("button") || go() },
        td(button(look, icon("look"))), matched && td(order),
        lineFields.map(([field, , figure]) => (figure
          ? num(number(field, line[field])) : td(line[field]?.text || ""))));
    });
    // The order stands first, where a narrow table shows it.
    const heads = h("tr", {}, td(), matched && heading("Order"),
      lineFields.map(([, name, figure]) => heading(name, figure ? "num" : "")));
    const name = `Lines of bill ${bill.number?.text || "without number"}`;
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name },
      table("lines", name, heads, body), more);
  }
}

/**
 * The fields of a line: name in the view, heading, and whether it is a figure.
 * @type {[string, string, boolean?][]}
 */
const lineFields = [
  ["cartons", "Cartons", true], ["style", "Style"], ["pieces", "Pieces", true], ["order_number", "Order no."],
  ["cust_style", "Cust. style"], ["description", "Description"], ["volume", "Volume", true], ["weight", "Weight", true],
];

// A total is proved, differs, or was not compared, since it is not printed or not readable.
const outcomes = {
  proved: ["ok", "adds up"],
  differs: ["bad", "does not add up"],
  not_printed: ["", "not printed, not compared"],
  unread: ["", "not readable, not compared"],
  unproved: ["", "compared, which proves nothing here"],
};

function outcome(check) {
  const [kind, words] = outcomes[check.state];
  const rounding = check.state === "proved" && check.difference &&
    `≈ rounding, ${exact(Math.abs(check.difference))} ${check.unit}`;
  return h("span", { class: `outcome ${kind}` },
    kind ? icon(kind) : h("span", { "aria-hidden": "true" }, "–"),
    h("span", { class: "unseen" }, words),
    rounding && h("small", { title: "A sum may differ by half the last printed digit of each line." }, ` ${rounding}`));
}

const signed = (field, n) => (n > 0 ? "+" : "−") + figure(field, Math.abs(n));

const number = (field, v) => (v ? (v.number === null ? v.text : figure(field, v.number)) : "");

export function pageName(sheet, place) {
  const page = count(place.page);
  return sheet.files.length > 1 ? `${sheet.files[place.file].name}, page ${page}` : `Page ${page}`;
}

// With several files the list in step 1 numbers them.
function pages(sheet, bill) {
  const numbers = bill.pages.map((p) => p.page);
  const first = Math.min(...numbers), last = Math.max(...numbers);
  const row = last - first === numbers.length - 1 && first !== last;
  const text = row ? `${count(first)}–${count(last)}` : numbers.map(count).join(", ");
  return sheet.files.length > 1 ? `${bill.pages[0].file + 1}: ${text}` : text;
}

const pagesName = (sheet, bill) => (sheet.files.length > 1 ? sheet.files[bill.pages[0].file].name : "");

