// @ts-check
// Teaches the form of a document that nothing proves. People show the columns on the picture
// of a page and say which rows are totals; after each change the server reads the page anew,
// and its proof is said in words.

import { $, h, fill, ask, button, icon, say, svg } from "./dom.js";
import { capital, count } from "./format.js";
import { words } from "./session.js";
import { Pictures, follow, pointOn } from "./picture.js";
import { t } from "./words.js";

const pause = 150; // milliseconds between a change and its request, so that a drag makes few
const least = 2; // points between two edges
const mostFailures = 5; // of requests, one after another, until only a change begins the next
const zooms = [1, 1.5, 2, 3];

const kinds = [
  ["line", t("line")], ["total", t("this is the total")], ["none", t("no line")], ["end", t("the table ends above")],
];
const sums = [
  ["", t("adds up")], ["max", t("is the largest")], ["count", t("counts the lines")], ["none", t("is not printed")],
];

const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);

export class Teacher {
  constructor(session) {
    this.session = session;
    this.pictures = new Pictures(session);
    const tool = (name, label, onclick) =>
      button({ class: "quiet icon", "aria-label": label, title: label, onclick }, icon(name));
    this.title = h("h2", { id: "teach-title", tabIndex: -1 });
    this.picture = h("img", { alt: "", draggable: false });
    this.marks = svg("svg", { class: "marks", "aria-hidden": "true", preserveAspectRatio: "none" });
    this.top = this.slider("top", t("Where the rows begin"), "vertical");
    this.failures = 0;
    this.edges = h("div", { class: "edges" });
    this.chips = h("div", { class: "columnchips" });
    this.paper = h("div", { class: "paper", onclick: (e) => this.split(this.point(e).x) },
      this.picture, this.marks, this.edges, this.top);
    this.view = h("div", { class: "viewport", tabIndex: 0, role: "group", "aria-label": t("Page with its columns") },
      h("div", { class: "sheetbox" }, this.chips, this.paper));
    this.pages = h("select", { id: "teach-page", onchange: () => this.turn(Number(this.pages.value)) });
    this.remove = button({ class: "small", onclick: () => this.join(this.last) }, t("Remove edge"));
    this.verdict = h("p", { class: "proof", role: "status" });
    this.sentences = h("ul", { class: "sentences" });
    this.name = h("input", { type: "text", id: "teach-name", maxLength: 60, autocomplete: "off", spellcheck: false });
    this.trouble = h("div", { class: "trouble" });
    this.save = button({ class: "primary", onclick: () => this.keep() }, t("Save"));
    this.rows = h("ol", { class: "rowlist" });
    const cancel = (e) => {
      e.preventDefault();
      this.leave();
    };
    this.dialog = h("dialog", { class: "teacher", "aria-labelledby": "teach-title", oncancel: cancel },
      h("div", { class: "inspector-head" }, this.title, tool("cross", t("Close"), () => this.leave())),
      h("p", { class: "hint help" }, t("Say what each column is. Drag the edges, or move them with the arrow keys. A " +
        "click on the page, or + on an edge, adds one; Delete removes it. Put the blue line between the headings and " +
        "the first row.")),
      h("div", { class: "inspector-tools", role: "toolbar", "aria-label": t("Columns") },
        h("span", { class: "set pages" }, h("label", { for: "teach-page" }, t("Page"), " "), this.pages),
        h("span", { class: "set" }, button({ class: "small", onclick: () => this.add() }, icon("plus"), t("Add edge")),
          this.remove),
        h("span", { class: "set" }, tool("minus", t("Zoom out"), () => this.zoom(-1)),
          tool("plus", t("Zoom in"), () => this.zoom(1)))),
      this.view,
      h("div", { class: "lesson" },
        h("h3", {}, t("Proof")), this.verdict, this.sentences,
        h("div", { class: "naming" },
          h("label", { for: "teach-name" }, t("Name of the form")), this.name, this.save,
          button({ class: "quiet", onclick: () => this.leave() }, t("Cancel"))),
        this.trouble,
        h("h3", {}, t("Rows")), this.rows));
    document.body.append(this.dialog);
    this.z = 1;
    new ResizeObserver(() => this.dialog.open && this.layout()).observe(this.view);
  }

