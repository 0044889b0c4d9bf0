// @ts-check
// The profile of the owner, as text: read, checked and written by the server.

import { $, h, button, icon, say } from "./dom.js";
import { plural } from "./format.js";
import { words } from "./session.js";

const most = 64 * 1024; // bytes; the server refuses more

export class ProfileEditor {
  constructor(session) {
    this.session = session;
    this.dialog = $("profile-dialog");
    this.text = $("profile-text");
    this.trouble = h("div", { class: "trouble" });
    this.file = h("input", { type: "file", accept: ".toml,.json,application/toml,application/json", hidden: true });
    this.file.addEventListener("change", async () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (!file) return;
      if (file.size > most) return this.fail([`${file.name} is larger than 64 KB; a profile is a small part of that.`]);
      this.text.value = await file.text();
      this.note(`${file.name} is in the editor. It counts once it is saved.`);
    });
    this.again = h("p", { class: "again" }, "The bills that are here keep the profile with which they were read. ",
      button({ class: "link", onclick: () => this.process() }, "Read them again by the new one"));
    $("profile-tools").append(
      this.trouble, this.again, this.file,
      h("div", { class: "buttons" },
        button({ class: "primary", onclick: () => this.save() }, "Save"),
        button({ onclick: () => this.file.click() }, "Load a file"),
        button({ onclick: () => this.download() }, icon("save"), "Download"),
        button({ class: "quiet", onclick: () => this.dialog.close() }, "Close")));
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
    const { revision, toml } = await this.session.client.profile();
    this.revision = revision;
    this.text.value = toml;
  }

  async save() {
    try {
      const { revision } = await this.session.client.putProfile(this.text.value, this.revision);
      this.revision = revision;
      this.note("Saved. Bills that are uploaded from now on follow it.");
      this.again.hidden = !this.session.sheet;
    } catch (error) {
      if (error?.code === "bad_profile") {
        const lines = error.details.map((p) => (p.line ? `Line ${p.line}: ${p.reason}.` : `${p.reason}.`));
        return this.fail(lines, error.details.find((p) => p.line)?.line);
      }
      if (error?.code === "changed") {
        this.fail(["Somebody else saved the profile meanwhile. Nothing was overwritten: copy what you changed, and " +
          "load the newest."]);
        this.trouble.append(button({ class: "small", onclick: () => this.newest() }, "Load the newest"));
        return;
      }
      this.fail([words(error)]);
    }
  }

  async newest() {
    try {
      await this.read();
      this.note("This is the newest profile.");
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
    const link = h("a", { href: URL.createObjectURL(content), download: "profile.toml" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async process() {
    try {
      await this.session.client.json("POST", "/process");
      await this.session.refresh();
      this.again.hidden = true;
      this.note(`${plural(this.session.sheet?.summary.bills ?? 0, "bill")} read again by the new profile.`);
    } catch (error) {
      this.fail([words(error)]);
    }
  }
}
