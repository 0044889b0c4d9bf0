// @ts-check
// A client of Tallyman's HTTP interface, for browsers and Node 18 or newer. It
// depends on nothing.
//
//   import { Tallyman } from "http://localhost:8080/client.js";
//   const sheet = await new Tallyman({ url: "http://localhost:8080" }).run(pdf, csv);

/** The server's answer to a request that failed. */
export class TallymanError extends Error {
  /**
   * @param {number} status the HTTP status, 0 if there was no answer
   * @param {{error?: string, code?: string, details?: any, session_id?: string}} body
   */
  constructor(status, body) {
    super(body.error || `the server answered with status ${status}`);
    this.name = "TallymanError";
    this.status = status;
    this.code = body.code || "unknown";
    this.details = body.details;
    this.sessionId = body.session_id;
  }
}

/** One workflow at a time, in a session of its own. */
export class Tallyman {
  /**
   * @param {object} [options]
   * @param {string} [options.url] the server's address; in a browser, by default the page's own
   * @param {string} [options.key] an API key, if the server needs one
   * @param {string} [options.session] the session's ID; without it, start() has the server mint one
   * @param {number} [options.retries] how often a request is repeated while the server is busy
   * @param {(seconds: number) => void} [options.onWait] is called with the seconds before each repetition
   * @param {typeof fetch} [options.fetch] another fetch, for tests
   */
  constructor({ url = "", key = "", session = "", retries = 5, onWait, fetch: f } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.key = key;
    this.session = session;
    this.retries = retries;
    this.onWait = onWait;
    this.fetch = f || ((...args) => fetch(...args));
  }

  /** Begins a new, empty session, and returns what the server says of it. */
  async start() {
    const answer = await this.json("POST", "/new-session");
    this.session = answer.session_id;
    return answer;
  }

  /**
   * Attaches the BOL.
   * @param {Blob | Blob[]} pdfs one PDF or more
   * @param {{add?: boolean, teach?: boolean, names?: string[], once?: string, signal?: AbortSignal, onSent?: Sent,
   *   onWait?: (seconds: number) => void}} [options] once names this upload: repeated after a
   *   break, the upload is not attached twice; with teach a document of which no bill can be
   *   read is kept, so that its form can be taught
   */
  async uploadBills(pdfs, { add = false, teach = false, names = [], ...options } = {}) {
    const form = new FormData();
    [pdfs].flat().forEach((pdf, i) => {
      form.append("file", pdf, names[i] || /** @type {File} */ (pdf).name || "document.pdf");
    });
    /** @type {Record<string, string>} */
    const query = {};
    if (add) query.mode = "append";
    if (teach) query.teach = "true";
    return this.json("POST", "/upload", { query, body: form, ...options });
  }

  /**
   * Attaches the order export.
   * @param {Blob | string} orders a CSV, XLSX or XLS file, or the text of a CSV
   * @param {{add?: boolean, name?: string, columns?: string[], remember?: boolean, once?: string,
   *   signal?: AbortSignal, onSent?: Sent, onWait?: (seconds: number) => void}} [options] columns say what columns
   *   mean that are not known, as in "Qty=cartons"; remember keeps that in the profile; add keeps the exports that
   *   are there
   */
  async uploadOrders(orders, { add = false, name, columns = [], remember = false, ...options } = {}) {
    /** @type {Record<string, string>} */
    const query = add ? { mode: "append" } : {};
    const map = columns.join("\n");
    if (typeof orders === "string") {
      const known = map ? { map, remember: String(remember) } : {};
      const body = JSON.stringify({ csv_data: orders, filename: name || "orders.csv", ...known });
      return this.json("POST", "/upload-csv", { query, body, type: "application/json", ...options });
    }
    const form = new FormData();
    if (map) {
      form.append("map", map);
      form.append("remember", String(remember));
    }
    form.append("file", orders, name || /** @type {File} */ (orders).name || "orders.csv");
    return this.json("POST", "/upload-csv", { query, body: form, ...options });
  }

  /**
   * Returns the sheet: "csv", "xlsx", "json", or "ebol" for drafts of electronic bills.
   * With accept it has the lines of bills that nothing proves, too.
   * @param {string} [format]
   * @param {{signal?: AbortSignal, accept?: boolean}} [options]
   * @returns {Promise<Blob>}
   */
  async download(format = "csv", { signal, accept = false } = {}) {
    const query = accept ? { format, accept_unproved: "true" } : { format };
    const response = await this.request("GET", "/download-bol", { query, signal });
    return response.blob();
  }

  /** Returns the profile of the key: {revision, version, profile, toml}. */
  profile() {
    return this.json("GET", "/profile", { query: { format: "json" } });
  }

  /**
   * Writes the profile over the revision that was read.
   * @param {string} text TOML or JSON
   * @param {number} revision
   */
  putProfile(text, revision) {
    return this.json("PUT", "/profile", { query: { revision: String(revision) }, body: text, type: "text/plain" });
  }

