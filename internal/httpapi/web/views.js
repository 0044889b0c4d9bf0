// @ts-check
// The results, in five views behind tabs. A view is drawn when its tab is opened.

import { h, button, forgetKept } from "./dom.js";
import { count } from "./format.js";
import { BillsView } from "./bills.js";
import { loose, unchecked } from "./issues.js";
import { MatchingView } from "./matching.js";
import { t, tn } from "./words.js";

const tabs = [
  ["bills", t("Bills"), async () => BillsView],
  ["matching", t("Matching"), async () => MatchingView],
  ["sheet", t("Sheet"), async () => (await import("./grid.js")).SheetView],
  ["routing", t("Routing"), async () => (await import("./routing.js")).RoutingView],
  ["load", t("Load"), async () => (await import("./load.js")).LoadView],
];

export class Views {
  constructor(root, session) {
    this.session = session;
    this.sheet = null;
    /** @type {any} The inspector, loaded when first used. */
    this.inspector = null;
    /** @type {any} The same of the lessons of forms. */
    this.teacher = null;
    this.made = {};
    this.list = h("div", { class: "tabs", role: "tablist", "aria-label": t("Results"), onkeydown: (e) => this.key(e) });
    this.tabs = {};
    this.panels = {};
    root.append(this.list);
    for (const [id, name] of tabs) {
      const badge = h("span", { class: "badge" });
      const props = { role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, onclick: () => this.open(id) };
      this.tabs[id] = button(props, name, badge);
      this.tabs[id].badge = badge;
      this.panels[id] = h("div",
        { class: "panel", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, hidden: true });
      this.list.append(this.tabs[id]);
      root.append(this.panels[id]);
    }
    const asked = location.hash.slice(1);
    this.current = this.tabs[asked] ? asked : "bills";
    history.replaceState({ tab: this.current }, "");
    addEventListener("popstate", ({ state }) => this.back(state));
  }

  // Goes to where the browser's history leads: to a tab, with the inspector or without.
  back(state) {
    const tab = state?.tab || location.hash.slice(1);
    if (this.tabs[tab]) this.current = tab;
    this.draw();
    if (!state?.inspect) this.inspector?.hide();
    else if (!this.inspector?.dialog.open) this.inspector?.again();
  }

  key(e) {
    const ids = tabs.map(([id]) => id);
    const at = ids.indexOf(this.current);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[e.key];
    if (next === undefined) return;
    e.preventDefault();
    const id = ids[(next + ids.length) % ids.length];
    this.open(id);
    this.tabs[id].focus();
  }

  open(id) {
    if (this.current !== id) {
      history.pushState({ tab: id, inspect: Boolean(this.inspector?.dialog.open) }, "", `#${id}`);
    }
    this.current = id;
    return this.draw();
  }

  badge(id, n, kind, words) {
    const { badge } = this.tabs[id];
    badge.hidden = !n;
    badge.className = `badge ${kind}`;
    badge.replaceChildren(count(n), h("span", { class: "unseen" }, ` ${words}`));
  }

  render(sheet, issues) {
    if (sheet === this.sheet) return;
    this.sheet = sheet;
    this.issues = issues;
    if (!sheet) {
      this.inspector?.close();
      this.teacher?.close();
      for (const id of Object.keys(this.made)) this.made[id].clear();
      forgetKept();
      return;
    }
    this.inspector?.reset(sheet, issues);
    const check = unchecked(issues);
    this.badge("bills", check.length, check.some((i) => i.kind === "bad") ? "bad" : "warn", t("to check"));
    this.badge("matching", loose(sheet), "bad", t("without partner"));
    this.badge("sheet", sheet.rows.length, "", tn("row", "rows", sheet.rows.length));
    const groups = sheet.match ? sheet.routing.groups.length : 0;
    this.badge("routing", groups, "", tn("group", "groups", groups));
    this.badge("load", 0, "", "");
    for (const view of Object.values(this.made)) view.stale = true;
    this.draw();
  }

  async draw() {
    if (!this.sheet) return;
    for (const [id] of tabs) {
      const on = id === this.current;
      this.tabs[id].setAttribute("aria-selected", on);
      this.tabs[id].tabIndex = on ? 0 : -1;
      this.panels[id].hidden = !on;
    }
    const id = this.current;
    if (!this.made[id]) {
      this.panels[id].setAttribute("aria-busy", "true");
      const load = /** @type {() => Promise<any>} */ (tabs.find(([name]) => name === id)[2]);
      const View = await load();
      this.panels[id].removeAttribute("aria-busy");
      this.made[id] ||= Object.assign(new View(this.panels[id], this), { stale: true });
    }
    if (this.made[id].stale && this.sheet && id === this.current) {
      this.made[id].stale = false;
      this.made[id].render(this.sheet, this.issues);
    }
    if (this.inspector?.dialog.open) this.inspector.chosen();
  }

  /** Opens the sheet with some rows only: see SheetView.filter. */
  async only(group) {
    await this.open("sheet");
    this.made.sheet?.filter(group);
    this.tabs.sheet.focus();
  }

  recolour() { this.made.load?.recolour(); }

  /** Opens the picture of a page with a place marked. */
  async inspect(target) {
    if (!this.inspector) {
      const { Inspector } = await import("./inspect.js");
      this.inspector ||= new Inspector(this.session, (at) => this.teach(at));
      this.inspector.reset(this.sheet, this.issues);
    }
    this.inspector.show(target);
  }

  /** Has somebody teach the form of a page: {file, page}. */
  async teach(at) {
    if (!this.teacher) {
      const { Teacher } = await import("./teach.js");
      this.teacher ||= new Teacher(this.session);
    }
    return this.teacher.open({ file: at.file, page: at.page });
  }
}
