// @ts-check
// Shows a page as a picture with a place marked on it: beside the results if there is
// room, else over them.

import { h, fill, ask, button, icon, kept, svg, say } from "./dom.js";
import { fields, figure } from "./format.js";
import { words } from "./session.js";
import { pageName } from "./bills.js";
import { Correct } from "./correct.js";
import { english, lineTarget, unchecked } from "./issues.js";
import { Pictures, follow, pointOn } from "./picture.js";
import { t } from "./words.js";

const zooms = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const widths = { least: 28, most: 70, step: 4 }; // of the inspector beside the results, in hundredths of the window

export class Inspector {
  /** Teach is called with a page, {file, page}, whose form somebody wants to teach. */
  constructor(session, teach) {
    this.session = session;
    this.wide = matchMedia("(min-width: 1180px)");
    this.pictures = new Pictures(session);
    const tool = (name, label, onclick, key) =>
      button({ class: "quiet icon", "aria-label": label, title: `${label} (${key})`, onclick }, icon(name));
    this.title = h("h2", { id: "inspector-title", tabIndex: -1 });
    this.message = h("p", { class: "message", id: "inspector-message" });
    this.position = h("span", { class: "position" });
    this.page = h("span", { class: "position" });
    this.previous = tool("up", t("Previous finding"), () => this.step(-1), "p");
    this.next = tool("down", t("Next finding"), () => this.step(1), "n");
    this.back = tool("left", t("Previous page"), () => this.turn(-1), "[");
    this.forth = tool("right", t("Next page"), () => this.turn(1), "]");
    this.out = tool("minus", t("Zoom out"), () => this.zoom(-1), "−");
    this.in = tool("plus", t("Zoom in"), () => this.zoom(1), "+");
    this.fit = tool("fit", t("Fit the width"), () => this.scale(1), "0");
    this.whole = tool("page", t("Fit the page"), () => this.scale(this.pageScale()), "f");
    this.teach = button({ class: "small", onclick: () => teach(this.at) }, t("Show the columns"));
    this.sums = h("p", { class: "sums" });
    this.confirm = h("div", { class: "confirm", hidden: true });
    this.piece = h("canvas", { role: "img" });
    this.readings = h("dl", { class: "readings" });
    this.doubt = h("div", { class: "doubt", hidden: true }, this.piece, this.readings);
    this.split = h("div", {
      class: "split", role: "separator", tabIndex: 0, "aria-orientation": "vertical",
      "aria-label": t("Width of the picture"),
      "aria-valuemin": String(widths.least), "aria-valuemax": String(widths.most),
      onpointerdown: (e) => follow(e, ({ clientX }) => this.width(100 * (1 - clientX / innerWidth))),
      onkeydown: (e) => this.slide(e),
    });
    this.picture = h("img", { alt: "", draggable: false });
    this.marks = svg("svg", { class: "marks", "aria-hidden": "true", preserveAspectRatio: "none" });
    this.sheetBox = h("div", { class: "paper", onpointerdown: (e) => this.press(e) }, this.picture, this.marks);
    this.values = new Correct(session, (place, whole) => this.point(place, whole));
    this.values.left = () => this.view.focus({ preventScroll: true });
    this.values.suggested = () => this.suggested();
    this.shows = button({ class: "small", "aria-expanded": "true",
      onclick: () => this.toggle(this.values.element.hidden) },
      t("Values"));
    this.wait = h("p", { class: "wait", role: "status" });
    this.view = h("div",
      { class: "viewport", tabIndex: 0, role: "group", "aria-label": t("Picture of the page") }, this.sheetBox);
    const cancel = (e) => {
      e.preventDefault();
      this.close();
    };
    this.dialog = h("dialog",
      {
        class: "inspector", "aria-labelledby": "inspector-title", "aria-describedby": "inspector-message",
        onkeydown: (e) => this.key(e), onclose: () => this.closed(), oncancel: cancel,
      },
      h("div", { class: "inspector-head" }, this.title, this.teach,
        tool("cross", t("Close"), () => this.close(), "Esc")),
      h("div", {}, h("div", { class: "words" }, this.message, this.sums), this.doubt, this.confirm),
      h("div", { class: "inspector-tools", role: "toolbar", "aria-label": t("Picture") },
        h("span", { class: "set" }, this.previous, this.position, this.next),
        h("span", { class: "set" }, this.back, this.page, this.forth),
        h("span", { class: "set" }, this.out, this.fit, this.whole, this.in), this.shows),
      this.view, this.values.element,
      h("p", { class: "legend" }, legend.map(([kind, name]) => h("span", { class: `sign ${kind}` }, name))),
      this.split, this.wait);
    document.body.append(this.dialog);
    this.z = 1;
    /** @type {any} The place of the value that is corrected. */
    this.now = null;
    this.documents = "";
    this.width(kept("inspector").width || 46);
    this.wide.addEventListener("change", () => this.dialog.open && this.place());
    new ResizeObserver(() => this.dialog.open && this.resized()).observe(this.view);
  }

