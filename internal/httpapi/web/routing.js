// @ts-check
// What routing requests ask for: the bills by ship-to and ship window. The bar of each group
// shows its pallets, and a click on it shows its lines in the sheet.

import { h, fill, button, heading, icon, num, pieces, say, table, td } from "./dom.js";
import { count, dayOf, exact, plural, writeDay } from "./format.js";
import { words } from "./session.js";

// Writes a value of a group: dates in the user's locale.
function write(name, value) {
  const day = name.endsWith("Date") ? dayOf(value) : null;
  return day === null ? value || "–" : writeDay(day);
}

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
    const make = (g) => h("tr", {},
      g.values.map((v, i) => {
        const text = write(routing.grouped_by[i], v);
        return i ? td(text) : h("th", { scope: "row" }, text);
      }),
      num(count(g.parts.length)), figures(g), h("td", { class: "load" }, this.bar(g, most)));
    const body = h("tbody");
    const more = pieces(body, groups, make, 100);
    const sum = h("tfoot", {}, h("tr", {},
      h("th", { scope: "row", colspan: routing.grouped_by.length }, `${plural(groups.length, "group")}`),
      num(count(routing.purchase_orders)), figures(total),
      td(`${count(total.pallets)} by groups, ${count(total.pallets_by_bill)} bill by bill`)));
    const list = table("list routing", "Routing", h("tr", {},
      routing.grouped_by.map((name) => heading(name)),
      ["Orders", "Bills", "Cartons", "Pieces", "Weight", "Cube"].map((name) => heading(name, "num")),
      heading("Pallets")), body);
    list.append(sum);
    this.warnings = h("ul", { class: "warnings" });
    this.trouble = h("div", { class: "trouble" });
    this.root.replaceChildren(
      h("div", { class: "tools" },
        h("p", { class: "hint" }, sheet.match
          ? "Pallets are those of a group's whole cube. Click a bar to see its lines in the sheet."
          : "Without the order export there are no ship-tos and windows."),
        h("div", { class: "buttons" }, ["csv", "xlsx"].map((format) =>
          button({ class: "small", onclick: () => this.download(format) },
            icon("save"), format === "csv" ? "CSV" : "Excel")))),
      this.trouble, this.warnings,
      h("div", { class: "scroll" }, list), more);
    if (sheet.match) this.warn(sheet);
  }

  bar(g, most) {
    const part = h("span", { class: "fill" });
    part.style.width = `${(100 * g.pallets) / most}%`;
    const name = g.values.map((v, i) => write(this.sheet.routing.grouped_by[i], v)).join(", ");
    const does = `${plural(g.pallets, "pallet")}: show the lines of ${name}`;
    return button({ class: "groupbar", "aria-label": does, onclick: () => this.open(g, name) },
      h("span", { class: "track" }, part), h("span", {}, count(g.pallets)));
  }

  async open(g, name) {
    const bills = new Set(g.parts.flatMap((p) => p.bills));
    await this.views.only({ name, bills });
    say(`The sheet shows the lines of ${name}`);
  }

  /** Adds what the windows of the groups mean today. */
  async warn(sheet) {
    const now = new Date();
    const on = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
    try {
      const { groups } = await this.views.session.client.json("GET", "/routing", { query: { format: "json", on } });
      if (this.sheet !== sheet) return;
      const warning = (g, w) => h("li", {}, icon("bad"), h("span", {}, `${g.values[0]}: ${w.text}.`));
      const found = groups.flatMap((g) => g.warnings.map((w) => warning(g, w)));
      const shown = 8;
      fill(this.warnings, found.slice(0, shown),
        found.length > shown && h("li", {}, `and ${count(found.length - shown)} more in the files`));
    } catch {
      // The page itself says if the server does not answer.
    }
  }

  async download(format) {
    this.trouble.replaceChildren();
    try {
      const blob = await (await this.views.session.client.request("GET", "/routing", { query: { format } })).blob();
      const link = h("a", { href: URL.createObjectURL(blob), download: `routing.${format}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      say(`The routing was saved as ${link.download}.`);
    } catch (error) {
      this.trouble.replaceChildren(h("p", { class: "error", role: "alert" }, words(error)));
    }
  }
}
