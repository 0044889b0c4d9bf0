// @ts-check
// The session as the server has it. The page shows what GET /view answers and asks
// again when GET /events says so. It keeps no state of its own, so two tabs show the
// same, and a reload loses nothing.
//
// The browser's cookie names the session, or ?_sid=NAME in the page's address. If the
// server needs a key, the page sends the one that the user entered with each request,
// and keeps it for this tab, or in this browser if the user asks for that.

import { Tallyman, TallymanError } from "./client.js";
import { remembered, stored } from "./dom.js";
import { capital } from "./format.js";
import { decode, texts } from "./lines.js";
import { Machine, Order, Uploads, backoff } from "./state.js";
import { t, translated } from "./words.js";

const address = new URLSearchParams(location.search);
const keyName = "tallyman.key";

/** Returns a sentence for an error: the server's own, or that there was no answer. */
export function words(error) {
  if (error instanceof TallymanError) {
    const text = error.message.replace(/^[a-z]+(?=[ ,])/, capital);
    return translated(text) ?? text;
  }
  if (error instanceof TypeError) {
    return t("The server did not answer. Check that it runs and that you are connected, and try again.");
  }
  return String(error?.message || error);
}

export class Session extends EventTarget {
  constructor() {
    super();
    this.named = address.get("_sid") || address.get("session_id") || "";
    const url = new URL(".", location.href).href;
    const key = stored(keyName) || remembered(keyName);
    this.client = new Tallyman({ url, key, session: this.named });
    this.machine = new Machine();
    this.asked = new Order();
    this.uploads = new Uploads();
    /** @type {Record<string, ReturnType<typeof setTimeout>>} the timers that are set, by name */
    this.timers = {};
    this.view = null; // the last answer of GET /view
    this.sheet = null; // the last sheet
    this.version = "";
    this.expires = 0; // by this browser's clock
    this.life = 0;
    this.watching = null;
    /** @type {any} What people amend; see amend.js. */
    this.amendments = null;
    this.mine = 0; // resets of this tab that are under way
    try {
      this.channel = new BroadcastChannel("tallyman");
      this.channel.onmessage = ({ data }) => this.heard(data);
    } catch {
      this.channel = null;
    }
    document.addEventListener("visibilitychange", () => this.visible());
    for (const act of ["pointerdown", "keydown", "wheel"]) {
      addEventListener(act, () => this.used(), { passive: true });
    }
  }

  /** What this tab stores of a session that it had. */
  get mark() { return this.named || "(cookie)"; }

  get phase() { return this.machine.state.phase; }

  /** The error, while the session is away or a key is needed. */
  get problem() { return this.machine.state.problem || ""; }

  /** Why the session ended. */
  get ending() { return this.machine.state.why || ""; }

  /** The time of the next try, while the session is away. */
  get retryAt() { return this.machine.state.retryAt || 0; }

  /** Whether the user signed in with a key. */
  get signedIn() { return this.client.key !== ""; }

  changed(what = "changed", detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }

  /**
   * @param {import("./state.js").Phase} phase
   * @param {object} [detail]
   */
  enter(phase, detail) {
    this.machine.enter(phase, detail);
    this.cancel("retry");
    if (phase === "ended" || phase === "signin") this.cancel("expiry", "warning");
    this.changed();
  }

  after(name, milliseconds, run) {
    this.cancel(name);
    this.timers[name] = setTimeout(run, milliseconds);
  }

  cancel(...names) {
    for (const name of names) clearTimeout(this.timers[name]);
  }

  /** Loads the session, or begins one if this tab never had one. */
  async start() {
    try {
      await this.load();
      if (!this.view) return; // ended meanwhile
      if (this.view.status === "no_session") {
        if (stored("tallyman.had") === this.mark) return this.end("gone");
        await this.client.json("GET", "/", { query: { format: "json" } });
        if (!(await this.load())) return this.end("cookies");
      }
      this.opened();
    } catch (error) {
      this.failed(error);
    }
  }

  opened() {
    this.enter("open");
    this.rewatch();
  }

  /** Loads the present view. Returns whether there is a session. */
  async load() {
    const query = this.version ? { have: this.version } : {};
    const number = this.asked.send();
    const view = await decode(texts(await this.client.request("GET", "/view", { query })), "sheet");
    // A later request was answered first, so this answer is out of date.
    if (!this.asked.take(number)) return Boolean(this.view) && this.view.status !== "no_session";
    const another = this.view && view.session_id !== this.view.session_id;
    if (view.version !== this.version || !view.version) {
      this.sheet = view.sheet;
      this.version = view.version;
    }
    view.sheet = null;
    this.view = view;
    if (view.status === "no_session") return false;
    stored("tallyman.had", this.mark);
    const life = Date.parse(view.expires_at) - Date.parse(view.now);
    this.expire(Date.now() + life, life);
    this.channel?.postMessage({ id: view.session_id, life, named: this.named });
    if (another && this.watching) this.rewatch();
    return true;
  }