  /** Shows another sheet from now on. That of other bills drops the pictures of the last one. */
  reset(sheet, issues) {
    const documents = JSON.stringify(this.session.view?.bills || []);
    const still = this.sheet && this.documents === documents && this.sheet.bills.length === sheet.bills.length;
    this.documents = documents;
    this.sheet = sheet;
    this.issues = unchecked(issues).filter((i) => i.place);
    if (still) {
      this.values.rebase();
      if (this.dialog.open) this.settle(issues);
      return;
    }
    this.pictures.drop();
    this.values.forget();
    if (this.dialog.open) this.hide();
  }

  // Goes on with the same place in an amended sheet.
  settle(issues) {
    const { target } = this;
    const twin = (i) => i.code === target.code && i.where === target.where && i.text === target.text;
    const line = target.line === undefined ? null : this.sheet.bills[target.bill]?.lines[target.line];
    if (target.n !== undefined) {
      const again = issues.find(twin) || issues.find((i) => i.code === target.code && i.bill === target.bill &&
        i.bill >= 0);
      this.target = again || { ...target, n: undefined, kind: "info", title: target.title,
        text: t("This is settled: nothing of it is left to check."), action: "" };
      if (!this.target.place) this.target.place = target.place;
    } else if (line) this.target = lineTarget(this.sheet, target.bill, target.line);
    this.describe();
    this.values.show(this.here());
    if (this.size) this.draw();
  }

  show(target) {
    this.target = target;
    this.now = null;
    if (!this.dialog.open) {
      if (!history.state?.inspect) history.pushState({ ...history.state, inspect: true, opened: true }, "");
      this.opener = document.activeElement;
      this.chosen();
      this.z = innerWidth < 640 ? 2 : 1; // on a phone a whole page is too small to read
      this.place();
    }
    this.at = { file: target.place.file, page: target.place.page };
    this.describe();
    const bill = this.here();
    if (this.values.bill !== bill || !this.shown) this.values.show(bill);
    if (this.shown === undefined) this.toggle(kept("inspector").values ?? innerWidth >= 640);
    else this.toggle(this.shown);
    if (target.line >= 0) this.values.reveal(target.line);
    // Until the picture is there, no mark of the last target must stand beside this text.
    for (const mark of this.marks.querySelectorAll(".here")) mark.remove();
    this.load(true);
  }

  /** Shows the last place again, if it is one of the present sheet. */
  again() {
    if (this.target && this.of === this.sheet) this.show(this.target);
  }

  /** Sets the width beside the results, in hundredths of the window. */
  width(part) {
    part = Math.round(Math.min(widths.most, Math.max(widths.least, part)));
    kept("inspector", { ...kept("inspector"), width: part });
    this.split.setAttribute("aria-valuenow", part);
    document.documentElement.style.setProperty("--beside", `${part}vw`);
  }

  // The bill whose values are shown: that of the place or, on another page, the first there.
  here() {
    const on = (b) => b.pages.some((p) => samePage(p, this.at));
    const { bills } = this.sheet, { bill } = this.target;
    if (bills[bill] && (on(bills[bill]) || this.at.page === this.target.place.page)) return bill;
    return bills.findIndex(on);
  }

  /** Shows or hides the values of the bill. */
  toggle(on) {
    this.shown = on;
    kept("inspector", { ...kept("inspector"), values: on });
    this.values.element.hidden = !on || this.values.bill < 0;
    this.shows.setAttribute("aria-expanded", String(on));
    this.shows.hidden = this.values.bill < 0;
  }

