// @ts-check
// Fills in the columns of the sheet that have no source: by typing into a cell, by pasting
// from a spreadsheet, downwards, and for a whole bill, ship-to or window.

import { button, h, say } from "./dom.js";
import { clean, fillable, fits, same, sameBill } from "./amend.js";
import { readTabs } from "./cells.js";
import { plural } from "./format.js";
import { column } from "./issues.js";
import { t, tn } from "./words.js";

/** @typedef {{at: number, c: number, value: string}} Cell a cell by row and column of the sheet, and its new value */

export class Filler {
  constructor(view) {
    this.view = view;
    /** @type {any} The field over the cell that is edited. */
    this.input = null;
    const by = (id, name, act, title) =>
      button({ class: "small", id: `fill-${id}`, title, onclick: () => act() }, name);
    this.buttons = [
      by("down", t("Down"), () => this.down(), t("Fills the selected cells below with the first (Ctrl D)")),
      by("bill", t("Bill"), () => this.scope("bill"), t("Fills all rows of this bill with the value")),
      by("ship", t("Ship-to"), () => this.scope("ship"), t("Fills all rows of this ship-to with the value")),
      by("window", t("Window"), () => this.scope("window"), t("Fills all rows of this ship window with the value")),
      by("group", t("Ship-to and window"), () => this.scope("group"),
        t("Fills all rows of this ship-to in this ship window with the value")),
    ];
  }

  /** The buttons that fill, for the view's tools. */
  bar() {
    this.name = h("span", { class: "hint" });
    this.tools = h("div", { class: "fillbar", role: "toolbar", "aria-label": t("Fill in") },
      h("span", { class: "label" }, t("Fill")), this.buttons, this.name);
    return this.tools;
  }

  get sheet() { return this.view.sheet; }

  // The column and the row of the sheet of the active cell; null in a heading.
  active() {
    const { active, shown, rows } = this.view;
    return active.row < 0 || rows.length === 0 ? null : { at: rows[active.row], c: shown[active.col] };
  }

  open(c) { return c >= 0 && fillable.has(this.sheet.columns[c]); }

  /** Enables the buttons if the active cell can be filled in. */
  enable() {
    const cell = this.active();
    const on = Boolean(cell) && this.open(cell.c);
    // An empty cell has nothing for other rows; down repeats the cell above.
    const text = on ? this.input?.value ?? this.text(cell) : "";
    this.buttons.forEach((b, i) => { b.disabled = !on || (i > 0 && !text); });
    const shown = this.view.shown.some((c) => this.open(c));
    const heading = on ? this.view.heading(cell.c) : "";
    this.name.textContent = on ? text ? `${heading}: “${text}”` : `${heading}: ${t("empty")}`
      : shown ? t("Choose a tinted cell to fill it in.") : t("Show the empty columns to fill them in.");
  }

  text({ at, c }) { return String(this.sheet.rows[at].cells[c] ?? ""); }

  /** Takes a key in the grid: a character begins to edit, Delete empties. Reports whether it did. */
  key(e) {
    const cell = this.active();
    if (!cell || !this.open(cell.c)) {
      if (e.key.length !== 1 || e.key === " ") return false;
      if (cell && cell.c >= 0) say(t("This column has a source. Correct its values on the page of the bill."));
      return false;
    }
    if (e.key === "Delete" || e.key === "Backspace") {
      this.fill(this.selected().map((one) => ({ ...one, value: "" })),
        (n) => tn("{n} cell was emptied.", "{n} cells were emptied.", n));
      return true;
    }
    if (e.key === "Enter" || e.key === "F2") return this.edit();
    if (e.key.length !== 1 || e.key === " ") return false;
    this.edit({ text: "" });
    return false; // the browser types the character into the field
  }

  // The selected cells that can be filled in.
  selected() {
    const { top, bottom, left, right } = this.view.range();
    const cells = [];
    for (let r = top; r <= bottom; r++) {
      for (let j = left; j <= right; j++) {
        const c = this.view.shown[j];
        if (this.open(c)) cells.push({ at: this.view.rows[r], c });
      }
    }
    return cells;
  }

  /** Edits the active cell; begins with a text if one is given. Reports whether it can be. */
  edit({ text, from = 0, to = 0 } = /** @type {{text?: string, from?: number, to?: number}} */ ({})) {
    const cell = this.active();
    if (!cell || !this.open(cell.c)) return false;
    const { view } = this;
    view.reveal();
    const { row, col } = view.active;
    view.anchor = { row, col };
    view.pick();
    const value = text ?? this.text(cell);
    const input = (this.input = h("input", {
      type: "text", class: "celledit", value, maxLength: 1300, autocomplete: "off", spellcheck: false,
      "aria-label": t("{column}, row {n}", { column: view.heading(cell.c), n: cell.at + 1 }),
        onkeydown: (e) => this.typed(e, cell), oninput: () => this.enable(),
      onblur: () => this.commit(cell),
    }));
    // A row of its own over the one that is edited: rows are used for others when they are scrolled.
    const cover = h("div", { role: "gridcell", "aria-colindex": String(col + 1) }, input);
    const around = h("div", { class: "editrow", role: "row", "aria-rowindex": String(row + 2) }, cover);
    cover.style.left = `${view.rights[col - 1]}px`;
    cover.style.width = `${view.rights[col] - view.rights[col - 1]}px`;
    cover.style.top = `${row * 30}px`;
    view.body.append(around);
    input.focus({ preventScroll: true });
    if (to) input.setSelectionRange(from, to);
    else if (text === undefined) input.select();
    return true;
  }

