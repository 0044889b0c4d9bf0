// @ts-check
// The states of the page's session as a state machine, and the rules for requests,
// repetitions and events. Nothing here uses the page or the network.

/** @typedef {"loading" | "open" | "away" | "ended" | "signin"} Phase */

/** @type {Phase[]} */
const known = ["open", "away", "ended", "signin"];

/**
 * The phases, and the phases that may follow each.
 *
 * loading: nothing is known yet. open: the session is shown and followed. away: the
 * server does not answer; the last view stays. ended: the session is over and nothing
 * of it is shown. signin: the server wants a key.
 * @type {Record<Phase, Phase[]>}
 */
export const follows = { loading: known, open: known, away: known, ended: known, signin: ["loading"] };

/** The present phase with its details. Entering a phase drops the details of the last. */
export class Machine {
  /** @type {{phase: Phase, problem?: string, why?: string, tries?: number, retryAt?: number}} */
  state = { phase: "loading" };

  /**
   * Enters a phase. Throws if the phase cannot follow the present one.
   * @param {Phase} phase
   * @param {{problem?: string, why?: string, tries?: number, retryAt?: number}} [detail]
   */
  enter(phase, detail = {}) {
    if (!follows[this.state.phase].includes(phase)) {
      throw new Error(`A session that is ${this.state.phase} cannot become ${phase}.`);
    }
    this.state = { ...detail, phase };
  }
}

/** Recognises answers that arrive after the answer to a later request. */
export class Order {
  #sent = 0;
  #taken = 0;

  /** Numbers a request when it is sent. */
  send() { return ++this.#sent; }

  /**
   * Reports whether an answer is news, and if so makes all earlier requests stale.
   * @param {number} number the request's, from send
   */
  take(number) {
    if (number < this.#taken) return false;
    this.#taken = number;
    return true;
  }

  /** Makes every request stale that was sent so far. */
  drop() { this.#taken = ++this.#sent; }
}

/**
 * The pause before another try, in seconds: doubled with each, at most half a minute.
 * @param {number} tries how many failed so far, from 1
 */
export const backoff = (tries) => Math.min(30, 2 ** tries);

/** How long events of an own upload may arrive after its answer, in milliseconds. */
export const lateEvents = 3000;

/** The uploads of this tab and of others, by kind ("bol" or "orders"). */
export class Uploads {
  /** @type {Record<string, (event: any) => void>} the callbacks of this tab's uploads */
  #own = {};
  /** @type {Record<string, number>} when this tab's uploads ended */
  #ended = {};
  /** @type {Record<string, any>} the last event of others' uploads */
  remote = {};

  /** @param {string} kind @param {(event: any) => void} tell is called with progress */
  begin(kind, tell) { this.#own[kind] = tell; }

  /** @param {string} kind @param {number} now */
  end(kind, now) {
    delete this.#own[kind];
    this.#ended[kind] = now;
  }

  get any() { return Object.keys(this.#own).length > 0; }

  /** Forgets the uploads of other tabs, when the stream of events begins anew. */
  forget() { this.remote = {}; }

  /**
   * Takes an event of the server and says what the page has to do: "" nothing,
   * "refresh" ask for the view again, "changed" draw, "failed" draw and report.
   * @param {{type: string, kind: string}} event
   * @param {number} now
   */
  heard(event, now) {
    const { type, kind } = event;
    const own = this.#own[kind];
    const changes = type === "attached" || type === "detached";
    if (!own && !changes && now - (this.#ended[kind] ?? -Infinity) < lateEvents) return "";
    switch (type) {
      case "reading":
      case "progress":
        if (own) {
          own(event);
          return "";
        }
        this.remote[kind] = event;
        return "changed";
      case "detached":
        return "refresh";
      case "attached":
        delete this.remote[kind];
        return own ? "" : "refresh";
      case "failed":
        delete this.remote[kind];
        return own ? "changed" : "failed";
    }
    return "";
  }
}
