// @ts-check
// The three steps: bills, orders, sheet. Each shows its files, its progress and its
// errors.

import { $, h, fill, button, icon, say, ask } from "./dom.js";
import { bytes, count, plural } from "./format.js";
import { words } from "./session.js";
import { totals } from "./issues.js";

export class Steps {
  constructor(session) {
    this.session = session;
    /** Makes what step 3 says about how far a sheet can be trusted. @type {(sheet: any) => any} */
    this.trust = () => undefined;
    /** Has somebody teach the form of a page: {file, page}. @type {(at: any) => any} */
    this.teach = () => undefined;
    /** The table of columns to name, once there was one. @type {any} */
    this.mapping = null;
    this.bills = new Upload(session, "bol", $("step-bills"), $("bills-files"));
    this.orders = new Upload(session, "orders", $("step-orders"), $("orders-files"));
    /** An order export that came before its bills, which it needs. @type {File | null} */
    this.waiting = null;
    this.bills.unread = (at) => this.teach(at);
    this.orders.unknown = (error, file) => this.map(error, file);
    this.orders.known = () => this.mapping?.hide();
    this.sheet = $("step-sheet");
    this.choose($("step-bills"), this.bills);
    this.choose($("step-orders"), this.orders);
    this.dragging();
    session.addEventListener("failed", ({ detail }) => {
      const step = detail.kind === "bol" ? this.bills : this.orders;
      if (detail.code !== "cancelled") step.fail(`An upload from another tab or program failed. ${detail.error}`);
    });
  }

  /** Has people say what the columns of an order export mean. */
  async map(error, file) {
    const { Mapping } = await import("./mapping.js");
    this.mapping ||= new Mapping($("mapping"),
      (again, columns, remember) => this.orders.send([again], false, { columns, remember }),
      () => this.orders.focus());
    this.mapping.show(error, file);
  }

  choose(section, upload) {
    section.querySelector(".choose").addEventListener("click", () => upload.input.click());
    upload.input.addEventListener("change", () => {
      const files = [...upload.input.files];
      upload.input.value = "";
      if (files.length) this.deal(files);
    });
  }

  /** Uploads files to a step. If there are bills already, asks whether to add or replace. */
  async give(upload, files) {
    if (upload.busy) {
      upload.fail(`${named(files)} was not uploaded: another upload is under way. Drop or choose it again afterwards.`);
      return;
    }
    let add = false;
    if (upload === this.bills && this.session.view?.bills.length) {
      const have = this.session.sheet?.summary.bills ?? 0;
      const answer = await ask("There are bills already",
        `Add ${named(files)} to the ${plural(have, "bill")} that are here, or replace them? ` +
          (this.session.view.orders ? "Replacing removes the order export, too; adding keeps it." : ""),
        [
          { value: "add", label: "Add", class: "primary" },
          { value: "replace", label: "Replace" },
          { value: "", label: "Cancel", class: "quiet" },
        ]);
      if (!answer) return;
      add = answer === "add";
    }
    return upload.send(files, add);
  }

  // Files may be dropped anywhere: their content says to which step they go.
  dragging() {
    let depth = 0;
    const has = (e) => e.dataTransfer?.types.includes("Files");
    const end = () => {
      depth = 0;
      $("dropping").hidden = true;
    };
    document.addEventListener("dragenter", (e) => {
      if (!has(e)) return;
      e.preventDefault();
      depth++;
      $("dropping").hidden = this.session.phase !== "open";
    });
    document.addEventListener("dragover", (e) => has(e) && e.preventDefault());
    document.addEventListener("dragleave", (e) => has(e) && --depth <= 0 && end());
    document.addEventListener("drop", (e) => {
      if (!has(e)) return;
      e.preventDefault();
      end();
      if (this.session.phase === "open") this.deal([...e.dataTransfer.files]);
    });
    addEventListener("beforeunload", (e) => {
      if (this.bills.busy || this.orders.busy || this.waiting) e.preventDefault(); // the browser asks
    });
  }

