// @ts-check
// What people correct, pair, fill in and tick off. This is the one place that sends
// amendments to the server, asks for the person's name, and says what became of them.

import { h, answered, button, fill, icon, sign } from "./dom.js";
import { clock } from "./format.js";
import { words } from "./session.js";
import { t } from "./words.js";

const most = 4000; // bytes of one text of an amendment; the server refuses more
const nameOf = "tallyman.name";
const pause = 1500; // milliseconds without a change, after which the sheet is loaded

/** The columns without a source, which people fill in. */
export const fillable = new Set([
  "RTS ID", "RTS Status", "Load #", "Wave #", "Routed Date", "Ready Date", "Date of Pickup", "Time of Pickup",
  "Outbound BOL", "Customer", "Release", "Assigned Trucking Co.",
]);

// Texts as the server compares them, nearly: what a person sees, without case.
const bare = (text) => (!text || plainText.test(text) ? text || ""
  : text.normalize("NFKC").replace(/[\u00AD\u200B-\u200F\u2060\uFEFF]/g, "")
  .replace(/[\u2010-\u2015\u2212]/g, "-").trim().replace(/\s+/g, " ").toUpperCase());

const plainText = /^[!-`{-~]*$/; // nearly all names: no spaces, no small letters

const units = /^(EA|EACH|PCS?|PCE|PIECES?|UNITS?|UN|CTNS?|CARTONS?|CTS?|CS|CASES?|BX|BOX|BOXES|PKGS?)\.?$/;

function quantity(text) {
  if (/^[1-9]\d*$/.test(text)) return text;
  const seen = bare(text);
  const [figures, unit] = seen.split(/(?<=\d)\s*(?=[A-Z.]+$)/);
  if (unit && !units.test(unit)) return seen;
  const plain = figures.replaceAll(/(?<=\d)[,' ](?=\d{3}(?!\d))/g, "");
  return /^\+?\d+(\.\d+)?$/.test(plain) ? String(Number(plain)) : seen;
}

/** Names what a key names, the same for keys that the server takes for the same. */
export const same = (k) => [bare(k.bill), bare(k.style), quantity(k.cartons), quantity(k.pieces), k.nth ||
  1].join("\n");

/**
 * The names of bills and lines in amendments: by what was read there, whatever was
 * corrected since, and which of those with the same texts it is.
 */
export class Keys {
  constructor(sheet) {
    const seen = new Map();
    this.bills = sheet.bills.map((b) => {
      const number = b.was?.number ?? b.number?.text ?? "";
      const n = (seen.get(bare(number)) || 0) + 1;
      seen.set(bare(number), n);
      return n > 1 ? { number, nth: n } : { number };
    });
    // Lines that were removed are not there, and keep their place among those of their texts.
    const gone = new Set();
    for (const a of sheet.amendments || []) if (a.kind === "remove" && a.state !== "lost") gone.add(same(a.line));
    const counts = new Map();
    this.lines = sheet.bills.map((b) => b.lines.map(() => null));
    for (const added of [false, true]) {
      sheet.bills.forEach((b, i) => b.lines.forEach((l, j) => {
        if (Boolean(l.added) !== added) return;
        const text = (name) => l.was?.[name] ?? l[name]?.text ?? "";
        const key = {
          bill: this.bills[i].number, style: text("style"), cartons: text("cartons"), pieces: text("pieces"),
        };
        const group = same(key);
        let nth = (counts.get(group) || 0) + 1;
        while (gone.has(same({ ...key, nth }))) nth++;
        counts.set(group, nth);
        this.lines[i][j] = nth > 1 ? { ...key, nth } : key;
      }));
    }
  }

  /** The name of a bill. */
  bill(i) { return this.bills[i]; }

  /** The name of a line. */
  line(bill, line) { return this.lines[bill][line]; }
}

/** Reports whether two names of bills are the same. */
export const sameBill = (a, b) => bare(a.number) === bare(b.number) && (a.nth || 1) === (b.nth || 1);

/** Reports whether an amendment is about a bill or one of its lines. */
export const about = (a, bill) => (a.bill ? sameBill(a.bill, bill)
  : Boolean(a.line) && (bill.nth || 1) === 1 && bare(a.line.bill) === bare(bill.number));

/** Says who made an amendment, and when. */
export const who = (a) => [a.by || a.key, a.at && clock(Date.parse(a.at))].filter(Boolean).join(", ");

// Whether a key is held. The tests of the names in amendments have no window.
let held = false;
for (const act of ["keydown", "keyup"]) {
  globalThis.addEventListener?.(act, () => { held = act === "keydown"; }, true);
}

const control = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g; // all but tabs and newlines

/** A text as an amendment may have it: on one line unless lines are meant, without control characters. */
export function clean(text, lines = false) {
  const one = lines ? text.replace(/\r\n?/g, "\n") : text.replace(/\s*[\r\n]+\s*/g, " ");
  return one.replace(control, "").trim();
}

/** Reports whether the server takes a text of an amendment, which has a bound. */
export const fits = (text) => new TextEncoder().encode(text).length <= most;

// An amendment as it was sent, to be added again.
const again = ({ id, state, reason, was, at, by, key, ...a }) => a;

/** The amendments of a session: one for all views of it. */
export const amendmentsOf = (session) => (session.amendments ||= new Amendments(session));

/**
 * A step that was done, and how it is taken back: were are the IDs of what is added again.
 * @typedef {{add: object[], were: string[], undo: string[]}} Back
 */

class Amendments {
  constructor(session) {
    this.session = session;
    /** @type {{sheet: any, keys: Keys} | null} the names in a sheet, made when they are needed */
    this.made = null;
    this.turn = Promise.resolve();
    this.backs = Promise.resolve();
    /** @type {string[]} the IDs that the last step added */
    this.added = [];
    /** How many steps are under way. */
    this.pending = 0;
    /** Whether the sheet is being loaded, since a step was not made. */
    this.loading = false;
    /** The newest revision of which events told while steps were under way. */
    this.seen = 0;
    /** @type {Back[]} the steps of this tab, the last one last */
    this.done = [];
    this.acted = 0;
    for (const act of ["pointermove", "pointerdown", "keydown", "wheel"]) {
      addEventListener(act, () => { this.acted = performance.now(); }, { passive: true });
    }
    this.box = h("div", { class: "told", hidden: true });
    document.body.append(this.box);
    addEventListener("beforeunload", (e) => {
      if (this.pending) e.preventDefault(); // the browser asks
    });
  }

  get sheet() { return this.session.sheet; }

  /** All amendments of the sheet that is shown. */
  get list() { return this.sheet?.amendments || []; }

  /** The names of bills and lines of the sheet that is shown. */
  get keys() {
    if (this.made?.sheet !== this.sheet) this.made = { sheet: this.sheet, keys: new Keys(this.sheet) };
    return this.made.keys;
  }

  /**
   * Adds amendments and undoes others in one step, after the steps before it, and says what
   * became of it. Returns whether it succeeded.
   * @param {object[]} add
   * @param {string[]} [undo] IDs
   * @param {string} [done] what was done, for people
   * @param {boolean} [shown] the view shows the effect already; the sheet is loaded when the
   *   person pauses
   * @param {boolean} [last] it is the last step now, which Ctrl Z takes back
   */
  send(add, undo = [], done = "", shown = false, last = true) {
    this.pending++;
    if (shown && !this.loading) this.session.asked.drop(); // what is being loaded lacks the effect
    const step = this.turn.then(() => this.step(add, undo, done, shown, last)).finally(() => {
      this.pending--;
      if (!this.pending && this.seen > this.revision) this.session.refresh(); // others amended meanwhile
      if (!this.pending) this.seen = 0;
      this.session.changed("amended");
    });
    this.turn = step.then(() => {}, () => {});
    return step;
  }

  async step(add, undo, done, shown, last) {
    if (!add.length && !undo.length) return true;
    const { session } = this;
    try {
      const by = await this.name();
      if (by === null) {
        if (shown) await this.load();
        return false;
      }
      const body = JSON.stringify({ revision: this.revision, by, add, undo });
      const gone = this.list.filter((a) => undo.includes(a.id));
      const answer = await session.client.json("POST", "/amendments", { body, type: "application/json" });
      const back = { add: gone.map(again), were: gone.map((a) => a.id), undo: answer.added || [] };
      this.added = back.undo;
      if (last) this.done.push(back);
      if (shown) {
        this.sheet.amendments = answer.amendments;
        this.known = { version: session.version, revision: answer.revision };
        session.asked.drop();
        clearTimeout(this.pausing);
        this.pausing = setTimeout(() => this.paused(), pause);
      } else {
        await session.refresh();
      }
      if (done) this.tell(done, "ok", back);
      return true;
    } catch (error) {
      if (error?.status === 401) session.failed(error);
      else if (error?.code === "changed") await this.changed(error.details?.amendments || []);
      else {
        if (shown) await this.load();
        this.tell(words(error), "bad");
      }
      return false;
    }
  }

  // Shows what others did, and says that nothing of one's own was done.
  async changed(list) {
    await this.load();
    const known = new Set(this.done.flatMap((d) => d.undo));
    const last = list.findLast((a) => !known.has(a.id));
    const name = last ? who(last) : "";
    const told = t("Your change was not made: somebody else ({name}) amended the sheet a moment ago. " +
      "You see the newest now; repeat your change if it is still needed.", { name: name || t("without name") });
    this.tell(told, "warn");
  }

  // Loads the sheet as the server has it, whatever the view shows.
  async load() {
    this.session.version = "";
    this.loading = true;
    await this.session.refresh();
    this.loading = false;
  }

  // Loads the sheet once the person does nothing for a while: that of many rows takes a moment.
  paused() {
    if (this.pending || performance.now() - this.acted < pause) this.pausing = setTimeout(() => this.paused(), pause);
    else this.session.refresh();
  }

  /** The revision of the session as this tab knows it. */
  get revision() {
    const { session } = this;
    return this.known?.version === session.version ? this.known.revision : session.view?.revision ?? 0;
  }

  /**
   * Takes an event about amendments. Reports whether the page need not load the sheet for it:
   * this tab made the change.
   */
  heard(event) {
    if (this.pending) this.seen = Math.max(this.seen, event.revision);
    return this.pending > 0 || event.revision <= this.revision;
  }

  /** Undoes amendments. */
  undo(ids, done = t("Undone.")) { return this.send([], ids, done); }

  /** Takes back the last step of this tab, or the given one, after those before it. */
  back(step = this.done.at(-1)) {
    if (!step) return this.tell(t("There is nothing to undo in this tab."), "warn");
    this.done = this.done.filter((d) => d !== step); // what is undone is not undone again
    this.backs = this.backs.then(() => this.takeBack(step));
    return this.backs;
  }

  /** @param {Back} step */
  async takeBack(step) {
    await this.turn;
    let there = step.undo;
    try {
      // The sheet that is shown may be an older one, and others may have undone some.
      const newest = await this.session.client.json("GET", "/amendments");
      there = there.filter((id) => newest.amendments.some((a) => a.id === id));
    } catch {
      // then the next request fails, too, and says why
    }
    if (!(await this.send(step.add, there, t("Undone."), false, false))) return;
    // What was added again has other IDs now, which earlier steps must name.
    const now = new Map(step.were.map((id, i) => [id, this.added[i]]));
    for (const d of this.done) d.undo = d.undo.map((id) => now.get(id) || id);
  }

  /**
   * Says what became of a change.
   * @param {string} text
   * @param {"ok" | "warn" | "bad"} kind
   * @param {Back} [back] how it is taken back
   */
  tell(text, kind, back) {
    clearTimeout(this.fading);
    const close = () => { this.box.hidden = true; };
    const undo = () => {
      close();
      this.back(back);
    };
    this.box.className = `told ${kind}`;
    this.box.setAttribute("role", kind === "ok" ? "status" : "alert");
    fill(this.box, icon(kind === "ok" ? "ok" : "bad"), h("p", {}, text),
      back && text !== t("Undone.") && button({ class: "small", onclick: undo }, t("Undo")),
      sign("cross", t("Dismiss"), close));
    // In front of a dialog that is open.
    (document.querySelector("dialog:modal") || document.body).append(this.box);
    this.box.hidden = false;
    if (kind !== "ok") return;
    this.fading = setTimeout(close, 8_000);
    // What was done on one tab is of no use over another.
    for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", close, { once: true });
  }

  /** The name of the person, "" for none. Asks for it once; null if the person thought better of it. */
  async name() {
    try {
      const known = localStorage.getItem(nameOf);
      if (known !== null) return known;
    } catch {
      return ""; // a frame without storage
    }
    const name = await write(t("Your name, please"),
      t("It is noted with each change that you make in this browser, so that others know whom to ask."),
      { label: t("Name"), button: t("Continue"), optional: true, max: 80 });
    try {
      if (name !== null) localStorage.setItem(nameOf, name);
    } catch {
      // Without storage it is asked for with each change.
    }
    return name;
  }
}

/**
 * Has somebody write a text in a dialog. Returns it, null if the person thought better of it.
 * @param {string} title
 * @param {string} text
 * @param {{label: string, button?: string, optional?: boolean, max?: number, value?: string}} options
 * @returns {Promise<string | null>}
 */
export async function write(title, text, { label, button: name = t("Save"), optional = false, max = 400, value = "" }) {
  const input = h("input", { type: "text", id: "write-text", maxLength: max, value, autocomplete: "off" });
  const dialog = h("dialog", { class: "write", "aria-labelledby": "write-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "write-title" }, title), h("p", {}, text),
      h("label", { for: "write-text" }, label), input,
      h("div", { class: "buttons" }, h("button", { value: "yes", class: "primary" }, name),
        button({ onclick: () => dialog.close("") }, t("Cancel")))));
  input.required = !optional;
  document.body.append(dialog);
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  const answer = answered(dialog);
  // The key that led here, still held, is no answer.
  let led = held;
  dialog.addEventListener("keyup", () => { led = false; });
  dialog.addEventListener("pointerdown", () => { led = false; });
  dialog.addEventListener("submit", (e) => led && e.preventDefault());
  input.focus();
  const yes = (await answer) === "yes";
  dialog.remove();
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  return yes ? clean(input.value) : null;
}