  /** Opens the lesson of a page: {file, page}. */
  async open(at) {
    this.at = at;
    this.opener = document.activeElement;
    fill(this.title, t("Show us the columns of {file}", { file: this.session.sheet.files[at.file].name }));
    this.trouble.replaceChildren();
    this.name.value = "";
    try {
      await this.load(at.page);
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      return this.session.changed("unteachable", words(error));
    }
    if (!this.dialog.open) this.dialog.showModal();
    this.layout();
    this.title.focus({ preventScroll: true });
    await this.draw().catch((error) => this.fail(words(error)));
  }

  async load(page) {
    const { file } = this.at;
    const get = (number) => this.session.client.json("GET", "/learn",
      { query: { file: String(file), page: String(number), of: this.session.version } });
    let lesson = await get(page);
    // Columns are shown where their headings stand.
    if (lesson.headings_on && lesson.headings_on !== page) lesson = await get(lesson.headings_on);
    this.at = { file, page: lesson.page };
    this.first = lesson;
    this.rules = lesson.rules;
    this.marked = new Map();
    this.totals = { ...lesson.totals };
    this.unsaved = false;
    this.lay(lesson);
    const stem = this.session.sheet.files[file].name.replace(/\.[^.]*$/, "").slice(0, 60);
    this.name.value ||= lesson.form === "learnt" ? lesson.name : stem;
    fill(this.pages, lesson.pages.map((p) => option(String(p), count(p), String(lesson.page))));
    this.pages.parentElement.hidden = lesson.pages.length < 2;
    this.take(lesson);
  }

  // Lays edges where the columns of a lesson are on its page.
  lay(lesson) {
    const { width, height, columns } = lesson;
    this.size = { w: width, h: height };
    this.begin = lesson.top || height / 4;
    this.at0 = columns.length ? [columns[0].left] : [width * 0.04, width * 0.96];
    /** @type {{field: string, unit: string, heading: string}[]} what is between two edges */
    this.means = columns.length ? [] : [blank()];
    for (const { left, right, field, unit, heading } of columns) {
      if (left - this.at0[this.at0.length - 1] > least) {
        this.at0.push(left);
        this.means.push(blank());
      }
      this.at0.push(right);
      this.means.push({ field, unit, heading });
    }
    this.on = lesson.page;
    this.last = 0;
    this.build();
  }

  // Shows another page of the bill by what was shown so far: the rows that were marked are
  // rules by now.
  async turn(page) {
    const { at } = this;
    // What is shown meanwhile would be of neither page.
    this.rows.inert = this.edges.inert = this.chips.inert = true;
    try {
      while (this.timer || this.asking) {
        if (this.timer) this.read();
        await this.asking;
      }
      if (this.shown().columns.length) {
        const rules = this.lesson.rules;
        const lesson = await this.post({ ...this.shown(), page, rules, rows: [] });
        Object.assign(this, { at: { ...at, page }, rules, marked: new Map() });
        if (lesson.headings_on === page) this.lay(lesson);
        this.take(lesson);
      } else await this.load(page);
      this.trouble.replaceChildren();
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      this.pages.value = String(at.page);
      return this.fail(words(error));
    } finally {
      this.rows.inert = this.edges.inert = this.chips.inert = false;
    }
    await this.draw().catch((error) => this.fail(words(error)));
  }

  async draw() {
    const { file, page } = this.at;
    this.view.ariaBusy = "true";
    try {
      const { url } = await this.pictures.of(file, page, this.paper.clientWidth);
      this.picture.src = url;
      this.picture.alt = t("Page {n}", { n: page });
      await this.picture.decode().catch(() => {});
      const y = (this.begin / this.size.h) * this.paper.clientHeight;
      this.view.scrollTo(0, Math.max(0, y - this.view.clientHeight / 2));
    } finally {
      this.view.ariaBusy = null;
    }
  }

