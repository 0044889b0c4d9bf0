// @ts-check
// Every bill with its lines, its totals and a verdict. Bills to check come first.

import { h, fill, button, heading, icon, kept, named, num, pieces, sign, table, td } from "./dom.js";
import { count, exact, fields, figure, plural, capital } from "./format.js";
import { Checklist, issueButton } from "./check.js";
import { english, billOrder, lineTarget, plainly, unchecked } from "./issues.js";
import { t } from "./words.js";

const verdicts = {
  reconciled: ["ok", t("Adds up")],
  mismatched: ["bad", t("Does not add up")],
  unchecked: ["warn", t("Not checked")],
  unproved: ["warn", t("Not proved")],
};

const choices = [
  ["", t("All bills")], ["look", t("To check")], ["mismatched", t("Do not add up")], ["unchecked", t("Not checked")],
  ["unproved", t("Not proved")], ["reconciled", t("Add up")],
];

const columns = [t("Bill"), t("Consigned to"), t("Page"), t("Lines"), t("Cartons"), t("Pieces"), t("Weight lb"),
  t("Cube cu ft"), t("Verdict")];

// The figures that are added up, which are the columns from the fifth.
const summed = ["cartons", "pieces", "weight", "cube"];

const chip = (kind, text) => h("span", { class: `chip ${kind}` }, icon(kind === "ok" ? "ok" : "bad"), text);

