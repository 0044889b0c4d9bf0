// The session as the server has it. The page keeps nothing of its own that
// matters: what it shows is what GET /view says, and GET /events tells when to
// ask again. So two tabs show the same, and a reload loses nothing.
//
// The browser's cookie names the session; a page that was opened with ?_sid=NAME
// works in that one. With keys the page sends the reader's with each request; it
// is kept for this tab only.

import { Tallyman, TallymanError } from "./client.js";

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
    /** "loading", "open", "ended", "signin" or "away" */
    this.phase = "loading";
    this.view = null; // what GET /view said last
    this.sheet = null; // the sheet of it
    this.version = "";
    this.expires = 0; // by this browser's clock
    this.life = 0;
    this.remote = {}; // what other tabs are uploading, by kind
    this.own = {}; // what this tab is uploading, by kind
    this.ending = ""; // why the session ended
    this.retryAt = 0;
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

  /** Whether the session is one that this page was given by name. */
  get signedIn() { return this.client.key !== ""; }

  changed(what = "changed", detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }

  set(phase) {
    this.phase = phase;
    this.changed();
  }

  /** Finds the session, or begins one if this tab never had any. */
  async start() {
    try {
      await this.load();
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
    this.set("open");
    this.rewatch();
  }

  /** Asks the server what there is now. */
  async load() {
    const query = this.version ? { have: this.version } : {};
    const view = await this.client.json("GET", "/view", { query });
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
    const turn = (this.turn = (this.turn || 0) + 1);
    try {
      let there = await this.load();
      // Another tab that starts over ends this session before the browser has the
      // cookie of the next.
      for (let i = 0; !there && ending === "cleared" && !this.named && i < 6; i++) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        there = await this.load();
      }
      if (turn !== this.turn && there) return;
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
      this.problem = this.client.key ? error.message : "";
      this.client.key = stored("tallyman.key", "");
      this.set("signin");
      return;
    }
    this.away(error);
  }

  /** Tries again later, and says when. */
  away(error) {
    this.stop();
    this.problem = words(error);
    this.tries = this.phase === "away" ? this.tries + 1 : 1;
    const seconds = Math.min(30, 2 ** this.tries);
    this.retryAt = Date.now() + seconds * 1000;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => (this.view ? this.refresh() : this.start()), seconds * 1000);
    this.set("away");
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
    this.phase = "loading";
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
      this.ending = "";
      this.remote = {};
      this.version = "";
      stored("tallyman.had", "");
      if (await this.load()) this.opened();
      else this.end("cookies");
    } finally {
      this.mine--;
    }
  }

  /** The session is over: nothing of it is shown any more. */
  end(why) {
    this.stop();
    this.view = null;
    this.sheet = null;
    this.version = "";
    this.remote = {};
    this.ending = why;
    clearTimeout(this.timer);
    clearTimeout(this.warning);
    this.set("ended");
  }

  // Expiry. Every request puts it off, so the server is asked only when the time
  // has come.
  expire(at, life) {
    this.expires = at;
    this.life = life;
    clearTimeout(this.timer);
    clearTimeout(this.warning);
    const left = at - Date.now();
    const far = 2 ** 31 - 1; // what timers can count
    this.timer = setTimeout(() => this.refresh("expired"), Math.min(far, Math.max(0, left) + 250));
    this.warning = setTimeout(() => this.changed("expiring"), Math.min(far, Math.max(0, left - this.notice)));
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
      if (!this.own.bol && !this.own.orders) this.stop();
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
    this.remote = {}; // of the stream before
    const watching = (this.watching = new AbortController());
    this.follow(watching);
  }

  async follow(watching) {
    for (let pause = 500; this.watching === watching; pause = Math.min(pause * 2, 15_000)) {
      let first = true;
      try {
        await this.client.watch((event) => {
          if (this.watching !== watching) return;
          pause = 500;
          if (first && event.type === "state") {
            first = false;
            if (event.status !== this.view?.status || this.lost) this.refresh();
            this.lost = false;
          } else this.happened(event);
        }, watching.signal);
      } catch (error) {
        if (this.watching !== watching) return;
        if (error instanceof TallymanError && error.status === 401) return this.failed(error);
        if (error instanceof TypeError) return this.away(error);
      }
      if (this.watching !== watching) return;
      this.lost = true;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  happened(event) {
    // What the server still tells of an upload of this tab that is over.
    const late = !this.own[event.kind] && Date.now() - (this.over?.[event.kind] || 0) < 3000;
    if (late && event.type !== "attached") return;
    switch (event.type) {
      case "reading":
      case "progress":
        if (this.own[event.kind]) this.own[event.kind](event);
        else {
          this.remote[event.kind] = event;
          this.changed();
        }
        break;
      case "attached":
        delete this.remote[event.kind];
        if (!this.own[event.kind]) this.refresh();
        break;
      case "failed":
        delete this.remote[event.kind];
        if (!this.own[event.kind]) this.changed("failed", event);
        this.changed();
        break;
      case "new":
      case "cleared":
        if (!this.mine) {
          this.version = "";
          this.refresh("cleared");
        }
        break;
    }
  }
}