  /** Returns the state of the session. */
  status() {
    return this.json("GET", "/status");
  }

  /** Returns the session's files. */
  async files() {
    return (await this.json("GET", "/files")).files;
  }

  /**
   * Takes one of the session's files away and keeps everything else.
   * @param {string} name as files() gives it
   */
  removeFile(name) {
    return this.json("DELETE", "/files", { query: { name } });
  }

  /** Ends the session and removes its files. */
  async clear() {
    if (!this.session) return { status: "no_session" };
    return this.json("POST", "/clear-session");
  }

  /**
   * Runs the whole workflow: clear, new, upload, upload-csv, download, clear. Clears
   * the session on failure, too.
   * @param {Blob | Blob[]} pdfs
   * @param {Blob | string | null} [orders]
   * @param {{format?: string, onProgress?: (event: object) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<{sheet: Blob, bills: object, orders: object | null}>}
   */
  async run(pdfs, orders = null, { format = "csv", onProgress, signal } = {}) {
    await this.clear();
    await this.start();
    const watching = new AbortController();
    if (onProgress) this.watch(onProgress, watching.signal).catch(() => {});
    try {
      const bills = await this.uploadBills(pdfs, { signal });
      const matched = orders === null ? null : await this.uploadOrders(orders, { signal });
      return { sheet: await this.download(format, { signal }), bills, orders: matched };
    } finally {
      watching.abort();
      await this.clear().catch(() => {});
    }
  }

  /**
   * Calls onEvent with each event of the session (see GET /events) until the signal
   * is aborted or the server ends the stream. The first event is the state.
   */
  async watch(onEvent, signal) {
    const response = await this.request("GET", "/events", { signal });
    const decoder = new TextDecoder();
    let text = "";
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n").filter((line) => line.startsWith("data: "));
        const data = lines.map((line) => line.slice(6)).join("\n");
        if (data) onEvent(JSON.parse(data));
      }
    }
  }

  /**
   * Makes a request and returns its JSON.
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async json(method, path, options) {
    return (await this.request(method, path, options)).json();
  }

  /**
   * Makes a request in the session. While the server is busy, repeats it when the
   * server says so. Calls onSent with how much of the body was sent, on platforms
   * that know it.
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<Response>}
   */
  async request(method, path, { query = {}, body, type, once, signal, onSent, onWait = this.onWait } = {}) {
    const params = new URLSearchParams(query);
    if (this.session) params.set("_sid", this.session);
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.key) headers["X-API-Key"] = this.key;
    if (type) headers["Content-Type"] = type;
    if (once) headers["Idempotency-Key"] = once;
    const search = params.size === 0 ? "" : `?${params}`;
    const send = onSent && typeof XMLHttpRequest === "function" ? sendCounting(onSent) : this.fetch;
    for (let attempt = 0; ; attempt++) {
      const response = await send(`${this.url}${path}${search}`, { method, headers, body, signal });
      if (response.ok) return response;
      const text = await response.text();
      let answer;
      try {
        answer = JSON.parse(text);
      } catch {
        answer = { error: text.slice(0, 200) };
      }
      const after = Number(response.headers.get("Retry-After"));
      // While storage fails, the request may or may not have had its effect.
      // Repeating it is harmless, except that files would be appended twice.
      const unsure = answer.code === "storage_unavailable" && query.mode === "append";
      if (response.status !== 503 || !after || attempt >= this.retries || unsure) {
        throw new TallymanError(response.status, answer);
      }
      onWait?.(after);
      await new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const timer = setTimeout(resolve, after * 1000);
        signal?.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        }, { once: true });
      });
    }
  }
}

/**
 * The options of a request.
 * @typedef {object} Options
 * @property {Record<string, string>} [query] parameters beside the session's ID
 * @property {XMLHttpRequestBodyInit} [body]
 * @property {string} [type] the body's media type
 * @property {string} [once] names the request, so that its repetition has no further effect
 * @property {AbortSignal} [signal]
 * @property {Sent} [onSent]
 * @property {(seconds: number) => void} [onWait] is called with the seconds before each repetition
 */

/**
 * Is called with how much of a request's body was sent, in bytes.
 * @callback Sent
 * @param {number} sent
 * @param {number} total
 */

// Returns a fetch that reports how much was sent, which the platform's fetch does not.
function sendCounting(onSent) {
  return (url, { method, headers, body, signal }) => new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (e) => onSent(e.loaded, e.total);
    const abort = () => request.abort();
    signal?.addEventListener("abort", abort, { once: true });
    request.onload = () => {
      const after = request.getResponseHeader("Retry-After");
      /** @type {HeadersInit} */
      const headers = after ? { "Retry-After": after } : {};
      resolve(new Response(request.response, { status: request.status, headers }));
    };
    request.onerror = () => reject(new TypeError("the connection was lost"));
    request.onabort = () => reject(signal?.reason || new DOMException("aborted", "AbortError"));
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    request.send(body);
  });
}