  /** Gives each file to the step of its kind, which its content decides. */
  async deal(files) {
    const pdfs = [], exports = [];
    for (const f of files) ((await isPDF(f)) ? pdfs : exports).push(f);
    const read = pdfs.length ? await this.give(this.bills, pdfs) : true;
    if (read === undefined) return; // somebody thought better of it
    if (!read && exports.length && this.session.view?.bills.length) {
      return this.orders.fail(`${named(exports)} was not uploaded, since the bills that came with it were not read.`);
    }
    if (exports.length > 1) {
      this.orders.fail(`A session has one order export, but ${exports.map((f) => f.name).join(", ")} are not PDFs. ` +
        "None of them was uploaded. Drop or choose the one that counts.");
    } else if (exports.length) {
      this.waiting = exports[0];
      await this.release();
    }
  }

  /** Uploads the order export that waits once there are bills. */
  async release() {
    const file = this.waiting;
    if (!file || this.bills.busy || this.orders.busy) return;
    if (this.session.phase === "open" && this.session.view.bills.length) {
      this.waiting = null;
      return this.give(this.orders, [file]);
    }
    this.orders.note(`${file.name} is kept in this tab, and is uploaded as soon as the bills are read.`,
      button({ class: "small", onclick: () => this.drop() }, "Remove"));
  }

  /** Forgets the order export that waits. */
  drop() {
    this.waiting = null;
    this.orders.clear();
  }

  /** Uploads a sample: its files come from the server and are uploaded like any others. */
  async sample(suffix) {
    this.bills.clear();
    const held = $("empty").contains(document.activeElement);
    try {
      const fetched = await Promise.all([`bol${suffix}.pdf`, `orders${suffix}.csv`].map(async (name) => {
        const response = await this.session.client.request("GET", `/sample/${name}`);
        return new File([await response.blob()], name);
      }));
      if ((await this.bills.send(fetched.slice(0, 1), false)) === true) await this.orders.send(fetched.slice(1), false);
      // The button that had the focus is not there any more.
      if (held && document.activeElement === document.body) $("results").focus({ preventScroll: true });
    } catch (error) {
      this.bills.fail(words(error));
    }
  }

  render() {
    const { view, sheet, phase } = this.session;
    const open = phase === "open";
    const bills = open && view.bills.length > 0;
    if (!bills && phase !== "away") this.mapping?.hide();
    this.bills.render(open, bills && sheet ? billsDone(this, view, sheet) : null, "", billsKind(sheet),
      bills && sheet ? `${plural(sheet.summary.bills, "bill")}, ${plural(sheet.summary.lines, "line")}` : "");
    const orders = open && view.orders && sheet?.match ? ordersDone(this, view, sheet) : null;
    this.orders.render(open, orders, wrongOrders(sheet), ordersKind(sheet),
      orders ? `${count(sheet.match.matched)} of ${plural(sheet.orders.rows, "row")} matched` : "");
    renderSheet(this, open && sheet ? sheet : null);
    if (phase === "ended") this.waiting = null;
    else if (this.waiting && bills) this.release();
  }

  /** The name of downloads: that of the first file of bills, so that they can be told apart. */
  name() {
    const first = this.session.view?.bills[0]?.name || "";
    const stem = first.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N} ._-]/gu, "_").trim().slice(0, 60);
    return stem ? `load-sheet-${stem}` : "load-sheet";
  }

  /** Saves the sheet as a file. */
  async download(format, pressed) {
    // A button that is disabled would lose the focus.
    if (pressed.ariaBusy === "true") return;
    pressed.ariaBusy = "true";
    const trouble = this.sheet.querySelector(".trouble");
    trouble.replaceChildren();
    try {
      const accept = Boolean(this.sheet.querySelector("#accept")?.checked);
      const blob = await this.session.client.download(format, { accept });
      const name = `${this.name()}.${format === "ebol" ? "ebol.json" : format}`;
      const link = h("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      say(`The sheet was saved as ${link.download}.`);
    } catch (error) {
      trouble.replaceChildren(h("p", { class: "error", role: "alert" }, words(error)));
      this.session.refresh();
    } finally {
      pressed.ariaBusy = null;
    }
  }
}

