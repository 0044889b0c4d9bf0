// @ts-check
// How lines and order rows found each other: near misses side by side, what is
// left over on either side, and the pairs.

import { h, icon, pieces } from "./dom.js";
import { count } from "./format.js";
import { pageName } from "./bills.js";
import { column, lineTarget } from "./issues.js";

const plain = (text) => Number(text.replaceAll(",", "").trim());
const same = (a, b) => a.replaceAll(",", "").trim().toLowerCase() === b.replaceAll(",", "").trim().toLowerCase();
const written = (text) => (text.trim() !== "" && Number.isInteger(plain(text)) ? count(plain(text)) : text || "–");

export class MatchingView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    Object.assign(this, { current: "" });
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
        h("p", {}, "Add the order export in step 2. Each carton line is then joined with the order row of the same bill, style, cartons and pieces, and whatever finds no partner is listed here.")));
      return;
    }
    const m = sheet.match;
    this.groups = [
      ["near", "Near misses", m.near_misses.length, "warn", "Same bill and style, other quantities. Nothing of these is filled into the sheet."],
      ["lines", "Lines without order", m.unmatched_lines.length, "bad", "These lines are in the sheet without ship-to and dates."],
      ["orders", "Orders without line", m.unmatched_orders.length, "warn", "These order rows are in no bill of the document."],
      ["matched", "Matched", m.matched, "ok", "Line and order row agree in bill, style, cartons and pieces."],
    ];
    if (!this.current) this.current = this.groups.find(([, , n]) => n > 0)?.[0] || "matched";
    this.body = h("div", { class: "group" });
    const radios = this.groups.map(([id, name, n, kind]) => {
      const input = h("input", { type: "radio", name: "matching", value: id, checked: id === this.current, onchange: () => { this.current = id; this.fill(); } });
      return h("label", { class: `tile ${n ? kind : "zero"}` }, input, h("span", { class: "figure" }, count(n)), h("span", { class: "name" }, name));
    });
    this.root.replaceChildren(h("fieldset", { class: "tiles" }, h("legend", { class: "unseen" }, "What to list"), radios), this.body);
    this.fill();
  }

  fill() {
    const [, name, n, , about] = this.groups.find(([id]) => id === this.current);
    const head = [h("h2", {}, name), h("p", { class: "hint" }, about)];
    if (!n) return this.body.replaceChildren(...head, h("p", { class: "allwell" }, icon("ok"), "There are none."));
    const make = { near: () => this.near(), lines: () => this.lines(), orders: () => this.orders(), matched: () => this.matched() }[this.current];
    this.body.replaceChildren(...head, make());
  }

  table(name, heads, items, row) {
    const body = h("tbody");
    const more = pieces(body, items, row);
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name },
      h("table", { class: "list" }, h("caption", { class: "unseen" }, name), h("thead", {}, heads), body), more);
  }

  look(ref) {
    const row = this.sheet.rows[ref.row];
    return h("button", { type: "button", class: "link", "aria-label": `Bill ${ref.bill}, style ${ref.style}: show it on ${pageName(this.sheet, ref)}`, onclick: () => this.views.inspect(lineTarget(this.sheet, row.bill, row.line)) }, pageName(this.sheet, ref));
  }

  near() {
    const head = [
      h("tr", {}, h("th", { scope: "col", rowSpan: 2 }, "Bill"), h("th", { scope: "col", rowSpan: 2 }, "Style"), h("th", { scope: "colgroup", colSpan: 2, class: "pair" }, "Cartons"), h("th", { scope: "colgroup", colSpan: 2, class: "pair" }, "Pieces"), h("th", { scope: "col", rowSpan: 2 }, "On the bill"), h("th", { scope: "col", rowSpan: 2 }, "In the orders"), h("th", { scope: "col", rowSpan: 2 }, "Ship to")),
      h("tr", {}, ["Bill", "Order", "Bill", "Order"].map((t) => h("th", { scope: "col", class: "num" }, t))),
    ];
    const pair = (a, b) => {
      if (same(a, b)) return [h("td", { class: "num" }, written(a)), h("td", { class: "num" }, written(b))];
      const off = plain(b) - plain(a);
      return [h("td", { class: "num differs" }, written(a)), h("td", { class: "num differs" }, written(b), Number.isFinite(off) && h("small", {}, ` ${off > 0 ? "+" : "−"}${count(Math.abs(off))}`))];
    };
    return this.table("Near misses", head, this.sheet.match.near_misses, ({ line, order }) => h("tr", {},
      h("th", { scope: "row" }, line.bill), h("td", {}, line.style), pair(line.cartons, order.cartons), pair(line.pieces, order.pieces),
      h("td", {}, this.look(line)), h("td", {}, `Row ${count(order.number)}`), h("td", {}, order.ship_to)));
  }

  nearOf(kind) { return new Set(this.sheet.match.near_misses.map((m) => (kind === "line" ? m.line.row : m.order.number))); }

  lines() {
    const near = this.nearOf("line");
    return this.table("Lines without order", [heads(["Bill", "Style", "Cartons#", "Pieces#", "On the bill", "Why"])], this.sheet.match.unmatched_lines, (l) => h("tr", {},
      h("th", { scope: "row" }, l.bill), h("td", {}, l.style), h("td", { class: "num" }, written(l.cartons)), h("td", { class: "num" }, written(l.pieces)), h("td", {}, this.look(l)),
      h("td", { class: "why" }, near.has(l.row) ? "Near miss: an order has other quantities" : "No order row of this bill and style is left")));
  }

  orders() {
    const near = this.nearOf("order");
    const bills = new Set(this.sheet.bills.map((b) => b.number?.text.toLowerCase()));
    return this.table("Orders without line", [heads(["Row", "Bill", "Style", "Cartons#", "Pieces#", "Ship to", "Order no.", "Why"])], this.sheet.match.unmatched_orders, (o) => h("tr", {},
      h("th", { scope: "row" }, count(o.number)), h("td", {}, o.bill), h("td", {}, o.style), h("td", { class: "num" }, written(o.cartons)), h("td", { class: "num" }, written(o.pieces)), h("td", {}, o.ship_to), h("td", {}, o.order_number),
      h("td", { class: "why" }, near.has(o.number) ? "Near miss: the bill has other quantities" : bills.has(o.bill.trim().toLowerCase()) ? "No line of this style is left on the bill" : "The document has no such bill")));
  }

  matched() {
    const { sheet } = this;
    const at = (name) => column(sheet, name);
    const shipTo = at("Ship To Name"), order = at("Purchase Order No.");
    const rows = sheet.rows.map((row, i) => ({ row, i })).filter(({ row }) => row.order_row !== null);
    return this.table("Matched", [heads(["Bill", "Style", "Cartons#", "Pieces#", "On the bill", "In the orders", "Ship to", "Purchase order"])], rows, ({ row, i }) => {
      const bill = sheet.bills[row.bill], line = bill.lines[row.line];
      const ref = { row: i, bill: bill.number?.text || "", style: line.style?.text || "", file: line.file, page: line.page };
      return h("tr", {}, h("th", { scope: "row" }, ref.bill), h("td", {}, ref.style), h("td", { class: "num" }, written(line.cartons?.text || "")), h("td", { class: "num" }, written(line.pieces?.text || "")),
        h("td", {}, this.look(ref)), h("td", {}, `Row ${count(row.order_row)}`), h("td", {}, row.cells[shipTo] ?? ""), h("td", {}, row.cells[order] ?? ""));
    });
  }
}

const heads = (names) => h("tr", {}, names.map((n) => h("th", { scope: "col", class: n.endsWith("#") ? "num" : "" }, n.replace("#", ""))));