  // Shows where a value is that is corrected.
  point(place, whole) {
    this.now = place;
    if (!samePage(place, this.at)) {
      this.at = { file: place.file, page: place.page };
      return this.load(false).then(() => this.aim(whole));
    }
    if (this.size) this.draw();
    this.aim(whole);
  }

  // Lays out the picture anew, and keeps in sight what is marked: the values take room from it.
  resized() {
    this.layout();
    this.aim(false, this.marks.querySelector(".now") || this.marks.querySelector(".here"));
  }

  // Scrolls to the value that is corrected, if it is out of sight.
  aim(centre, mark = this.marks.querySelector(".now")) {
    if (!mark) return;
    const m = mark.getBoundingClientRect(), v = this.view.getBoundingClientRect();
    if (m.height > v.height) return; // the whole page
    if (centre || m.top < v.top + 8 || m.bottom > v.bottom - 8) {
      this.view.scrollTop += m.top + m.height / 2 - v.top - v.height / 2;
    }
    if (m.left < v.left + 8 || m.right > v.right - 8) this.view.scrollLeft += m.left - v.left - v.width / 3;
  }

  // Where a line that was not read probably is: at the finding that says so.
  suggested() {
    const { place, code, n } = this.target;
    return n !== undefined && code === "unread_row" && place?.box
      ? { file: place.file, page: place.page, box: place.box } : null;
  }

  // A click on the picture leads to the value there. A drag says where a new line is.
  press(e) {
    if (!this.size || e.button !== 0) return;
    const spot = (e) => pointOn(this.sheetBox, this.size, e);
    const from = spot(e);
    const adding = this.values.drafts.some((d) => d.bill === this.values.bill);
    if (adding && e.pointerType !== "touch") {
      e.preventDefault();
      this.sheetBox.setPointerCapture(e.pointerId);
    }
    const box = (to) => ({
      x0: Math.min(from.x, to.x), y0: Math.min(from.y, to.y), x1: Math.max(from.x, to.x), y1: Math.max(from.y, to.y),
    });
    const far = (to) => Math.abs(to.x - from.x) + Math.abs(to.y - from.y) > 6;
    const move = (e) => {
      if (!adding || !far(spot(e))) return;
      this.now = { ...this.at, box: box(spot(e)) };
      this.draw();
    };
    const over = new AbortController(), { signal } = over;
    const up = (e) => {
      over.abort();
      const to = spot(e);
      if (!far(to)) return this.pick(to);
      const round = (n) => Math.round(100 * n) / 100;
      const { x0, y0, x1, y1 } = box(to);
      if (adding && this.values.at({ ...this.at, box: { x0: round(x0), y0: round(y0), x1: round(x1),
        y1: round(y1) } })) {
        say(t("The place of the new line is marked."));
      }
    };
    this.sheetBox.addEventListener("pointermove", move, { signal });
    this.sheetBox.addEventListener("pointerup", up, { signal });
    this.sheetBox.addEventListener("pointercancel", () => over.abort(), { signal });
  }

  // Corrects the value at a place of the page.
  pick({ x, y }) {
    let best = null, least = Infinity;
    for (const v of this.spots()) {
      const { x0, y0, x1, y1 } = v.box;
      const area = (x1 - x0) * (y1 - y0);
      if (x < x0 - 2 || x > x1 + 2 || y < y0 - 2 || y > y1 + 2 || area >= least) continue;
      [best, least] = [v, area];
    }
    if (!best) return;
    this.toggle(true);
    if (this.values.bill !== best.bill) this.values.show(best.bill);
    this.values.element.hidden = false;
    this.values.focus(best);
  }