const named = (files) => (files.length === 1 ? files[0].name : plural(files.length, "file"));

/** Decides by name and type, else by the file's first bytes. */
async function isPDF(file) {
  if (/\.pdf$/i.test(file.name) || file.type === "application/pdf") return true;
  const head = new TextDecoder("latin1").decode(await file.slice(0, 1024).arrayBuffer());
  return head.includes("%PDF-");
}

/** One upload at a time into one step. */
class Upload {
  constructor(session, kind, section, input) {
    this.session = session;
    this.kind = kind;
    this.section = section;
    this.input = input;
    /** Is called if columns of a file are not known. @type {((error: any, file: File) => any) | undefined} */
    this.unknown = undefined;
    /** Is called with a page that could not be read, to have its form taught. @type {((at: any) => any) | undefined} */
    this.unread = undefined;
    /** Is called when another file was read. @type {(() => void) | undefined} */
    this.known = undefined;
    this.body = section.querySelector(".body");
    this.work = section.querySelector(".work");
    this.trouble = section.querySelector(".trouble");
    this.chip = section.querySelector(".chip");
    this.gist = section.querySelector(".gist");
    this.toggle = section.querySelector(".fold");
    this.toggle.append(icon("down"));
    this.toggle.addEventListener("click", () => this.fold(this.toggle.ariaExpanded === "true"));
    /** What the step does now, "" for nothing. */
    this.doing = "";
    this.ask = [...this.body.childNodes];
    this.label = h("p", { class: "doing" });
    this.detail = h("p", { class: "detail" });
    this.bar = h("progress", { max: 1, "aria-label": "Progress" });
    this.stop = h("button", { type: "button", onclick: () => this.cancel() }, "Cancel");
    this.work.append(this.label, this.bar, this.detail, this.stop);
  }

  get busy() { return Boolean(this.abort); }

  clear() { this.trouble.replaceChildren(); }

  /** Shows an error, and buttons for what can be done about it. Each line of the text is a paragraph. */
  fail(text, ...buttons) {
    this.failedAt = this.session.version;
    const dismiss = () => {
      this.clear();
      this.focus();
    };
    this.trouble.replaceChildren(h("div", { class: "error", role: "alert" }, icon("bad"),
      h("div", { class: "what" }, text.split("\n").map((line) => h("p", {}, line)),
        buttons.length > 0 && h("div", { class: "buttons" }, buttons)),
      button({ class: "quiet icon", "aria-label": "Dismiss", onclick: dismiss }, icon("cross"))));
  }

  note(text, ...buttons) {
    const was = this.trouble.textContent;
    this.trouble.replaceChildren(h("p", { class: "hint" }, text, " ", buttons));
    if (this.trouble.textContent !== was) say(text);
  }

  /** Focuses the button for the next thing to do. */
  focus() {
    const next = this.busy ? ".work button" : this.section.matches(".folded") ? ".fold" : ".choose";
    this.section.querySelector(next)?.focus({ preventScroll: true });
  }

  /** Folds the step to one line, or unfolds it. */
  fold(folded) {
    this.section.classList.toggle("folded", folded);
    this.toggle.ariaExpanded = String(!folded);
  }

  cancel() { this.abort?.abort(new DOMException("cancelled", "AbortError")); }

  // Doing is what the bar says of it.
  show(doing, label, detail, part) {
    this.doing = doing;
    this.label.textContent = label;
    this.detail.textContent = detail || "";
    this.section.dispatchEvent(new Event("doing", { bubbles: true }));
    if (part === undefined) this.bar.removeAttribute("value");
    else this.bar.value = part;
  }

