// @ts-check
// The three steps: bills, orders, sheet. Each shows its files, its progress and its
// errors.

import { $, h, agreed, chosen, fill, button, icon, say, sign, ask } from "./dom.js";
import { bytes, count, plural } from "./format.js";
import { words } from "./session.js";
import { english, loose, totals } from "./issues.js";
import { save } from "./save.js";
import { listed, t, tn, translated } from "./words.js";

export class Steps {
  constructor(session) {
    this.session = session;
    /** Makes what step 3 says about how far a sheet can be trusted. @type {(sheet: any) => any} */
    this.trust = () => undefined;
    /** Has somebody teach the form of a page: {file, page}. @type {(at: any) => any} */
    this.teach = () => undefined;
    /** The findings that nobody has ticked off. @type {() => any[]} */
    this.unchecked = () => [];
    /** Shows them. @type {() => any} */
    this.look = () => undefined;
    /** The table of columns to name, once there was one. @type {any} */
    this.mapping = null;
    this.bills = new Upload(session, "bol", $("step-bills"), $("bills-files"));
    this.orders = new Upload(session, "orders", $("step-orders"), $("orders-files"));
    /** Order exports that came before their bills, which they need. @type {File[]} */
    this.waiting = [];
    this.bills.unread = (at) => this.teach(at);
    this.orders.unknown = (error, file, add) => this.map(error, file, add);
    this.orders.known = () => this.mapping?.hide();
    this.sheet = $("step-sheet");
    this.choose($("step-bills"), this.bills);
    $("step-bills").querySelector(".camera").addEventListener("click", () => $("bills-camera").click());
    chosen($("bills-camera"), (files) => this.gather(files));
    /** Pictures that are gathered before they are uploaded together, once there were some. @type {any} */
    this.tray = null;
    this.choose($("step-orders"), this.orders);
    this.dragging();
    session.addEventListener("failed", ({ detail }) => {
      const step = detail.kind === "bol" ? this.bills : this.orders;
      if (detail.code === "cancelled") return;
      step.fail([t("An upload from another tab or program failed."), " ", english(detail.error)]);
    });
  }

  /** Has people say what the columns of an order export mean. */
  async map(error, file, add) {
    const { Mapping } = await import("./mapping.js");
    this.adds = add;
    this.mapping ||= new Mapping($("mapping"),
      (again, columns, remember) => this.orders.send([again], this.adds, { columns, remember }),
      () => this.orders.focus());
    this.mapping.show(error, file);
  }

  choose(section, upload) {
    section.querySelector(".choose").addEventListener("click", () => upload.input.click());
    chosen(upload.input, (files) => this.deal(files));
  }

  /** Gathers pictures that are uploaded together, in an order that can be changed. */
  async gather(files) {
    const { Tray } = await import("./tray.js");
    this.tray ||= new Tray($("tray"), {
      take: () => $("bills-camera").click(),
      choose: () => this.bills.input.click(),
      read: (pictures) => this.read(pictures),
    });
    this.tray.add(files);
  }

  // Uploads the pictures that were gathered. Phones give all the same name.
  async read(pictures) {
    const alike = new Set(pictures.map((f) => f.name)).size < pictures.length;
    const files = !alike ? pictures : pictures.map((f, i) => new File([f],
      f.name.replace(/^(.*?)(\.[^.]*)?$/, `$1-${i + 1}$2`), { type: f.type }));
    if ((await this.give(this.bills, files)) !== true) return;
    const held = $("tray").contains(document.activeElement) || document.activeElement === document.body;
    this.tray.clear();
    if (held) this.bills.focus();
    if (this.waiting.length) this.release();
  }

