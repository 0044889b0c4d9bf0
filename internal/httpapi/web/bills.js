// @ts-check
// Every bill with its lines, its totals and a verdict; what should be looked at
// comes first.

import { h, icon, pieces } from "./dom.js";
import { count, exact, fields, figure, plural, capital } from "./format.js";
import { billOrder, lineTarget, toCheck } from "./issues.js";

const verdicts = { reconciled: ["ok", "Adds up"], mismatched: ["bad", "Does not add up"], unchecked: ["warn", "Not checked"] };

const chip = (kind, text) => h("span", { class: `chip ${kind}` }, icon(kind === "ok" ? "ok" : "bad"), text);

export class BillsView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    Object.assign(this, { text: "", only: "" });
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
    const search = h("input", { type: "search", id: "bill-search", value: this.text, placeholder: "Bill, consignee or style", oninput: () => { this.text = search.value; this.fill(); } });
    const only = h("select", { id: "bill-only", onchange: () => { this.only = only.value; this.fill(); } },
      [["", "All bills"], ["look", "To check"], ["mismatched", "Do not add up"], ["unchecked", "Not checked"], ["reconciled", "Add up"]].map(([value, name]) => h("option", { value, selected: value === this.only }, name)));
    this.root.replaceChildren(
      this.attention(issues),
      h("div", { class: "tools" }, h("div", { class: "field" }, h("label", { for: "bill-search" }, "Find"), search), h("div", { class: "field" }, h("label", { for: "bill-only" }, "Show"), only), this.found),
      this.list,
    );
    this.fill();
  }

  attention(issues) {
    const check = toCheck(issues), known = issues.filter((i) => i.kind === "info");
    const list = (some, name, className) => {
      const items = h("ol", { class: className, "aria-label": name });
      const more = pieces(items, some, (issue) => h("li", {}, this.issue(issue)), 12);
      return [items, more];
    };
    const proved = this.sheet.bills.every((b) => b.verdict.outcome === "reconciled");
    return h("div", {},
      check.length
        ? h("section", { class: "attention", "aria-labelledby": "attention-title" }, h("h2", { id: "attention-title" }, "To check ", h("span", { class: "n" }, count(check.length))),
          h("p", { class: "hint" }, "Click a finding to see its place."), list(check, "To check", "issues"))
        : proved && h("p", { class: "allwell" }, icon("ok"), `All ${plural(this.sheet.bills.length, "bill")} add up to the totals printed on them, and every row was read.`),
      known.length > 0 && h("details", { class: "known" }, h("summary", {}, `For information (${count(known.length)})`), list(known, "For information", "information")));
  }

  issue(issue) {
    const go = issue.place ? () => this.views.inspect(issue) : () => this.views.open("matching");
    return h("button", { type: "button", class: `issue ${issue.kind}`, "data-issue": String(issue.n), onclick: go },
      icon(issue.kind === "info" ? "look" : "bad"),
      h("span", { class: "what" }, h("strong", {}, issue.title), h("span", { class: "unseen" }, ". "), issue.text, issue.action && h("small", {}, ` ${issue.action}`)),
      h("span", { class: "where" }, issue.where));
  }

  fill() {
    const words = this.text.trim().toLowerCase();
    const match = (i) => {
      const b = this.sheet.bills[i];
      if (this.only === "look" ? !toCheck(this.issues.get(i) || []).length : this.only && b.verdict.outcome !== this.only) return false;
      return !words || [b.number?.text, ...b.consignee.map((c) => c.text), ...b.lines.map((l) => l.style?.text)].some((t) => t?.toLowerCase().includes(words));
    };
    const some = this.order.filter(match);
    this.found.textContent = some.length === this.order.length ? plural(some.length, "bill") : `${count(some.length)} of ${plural(this.order.length, "bill")}`;
    const body = h("div", { class: "rows" });
    const more = pieces(body, some, (i) => this.bill(i, some.length), 100);
    this.list.replaceChildren(
      h("div", { class: "head", "aria-hidden": "true" }, ["Bill", "Consigned to", "Page", "Lines", "Cartons", "Pieces", "Weight lb", "Cube cu ft", "Verdict"].map((t, i) => h("span", { class: i > 2 && i < 8 ? "num" : "" }, t))),
      body, more, some.length === 0 && h("p", { class: "none" }, "No bill is like that."));
  }

  bill(i, shown) {
    const bill = this.sheet.bills[i];
    const issues = this.issues.get(i) || [];
    const [kind, text] = issues.some((x) => x.kind === "bad") && bill.verdict.outcome !== "mismatched" ? ["bad", "To check"] : verdicts[bill.verdict.outcome];
    const t = bill.totals;
    const cell = (name, text) => h("span", { class: `num ${name.split(" ")[0].toLowerCase()}` }, h("span", { class: "label" }, `${name} `), text);
    const details = h("details", { class: "bill", ontoggle: () => details.open && !details.filled && this.open(details, i) },
      h("summary", {},
        h("span", { class: "id" }, icon("right"), bill.number?.text || "No number"),
        h("span", { class: "to" }, bill.consignee[0]?.text || "–"),
        h("span", { class: "page" }, h("span", { class: "label" }, "Page "), pages(this.sheet, bill)),
        cell("Lines", count(bill.lines.length)),
        cell("Cartons", figure("cartons", t.cartons.number)), cell("Pieces", figure("pieces", t.pieces.number)),
        cell("Weight lb", figure("weight", t.weight.number)), cell("Cube cu ft", figure("cube", t.cube.number)),
        h("span", { class: "verdict" }, chip(kind, text))));
    if (issues.some((x) => x.kind === "bad") && (shown <= 10 || this.order.indexOf(i) < 3)) details.open = true;
    return details;
  }

  open(details, i) {
    details.filled = true;
    const bill = this.sheet.bills[i];
    const number = bill.number?.text || "";
    const show = (title, text, place) => () => this.views.inspect({ bill: i, title, text, kind: "info", place });
    const facts = [["Date", bill.date], ["Order no.", bill.order_number], ["Store", bill.store], ["Shipped via", bill.shipped_via], ["Start and cancel", bill.internal_code], ["Terms", bill.terms]].filter(([, v]) => v);
    const written = [["Instructions", bill.instructions], ["Notes", bill.notes]].filter(([, v]) => v.length);
    const address = bill.consignee.slice(1).map((c) => c.text).join(", ");
    details.append(h("div", { class: "inside" },
      h("div", { class: "side" },
        h("div", { class: "scroll" }, this.totals(bill, show)),
        bill.verdict.reason && h("p", { class: "hint" }, capital(bill.verdict.reason)),
        // The totals above show these two.
        (this.issues.get(i) || []).filter((x) => x.code !== "mismatch" && x.code !== "unchecked").map((x) => this.issue(x)),
        h("dl", { class: "about" }, address && [h("dt", {}, "To"), h("dd", {}, address)], facts.map(([name, v]) => [h("dt", {}, name), h("dd", {}, v.text)]).flat(),
          written.map(([name, v]) => [h("dt", {}, name), h("dd", {}, v.map((x) => x.text).join(" / "))]).flat())),
      this.lines(i, bill)));
  }

  totals(bill, show) {
    const checks = new Map(bill.verdict.checks.map((c) => [c.field, c]));
    const rows = ["cartons", "pieces", "weight", "cube"].map((field) => {
      const total = bill.totals[field];
      const check = checks.get(field);
      const { name, unit } = fields[field];
      const printed = total.value
        ? h("button", { type: "button", class: "link", "aria-label": `${name} printed: ${total.value.text}; show it on the page`, onclick: show(`${name} of bill ${bill.number?.text || ""}`, `Printed: ${total.value.text}`, total.value) }, figure(field, check?.printed ?? total.number))
        : h("span", { class: "none" }, "not printed");
      const off = check?.state === "differs";
      return h("tr", { class: off ? "off" : "" }, h("th", { scope: "row" }, name, unit && h("small", {}, ` ${unit}`)),
        h("td", { class: "num" }, figure(field, check ? check.sum : total.printed ? null : total.number)),
        h("td", { class: "num" }, printed),
        h("td", { class: "num" }, off ? signed(field, check.difference) : ""),
        h("td", {}, check ? outcome(check) : ""));
    });
    return h("table", { class: "totals" }, h("caption", { class: "unseen" }, "Totals"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Total"), h("th", { scope: "col", class: "num" }, "Lines"), h("th", { scope: "col", class: "num" }, "Printed"), h("th", { scope: "col", class: "num" }, "Off by"), h("td", {}))),
      h("tbody", {}, rows));
  }

  lines(i, bill) {
    const matched = Boolean(this.sheet.match);
    const body = h("tbody");
    const more = pieces(body, bill.lines, (line, j) => {
      const go = () => this.views.inspect(lineTarget(this.sheet, i, j));
      const cells = [["cartons", 1], ["style", 0], ["pieces", 1], ["order_number", 0], ["cust_style", 0], ["description", 0], ["volume", 1], ["weight", 1]]
        .map(([name, num]) => h("td", { class: num ? "num" : "" }, num ? number(name, line[name]) : line[name]?.text || ""));
      return h("tr", { class: "line", onclick: (e) => e.target.closest("button") || go() },
        h("td", {}, h("button", { type: "button", class: "quiet icon small", "aria-label": `Show line ${j + 1} on the page`, onclick: go }, icon("look"))), cells,
        matched && h("td", {}, line.order_row ? h("span", { class: "order" }, `Row ${line.order_row}`) : h("span", { class: "order none" }, "No order")));
    });
    const heads = [["", ""], ["Cartons", "num"], ["Style", ""], ["Pieces", "num"], ["Order no.", ""], ["Cust. style", ""], ["Description", ""], ["Volume", "num"], ["Weight", "num"]];
    if (matched) heads.push(["Order", ""]);
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": `Lines of bill ${bill.number?.text || ""}` },
      h("table", { class: "lines" }, h("caption", { class: "unseen" }, `Lines of bill ${bill.number?.text || "without number"}`),
        h("thead", {}, h("tr", {}, heads.map(([t, c]) => t ? h("th", { scope: "col", class: c }, t) : h("td", {})))), body),
      more);
  }
}