  /** Sends files and waits until they are read. Returns true if they were. Once names the upload, for repetitions. */
  async send(files, add, how = {}, once = unique()) {
    const held = this.section.contains(document.activeElement);
    this.clear();
    this.abort = new AbortController();
    const total = files.reduce((n, f) => n + f.size, 0);
    const what = named(files);
    let ticking;
    const still = () => clearInterval(ticking);
    const reading = (e) => {
      still();
      const which = files.length > 1 && e.file ? `, file ${e.file} of ${files.length}` : "";
      const found = e.pages && `${read(e)} and ${plural(e.lines || 0, "line")} found${which}`;
      this.show(state(e, this.kind), `Reading ${what}`,
        this.kind === "orders" ? "Joining rows with lines" : found || "Waiting for the first page");
    };
    this.session.uploads.begin(this.kind, reading);
    this.show("Sending", `Sending ${what}`, `0 of ${bytes(total)}`, 0);
    say(`Sending ${what}`);
    this.section.dispatchEvent(new Event("busy", { bubbles: true }));
    if (held) this.focus();
    try {
      const options = {
        once,
        signal: this.abort.signal,
        onSent: (sent, all) => {
          const part = `${bytes(Math.min(total, sent))} of ${bytes(total)}`;
          if (sent < all) this.show(`Sending ${Math.floor((100 * sent) / all)} %`, `Sending ${what}`, part, sent / all);
          else this.show("Sent", `Sent ${what}`, `All ${bytes(total)} sent; waiting for the server to read them`);
        },
        onWait: (seconds) => {
          still();
          const until = Date.now() + seconds * 1000;
          const tick = () => {
            const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
            this.show("Waiting", "The server is busy", `The upload will be tried again in ${plural(left, "second")}`);
          };
          tick();
          say(`The server is busy. The upload will be tried again in ${plural(seconds, "second")}.`);
          ticking = setInterval(tick, 250);
        },
      };
      const { client } = this.session;
      const answer = await (this.kind === "bol"
        ? client.uploadBills(files, { ...options, add, ...how })
        : client.uploadOrders(files[0], { ...options, ...how }));
      this.done();
      this.known?.();
      await this.session.refresh();
      say(answer.message);
      return true;
    } catch (error) {
      this.done();
      if (error?.name === "AbortError") this.note("Cancelled. What was here before is unchanged.");
      else if (this.unknown && mappable(error)) {
        const lacking = error.details.missing.map((m) => m.meaning).join(", ");
        this.fail(`No column of ${what} is known as: ${lacking}. Say below what its columns mean.`);
        this.session.refresh();
        await this.unknown(error, files[0]);
      } else {
        const again = (text, some, name) =>
          button({ class: "small", onclick: () => this.send(some, add, how, name) }, text);
        const [fates, well] = fatesOf(files, words(error));
        // Without an answer nobody knows whether the files arrived: the name of the upload tells the server.
        if (error instanceof TypeError || error?.status >= 500) this.fail(fates, again("Try again", files, once));
        else if (this.unread && files.length === 1 && teachable.includes(error?.code)) {
          const page = error.details?.other_pages?.[0] || 1;
          this.fail(fates, button({ class: "small", onclick: () => this.lesson(files, add, page) },
            "Show us the columns"));
        } else if (well.length) this.fail(fates, again(`Upload only ${named(well)}`, well));
        else this.fail(fates);
        if (error?.status === 401) this.session.failed(error);
        else this.session.refresh();
      }
      return false;
    } finally {
      still();
      this.done();
      const here = document.activeElement === this.stop || document.activeElement === document.body;
      this.section.dispatchEvent(new Event("busy", { bubbles: true }));
      if (held && here) this.focus();
    }
  }

  // Uploads a document of which no bill can be read, so that its form can be taught.
  async lesson(files, add, page) {
    if (!(await this.send(files, add, { teach: true }))) return;
    await this.unread?.({ file: this.session.view.bills.length - 1, page });
  }

  done() {
    this.session.uploads.end(this.kind, Date.now());
    this.abort = null;
    this.doing = "";
  }

