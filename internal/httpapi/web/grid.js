// @ts-check
// The sheet as a table of any length. Only the rows in sight have elements, which
// are reused while the table is scrolled.

import { $, h, button, fill, icon, kept, parsed, remembered, say, sign } from "./dom.js";
import { amendmentsOf, fillable, same, who } from "./amend.js";
import { records, writeTabs } from "./cells.js";
import { count, dayOf, decimals, plural, writeDay } from "./format.js";
import { Filler } from "./fill.js";
import { column, lineTarget } from "./issues.js";
import { keep } from "./save.js";
import { words } from "./session.js";
import { t, tn } from "./words.js";

const rowHeight = 30;
const spare = 8; // rows drawn above and below those in sight

// The format of each column and its width in pixels. Columns not listed are text.
const kinds = {
  "Order Date": ["date", 116], "Start Date": ["date", 116], "Cancel Date": ["date", 116],
  "Ship To Name": ["text", 250], "Purchase Order No.": ["text", 150], "Invoice No.": ["text", 92], Style: ["text", 122],
  Cartons: [0, 84], "BOL Cube": [2, 98], "Final Cube": [0, 98], "Burlington Cube": [0, 130], Pallet: [0, 76],
  "Individual Pieces": [0, 136], "Total Pieces": [0, 108], "Individual Weight": [1, 142], "Total Weight": [1, 112],
};
const pinned = ["Invoice No.", "Style"];
// Columns whose figures are added up for the rows shown. That of a whole bill counts once.
const summed = new Set(["Cartons", "BOL Cube", "Final Cube", "Burlington Cube", "Pallet", "Individual Pieces",
  "Total Pieces", "Individual Weight", "Total Weight"]);
const ofBill = "BOL Cube";

// The marks of rows, as bits: what people did, and what they should look at.
const marks = { amended: 1, check: 2, near: 4, loose: 8 };
const markNames = { amended: t("amended"), check: t("to check"), near: t("near miss"), loose: t("no order") };