export class BillsView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    this.checks = new Checklist(views);
    Object.assign(this, { text: "", only: "" }, kept("bills"));
  }

  clear() {
    this.root.replaceChildren();
    this.stale = true;
    this.text = this.only = "";
  }

  render(sheet, issues) {
    // An amended sheet of the same bills is shown as the last one was.
    const still = this.sheet && this.sheet.bills.length === sheet.bills.length &&
      this.sheet.bills.every((b, i) => b.pages[0]?.page === sheet.bills[i].pages[0]?.page);
    const open = /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".bill[open]"));
    this.opened = still && this.root.firstChild ? new Set([...open].map((e) => Number(e.dataset.bill))) : null;
    this.sheet = sheet;
    this.order = billOrder(sheet, issues);
    this.issues = new Map();
    for (const i of issues) if (i.bill >= 0) this.issues.set(i.bill, [...(this.issues.get(i.bill) || []), i]);
    this.list = h("div", { class: "bills" });
    this.found = h("p", { class: "found", role: "status" });
    const narrow = (how) => {
      Object.assign(this, how);
      this.fill();
    };
    const search = h("input",
      { type: "search", id: "bill-search", value: this.text, placeholder: t("Bill, consignee or style"),
        oninput: () => narrow({ text: search.value }) });
    const only = h("select", { id: "bill-only", onchange: () => narrow({ only: only.value }) },
      choices.map(([value, name]) => h("option", { value, selected: value === this.only }, name)));
    fill(this.root,
      this.lesson(sheet, issues),
      this.checks.render(sheet, issues),
      h("div", { class: "tools" },
        h("div", { class: "field" }, h("label", { for: "bill-search" }, t("Find")), search),
        h("div", { class: "field" }, h("label", { for: "bill-only" }, t("Show")), only),
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
      ? t("This is a bill of lading, but its table could not be proved: show us the columns.")
      : `${page.text.replace(/[;:] show us the columns/, "")} ${t("Show us the columns, and it is read.")}`;
    return h("section", { class: "teachme", "aria-label": t("A document that is not proved") },
      icon("bad"), h("p", {}, text, " ", h("small", {}, `${pageName(sheet, at)}.`)),
      button({ class: "primary", onclick: () => this.views.teach(at) }, t("Show the columns")));
  }

  fill() {
    kept("bills", { text: this.text, only: this.only });
    const words = this.text.trim().toLowerCase();
    const match = (i) => {
      const b = this.sheet.bills[i];
      if (this.only === "look") {
        if (!unchecked(this.issues.get(i) || []).length) return false;
      } else if (this.only && b.verdict.outcome !== this.only) return false;
      const texts = [b.number?.text, ...b.consignee.map((c) => c.text), ...b.lines.map((l) => l.style?.text)];
      return !words || texts.some((t) => t?.toLowerCase().includes(words));
    };
    const some = this.order.filter(match);
    const all = plural(this.order.length, "bill");
    this.found.textContent = some.length === this.order.length ? all
      : t("{some} of {all}", { some: some.length, all });
    const body = h("div", { class: "rows" });
    const more = pieces(body, some, (i) => this.bill(i, some.length), 100);
    fill(this.list,
      h("div", { class: "head", "aria-hidden": "true" },
        columns.map((t, i) => h("span", { class: i > 2 && i < 8 ? "num" : "" }, t))),
      body, more, some.length === 0 && h("p", { class: "none" },
        t("No bill matches. Change the search or the filter.")));
  }

  bill(i, shown) {
    const bill = this.sheet.bills[i];
    const issues = this.issues.get(i) || [];
    const bad = unchecked(issues).some((x) => x.kind === "bad");
    const { outcome } = bill.verdict;
    const accepted = bill.accepted && issues.find((x) => x.code === "not_proved")?.checked;
    const [kind, text] = bad && outcome !== "mismatched" ? ["bad", t("To check")]
      : bill.accepted ? ["ok", t("Accepted")] : verdicts[outcome];
    const { totals } = bill;
    const cell = (kind, name, text) => h("span", { class: `num ${kind}` },
      h("span", { class: "label" }, `${name} `), text);
    const toggle = () => details.open && !details.filled && this.open(details, i);
    const details = h("details", { class: "bill", ontoggle: toggle },
      h("summary", {},
        h("span", { class: "id" }, icon("right"), bill.number?.text || t("No number"),
          (bill.amended || bill.accepted) &&
          [h("i", { class: "flag flag-amended", title: t("amended") }), h("span", { class: "unseen" }, t("amended"))]),
        h("span", { class: "to" }, bill.consignee[0]?.text || "–"),
        h("span", { class: "page", title: pagesName(this.sheet, bill) },
          h("span", { class: "label" }, `${t("Page")} `), pages(this.sheet, bill)),
        cell("lines", t("Lines"), count(bill.lines.length)),
        summed.map((field, k) => cell(field, columns[4 + k], figure(field, totals[field].number))),
        h("span", { class: "verdict", title: accepted?.by ? t("Accepted by {who}", { who: accepted.by }) : "" },
          chip(kind, text))));
    if (this.opened ? this.opened.has(i) : bad && (shown <= 10 || this.order.indexOf(i) < 3)) details.open = true;
    details.dataset.bill = String(i);
    return details;
  }

  open(details, i) {
    details.filled = true;
    const bill = this.sheet.bills[i];
    const show = (title, text, place) => () => this.views.inspect({ bill: i, title, text, kind: "info", place });
    const about = [
      [t("To"), bill.consignee.slice(1).map((c) => c.text).join(", ")],
      [t("Date"), bill.date?.text], [t("Order no."), bill.order_number?.text], [t("Store"), bill.store?.text],
      [t("Shipped via"), bill.shipped_via?.text], [t("Start and cancel"), bill.internal_code?.text],
      [t("Terms"), bill.terms?.text],
      [t("Instructions"), bill.instructions.map((x) => x.text).join(" / ")],
      [t("Notes"), bill.notes.map((x) => x.text).join(" / ")],
    ];
    // The totals show mismatches and why totals were not checked.
    const issues = (this.issues.get(i) || []).filter((x) => x.code !== "mismatch" && x.code !== "unchecked");
    details.append(h("div", { class: "inside" },
      h("div", { class: "sides" }, h("div", { class: "side" },
        h("div", { class: "scroll" }, this.totals(bill, show)),
        bill.verdict.reason && h("p", { class: "hint" }, english(capital(plainly(bill.verdict.reason)))),
        bill.held && button({ class: "small accept", onclick: () => this.accept(i) }, t("Accept the bill …")),
        issues.map((x) => issueButton(this.views, x))),
        h("dl", { class: "about" },
          about.filter(([, text]) => text).map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]))),
      this.lines(i, bill)));
    if (this.views.inspector?.dialog.open) this.views.inspector.chosen();
  }

  async accept(i) {
    const { vouch } = await import("./correct.js");
    await vouch(this.views.session, i);
  }

  totals(bill, show) {
    const checks = new Map(bill.verdict.checks.map((c) => [c.field, c]));
    const rows = summed.map((field) => {
      const total = bill.totals[field];
      const check = checks.get(field);
      const { name, unit } = fields[field];
      const printed = ({ text }) => button({
        class: "link", "aria-label": t("{name} printed: {text}; show it on the page",
          { name, text: figure(field, check?.printed ?? total.number) }), // as it is seen: .81 is written 0.81
        onclick: show(t("{name} of bill {number}", { name, number: bill.number?.text || "" }),
          t("Printed: {text}", { text }), total.value),
      }, figure(field, check?.printed ?? total.number));
      const off = check?.state === "differs";
      return h("tr", { class: off ? "off" : "" },
        h("th", { scope: "row" }, name, unit && h("small", {}, ` ${unit}`)),
        num(figure(field, check ? check.sum : total.printed ? null : total.number)),
        num(total.value ? printed(total.value) : h("span", { class: "none" }, t("not printed")),
          was(bill.was?.[`total_${field}`])),
        h("td", { class: "num", title: off ? sides(check.difference) : "" },
          off ? signed(field, check.difference) : ""),
        td(check ? outcome(check) : ""));
    });
    const heads = h("tr", {},
      heading(t("Total")), heading(t("Lines"), "num"), heading(t("Printed"), "num"), heading(t("Off by"), "num"), td());
    return table("totals", t("Totals"), heads, h("tbody", {}, rows));
  }

  lines(i, bill) {
    const matched = Boolean(this.sheet.match);
    const body = h("tbody");
    // The order stands first, where a narrow table shows it.
    const heads = h("tr", {}, td(), matched && heading(t("Order")),
      lineFields.map(([, name, figure]) => heading(name, figure ? "num" : "")));
    const more = pieces(body, bill.lines, (line, j) => {
      const go = () => this.views.inspect(lineTarget(this.sheet, i, j));
      const look = sign("look", t("Show line {n} on the page", { n: j + 1 }), go);
      const order = line.order_row
        ? h("span", { class: "order" }, rowName(line.order_row, line.export))
        : h("span", { class: "order none" }, t("No order"));
      const act = (e) => e.target.closest("button") || go();
      const row = h("tr", { class: "line", "data-line": `${i}/${j}`, onclick: act },
        td(look, line.added && h("small", { class: "was" }, t("added"))), matched && td(order),
        lineFields.map(([field, , figure]) => (figure
          ? num(number(field, line[field]), was(line.was?.[field]))
            : td(line[field]?.text || "", was(line.was?.[field])))));
      return named(row, heads);
    });
    const name = t("Lines of bill {number}", { number: bill.number?.text || t("without number") });
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name },
      table("lines cards", name, heads, body), more);
  }
}

