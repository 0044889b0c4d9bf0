// @ts-check
// Shows a page as a picture with a place marked on it: beside the results if there is
// room, else over them.

import { h, fill, button, icon, kept, svg, say } from "./dom.js";
import { count, fields, figure } from "./format.js";
import { words } from "./session.js";
import { pageName } from "./bills.js";
import { toCheck } from "./issues.js";
import { Pictures } from "./picture.js";

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
    this.previous = tool("up", "Previous finding", () => this.step(-1), "p");
    this.next = tool("down", "Next finding", () => this.step(1), "n");
    this.back = tool("left", "Previous page", () => this.turn(-1), "[");
    this.forth = tool("right", "Next page", () => this.turn(1), "]");
    this.out = tool("minus", "Zoom out", () => this.zoom(-1), "−");
    this.in = tool("plus", "Zoom in", () => this.zoom(1), "+");
    this.fit = tool("fit", "Fit the width", () => this.scale(1), "0");
    this.whole = tool("page", "Fit the page", () => this.scale(this.pageScale()), "f");
    this.teach = button({ class: "small", onclick: () => teach(this.at) }, "Show us the columns");
    this.sums = h("p", { class: "sums" });
    this.split = h("div", {
      class: "split", role: "separator", tabIndex: 0, "aria-orientation": "vertical",
      "aria-label": "Width of the picture",
      "aria-valuemin": String(widths.least), "aria-valuemax": String(widths.most),
      onpointerdown: (e) => this.drag(e), onkeydown: (e) => this.slide(e),
    });
    this.picture = h("img", { alt: "", draggable: false });
    this.marks = svg("svg", { class: "marks", "aria-hidden": "true", preserveAspectRatio: "none" });
    this.sheetBox = h("div", { class: "paper" }, this.picture, this.marks);
    this.wait = h("p", { class: "wait", role: "status" });
    this.view = h("div",
      { class: "viewport", tabIndex: 0, role: "group", "aria-label": "Picture of the page" }, this.sheetBox);
    const cancel = (e) => {
      e.preventDefault();
      this.close();
    };
    this.dialog = h("dialog",
      {
        class: "inspector", "aria-labelledby": "inspector-title", "aria-describedby": "inspector-message",
        onkeydown: (e) => this.key(e), onclose: () => this.closed(), oncancel: cancel,
      },
      h("div", { class: "inspector-head" }, this.title, this.teach, tool("cross", "Close", () => this.close(), "Esc")),
      h("div", { class: "words" }, this.message, this.sums),
      h("div", { class: "inspector-tools", role: "toolbar", "aria-label": "Picture" },
        h("span", { class: "set" }, this.previous, this.position, this.next),
        h("span", { class: "set" }, this.back, this.page, this.forth),
        h("span", { class: "set" }, this.out, this.fit, this.whole, this.in)),
      this.view,
      h("p", { class: "legend" }, legend.map(([kind, name]) => h("span", { class: `sign ${kind}` }, name))),
      this.split, this.wait);
    document.body.append(this.dialog);
    this.z = 1;
    this.width(kept("inspector").width || 46);
    this.wide.addEventListener("change", () => this.dialog.open && this.place());
    new ResizeObserver(() => this.dialog.open && this.layout()).observe(this.view);
  }

  /** Shows another sheet from now on, and drops the pictures of the last one. */
  reset(sheet, issues) {
    this.pictures.drop();
    this.sheet = sheet;
    this.issues = toCheck(issues).filter((i) => i.place);
    if (this.dialog.open) this.close();
  }

  show(target) {
    this.target = target;
    if (!this.dialog.open) {
      if (!history.state?.inspect) history.pushState({ ...history.state, inspect: true, opened: true }, "");
      this.opener = document.activeElement;
      this.z = innerWidth < 640 ? 2 : 1; // on a phone a whole page is too small to read
      this.place();
    }
    this.at = { file: target.place.file, page: target.place.page };
    this.describe();
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
    kept("inspector", { width: part });
    this.split.setAttribute("aria-valuenow", part);
    document.documentElement.style.setProperty("--beside", `${part}vw`);
  }

  drag(e) {
    e.preventDefault();
    this.split.setPointerCapture(e.pointerId);
    const move = ({ clientX }) => this.width(100 * (1 - clientX / innerWidth));
    this.split.addEventListener("pointermove", move);
    this.split.addEventListener("lostpointercapture", () => this.split.removeEventListener("pointermove", move),
      { once: true });
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
    document.body.classList.toggle("inspecting", this.wide.matches);
    this.title.focus({ preventScroll: true });
  }

  describe() {
    const { target } = this;
    this.title.textContent = target.title;
    this.title.className = target.kind;
    const action = target.action ? ` ${target.action}` : "";
    this.message.replaceChildren(target.where ? `${target.where}. ` : "", target.text, action);
    this.of = this.sheet;
    fill(this.sums, this.totals());
    const i = this.issues.findIndex((x) => x.n === target.n && target.n !== undefined);
    const all = this.issues.length ? `${count(this.issues.length)} to check` : "Nothing to check";
    this.position.textContent = i < 0 ? all : `${count(i + 1)} of ${all}`;
    this.current(target.n);
    this.previous.disabled = this.next.disabled = this.issues.length === 0 || (this.issues.length === 1 && i === 0);
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
      const text = off ? `${figure(c.field, c.sum)}, printed ${printed}` : printed;
      return h("span", { class: off ? "off" : "" }, icon(off ? "bad" : "ok"),
        `${name} ${text}${unit ? ` ${unit}` : ""}`, h("span", { class: "unseen" }, off ? ", differs" : ", adds up"));
    };
    const sums = bill.verdict.checks.filter((c) => c.state === "proved" || c.state === "differs").map(sum);
    return sums.length ? [h("span", {}, name && `Bill ${name}:`), sums] : [];
  }

  // Marks in the list of findings the one that is shown.
  current(n) {
    for (const e of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-issue]"))) {
      if (n !== undefined && e.dataset.issue === String(n)) e.setAttribute("aria-current", "true");
      else e.removeAttribute("aria-current");
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
    this.load(false);
    say(pageName(this.sheet, this.at));
  }

  async load(centre) {
    const { file, page } = this.at;
    this.page.textContent = `Page ${count(page)} of ${count(this.sheet.files[file].pages)}`;
    this.page.title = this.sheet.files[file].name;
    this.back.disabled = file === 0 && page === 1;
    // A page of the known form needs no lesson.
    const bill = this.sheet.bills.find((b) => b.pages.some((p) => p.file === file && p.page === page));
    this.teach.hidden = bill?.form === "known";
    this.forth.disabled = file === this.sheet.files.length - 1 && page === this.sheet.files[file].pages;
    const turn = (this.loading = {});
    const slow = setTimeout(() => { if (this.loading === turn) this.wait.textContent = "Drawing the page …"; }, 200);
    try {
      const got = await this.pictures.of(file, page, this.view.clientWidth);
      if (this.loading !== turn) return;
      this.size = got.size;
      if (this.picture.src !== got.url) {
        this.picture.src = got.url;
        await this.picture.decode().catch(() => {});
        if (this.loading !== turn) return;
      }
      this.picture.alt = `${pageName(this.sheet, this.at)} of the bills`;
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
    const here = (p) => p.file === this.at.file && p.page === this.at.page;
    const rect = (box, kind, pad) => svg("rect", {
      class: kind, rx: 2, "vector-effect": "non-scaling-stroke", x: box.x0 - pad, y: box.y0 - pad,
      width: box.x1 - box.x0 + 2 * pad, height: box.y1 - box.y0 + 2 * pad,
    });
    const marks = [];
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
    const { place, kind, also = [] } = this.target;
    for (const other of also) if (other.box && here(other)) marks.push(rect(other.box, `here ${kind}`, 4));
    const whole = { x0: 6, y0: 6, x1: w - 6, y1: h - 6 };
    if (here(place)) marks.push(rect(place.box || whole, `here ${kind}`, place.box ? 4 : 0));
    this.marks.replaceChildren(...marks);
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
    const { page, file } = this.target.place;
    if (z > was && was === 1 && page === this.at.page && file === this.at.file) this.centre();
    else {
      view.scrollTo(
        across * view.scrollWidth - view.clientWidth / 2,
        down * view.scrollHeight - view.clientHeight / 2);
    }
    say(`Zoom ${Math.round(z * 100)} %`);
  }

  // Scrolls the place into the middle.
  centre() {
    const { box, page, file } = this.target.place;
    if (!box || page !== this.at.page || file !== this.at.file) return this.view.scrollTo(0, 0);
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
    }[e.key];
    if (!action) return;
    e.preventDefault();
    e.stopPropagation();
    action();
  }

  close() {
    if (!this.dialog.open) return;
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
    document.body.classList.remove("inspecting");
    this.current();
    this.loading = null;
    if (this.opener?.isConnected) /** @type {HTMLElement} */ (this.opener).focus();
    this.opener = null;
  }
}

// The kinds of marks on the picture.
const legend = [
  ["here", "this place"], ["total", "totals of the bill"], ["other", "other findings"], ["read", "lines read"],
];
