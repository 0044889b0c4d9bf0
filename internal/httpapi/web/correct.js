// @ts-check
// The values of a bill beside the picture of its page: people correct them there, add lines
// that were not read, remove what is not a line, and accept what nothing proves. The sums change
// while somebody types; the server then reconciles the bill.

import { plainly } from "./issues.js";
import { h, fill, button, icon, say, sign } from "./dom.js";
import { about, amendmentsOf, clean, same, sameBill, who, write } from "./amend.js";
import { sides } from "./bills.js";
import { exact, fields, figure } from "./format.js";
import { added, compare, decimalsOf, number, plain } from "./sums.js";
import { t, tn } from "./words.js";

/**
 * The cells of a line: name, heading, whether it is a number, width in ch. What is added up comes
 * first, where a narrow table shows it.
 */
const cellsOfLine = () => /** @type {[string, string, boolean, number][]} */ ([
  ["cartons", t("Cartons"), true, 7], ["style", t("Style"), false, 11], ["pieces", t("Pieces"), true, 7],
  ["volume", t("Volume"), true, 7], ["weight", t("Weight"), true, 8], ["order_number", t("Order no."), false, 9],
  ["cust_style", t("Cust. style"), false, 6], ["description", t("Description"), false, 16],
]);

const fieldsOfBill = () => /** @type {[string, string][]} */ ([
  ["number", t("Number")], ["date", t("Date")], ["order_number", t("Order number")], ["store", t("Store")],
  ["dept", t("Dept.")], ["vendor", t("Vendor")], ["sales_person", t("Sales person")],
  ["shipped_via", t("Shipped via")], ["reference", t("Reference")], ["terms", t("Terms")], ["fob", t("F.O.B.")],
  ["internal_code", t("Start and cancel")], ["control_no", t("Control no.")], ["zone", t("Zone")],
  ["customer_code", t("Customer code")], ["shipper", t("Shipper")], ["shipper_address", t("Shipper's address")],
  ["consignee", t("Consignee")], ["office_address", t("Office")], ["warehouse_address", t("Warehouse")],
  ["instructions", t("Instructions")], ["notes", t("Notes")],
]);

// The figures of the foot by the cell above them.
const totalOf = { cartons: "cartons", pieces: "pieces", volume: "cube", weight: "weight" };

const kinds = () => ({
  correct: t("Corrected"), add: t("Line added"), remove: t("Line removed"), accept: t("Bill accepted"),
  pair: t("Paired by hand"), unpair: t("Taken apart"), fill: t("Filled in"),
});

/**
 * One value that can be corrected.
 * @typedef {object} Spot
 * @property {number} bill
 * @property {number} line -1 for a value of the bill
 * @property {string} name of the cell or field; totals begin with "total_"
 * @property {any} value the value of the view, null if there is none
 * @property {string} now what is there
 * @property {string | undefined} was what was read, if somebody corrected it
 * @property {boolean} figure whether it has to be a number
 */

export class Correct {
  /** Point is called with the place of the value that has the focus. */
  constructor(session, point) {
    this.session = session;
    this.amend = amendmentsOf(session);
    this.point = point;
    /** @type {Map<string, string>} what was typed and is not saved, by the value's name */
    this.typed = new Map();
    /** @type {Map<string, string>} the names in amendments of their lines */
    this.lines = new Map();
    /** @type {{bill: number, cells: Record<string, string>, place: any}[]} lines that are being added */
    this.drafts = [];
    this.bill = -1;
    /** Is called to leave the values by keyboard. @type {(() => void) | undefined} */
    this.left = undefined;
    /** Where a new line probably is: its place, or nothing. @type {(() => any) | undefined} */
    this.suggested = undefined;
    this.head = h("h3", {});
    this.state = h("p", { class: "preview", role: "status" });
    this.save = button({ class: "primary small", onclick: () => this.send() });
    this.drop = button({ class: "small", onclick: () => this.discard() }, t("Discard"));
    this.accept = button({ class: "small", onclick: () => this.vouch() }, t("Accept the bill …"));
    this.more = button({ class: "small", onclick: () => this.begin() }, icon("plus"), t("Add a line"));
    this.trouble = h("div", { class: "trouble" });
    this.table = h("div", { class: "scroll", tabIndex: -1 });
    this.fields = h("details", { class: "fieldlist", ontoggle: () => this.fields.open && this.drawFields() });
    this.changes = h("details", { class: "changes" });
    this.element = h("section", { class: "values", "aria-label": t("Values of the bill"), hidden: true },
      h("div", { class: "valuehead" }, this.head, this.state,
        h("span", { class: "set" }, this.accept, this.more, this.drop, this.save)),
      this.trouble, this.table, this.fields, this.changes);
    this.element.addEventListener("keydown", (e) => this.key(e));
    this.element.addEventListener("input", (e) => this.input(e));
    this.element.addEventListener("focusin", (e) => this.entered(e));
  }