  // The values on a page: {bill, line, name, box, value}.
  spots(at = this.at) {
    const here = (p) => p?.box && samePage(p, at);
    const all = [];
    this.sheet.bills.forEach((b, bill) => {
      if (!b.pages.some((p) => samePage(p, at))) return;
      const values = (owner, line, prefix = "") => {
        for (const [name, value] of Object.entries(owner)) {
          const v = Array.isArray(value) ? value : [value];
          for (const one of v) {
            const at = one?.value || one;
            if (at?.text !== undefined && here(at)) all.push({ bill, line, name: prefix + name, box: at.box,
              value: at });
          }
        }
      };
      const { totals, lines, tables, parties, references, pages, verdict, ...own } = b;
      values(own, -1);
      values(totals, -1, "total_");
      lines.forEach((l, j) => {
        values(l, j);
        if (here(l)) all.push({ bill, line: j, name: "", box: l.box });
      });
    });
    return all;
  }

  slide(e) {
    const now = Number(this.split.getAttribute("aria-valuenow"));
    const { least, most, step } = widths;
    const to = { ArrowLeft: now + step, ArrowRight: now - step, Home: most, End: least }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    this.width(to);
  }

  // Opens the inspector beside the results or over them.
  place() {
    if (this.dialog.open) this.dialog.close("moved");
    if (this.wide.matches) this.dialog.show();
    else this.dialog.showModal();
    this.beside(this.wide.matches);
    this.title.focus({ preventScroll: true });
  }

  // Makes room beside the results, or gives it back. What was chosen there stays where it is on the screen.
  beside(on) {
    const { classList } = document.body;
    if (classList.contains("inspecting") === on) return;
    const seen = (e) => e?.checkVisibility() && e.getBoundingClientRect().bottom > 0 &&
      e.getBoundingClientRect().top < innerHeight;
    const held = [...document.querySelectorAll("main [aria-current=true]"), this.opener].find(seen);
    const top = held?.getBoundingClientRect().top;
    classList.toggle("inspecting", on);
    if (!held) return;
    const keep = () => held.isConnected && scrollBy(0, held.getBoundingClientRect().top - top);
    keep();
    // Bills that were out of sight get their true height when they come into sight.
    requestAnimationFrame(keep);
  }

  describe() {
    const { target } = this;
    fill(this.title, english(target.title));
    this.title.className = target.kind;
    fill(this.message, target.where && [english(target.where), ". "], english(target.text),
      target.action && [" ", english(target.action)]);
    this.of = this.sheet;
    this.offer();
    fill(this.sums, this.totals());
    const i = this.issues.findIndex((x) => x.n === target.n && target.n !== undefined);
    const n = this.issues.length;
    this.position.textContent = !n ? t("Nothing to check")
      : i < 0 ? t("{n} on pages", { n }) : t("{i} of {n} on pages", { i: i + 1, n });
    this.chosen();
    this.previous.disabled = this.next.disabled = this.issues.length === 0 || (this.issues.length === 1 && i === 0);
  }

  // Offers to confirm the value at a finding that doubts how it was read from a picture, or to take another reading.
  offer() {
    const at = doubts.includes(this.target.code) ? this.doubted(this.target.place) : null;
    const text = at && this.values.confirmable(at);
    const { reading } = at ? at.value : {};
    const others = new Set(text && reading ? [reading.orders, reading.other] : []);
    this.confirm.hidden = !text;
    fill(this.confirm, text && [
      button({ class: "primary", onclick: () => this.agree(at) }, icon("ok"), t("Yes, it is {text}", { text })),
      [...others].filter((other) => other && other !== text && this.values.possible(at, other)).map((other) =>
        button({ onclick: () => this.agree(at, other) }, t("It is {text}", { text: other }))),
      button({ onclick: () => this.pick(middle(this.target.place.box)) }, t("No, correct it")),
    ]);
    this.cut(false); // the picture of another page may still be there
  }

