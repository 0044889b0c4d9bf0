// @ts-check
// The shipments: a list of the sessions of this browser, or of its key. Each is opened,
// renamed, or left out of the list; another begins beside it.

import { $, h, fill, button, forgetKept, parsed, remembered, stored } from "./dom.js";
import { ago, clock } from "./format.js";
import { inPlace } from "./inplace.js";
import { words } from "./session.js";
import { t } from "./words.js";

const listKey = "tallyman.shipments";
const most = 60; // entries of the list
const begun = "ship-"; // how IDs of sessions begin that this list began

/**
 * What this browser knows of a session. The ID is "" for the one that only the cookie names, which would be a
 * credential.
 * @typedef {{id: string, title?: string, file?: string, kind?: string, state?: string, at: number, expires?: number,
 *   saved?: string, savedAt?: number}} Entry
 */

/** @returns {Entry[]} */
function read() {
  const list = parsed(remembered(listKey), []);
  return Array.isArray(list) ? list.filter((e) => e && typeof e.id === "string") : [];
}

/** @param {Entry[]} list */
function write(list) {
  remembered(listKey, JSON.stringify([...list].sort((a, b) => b.at - a.at).slice(0, most)));
}

/** What this browser knows of a session. @param {string} id @returns {Entry | undefined} */
export const entryOf = (id) => read().find((e) => e.id === id);

// Changes an entry, or adds one.
function change(id, values) {
  const list = read();
  const entry = list.find((e) => e.id === id) || { id, at: 0 };
  write([{ ...entry, ...values }, ...list.filter((e) => e.id !== id)]);
}

/** Notes a session as it is now. State is its kind and name in the bar. */
export function remember(session, [kind, state]) {
  if (kind === "busy") return; // the state after it is noted
  const { view, named } = session;
  const now = { kind, state, file: view.bills[0]?.name || "" };
  const known = entryOf(named);
  const same = known && Object.keys(now).every((k) => known[k] === now[k]) &&
    Math.abs((known.expires || 0) - session.expires) < 60_000;
  // A session that began anew has no downloads yet.
  const fresh = known?.file && !now.file ? { saved: undefined, savedAt: undefined } : {};
  if (!same) change(named, { ...now, ...fresh, at: Date.now(), expires: session.expires });
}

/** Notes that a sheet of the session was saved. */
export const noteSaved = (session, name) => change(session.named, { saved: name, savedAt: Date.now() });

/** Notes that the session is over. */
export function noteEnded(session) {
  const entry = entryOf(session.named);
  if (entry && entry.kind !== "ended") change(entry.id, { kind: "ended", state: t("Session ended") });
}

/** A name for people. @param {Entry} entry */
export const label = (entry) => entry.title || entry.file ||
  (entry.id === "" || entry.id.startsWith(begun) ? t("New shipment") : entry.id);

const address = (id) => (id ? `?_sid=${encodeURIComponent(id)}` : location.pathname);

