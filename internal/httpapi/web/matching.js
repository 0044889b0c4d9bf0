// @ts-check
// The match of lines and order rows: near misses side by side, lines and order rows
// without partner, and the pairs.

import { $, h, button, heading, icon, kept, named, num, pieces, say, table, td } from "./dom.js";
import { amendmentsOf, same as sameKey, who } from "./amend.js";
import { count } from "./format.js";
import { pageName, rowName } from "./bills.js";
import { column, lineTarget } from "./issues.js";
import { t, tn } from "./words.js";

const likely = 4; // a likeness from which a line and an order row have the bill or the style in common

const plain = (text) => Number(text.replaceAll(",", "").trim());
const bare = (text) => text.replaceAll(",", "").trim().toLowerCase();
const same = (a, b) => bare(a) === bare(b);
const written = (text) => (text.trim() !== "" && Number.isInteger(plain(text)) ? count(plain(text)) : text || "–");

export class MatchingView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    this.amend = amendmentsOf(views.session);
    Object.assign(this, { current: "", hand: false }, kept("matching"));
    /** @type {{line: any, order: any}} what is chosen to be paired by hand */
    this.chosen = { line: null, order: null };
    /** @type {"" | "line" | "order"} which of the two was chosen first: the other list is sorted by it */
    this.first = "";
  }

  clear() {
    this.root.replaceChildren();
    this.stale = true;
    this.current = "";
    this.hand = false;
  }

  render(sheet) {
    const held = this.root.contains(document.activeElement) ? document.activeElement?.id : "";
    this.sheet = sheet;
    this.chosen = { line: null, order: null };
    this.first = "";
    if (!sheet.match) {
      this.current = "";
      this.root.replaceChildren(h("div", { class: "empty" }, h("h2", {}, t("No orders yet")),
        h("p", {}, t("Add the order export in step 2. Each carton line is then joined with the order row of " +
          "the same bill, style, cartons and pieces. Lines and order rows without a partner are listed here."))));
      return;
    }
    const m = sheet.match;
    this.groups = [
      ["near", t("Near misses"), m.near_misses.length, "warn",
        t("Same bill and style, other quantities. Nothing of these is filled into the sheet.")],
      ["lines", t("Lines without order"), m.unmatched_lines.length, "bad",
        t("These lines are in the sheet without ship-to and dates.")],
      ["orders", t("Orders without line"), m.unmatched_orders.length, "warn",
        t("These order rows are in no bill of the document.")],
      ["matched", t("Matched"), m.matched, "ok",
        t("Line and order row agree in bill, style, cartons and pieces, or somebody paired them.")],
    ];
    // A near miss is a line and an order row, which are in their own lists, too.
    const parts = { lines: this.nearOf("line").size, orders: this.nearOf("order").size };
    if (!this.current) this.current = this.groups.find(([, , n]) => n > 0)?.[0] || "matched";
    this.body = h("div", { class: "group" });
    const radios = this.groups.map(([id, name, n, kind]) => {
      const choose = () => {
        this.current = id;
        this.hand = false;
        this.fill();
      };
      return h("label", { class: `tile ${n ? kind : "zero"}` },
        h("input", { type: "radio", name: "matching", value: id, checked: id === this.current, onchange: choose }),
        h("span", { class: "figure" }, count(n)), h("span", { class: "name" }, name, parts[id] > 0 &&
          h("small", {}, ` ${tn("({n} a near miss)", "({n} near misses)", parts[id])}`)));
    });
    const legend = h("legend", { class: "unseen" }, t("What to list"));
    this.root.replaceChildren(h("fieldset", { class: "tiles" }, legend, radios), this.body);
    this.learn();
    this.fill();
    if (held) ($(held) || this.body.querySelector("button"))?.focus({ preventScroll: true });
  }

  // What people paired and took apart, and what is known of the order rows of each bill.
  learn() {
    const { sheet } = this;
    /** @type {Map<string, any>} the last amendment of each line's pair */
    this.paired = new Map();
    for (const a of this.amend.list) {
      if ((a.kind === "pair" || a.kind === "unpair") && a.state !== "lost") this.paired.set(sameKey(a.line), a);
    }
    this.ordered = new Set(sheet.match.unmatched_orders.map((o) => bare(o.bill)));
    for (const row of sheet.rows) {
      if (row.order_row !== null) this.ordered.add(bare(sheet.bills[row.bill].number?.text || ""));
    }
  }

  // The name of the line of a row of the sheet, in amendments.
  key(row) {
    const { bill, line } = this.sheet.rows[row];
    return this.amend.keys.line(bill, line);
  }

  // Who paired or took apart the line of a row; undefined for nobody.
  handled(row) { return this.paired.get(sameKey(this.key(row))); }

  fill() {
    kept("matching", { current: this.current, hand: this.hand });
    if (this.hand) return this.body.replaceChildren(...this.byHand());
    const [, name, n, , about] = this.groups.find(([id]) => id === this.current);
    const head = [h("h2", {}, name), h("p", { class: "hint" }, about)];
    if (!n) return this.body.replaceChildren(...head, h("p", { class: "allwell" }, icon("ok"), t("There are none.")));
    this.body.replaceChildren(...head, this[this.current]()); // near, lines, orders or matched
  }

  table(name, heads, items, row, className = "") {
    const body = h("tbody");
    // On a phone the rows are blocks, in which each figure has its name.
    const make = (x) => (className ? row(x) : named(row(x), heads[0]));
    const more = pieces(body, items, make);
    return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": name },
      table(`list cards acts ${className}`.trim(), name, heads, body), more);
  }

  look(ref) {
    const row = this.sheet.rows[ref.row];
    const page = pageName(this.sheet, ref);
    return button({
      class: "link", "aria-label": t("Bill {bill}, style {style}: show it on {page}", { ...ref, page }),
      onclick: () => this.views.inspect(lineTarget(this.sheet, row.bill, row.line)),
    }, page);
  }

  near() {
    const tall = (text) => h("th", { scope: "col", rowSpan: 2 }, text || h("span", { class: "unseen" }, t("Accept")));
    const wide = (text) => h("th", { scope: "colgroup", colSpan: 2, class: "pair" }, text);
    const head = [
      h("tr", {}, tall(t("Bill")), tall(t("Style")), wide(t("Cartons")), wide(t("Pieces")), tall(t("On the bill")),
        tall(t("In the orders")), tall(t("Ship to")), tall(t("Likely cause")), tall("")),
      heads([right(t("Bill")), right(t("Order")), right(t("Bill")), right(t("Order"))]),
    ];
    const cell = (name, className, ...content) => h("td", { class: className, "data-name": name }, content);
    const pair = (what, a, b) => {
      const off = plain(b) - plain(a), differs = !same(a, b);
      const by = differs && Number.isFinite(off) && h("small", {}, ` ${off > 0 ? "+" : "−"}${count(Math.abs(off))}`);
      const className = differs ? "num differs" : "num";
      return [cell(t("{what}, bill", { what }), className, written(a)), cell(t("order"), className, written(b), by)];
    };
    return this.table(t("Near misses"), head, this.sheet.match.near_misses, (miss) => {
      const { line, order } = miss;
      const accept = () => this.pair(line, order);
      return h("tr", {},
        rowHeading(line.bill), td(line.style), pair(t("Cartons"), line.cartons, order.cartons),
        pair(t("Pieces"), line.pieces, order.pieces), td(this.look(line)), td(rowName(order.number, order.export)),
        td(order.ship_to), h("td", { class: "why" }, this.whyNear(line, order)), td(button({
          class: "small", id: `accept-${line.row}`, onclick: accept,
          "aria-label": t("Accept: bill {bill}, style {style} belongs to order row {row}",
            { bill: line.bill, style: line.style, row: order.number }),
        }, icon("ok"), t("Accept"))));
    }, "near");
  }

  // The likely cause of a near miss.
  whyNear(line, order) {
    const row = this.sheet.rows[line.row];
    const { outcome } = this.sheet.bills[row.bill].verdict;
    if (outcome === "reconciled" && same(line.pieces, order.pieces)) {
      return t("The bill adds up, and the pieces agree: they were probably packed in other cartons.");
    }
    if (outcome === "reconciled") return t("The bill adds up: the order was probably shipped in part.");
    if (outcome === "mismatched") return t("The bill does not add up: a figure may be misread.");
    return t("The bill prints no totals that would prove its figures.");
  }

  /** Pairs a line with an order row. */
  pair(line, order) {
    const text = t("Bill {bill}, style {style} is paired with order row {row}.",
      { bill: line.bill, style: line.style, row: order.number });
    const key = {
      bill: order.bill, style: order.style, cartons: order.cartons, pieces: order.pieces,
      ...(order.nth > 1 ? { nth: order.nth } : {}),
    };
    const before = this.handled(line.row);
    return this.amend.send([{ kind: "pair", line: this.key(line.row), order: key }], before ? [before.id] : [], text);
  }

  // Takes a line and its order row apart, or undoes what somebody paired.
  unpair(row, ref) {
    const before = this.handled(row);
    const text = t("Bill {bill}, style {style} was taken apart from its order row.",
      { bill: ref.bill, style: ref.style });
    if (before?.kind === "pair") return this.amend.undo([before.id], text);
    return this.amend.send([{ kind: "unpair", line: this.key(row) }], [], text);
  }

  // Begins to pair a line or an order row by hand.
  begin(chosen) {
    this.chosen = { line: null, order: null, ...chosen };
    this.first = this.chosen.line ? "line" : "order";
    this.hand = true;
    this.fill();
    const on = /** @type {HTMLElement | null} */ (this.body.querySelector("[aria-pressed=true]"));
    if (on?.parentElement) on.parentElement.scrollTop = on.offsetTop - 40;
    const list = this.chosen.line ? "orders" : "lines";
    /** @type {HTMLElement | null} */ (this.body.querySelector(`.${list} .item`))?.focus();
  }

  // The lines or the order rows without partner.
  loose(kind) { return this.sheet.match[kind === "line" ? "unmatched_lines" : "unmatched_orders"]; }

  // How much an order row is like a line: the higher, the likelier they belong together.
  likeness(line, order) {
    const parts = [[8, line.bill, order.bill], [4, line.style, order.style], [2, line.pieces, order.pieces],
      [1, line.cartons, order.cartons]];
    return parts.reduce((sum, [n, a, b]) => sum + (same(a, b) ? n : 0), 0);
  }

  // Lines and order rows side by side. One of each is chosen, or one is dragged onto the other.
  byHand() {
    const { chosen, first } = this;
    const back = () => {
      this.hand = false;
      this.fill();
      this.root.querySelector("input:checked")?.focus();
    };
    const join = button({
      class: "primary", id: "hand-pair", disabled: !chosen.line || !chosen.order,
      onclick: () => this.pair(chosen.line, chosen.order),
    }, t("Pair them"));
    const says = h("p", { class: "hint", role: "status" }, this.compared());
    const likeness = { line: (l) => this.likeness(l, chosen.order), order: (o) => this.likeness(chosen.line, o) };
    const items = (kind, name) => {
      const list = this.loose(kind), by = first && first !== kind && chosen[first] ? likeness[kind] : null;
      const body = h("div", { class: `items ${kind}s`, role: "group", "aria-label": name });
      const sorted = by ? [...list].sort((a, b) => by(b) - by(a)) : list;
      const more = pieces(body, sorted, (x) => this.item(kind, x), 100);
      const none = by && list.length && !list.some((x) => by(x) >= likely);
      return h("section", {}, h("h3", {}, `${name} (${count(list.length)})`),
        none && h("p", { class: "hint" }, t("Nothing similar: all are of other bills and other styles.")), body, more,
        !list.length && h("p", { class: "hint" }, t("There are none.")));
    };
    return [
      h("div", { class: "tools handhead" }, h("h2", {}, t("Pair by hand")), says,
        h("div", { class: "buttons" }, join, button({ id: "hand-back", onclick: back }, t("Back to the list")))),
      h("p", { class: "hint" }, matchMedia("(pointer: coarse)").matches
        ? t("Choose a line and its order row. The likeliest come first.")
        : t("Choose a line and its order row, or drag one onto the other. The likeliest come first.")),
      h("div", { class: "byhand" },
        items("line", t("Lines without order")), items("order", t("Orders without line"))),
    ];
  }

  // Says what differs between the line and the order row that are chosen.
  compared() {
    const { line, order } = this.chosen;
    if (line && !order) return t("Now choose its order row.");
    if (!line) return order ? t("Now choose its line.") : "";
    const parts = [[t("Bill"), "bill"], [t("Style"), "style"], [t("Cartons"), "cartons"], [t("Pieces"), "pieces"]]
      .filter(([, k]) => !same(line[k], order[k])).map(([name,
        k]) => `${name} ${written(line[k])} ≠ ${written(order[k])}`);
    return parts.length ? t("They differ: {what}.", { what: parts.join(", ") }) : t("All four values are the same.");
  }

  item(kind, x) {
    const other = this.chosen[kind === "line" ? "order" : "line"];
    const on = this.chosen[kind] === x;
    const part = (name, text) => h("span", { class: other && !same(text, other[name]) ? "differs" : "" },
      written(text));
    const choose = () => {
      this.chosen = { ...this.chosen, [kind]: on ? null : x };
      if (!this.chosen[this.first]) this.first = on ? "" : kind;
      if (!this.first) this.first = this.chosen.line ? "line" : this.chosen.order ? "order" : "";
      // The list of what was chosen stays where it is.
      const list = () => this.body.querySelector(`.${kind}s`);
      const { scrollTop } = list();
      this.fill();
      list().scrollTop = scrollTop;
      const { line, order } = this.chosen;
      const next = line && order ? "#hand-pair" : line ? ".orders .item" : order ? ".lines .item" : ".item";
      const to = /** @type {HTMLElement | null} */ (this.body.querySelector(next));
      to?.focus({ preventScroll: next === "#hand-pair" });
      say(this.compared());
    };
    const drop = (e) => {
      const [from, i] = (e.dataTransfer?.getData("text/plain") || "").split(" ");
      if (from === kind || !["line", "order"].includes(from)) return;
      e.preventDefault();
      const one = this.loose(from)[Number(i)];
      if (one) this.pair(from === "line" ? one : x, from === "line" ? x : one);
    };
    const drag = (e) => {
      e.dataTransfer.setData("text/plain", `${kind} ${this.loose(kind).indexOf(x)}`);
      e.dataTransfer.effectAllowed = "link";
    };
    const where = kind === "line" ? pageName(this.sheet, x)
      : `${rowName(x.number, x.export)}${x.ship_to ? `, ${x.ship_to}` : ""}`;
    return button({
      class: "item", draggable: true, "aria-pressed": String(on), onclick: choose, ondragstart: drag,
      ondragover: (e) => e.preventDefault(), ondrop: drop,
    }, h("strong", {}, part("bill", x.bill), " ", part("style", x.style)),
    h("span", {}, `${t("Cartons")} `, part("cartons", x.cartons), ` · ${t("Pieces")} `, part("pieces", x.pieces)),
    h("small", {}, where));
  }

  // The rows of the sheet, or of the order export, that are in near misses.
  nearOf(kind) {
    return new Set(this.sheet.match.near_misses.map((m) => (kind === "line" ? m.line.row : m.order.number)));
  }

  lines() {
    const near = this.nearOf("line");
    const wrong = this.sheet.match.state === "wrong_orders";
    const why = (l) => {
      const a = this.handled(l.row);
      if (a?.kind === "unpair") return t("Taken apart: {who}", { who: who(a) || t("by hand") });
      if (near.has(l.row)) return t("Near miss: an order has other quantities");
      if (this.ordered.has(bare(l.bill))) return t("No order row of this bill and style is left");
      return wrong ? t("The orders are probably those of another shipment")
        : t("The order export has no row of this bill");
    };
    const head = [heads([t("Bill"), t("Style"), right(t("Cartons")), right(t("Pieces")), t("On the bill"), t("Why"),
      ""])];
    return this.table(t("Lines without order"), head, this.sheet.match.unmatched_lines, (l) => {
      const a = this.handled(l.row);
      return h("tr", {},
        rowHeading(l.bill), td(l.style), num(written(l.cartons)), num(written(l.pieces)), td(this.look(l)),
        h("td", { class: "why" }, why(l)), td(a?.kind === "unpair"
          ? button({ class: "small", onclick: () => this.amend.undo([a.id]) }, t("Undo"))
          : this.pairing({ line: l }, t("Pair bill {bill}, style {style}", l))));
    });
  }

  pairing(chosen, name) {
    return button({ class: "small", "aria-label": name, onclick: () => this.begin(chosen) }, t("Pair …"));
  }

  orders() {
    const near = this.nearOf("order");
    const wrong = this.sheet.match.state === "wrong_orders";
    const bills = new Map(this.sheet.bills.map((b, i) => [bare(b.number?.text || ""), i]));
    const problem = (kind, bill) => this.sheet.problems.find((p) => p.kind === kind && bare(p.bill) === bill);
    // The likely cause, and the place that shows it.
    const why = (o) => {
      if (near.has(o.number)) return [t("Near miss: the bill has other quantities")];
      const bill = bare(o.bill);
      const page = problem("missing_page", bill), row = problem("unread_row", bill);
      if (page) return [t("A page of the bill is missing; the line may be on it: {what}", { what: page.message })];
      if (row) return [t("A row of the bill was not read; it may be this one"), row];
      if (bills.has(bill)) return [t("No line of this style is left on the bill")];
      return [wrong ? t("The orders are probably those of another shipment") : t("The document has no such bill")];
    };
    const show = (p, o) => {
      const finding = this.views.issues.find((i) => i.code === "unread_row" && i.place && p.box &&
        i.place.page === p.page && i.place.box?.y0 === p.box.y0);
      const target = finding || { bill: bills.get(bare(o.bill)), title: t("Row not read"), text: p.text, kind: "bad",
        place: p };
      return button({ class: "link", onclick: () => this.views.inspect(target) }, t("Show it"));
    };
    const head = [heads([t("Row"), t("Bill"), t("Style"), right(t("Cartons")), right(t("Pieces")), t("Ship to"),
      t("Order no."), t("Why"), ""])];
    return this.table(t("Orders without line"), head, this.sheet.match.unmatched_orders, (o) => {
      const [text, place] = why(o);
      return h("tr", {},
        rowHeading(o.export ? rowName(o.number, o.export) : count(o.number)), td(o.bill), td(o.style),
          num(written(o.cartons)), num(written(o.pieces)),
        td(o.ship_to), td(o.order_number), h("td", { class: "why" }, text, place && " ", place ? show(place, o) : ""),
        td(this.pairing({ order: o }, t("Pair order row {number}", o))));
    });
  }

  matched() {
    const { sheet } = this;
    const at = (name) => column(sheet, name);
    const shipTo = at("Ship To Name"), order = at("Purchase Order No.");
    const rows = sheet.rows.map((row, i) => ({ row, i })).filter(({ row }) => row.order_row !== null);
    // Those that somebody paired come first.
    if (this.paired.size) {
      const first = new Set(rows.filter(({ i }) => this.handled(i)));
      rows.sort((a, b) => Number(first.has(b)) - Number(first.has(a)));
    }
    const names = [t("Bill"), t("Style"), right(t("Cartons")), right(t("Pieces")), t("On the bill"),
      t("In the orders"), t("Ship to"), t("Purchase order"), ""];
    return this.table(t("Matched"), [heads(names)], rows, ({ row, i }) => {
      const bill = sheet.bills[row.bill], line = bill.lines[row.line];
      const ref = { ...line, row: i, bill: bill.number?.text || "", style: line.style?.text || "" };
      const a = this.handled(i);
      return h("tr", {}, rowHeading(ref.bill), td(ref.style),
        num(written(line.cartons?.text || "")), num(written(line.pieces?.text || "")),
        td(this.look(ref)), td(rowName(row.order_row, row.export)), td(row.cells[shipTo] ?? ""),
          td(row.cells[order] ?? ""),
        td(a && h("small", { class: "was" }, t("paired: {who}", { who: who(a) || t("by hand") })), button({
          class: "quiet small", "aria-label": t("Unpair bill {bill}, style {style}", ref),
            onclick: () => this.unpair(i, ref),
        }, t("Unpair"))));
    });
  }
}

const rowHeading = (text) => h("th", { scope: "row" }, text);

// The heading of a column of figures.
const right = (text) => heading(text, "num");

// The headings of columns: texts or, of figures, elements; "" for what is done by hand.
const heads = (names) => h("tr", {}, names.map((n) => (typeof n === "string"
  ? heading(n || h("span", { class: "unseen" }, t("By hand"))) : n)));