  typed(e, cell) {
    const { view } = this;
    const step = { Enter: [e.shiftKey ? -1 : 1, 0], Tab: [0, e.shiftKey ? -1 : 1] }[e.key];
    if (e.key === "Escape") {
      e.preventDefault();
      e.stopPropagation();
      this.stop();
      view.grid.focus({ preventScroll: true });
      return;
    }
    if (!step) return;
    const { row, col } = view.active;
    const to = { row: row + step[0], col: col + step[1] };
    if (e.key === "Tab" && (to.col < 0 || to.col >= view.shown.length)) return; // on to the next control
    e.preventDefault();
    this.commit(cell);
    view.active = {
      row: Math.max(0, Math.min(view.rows.length - 1, to.row)), col: Math.min(view.shown.length - 1, to.col),
    };
    view.anchor = { ...view.active };
    view.grid.focus({ preventScroll: true });
    view.reveal();
  }

  /** Ends editing without a change. Returns how to go on with it, null if nothing was edited. */
  stop() {
    const { input } = this;
    if (!input) return null;
    this.input = null; // before its removal, which takes the focus from it
    const typing = { text: input.value, from: input.selectionStart, to: input.selectionEnd };
    input.closest(".editrow").remove();
    return typing;
  }

  commit(cell) {
    const typing = this.stop();
    if (typing) this.fill([{ ...cell, value: clean(typing.text) }]);
  }

  /** Fills the selected cells with the first of each column. */
  down() {
    const { top, bottom, left, right } = this.view.range();
    const { rows, shown } = this.view;
    if (top < 0) return;
    const cells = [];
    // Of one row the cell above is repeated, as in a spreadsheet.
    const from = top === bottom ? top - 1 : top;
    for (let j = left; j <= right; j++) {
      const c = shown[j];
      if (from < 0 || !this.open(c)) continue;
      const value = this.text({ at: rows[from], c });
      for (let r = from + 1; r <= bottom; r++) cells.push({ at: rows[r], c, value });
    }
    if (!cells.length) return say(t("Select cells of a column without a source, the first with the value."));
    this.fill(cells, (n) => tn("{n} cell was filled in.", "{n} cells were filled in.", n));
  }

  /** Fills a column for all rows of the bill, ship-to or window of the active cell with its value. */
  scope(kind) {
    const cell = this.active();
    if (!cell || !this.open(cell.c)) return;
    const { sheet, view } = this;
    const at = (name) => column(sheet, name);
    const [ship, start, cancel] = [at("Ship To Name"), at("Start Date"), at("Cancel Date")];
    const row = sheet.rows[cell.at], value = this.text(cell);
    const text = (r, c) => String(r.cells[c] ?? "");
    const byShip = kind === "ship" || kind === "group", byWindow = kind === "window" || kind === "group";
    if (byShip && !text(row, ship)) return view.amend.tell(t("This row has no ship-to: it has no order."), "warn");
    if (byWindow && !text(row, start) && !text(row, cancel)) {
      return view.amend.tell(t("This row has no ship window: it has no order."), "warn");
    }
    const name = sheet.columns[cell.c];
    /** @type {any} */
    const one = { kind: "fill", column: name, value };
    if (kind === "bill") one.bill = view.amend.keys.bill(row.bill);
    if (byShip) one.ship_to = text(row, ship);
    if (byWindow) one.window = { start: text(row, start), cancel: text(row, cancel) };
    const cells = [];
    sheet.rows.forEach((r, i) => {
      if (kind === "bill" && r.bill !== row.bill) return;
      if (byShip && text(r, ship) !== text(row, ship)) return;
      if (byWindow && (text(r, start) !== text(row, start) || text(r, cancel) !== text(row, cancel))) return;
      cells.push({ at: i, c: cell.c, value });
    });
    const of = (a) => a.kind === "fill" && a.column === name && !a.line && (a.ship_to || "") === (one.ship_to || "") &&
      (a.bill ? Boolean(one.bill) && sameBill(a.bill, one.bill) : !one.bill) &&
      JSON.stringify(a.window || null) === JSON.stringify(one.window || null);
    const values = {
      column: view.heading(cell.c), value, ship: text(row, ship),
      bill: sheet.bills[row.bill].number?.text || t("without number"),
    };
    const said = {
      bill: t("{column} is “{value}” in bill {bill}", values),
      ship: t("{column} is “{value}” for {ship}", values),
      window: t("{column} is “{value}” in this ship window", values),
      group: t("{column} is “{value}” for {ship} in this ship window", values),
    }[kind];
    const done = `${said}: ${plural(cells.length, "row")}.`;
    this.send(cells, [one], view.amend.list.filter(of).map((a) => a.id), done);
  }