// Goes to another session in this tab, which forgets what it kept of this one.
function go(id) {
  if (new URL(address(id), location.href).href === location.href.replace(/#.*/, "")) return location.reload();
  forgetKept();
  stored("tallyman.had", "");
  location.assign(address(id));
}

const states = { empty: t("Fresh session"), ready: t("Bills read, orders missing"), merged: t("Orders joined") };

export class Shipments {
  constructor(session) {
    this.session = session;
    this.list = h("ul", { class: "shipments" });
    this.trouble = h("div", { class: "trouble" });
    this.more = button({ class: "more", hidden: true, onclick: () => this.page() }, t("Show more"));
    this.about = h("p", { class: "hint" });
    this.dialog = h("dialog", { id: "shipments-dialog", "aria-labelledby": "shipments-title" },
      h("h2", { id: "shipments-title" }, t("Shipments")), this.about, this.trouble, this.list, this.more,
      h("div", { class: "buttons" },
        button({ class: "primary", onclick: () => this.another() }, t("Begin another")),
        button({ class: "quiet", onclick: () => this.dialog.close() }, t("Close"))));
    document.body.append(this.dialog);
  }

  async open() {
    this.about.textContent = this.session.signedIn
      ? t("The sessions of your key, whichever computer they were begun on.")
      : t("What was begun in this browser. Each has its own files; they never mix.");
    fill(this.trouble);
    fill(this.list);
    this.next = "";
    if (this.session.signedIn) await this.page();
    else this.draw(read().sort((a, b) => b.at - a.at));
    if (!this.dialog.open) this.dialog.showModal();
    this.list.querySelector("button")?.focus();
  }

  // Adds a page of the key's sessions, as the server has them.
  async page() {
    try {
      const query = { limit: "50", ...(this.next && { after: this.next }) };
      const { sessions, next } = await this.session.client.json("GET", "/sessions", { query });
      const mine = this.session.view?.session_id;
      this.next = next || "";
      this.more.hidden = !next;
      this.draw(sessions.map((s) => {
        const id = s.session_id === mine ? this.session.named : s.session_id;
        return {
          title: entryOf(id)?.title, id, file: s.name, kind: s.status, state: states[s.status],
          at: Date.parse(s.last_used_at), expires: Date.parse(s.expires_at),
        };
      }).sort((a, b) => b.at - a.at));
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      fill(this.trouble, h("p", { class: "error", role: "alert" }, words(error)));
    }
  }

  /** @param {Entry[]} entries */
  draw(entries) {
    this.list.append(...entries.map((e) => this.item(e)));
    if (!this.list.childElementCount) this.list.append(h("li", { class: "none" }, t("There are none yet.")));
  }

  /** @param {Entry} entry */
  item(entry) {
    const item = h("li");
    this.show(entry, item);
    return item;
  }

  show(entry, item, focus = "") {
    const { session } = this;
    const here = entry.id === session.named && session.phase === "open";
    const over = !here && (entry.kind === "ended" || (entry.expires || Infinity) < Date.now());
    const name = label(entry);
    const used = here ? t("open in this tab") : t("used {ago}", { ago: ago(entry.at) });
    const until = over ? t("ended, its files were removed")
      : entry.expires && t("expires at {time}", { time: clock(entry.expires) });
    const local = !session.signedIn;
    item.className = here ? "here" : over ? "over" : "";
    fill(item,
      h("span", { class: "what" },
        here ? h("strong", {}, name)
          : button({ class: "link open", onclick: () => go(entry.id) }, name),
        h("small", {}, [used, until].filter(Boolean).join(" · ")),
        entry.saved && h("small", {}, t("Last download: {name}", { name: entry.saved }))),
      entry.state && !over && h("span", { class: `chip ${chips[entry.kind || ""] || ""}` }, entry.state),
      button({
        class: "small rename", "aria-label": t("Rename {name}", { name }), onclick: () => this.rename(entry, item),
      }, t("Rename")),
      local && !here && button({ class: "quiet small", "aria-label": t("Leave {name} out of the list", { name }),
        onclick: () => this.leave(entry, item) }, t("Leave out")));
    if (focus) item.querySelector(focus)?.focus();
  }

  rename(entry, item) {
    const input = h("input", { type: "text", maxLength: 80, value: label(entry), "aria-label": t("Name") });
    const done = (save) => {
      if (save) {
        entry.title = input.value.trim();
        change(entry.id, { ...entryOf(entry.id), title: entry.title, at: entry.at });
        this.session.changed("kept");
      }
      this.show(entry, item, ".rename");
    };
    fill(item, inPlace(input, t("Save"), done));
    input.focus();
    input.select();
  }

  leave(entry, item) {
    write(read().filter((e) => e.id !== entry.id));
    const next = item.nextElementSibling || item.previousElementSibling;
    item.remove();
    (next?.querySelector("button") || this.dialog.querySelector(".primary")).focus();
  }

  another() {
    const random = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    go(begun + random);
  }
}

const chips = { wrong: "bad", check: "warn", merged: "ok" };

/** Shows in the ended session what was saved of it. */
export function showSaved(session) {
  const entry = entryOf(session.named);
  const at = $("ended-saved");
  at.hidden = !entry?.saved;
  if (entry?.saved) {
    at.textContent = t("The last download of it was {name}, {ago}.",
      { name: entry.saved, ago: ago(entry.savedAt || entry.at) });
  }
}