  // Shows how the value that is corrected, or at a finding, was read from a picture, unless it is confirmed: the piece
  // of the picture, what the readers read, and what the order export has there.
  cut(drawn = true) {
    const at = this.now?.reading ? this.now : doubts.includes(this.target.code) &&
      this.doubted(this.target.place)?.value;
    const reading = at && at.reading?.state !== "confirmed" && at.box ? at.reading : null;
    this.doubt.hidden = !reading;
    if (!reading) return;
    const or = (texts) => texts.filter(Boolean).join(" / ") || t("nothing");
    const rows = [[t("One reader"), reading.first], [t("The other reader"), or(reading.second)],
      [t("Order export"), reading.orders], [t("Chosen"), reading.state === "chosen" && at.text]];
    fill(this.readings, rows.filter(([, text]) => text).map(([name, text]) => h("div", {}, h("dt", {}, name),
      h("dd", { translate: "no" }, text))));
    this.piece.ariaLabel = t("{text} on the picture", { text: at.text });
    this.piece.hidden = !drawn || !samePage(at, this.at) || !this.picture.naturalWidth;
    if (this.piece.hidden) return;
    const { box } = at, k = this.picture.naturalWidth / this.size.w;
    const pad = (box.y1 - box.y0) / 2;
    const [x, y] = [Math.max(0, box.x0 - 2 * pad), Math.max(0, box.y0 - pad)];
    const [w, high] = [box.x1 + 2 * pad - x, box.y1 + pad - y];
    const scale = Math.min(3, 280 / w, 64 / high) * devicePixelRatio;
    Object.assign(this.piece, { width: Math.ceil(w * scale), height: Math.ceil(high * scale) });
    this.piece.style.width = `${this.piece.width / devicePixelRatio}px`;
    this.piece.getContext("2d").drawImage(this.picture, x * k, y * k, w * k, high * k, 0, 0, this.piece.width,
      this.piece.height);
  }

  // The value that has most of a place in common with it.
  doubted({ file, page, box }) {
    let best = null, most = 0;
    for (const v of box ? this.spots({ file, page }) : []) {
      const w = Math.min(v.box.x1, box.x1) - Math.max(v.box.x0, box.x0);
      const h = Math.min(v.box.y1, box.y1) - Math.max(v.box.y0, box.y0);
      if (v.name && w > 0 && h > 0 && w * h > most) [best, most] = [v, w * h];
    }
    return best;
  }

  // Confirms a value, or says that it is another text, and goes on to the next that is doubtful.
  async agree(at, text) {
    const after = this.issues.findIndex((i) => i.n === this.target.n);
    if (!(await this.values.agree(at, text))) return;
    const left = this.issues.filter((i) => doubts.includes(i.code));
    const next = left.find((i) => this.issues.indexOf(i) >= after) || left[0];
    if (next) this.show(next);
    /** @type {HTMLElement} */ (this.confirm.firstElementChild || this.title).focus({ preventScroll: true });
  }

  // The totals of the bill of the place, so that a line and its total are seen together.
  totals() {
    const bill = this.sheet.bills[this.target.bill];
    if (!bill) return [];
    const name = bill.number?.text || "";
    const sum = (c) => {
      const { name, unit } = fields[c.field];
      const off = c.state === "differs";
      const printed = figure(c.field, c.printed);
      const text = off ? t("{sum}, printed {printed}", { sum: figure(c.field, c.sum), printed }) : printed;
      return h("span", { class: off ? "off" : "" }, icon(off ? "bad" : "ok"),
        `${name} ${text}${unit ? ` ${unit}` : ""}`,
        h("span", { class: "unseen" }, off ? t(", differs") : t(", adds up")));
    };
    const sums = bill.verdict.checks.filter((c) => c.state === "proved" || c.state === "differs").map(sum);
    return sums.length ? [h("span", {}, name && t("Bill {name}:", { name })), sums] : [];
  }

  /** Marks in the results the finding or line that is shown; none if target is null. */
  chosen(target = this.target) {
    const { n, bill, line } = target || {};
    const at = n !== undefined ? `[data-issue="${n}"]` : line >= 0 ? `[data-line="${bill}/${line}"]` : "";
    for (const e of document.querySelectorAll("[data-issue], [data-line]")) {
      e.ariaCurrent = at && e.matches(at) ? "true" : null;
    }
  }

  step(by) {
    if (!this.issues.length) return;
    let i = this.issues.findIndex((x) => x.n === this.target.n && this.target.n !== undefined);
    if (i < 0) i = by > 0 ? -1 : 0;
    this.show(this.issues[(i + by + this.issues.length) % this.issues.length]);
    say(`${this.target.title}. ${this.target.text}`);
  }

  turn(by) {
    const { files } = this.sheet;
    let { file, page } = this.at;
    page += by;
    if (page < 1 && file > 0) page = files[--file].pages;
    else if (page > files[file].pages && file + 1 < files.length) [file, page] = [file + 1, 1];
    if (page < 1 || page > files[file].pages) return;
    this.at = { file, page };
    const bill = this.here();
    if (bill !== this.values.bill) this.values.show(bill);
    this.toggle(this.shown);
    this.load(false);
    say(pageName(this.sheet, this.at));
  }