/**
 * The fields of a line: name in the view, heading, and whether it is a figure.
 * @type {[string, string, boolean?][]}
 */
const lineFields = [
  ["cartons", t("Cartons"), true], ["style", t("Style")], ["pieces", t("Pieces"), true],
    ["order_number", t("Order no.")],
  ["cust_style", t("Cust. style")], ["description", t("Description")], ["volume", t("Volume"), true],
    ["weight", t("Weight"), true],
];

// A total is proved, differs, or was not compared, since it is not printed or not readable.
const outcomes = {
  proved: ["ok", t("adds up")],
  differs: ["bad", t("does not add up")],
  not_printed: ["", t("not printed, not compared")],
  unread: ["", t("not readable, not compared")],
  unproved: ["", t("compared, which proves nothing here")],
};

function outcome(check) {
  const [kind, words] = outcomes[check.state];
  const rounding = check.state === "proved" && check.difference &&
    `≈ ${exact(Math.abs(check.difference))}`;
  return h("span", { class: `outcome ${kind}` },
    kind ? icon(kind) : h("span", { "aria-hidden": "true" }, "–"),
    h("span", { class: "unseen" }, words),
    rounding && h("small", { title: t("A sum may differ by half the last printed digit of each line.") },
      ` ${rounding}`));
}

/** The name of an order row: its number, and its export if there are several. */
export const rowName = (n, name) => (name ? t("Row {n} of {name}", { n, name }) : t("Row {n}", { n }));

// What was read where somebody corrected it.
const was = (read) => read !== undefined && h("small", { class: "was" }, t("was {read}", { read: read || t("empty") }));

/** Says on which side the bill and its lines differ. */
export const sides = (n) => (n > 0 ? t("The lines have less than the bill prints.")
  : t("The lines have more than the bill prints."));

const signed = (field, n) => (n > 0 ? "+" : "−") + figure(field, Math.abs(n));

const number = (field, v) => (v ? (v.number === null ? v.text : figure(field, v.number)) : "");

export function pageName(sheet, place) {
  const { page } = place;
  return sheet.files.length > 1 ? t("{name}, page {n}", { name: sheet.files[place.file].name, n: page })
    : t("Page {n}", { n: page });
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