  /**
   * Shows the step. Done is its content once it has files; doubt says what is wrong with them, if anything, and kind
   * is "bad" or "warn" if something in them is to be checked. Gist is the content in few words, for the folded step.
   */
  render(able, done, doubt = "", kind = "ok", gist = "") {
    const remote = this.session.uploads.remote[this.kind];
    const busy = this.busy || Boolean(remote);
    this.section.classList.toggle("busy", busy);
    this.section.classList.toggle("has", Boolean(done));
    this.section.classList.toggle("waiting", !able && !busy);
    if (!busy) this.doing = "";
    if (remote && !this.busy) {
      this.show(state(remote, this.kind), "Being uploaded from another tab or program",
        remote.pages ? `${read(remote)} found` : "");
    }
    this.stop.hidden = !this.busy;
    this.work.hidden = !busy;
    this.body.hidden = busy;
    if (done) this.body.replaceChildren(...done);
    else if (this.body.firstChild !== this.ask[0]) this.body.replaceChildren(...this.ask);
    this.body.querySelectorAll(".choose").forEach((b) => { b.disabled = !able; });
    this.chip.hidden = !done;
    this.gist.textContent = done ? gist : "";
    this.toggle.hidden = !done || busy;
    // What is finished takes one line, until somebody unfolds it; a step that is not finished shows all.
    if (!done) this.fold(false);
    else if (this.finished !== this.session.version) this.fold(true);
    this.finished = done ? this.session.version : "";
    // An error is of the past once anything was attached after it.
    if (this.trouble.querySelector(".error") && this.session.version !== this.failedAt) this.clear();
    if (done) mark(this.chip, doubt, "Read", kind);
  }
}

// A name for an upload. Browsers have no other UUIDs for pages without HTTPS.
const unique = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** Splits what the server says of several files into a line for each. Returns it with the files that were read. */
function fatesOf(files, text) {
  if (files.length < 2) return [text, []];
  const lines = files.reduce((all, f) => all.replace(`; ${f.name}: `, `\n${f.name}: `), text);
  return [lines, files.filter((f) => lines.includes(`${f.name}: read, but`))];
}

// The faults of documents whose form can be taught.
const teachable = ["unread_form", "no_bills"];

// Whether people can name the columns that an order export lacks.
function mappable(error) {
  if (error?.code !== "missing_columns" || !error.details?.columns) return false;
  return error.details.columns.length >= error.details.meanings.filter((m) => m.required).length;
}

// What the bar says of an event.
function state({ pages }, kind) {
  if (kind === "orders") return "Joining orders";
  return pages ? `Reading, ${plural(pages, "page")}` : "Reading";
}

// The progress of reading a document.
const read = ({ pages, bills }) => `${plural(pages, "page")} read, ${plural(bills || 0, "bill")}`;

const wrongOrders = (sheet) => sheet?.match?.state === "wrong_orders" && "Wrong orders?";

/** Writes on a chip what is wrong, or else what was done. Kind is "ok", "warn" or "bad". */
function mark(chip, doubt, done, kind = "ok") {
  chip.classList.toggle("bad", Boolean(doubt) || kind === "bad");
  chip.classList.toggle("warn", !doubt && kind === "warn");
  chip.replaceChildren(icon(doubt || kind !== "ok" ? "bad" : "ok"), doubt || done);
}

const worst = (bad, warn) => (bad > 0 ? "bad" : warn > 0 ? "warn" : "ok");

function billsKind(sheet) {
  return sheet ? worst(sheet.summary.mismatched, sheet.bills.length - sheet.summary.reconciled) : "ok";
}

function ordersKind(sheet) {
  const match = sheet?.match;
  return match ? worst(match.unmatched_lines.length, match.unmatched_orders.length) : "ok";
}

const fact = (value, name) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value));

const some = (n, what) => fact(count(n), n === 1 ? what : `${what}s`);

const facts = (...list) => h("dl", { class: "facts" }, list);

