// @ts-check
// The profile of the owner, as text: read, checked and written by the server.

import { $, h, fill, agreed, button, chosen, icon, say } from "./dom.js";
import { plural } from "./format.js";
import { words } from "./session.js";
import { keep } from "./save.js";
import { t } from "./words.js";

const most = 64 * 1024; // bytes; the server refuses more

export class ProfileEditor {
  constructor(session) {
    this.session = session;
    this.dialog = $("profile-dialog");
    this.text = $("profile-text");
    this.trouble = h("div", { class: "trouble" });
    this.file = h("input", { type: "file", accept: ".toml,.json,application/toml,application/json", hidden: true });
    chosen(this.file, async ([file]) => {
      if (file.size > most) {
        return this.fail([t("{file} is larger than 64 KB; a profile is a small part of that.", { file: file.name })]);
      }
      this.text.value = await file.text();
      this.note(t("{file} is in the editor. It counts once it is saved.", { file: file.name }));
    });
    this.again = h("p", { class: "again" },
      t("The bills that are here keep the profile with which they were read."), " ",
      button({ class: "link", onclick: () => this.process() }, t("Read them again by the new one")));
    this.forms = h("ul");
    $("profile-tools").append(
      h("section", { class: "forms", "aria-labelledby": "forms-title" },
        h("h3", { id: "forms-title" }, t("Learnt forms")), this.forms),
      this.trouble, this.again, this.file,
      h("div", { class: "buttons" },
        button({ class: "primary", onclick: () => this.save() }, t("Save")),
        button({ onclick: () => this.file.click() }, t("Load a file")),
        button({ onclick: () => this.download() }, icon("save"), t("Download")),
        button({ class: "quiet", onclick: () => this.dialog.close() }, t("Close"))));
  }

  fail(lines, at) {
    this.trouble.replaceChildren(h("div", { class: "error", role: "alert" }, icon("bad"),
      h("ul", {}, lines.map((l) => h("li", {}, l)))));
    if (at) this.select(at);
  }

  note(text) {
    this.trouble.replaceChildren(h("p", { class: "hint" }, text));
    say(text);
  }

  async open() {
    this.trouble.replaceChildren();
    this.again.hidden = true;
    try {
      await this.read();
      this.dialog.showModal();
      this.text.focus();
      this.text.setSelectionRange(0, 0);
      this.text.scrollTop = 0;
    } catch (error) {
      if (error?.status === 401) return this.session.failed(error);
      this.dialog.showModal();
      this.fail([words(error)]);
    }
  }

  async read() {
    const { revision, toml, profile } = await this.session.client.profile();
    this.revision = revision;
    this.text.value = this.saved = toml;
    fill(this.forms, (profile.forms || []).map((f) => this.form(f.name, f.proved?.length || 0)));
  }

  // A learnt form, which can be renamed and forgotten.
  form(name, proved) {
    const by = !proved ? t("proved by no document yet")
      : proved >= 2 ? t("proved by {documents}, trusted", { documents: plural(proved, "document") })
        : t("proved by {documents}", { documents: plural(proved, "document") });
    const item = h("li");
    const show = (focus) => {
      const rename = button({ class: "small", "aria-label": t("Rename {name}", { name }), onclick: () => edit() },
        t("Rename"));
      fill(item, h("span", {}, name),
        h("small", {}, by),
        rename,
        button({ class: "small", "aria-label": t("Forget {name}", { name }), onclick: () => this.forget(name) },
          t("Forget")));
      if (focus) rename.focus();
    };
    const edit = () => {
      const to = h("input",
        { type: "text", value: name, maxLength: 60, "aria-label": t("New name of {name}", { name }) });
      const save = () => (to.value.trim() === name ? show(true) : this.change("PUT", { name, to: to.value.trim() }));
      to.addEventListener("keydown", (e) => {
        if (e.key !== "Enter" && e.key !== "Escape") return;
        e.preventDefault();
        if (e.key === "Enter") save();
        else show(true);
      });
      fill(item, to, button({ class: "small", onclick: save }, t("Rename")),
        button({ class: "quiet small", onclick: () => show(true) }, t("Cancel")));
      to.focus();
      to.select();
    };
    show(false);
    return item;
  }

  async forget(name) {
    const text = t("Documents of this form are no longer read by it. Bills that are here stay as they were read.");
    if (await agreed(t("Forget “{name}”?", { name }), text, t("Forget"))) await this.change("DELETE", { name });
  }

  // Renames or forgets a learnt form. The settings must be those of the server, which writes them.
  async change(method, query) {
    if (this.text.value !== this.saved) {
      return this.fail([t("Save the settings first, or close the profile without: both change the same file.")]);
    }
    try {
      const { message } = await this.session.client.json(method, "/learn",
        { query: { ...query, revision: String(this.revision) } });
      await this.read();
      this.note(message);
      this.again.hidden = !this.session.sheet;
      (this.forms.querySelector("button") || this.text).focus();
    } catch (error) {
      this.fail([words(error)]);
    }
  }

  async save() {
    try {
      const { revision } = await this.session.client.putProfile(this.text.value, this.revision);
      this.revision = revision;
      this.saved = this.text.value;
      this.note(t("Saved. Bills that are uploaded from now on follow it."));
      this.again.hidden = !this.session.sheet;
    } catch (error) {
      if (error?.code === "bad_profile") {
        const lines = error.details.map((p) =>
          (p.line ? t("Line {n}: {reason}.", { n: p.line, reason: p.reason }) : `${p.reason}.`));
        return this.fail(lines, error.details.find((p) => p.line)?.line);
      }
      if (error?.code === "changed") {
        this.fail([t("Somebody else saved the profile meanwhile. Nothing was overwritten: copy what you changed, and " +
          "load the newest.")]);
        this.trouble.append(button({ class: "small", onclick: () => this.newest() }, t("Load the newest")));
        return;
      }
      this.fail([words(error)]);
    }
  }

  async newest() {
    try {
      await this.read();
      this.note(t("This is the newest profile."));
    } catch (error) {
      this.fail([words(error)]);
    }
  }

  // Selects a line, counted from 1.
  select(line) {
    const lines = this.text.value.split("\n");
    const from = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    this.text.focus();
    this.text.setSelectionRange(from, from + (lines[line - 1] || "").length);
    this.text.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(this.text).lineHeight));
  }

  download() {
    const content = new Blob([this.text.value], { type: "application/toml" });
    keep(content, "profile.toml");
  }

  async process() {
    try {
      await this.session.client.json("POST", "/process");
      await this.session.refresh();
      this.again.hidden = true;
      this.note(t("{bills} read again by the new profile.",
        { bills: plural(this.session.sheet?.summary.bills ?? 0, "bill") }));
    } catch (error) {
      this.fail([words(error)]);
    }
  }
}
