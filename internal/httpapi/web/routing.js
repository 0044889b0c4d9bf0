// @ts-check
// What routing requests ask for: the bills by ship-to and ship window. The bar of each group
// shows its pallets, and a click on it shows its lines in the sheet.

import { h, fill, button, heading, icon, named, num, pieces, say, table, td } from "./dom.js";
import { capital, count, dayOf, exact, plural, writeDay } from "./format.js";
import { english } from "./issues.js";
import { keep } from "./save.js";
import { words } from "./session.js";
import { t } from "./words.js";

// Writes a value of a group: dates in the user's locale.
function write(name, value) {
  const day = name.endsWith("Date") ? dayOf(value) : null;
  return day === null ? value || "–" : writeDay(day);
}

// The values of a group. One without order rows has none.
const valuesOf = (routing, g) => (g.values.some(Boolean)
  ? g.values.map((v, i) => write(routing.grouped_by[i], v)) : [t("No order"), ...g.values.slice(1).map(() => "–")]);

// Writes the dates in a sentence of the server as people do.
const dated = (text) => text.replace(/\b\d{4}-\d{2}-\d{2}\b/g, (d) => (dayOf(d) === null ? d : writeDay(dayOf(d))));

export class RoutingView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
  }

  clear() {
    this.root.replaceChildren();
    Object.assign(this, { sheet: null, stale: true });
  }

  render(sheet) {
    this.sheet = sheet;
    const { routing } = sheet;
    const { groups, total } = routing;
    const most = Math.max(1, ...groups.map((g) => g.pallets));
    const figures = (g) => [num(count(g.bill_count)), num(count(g.cartons)), num(count(g.pieces)),
      num(exact(g.weight)), num(exact(g.cube))];
    const heads = h("tr", {},
      routing.grouped_by.map((name) => heading(name)),
      [t("Orders"), t("Bills"), t("Cartons"), t("Pieces"), t("Weight"), t("Cube")].map((name) => heading(name, "num")),
      heading(t("Pallets"), "load"));
    const make = (g) => named(h("tr", {},
      valuesOf(routing, g).map((text, i) => (i ? td(text) : h("th", { scope: "row" }, text))),
      num(count(g.parts.length)), figures(g), h("td", { class: "load" }, this.bar(g, most))), heads);
    // A group counts the orders of its bills' first lines, and so does the sum.
    const orders = new Set(groups.flatMap((g) => g.parts.map((p) => p.values.join("\n")))).size;
    const body = h("tbody");
    const more = pieces(body, groups, make, 100);
    const sum = h("tfoot", {}, named(h("tr", {},
      h("th", { scope: "row", colspan: routing.grouped_by.length }, `${plural(groups.length, "group")}`),
      num(count(orders)), figures(total), h("td", { class: "load" }, total.pallets === total.pallets_by_bill
        ? plural(total.pallets, "pallet")
        : t("{n} by groups, {m} bill by bill", { n: total.pallets, m: total.pallets_by_bill }))), heads));
    const list = table("list cards routing", t("Routing"), heads, body);
    list.append(sum);
    this.warnings = h("div", { class: "warned" });
    this.trouble = h("div", { class: "trouble" });
    const shown = [
      h("div", { class: "tools" },
        h("p", { class: "hint" }, sheet.match
          ? t("Pallets are those of a group's cube, figures the printed totals. " +
            "Click a bar to see its lines in the sheet.")
          : t("Without the order export there are no ship-tos and windows.")),
        h("div", { class: "buttons" }, ["csv", "xlsx"].map((format) =>
          button({ class: "small", onclick: () => this.download(format) },
            icon("save"), format === "csv" ? "CSV" : "Excel")))),
      this.trouble, this.warnings,
      h("div", { class: "scroll" }, list), more];
    // The list does not move away under the mouse when the warnings come. If the server
    // takes long to say them, it does not wait for them.
    const show = () => { if (this.sheet === sheet) this.root.replaceChildren(...shown); };
    if (!sheet.match) return show();
    const late = setTimeout(show, 500);
    return this.warn(sheet).finally(() => {
      clearTimeout(late);
      if (!list.isConnected) show();
    });
  }

  bar(g, most) {
    const part = h("span", { class: "fill" });
    part.style.width = `${(100 * g.pallets) / most}%`;
    const name = valuesOf(this.sheet.routing, g).join(", ");
    const does = t("{pallets}: show the lines of {name}", { pallets: plural(g.pallets, "pallet"), name });
    return button({ class: "groupbar", "aria-label": does, onclick: () => this.open(g, name) },
      h("span", { class: "track" }, part), h("span", {}, count(g.pallets)));
  }

  async open(g, name) {
    const bills = new Set(g.parts.flatMap((p) => p.bills));
    await this.views.only({ name, has: (row) => bills.has(row.bill) });
    say(t("The sheet shows the lines of {name}", { name }));
  }

  /** Adds what the windows of the groups mean today. */
  async warn(sheet) {
    const now = new Date();
    const on = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
    try {
      const { routing } = sheet;
      const { groups } = await this.views.session.client.json("GET", "/routing", { query: { format: "json", on } });
      if (this.sheet !== sheet) return;
      const sentence = (text) => {
        const said = english(`${capital(text)}.`);
        if (typeof said === "string") return dated(said);
        said.textContent = dated(said.textContent);
        return said;
      };
      const found = groups.flatMap((g) => g.warnings.map((w) => ({ g, w })));
      const list = h("ul", { class: "warnings" });
      const more = pieces(list, found, ({ g, w }) => h("li", {}, icon("bad"),
        h("span", {}, h("strong", {}, valuesOf(routing, g).join(" · ")), ": ", sentence(w.text))), 4);
      fill(this.warnings, list, more);
    } catch {
      // The page itself says if the server does not answer.
    }
  }

  async download(format) {
    this.trouble.replaceChildren();
    try {
      const blob = await (await this.views.session.client.request("GET", "/routing", { query: { format } })).blob();
      keep(blob, `routing.${format}`);
      say(t("The routing was saved as {name}.", { name: `routing.${format}` }));
    } catch (error) {
      this.trouble.replaceChildren(h("p", { class: "error", role: "alert" }, words(error)));
    }
  }
}