  async load(centre) {
    const { file, page } = this.at;
    this.page.textContent = t("Page {n} of {all}", { n: page, all: this.sheet.files[file].pages });
    this.page.title = this.sheet.files[file].name;
    this.back.disabled = file === 0 && page === 1;
    // A page of the known form needs no lesson.
    const bill = this.sheet.bills.find((b) => b.pages.some((p) => samePage(p, this.at)));
    this.teach.hidden = bill?.form === "known";
    this.forth.disabled = file === this.sheet.files.length - 1 && page === this.sheet.files[file].pages;
    const turn = (this.loading = {});
    const slow = setTimeout(() => { if (this.loading === turn) this.wait.textContent = t("Drawing the page …"); }, 200);
    try {
      const got = await this.pictures.of(file, page, this.view.clientWidth);
      if (this.loading !== turn) return;
      this.size = got.size;
      if (this.picture.src !== got.url) {
        this.picture.src = got.url;
        await this.picture.decode().catch(() => {});
        if (this.loading !== turn) return;
      }
      this.picture.alt = t("{page} of the bills", { page: pageName(this.sheet, this.at) });
      this.wait.textContent = "";
      this.draw();
      this.layout();
      if (centre) this.centre();
      else this.view.scrollTo(0, 0);
    } catch (error) {
      if (this.loading !== turn) return;
      this.picture.removeAttribute("src");
      this.marks.replaceChildren();
      this.wait.textContent = words(error);
      if (error?.code === "session_changed" || error?.code === "not_found") this.session.refresh();
      if (error?.status === 401) this.session.failed(error);
    } finally {
      clearTimeout(slow);
    }
  }

  draw() {
    const { w, h } = this.size;
    this.marks.setAttribute("viewBox", `0 0 ${w} ${h}`);
    const here = (p) => samePage(p, this.at);
    const rect = (box, kind, pad) => svg("rect", {
      class: kind, rx: 2, "vector-effect": "non-scaling-stroke", x: box.x0 - pad, y: box.y0 - pad,
      width: box.x1 - box.x0 + 2 * pad, height: box.y1 - box.y0 + 2 * pad,
    });
    const marks = this.spots().filter((v) => v.name).map((v) => rect(v.box, "value", 1));
    for (const bill of this.sheet.bills) {
      if (!bill.pages.some(here)) continue;
      for (const line of bill.lines) if (line.box && here(line)) marks.push(rect(line.box, "read", 1));
      if (bill !== this.sheet.bills[this.target.bill]) continue;
      for (const { value } of Object.values(bill.totals)) {
        if (value?.box && here(value)) marks.push(rect(value.box, "total", 2));
      }
    }
    for (const issue of this.issues) {
      if (issue !== this.target && issue.place.box && here(issue.place)) marks.push(rect(issue.place.box, "other", 2));
    }
    // A wider mark would cover the next line.
    const { place, kind, also = [] } = this.target;
    for (const other of also) if (other.box && here(other)) marks.push(rect(other.box, `here ${kind}`, 1));
    const whole = { x0: 6, y0: 6, x1: w - 6, y1: h - 6 };
    if (here(place)) marks.push(rect(place.box || whole, `here ${kind}`, place.box ? 1 : 0));
    if (this.now?.box && here(this.now)) marks.push(rect(this.now.box, "now", 2));
    this.marks.replaceChildren(...marks);
    this.cut();
  }

  layout() {
    if (!this.size) return;
    const width = Math.max(200, this.view.clientWidth - 2) * this.z;
    this.sheetBox.style.width = `${width}px`;
    this.sheetBox.style.height = `${(width * this.size.h) / this.size.w}px`;
    this.out.disabled = this.z <= zooms[0];
    this.in.disabled = this.z >= zooms.at(-1);
  }

  // Zooms to the next step of the list in a direction: the page may fit between two steps.
  zoom(by) {
    const near = 0.01;
    const to = by > 0 ? zooms.find((z) => z > this.z + near) : zooms.findLast((z) => z < this.z - near);
    if (to) this.scale(to);
  }