  /** Uploads files to a step. If it has files already, asks whether to add or replace. */
  async give(upload, files) {
    if (upload.busy) {
      upload.fail(t("{files} was not uploaded: another upload is under way. Drop or choose it again afterwards.",
        { files: named(files) }));
      return;
    }
    let add = false;
    const { view, sheet } = this.session;
    const bills = upload === this.bills;
    if (bills ? view?.bills.length : view?.orders) {
      const have = bills ? plural(sheet?.summary.bills ?? 0, "bill") : plural(sheet?.orders?.rows ?? 0, "row");
      const too = bills && view.orders ? ` ${t("Replacing removes the order export, too; adding keeps it.")}` : "";
      const answer = await ask(bills ? t("There are bills already") : t("There is an order export already"),
        t("Add {files} to what is here ({what}), or replace it?", { files: named(files), what: have }) + too,
        [
          { value: "add", label: t("Add"), class: "primary" },
          { value: "replace", label: t("Replace") },
          { value: "", label: t("Cancel"), class: "quiet" },
        ]);
      if (!answer) return;
      add = answer === "add";
    }
    if (bills) return upload.send(files, add);
    // Each order export is a file of its own; those that follow are added to the first.
    let read = false;
    for (const [i, file] of files.entries()) {
      const also = files.length > 1 ? files.slice(i + 1) : [];
      const sent = await upload.send([file], add || (read && i > 0));
      if (!sent && also.length) {
        upload.more(t("Not uploaded yet: {files}", { files: also.map((f) => f.name).join(", ") }),
          button({ class: "small", onclick: () => this.give(upload, also) },
            t("Upload {files}", { files: named(also) })));
        return false;
      }
      read ||= sent;
    }
    return read;
  }

  // Takes a file of the session away, after a question.
  async remove(input, i, role) {
    const { session } = this;
    const text = role === "bol" ? t("Its bills leave the sheet. Everything else stays.")
      : t("What it filled in leaves the sheet. Everything else stays.");
    if (!(await agreed(t("Remove {name}?", { name: input.name }), text, t("Remove")))) return;
    const step = role === "bol" ? this.bills : this.orders;
    try {
      // Files of the same name have names of their own in the listing.
      const file = (await session.client.files()).filter((f) => f.role === role)[i];
      if (file) await session.client.removeFile(file.name);
      await session.refresh();
      step.note(t("{name} was removed.", { name: input.name }));
      step.focus();
    } catch (error) {
      step.fail(words(error));
      session.refresh();
    }
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
      const kept = this.waiting.length || this.tray?.files.length;
      if (this.bills.busy || this.orders.busy || kept) e.preventDefault(); // the browser asks
    });
  }

  /** Gives each file to the step of its kind, which its content decides. */
  async deal(files) {
    const pdfs = [], exports = [];
    for (const f of files) ((await isPDF(f)) ? pdfs : exports).push(f);
    // Several pictures are pages whose order somebody has to know.
    const pictures = pdfs.length > 1 && pdfs.every((f) => /^image\//.test(f.type));
    if (pdfs.length && (pictures || this.tray?.files.length)) await this.gather(pdfs);
    else if (pdfs.length) {
      const read = await this.give(this.bills, pdfs);
      if (read === undefined) return; // somebody thought better of it
      if (!read && exports.length && this.session.view?.bills.length) {
        return this.orders.fail(t("{files} was not uploaded, since the bills that came with it were not read.",
          { files: named(exports) }));
      }
    }
    if (!exports.length) return;
    this.waiting.push(...exports);
    await this.release();
  }

  /** Uploads the order exports that wait once there are bills. */
  async release() {
    const files = this.waiting;
    if (!files.length || this.bills.busy || this.orders.busy) return;
    if (this.session.phase === "open" && this.session.view.bills.length) {
      this.waiting = [];
      return this.give(this.orders, files);
    }
    this.orders.note(
      t("{name} is kept in this tab, and is uploaded as soon as the bills are read.",
        { name: listed(files.map((f) => f.name)) }),
      button({ class: "small", onclick: () => this.drop() }, t("Remove")));
  }

  /** Forgets the order exports that wait. */
  drop() {
    this.waiting = [];
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
      // The button that had the focus is not there any more; the browser may not have noticed yet.
      const at = document.activeElement;
      if (held && (at === document.body || $("empty").contains(at))) $("results").focus({ preventScroll: true });
    } catch (error) {
      this.bills.fail(words(error));
    }
  }

  render() {
    const { view, sheet, phase } = this.session;
    const open = phase === "open";
    $("tray").classList.toggle("busy", this.bills.busy);
    const bills = open && view.bills.length > 0;
    if (!bills && phase !== "away") this.mapping?.hide();
    this.bills.render(open, bills && sheet ? billsDone(this, view, sheet) : null, "", billsKind(sheet),
      bills && sheet ? [plural(sheet.summary.bills, "bill"), plural(sheet.summary.lines, "line")].join(", ") : "",
      billsLeft(sheet).length);
    const orders = open && view.orders && sheet?.match ? ordersDone(this, view, sheet) : null;
    this.orders.render(open, orders, wrongOrders(sheet), ordersKind(sheet),
      orders ? t("{n} of {rows} matched", { n: sheet.match.matched, rows: plural(sheet.orders.rows, "row") }) : "",
      loose(sheet));
    renderSheet(this, open && sheet ? sheet : null);
    if (phase === "ended") {
      this.waiting = [];
      this.tray?.clear();
    }
    if (phase !== "ended" && bills) this.release();
  }

  /** Saves the sheet as a file. Asks first while there are things to check that nobody ticked off. */
  async download(format, pressed) {
    if (pressed.ariaBusy === "true" || !(await this.sure())) return;
    const { session, sheet } = this;
    const accept = Boolean(sheet.querySelector("#accept")?.checked);
    await save(session, () => session.client.download(format, { accept }),
      `load-sheet.${format === "ebol" ? "ebol.json" : format}`, pressed, sheet.querySelector(".trouble"), (name) => {
        session.changed("saved", name);
        say(t("The sheet was saved as {name}.", { name }));
      });
  }

  // Reports whether a sheet may be saved with what is not checked. Asked once for each sheet.
  async sure() {
    const n = this.unchecked().length, { version } = this.session;
    if (!n || this.agreed === version) return true;
    const answer = await ask(
      tn("Download with {n} thing unchecked?", "Download with {n} things unchecked?", n),
      t("They are in the list above the bills, and on the tab “To check” of the Excel file."),
      [
        { value: "look", label: t("Look at them"), class: "primary" }, { value: "save", label: t("Download anyway") },
        { value: "", label: t("Cancel"), class: "quiet" },
      ]);
    if (answer === "look") await this.look();
    if (answer === "save") this.agreed = version;
    return answer === "save";
  }
}