const shows = [
  ["", t("All rows")], ["loose", t("No order")], ["check", t("To check")], ["near", t("Near misses")],
  ["amended", t("Amended")],
];
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class SheetView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    this.amend = amendmentsOf(views.session);
    this.filler = new Filler(this);
    Object.assign(this, { empty: false }, whole(), kept("sheet"));
    this.chosen = chosenColumns();
    /** @type {any} The dialog that chooses columns, loaded when it is first used. */
    this.chooser = null;
    this.resized = new ResizeObserver(() => this.paint());
    // Without a selection the event does not go to the element with the focus.
    document.addEventListener("copy", (e) => this.copy(e));
    document.addEventListener("paste", (e) => this.takes(e) && this.filler.paste(e));
    views.session.addEventListener("amended", () => this.status());
    // Paper does not scroll: it gets all rows.
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  clear() {
    this.resized.disconnect();
    this.root.replaceChildren();
    Object.assign(this, whole(), { sheet: null, stale: true });
  }

  render(sheet) {
    const again = this.grid && this.sheet ? this.place() : null;
    this.sheet = sheet;
    this.profile = sheet.profile?.columns || null;
    // Columns with a constant only are not columns of the product: the rows lack them.
    for (const own of this.profile || []) {
      if (sheet.columns.includes(own.name)) continue;
      sheet.columns.push(own.name);
      for (const row of sheet.rows) row.cells.push(own.constant || null);
    }
    this.shipToColumn = column(sheet, "Ship To Name");
    this.texts = new Array(sheet.rows.length);
    this.writing = new Map();
    this.marks = marksOf(sheet, this.paired());
    const used = sheet.columns.map((_, c) => sheet.rows.some((r) => r.cells[c] !== null));
    const own = this.profile?.map((o) => column(sheet, o.name));
    this.hiddenCount = used.filter((u, c) => !u && (!own || own.includes(c))).length;
    this.used = used;
    const ships = new Map();
    for (const r of sheet.rows) {
      const name = r.cells[this.shipToColumn] ?? "";
      ships.set(name, (ships.get(name) || 0) + 1);
    }
    if (this.shipTo !== null && !ships.has(this.shipTo)) this.shipTo = null;
    if (this.sort && !sheet.columns[this.sort.column]) this.sort = null;
    if (!again) this.group = null; // it was of another sheet
    const { search, filter, only, empties } = this.controls(ships);
    this.found = h("p", { class: "found", role: "status" });
    this.chip = h("div", { class: "only", hidden: true });
    this.head = h("div", { class: "gridhead", role: "row", "aria-rowindex": "1" });
    this.body = h("div", { class: "gridbody", role: "rowgroup" });
    this.foot = h("div", { class: "gridfoot", "aria-hidden": "true" });
    this.sums = h("p", { class: "unseen", id: "grid-sums" });
    this.info = h("p", { class: "gridinfo" });
    this.grid = h("div", {
      class: "grid", id: "sheet-grid", role: "grid", tabIndex: 0, "aria-label": t("Load sheet"),
      "aria-describedby": "grid-help grid-sums", "aria-multiselectable": "true",
      onscroll: () => this.schedule(), onfocus: () => this.mark(), onkeydown: (e) => this.key(e),
      onclick: (e) => this.click(e), ondblclick: (e) => this.doubled(e), onpointerdown: (e) => this.press(e),
    }, h("div", { role: "rowgroup", class: "headgroup" }, this.head), this.body, this.foot);
    fill(this.root,
      h("div", { class: "tools" },
        h("div", { class: "field" }, h("label", { for: "sheet-search" }, t("Find")), search),
        h("div", { class: "field" }, h("label", { for: "sheet-ship" }, t("Ship to")), filter),
        h("div", { class: "field" }, h("label", { for: "sheet-only" }, t("Show")), only),
        this.hiddenCount > 0 && h("label", { class: "check" }, empties,
          " ", tn("Show {n} empty column", "Show {n} empty columns", this.hiddenCount)),
        this.chip, this.found),
      h("div", { class: "tools second" }, this.filler.bar(),
        h("div", { class: "buttons" },
          button({ class: "small", id: "sheet-columns", onclick: () => this.choose() }, t("Columns")),
          button({ class: "small", id: "sheet-part", onclick: () => this.download() }, icon("save"),
            t("CSV of these rows")))),
      this.trouble = h("div", { class: "trouble" }),
      this.nothing = h("div", { class: "empty", hidden: true }), this.grid, this.info, this.sums,
      h("p", { class: "hint signs" }, Object.entries(markNames).map(([kind, name]) =>
        h("span", {}, h("i", { class: `flag flag-${kind}` }), name))),
      h("p", { class: "hint", id: "grid-help" },
        t("Click a heading to sort. Arrow keys move the selection, with Shift " +
        "they extend it. In a column without a source type a value, or paste cells from Excel; Ctrl D fills down, " +
        "Ctrl Z undoes. Enter, a double click or a click on the row number shows the line on its page.")));
    this.columns();
    this.resized.disconnect();
    this.resized.observe(this.grid);
    if (again) this.return(again);
  }

  // Where the person is in the sheet: what another sheet of the same bills goes on with.
  place() {
    const { grid, rows, active, anchor } = this;
    const held = this.root.contains(document.activeElement) ? document.activeElement?.id : "";
    const at = (p) => ({ ...p, of: this.sheet.rows[rows[p.row]] });
    const typing = this.filler.stop();
    return { top: grid.scrollTop, left: grid.scrollLeft, held, active: at(active), anchor: at(anchor), typing };
  }

  return({ top, left, held, active, anchor, typing }) {
    const find = ({ row, col, of }) => {
      const i = of ? this.rows.findIndex((r) => {
        const { bill, line } = this.sheet.rows[r];
        return bill === of.bill && line === of.line;
      }) : row;
      return { row: Math.min(i < 0 ? row : i, this.rows.length - 1), col: Math.min(col, this.shown.length - 1) };
    };
    this.active = find(active);
    this.anchor = find(anchor);
    this.grid.scrollTop = top;
    this.grid.scrollLeft = left;
    if (held && !typing) $(held)?.focus({ preventScroll: true });
    this.paint();
    if (typing) this.filler.edit(typing);
  }

  /** Makes the controls that search and filter. Ships are the ship-tos, with their numbers of rows. */
  controls(ships) {
    const narrow = (how) => {
      Object.assign(this, how);
      this.select();
    };
    const search = h("input", {
      type: "search", id: "sheet-search", value: this.text, placeholder: t("Any cell"),
      oninput: () => narrow({ text: search.value }),
    });
    const n = (kind) => this.marks.reduce((sum, m) => sum + Number((m & marks[kind]) > 0), 0);
    const show = ([value, name]) =>
      h("option", { value, selected: value === this.only }, value ? `${name} (${count(n(value))})` : name);
    const only = h("select", { id: "sheet-only", onchange: () => narrow({ only: only.value }) }, shows.map(show));
    const names = [...ships.keys()].sort((a, b) => Number(a === "") - Number(b === "") || collator.compare(a, b));
    const choose = () => narrow({ shipTo: filter.selectedIndex === 0 ? null : names[filter.selectedIndex - 1] });
    const option = (n) => h("option", { selected: n === this.shipTo }, `${n || t("None")} (${count(ships.get(n))})`);
    const filter = h("select", { id: "sheet-ship", onchange: choose },
      h("option", { selected: this.shipTo === null }, t("All")), names.map(option));
    const spread = () => {
      this.empty = empties.checked;
      this.columns();
    };
    const empties = h("input", { type: "checkbox", id: "sheet-empty", checked: this.empty, onchange: spread });
    return { search, filter, only, empties };
  }

  /** Shows some rows only: {name, has}, of which has says whether a row is one of them; null for all. */
  filter(group) {
    this.group = group;
    this.text = "";
    this.shipTo = null;
    this.only = "";
    $("sheet-search").value = "";
    $("sheet-ship").selectedIndex = $("sheet-only").selectedIndex = 0;
    this.select();
    this.grid.scrollTop = 0;
  }

  // Chooses the columns: first the bill and the style, which stay in sight, then the
  // others in the order of the file, or in the order that the person or the profile chose.
  columns() {
    const { sheet } = this;
    const first = pinned.map((n) => column(sheet, n));
    const others = this.listed().filter(({ c, on }) => on && !first.includes(c)).map(({ c }) => c);
    this.shown = [-1, ...first, ...others];
    const widths = this.shown.map((c) => (c < 0 ? this.numbers() : this.width(c)));
    const total = widths.reduce((a, b) => a + b, 0);
    let right = 0;
    this.rights = widths.map((w) => (right += w));
    this.grid.style.setProperty("--columns", widths.map((w) => `${w}px`).join(" "));
    this.grid.style.setProperty("--width", `${total}px`);
    this.grid.style.setProperty("--second", `${widths[0]}px`);
    this.grid.style.setProperty("--third", `${widths[0] + widths[1]}px`);
    this.grid.setAttribute("aria-colcount", this.shown.length);
    this.pool = [];
    this.body.replaceChildren();
    this.active.col = Math.min(this.active.col, this.shown.length - 1);
    this.select();
  }

  // The width of the numbers of rows and their marks, which have a place each.
  numbers() {
    const digits = String(this.sheet.rows.length).length;
    return Math.max(58, 24 + 8 * digits + (this.marks.some(Boolean) ? 41 : 0));
  }

  // The width of a column. Its sum is never cut, nor what stays in sight.
  width(c) {
    const { columns, rows } = this.sheet, name = columns[c];
    const least = kinds[name]?.[1] ?? Math.max(96, name.length * 8 + 24);
    let longest = "";
    if (summed.has(name)) {
      const sum = rows.reduce((all, r) => all + (typeof r.cells[c] === "number" ? r.cells[c] : 0), 0);
      longest = this.format(this.kind(c), sum);
    } else if (pinned.includes(name)) {
      for (const { cells } of rows) if (String(cells[c] ?? "").length > longest.length) longest = String(cells[c]);
    } else return least;
    const ruler = h("canvas").getContext("2d");
    ruler.font = `650 14px ${getComputedStyle(this.root).fontFamily}`;
    return Math.min(300, Math.max(least, Math.ceil(ruler.measureText(longest).width) + 24));
  }

  // The rows of lines that somebody paired by hand.
  paired() {
    const pairs = this.amend.list.filter((a) => a.kind === "pair" && a.state !== "lost").map((a) => same(a.line));
    if (!pairs.length) return new Set();
    const names = new Set(pairs);
    return new Set(this.sheet.rows.flatMap((row, i) =>
      (names.has(same(this.amend.keys.line(row.bill, row.line))) ? [i] : [])));
  }

  // All columns in their order, each with whether it is shown.
  listed() {
    const { sheet, chosen } = this;
    const file = this.profile ? this.profile.map((own) => column(sheet, own.name)) : sheet.columns.map((_, c) => c);
    const order = (c) => {
      const at = chosen ? chosen.findIndex(({ name }) => name === sheet.columns[c]) : -1;
      return at < 0 ? 1000 + c : at;
    };
    const of = (c) => chosen?.find(({ name }) => name === sheet.columns[c]);
    const all = file.map((c) => ({ c, on: of(c) ? of(c).on : this.empty || this.used[c] }));
    return chosen ? all.sort((a, b) => order(a.c) - order(b.c)) : all;
  }

  /** Has somebody choose columns. */
  async choose() {
    const { ColumnChooser } = await import("./columns.js");
    this.chooser ||= new ColumnChooser(this.views.session);
    const list = this.listed().map(({ c, on }) => (
      { name: this.sheet.columns[c], heading: this.heading(c), on, fixed: pinned.includes(this.sheet.columns[c]) }));
    const chosen = await this.chooser.ask(list);
    if (chosen === undefined) return;
    this.chosen = chosen;
    chosenColumns(chosen);
    this.columns();
  }

  // The heading of a column, which the profile may choose.
  heading(c) {
    const name = this.sheet.columns[c];
    return this.profile?.find((own) => own.name === name)?.heading || name;
  }

  kind(c) { return c < 0 ? 0 : (kinds[this.sheet.columns[c]] || ["text"])[0]; }

  // The class of the cells of the i-th column shown, which is column c of the sheet.
  cellClass(c, i) {
    const open = fillable.has(this.sheet.columns[c]) ? " open" : "";
    return `cell${typeof this.kind(c) === "number" ? " num" : ""}${i < 3 ? ` pin pin${i}` : ""}${open}`;
  }

  heads() {
    this.head.replaceChildren(...this.shown.map((c, i) => {
      const sorted = this.sort?.column === c ? this.sort.down ? "descending" : "ascending" : "none";
      const name = c < 0 ? "#" : this.heading(c);
      return h("div", {
        class: this.cellClass(c, i), role: "columnheader", id: `gh-${i}`, title: c < 0 ? t("Order of the file") : name,
        "aria-colindex": String(i + 1), "aria-sort": sorted,
      }, h("span", {}, name), sorted !== "none" && icon(sorted === "ascending" ? "up" : "down"));
    }));
  }

  // Which rows are shown, in which order.
  select() {
    const { sheet, text, shipTo, sort, empty, only, group } = this;
    kept("sheet", { text, shipTo, sort, empty, only });
    const words = text.trim().toLowerCase();
    let rows = [];
    this.chip.hidden = !group;
    const unfilter = () => {
      this.filter(null);
      this.grid.focus();
    };
    fill(this.chip, group && [h("span", {}, group.name), sign("cross", t("Show all lines again"), unfilter)]);
    for (let i = 0; i < sheet.rows.length; i++) {
      if (only && !(this.marks[i] & marks[only])) continue;
      if (group && !group.has(sheet.rows[i])) continue;
      if (shipTo !== null && (sheet.rows[i].cells[this.shipToColumn] ?? "") !== shipTo) continue;
      if (words && !this.searchable(i).includes(words)) continue;
      rows.push(i);
    }
    if (sort) rows = this.sorted(rows);
    this.rows = rows;
    const all = plural(sheet.rows.length, "row");
    this.found.textContent = rows.length === sheet.rows.length ? all
      : t("{some} of {all}", { some: rows.length, all });
    this.grid.setAttribute("aria-rowcount", rows.length + 1);
    this.body.style.height = `${Math.max(1, rows.length) * rowHeight}px`;
    this.active.row = Math.min(this.active.row, rows.length - 1);
    this.anchor.row = Math.min(this.anchor.row, rows.length - 1);
    for (const slot of this.pool) slot.index = -1;
    this.heads();
    this.feet();
    this.none();
    this.paint();
    this.status();
  }

  // Says that no row is left, and leads back to all.
  none() {
    const { grid, nothing, group, shipTo, only } = this;
    const empty = this.rows.length === 0 && this.sheet.rows.length > 0;
    const focused = document.activeElement === grid;
    nothing.hidden = !empty;
    $("sheet-part").disabled = this.rows.length === 0;
    grid.hidden = empty;
    if (!empty) return;
    const text = this.text.trim();
    const what = [text && `“${text}”`, group?.name, shipTo !== null && (shipTo || t("None")),
      only && shows.find(([value]) => value === only)[1]].filter(Boolean);
    const all = button({ onclick: () => {
      this.filter(null);
      $("sheet-search").focus();
    } }, t("Show all rows"));
    fill(nothing, h("p", { role: "status" }, t("No row has all of this: {what}", { what: what.join(" · ") })), all);
    if (focused) all.focus();
  }

  // The sums of the rows shown.
  feet() {
    const { sheet, rows } = this;
    const said = [];
    const cells = this.shown.map((c, i) => {
      const name = sheet.columns[c];
      let text = "";
      if (c < 0) text = t("Sum");
      else if (summed.has(name)) {
        const bills = name === ofBill ? new Set() : null;
        let sum = 0, some = false;
        for (const i of rows) {
          const v = sheet.rows[i].cells[c];
          if (typeof v !== "number" || bills?.has(sheet.rows[i].bill)) continue;
          bills?.add(sheet.rows[i].bill);
          some = true;
          sum += v;
        }
        if (some) text = decimals[/** @type {number} */ (this.kind(c))].format(sum);
        if (some) said.push(`${this.heading(c)} ${text}`);
      }
      return h("div", { class: this.cellClass(c, i), title: name === ofBill ? t("Each bill counts once") : "" }, text);
    });
    fill(this.foot, cells);
    this.sums.textContent = said.length
      ? t("Sums of {rows}: {what}.", { rows: plural(rows.length, "row"), what: said.join(", ") }) : "";
  }

  /** Says what the selected cells are, and whether changes are on their way. */
  status() {
    if (!this.sheet || !this.info) return;
    const { top, bottom, left, right } = this.range();
    const parts = [];
    if (this.amend.pending) parts.push(t("Saving …"));
    if (top >= 0 && (bottom > top || right > left)) {
      let n = 0, sum = 0, some = false;
      for (let r = top; r <= bottom; r++) {
        for (let j = left; j <= right; j++) {
          const v = this.shown[j] < 0 ? null : this.sheet.rows[this.rows[r]].cells[this.shown[j]];
          n++;
          if (typeof v !== "number") continue;
          some = true;
          sum += v;
        }
      }
      parts.push(plural(n, "cell"), some && t("sum {n}", { n: decimals[2].format(sum) }));
    } else if (top >= 0) {
      const c = this.shown[left], at = this.rows[top], row = this.sheet.rows[at];
      const names = Object.keys(marks).filter((k) => this.marks[at] & marks[k]).map((k) => markNames[k]);
      if (c >= 0) parts.push(this.heading(c), this.story(row, c));
      if (names.length) parts.push(`${t("Row {n}", { n: at + 1 })}: ${names.join(", ")}`);
    }
    this.info.textContent = parts.filter(Boolean).join(" · ");
    this.filler.enable();
  }

  // What was in a cell before somebody changed it, and who did.
  story(row, c) {
    const name = this.sheet.columns[c];
    if (!row.was || !(name in row.was)) return "";
    const key = same(this.amend.keys.line(row.bill, row.line));
    const mine = (a) => a.column === name && (a.line ? same(a.line) === key : true) || a.line && same(a.line) === key &&
      a.kind === "correct";
    const last = fillable.has(name) ? this.amend.list.findLast(mine) : null;
    return t("was {read}", { read: row.was[name] || t("empty") }) + (last ? `, ${who(last)}` : "");
  }

  /** The selected cells, as indices of rows and columns shown. */
  range() {
    const { active, anchor } = this;
    const top = Math.min(active.row, anchor.row), bottom = Math.max(active.row, anchor.row);
    if (top < 0) return { top: active.row, bottom: active.row, left: active.col, right: active.col };
    return { top, bottom, left: Math.min(active.col, anchor.col), right: Math.max(active.col, anchor.col) };
  }

  /** Shows that cells have other values: {at, c, value}, by rows and columns of the sheet. */
  set(cells) {
    for (const { at, c, value } of cells) {
      const row = this.sheet.rows[at], name = this.sheet.columns[c];
      row.was ??= {};
      row.was[name] ??= row.cells[c] === null ? "" : String(row.cells[c]);
      row.cells[c] = value || null;
      this.texts[at] = undefined;
      this.marks[at] |= marks.amended;
      this.used[c] = true;
    }
    for (const slot of this.pool) slot.index = -1;
    this.paint();
  }

  searchable(i) {
    const text = (v, c) => (v === null ? "" : `${v} ${this.write(c, v)}`);
    const loose = this.marks[i] & marks.loose ? `${t("no order")}\n` : "";
    return (this.texts[i] ??= loose + this.sheet.rows[i].cells.map(text).join("\n").toLowerCase());
  }

  sorted(rows) {
    const { column: c, down } = this.sort;
    const kind = this.kind(c);
    const keyed = rows.map((i) => {
      const v = this.sheet.rows[i].cells[c];
      return [kind === "date" ? v === null ? null : dayOf(String(v)) : v, i];
    });
    const way = down ? -1 : 1;
    const compare = kind === "text" ? (a, b) => collator.compare(a, b) : (a, b) => a - b;
    keyed.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return Number(a === null) - Number(b === null) || i - j; // what is empty stays last
      return way * compare(a, b) || i - j;
    });
    return keyed.map(([, i]) => i);
  }

  sortBy(c) {
    if (c < 0) this.sort = null;
    else if (this.sort?.column !== c) this.sort = { column: c, down: false };
    else this.sort = this.sort.down ? null : { column: c, down: true };
    this.select();
    this.grid.scrollTop = 0;
    const name = c < 0 ? "" : this.heading(c);
    const { down = false } = this.sort || {};
    say(!this.sort ? t("In the order of the file")
      : down ? t("Sorted by {name}, descending", { name }) : t("Sorted by {name}, ascending", { name }));
    this.mark();
  }

  write(c, v) {
    if (v === null) return "";
    const kind = this.kind(c);
    if (kind === "text" || (kind !== "date" && typeof v !== "number")) return String(v);
    // Formatting a date or a number takes longer than all else that a cell needs, and
    // most values are repeated.
    let known = this.writing.get(kind);
    if (!known) this.writing.set(kind, (known = new Map()));
    let text = known.get(v);
    if (text === undefined) known.set(v, (text = this.format(kind, v)));
    return text;
  }

  format(kind, v) {
    if (kind !== "date") return decimals[kind].format(v);
    const day = dayOf(String(v));
    return day === null ? String(v) : writeDay(day);
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.paint();
    });
  }

  slot() {
    const texts = [], cells = this.shown.map((c, i) => {
      const text = document.createTextNode("");
      texts.push(text);
      const role = i === 0 ? "rowheader" : "gridcell";
      const signs = i === 0 && h("span", { class: "flags" },
        Object.keys(marks).map((kind) => h("i", { class: `flag flag-${kind}` })));
      return h("div", { class: this.cellClass(c, i), role, "aria-colindex": String(i + 1) }, text, signs);
    });
    // The pinned cells share one box: each sticky box is a layer of its own, and a box
    // for each cell would make three times as many.
    const pins = h("div", { class: "pins", role: "presentation" }, cells.slice(0, 3));
    const row = h("div", { class: "gridrow", role: "row" }, pins, cells.slice(3));
    this.body.append(row);
    return { row, cells, texts, index: -1, part: false, was: new Set(), picked: "" };
  }

  print(on) {
    this.printing = on;
    if (this.sheet) this.paint();
  }

  // Draws the rows in sight and some above and below. After a jump it draws only what
  // is in sight; the next frame without a jump draws the rest.
  paint() {
    const { grid } = this;
    if (!this.sheet || !grid.clientHeight) return;
    if (this.printing) {
      while (this.pool.length < this.rows.length) this.pool.push(this.slot());
      this.first = 0;
      this.rows.forEach((_, i) => this.fill(this.pool[i], i));
      return;
    }
    const high = Math.ceil(grid.clientHeight / rowHeight), from = Math.floor(grid.scrollTop / rowHeight);
    const left = grid.scrollLeft, right = left + grid.clientWidth;
    const room = high + 2 * spare;
    while (this.pool.length < Math.min(room, this.rows.length)) this.pool.push(this.slot());
    for (const slot of this.pool.splice(room)) slot.row.remove();
    const n = this.pool.length;
    const first = Math.max(0, Math.min(this.rows.length - n, from - spare));
    const jump = Math.abs(first - this.first) >= n;
    this.first = first;
    const sight = (c) => c < 3 || (this.rights[c] > left && this.rights[c - 1] < right);
    for (let i = first; i < first + n; i++) {
      const slot = this.pool[i % n];
      if (slot.index === i && !slot.part) continue;
      if (!jump) this.fill(slot, i);
      else if (i >= from && i <= from + high) this.fill(slot, i, sight);
    }
    if (jump) this.schedule();
    this.pick();
    this.mark();
  }

  // Shows which of the cells in sight are selected.
  pick() {
    const { top, bottom, left, right } = this.range();
    const many = bottom > top || right > left;
    for (const slot of this.pool) {
      const on = many && slot.index >= top && slot.index <= bottom;
      const picked = on ? `${left} ${right}` : "";
      if (slot.picked === picked) continue;
      slot.picked = picked;
      slot.cells.forEach((cell, j) => {
        const yes = on && j >= left && j <= right;
        cell.classList.toggle("picked", yes);
        cell.ariaSelected = yes ? "true" : null;
      });
    }
  }

  fill(slot, i, sight) {
    slot.index = i;
    slot.part = Boolean(sight);
    if (i >= this.rows.length) {
      slot.row.hidden = true;
      return;
    }
    const at = this.rows[i], row = this.sheet.rows[at];
    slot.row.hidden = false;
    slot.row.style.transform = `translateY(${i * rowHeight}px)`;
    slot.row.setAttribute("aria-rowindex", i + 2);
    const has = Object.keys(marks).filter((k) => this.marks[at] & marks[k]);
    const name = `gridrow${at % 2 ? " odd" : ""}${has.map((k) => ` has-${k}`).join("")}`;
    if (slot.row.className !== name) {
      slot.row.className = name;
      slot.cells[0].ariaDescription = has.map((k) => markNames[k]).join(", ") || null;
    }
    for (const j of slot.was) {
      slot.cells[j].classList.remove("was");
      slot.cells[j].ariaDescription = null;
      slot.cells[j].title = "";
    }
    slot.was.clear();
    for (let j = 0; j < this.shown.length; j++) {
      if (sight && !sight(j)) continue;
      const c = this.shown[j];
      let text = this.write(c, c < 0 ? at + 1 : row.cells[c]);
      if (c === this.shipToColumn && text === "" && this.sheet.match && row.order_row === null) text = t("No order");
      if (slot.texts[j].data !== text) slot.texts[j].data = text;
      const was = c >= 0 ? row.was?.[this.sheet.columns[c]] : undefined;
      if (was === undefined) continue;
      slot.was.add(j);
      slot.cells[j].classList.add("was");
      slot.cells[j].title = t("was {read}", { read: was || t("empty") });
      slot.cells[j].ariaDescription = slot.cells[j].title;
    }
  }

  // The active cell, which the arrow keys move. Row -1 is the heading.
  mark() {
    const { row, col } = this.active;
    const on = document.activeElement === this.grid;
    const slot = row < 0 ? null : this.pool[row % this.pool.length];
    const cell = !on ? null : row < 0 ? this.head.children[col] : slot?.index === row ? slot.cells[col] : null;
    const id = cell ? row < 0 ? cell.id : `g-${row}-${col}` : "";
    if (this.marked && (this.marked !== cell || this.marked.id !== id)) {
      this.marked.classList.remove("active");
      if (!this.marked.id.startsWith("gh-")) this.marked.removeAttribute("id");
    }
    if (cell && (this.marked !== cell || cell.id !== id)) {
      // The ID contains row and column, so that it changes when the element is used
      // for another row.
      cell.id = id;
      cell.classList.add("active");
      this.grid.setAttribute("aria-activedescendant", id);
    } else if (!cell) this.grid.removeAttribute("aria-activedescendant");
    this.marked = cell;
  }

  key(e) {
    if (e.target !== this.grid || e.altKey) return;
    const { active } = this;
    const command = e.ctrlKey || e.metaKey;
    const page = Math.max(1, Math.floor((this.grid.clientHeight - rowHeight) / rowHeight) - 1);
    const last = this.rows.length - 1, end = this.shown.length - 1;
    const move = {
      ArrowDown: () => active.row++,
      ArrowUp: () => active.row--,
      ArrowRight: () => active.col++,
      ArrowLeft: () => active.col--,
      PageDown: () => (active.row += page),
      PageUp: () => (active.row = Math.max(0, active.row - page)),
      Home: () => Object.assign(active, { col: 0 }, command && { row: 0 }),
      End: () => Object.assign(active, { col: end }, command && { row: last }),
    }[e.key];
    const does = {
      a: () => this.all(), d: () => this.filler.down(), z: () => this.amend.back(),
    }[command ? e.key.toLowerCase() : ""];
    if (move) {
      e.preventDefault();
      getSelection()?.removeAllRanges();
      move();
      // A selection has no heading.
      active.row = Math.max(e.shiftKey && this.anchor.row >= 0 ? 0 : -1, Math.min(last, active.row));
      active.col = Math.max(0, Math.min(end, active.col));
      if (!e.shiftKey || active.row < 0) this.anchor = { ...active };
      this.reveal();
    } else if (does) {
      e.preventDefault();
      does();
    } else if (!command && active.row >= 0 && this.filler.key(e)) e.preventDefault();
    else if (!command && (e.key === "Enter" || e.key === " ")) {
      e.preventDefault();
      if (active.row < 0) this.sortBy(this.shown[active.col]);
      else this.look(active.row);
    }
  }

  all() {
    this.anchor = { row: 0, col: 1 };
    this.active = { row: this.rows.length - 1, col: this.shown.length - 1 };
    this.pick();
    this.mark();
    this.status();
  }

  reveal() {
    const { active, grid } = this;
    if (active.row >= 0) {
      const top = active.row * rowHeight, bottom = top + rowHeight, sight = grid.clientHeight - this.head.offsetHeight;
      if (top < grid.scrollTop) grid.scrollTop = top;
      else if (bottom > grid.scrollTop + sight) grid.scrollTop = bottom - sight;
    } else grid.scrollTop = 0;
    this.paint();
    const head = this.head.children[active.col];
    if (active.col > 2) {
      const frozen = this.head.children[2].offsetLeft + this.head.children[2].offsetWidth - grid.scrollLeft;
      const left = head.offsetLeft, right = left + head.offsetWidth;
      if (left < grid.scrollLeft + frozen) grid.scrollLeft = left - frozen;
      else if (right > grid.scrollLeft + grid.clientWidth) grid.scrollLeft = right - grid.clientWidth;
    }
    this.mark();
    this.status();
  }

  cellOf(e) {
    const cell = e.target.closest(".cell");
    if (!cell) return null;
    const col = Number(cell.getAttribute("aria-colindex")) - 1;
    return { row: Number(cell.closest("[role=row]").getAttribute("aria-rowindex")) - 2, col };
  }

  click(e) {
    const at = this.cellOf(e);
    if (!at) return;
    if (at.row < 0) {
      this.active = at;
      this.anchor = { ...at };
      this.sortBy(this.shown[at.col]);
    } else if (at.col === 0 && !e.shiftKey) this.look(at.row);
    this.mark();
  }

  // Begins a selection with the mouse. A finger scrolls.
  press(e) {
    const at = e.button === 0 && e.target !== this.filler.input ? this.cellOf(e) : null;
    if (!at || at.row < 0) return;
    if (e.pointerType !== "touch") e.preventDefault(); // no text is selected
    this.grid.focus({ preventScroll: true });
    getSelection()?.removeAllRanges();
    this.active = at;
    if (!e.shiftKey) this.anchor = { ...at };
    this.pick();
    this.mark();
    this.status();
    if (e.pointerType === "touch") return;
    const move = (e) => {
      const box = this.grid.getBoundingClientRect();
      this.grid.scrollTop += e.clientY > box.bottom - 40 ? rowHeight : e.clientY < box.top + 50 ? -rowHeight : 0;
      const to = this.cellOf({ target: document.elementFromPoint(e.clientX, e.clientY) || this.grid });
      if (!to || to.row < 0 || (to.row === this.active.row && to.col === this.active.col)) return;
      this.active = to;
      this.pick();
      this.mark();
      this.status();
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
  }

  doubled(e) {
    const at = this.cellOf(e);
    if (!at || at.row < 0) return;
    if (!this.filler.edit()) this.look(at.row);
  }

  // Reports whether keys and pastes are meant for the cells.
  takes(e) { return this.sheet && (document.activeElement === this.grid || e.target === this.grid); }

  // Copies the selected cells as a spreadsheet takes them: a tab between cells, a line for
  // each row.
  copy(e) {
    if (!this.takes(e) || !getSelection()?.isCollapsed) return;
    const { top, bottom, left, right } = this.range();
    if (top < 0) return;
    const rows = [];
    for (let r = top; r <= bottom; r++) {
      const at = this.rows[r];
      const cells = this.shown.slice(left, right + 1);
      rows.push(cells.map((c) => this.write(c, c < 0 ? at + 1 : this.sheet.rows[at].cells[c])));
    }
    e.clipboardData.setData("text/plain", writeTabs(rows));
    e.preventDefault();
    say(tn("{n} cell copied", "{n} cells copied", rows.length * rows[0].length));
  }

  // Saves the rows that are shown, in their order, as they are in the CSV of the whole sheet.
  async download() {
    const { sheet, rows } = this;
    this.trouble.replaceChildren();
    try {
      const all = records(await (await this.views.session.client.download("csv")).text());
      if (all.length !== sheet.rows.length + 1) {
        await this.views.session.refresh();
        throw new Error(t("The sheet changed meanwhile. Look at it again and repeat the download."));
      }
      const some = new Blob([all[0], ...rows.map((i) => all[i + 1])], { type: "text/csv" });
      const name = "load-sheet-part.csv";
      keep(some, name);
      say(tn("{n} row was saved as {name}.", "{n} rows were saved as {name}.", rows.length, { name }));
    } catch (error) {
      fill(this.trouble, h("p", { class: "error", role: "alert" }, words(error)));
    }
  }

  look(i) {
    const row = this.sheet.rows[this.rows[i]];
    if (row) this.views.inspect(lineTarget(this.sheet, row.bill, row.line));
  }
}