  /** Loads the view again. If the session is gone, ends with the given reason. */
  async refresh(ending = "gone") {
    if (this.phase !== "open" && this.phase !== "away") return;
    try {
      let there = await this.load();
      // Another tab that starts over ends this session a moment before the browser has
      // the cookie of the next one.
      for (let i = 0; !there && ending === "cleared" && !this.named && i < 6; i++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        there = await this.load();
      }
      if (!there) return this.end(ending);
      if (ending === "cleared") this.changed("replaced");
      if (this.phase === "away") this.opened();
      else this.changed();
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    if (error?.name === "AbortError") return;
    if (error instanceof TallymanError && error.status === 401) {
      this.stop();
      const problem = this.client.key ? error.message : "";
      this.forgetKey();
      this.enter("signin", { problem });
      return;
    }
    this.away(error);
  }

  /** Enters the phase away and sets the timer for the next try. */
  away(error) {
    this.stop();
    const tries = (this.machine.state.tries || 0) + 1;
    const pause = backoff(tries) * 1000;
    this.enter("away", { problem: words(error), tries, retryAt: Date.now() + pause });
    this.after("retry", pause, () => (this.view ? this.refresh() : this.start()));
  }

  /**
   * Signs in with a key. Throws the server's error if the key is not valid.
   * @param {string} key
   * @param {boolean} [keep] keeps the key in this browser until somebody signs out, not only in this tab
   */
  async signIn(key, keep = false) {
    this.client.key = key;
    try {
      await this.client.status();
    } catch (error) {
      this.client.key = "";
      throw error;
    }
    stored(keyName, key);
    if (keep) remembered(keyName, key);
    this.enter("loading");
    await this.start();
  }

  /** Forgets the key, in this tab and in this browser. */
  forgetKey() {
    this.client.key = stored(keyName, "");
    remembered(keyName, "");
  }

  signOut() {
    this.stop();
    this.forgetKey();
    stored("tallyman.had", "");
    location.reload();
  }

  /** Begins a new, empty session in place of this one. */
  async startOver() {
    this.mine++;
    try {
      await this.client.json("POST", "/new-session");
      this.forget();
      stored("tallyman.had", "");
      if (await this.load()) this.opened();
      else this.end("cookies");
    } finally {
      this.mine--;
    }
  }

  /** Forgets the sheet, and ignores answers to requests that are under way. */
  forget() {
    this.asked.drop();
    this.version = "";
    this.uploads.forget();
  }

  /** Enters the phase ended, in which nothing of the session is shown. */
  end(why) {
    this.stop();
    this.forget();
    this.view = null;
    this.sheet = null;
    this.enter("ended", { why });
  }

  // Sets the timers for the expiry and the warning before it. Every request extends the
  // session, so only when the time has come is the server asked whether it is gone.
  expire(at, life) {
    this.expires = at;
    this.life = life;
    const left = at - Date.now();
    const far = 2 ** 31 - 1; // the longest time of a timer
    this.after("expiry", Math.min(far, Math.max(0, left) + 250), () => this.refresh("expired"));
    this.after("warning", Math.min(far, Math.max(0, left - this.notice)), () => this.changed("expiring"));
    this.changed("kept");
  }

  // Only requests extend a session, but somebody may work in the page for long without
  // any: then it asks.
  used() {
    if (this.phase === "open" && this.expires - Date.now() < this.life / 2) this.keep();
  }

  /** Extends the session by asking for it, at most once at a time. */
  async keep() {
    if (this.keeping) return;
    this.keeping = true;
    await this.refresh("expired");
    this.keeping = false;
  }

  /** How long before the expiry the user is warned, in milliseconds. */
  get notice() { return Math.min(5 * 60_000, this.life / 4); }

  heard({ id, life, named }) {
    if (this.phase === "signin" || this.phase === "loading") return;
    if (this.phase === "ended") {
      if (!named && !this.named) this.start();
    } else if (id === this.view?.session_id) this.expire(Date.now() + life, life);
    else if (!named && !this.named && !this.signedIn && this.phase === "open") this.refresh("cleared");
  }

  // Closes the stream of events while the page is hidden: browsers allow six connections
  // to a server for all tabs together.
  visible() {
    if (this.phase !== "open") return;
    if (document.hidden) {
      if (!this.uploads.any) this.stop();
    } else if (!this.watching) {
      this.refresh();
      this.rewatch();
    }
  }

  stop() {
    this.watching?.abort();
    this.watching = null;
  }

  rewatch() {
    this.stop();
    this.uploads.forget();
    const watching = (this.watching = new AbortController());
    this.follow(watching);
  }

  /** Follows the events of the session until another stream takes its place. */
  async follow(watching) {
    let lost = false; // events may have been missed
    for (let pause = 500; this.watching === watching; pause = Math.min(pause * 2, 15_000)) {
      let first = true;
      try {
        await this.client.watch((event) => {
          if (this.watching !== watching) return;
          pause = 500;
          if (first && event.type === "state") {
            first = false;
            if (lost || this.news(event)) this.refresh();
            lost = false;
          } else this.happened(event);
        }, watching.signal);
      } catch (error) {
        if (this.watching !== watching) return;
        if (error instanceof TallymanError && error.status === 401) return this.failed(error);
        if (error instanceof TypeError) return this.away(error);
      }
      if (this.watching !== watching) return;
      lost = true;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  // Whether a stream begins after a change that the view does not have.
  news({ status, revision = 0 }) {
    if (status !== this.view?.status) return true;
    return this.amendments ? !this.amendments.heard({ revision }) : revision !== (this.view.revision ?? 0);
  }

  happened(event) {
    if (event.type === "new" || event.type === "cleared") {
      if (!this.mine) this.refresh("cleared");
      return;
    }
    if (event.kind === "amendments" && this.amendments?.heard(event)) return;
    const what = this.uploads.heard(event, Date.now());
    if (what === "refresh") this.refresh();
    if (what === "failed") this.changed("failed", event);
    if (what === "failed" || what === "changed") this.changed();
  }
}