  /** Reports whether something was typed and is not saved. */
  get unsaved() { return this.typed.size + this.drafts.length; }

  get sheet() { return this.session.sheet; }

  /** Forgets what was typed: the bills are others. */
  forget() {
    this.typed.clear();
    this.drafts = [];
    this.bill = -1;
  }

  /** Goes on with another sheet of the same bills: lines may have moved. */
  rebase() {
    const { keys } = this.amend;
    const typed = new Map();
    for (const [name, text] of this.typed) {
      const [bill, line, ...rest] = name.split("/");
      if (Number(line) < 0) {
        typed.set(name, text);
        continue;
      }
      const lines = this.sheet.bills[Number(bill)]?.lines || [];
      const j = lines.findIndex((_, i) => same(keys.line(Number(bill), i)) === this.lines.get(name));
      const moved = `${bill}/${j}/${rest.join("/")}`;
      if (j < 0) continue;
      typed.set(moved, text);
      this.lines.set(moved, this.lines.get(name));
    }
    this.typed = typed;
  }

  /** Shows the values of a bill, -1 for none. */
  show(bill) {
    const held = this.element.contains(document.activeElement) ? document.activeElement?.id : "";
    if (this.bill !== bill) this.element.scrollTop = 0;
    this.bill = bill;
    const b = this.sheet?.bills[bill];
    this.element.hidden = !b;
    if (!b) return;
    this.most = decimalsOf(this.sheet.bills);
    const chip = b.accepted ? t("accepted") : b.amended ? t("amended") : "";
    fill(this.head, t("Bill {number}", { number: b.number?.text || t("without number") }),
      chip && h("span", { class: "chip warn" }, chip));
    this.accept.hidden = !b.held;
    this.draw(b);
    if (this.fields.open) this.drawFields();
    else fill(this.fields, h("summary", {}, t("Fields of the bill")));
    this.drawChanges();
    this.update();
    const again = held ? /** @type {HTMLInputElement | null} */ (document.getElementById(held)) : null;
    again?.focus({ preventScroll: true });
    if (again?.matches("input:not(.typed)")) again.select();
  }

  name(spot) { return `${spot.bill}/${spot.line}/${spot.name}`; }

  /**
   * @param {any} owner the bill or line
   * @param {any} value
   * @returns {Spot}
   */
  spot(owner, bill, line, name, value, figure) {
    const now = Array.isArray(value) ? value.map((v) => v.text).join("\n") : value?.text ?? "";
    return { bill, line, name, value: Array.isArray(value) ? value[0] : value, now, was: owner.was?.[name], figure };
  }

  // Makes the field of a value.
  field(spot, label, { lines = false, wide = 0 } = {}) {
    const name = this.name(spot);
    const text = this.typed.get(name) ?? spot.now;
    const input = h(lines ? "textarea" : "input", {
      id: `v-${name.replaceAll("/", "-")}`, value: text, autocomplete: "off", spellcheck: false, "aria-label": label,
      class: spot.figure ? "num" : "", maxLength: 1300,
    });
    if (lines) input.rows = Math.max(1, text.split("\n").length);
    else input.type = "text";
    if (wide) input.style.minWidth = `${wide}ch`;
    input.spot = spot;
    this.dye(input);
    return input;
  }

  // Marks a field that was amended, changed or is wrong.
  dye(input) {
    const { spot } = input;
    const typed = this.typed.get(this.name(spot));
    input.classList.toggle("amended", spot.was !== undefined);
    input.classList.toggle("typed", typed !== undefined);
    invalid(input, spot.figure && typed !== undefined && unreadable(typed));
  }