// How the whole sheet is shown, in the order of the file and with the first cell chosen.
const whole = () => ({
  text: "", shipTo: null, group: null, sort: null, only: "", active: { row: 0, col: 0 }, anchor: { row: 0, col: 0 },
});

// The marks of each row.
function marksOf(sheet, paired) {
  const of = new Uint8Array(sheet.rows.length);
  const ofBills = new Map();
  sheet.rows.forEach((row, i) => {
    const { added, was } = sheet.bills[row.bill].lines[row.line];
    if (row.was || added || was || paired.has(i)) of[i] |= marks.amended;
    if (sheet.match && row.order_row === null) of[i] |= marks.loose;
    if (!ofBills.has(row.bill)) ofBills.set(row.bill, []);
    ofBills.get(row.bill).push(i);
  });
  for (const f of sheet.findings) {
    if (f.severity === "info" || f.checked) continue;
    const rows = f.rows?.length ? f.rows : f.bills.flatMap((b) => ofBills.get(b) || []);
    for (const i of rows) of[i] |= marks.check;
  }
  for (const { line } of sheet.match?.near_misses || []) of[line.row] |= marks.near;
  return of;
}

/**
 * The columns that the person chose in this browser, null for none: their names in order,
 * and which are shown. With an argument keeps them.
 * @param {{name: string, on: boolean}[] | null} [chosen]
 */
function chosenColumns(chosen) {
  const list = parsed(remembered("tallyman.columns", chosen && JSON.stringify(chosen)), null);
  return Array.isArray(list) ? list : null;
}
