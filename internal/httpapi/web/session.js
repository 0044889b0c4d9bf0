// @ts-check
// The session as the server has it. The page keeps nothing of its own that
// matters: what it shows is what GET /view says, and GET /events tells when to
// ask again. So two tabs show the same, and a reload loses nothing.
//
// The browser's cookie names the session; a page that was opened with ?_sid=NAME
// works in that one. With keys the page sends the reader's with each request; it
// is kept for this tab only.

import { Tallyman, TallymanError } from "./client.js";
import { Machine, Order, Uploads, backoff } from "./state.js";

const address = new URLSearchParams(location.search);

function stored(name, value) {
  try {
    if (value === undefined) return sessionStorage.getItem(name) || "";
    if (value) sessionStorage.setItem(name, value);
    else sessionStorage.removeItem(name);
  } catch {
    // A frame without storage forgets.
  }
  return value || "";
}

/** Says what went wrong in the server's own words, or that there was no answer. */
export function words(error) {
  if (error instanceof TallymanError) return error.message;
  if (error instanceof TypeError) return "The server did not answer. Check that it runs and that you are connected, and try again.";
  return String(error?.message || error);
}

export class Session extends EventTarget {
  constructor() {
    super();
    this.named = address.get("_sid") || address.get("session_id") || "";
    this.client = new Tallyman({ url: new URL(".", location.href).href, key: stored("tallyman.key"), session: this.named });
    this.machine = new Machine();
    this.asked = new Order();
    this.uploads = new Uploads();
    /** @type {Record<string, ReturnType<typeof setTimeout>>} the timers that are set, by name */
    this.timers = {};
    this.view = null; // what GET /view said last
    this.sheet = null; // the sheet of it
    this.version = "";
    this.expires = 0; // by this browser's clock
    this.life = 0;
    this.watching = null;
    this.mine = 0; // resets that this tab makes
    try {
      this.channel = new BroadcastChannel("tallyman");
      this.channel.onmessage = ({ data }) => this.heard(data);
    } catch {
      this.channel = null;
    }
    document.addEventListener("visibilitychange", () => this.visible());
  }

  get phase() { return this.machine.state.phase; }

  /** What is wrong while the session is away, or wants a key. */
  get problem() { return this.machine.state.problem || ""; }

  /** Why the session ended. */
  get ending() { return this.machine.state.why || ""; }

  /** When the server is asked again, while the session is away. */
  get retryAt() { return this.machine.state.retryAt || 0; }

  /** Whether the reader signed in with a key. */
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

  /** Finds the session, or begins one if this tab never had any. */
  async start() {
    try {
      await this.load();
      if (!this.view) return; // ended meanwhile
      if (this.view.status === "no_session") {
        if (stored("tallyman.had")) return this.end("gone");
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

  /** Asks the server what there is now. Returns whether there is a session. */
  async load() {
    const query = this.version ? { have: this.version } : {};
    const number = this.asked.send();
    const view = await this.client.json("GET", "/view", { query });
    // A later request was answered first: what this one says is out of date.
    if (!this.asked.take(number)) return Boolean(this.view) && this.view.status !== "no_session";
    const another = this.view && view.session_id !== this.view.session_id;
    if (view.version !== this.version || !view.version) {
      this.sheet = view.sheet;
      this.version = view.version;
    }
    view.sheet = null;
    this.view = view;
    if (view.status === "no_session") return false;
    stored("tallyman.had", "1");
    const life = Date.parse(view.expires_at) - Date.parse(view.now);
    this.expire(Date.now() + life, life);
    this.channel?.postMessage({ id: view.session_id, life });
    if (another && this.watching) this.rewatch();
    return true;
  }

  /** Asks again, and says if the session is not there any more. */
  async refresh(ending = "gone") {
    if (this.phase !== "open" && this.phase !== "away") return;
    try {
      let there = await this.load();
      // Another tab that starts over ends this session before the browser has the
      // cookie of the next.
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
      this.client.key = stored("tallyman.key", "");
      this.enter("signin", { problem });
      return;
    }
    this.away(error);
  }

  /** Tries again later, and says when. */
  away(error) {
    this.stop();
    const tries = (this.machine.state.tries || 0) + 1;
    const pause = backoff(tries) * 1000;
    this.enter("away", { problem: words(error), tries, retryAt: Date.now() + pause });
    this.after("retry", pause, () => (this.view ? this.refresh() : this.start()));
  }

  /** Signs in with a key. It throws what the server says if it is none. */
  async signIn(key) {
    this.client.key = key;
    try {
      await this.client.status();
    } catch (error) {
      this.client.key = "";
      throw error;
    }
    stored("tallyman.key", key);
    this.enter("loading");
    await this.start();
  }

  signOut() {
    this.stop();
    stored("tallyman.key", "");
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

  /** Forgets what was shown, and ignores what was asked about it. */
  forget() {
    this.asked.drop();
    this.version = "";
    this.uploads.forget();
  }

  /** The session is over: nothing of it is shown any more. */
  end(why) {
    this.stop();
    this.forget();
    this.view = null;
    this.sheet = null;
    this.enter("ended", { why });
  }

  // Expiry. Every request puts it off, so the server is asked only when the time
  // has come.
  expire(at, life) {
    this.expires = at;
    this.life = life;
    const left = at - Date.now();
    const far = 2 ** 31 - 1; // what timers can count
    this.after("expiry", Math.min(far, Math.max(0, left) + 250), () => this.refresh("expired"));
    this.after("warning", Math.min(far, Math.max(0, left - this.notice)), () => this.changed("expiring"));
    this.changed("kept");
  }

  /** How long before the end the reader is warned, in milliseconds. */
  get notice() { return Math.min(5 * 60_000, this.life / 4); }

  heard({ id, life }) {
    if (this.phase === "signin" || this.phase === "loading") return;
    if (this.phase === "ended") {
      if (!this.named) this.start();
    } else if (id === this.view?.session_id) this.expire(Date.now() + life, life);
    else if (!this.named && !this.signedIn && this.phase === "open") this.refresh("cleared");
  }

  // Events. The stream is closed while nobody looks: browsers allow a page's
  // server six connections for all tabs together.
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
            if (event.status !== this.view?.status || lost) this.refresh();
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

  happened(event) {
    if (event.type === "new" || event.type === "cleared") {
      if (this.mine) return;
      this.version = "";
      this.refresh("cleared");
      return;
    }
    const what = this.uploads.heard(event, Date.now());
    if (what === "refresh") this.refresh();
    if (what === "failed") this.changed("failed", event);
    if (what === "failed" || what === "changed") this.changed();
  }
}