  // A line that is moved: by the mouse, by the arrow keys.
  slider(kind, label, orientation) {
    return h("div", {
      class: `slider ${kind}`, role: "slider", tabIndex: 0, "aria-label": label, "aria-orientation": orientation,
      onpointerdown: (e) => this.drag(e), onkeydown: (e) => this.nudge(e), onclick: (e) => e.stopPropagation(),
      onfocus: (e) => { if (e.target !== this.top) this.last = Number(e.target.dataset.edge); },
    });
  }

  // Makes the elements of edges and columns anew, with the focus on an edge, if one is given.
  build(focus = -1) {
    this.sliders = this.at0.map((_, i) => {
      const s = this.slider("edge", t("Edge {n} of {all}", { n: i + 1, all: this.at0.length }), "horizontal");
      s.dataset.edge = String(i);
      return s;
    });
    this.choices = this.means.map((m, i) => this.choice(m, i));
    fill(this.edges, this.sliders);
    fill(this.chips, this.choices);
    this.place();
    this.sliders[focus]?.focus({ preventScroll: true });
  }

  // The chip of a column: a choice of its meaning, and of its unit if it has one.
  choice(m, i) {
    const name = t("Column {n}", { n: i + 1 }) + (m.heading ? `, ${m.heading}` : "");
    const field = h("select", {
      "aria-label": name, title: name, onchange: () => {
        Object.assign(m, { field: field.value, unit: "" });
        units();
        this.chipRows();
        this.change();
      },
    }, option("", t("not a column"), m.field), this.first.fields.map((f) => option(f.name, f.label, m.field)));
    const unit = h("select", {
      "aria-label": t("Unit of column {n}", { n: i + 1 }), onchange: () => {
        m.unit = unit.value;
        this.change();
      },
    });
    const units = () => {
      const known = this.first.fields.find((f) => f.name === m.field)?.units || [];
      fill(unit, option("", t("unit?"), m.unit), known.map((u) => option(u, u, m.unit)));
      unit.hidden = known.length === 0;
      chip.classList.toggle("unused", !m.field);
    };
    const chip = h("div", { class: "columnchip" }, field, unit);
    units();
    return chip;
  }

  // Puts edges, chips and the line over the rows to their places.
  place() {
    const { w, h: high } = this.size;
    const value = (e, now, from, to, text) => {
      const [ariaValueMin, ariaValueMax, ariaValueNow] = [from, to, now].map((n) => String(Math.round(n)));
      Object.assign(e, { ariaValueMin, ariaValueMax, ariaValueNow, ariaValueText: text });
    };
    const name = (i) => this.first.fields.find((f) => f.name === this.means[i]?.field)?.label || t("no column");
    this.at0.forEach((x, i) => {
      this.sliders[i].style.left = `${(100 * x) / w}%`;
      const text = t("{n} points, between {left} and {right}",
        { n: Math.round(x), left: name(i - 1), right: name(i) });
      value(this.sliders[i], x, this.at0[i - 1] ?? 0, this.at0[i + 1] ?? w, text);
    });
    this.top.style.top = `${(100 * this.begin) / high}%`;
    value(this.top, this.begin, 0, high, t("{n} points from the top", { n: Math.round(this.begin) }));
    this.chipRows();
    this.remove.disabled = this.at0.length <= 2;
  }

  // Chips that would overlap stand in several rows.
  chipRows() {
    const wide = this.paper.clientWidth;
    if (!wide) return;
    const ends = [], high = this.choices[0].offsetHeight + 4;
    this.choices.forEach((chip, i) => {
      const middle = ((this.at0[i] + this.at0[i + 1]) / 2 / this.size.w) * wide;
      const half = chip.offsetWidth / 2;
      const left = Math.max(0, Math.min(wide - 2 * half, middle - half));
      let row = ends.findIndex((end) => end + 4 <= left);
      if (row < 0) row = ends.length;
      ends[row] = left + 2 * half;
      chip.style.left = `${left}px`;
      chip.style.bottom = `${4 + row * high}px`;
    });
    this.chips.style.height = `${4 + ends.length * high}px`;
  }