// A total is proved, differs, or was not compared, since it is not printed or not readable.
const outcomes = { proved: ["ok", "adds up"], differs: ["bad", "does not add up"], not_printed: ["", "not printed, not compared"], unread: ["", "not readable, not compared"] };

function outcome(check) {
  const [kind, words] = outcomes[check.state];
  const rounding = check.state === "proved" && check.difference && `≈ rounding, ${exact(Math.abs(check.difference))} ${check.unit}`;
  return h("span", { class: `outcome ${kind}` }, kind ? icon(kind) : h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "unseen" }, words),
    rounding && h("small", { title: "Half the last printed digit of each line is allowed for." }, ` ${rounding}`));
}

const signed = (field, n) => (n > 0 ? "+" : "−") + figure(field, Math.abs(n));

const number = (field, v) => (v ? (v.number === null ? v.text : figure(field, v.number)) : "");

export function pageName(sheet, place) {
  return sheet.files.length > 1 ? `${sheet.files[place.file].name}, page ${count(place.page)}` : `Page ${count(place.page)}`;
}

function pages(sheet, bill) {
  const numbers = bill.pages.map((p) => p.page);
  const first = Math.min(...numbers), last = Math.max(...numbers);
  const text = numbers.length === 1 ? count(first) : last - first === numbers.length - 1 ? `${count(first)}–${count(last)}` : numbers.map(count).join(", ");
  return sheet.files.length > 1 ? `${bill.pages[0].file + 1}: ${text}` : text;
}

