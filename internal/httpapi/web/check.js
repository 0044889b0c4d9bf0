// @ts-check
// What needs a person's eye: one list, by bill or by cause. Each finding is ticked off with
// a note, which is an amendment, and the whole list is a report to hand on.

import { h, fill, button, icon, kept, pieces } from "./dom.js";
import { clock, plural } from "./format.js";
import { inPlace } from "./inplace.js";
import { english, toCheck, unchecked } from "./issues.js";
import { t } from "./words.js";
import { save } from "./save.js";

const sameFinding = (a, b) => a.kind === b.kind && a.where === b.where && a.text === b.text;

/** The button that shows the place of a finding. */
export function issueButton(views, issue) {
  const go = issue.place ? () => views.inspect(issue) : () => views.open("matching");
  const about = { class: `issue ${issue.checked ? "info" : issue.kind}`, "data-issue": String(issue.n) };
  // What is known of no place leads nowhere.
  const make = issue.kind === "info" && !issue.place ? (...inside) => h("div", about, inside)
    : (...inside) => button({ ...about, onclick: go }, inside);
  return make(
    icon(issue.checked ? "ok" : issue.kind === "info" ? "look" : "bad"),
    h("span", { class: "what" },
      h("strong", {}, english(issue.title)), h("span", { class: "unseen" }, ". "), english(issue.text),
      issue.action && h("small", {}, " ", english(issue.action))),
    h("span", { class: "where" }, english(issue.where)));
}

export class Checklist {
  constructor(views) {
    this.views = views;
    Object.assign(this, { by: "bill" }, kept("check"));
    /** @type {any} the finding whose checkbox gets the focus when the list is drawn again */
    this.next = null;
    this.root = h("div");
  }

  /** Draws the list of a sheet. Returns its element. */
  render(sheet, issues) {
    this.sheet = sheet;
    this.issues = issues;
    const check = toCheck(issues), known = issues.filter((i) => i.kind === "info");
    const proved = sheet.bills.every((b) => b.verdict.outcome === "reconciled");
    const { length } = sheet.bills;
    const all = length === 1 ? t("The bill adds up to the totals printed on it, and every row was read.")
      : t("All {n} bills add up to the totals printed on them, and every row was read.", { n: length });
    const allWell = () => h("p", { class: "allwell" }, icon("ok"), all);
    const items = h("ol", { class: "information", "aria-label": t("For information") });
    const more = pieces(items, known, (issue) => h("li", {}, issueButton(this.views, issue)), 12);
    fill(this.root,
      check.length ? this.section(check) : proved && allWell(),
      known.length > 0 && h("details", { class: "known" },
        h("summary", {}, t("For information ({n})", { n: known.length })), items, more));
    if (this.next) queueMicrotask(() => this.focusNext());
    return this.root;
  }

  section(check) {
    const done = check.length - unchecked(check).length;
    const bar = h("progress", { max: check.length, value: done, "aria-hidden": "true" });
    const choose = (value) => () => {
      this.by = value;
      kept("check", { by: value });
      this.render(this.sheet, this.issues);
      this.root.querySelector(`input[value=${value}]`)?.focus();
    };
    const way = (value, name) => h("label", {},
      h("input", { type: "radio", name: "check-by", value, checked: this.by === value, onchange: choose(value) }),
      name);
    const { session } = this.views;
    const get = async (format) => (await session.client.request("GET", "/report", { query: { format } })).blob();
    const report = (format, name) => button({
      class: "small",
      onclick: (e) => save(session, () => get(format), `to-check.${format}`, e.currentTarget, this.trouble),
    }, icon("save"), name);
    this.trouble = h("div", { class: "trouble" });
    const list = h("div", { class: "checks" });
    const more = pieces(list, this.groups(check), (group) => this.group(group), 24);
    return h("section", { class: "attention", "aria-labelledby": "attention-title" },
      h("div", { class: "checkhead" },
        h("h2", { id: "attention-title" }, t("To check"), " ",
          h("span", { class: "n", id: "checked-count" },
            t("{done} of {all} checked", { done, all: check.length }))),
        bar,
        h("fieldset", { class: "ways" }, h("legend", { class: "unseen" }, t("Group the list")),
          way("bill", t("By bill")), way("cause", t("By cause"))),
        h("div", { class: "buttons reports" }, report("pdf", t("Report as PDF")), report("html", t("As web page")))),
      h("p", { class: "hint" },
        t("Click a finding to see its place. Tick it off once you have seen to it; a note says what you found.")),
      this.trouble, list, more);
  }