  // Says what was read, and who corrected it; or what else may have been read from a picture.
  story(spot) {
    const reading = spot.value?.reading;
    if (spot.was === undefined && reading && reading.state !== "confirmed") {
      const other = reading.orders && reading.orders !== spot.now ? reading.orders : reading.other;
      return other ? h("small", { class: "was" }, t("or {other}", { other })) : null;
    }
    if (spot.was === undefined) return null;
    const a = this.correction(spot);
    const read = spot.was.replaceAll("\n", " / ") || t("empty");
    const text = spot.was === spot.now ? t("confirmed") : t("was {read}", { read });
    return h("small", { class: "was", title: a ? `${text} · ${who(a)}` : text }, text,
      a && h("span", { class: "unseen" }, ` · ${who(a)}`));
  }

  // The amendments that correct a value.
  corrections(spot) {
    const { keys, list } = this.amend;
    const key = spot.line >= 0 ? same(keys.line(spot.bill, spot.line)) : "";
    return list.filter((a) => a.kind === "correct" && a.field === spot.name &&
      (spot.line >= 0 ? a.line && same(a.line) === key : a.bill && sameBill(a.bill, keys.bill(spot.bill))));
  }

  correction(spot) { return this.corrections(spot).at(-1); }

  draw(b) {
    const names = cellsOfLine();
    for (const column of names) {
      const longest = Math.max(...b.lines.map((l) => l[column[0]]?.text.length || 0));
      column[3] = Math.min(28, Math.max(column[3], longest + 2));
    }
    const heads = h("tr", {}, h("th", { scope: "col" }, "#"),
      names.map(([, name, isNumber]) => h("th", { scope: "col", class: isNumber ? "num" : "" }, name)),
      h("th", { class: "last" }, h("span", { class: "unseen" }, t("Remove"))));
    const rows = b.lines.map((l, j) => {
      const cells = names.map(([name, label, isNumber, wide]) => {
        const spot = this.spot(l, this.bill, j, name, l[name], isNumber);
        return h("td", { "data-name": label }, this.field(spot, t("{name} of line {n}", { name: label, n: j + 1 }),
          { wide }), this.story(spot));
      });
      const look = () => this.point(l, true);
      const remove = () => this.remove(j);
      return h("tr", { class: l.added ? "added" : "" },
        h("th", { scope: "row" }, button({
          class: "link", "aria-label": t("Show line {n} on the page", { n: j + 1 }), onclick: look,
        }, String(j + 1)), l.added && h("small", { class: "was" }, t("added"))),
        cells, h("td", { class: "last" }, sign("cross", t("Line {n} is not a line: remove it", { n: j + 1 }), remove,
          { title: t("This is not a line") })));
    });
    const drafts = this.drafts.filter((d) => d.bill === this.bill).map((d, i) => this.draft(d, i, names));
    const foot = (label, cell) => h("tr", {}, h("th", { scope: "row" }, label),
      names.map(([name, title]) => h("td", { class: "num", "data-name": totalOf[name] && title },
        totalOf[name] ? cell(totalOf[name]) : "")), h("td"));
    this.sumCells = {};
    this.offCells = {};
    const make = (cells) => (field) => (cells[field] = h("span"));
    const printed = (field) => {
      const spot = this.spot(b, this.bill, -1, `total_${field}`, b.totals[field].value, true);
      return [this.field(spot, t("{name} printed", { name: fields[field].name })), this.story(spot)];
    };
    fill(this.table, h("table", { class: "valuetable cards" },
      h("caption", { class: "unseen" }, t("Lines and totals of the bill")),
      h("thead", {}, heads), h("tbody", {}, rows, drafts),
      h("tfoot", {}, foot(t("Sum"), make(this.sumCells)), foot(t("Printed"), printed),
        foot(t("Off by"), make(this.offCells)))));
  }

  // A line that is being added.
  draft(d, i, names) {
    const cells = names.map(([name, label, isNumber, wide]) => {
      const input = h("input", {
        type: "text", id: `draft-${i}-${name}`, value: d.cells[name] || "", autocomplete: "off", spellcheck: false,
        class: isNumber ? "num typed" : "typed", "aria-label": t("{name} of the new line", { name: label }),
          maxLength: 1300,
        oninput: () => {
          d.cells[name] = input.value;
          invalid(input, isNumber && unreadable(input.value));
        },
      });
      invalid(input, isNumber && unreadable(input.value));
      input.style.minWidth = `${wide}ch`;
      return h("td", { "data-name": label }, input);
    });
    const cancel = () => {
      this.drafts = this.drafts.filter((x) => x !== d);
      this.show(this.bill);
      this.more.focus();
    };
    return h("tr", { class: "added" }, h("th", { scope: "row" }, t("new")), cells,
      h("td", { class: "last" }, sign("cross", t("Do not add this line"), cancel)));
  }