  layout() {
    // On a phone columns of a whole page are too narrow for a finger.
    const width = Math.max(280, this.view.clientWidth - 2) * Math.max(this.z, innerWidth < 640 ? 2 : 1);
    /** @type {HTMLElement} */ (this.paper.parentElement).style.width = `${width}px`;
    this.paper.style.height = `${(width * this.size.h) / this.size.w}px`;
    this.chipRows();
  }

  zoom(by) {
    const at = zooms.indexOf(this.z) + by;
    this.z = zooms[Math.max(0, Math.min(zooms.length - 1, at))];
    this.layout();
    say(t("Zoom {n} %", { n: Math.round(this.z * 100) }));
  }

  // The place of the mouse on the page, in points.
  point(e) { return pointOn(this.paper, this.size, e); }

  drag(e) {
    const line = e.currentTarget;
    line.focus({ preventScroll: true });
    follow(e, (e) => this.move(line, line === this.top ? this.point(e).y : this.point(e).x));
  }

  nudge(e) {
    const line = e.currentTarget, edge = Number(line.dataset.edge);
    if (e.key === "Delete" || e.key === "Backspace") {
      e.preventDefault();
      if (line !== this.top) this.join(edge);
      return;
    }
    if (e.key === "+" && line !== this.top) {
      e.preventDefault();
      return this.split((this.at0[edge] + (this.at0[edge + 1] ?? this.size.w)) / 2);
    }
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -20, PageDown: 20 }[e.key];
    if (!by || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    this.move(line, (line === this.top ? this.begin : this.at0[edge]) + by * (e.shiftKey ? 5 : 1));
  }

  // Moves a line to a place, between its neighbours.
  move(line, to) {
    const within = (from, end) => Math.round(10 * Math.max(from, Math.min(end, to))) / 10;
    if (line === this.top) this.begin = within(0, this.size.h);
    else {
      const i = Number(line.dataset.edge), all = this.at0;
      all[i] = within(i ? all[i - 1] + least : 0, i + 1 < all.length ? all[i + 1] - least : this.size.w);
    }
    this.place();
    this.change();
  }

  // Adds an edge at a place.
  split(x) {
    let i = this.at0.findIndex((e) => e > x);
    if (i < 0) i = this.at0.length;
    const near = this.at0.some((e) => Math.abs(e - x) < 2 * least);
    if (near || this.at0.length > 40) return;
    this.at0.splice(i, 0, Math.round(10 * x) / 10);
    this.means.splice(i, 0, blank());
    this.build(i);
    this.change();
    say(t("Edge {n} of {all} was added", { n: i + 1, all: this.at0.length }));
  }

  // Adds an edge in the middle of the widest column.
  add() {
    const wide = this.means.map((_, i) => this.at0[i + 1] - this.at0[i]);
    const i = wide.indexOf(Math.max(...wide));
    this.split((this.at0[i] + this.at0[i + 1]) / 2);
  }

  // Removes an edge: the columns beside it become one.
  join(i) {
    if (this.at0.length <= 2) return;
    this.at0.splice(i, 1);
    const inner = i > 0 && i < this.means.length;
    const [gone] = this.means.splice(Math.min(i, this.means.length - 1), 1);
    if (inner && !this.means[i - 1].field) this.means[i - 1] = gone;
    this.build(Math.min(i, this.at0.length - 1));
    this.change();
    say(t("The edge was removed"));
  }

  change() {
    this.unsaved = true;
    this.late = true;
    if (!this.timer && !this.asking) this.timer = setTimeout(() => this.read(), pause);
  }