  /** The findings in groups: [name, more about it, findings]. */
  groups(check) {
    const groups = new Map();
    for (const i of check) {
      const key = this.by === "bill" ? i.bill : i.title;
      if (!groups.has(key)) groups.set(key, [...this.titleOf(i), []]);
      groups.get(key)[2].push(i);
    }
    return [...groups.values()];
  }

  titleOf(issue) {
    if (this.by === "cause") return [english(issue.title), ""];
    const bill = this.sheet.bills[issue.bill];
    if (!bill) return [t("The whole shipment"), ""];
    const name = bill.number?.text ? t("Bill {number}", { number: bill.number.text }) : t("Bill without number");
    return [name, bill.consignee[0]?.text || ""];
  }

  group([name, about, issues]) {
    const open = unchecked(issues);
    return h("section", { class: `checkgroup${open.length ? "" : " done"}` },
      h("h3", {}, name, about && h("small", {}, ` ${about}`),
        open.length > 1 && button({ class: "link", onclick: () => this.tickAll(open) },
          t("Tick off all {n}", { n: open.length }))),
      h("ol", { class: "issues" }, issues.map((i) => this.item(i))));
  }

  item(issue) {
    const label = issue.checked ? t("Checked: {what}; take the tick back", { what: issue.title })
      : t("Tick off: {what}, {where}", { what: issue.title, where: issue.where });
    const box = h("input", {
      type: "checkbox", checked: Boolean(issue.checked), "aria-label": label, "data-check": String(issue.n),
      onchange: () => (issue.checked ? this.untick(issue, box) : this.ask(issue, item, box)),
    });
    const item = h("li", { class: issue.checked ? "checked" : "" },
      h("label", { class: "tick" }, box), issueButton(this.views, issue),
      issue.checked && h("p", { class: "checknote" }, this.said(issue.checked)));
    return item;
  }

  said({ by, at, note }) {
    const who = by || t("somebody");
    const when = at ? clock(Date.parse(at)) : "";
    return [when ? t("Checked by {who}, {when}", { who, when }) : t("Checked by {who}", { who }), note && `: ${note}`];
  }

  /** Has somebody write a note in place. */
  ask(issue, item, box) {
    const note = h("input", { type: "text", maxLength: 400, autocomplete: "off", "aria-label": t("Note"),
      placeholder: t("Note, if there is something to say") });
    const form = inPlace(note, t("Tick off"), (sent) => {
      if (sent) return this.tick([issue], note.value);
      form.remove();
      box.checked = false;
      box.focus();
    });
    form.className = "noteform";
    item.querySelector(".noteform")?.remove();
    item.append(form);
    note.focus();
  }

  async tickAll(open) {
    const { write } = await import("./amend.js");
    const note = await write(t("Tick off {n} findings?", { n: open.length }),
      t("A note says for all of them what you found."), { label: t("Note"), button: t("Tick off"), optional: true });
    if (note !== null) await this.tick(open, note);
  }

  async tick(issues, text) {
    const { amendmentsOf, clean } = await import("./amend.js");
    const note = clean(text);
    const all = unchecked(toCheck(this.issues));
    // The focus goes on to what is next to be checked.
    const at = all.findIndex((i) => i.n === issues[issues.length - 1].n);
    const rest = all.filter((i) => !issues.includes(i));
    this.next = (rest.find((i) => all.indexOf(i) > at) || rest[0] || issues[0]).finding;
    const add = issues.map(({ finding }) => ({ kind: "check", finding, ...(note && { note }) }));
    const left = all.length - issues.length;
    const done = left ? t("Ticked off. {left} to check.", { left: plural(left, "thing") })
      : t("Ticked off. Everything is checked.");
    if (!(await amendmentsOf(this.views.session).send(add, [], done))) this.render(this.sheet, this.issues);
  }

  async untick(issue, box) {
    const { amendmentsOf, sameBill } = await import("./amend.js");
    const ids = (this.sheet.amendments || [])
      .filter((a) => a.kind === "check" && sameFinding(a.finding, issue.finding)).map((a) => a.id);
    // A bill that nothing proves was ticked off by accepting it.
    if (!ids.length && issue.code === "not_proved") {
      const bill = amendmentsOf(this.views.session).keys.bill(issue.bill);
      ids.push(...(this.sheet.amendments || []).filter((a) => a.kind === "accept" && sameBill(a.bill, bill))
        .map((a) => a.id));
    }
    this.next = issue.finding;
    if (!(await amendmentsOf(this.views.session).undo(ids, t("The tick was taken back.")))) box.checked = true;
  }

  focusNext() {
    const next = this.next && this.issues.find((i) => sameFinding(i.finding, this.next));
    this.next = null;
    if (next && !document.querySelector("dialog:modal")) {
      this.root.querySelector(`[data-check="${next.n}"]`)?.focus({ preventScroll: false });
    }
  }
}