  drawFields() {
    const b = this.sheet.bills[this.bill];
    if (!b) return;
    const many = new Set(["consignee", "office_address", "warehouse_address", "instructions", "notes"]);
    fill(this.fields, h("summary", {}, t("Fields of the bill")), h("div", { class: "fieldgrid" },
      fieldsOfBill().map(([name, label]) => {
        const spot = this.spot(b, this.bill, -1, name, b[name], false);
        const long = (this.typed.get(this.name(spot)) ?? spot.now).length > 20;
        return h("div", { class: long ? "long" : "" }, h("span", { "aria-hidden": "true" }, label),
          this.field(spot, label, { lines: many.has(name) }), this.story(spot));
      })));
  }

  // What people changed of the bill, each with its undo.
  drawChanges() {
    const key = this.amend.keys.bill(this.bill);
    const list = this.amend.list.filter((a) => about(a, key));
    this.changes.hidden = list.length === 0;
    const names = kinds();
    const labels = new Map([...cellsOfLine(), ...fieldsOfBill()].map(([name, label]) => [name, label]));
    const what = (a) => {
      const field = a.field && (labels.get(a.field) || fields[a.field.replace("total_", "")]?.name || a.field);
      const line = a.line && [a.line.style, a.line.cartons, a.line.pieces].filter(Boolean).join(" · ");
      const cells = a.cells && Object.values(a.cells).join(" · ");
      const kind = confirms(a) ? t("Confirmed") : names[a.kind] || a.kind;
      return [kind, field || a.column, line || cells].filter(Boolean).join(" · ");
    };
    fill(this.changes, h("summary", {}, tn("{n} change", "{n} changes", list.length)), h("ul", {},
      list.map((a) => h("li", { class: a.state === "lost" ? "lost" : "" },
        h("span", {}, h("strong", {}, what(a)), a.kind === "correct" &&
          ` ${confirms(a) ? a.value : `${a.was || t("empty")} → ${a.value || t("empty")}`}`,
          a.column && ` “${a.value || ""}”`, a.note && ` (${a.note})`,
          h("small", {}, ` ${who(a)}`), a.state === "lost" &&
            h("small", {}, ` ${t("without effect: {why}", { why: a.reason })}`)),
        button({
          class: "small", "aria-label": t("Undo: {what}", { what: what(a) }),
          onclick: () => this.amend.undo([a.id], t("Undone.")),
        }, t("Undo"))))));
  }

  // The cells of a line as they would be.
  texts(j, l) {
    const of = (/** @type {any[]} */ [name]) => [name,
      this.typed.get(`${this.bill}/${j}/${name}`) ?? this.text(l, name)];
    return Object.fromEntries(cellsOfLine().map(of));
  }

  // A figure that is not written as such, as one of a learnt form, is known by its value.
  text(l, name) {
    const v = l[name];
    if (!v) return "";
    return v.number !== undefined && v.number !== null && !number(v.text) ? String(v.number) : v.text;
  }