  /** What is shown, as POST /learn takes it. */
  shown() {
    const columns = [];
    this.means.forEach((m, i) => m.field && columns.push({ ...m, left: this.at0[i], right: this.at0[i + 1] }));
    return {
      of: this.first.version, file: this.at.file, page: this.at.page, columns_on: this.on, columns,
      top: this.begin, rows: [...this.marked].map(([y, kind]) => ({ y, kind })), rules: this.rules, totals: this.totals,
    };
  }

  post(body) {
    return this.session.client.json("POST", "/learn", { body: JSON.stringify(body), type: "application/json" });
  }

  // Has the page read by what is shown, one request at a time.
  read() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.late = false;
    this.asking = this.preview().finally(() => {
      this.asking = null;
      if (this.late && this.dialog.open) this.change();
    });
  }

  async preview() {
    const { first, at } = this;
    const stays = () => this.first === first && this.at === at && this.dialog.open;
    try {
      const shown = this.shown();
      if (!shown.columns.length) return this.tell("warn", noTable);
      const lesson = await this.post(shown);
      this.failures = 0;
      if (stays()) this.take(lesson);
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      if (!stays()) return;
      this.tell("warn", `${words(error)}`);
      // Nobody has to change something for it to be tried again.
      if ((error?.status || 500) < 500 || ++this.failures > mostFailures) return;
      await new Promise((go) => setTimeout(go, 10 * pause));
      this.late = true;
    }
  }

  tell(kind, text) {
    const was = this.verdict.textContent;
    if (was === text) return;
    this.verdict.className = `proof ${kind}`;
    fill(this.verdict, icon(kind === "ok" ? "ok" : "bad"), h("span", {}, text));
  }

  // Shows how the page was read.
  take(lesson) {
    this.lesson = lesson;
    this.size = { w: lesson.width, h: lesson.height };
    const total = lesson.rows.some((r) => r.kind === "total") || lesson.checks.some((c) => c.printed);
    const hint = lesson.rows.length && !total ? ` ${t("If one of the rows is the total, say so below.")}` : "";
    const reason = lesson.reason ? `: ${lesson.reason}` : "";
    if (!lesson.columns.length) this.tell("warn", noTable);
    else if (lesson.proved && lesson.outcome === "reconciled") {
      this.tell("ok", t("Proved: the printed totals show that this is read right."));
    } else if (lesson.outcome === "mismatched") this.tell("bad", `${t("Does not add up")}${reason}.`);
    else this.tell("warn", `${t("Not proved yet")}${reason}.${hint}`);
    keyed(this.sentences, lesson.checks, (c) => `${c.table} ${c.field}`, (c) => this.sentence(c));
    keyed(this.rows, lesson.rows, (r) => Math.round(middle(r)), (r, i) => this.row(r, i));
    this.mark();
  }

  sentence(c) {
    const text = h("span");
    const how = h("select", {
      "aria-label": t("The total of {field}", { field: c.field }), onchange: () => {
        if (how.value) this.totals[c.field] = how.value;
        else delete this.totals[c.field];
        this.change();
      },
    }, sums.map(([v, name]) => option(v, name, this.totals[c.field] || "")));
    const state = h("span", { class: "state" });
    const item = h("li", {}, state, text, how);
    return [item, (c) => {
      const [kind, sign, word] = states[c.state] || states.unproved;
      item.className = kind;
      fill(state, icon(sign), h("span", { class: "unseen" }, `${word}: `));
      text.textContent = capital(c.sentence);
      how.value = this.totals[c.field] || "";
    }];
  }

  row(r, i) {
    let y = middle(r);
    const over = (on) => () => this.mark(on ? y : undefined);
    const text = h("span");
    const kind = h("select", {
      onfocus: over(true), onblur: over(false),
      onchange: () => {
        this.marked.set(Math.round(10 * y) / 10, kind.value);
        this.change();
      },
    }, kinds.map(([v, name]) => option(v, name, r.kind)));
    const item = h("li", { onpointerenter: over(true), onpointerleave: over(false) }, kind, text);
    return [item, (r) => {
      y = middle(r);
      kind.setAttribute("aria-label", t("Row {n}: {text}", { n: i + 1, text: r.text || t("without text") }));
      text.textContent = r.text;
      kind.value = r.kind;
      item.className = r.kind;
    }];
  }

  // Draws the rows on the picture, the one at a height more strongly.
  mark(y) {
    const { w, h } = this.size;
    this.marks.setAttribute("viewBox", `0 0 ${w} ${h}`);
    this.marks.replaceChildren(...this.lesson.rows.map((r) => svg("rect", {
      class: `row ${r.kind}${y !== undefined && Math.abs(middle(r) - y) < 1 ? " now" : ""}`, rx: 2,
      "vector-effect": "non-scaling-stroke", x: r.box.x0 - 2, y: r.box.y0 - 1, width: r.box.x1 - r.box.x0 + 4,
      height: r.box.y1 - r.box.y0 + 2,
    })));
  }

  fail(text) {
    this.trouble.replaceChildren(h("p", { class: "error", role: "alert" }, icon("bad"), h("span", {}, text)));
  }

  async keep() {
    const name = this.name.value.trim();
    if (!name) {
      this.fail(t("Give the form a name, by which you find it in the profile."));
      this.name.focus();
      return;
    }
    if (this.save.ariaBusy === "true") return;
    this.save.ariaBusy = "true";
    this.trouble.replaceChildren();
    try {
      const { revision } = await this.session.client.profile();
      const lesson = await this.post({ ...this.shown(), name, save: true, revision });
      this.close();
      await this.session.refresh();
      this.session.changed("learnt", { name, proved: lesson.proved });
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      this.fail(words(error));
    } finally {
      this.save.ariaBusy = null;
    }
  }

  async leave() {
    if (this.unsaved) {
      const answer = await ask(t("Leave without saving?"), t("The columns that you showed are forgotten."),
        [{ value: "", label: t("Stay"), class: "primary" }, { value: "yes", label: t("Leave") }]);
      if (answer !== "yes") return;
    }
    this.close();
  }

  close() {
    if (!this.dialog.open) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.late = this.unsaved = false;
    this.dialog.close();
    this.pictures.drop();
    this.picture.removeAttribute("src");
    // What opened the lesson may be gone, since the document is read now.
    const there = this.opener?.isConnected && this.opener !== document.body;
    /** @type {HTMLElement} */ (there ? this.opener : $("results")).focus({ preventScroll: true });
    this.opener = null;
  }
}

