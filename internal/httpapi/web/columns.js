// @ts-check
// Chooses which columns of the sheet are shown, and in which order: for this browser, or in
// the profile for downloads.

import { answered, button, fill, h, say, sign } from "./dom.js";
import { words } from "./session.js";
import { t } from "./words.js";

/** @typedef {{name: string, heading: string, on: boolean, fixed: boolean}} Choice */

export class ColumnChooser {
  constructor(session) {
    this.session = session;
    this.list = h("ol", { class: "choices" });
    this.trouble = h("div", { class: "trouble" });
    this.dialog = h("dialog", { class: "chooser", "aria-labelledby": "chooser-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "chooser-title" }, t("Columns")),
        h("p", { class: "hint" },
          t("Invoice No. and Style stay in sight. The choice holds for this browser; downloads " +
          "have the columns of the profile.")),
        this.list, this.trouble,
        h("div", { class: "buttons" },
          h("button", { value: "yes", class: "primary" }, t("Show these")),
          h("button", { value: "reset" }, t("Reset")),
          button({ onclick: () => this.save() }, t("Use them for downloads, too")),
          button({ class: "quiet", onclick: () => this.dialog.close("") }, t("Cancel")))));
    document.body.append(this.dialog);
  }

  /**
   * Asks. Returns the columns, null for those that are shown at first, undefined for no change.
   * @param {Choice[]} list
   * @returns {Promise<{name: string, on: boolean}[] | null | undefined>}
   */
  async ask(list) {
    this.columns = list.map((c) => ({ ...c }));
    this.trouble.replaceChildren();
    this.draw();
    const answer = await answered(this.dialog);
    if (answer === "reset") return null;
    return answer === "yes" ? this.columns.map(({ name, on }) => ({ name, on })) : undefined;
  }

  draw() {
    fill(this.list, this.columns.map((c, i) => {
      const box = h("input", {
        type: "checkbox", checked: c.on || c.fixed, disabled: c.fixed, onchange: () => { c.on = box.checked; },
      });
      const move = (by, name, label) => sign(name, label, () => this.move(i, by), { disabled: !this.columns[i + by] });
      return h("li", {}, h("label", {}, box, ` ${c.heading}`),
        move(-1, "up", t("Move {name} up", { name: c.heading })),
        move(1, "down", t("Move {name} down", { name: c.heading })));
    }));
  }

  move(i, by) {
    const { columns } = this;
    [columns[i], columns[i + by]] = [columns[i + by], columns[i]];
    this.draw();
    const buttons = this.list.children[i + by].querySelectorAll("button");
    const wanted = buttons[by < 0 ? 0 : 1];
    (wanted.disabled ? buttons[by < 0 ? 1 : 0] : wanted).focus();
    say(t("{name} is column {n} of {all}", { name: columns[i + by].heading, n: i + by + 1, all: columns.length }));
  }

  // Writes the chosen columns into the profile, where its text lists the columns of the sheet.
  async save() {
    const { client } = this.session;
    try {
      const { revision, toml } = await client.profile();
      const list = this.columns.filter((c) => c.on || c.fixed).map((c) => JSON.stringify(c.name));
      const columns = /^(\[sheet\][^[]*?^columns\s*=\s*)\[[^\]]*\]/m;
      if (!columns.test(toml)) {
        throw new Error(t("The profile does not list the columns of the sheet. Open it and add them."));
      }
      await client.putProfile(toml.replace(columns, (_, head) => `${head}[\n  ${list.join(",\n  ")},\n]`), revision);
      const text = t("Saved in the profile. Bills that are uploaded from now on follow it.");
      fill(this.trouble, h("p", { class: "hint" }, text));
      say(text);
    } catch (error) {
      fill(this.trouble, h("p", { class: "error", role: "alert" }, words(error)));
    }
  }
}