  /** Shows the sums of what is there and of what was typed. */
  update() {
    const b = this.sheet.bills[this.bill];
    const lines = b.lines.map((l, j) => this.texts(j, l));
    for (const d of this.drafts) if (d.bill === this.bill) lines.push(d.cells);
    const printed = Object.fromEntries(added.map(({ field }) => [field,
      this.typed.get(`${this.bill}/-1/total_${field}`) ?? (b.totals[field].value ? b.totals[field].value.text : "")]));
    const checks = compare(lines, printed, this.most);
    const off = [];
    const wrong = this.wrong();
    for (const c of checks) {
      // Without one of its figures a sum would be another one.
      if (wrong.has(c.field)) c.state = "unknown";
      this.sumCells[c.field].textContent = wrong.has(c.field) ? "–" : figure(c.field, plain(c.sum));
      const cell = this.offCells[c.field];
      cell.className = c.state === "differs" ? "off" : c.state === "proved" ? "ok" : "";
      cell.title = c.state === "differs" ? sides(c.off) : "";
      const sign = c.off > 0n ? "+" : "−";
      const n = exact(Math.abs(plain(c.off)));
      const by = c.off ? `${sign}${n}` : "";
      fill(cell, c.state === "differs" ? by : c.state === "proved" ? [by && h("small", {}, `≈ ${by} `), icon("ok")]
        : "–",
        c.state === "proved" && h("span", { class: "unseen" }, t("adds up")));
      if (c.state === "differs") off.push(offBy(fields[c.field].name, n, c.off > 0n));
    }
    const n = this.count();
    const compared = checks.some((c) => c.state === "proved");
    const does = off.length ? t("Does not add up: {what}", { what: off.join(", ") }) : compared ? t("Adds up")
      : t("Nothing to compare");
    const [bad] = wrong.values();
    const kind = off.length || bad ? "bad" : compared ? "ok" : "";
    this.state.className = `preview ${kind}`;
    const text = bad ? noNumber(bad) : n ? t("If saved: {what}", { what: does }) : does;
    if (this.state.textContent !== text) fill(this.state, kind && icon(kind), text);
    this.save.hidden = this.drop.hidden = !n;
    this.save.textContent = tn("Save {n} change", "Save {n} changes", n);
  }

  count() { return this.typed.size + this.drafts.length; }

  /** What was typed and is not a figure, by the field of the sum that lacks it. @returns {Map<string, string>} */
  wrong() {
    const wrong = new Map();
    for (const { field, cell } of added) {
      for (const [name, text] of this.typed) {
        const [bill, line, of] = name.split("/");
        const here = Number(line) < 0 ? of === `total_${field}` : of === cell;
        if (Number(bill) === this.bill && here && unreadable(text)) wrong.set(field, text);
      }
      for (const d of this.drafts) {
        if (d.bill === this.bill && unreadable(d.cells[cell] || "")) wrong.set(field, d.cells[cell]);
      }
    }
    return wrong;
  }

  input(e) {
    const { spot } = e.target;
    if (spot) {
      const text = e.target.value;
      if (text === spot.now) this.typed.delete(this.name(spot));
      else {
        this.typed.set(this.name(spot), text);
        if (spot.line >= 0) this.lines.set(this.name(spot), same(this.amend.keys.line(spot.bill, spot.line)));
      }
      this.dye(e.target);
    }
    this.trouble.replaceChildren();
    this.update();
  }

  entered(e) {
    const { spot } = e.target;
    if (!spot) return;
    const line = spot.line >= 0 ? this.sheet.bills[spot.bill].lines[spot.line] : null;
    const place = spot.value?.box ? spot.value : line;
    if (place) this.point(place, false);
  }

  key(e) {
    const field = e.target.matches("input, textarea");
    if (!field || e.altKey) return;
    if (e.key === "Escape") {
      e.preventDefault();
      e.stopPropagation();
      const { spot } = e.target;
      if (spot && this.typed.delete(this.name(spot))) {
        e.target.value = spot.now;
        this.dye(e.target);
        this.update();
        e.target.select?.();
      } else this.left?.();
      return;
    }
    if (e.key === "Enter" && (e.target.tagName !== "TEXTAREA" || e.ctrlKey)) {
      e.preventDefault();
      e.stopPropagation();
      this.send();
      return;
    }
    // Up and down lead to the same cell of the next line.
    const by = { ArrowUp: -1, ArrowDown: 1 }[e.key];
    const cell = e.target.closest("td");
    if (by && e.target.tagName !== "TEXTAREA" && cell) {
      const rows = [...this.table.querySelectorAll("tr")];
      const i = rows.indexOf(cell.parentNode), at = [...cell.parentNode.children].indexOf(cell);
      for (let k = i + by; rows[k]; k += by) {
        const next = rows[k].children[at]?.querySelector("input");
        if (!next) continue;
        e.preventDefault();
        next.focus();
        next.select();
        break;
      }
    }
    e.stopPropagation(); // letters are not shortcuts here
  }

