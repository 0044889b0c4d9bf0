// @ts-check
// The webhooks of the owner: addresses to which events go, and what became of the events.

import { $, h, fill, agreed, button, heading, icon, named, say, table, td } from "./dom.js";
import { capital, clock, plural } from "./format.js";
import { words } from "./session.js";
import { listed, t, translated } from "./words.js";

const every = 3000; // milliseconds, while something is under way
const most = 50; // deliveries at a time

const states = {
  waiting: t("Waiting"), sending: t("Being sent"), delivered: t("Delivered"), dead: t("Given up"),
};
const chips = { waiting: "warn", sending: "", delivered: "ok", dead: "bad" };

/** What the events are, in words. */
const kinds = {
  "sheet.ready": t("A sheet is ready"), "upload.failed": t("An upload failed"),
  "sheet.changed": t("A sheet was changed"), "job.done": t("A job is done"), "job.failed": t("A job failed"),
  ping: t("Test"),
};

const path = (id, then = "") => `/webhooks/${encodeURIComponent(id)}${then}`;

export class Webhooks {
  constructor(session) {
    this.session = session;
    this.list = h("ul", { class: "hooks" });
    this.trouble = h("div", { class: "trouble" });
    this.secret = h("div", { class: "secret", hidden: true });
    this.form = this.newForm();
    this.state = h("select", { id: "hook-state", onchange: () => this.deliveries() },
      h("option", { value: "" }, t("All")),
      Object.entries(states).map(([value, text]) => h("option", { value }, text)));
    this.events = h("div", { class: "deliveries", role: "region", tabIndex: 0, "aria-label": t("Last deliveries") });
    this.dialog = h("dialog", { id: "webhooks-dialog", class: "wide", "aria-labelledby": "webhooks-title" },
      h("h2", { id: "webhooks-title" }, t("Webhooks")),
      h("p", { class: "hint" }, t("Addresses to which events of your shipments go, signed. They name files and count " +
        "bills and findings; nothing of a document is in them.")),
      this.list, this.trouble, this.secret, this.form,
      h("section", { "aria-labelledby": "deliveries-title" },
        h("h3", { id: "deliveries-title" }, t("Deliveries")),
        h("p", { class: "filter" }, h("label", { for: "hook-state" }, t("State")), this.state),
        this.events),
      h("div", { class: "buttons" },
        button({ class: "quiet", onclick: () => this.dialog.close() }, t("Close"))));
    this.dialog.addEventListener("close", () => clearTimeout(this.timer));
    document.body.append(this.dialog);
  }

  newForm() {
    this.address = h("input", {
      id: "hook-url", type: "url", required: true, maxLength: 2048, spellcheck: false, autocomplete: "off",
      placeholder: "https://hooks.example.com/…",
    });
    this.note = h("input", { id: "hook-note", type: "text", maxLength: 100, autocomplete: "off" });
    this.kinds = h("fieldset", {}, h("legend", {}, t("Events")));
    return h("form", {
      class: "addhook",
      onsubmit: (e) => {
        e.preventDefault();
        this.add();
      },
    },
    h("h3", {}, t("Add a webhook")),
    h("label", { for: "hook-url" }, t("Address")), this.address,
    h("label", { for: "hook-note" }, t("Note")), this.note,
    this.kinds,
    h("div", { class: "buttons" }, h("button", { class: "primary" }, t("Add"))));
  }

  fail(error) {
    if (error?.status === 401) {
      this.dialog.close();
      return this.session.failed(error);
    }
    this.trouble.replaceChildren(h("div", { class: "error", role: "alert" }, icon("bad"), h("p", {}, words(error))));
  }

