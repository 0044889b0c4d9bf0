// @ts-check
// The match of lines and order rows: near misses side by side, lines and order rows
// without partner, and the pairs.

import { h, button, heading, icon, kept, num, pieces, table, td } from "./dom.js";
import { count } from "./format.js";
import { pageName } from "./bills.js";
import { column, lineTarget } from "./issues.js";

const plain = (text) => Number(text.replaceAll(",", "").trim());
const bare = (text) => text.replaceAll(",", "").trim().toLowerCase();
const same = (a, b) => bare(a) === bare(b);
const written = (text) => (text.trim() !== "" && Number.isInteger(plain(text)) ? count(plain(text)) : text || "–");

export class MatchingView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    Object.assign(this, { current: "" }, kept("matching"));
  }

  clear() {
    this.root.replaceChildren();
    this.stale = true;
    this.current = "";
  }

  render(sheet) {
    this.sheet = sheet;
    if (!sheet.match) {
      this.current = "";
      this.root.replaceChildren(h("div", { class: "empty" }, h("h2", {}, "No orders yet"),
        h("p", {}, "Add the order export in step 2. Each carton line is then joined with the order row of the same " +
          "bill, style, cartons and pieces. Lines and order rows without a partner are listed here.")));
      return;
    }
    const m = sheet.match;
    this.groups = [
      ["near", "Near misses", m.near_misses.length, "warn",
        "Same bill and style, other quantities. Nothing of these is filled into the sheet."],
      ["lines", "Lines without order", m.unmatched_lines.length, "bad",
        "These lines are in the sheet without ship-to and dates."],
      ["orders", "Orders without line", m.unmatched_orders.length, "warn",
        "These order rows are in no bill of the document."],
      ["matched", "Matched", m.matched, "ok",
        "Line and order row agree in bill, style, cartons and pieces."],
    ];
    if (!this.current) this.current = this.groups.find(([, , n]) => n > 0)?.[0] || "matched";
    this.body = h("div", { class: "group" });
    const radios = this.groups.map(([id, name, n, kind]) => {
      const choose = () => {
        this.current = id;
        this.fill();
      };
      return h("label", { class: `tile ${n ? kind : "zero"}` },
        h("input", { type: "radio", name: "matching", value: id, checked: id === this.current, onchange: choose }),
        h("span", { class: "figure" }, count(n)), h("span", { class: "name" }, name));
    });
    const legend = h("legend", { class: "unseen" }, "What to list");
    this.root.replaceChildren(h("fieldset", { class: "tiles" }, legend, radios), this.body);
    this.fill();
  }

  fill() {
    kept("matching", { current: this.current });
    const [, name, n, , about] = this.groups.find(([id]) => id === this.current);
    const head = [h("h2", {}, name), h("p", { class: "hint" }, about)];
    if (!n) return this.body.replaceChildren(...head, h("p", { class: "allwell" }, icon("ok"), "There are none."));
    this.body.replaceChildren(...head, this[this.current]()); // near, lines, orders or matched
  }

  table(name, heads, items, row, className = "") {
    const body = h("tbody");
    const more = pieces(body, items, row);
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name },
      table(`list ${className}`.trim(), name, heads, body), more);
  }

  look(ref) {
    const row = this.sheet.rows[ref.row];
    const page = pageName(this.sheet, ref);
    return button({
      class: "link", "aria-label": `Bill ${ref.bill}, style ${ref.style}: show it on ${page}`,
      onclick: () => this.views.inspect(lineTarget(this.sheet, row.bill, row.line)),
    }, page);
  }

  near() {
    const tall = (text) => h("th", { scope: "col", rowSpan: 2 }, text);
    const wide = (text) => h("th", { scope: "colgroup", colSpan: 2, class: "pair" }, text);
    const head = [
      h("tr", {}, tall("Bill"), tall("Style"), wide("Cartons"), wide("Pieces"), tall("On the bill"),
        tall("In the orders"), tall("Ship to")),
      heads(["Bill#", "Order#", "Bill#", "Order#"]),
    ];
    // On a phone the rows are blocks, in which each figure has its name.
    const cell = (name, className, ...content) => h("td", { class: className, "data-name": name }, content);
    const pair = (what, a, b) => {
      const off = plain(b) - plain(a), differs = !same(a, b);
      const by = differs && Number.isFinite(off) && h("small", {}, ` ${off > 0 ? "+" : "−"}${count(Math.abs(off))}`);
      const className = differs ? "num differs" : "num";
      return [cell(`${what}, bill`, className, written(a)), cell("order", className, written(b), by)];
    };
    return this.table("Near misses", head, this.sheet.match.near_misses, ({ line, order }) => h("tr", {},
      rowHeading(line.bill), td(line.style), pair("Cartons", line.cartons, order.cartons),
      pair("Pieces", line.pieces, order.pieces), td(this.look(line)), td(`Row ${count(order.number)}`),
      td(order.ship_to)), "near");
  }

  // The rows of the sheet, or of the order export, that are in near misses.
  nearOf(kind) {
    return new Set(this.sheet.match.near_misses.map((m) => (kind === "line" ? m.line.row : m.order.number)));
  }

  lines() {
    const near = this.nearOf("line");
    const why = (l) => near.has(l.row)
      ? "Near miss: an order has other quantities"
      : "No order row of this bill and style is left";
    const head = [heads(["Bill", "Style", "Cartons#", "Pieces#", "On the bill", "Why"])];
    return this.table("Lines without order", head, this.sheet.match.unmatched_lines, (l) => h("tr", {},
      rowHeading(l.bill), td(l.style), num(written(l.cartons)), num(written(l.pieces)), td(this.look(l)),
      h("td", { class: "why" }, why(l))));
  }

  orders() {
    const near = this.nearOf("order");
    const bills = new Set(this.sheet.bills.map((b) => b.number?.text.toLowerCase()));
    const pages = this.sheet.problems.filter((p) => p.kind === "missing_page");
    const lacking = new Set(pages.map((p) => p.bill.toLowerCase()));
    const why = (o) => {
      if (near.has(o.number)) return "Near miss: the bill has other quantities";
      const bill = o.bill.trim().toLowerCase();
      if (lacking.has(bill)) return "A page of the bill is missing; the line may be on it";
      if (bills.has(bill)) return "No line of this style is left on the bill";
      return "The document has no such bill";
    };
    const head = [heads(["Row", "Bill", "Style", "Cartons#", "Pieces#", "Ship to", "Order no.", "Why"])];
    return this.table("Orders without line", head, this.sheet.match.unmatched_orders, (o) => h("tr", {},
      rowHeading(count(o.number)), td(o.bill), td(o.style), num(written(o.cartons)), num(written(o.pieces)),
      td(o.ship_to), td(o.order_number), h("td", { class: "why" }, why(o))));
  }

  matched() {
    const { sheet } = this;
    const at = (name) => column(sheet, name);
    const shipTo = at("Ship To Name"), order = at("Purchase Order No.");
    const rows = sheet.rows.map((row, i) => ({ row, i })).filter(({ row }) => row.order_row !== null);
    const names = ["Bill", "Style", "Cartons#", "Pieces#", "On the bill", "In the orders", "Ship to", "Purchase order"];
    return this.table("Matched", [heads(names)], rows, ({ row, i }) => {
      const bill = sheet.bills[row.bill], line = bill.lines[row.line];
      const ref = { ...line, row: i, bill: bill.number?.text || "", style: line.style?.text || "" };
      return h("tr", {}, rowHeading(ref.bill), td(ref.style),
        num(written(line.cartons?.text || "")), num(written(line.pieces?.text || "")),
        td(this.look(ref)), td(`Row ${count(row.order_row)}`), td(row.cells[shipTo] ?? ""), td(row.cells[order] ?? ""));
    });
  }
}

const rowHeading = (text) => h("th", { scope: "row" }, text);

// The headings of columns. "#" marks those of figures.
const heads = (names) => h("tr", {}, names.map((n) => heading(n.replace("#", ""), n.endsWith("#") ? "num" : "")));