  // The scale at which the whole page is seen.
  pageScale() {
    const { clientWidth, clientHeight } = this.view;
    return Math.min(1, ((clientHeight - 2) * this.size.w) / this.size.h / Math.max(200, clientWidth - 2));
  }

  scale(z) {
    const { view } = this;
    const { clientWidth: width, clientHeight: height } = view;
    const across = (view.scrollLeft + width / 2) / view.scrollWidth;
    const down = (view.scrollTop + height / 2) / view.scrollHeight;
    const was = this.z;
    this.z = z;
    this.layout();
    if (z > was && was === 1 && samePage(this.target.place, this.at)) this.centre();
    else {
      view.scrollTo(
        across * view.scrollWidth - view.clientWidth / 2,
        down * view.scrollHeight - view.clientHeight / 2);
    }
    say(t("Zoom {n} %", { n: Math.round(z * 100) }));
  }

  // Scrolls the place into the middle.
  centre() {
    const { place } = this.target, { box } = place;
    if (!box || !samePage(place, this.at)) return this.view.scrollTo(0, 0);
    const f = this.sheetBox.clientWidth / this.size.w;
    const wide = box.x1 - box.x0 > this.size.w * 0.6;
    const left = ((box.x0 + box.x1) / 2) * f - this.view.clientWidth / 2;
    const top = ((box.y0 + box.y1) / 2) * f - this.view.clientHeight / 2;
    this.view.scrollTo(wide ? 0 : left, top);
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const action = {
      Escape: () => this.close(),
      n: () => this.step(1),
      p: () => this.step(-1),
      "[": () => this.turn(-1),
      "]": () => this.turn(1),
      "+": () => this.zoom(1),
      "=": () => this.zoom(1),
      "-": () => this.zoom(-1),
      0: () => this.scale(1),
      f: () => this.scale(this.pageScale()),
      e: () => this.edit(),
    }[e.key];
    if (!action) return;
    e.preventDefault();
    e.stopPropagation();
    action();
  }

  // Moves the focus to the values: those of the place, or the total that is off.
  edit() {
    const { target, values } = this;
    this.toggle(true);
    const off = this.sheet.bills[values.bill]?.verdict.checks.find((c) => c.state === "differs");
    const line = target.line >= 0 && target.bill === values.bill;
    const at = line ? { bill: target.bill, line: target.line }
      : { bill: values.bill, line: -1, name: `total_${off?.field || "cartons"}` };
    // The key that led here is not typed there.
    this.dialog.addEventListener("keyup", () => values.focus(at), { once: true });
  }

  async close() {
    if (!this.dialog.open) return;
    if (this.values.unsaved) {
      const answer = await ask(t("Close without saving?"),
        t("What you typed into the values of the bill is not saved."), [
        { value: "keep", label: t("Go on correcting"), class: "primary" }, { value: "drop", label: t("Discard") },
      ]);
      if (answer !== "drop") return;
      this.values.discard();
    }
    this.hide();
    // The browser's Back leads to what was before the inspector, not to it again.
    if (history.state?.opened) history.back();
    else history.replaceState({ ...history.state, inspect: false }, "");
  }

  /** Closes the inspector, and leaves the browser's history alone. */
  hide() {
    if (this.dialog.open) this.dialog.close();
  }

  closed() {
    if (this.dialog.open || this.dialog.returnValue === "moved") {
      this.dialog.returnValue = "";
      return;
    }
    this.beside(false);
    this.now = null;
    this.chosen(null);
    this.loading = null;
    const opener = /** @type {HTMLElement | null} */ (this.opener);
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    this.opener = null;
  }
}

// The findings about how a value was read from a picture.
const doubts = ["doubtful_reading", "chosen_reading"];

const samePage = (a, b) => a.file === b.file && a.page === b.page;

const middle = (box) => ({ x: (box.x0 + box.x1) / 2, y: (box.y0 + box.y1) / 2 });

// The kinds of marks on the picture.
const legend = [
  ["here", t("this place")], ["now", t("value being corrected")], ["total", t("totals of the bill")],
    ["other", t("other findings")], ["read", t("lines read")],
];