const named = (files) => (files.length === 1 ? files[0].name : plural(files.length, "file"));

/** Decides by name and type, else by the file's first bytes. Pictures of bills count as PDFs. */
async function isPDF(file) {
  if (/\.pdf$/i.test(file.name) || file.type === "application/pdf" || /^image\//.test(file.type)) return true;
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
    /**
     * Is called if columns of a file are not known.
     * @type {((error: any, file: File, add: boolean) => any) | undefined}
     */
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
    /** @type {any} The sheet whose files are shown. */
    this.drawn = null;
    this.ask = [...this.body.childNodes];
    this.label = h("p", { class: "doing" });
    this.detail = h("p", { class: "detail" });
    this.bar = h("progress", { max: 1, "aria-label": t("Progress") });
    this.stop = h("button", { type: "button", onclick: () => this.cancel() }, t("Cancel"));
    this.list = h("ol", { class: "files fates", hidden: true });
    this.work.append(this.label, this.bar, this.detail, this.list, this.stop);
  }

  /**
   * Shows what becomes of each of several files.
   * @param {any[]} files
   * @param {(i: number) => string} [state] in a word
   */
  fates(files, state = () => "") {
    this.list.hidden = files.length < 2;
    if (this.list.hidden) return;
    fill(this.list, files.slice(0, 8).map((f, i) => h("li", {},
      h("span", { class: "name", title: f.name }, f.name), h("span", { class: "size" }, state(i)))),
    files.length > 8 && h("li", {}, h("span", { class: "size" },
      t("and {files}", { files: plural(files.length - 8, "more file") }))));
  }

  get busy() { return Boolean(this.abort); }

  clear() { this.trouble.replaceChildren(); }

  /**
   * Shows an error, and buttons for what can be done about it. Each line of a text is a paragraph.
   * @param {string | any[]} text a text, or the content of one paragraph
   */
  fail(text, ...buttons) {
    this.failedAt = this.session.version;
    const dismiss = () => {
      this.clear();
      this.focus();
    };
    this.trouble.replaceChildren(h("div", { class: "error", role: "alert" }, icon("bad"),
      h("div", { class: "what" },
        typeof text === "string" ? text.split("\n").map((line) => h("p", {}, line)) : h("p", {}, text),
        buttons.length > 0 && h("div", { class: "buttons" }, buttons)),
      button({ class: "quiet icon", "aria-label": t("Dismiss"), onclick: dismiss }, icon("cross"))));
  }

  /** Adds a line with buttons to an error that is shown. */
  more(text, ...buttons) { this.trouble.append(h("p", { class: "hint" }, text, " ", buttons)); }

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
      const found = e.pages ? read(e) : t("Waiting for the first page");
      const part = e.total && e.pages ? e.pages / e.total : undefined;
      this.show(state(e, this.kind), t("Reading {what}", { what }),
        this.kind === "orders" ? t("Joining rows with lines") : found, part);
      if (this.kind === "bol") this.fates(files, (i) => fate(i + 1, e.file || 1));
    };
    this.session.uploads.begin(this.kind, reading);
    const sending = t("Sending {what}", { what });
    this.show(t("Sending"), sending, t("{part} of {all}", { part: bytes(0), all: bytes(total) }), 0);
    this.fates(files, () => t("Sending"));
    say(sending);
    this.section.dispatchEvent(new Event("busy", { bubbles: true }));
    if (held) this.focus();
    try {
      const options = {
        once,
        signal: this.abort.signal,
        onSent: (sent, all) => {
          const part = t("{part} of {all}", { part: bytes(Math.min(total, sent)), all: bytes(total) });
          if (sent < all) {
            this.show(t("Sending {n} %", { n: Math.floor((100 * sent) / all) }), sending, part, sent / all);
          } else {
            this.show(t("Sent"), t("Sent {what}", { what }),
              t("All {all} sent; waiting for the server to read them", { all: bytes(total) }));
            this.fates(files, () => t("Sent"));
          }
        },
        onWait: (seconds) => {
          still();
          const until = Date.now() + seconds * 1000;
          const again = (n) => t("The upload will be tried again in {seconds}", { seconds: plural(n, "second") });
          const tick = () => {
            const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
            this.show(t("Waiting"), t("The server is busy"), again(left));
          };
          tick();
          say(`${t("The server is busy")}. ${again(seconds)}`);
          ticking = setInterval(tick, 250);
        },
      };
      const { client } = this.session;
      const answer = await (this.kind === "bol"
        ? client.uploadBills(files, { ...options, add, ...how })
        : client.uploadOrders(files[0], { ...options, add, ...how }));
      this.done();
      this.known?.();
      await this.session.refresh();
      say(translated(answer.message) ?? t("{what} was read.", { what }));
      return true;
    } catch (error) {
      this.done();
      if (error?.name === "AbortError") this.note(t("Cancelled. What was here before is unchanged."));
      else if (this.unknown && mappable(error)) {
        const lacking = error.details.missing.map((m) => m.meaning).join(", ");
        this.fail(t("No column of {file} is known as: {columns}. Say below what its columns mean.",
          { file: what, columns: lacking }));
        this.session.refresh();
        await this.unknown(error, files[0], add);
      } else {
        const again = (text, some, name) =>
          button({ class: "small", onclick: () => this.send(some, add, how, name) }, text);
        const [fates, well] = fatesOf(files, words(error));
        // Without an answer nobody knows whether the files arrived: the name of the upload tells the server.
        if (error instanceof TypeError || error?.status >= 500) this.fail(fates, again(t("Try again"), files, once));
        else if (this.unread && files.length === 1 && teachable.includes(error?.code)) {
          const page = error.details?.other_pages?.[0] || 1;
          this.fail(fates, button({ class: "small", onclick: () => this.lesson(files, add, page) },
            t("Show the columns")));
        } else if (well.length) this.fail(fates, again(t("Upload only {files}", { files: named(well) }), well));
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
   * is "bad" or "warn" if something in them is to be checked, and left how many things. Gist is the content in few
   * words, for the folded step.
   */
  render(able, done, doubt = "", kind = "ok", gist = "", left = 0) {
    const remote = this.session.uploads.remote[this.kind];
    const busy = this.busy || Boolean(remote);
    this.section.classList.toggle("busy", busy);
    this.section.classList.toggle("has", Boolean(done));
    this.section.classList.toggle("waiting", !able && !busy);
    if (!busy) this.doing = "";
    if (remote && !this.busy) {
      this.fates([]);
      this.show(state(remote, this.kind), t("Being uploaded from another tab or program"),
        remote.pages ? read(remote) : "", remote.total && remote.pages ? remote.pages / remote.total : undefined);
    }
    this.stop.hidden = !this.busy;
    this.work.hidden = !busy;
    this.body.hidden = busy;
    // What shows the same stays, and with it the focus.
    if (done && this.drawn !== this.session.sheet) this.body.replaceChildren(...done);
    else if (!done && this.body.firstChild !== this.ask[0]) this.body.replaceChildren(...this.ask);
    this.drawn = done ? this.session.sheet : null;
    this.body.querySelectorAll(".choose").forEach((b) => { b.disabled = !able; });
    this.chip.hidden = !done;
    this.gist.textContent = done ? gist : "";
    this.toggle.hidden = !done || busy;
    // What is finished takes one line, until somebody unfolds it; a step that is not finished shows all.
    if (!done) this.fold(false);
    else if (this.finished !== this.session.version) this.fold(true);
    this.finished = done ? this.session.version : "";
    // An error is of the past once anything was attached after it. A reset alone may be what it explains.
    const { version, view } = this.session;
    if (this.trouble.querySelector(".error") && version !== this.failedAt && view?.status !== "empty") this.clear();
    if (done) mark(this.chip, doubt, left ? t("{n} to check", { n: left }) : t("Read"), kind);
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
function state({ pages, total }, kind) {
  if (kind === "orders") return t("Joining orders");
  if (pages && total) return t("Reading {n} of {total}", { n: pages, total });
  return pages ? t("Reading, {pages}", { pages: plural(pages, "page") }) : t("Reading");
}

// What was found while a document is read.
const read = ({ pages, bills, lines }) => t("Found so far: {what}",
  { what: listed([plural(pages, "page"), plural(bills || 0, "bill"), plural(lines || 0, "line")]) });

// What becomes of a file while another, both counted from 1, is read.
const fate = (file, now) => (file < now ? t("Read") : file === now ? t("Reading") : t("Sent"));

const wrongOrders = (sheet) => sheet?.match?.state === "wrong_orders" && t("Wrong orders?");

/** Writes on a chip what is wrong, or else what was done. Kind is "ok", "warn" or "bad". */
function mark(chip, doubt, done, kind = "ok") {
  chip.classList.toggle("bad", Boolean(doubt) || kind === "bad");
  chip.classList.toggle("warn", !doubt && kind === "warn");
  chip.replaceChildren(icon(doubt || kind !== "ok" ? "bad" : "ok"), doubt || done);
}

const worst = (bad, warn) => (bad > 0 ? "bad" : warn > 0 ? "warn" : "ok");

// The bills that are neither proved nor accepted.
const billsLeft = (sheet) => (sheet?.bills || []).filter((b) => b.verdict.outcome !== "reconciled" && !b.accepted);

const billsKind = (sheet) => (sheet ? worst(sheet.summary.mismatched, billsLeft(sheet).length) : "ok");

function ordersKind(sheet) {
  const match = sheet?.match;
  return match ? worst(match.unmatched_lines.length, match.unmatched_orders.length) : "ok";
}

const fact = (value, name) => h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value));

const facts = (...list) => h("dl", { class: "facts" }, list);

/**
 * Lists the files of a step, each with what became of it. Several are numbered: the pages of bills name them by their
 * numbers.
 * @param {any[]} inputs
 * @param {(i: number) => string} about what was read of one
 * @param {(input: any, i: number) => void} remove takes one away
 */
const fileList = (inputs, about, remove) => h("ol", { class: "files" }, inputs.map((f, i) => h("li", {},
  h("span", { class: "name", title: f.name }, inputs.length > 1 ? `${i + 1}: ${f.name}` : f.name),
  h("span", { class: "size" }, [about(i), bytes(f.size)].filter(Boolean).join(" · ")),
  sign("cross", t("Remove {name}", { name: f.name }), () => remove(f, i)))));

function billsDone(steps, view, sheet) {
  const { summary } = sheet;
  return [
    fileList(view.bills, (i) => (sheet.files[i] ? plural(sheet.files[i].pages, "page") : ""),
      (f, i) => steps.remove(f, i, "bol")),
    facts(
      fact(count(summary.bills), tn("bill", "bills", summary.bills)),
      fact(count(summary.pages), tn("page", "pages", summary.pages)),
      fact(count(summary.lines), tn("line", "lines", summary.lines)),
      summary.held > 0 && fact(count(summary.held), t("not in the sheet"))),
    parts([
      ["ok", summary.reconciled, t("reconciled")], ["bad", summary.mismatched, t("mismatched")],
      ["warn", summary.unchecked, t("unchecked")], ["warn", summary.unproved, t("not proved")],
    ]),
    choose(t("Add or replace"), steps.bills),
  ];
}

function ordersDone(steps, view, sheet) {
  const { match } = sheet;
  const near = match.near_misses.length;
  return [
    fileList(view.exports || [view.orders], () => "", (f, i) => steps.remove(f, i, "orders")),
    facts(fact(count(sheet.orders.rows), tn("row", "rows", sheet.orders.rows)),
      fact(count(match.matched), t("matched")),
      fact(count(near), tn("near miss", "near misses", near))),
    parts([
      ["ok", match.matched, t("matched")], ["bad", match.unmatched_lines.length, t("lines without order")],
      ["warn", match.unmatched_orders.length, t("orders without line")],
    ]),
    choose(t("Add or replace"), steps.orders),
  ];
}

const choose = (text, upload) => h("div", { class: "buttons" },
  button({ class: "choose small", onclick: () => upload.input.click() }, text),
  upload.kind === "bol" && button({ class: "choose small touch", onclick: () => $("bills-camera").click() },
    t("Take a photo")));

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
  const open = sheet.findings.filter((f) => f.severity !== "info" && !f.checked);
  mark(chip, wrongOrders(sheet),
    open.length ? t("{n} to check", { n: open.length }) : sheet.match ? t("Joined") : t("Bills only"),
    worst(open.filter((f) => f.severity === "error").length, open.length));
  const sums = totals(sheet);
  const save = (format, name, kind) => button({
    class: kind, "aria-label": t("Download {format}", { format: name }),
    onclick: (e) => steps.download(format, e.currentTarget),
  }, icon("save"), name);
  fill(body,
    facts(fact(count(sheet.rows.length), tn("row", "rows", sheet.rows.length)),
      sheet.match ? fact(count(sums.pallets), tn("pallet", "pallets", sums.pallets))
        : fact(count(sums.cartons), tn("carton", "cartons", sums.cartons)),
      fact(sums.cube ? count(sums.cube) : "–", t("cu ft")),
      fact(count(sums.weight), t("lb"))),
    steps.trust(sheet),
    sheet.summary.held > 0 && h("label", { class: "check" }, h("input", { type: "checkbox", id: "accept" }),
      " ", t("I compared them: also download {lines} that nothing proves",
        { lines: plural(sheet.summary.held, "line") })),
    h("div", { class: "buttons downloads" },
      save("xlsx", "Excel", "primary"), save("csv", "CSV"), save("json", "JSON"), save("ebol", t("eBOL drafts"))),
  );
}
