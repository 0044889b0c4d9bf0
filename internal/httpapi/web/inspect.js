// @ts-check
// Shows a page as a picture with a place marked on it: beside the results if there is
// room, else over them.

import { h, button, icon, svg, say } from "./dom.js";
import { count } from "./format.js";
import { words } from "./session.js";
import { pageName } from "./bills.js";
import { toCheck } from "./issues.js";

const zooms = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const kept = 16; // pictures at most

export class Inspector {
  constructor(session) {
    this.session = session;
    this.wide = matchMedia("(min-width: 1180px)");
    this.pictures = new Map();
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
      h("div", { class: "inspector-head" }, this.title, tool("cross", "Close", () => this.close(), "Esc")),
      this.message,
      h("div", { class: "inspector-tools", role: "toolbar", "aria-label": "Picture" },
        h("span", { class: "set" }, this.previous, this.position, this.next),
        h("span", { class: "set" }, this.back, this.page, this.forth),
        h("span", { class: "set" }, this.out, this.fit, this.in)),
      this.view, this.wait);
    document.body.append(this.dialog);
    this.z = 1;
    this.wide.addEventListener("change", () => this.dialog.open && this.place());
    new ResizeObserver(() => this.dialog.open && this.layout()).observe(this.view);
  }

  /** Shows another sheet from now on, and drops the pictures of the last one. */
  reset(sheet, issues) {
    for (const p of this.pictures.values()) p.then((got) => URL.revokeObjectURL(got.url), () => {});
    this.pictures.clear();
    this.sheet = sheet;
    this.issues = toCheck(issues).filter((i) => i.place);
    if (this.dialog.open) this.close();
  }

  show(target) {
    this.target = target;
    if (!this.dialog.open) {
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
    const i = this.issues.findIndex((x) => x.n === target.n && target.n !== undefined);
    const all = this.issues.length ? `${count(this.issues.length)} to check` : "Nothing to check";
    this.position.textContent = i < 0 ? all : `${count(i + 1)} of ${all}`;
    this.current(target.n);
    this.previous.disabled = this.next.disabled = this.issues.length === 0 || (this.issues.length === 1 && i === 0);
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
    this.forth.disabled = file === this.sheet.files.length - 1 && page === this.sheet.files[file].pages;
    const turn = (this.loading = {});
    const slow = setTimeout(() => { if (this.loading === turn) this.wait.textContent = "Drawing the page …"; }, 200);
    try {
      const got = await this.fetch(file, page);
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

  // Pictures are kept here and nowhere else, so that they are dropped with the sheet.
  fetch(file, page) {
    const wanted = Math.ceil((this.view.clientWidth * devicePixelRatio * 1.5) / 400) * 400;
    const width = Math.min(2400, Math.max(1200, wanted));
    const key = `${file}/${page}/${width}`;
    let got = this.pictures.get(key);
    if (got) this.pictures.delete(key);
    else {
      const query = { of: this.session.version, file, page, width };
      got = this.session.client.request("GET", "/page-picture", { query }).then(async (response) => {
        const [w, h] = response.headers.get("Page-Size").split(" ").map(Number);
        return { url: URL.createObjectURL(await response.blob()), size: { w, h } };
      });
      got.catch(() => this.pictures.delete(key));
    }
    this.pictures.set(key, got);
    for (const [old, picture] of this.pictures) {
      if (this.pictures.size <= kept) break;
      this.pictures.delete(old);
      picture.then(({ url }) => URL.revokeObjectURL(url), () => {});
    }
    return got;
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

  zoom(by) {
    const i = zooms.indexOf(this.z);
    this.scale(zooms[Math.max(0, Math.min(zooms.length - 1, i + by))]);
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
    }[e.key];
    if (!action) return;
    e.preventDefault();
    e.stopPropagation();
    action();
  }

  close() {
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