const noTable = t("No table was found on this page. Click on the page at the edges of the columns, say what each " +
  "column is, and put the blue line under the headings.");

const blank = () => ({ field: "", unit: "", heading: "" });

const middle = (row) => (row.box.y0 + row.box.y1) / 2;

const states = {
  proved: ["ok", "ok", t("Adds up")], differs: ["bad", "bad", t("Differs")],
  not_printed: ["", "minus", t("Not printed")], unproved: ["", "minus", t("Not proved")],
};

// Shows items in a list. Items that were there keep their elements, and with them the focus.
// Make returns an element and a function that brings it up to date.
function keyed(list, items, key, make) {
  const keys = items.map(key), before = list.keyed || new Map();
  const now = new Map();
  items.forEach((item, i) => {
    const made = before.get(keys[i]) || make(item, i);
    made[1](item);
    now.set(keys[i], made);
  });
  list.keyed = now;
  const wanted = [...now.values()].map(([e]) => e);
  if (wanted.length === list.children.length && wanted.every((e, i) => list.children[i] === e)) return;
  const held = document.activeElement;
  const at = [...list.children].findIndex((e) => e.contains(held));
  list.replaceChildren(...wanted);
  if (at < 0) return;
  const still = list.contains(held) ? held : wanted[Math.min(at, wanted.length - 1)]?.querySelector("select");
  /** @type {HTMLElement | null} */ (still)?.focus({ preventScroll: true });
}