  /** Makes a request, and shows what went wrong. Returns null then. */
  async json(method, to, options) {
    this.trouble.replaceChildren();
    try {
      return await this.session.client.json(method, to, options);
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  async open() {
    this.secret.hidden = true;
    this.trouble.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    await this.load();
  }

  async load() {
    const answer = await this.json("GET", "/webhooks");
    if (!answer) return;
    if (this.kinds.childElementCount === 1) {
      this.kinds.append(...answer.events.map((type) => h("label", { class: "check" },
        h("input", { type: "checkbox", value: type, checked: answer.usual.includes(type) }),
        h("span", {}, kinds[type] || type, " ", h("code", { translate: "no" }, type)))));
    }
    this.hooks = answer.webhooks;
    fill(this.list, this.hooks.map((hook) => this.item(hook)));
    this.form.hidden = this.hooks.length >= answer.most;
    await this.deliveries();
  }

  item(hook) {
    const name = hook.note || new URL(hook.url).host;
    const until = hook.old_secret_until && Date.parse(hook.old_secret_until);
    const act = (text, label, run, className = "small") =>
      button({ class: className, "aria-label": label, onclick: run }, text);
    return h("li", {},
      h("p", { class: "what" },
        h("strong", {}, name), " ",
        h("span", { class: `chip ${hook.on ? "ok" : "bad"}` }, hook.on ? t("On") : t("Off"))),
      h("p", { class: "url", translate: "no" }, hook.url),
      h("p", { class: "hint" }, listed(hook.events.map((type) => kinds[type] || type))),
      !hook.on && h("p", { class: "hint" }, this.said(hook.off)),
      until > Date.now() && h("p", { class: "hint" },
        t("The secret before signs as well until {time}.", { time: clock(until) })),
      h("div", { class: "buttons" },
        hook.on && act(t("Send a test"), t("Send a test to {name}", { name }), () => this.ping(hook)),
        act(t("New secret"), t("New secret for {name}", { name }), () => this.rotate(hook, name)),
        act(hook.on ? t("Switch off") : t("Switch on"),
          hook.on ? t("Switch off: {name}", { name }) : t("Switch on: {name}", { name }), () => this.turn(hook)),
        hook.on && act(t("Send again what was given up"), t("Send again what was given up for {name}", { name }),
          () => this.againAll(hook)),
        act(t("Remove"), t("Remove {name}", { name }), () => this.remove(hook, name), "quiet small")));
  }

  // A sentence of the server.
  said(text) {
    const sentence = `${capital(text)}.`;
    const known = translated(sentence);
    return known ? h("span", {}, known) : h("span", { lang: "en" }, sentence);
  }

  show(secret) {
    const field = h("input", {
      id: "hook-secret", type: "text", readOnly: true, value: secret, spellcheck: false, autocomplete: "off",
    });
    field.addEventListener("focus", () => field.select());
    fill(this.secret,
      h("label", { for: "hook-secret" }, t("The secret of this webhook. Copy it now: it is not shown again.")), field);
    this.secret.hidden = false;
    field.focus();
    say(t("The secret of this webhook. Copy it now: it is not shown again."));
  }

  async add() {
    const events = [...this.kinds.querySelectorAll("input:checked")].map((e) => e.value);
    const answer = await this.json("POST", "/webhooks", {
      type: "application/json", body: JSON.stringify({ url: this.address.value, note: this.note.value, events }),
    });
    if (!answer) return this.address.focus();
    this.address.value = this.note.value = "";
    await this.load();
    this.show(answer.secret);
  }

  async ping(hook) {
    if (await this.json("POST", path(hook.id, "/ping"))) {
      say(t("A test is on its way."));
      await this.deliveries();
    }
  }

  async rotate(hook, name) {
    const text = t("For 24 hours events are signed with both. Give the receiver the new one in that time.");
    const made = await agreed(t("A new secret for “{name}”?", { name }), text, t("New secret")) &&
      await this.json("POST", path(hook.id, "/rotate"));
    if (!made) return;
    await this.load();
    this.show(made.secret);
  }

  async turn(hook) {
    const at = [...this.list.children].findIndex((e) => e.contains(document.activeElement));
    const body = JSON.stringify({ on: !hook.on });
    if (!await this.json("PATCH", path(hook.id), { type: "application/json", body })) return;
    await this.load();
    this.list.children[at]?.querySelector("button")?.focus();
  }

  async remove(hook, name) {
    const text = t("Events no longer go there, and what is still to be sent is not sent.");
    if (!await agreed(t("Remove “{name}”?", { name }), text, t("Remove"))) return;
    if (!await this.json("DELETE", path(hook.id))) return;
    await this.load();
    (this.list.querySelector("button") || this.address).focus();
  }

  async againAll(hook) {
    const answer = await this.json("POST", path(hook.id, "/resend"));
    if (!answer) return;
    say(t("{events} sent again.", { events: plural(answer.sent, "event") }));
    await this.deliveries();
  }

  async again(delivery) {
    if (!await this.json("POST", `/webhooks/deliveries/${encodeURIComponent(delivery.id)}/resend`)) return;
    say(t("The event is sent again."));
    await this.deliveries();
    this.events.focus();
  }

  /** Shows the last deliveries, again and again while some are under way. */
  async deliveries() {
    clearTimeout(this.timer);
    const state = this.state.value;
    let answer;
    try {
      answer = await this.session.client.json("GET", "/webhooks/deliveries",
        { query: { limit: String(most), ...(state && { state }) } });
    } catch (error) {
      return this.fail(error);
    }
    if (state !== this.state.value || !this.dialog.open) return;
    const all = answer.deliveries;
    const shown = JSON.stringify(all);
    if (shown !== this.shown || !this.events.childElementCount) {
      this.shown = shown;
      const focused = this.events.contains(document.activeElement) && document.activeElement.id;
      fill(this.events, all.length ? this.table(all) : h("p", { class: "hint" }, t("Nothing yet.")),
        answer.next && h("p", { class: "hint" }, t("These are the latest {n}.", { n: all.length })));
      if (focused) ($(focused) || this.events).focus();
    }
    if (all.some((d) => d.state === "sending" || d.state === "waiting")) {
      this.timer = setTimeout(() => this.deliveries(), every);
    }
  }

  table(all) {
    const heads = h("tr", {}, [t("When"), t("Event"), t("To"), t("State"), t("Problem"), ""]
      .map((text) => (text ? heading(text) : td())));
    const body = h("tbody", {}, all.map((d) => named(h("tr", {},
      td(clock(Date.parse(d.created_at))),
      td(kinds[d.event] || d.event),
      h("td", { translate: "no" }, d.host),
      td(h("span", { class: `chip ${chips[d.state]}` }, states[d.state]), " ",
        d.attempts > 0 && h("small", {}, plural(d.attempts, "attempt")),
        d.next_at && d.attempts > 0 && h("small", {}, t("again at {time}", { time: clock(Date.parse(d.next_at)) }))),
      td(d.problem ? this.said(d.problem) : ""),
      td(d.state !== "sending" && button({
        class: "small", id: `again-${d.id}`,
        "aria-label": t("Send again: {event}, {time}",
          { event: kinds[d.event] || d.event, time: clock(Date.parse(d.created_at)) }),
        onclick: () => this.again(d),
      }, t("Send again")))), heads)));
    return table("deliverylist", t("Deliveries"), heads, body);
  }
}