  /** Moves the focus to a value: {bill, line, name}; without a name to the first of the line or bill. */
  focus(at) {
    if (at.bill !== this.bill) this.show(at.bill);
    const total = at.name?.startsWith("total_");
    if (at.line < 0 && at.name && !total) {
      this.fields.open = true;
      this.drawFields();
    }
    const name = at.name || (at.line >= 0 ? "cartons" : "total_cartons");
    const input = document.getElementById(`v-${at.bill}-${at.line}-${name}`);
    if (!input) return false;
    input.focus({ preventScroll: true });
    /** @type {HTMLInputElement} */ (input).select();
    input.scrollIntoView({ block: "nearest", inline: "nearest" });
    return true;
  }

  /** Scrolls a line into sight. */
  reveal(line) {
    const row = this.table.querySelectorAll("tbody tr")[line];
    if (row) this.table.scrollTop = Math.max(0, row.offsetTop - 60);
  }

  /** Begins a line that was not read. Place is where it is on the page, if that is known. */
  begin(place = this.suggested?.() || null) {
    this.drafts.push({ bill: this.bill, cells: {}, place });
    this.show(this.bill);
    const i = this.drafts.filter((d) => d.bill === this.bill).length - 1;
    const first = document.getElementById(`draft-${i}-cartons`);
    first?.focus({ preventScroll: true });
    first?.scrollIntoView({ block: "nearest", inline: "nearest" });
    say(place ? t("A new line. Type its values.")
      : t("A new line. Type its values; drag over its row on the picture to say where it is."));
  }

  /** Says where the last of the lines that are being added is. Reports whether there is one. */
  at(place) {
    const last = this.drafts.findLast((d) => d.bill === this.bill);
    if (last) last.place = place;
    return Boolean(last);
  }

  discard() {
    this.typed.clear();
    this.drafts = [];
    this.trouble.replaceChildren();
    this.show(this.bill);
    this.more.focus();
  }

  // Saves what was typed, in one step.
  async send() {
    const { keys } = this.amend;
    const add = [], undo = [];
    let wrong = "";
    for (const [name, text] of this.typed) {
      const [bill, line, ...rest] = name.split("/");
      const spot = this.spotOf(Number(bill), Number(line), rest.join("/"));
      if (!spot) continue;
      const value = clean(text, true);
      if (spot.figure && value && !number(value)) {
        wrong ||= noNumber(value);
        continue;
      }
      const read = spot.was ?? spot.now;
      undo.push(...this.corrections(spot).map((a) => a.id));
      if (value === read) continue;
      const one = { kind: "correct", field: spot.name, value };
      add.push(spot.line >= 0 ? { ...one, line: keys.line(spot.bill, spot.line) }
        : { ...one, bill: keys.bill(spot.bill) });
    }
    for (const d of this.drafts) {
      const cells = Object.fromEntries(Object.entries(d.cells).map(([k, v]) => [k, clean(v)]).filter(([, v]) => v));
      for (const [name, , isNumber] of cellsOfLine()) {
        if (isNumber && cells[name] && !number(cells[name])) {
          wrong ||= noNumber(cells[name]);
        }
      }
      if (!Object.keys(cells).length) wrong ||= t("The new line is empty.");
      add.push({ kind: "add", bill: keys.bill(d.bill), cells, ...(d.place ? { place: d.place } : {}) });
    }
    if (wrong) {
      // The preview says already which of this bill's figures is none.
      if (wrong !== this.state.textContent) fill(this.trouble, h("p", { class: "error", role: "alert" }, wrong));
      /** @type {HTMLElement | null} */ (this.element.querySelector("[aria-invalid]"))?.focus();
      return;
    }
    if (!add.length && !undo.length) return this.count() ? this.discard() : undefined;
    const { typed, drafts } = this;
    this.typed = new Map();
    this.drafts = [];
    const n = typed.size + drafts.length;
    const number0 = this.sheet.bills[this.bill].number?.text || "";
    const done = tn("{n} change of bill {bill} was saved.", "{n} changes of bill {bill} were saved.", n,
      { bill: number0 });
    if (await this.amend.send(add, undo, done)) return;
    // What was typed is not lost.
    this.typed = new Map([...typed, ...this.typed]);
    this.drafts = [...drafts, ...this.drafts];
    if (this.sheet?.bills[this.bill]) this.show(this.bill);
  }