  /** Pastes cells, and says which of them had no place. */
  paste(e) {
    const text = e.clipboardData?.getData("text/plain");
    const { view } = this;
    const range = view.range();
    if (!text || range.top < 0) return;
    e.preventDefault();
    const table = readTabs(text);
    const high = table.length, wide = Math.max(...table.map((r) => r.length));
    // A selection that holds what was copied several times gets it several times.
    const times = (have, want) => (have > want && have % want === 0 ? have : want);
    const rows = times(range.bottom - range.top + 1, high), cols = times(range.right - range.left + 1, wide);
    const cells = [], shut = new Set();
    let closed = 0, beyond = 0, long = 0;
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < cols; j++) {
        const value = table[r % high][j % wide];
        if (value === undefined) continue;
        const at = view.rows[range.top + r], c = view.shown[range.left + j];
        if (at === undefined || c === undefined) beyond++;
        else if (!this.open(c)) {
          // What is there already is no loss.
          if (view.write(c, c < 0 ? null : this.sheet.rows[at].cells[c]) === value.trim()) continue;
          closed++;
          shut.add(c < 0 ? "#" : view.heading(c));
        } else if (!fits(clean(value))) long++;
        else cells.push({ at, c, value: clean(value) });
      }
    }
    const refused = [
      closed && tn("{n} cell in columns with a source ({columns})", "{n} cells in columns with a source ({columns})",
        closed, { columns: [...shut].join(", ") }),
      beyond && tn("{n} cell beyond what is shown", "{n} cells beyond what is shown", beyond),
      long && tn("{n} text that is too long", "{n} texts that are too long", long),
    ].filter(Boolean);
    const not = refused.length ? ` ${t("Not pasted: {what}.", { what: refused.join("; ") })}` : "";
    if (!cells.length) return view.amend.tell(t("Nothing was pasted.") + not, "warn");
    view.active = {
      row: Math.min(view.rows.length - 1, range.top + rows - 1),
        col: Math.min(view.shown.length - 1, range.left + cols - 1),
    };
    view.anchor = { row: range.top, col: range.left };
    this.fill(cells, (n) => tn("{n} cell was pasted.", "{n} cells were pasted.", n), not);
    view.status();
  }

  /**
   * Fills cells, and says how many. What they have already is left out.
   * @param {Cell[]} cells
   * @param {((n: number) => string) | null} [done]
   * @param {string} [more] what else is said
   */
  fill(cells, done = null, more = "") {
    const { view } = this;
    const news = cells.filter((cell) => this.text(cell) !== cell.value);
    if (!news.length) {
      if (done) view.amend.tell(t("The cells have these values already.") + more, more ? "warn" : "ok");
      return;
    }
    const { add, undo } = this.amendments(news);
    this.send(news, add, undo, done ? done(news.length) + more : "");
  }

  send(cells, add, undo, done) {
    this.view.set(cells);
    this.view.amend.send(add, undo, done, true);
    this.view.status();
  }

  // The amendments that fill cells, and the IDs of those that they replace. The same value
  // for all rows of a bill is one amendment.
  amendments(cells) {
    const { sheet, view } = this;
    const { keys, list } = view.amend;
    const of = sheet.bills.map(() => 0);
    for (const row of sheet.rows) of[row.bill]++;
    const groups = new Map();
    for (const cell of cells) {
      const group = `${cell.c} ${sheet.rows[cell.at].bill} ${cell.value}`;
      groups.set(group, [...(groups.get(group) || []), cell]);
    }
    const before = new Map();
    for (const a of list) {
      if (a.kind !== "fill" || !a.line) continue;
      const k = `${a.column}\n${same(a.line)}`;
      before.set(k, [...(before.get(k) || []), a.id]);
    }
    const add = [], undo = [];
    for (const some of groups.values()) {
      const { at, c, value } = some[0], { bill } = sheet.rows[at];
      const one = { kind: "fill", column: sheet.columns[c], value };
      if (some.length > 1 && some.length === of[bill]) add.push({ ...one, bill: keys.bill(bill) });
      for (const cell of some) {
        const row = sheet.rows[cell.at], line = keys.line(row.bill, row.line);
        undo.push(...(before.get(`${one.column}\n${same(line)}`) || []));
        if (some.length === 1 || some.length !== of[bill]) add.push({ ...one, line });
      }
    }
    return { add, undo };
  }
}