// Several files are numbered: the pages of bills name them by their numbers.
const fileList = (inputs) => h("ol", { class: "files" },
  inputs.slice(0, 8).map((f, i) => h("li", {},
    h("span", { class: "name", title: f.name }, inputs.length > 1 ? `${i + 1}: ${f.name}` : f.name),
    h("span", { class: "size" }, bytes(f.size)))),
  inputs.length > 8 && h("li", {}, h("span", { class: "size" }, `and ${plural(inputs.length - 8, "more file")}`)));

function billsDone(steps, view, sheet) {
  const { summary } = sheet;
  return [
    fileList(view.bills),
    facts(
      some(summary.bills, "bill"), some(summary.pages, "page"), some(summary.lines, "line"),
      summary.held > 0 && fact(count(summary.held), "not in the sheet")),
    parts([
      ["ok", summary.reconciled, "reconciled"], ["bad", summary.mismatched, "mismatched"],
      ["warn", summary.unchecked, "unchecked"], ["warn", summary.unproved, "not proved"],
    ]),
    choose("Add or replace", steps.bills),
  ];
}

function ordersDone(steps, view, sheet) {
  const { match } = sheet;
  const near = match.near_misses.length;
  return [
    fileList([view.orders]),
    facts(some(sheet.orders.rows, "row"), fact(count(match.matched), "matched"),
      fact(count(near), near === 1 ? "near miss" : "near misses")),
    parts([
      ["ok", match.matched, "matched"], ["bad", match.unmatched_lines.length, "lines without order"],
      ["warn", match.unmatched_orders.length, "orders without line"],
    ]),
    choose("Replace", steps.orders),
  ];
}

const choose = (text, upload) => h("div", { class: "buttons" },
  button({ class: "choose small", onclick: () => upload.input.click() }, text));

/** Makes a bar of the parts of a whole, with a legend. */
function parts(list) {
  const some = list.filter(([, n]) => n > 0);
  const bar = h("div", { class: "parts", "aria-hidden": "true" }, some.map(([kind, n]) => {
    const part = h("span", { class: kind });
    part.style.flexGrow = n;
    return part;
  }));
  const key = ([kind, n, name]) => h("span", { class: `key ${kind}` }, `${count(n)} ${name}`);
  const legend = some.map((part, i) => [i > 0 && " ", key(part)]);
  return h("div", { class: "verdicts" }, bar, h("p", {}, legend));
}

function renderSheet(steps, sheet) {
  const body = steps.sheet.querySelector(".body");
  const chip = steps.sheet.querySelector(".chip");
  steps.sheet.classList.toggle("has", Boolean(sheet));
  steps.sheet.classList.toggle("waiting", !sheet);
  steps.empty ||= [...body.childNodes];
  chip.hidden = !sheet;
  if (steps.drawn === sheet && sheet) return;
  steps.drawn = sheet;
  steps.sheet.querySelector(".trouble").replaceChildren();
  if (!sheet) return body.replaceChildren(...steps.empty);
  mark(chip, wrongOrders(sheet), sheet.match ? "Joined" : "Bills only", worst(
    sheet.findings.filter((f) => f.severity === "error").length,
    sheet.findings.filter((f) => f.severity !== "info").length));
  const t = totals(sheet);
  const save = (format, name, kind) => button({
    class: kind, "aria-label": `Download ${name}`, onclick: (e) => steps.download(format, e.currentTarget),
  }, icon("save"), name);
  fill(body,
    facts(some(sheet.rows.length, "row"),
      sheet.match ? some(t.pallets, "pallet") : some(t.cartons, "carton"),
      fact(t.cube ? count(t.cube) : "–", "cu ft"),
      fact(count(t.weight), "lb")),
    steps.trust(sheet),
    sheet.summary.held > 0 && h("label", { class: "check" }, h("input", { type: "checkbox", id: "accept" }),
      ` I compared them: also download ${plural(sheet.summary.held, "line")} that nothing proves`),
    h("div", { class: "buttons downloads" },
      save("xlsx", "Excel", "primary"), save("csv", "CSV"), save("json", "JSON"), save("ebol", "eBOL drafts")),
  );
}
