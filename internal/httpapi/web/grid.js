// @ts-check
// The sheet as a table of any length. Only the rows in sight have elements, which
// are reused while the table is scrolled.

import { h, fill, icon, kept, say } from "./dom.js";
import { count, dayOf, decimals, plural, writeDay } from "./format.js";
import { column, lineTarget } from "./issues.js";

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
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class SheetView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    const none = { text: "", shipTo: null, group: null, sort: null, empty: false, active: { row: 0, col: 0 } };
    Object.assign(this, none, kept("sheet"));
    this.resized = new ResizeObserver(() => this.paint());
    // Without a selection the event does not go to the element with the focus.
    document.addEventListener("copy", (e) => this.copy(e));
    // Paper does not scroll: it gets all rows.
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  clear() {
    this.resized.disconnect();
    this.root.replaceChildren();
    const none = { text: "", shipTo: null, group: null, sort: null, sheet: null, active: { row: 0, col: 0 } };
    Object.assign(this, none, { stale: true });
  }

  render(sheet) {
    this.sheet = sheet;
    this.profile = sheet.profile?.columns || null;
    // Columns with a constant only are no columns of the product: the rows lack them.
    for (const own of this.profile || []) {
      if (sheet.columns.includes(own.name)) continue;
      sheet.columns.push(own.name);
      for (const row of sheet.rows) row.cells.push(own.constant || null);
    }
    this.shipToColumn = column(sheet, "Ship To Name");
    this.texts = new Array(sheet.rows.length);
    this.writing = new Map();
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
    this.group = null; // it was of another sheet
    const { search, filter, empties } = this.controls(ships);
    this.found = h("p", { class: "found", role: "status" });
    this.chip = h("div", { class: "only", hidden: true });
    this.head = h("div", { class: "gridhead", role: "row", "aria-rowindex": "1" });
    this.body = h("div", { class: "gridbody", role: "rowgroup" });
    this.grid = h("div", {
      class: "grid", role: "grid", tabIndex: 0, "aria-label": "Load sheet", "aria-describedby": "grid-help",
      onscroll: () => this.schedule(), onfocus: () => this.mark(), onkeydown: (e) => this.key(e),
      onclick: (e) => this.click(e), ondblclick: (e) => this.cellOf(e) && this.look(this.cellOf(e).row),
    }, h("div", { role: "rowgroup", class: "headgroup" }, this.head), this.body);
    this.root.replaceChildren(
      h("div", { class: "tools" },
        h("div", { class: "field" }, h("label", { for: "sheet-search" }, "Find"), search),
        h("div", { class: "field" }, h("label", { for: "sheet-ship" }, "Ship to"), filter),
        this.hiddenCount > 0 && h("label", { class: "check" }, empties, ` ${plural(this.hiddenCount, "empty column")}`),
        this.chip, this.found),
      this.grid,
      h("p", { class: "hint", id: "grid-help" }, "Click a heading to sort. Arrow keys move the selection. " +
        "Enter, a double click or a click on the row number shows the line on its page."));
    this.columns();
    this.resized.disconnect();
    this.resized.observe(this.grid);
  }

  /** Makes the controls that search and filter. Ships are the ship-tos, with their numbers of rows. */
  controls(ships) {
    const find = () => {
      this.text = search.value;
      this.select();
    };
    const search = h("input",
      { type: "search", id: "sheet-search", value: this.text, placeholder: "Any cell", oninput: find });
    const names = [...ships.keys()].sort((a, b) => Number(a === "") - Number(b === "") || collator.compare(a, b));
    const choose = () => {
      this.shipTo = filter.selectedIndex === 0 ? null : names[filter.selectedIndex - 1];
      this.select();
    };
    const option = (n) => h("option", { selected: n === this.shipTo }, `${n || "None"} (${count(ships.get(n))})`);
    const filter = h("select", { id: "sheet-ship", onchange: choose },
      h("option", { selected: this.shipTo === null }, "All"), names.map(option));
    const show = () => {
      this.empty = empties.checked;
      this.columns();
    };
    const empties = h("input", { type: "checkbox", id: "sheet-empty", checked: this.empty, onchange: show });
    return { search, filter, empties };
  }

  /** Shows the lines of some bills only: {name, bills}, null for all. */
  filter(group) {
    this.group = group;
    this.text = "";
    this.shipTo = null;
    this.root.querySelector("#sheet-search").value = "";
    this.root.querySelector("#sheet-ship").selectedIndex = 0;
    this.select();
    this.grid.scrollTop = 0;
  }

  // Chooses the columns: first the bill and the style, which stay in sight, then the
  // others in the order of the file, which the profile may choose.
  columns() {
    const { sheet } = this;
    const first = pinned.map((n) => column(sheet, n));
    const file = this.profile ? this.profile.map((own) => column(sheet, own.name)) : sheet.columns.map((_, c) => c);
    const others = file.filter((c) => !first.includes(c) && (this.empty || this.used[c]));
    this.shown = [-1, ...first, ...others];
    const width = (name) => kinds[name]?.[1] ?? Math.max(96, name.length * 8 + 24);
    const widths = this.shown.map((c) => (c < 0 ? 58 : width(sheet.columns[c])));
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

  // The heading of a column, which the profile may choose.
  heading(c) {
    const name = this.sheet.columns[c];
    return this.profile?.find((own) => own.name === name)?.heading || name;
  }

  kind(c) { return c < 0 ? 0 : (kinds[this.sheet.columns[c]] || ["text"])[0]; }

  // The class of the cells of the i-th column shown, which is column c of the sheet.
  cellClass(c, i) { return `cell${typeof this.kind(c) === "number" ? " num" : ""}${i < 3 ? ` pin pin${i}` : ""}`; }

  heads() {
    this.head.replaceChildren(...this.shown.map((c, i) => {
      const sorted = this.sort?.column === c ? this.sort.down ? "descending" : "ascending" : "none";
      const name = c < 0 ? "#" : this.heading(c);
      return h("div", {
        class: this.cellClass(c, i), role: "columnheader", id: `gh-${i}`, title: c < 0 ? "Order of the file" : name,
        "aria-colindex": String(i + 1), "aria-sort": sorted,
      }, h("span", {}, name), sorted !== "none" && icon(sorted === "ascending" ? "up" : "down"));
    }));
  }

  // Which rows are shown, in which order.
  select() {
    const { sheet, text, shipTo, sort, empty } = this;
    kept("sheet", { text, shipTo, sort, empty });
    const words = this.text.trim().toLowerCase();
    let rows = [];
    this.chip.hidden = !this.group;
    const unfilter = () => {
      this.filter(null);
      this.grid.focus();
    };
    const back = { type: "button", class: "quiet icon small", "aria-label": "Show all lines again", onclick: unfilter };
    const { group } = this;
    fill(this.chip, group && [h("span", {}, group.name), h("button", back, icon("cross"))]);
    for (let i = 0; i < sheet.rows.length; i++) {
      if (this.group && !this.group.bills.has(sheet.rows[i].bill)) continue;
      if (this.shipTo !== null && (sheet.rows[i].cells[this.shipToColumn] ?? "") !== this.shipTo) continue;
      if (words && !this.searchable(i).includes(words)) continue;
      rows.push(i);
    }
    if (this.sort) rows = this.sorted(rows);
    this.rows = rows;
    const all = plural(sheet.rows.length, "row");
    this.found.textContent = rows.length === sheet.rows.length ? all : `${count(rows.length)} of ${all}`;
    this.grid.setAttribute("aria-rowcount", rows.length + 1);
    this.body.style.height = `${Math.max(1, rows.length) * rowHeight}px`;
    this.active.row = Math.min(this.active.row, rows.length - 1);
    for (const slot of this.pool) slot.index = -1;
    this.heads();
    this.paint();
  }

  searchable(i) {
    const text = (v, c) => (v === null ? "" : `${v} ${this.write(c, v)}`);
    return (this.texts[i] ??= this.sheet.rows[i].cells.map(text).join("\n").toLowerCase());
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
    say(this.sort ? `Sorted by ${name}, ${this.sort.down ? "descending" : "ascending"}` : "In the order of the file");
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
      return h("div", { class: this.cellClass(c, i), role, "aria-colindex": String(i + 1) }, text);
    });
    // The pinned cells share one box: each sticky box is a layer of its own, and a box
    // for each cell would make three times as many.
    const pins = h("div", { class: "pins", role: "presentation" }, cells.slice(0, 3));
    const row = h("div", { class: "gridrow", role: "row" }, pins, cells.slice(3));
    this.body.append(row);
    return { row, cells, texts, index: -1 };
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
    this.mark();
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
    const name = `gridrow${at % 2 ? " odd" : ""}${this.sheet.match && row.order_row === null ? " loose" : ""}`;
    if (slot.row.className !== name) slot.row.className = name;
    for (let j = 0; j < this.shown.length; j++) {
      if (sight && !sight(j)) continue;
      const c = this.shown[j];
      let text = this.write(c, c < 0 ? at + 1 : row.cells[c]);
      if (c === this.shipToColumn && text === "" && this.sheet.match && row.order_row === null) text = "No order";
      if (slot.texts[j].data !== text) slot.texts[j].data = text;
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
    if (e.altKey || e.metaKey) return;
    const { active } = this;
    const page = Math.max(1, Math.floor((this.grid.clientHeight - rowHeight) / rowHeight) - 1);
    const last = this.rows.length - 1, end = this.shown.length - 1;
    const move = {
      ArrowDown: () => active.row++,
      ArrowUp: () => active.row--,
      ArrowRight: () => active.col++,
      ArrowLeft: () => active.col--,
      PageDown: () => (active.row += page),
      PageUp: () => (active.row = Math.max(0, active.row - page)),
      Home: () => Object.assign(active, { col: 0 }, e.ctrlKey && { row: 0 }),
      End: () => Object.assign(active, { col: end }, e.ctrlKey && { row: last }),
    }[e.key];
    if (move) {
      e.preventDefault();
      move();
      active.row = Math.max(-1, Math.min(last, active.row));
      active.col = Math.max(0, Math.min(end, active.col));
      this.reveal();
    } else if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      if (active.row < 0) this.sortBy(this.shown[active.col]);
      else this.look(active.row);
    }
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
    this.active = at;
    if (at.row < 0) this.sortBy(this.shown[at.col]);
    else if (at.col === 0) this.look(at.row);
    this.mark();
  }

  // Copies the cells of a selection made with the mouse, or else the active cell, as a
  // spreadsheet takes them: a tab between cells, a line for each row.
  copy(e) {
    if (!this.sheet) return;
    const selection = getSelection();
    let lines = [];
    if (selection && !selection.isCollapsed) {
      if (!this.grid.contains(selection.anchorNode)) return;
      const slots = [...this.pool].filter((s) => !s.row.hidden && selection.containsNode(s.row, true));
      slots.sort((a, b) => a.index - b.index);
      const of = (slot) => slot.cells.filter((c) => selection.containsNode(c, true)).map((c) => c.textContent);
      lines = slots.map((slot) => of(slot).join("\t"));
    } else if (this.active.row >= 0 && document.activeElement === this.grid) {
      const c = this.shown[this.active.col], at = this.rows[this.active.row];
      lines = [this.write(c, c < 0 ? at + 1 : this.sheet.rows[at].cells[c])];
    }
    if (!lines.length) return;
    e.clipboardData.setData("text/plain", lines.join("\n"));
    e.preventDefault();
    say(lines.length > 1 ? `${plural(lines.length, "row")} copied` : "Copied");
  }

  look(i) {
    const row = this.sheet.rows[this.rows[i]];
    if (row) this.views.inspect(lineTarget(this.sheet, row.bill, row.line));
  }
}