  /** @returns {Spot | null} */
  spotOf(bill, line, name) {
    const b = this.sheet.bills[bill];
    if (!b) return null;
    if (line >= 0) {
      const l = b.lines[line], cell = cellsOfLine().find(([n]) => n === name);
      return l && cell ? this.spot(l, bill, line, name, l[name], cell[2]) : null;
    }
    const total = name.startsWith("total_");
    return this.spot(b, bill, line, name, total ? b.totals[name.slice(6)].value : b[name], total);
  }

  // Removes what is not a line. A line that somebody added is undone instead.
  async remove(j) {
    const { keys, list } = this.amend;
    const key = keys.line(this.bill, j), name = same(key);
    const line = this.sheet.bills[this.bill].lines[j];
    for (const k of [...this.typed.keys()]) if (k.startsWith(`${this.bill}/`) &&
      !k.startsWith(`${this.bill}/-1/`)) this.typed.delete(k);
    const undo = line.added
      ? list.filter((a) => (a.line && same(a.line) === name) ||
        (a.kind === "add" && this.makes(a, key))).map((a) => a.id)
      : [];
    const text = t("Line {n} of bill {bill} was removed.",
      { n: j + 1, bill: this.sheet.bills[this.bill].number?.text || "" });
    await this.amend.send(undo.length ? [] : [{ kind: "remove", line: key }], undo, text);
    this.more.focus({ preventScroll: true });
  }

  // Reports whether an amendment added the line of a name.
  makes(a, key) {
    const made = (x) => same({ bill: key.bill, style: x.style, cartons: x.cartons, pieces: x.pieces });
    return sameBill(a.bill, this.amend.keys.bill(this.bill)) && made(a.cells) === made(key);
  }

  /** The text of a value, {bill, line, name}, that can be confirmed as it was read; "" if it cannot. */
  confirmable({ bill, line, name }) {
    const spot = this.spotOf(bill, line, name);
    return spot && spot.was === undefined && !(spot.figure && !number(spot.now)) ? spot.now : "";
  }

  /** Reports whether a value may be a text. */
  possible({ bill, line, name }, text) {
    const spot = this.spotOf(bill, line, name);
    return Boolean(spot) && !(spot?.figure && unreadable(text));
  }

  /** Says that a value is right as it was read, or that it is another text. */
  async agree({ bill, line, name }, text = "") {
    const spot = this.spotOf(bill, line, name);
    if (!spot) return false;
    const { keys } = this.amend;
    const value = text || spot.now;
    const one = { kind: "correct", field: name, value };
    const said = text ? t("It is {text} now.", { text }) : t("{text} was confirmed.", { text: value });
    return this.amend.send([line >= 0 ? { ...one, line: keys.line(bill, line) } : { ...one, bill: keys.bill(bill) }],
      [], said);
  }

  async vouch() {
    await vouch(this.session, this.bill);
    this.more.focus({ preventScroll: true });
  }
}

// Whether an amendment says that a value is right as it was read.
const confirms = (a) => a.kind === "correct" && a.value && a.value === a.was;

// What differs, in words: a sign alone does not say on which side something is missing.
const offBy = (what, n, less) =>
  (less ? t("{what}: {n} missing", { what, n }) : t("{what}: {n} too many", { what, n }));

const noNumber = (text) => t("“{text}” is not a number. Write it like 1,234.5.", { text: text.trim().slice(0, 40) });

// Reports whether something was typed where a figure belongs, and is none.
const unreadable = (text) => text.trim() !== "" && !number(text);

const invalid = (input, yes) => { input.ariaInvalid = yes ? "true" : null; };

/** Has somebody accept a bill that nothing proves, with a note. */
export async function vouch(session, bill) {
  const amend = amendmentsOf(session), b = session.sheet.bills[bill];
  const note = await write(t("Accept bill {number}?", { number: b.number?.text || t("without number") }),
    t("Nothing proves that it was read right: {why}. Accept it once you have compared its lines with the page. " +
      "Its lines are then in the sheet and in downloads.",
      { why: plainly(b.verdict.reason) || t("it prints no totals") }),
    { label: t("Note"), button: t("Accept"), optional: true });
  if (note === null) return;
  await amend.send([{ kind: "accept", bill: amend.keys.bill(bill), note }], [],
    t("Bill {number} was accepted.", { number: b.number?.text || "" }));
}
