// @ts-check
// Pictures of pages that somebody takes one after the other, before they are uploaded as one
// document. Their order can be changed with a finger, a mouse and the keyboard.

import { h, fill, button, icon, say } from "./dom.js";
import { plural } from "./format.js";
import { t } from "./words.js";

export class Tray {
  /**
   * @param {HTMLElement} root where the tray is shown
   * @param {{take: () => any, choose: () => any, read: (files: File[]) => Promise<any>}} does takes or chooses
   *   another picture, and uploads all of them
   */
  constructor(root, does) {
    this.root = root;
    this.does = does;
    /** @type {{file: File, url: string}[]} */
    this.pages = [];
    this.list = h("ol", { class: "trayed" });
  }

  get files() { return this.pages.map((p) => p.file); }

  /** Adds pictures at the end. */
  add(files) {
    for (const file of files) this.pages.push({ file, url: URL.createObjectURL(file) });
    this.draw();
    say(t("{pages} to read", { pages: plural(this.pages.length, "page") }));
    this.root.scrollIntoView({ block: "nearest" });
  }

  /** Forgets all pictures. */
  clear() {
    for (const { url } of this.pages) URL.revokeObjectURL(url);
    this.pages = [];
    this.draw();
  }

  draw() {
    const n = this.pages.length;
    this.root.hidden = n === 0;
    fill(this.list, this.pages.map((p, i) => this.item(p, i)));
    fill(this.root, n > 0 && [
      h("h3", { id: "tray-title" }, t("Pages of one document")),
      h("p", { class: "hint" }, t("Drag a picture, or use its arrows, to put the pages in order.")),
      this.list,
      h("div", { class: "buttons" },
        button({ class: "primary", id: "tray-read", onclick: () => this.does.read(this.files) },
          t("Read {pages}", { pages: plural(n, "page") })),
        button({ class: "touch", onclick: this.does.take }, t("Take a photo")),
        button({ onclick: this.does.choose }, t("Add pictures")),
        button({ class: "quiet", onclick: () => this.drop() }, t("Discard"))),
    ]);
  }

  drop() {
    this.clear();
    const step = /** @type {HTMLElement | null} */ (this.root.closest(".step"));
    /** @type {HTMLElement | null} */ (step?.querySelector(".choose"))?.focus();
    say(t("The pictures were discarded."));
  }

  item(page, i) {
    const last = this.pages.length - 1;
    const tool = (name, label, to) => button({
      class: "quiet icon", "aria-label": label, "data-to": String(to - i), disabled: to < 0 || to > last,
      onclick: () => this.move(i, to, `[data-to="${to - i}"]`),
    }, icon(name));
    const picture = h("img", { src: page.url, alt: "", draggable: false });
    picture.addEventListener("error", () => picture.remove()); // not every browser draws TIFF
    const grip = h("span", { class: "grip", onpointerdown: (e) => this.drag(e, item) }, picture);
    const item = h("li", {
      onkeydown: (e) => {
        const by = { ArrowUp: -1, ArrowDown: 1 }[e.key];
        if (!by || !e.altKey) return;
        e.preventDefault();
        this.move(i, i + by, `[data-to="${by}"]`);
      },
    }, grip, h("span", { class: "name" }, h("strong", {}, t("Page {n}", { n: i + 1 })), " ", page.file.name),
    tool("up", t("Move page {n} up", { n: i + 1 }), i - 1), tool("down", t("Move page {n} down", { n: i + 1 }), i + 1),
    button({ class: "quiet icon", "aria-label": t("Remove page {n}", { n: i + 1 }), onclick: () => this.remove(i) },
      icon("cross")));
    return item;
  }

  remove(i) {
    URL.revokeObjectURL(this.pages[i].url);
    this.pages.splice(i, 1);
    if (!this.pages.length) return this.drop();
    this.draw();
    say(t("{pages} to read", { pages: plural(this.pages.length, "page") }));
    const at = this.list.children[Math.min(i, this.pages.length - 1)];
    /** @type {HTMLElement} */ (at.lastElementChild).focus();
  }

  // Moves a page. Focus is what gets the focus in its item, or the other arrow at an end.
  move(from, to, focus = "") {
    if (to < 0 || to >= this.pages.length || from === to) return;
    const [page] = this.pages.splice(from, 1);
    this.pages.splice(to, 0, page);
    this.draw();
    const item = this.list.children[to];
    if (focus) {
      const wanted = [item.querySelector(focus), ...item.querySelectorAll("[data-to]")];
      /** @type {any} */ (wanted.find((b) => b && !(/** @type {any} */ (b).disabled)))?.focus();
    }
    say(t("Page {n} is now page {to} of {all}.", { n: from + 1, to: to + 1, all: this.pages.length }));
  }

  // Moves a page with the pointer: its item goes where the pointer is among the others.
  drag(e, item) {
    if (e.button !== 0) return;
    e.preventDefault();
    const from = [...this.list.children].indexOf(item);
    const grip = e.currentTarget;
    grip.setPointerCapture(e.pointerId);
    item.classList.add("dragged");
    const middleOf = (other) => {
      const r = other.getBoundingClientRect();
      return (r.top + r.bottom) / 2;
    };
    // The others are moved: an item that is moved itself loses the pointer.
    const move = ({ clientY }) => {
      for (let other; (other = item.previousElementSibling) && clientY < middleOf(other);) item.after(other);
      for (let other; (other = item.nextElementSibling) && clientY > middleOf(other);) item.before(other);
    };
    const over = new AbortController(), { signal } = over;
    const end = (m) => {
      over.abort();
      item.classList.remove("dragged");
      const to = [...this.list.children].indexOf(item);
      if (m.type === "pointerup") this.move(from, to);
      if (m.type !== "pointerup" || from === to) this.draw();
    };
    grip.addEventListener("pointermove", move, { signal });
    grip.addEventListener("pointerup", end, { signal });
    grip.addEventListener("pointercancel", end, { signal });
  }
}
