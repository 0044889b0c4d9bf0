// @ts-check
// What the columns of an order export mean, where the product does not know it: a table
// with a choice for each column, the likeliest chosen. The answer is for once or for good.

import { h, button, heading, icon, say, table, td } from "./dom.js";
import { listed, t, tn } from "./words.js";

export class Mapping {
  /**
   * @param {any} root the section that shows the table
   * @param {(file: File, columns: string[], remember: boolean) => Promise<boolean>} send uploads the file by a mapping
   * @param {() => void} leave is called when people give up
   */
  constructor(root, send, leave) {
    this.root = root;
    this.send = send;
    this.leave = leave;
    this.busy = false;
    /** The buttons that upload. @type {any[]} */
    this.go = [];
  }

  hide() {
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  /** Shows the columns of a file whose upload failed. */
  show(error, file) {
    const { columns, meanings } = error.details;
    this.file = file;
    this.columns = columns;
    this.meanings = meanings;
    this.selects = columns.map((c, i) => this.choices(c, i));
    this.state = h("p", { class: "state", role: "status" });
    this.trouble = h("div", { class: "trouble" });
    const title = h("h2", { id: "mapping-title", tabIndex: -1 },
      t("What do the columns of {file} mean?", { file: file.name }));
    const row = (c, i) => h("tr", { class: c.confidence === "unclear" ? "unclear" : "" },
      h("th", { scope: "row" }, c.header, " ", h("small", {}, c.column)),
      h("td", { class: "samples" },
        c.samples.length ? c.samples.map((s) => h("span", {}, s)) : h("small", {}, t("no values"))),
      td(this.selects[i], c.confidence === "unclear" && h("small", { class: "doubt" }, icon("bad"), t("unclear")),
        c.confidence === "likely" && h("small", {}, t("a guess: compare the values"))));
    const use = (remember) => () => this.use(remember);
    this.root.replaceChildren(title,
      h("p", { class: "hint" }, t("Its orders are not read yet: some columns have names that are not known here. " +
        "Say what each one means; columns that do not matter stay unread.")),
      table("map", t("Columns of the order export"), h("tr", {},
        heading(t("Column")), heading(t("First values")), heading(t("Means"))), h("tbody", {}, columns.map(row))),
      this.state, this.trouble,
      h("div", { class: "buttons" },
        this.go[0] = button({ class: "primary", onclick: use(true) }, t("Remember and read")),
        this.go[1] = button({ onclick: use(false) }, t("Use once")),
        button({ class: "quiet", onclick: () => this.cancel() }, t("Cancel"))),
      h("p", { class: "hint" }, t("Remembered names are kept in your profile, for every later order export.")));
    this.root.hidden = false;
    this.check();
    title.focus();
    say(t("Some columns of {file} are not known. Say what they mean.", { file: file.name }));
  }

  choices(c, i) {
    const name = (m) => (m.required ? t("{column} (needed)", { column: m.name }) : m.name);
    const option = (m) => h("option", { value: m.key, selected: m.key === c.meaning }, name(m));
    return h("select",
      { id: `map-${i}`, "aria-label": t("{column} means", { column: c.header }), onchange: () => this.check() },
      h("option", { value: "", selected: !c.meaning }, t("Not read")), this.meanings.map(option));
  }

  /** Says what is missing or chosen twice. Returns the first choice to correct, null if there is none. */
  check() {
    const chosen = this.selects.map((s) => s.value);
    const name = (key) => this.meanings.find((m) => m.key === key).name;
    const twice = [...new Set(chosen.filter((v, i) => v && chosen.indexOf(v) !== i))];
    const lacking = this.meanings.filter((m) => m.required && !chosen.includes(m.key));
    this.selects.forEach((s, i) => {
      s.ariaInvalid = twice.includes(s.value) ? "true" : null;
      const untouched = this.columns[i].confidence === "unclear" && !s.value;
      s.closest("tr")?.classList.toggle("unclear", untouched);
    });
    const words = [
      lacking.length && t("Still needed: {columns}.", { columns: listed(lacking.map((m) => m.name)) }),
      ...twice.map((key) => t("Two columns cannot both be the {column}.", { column: name(key) })),
    ].filter(Boolean);
    this.state.textContent = words.join(" ") || t("Every needed column is there.");
    this.state.classList.toggle("warn", words.length > 0);
    // Pressed nevertheless, they say what is missing.
    for (const b of this.go) b.ariaDisabled = words.length ? "true" : null;
    if (twice.length) return this.selects[chosen.lastIndexOf(twice[0])];
    if (lacking.length) return this.selects.find((s) => !s.value) || this.selects[0];
    return null;
  }

  async use(remember) {
    if (this.busy) return;
    const first = this.check();
    if (first) {
      say(this.state.textContent);
      first.focus();
      return;
    }
    this.busy = true;
    try {
      const { file } = this;
      const columns = this.columns.flatMap((c, i) => {
        const { value } = this.selects[i];
        const same = value === c.meaning;
        return (same && c.confidence === "known") || (same && !value) ? [] : [`${c.header}=${value}`];
      });
      if (await this.send(file, columns, remember)) {
        this.hide();
        const kept = tn("{n} column remembered in your profile.", "{n} columns remembered in your profile.",
          columns.length);
        say(remember ? kept : t("The columns were used once."));
      }
    } finally {
      this.busy = false;
    }
  }

  cancel() {
    this.hide();
    this.leave();
  }
}
