// @ts-check
// Charts of the load: pallets and cube per ship-to, cartons by cancel date. Each has a
// table with the same figures.

import { button, h, heading, num, table } from "./dom.js";
import { count, cut, dayOf, decimals, plural, writeDay, writeShortDay } from "./format.js";
import { column } from "./issues.js";
import { t, tn } from "./words.js";
import "./chart.umd.min.js";

/** @type {any} The vendored script defines it. */
const Chart = globalThis["Chart"];
const most = 14; // bars

/** Adds up a sheet by ship-tos and by cancel dates. */
function loadOf(sheet) {
  const names = ["Ship To Name", "Cartons", "Pallet", "Cancel Date"];
  const at = Object.fromEntries(names.map((n) => [n, column(sheet, n)]));
  const ships = new Map(), days = new Map(), counted = new Set();
  for (const row of sheet.rows) {
    const name = row.cells[at["Ship To Name"]] || t("No order");
    const ship = ships.get(name) || { name, pallets: 0, cube: 0, cartons: 0 };
    ships.set(name, ship);
    ship.pallets += row.cells[at.Pallet] || 0;
    ship.cartons += row.cells[at.Cartons] || 0;
    if (!counted.has(row.bill)) {
      counted.add(row.bill);
      ship.cube += sheet.bills[row.bill].totals.cube.number || 0;
    }
    const text = row.cells[at["Cancel Date"]];
    const day = text === null ? null : dayOf(String(text));
    days.set(day, (days.get(day) || 0) + (row.cells[at.Cartons] || 0));
  }
  return {
    ships: [...ships.values()].sort((a, b) => b.pallets - a.pallets || b.cube - a.cube || (a.name < b.name ? -1 : 1)),
    days: [...days].filter(([day]) => day !== null).sort(([a], [b]) => a - b),
    undated: days.get(null) || 0,
  };
}

// Writes the figures over standing bars, the highest first. Those that would overlap
// another figure or a higher bar stand only in the table.
function standing(ctx, bars, texts) {
  const high = 16, taken = [];
  const order = bars.map((_, i) => i).sort((a, b) => bars[a].y - bars[b].y);
  for (const i of order) {
    const { x, y } = bars[i], half = ctx.measureText(texts[i]).width / 2;
    const higher = bars.some((b) => b.y < y && Math.abs(b.x - x) < half + b.width / 2);
    if (higher || taken.some((t) => Math.abs(t.x - x) < half + t.half + 4 && Math.abs(t.y - y) < high)) continue;
    taken.push({ x, y, half });
    ctx.fillText(texts[i], x, y - 3);
  }
}

// The figure at the end of each bar.
const ends = {
  id: "ends",
  afterDatasetsDraw(chart, _, { colour, write }) {
    const { ctx } = chart;
    ctx.save();
    ctx.font = `600 12px ${Chart.defaults.font.family}`;
    ctx.fillStyle = colour;
    const flat = chart.options.indexAxis === "y";
    ctx.textAlign = flat ? "left" : "center";
    ctx.textBaseline = flat ? "middle" : "bottom";
    const { data } = chart.data.datasets[0], bars = chart.getDatasetMeta(0).data;
    if (flat) bars.forEach((bar, i) => ctx.fillText(write(data[i]), bar.x + 6, bar.y));
    else standing(ctx, bars, data.map(write));
    ctx.restore();
  },
};

export class LoadView {
  constructor(root, views) {
    this.root = root;
    this.views = views;
    Object.assign(this, { charts: [] });
    /** @type {string[]} the names beside the bars, in full */
    this.names = [];
    this.resized = new ResizeObserver(() => this.name());
  }

  // Cuts the names beside lying bars to the room that there is.
  room() { return this.root.clientWidth < 560 ? 14 : 26; }

  name() {
    const room = this.room();
    if (!this.root.clientWidth || room === this.cut) return;
    this.cut = room;
    for (const chart of this.charts.slice(0, 2)) {
      chart.data.labels = this.names.map((name) => cut(name, room));
      chart.update("none");
    }
  }

  clear() {
    this.resized.disconnect();
    for (const c of this.charts) c.destroy();
    this.charts = [];
    this.root.replaceChildren();
    this.stale = true;
  }

  // What a click on a bar does, for the keyboard.
  link(name) {
    return button({ class: "link", title: t("Show its rows in the sheet"), onclick: () => this.show(name) }, name);
  }

  // Shows the rows of a ship-to or of a cancel date in the sheet.
  show(name) {
    const [ship, cancel] = ["Ship To Name", "Cancel Date"].map((n) => column(this.sheet, n));
    const day = (text) => (text === null || dayOf(String(text)) === null ? "" : writeDay(dayOf(String(text))));
    const has = ({ cells }) => (cells[ship] || t("No order")) === name || day(cells[cancel]) === name;
    if (this.sheet.rows.some(has)) this.views.only({ name, has });
  }

  recolour() {
    if (!this.sheet || !this.charts.length) return;
    if (this.root.hidden) this.stale = true;
    else this.render(this.sheet);
  }

  render(sheet) {
    this.clear();
    this.stale = false;
    this.sheet = sheet;
    if (!sheet.match) {
      this.root.replaceChildren(h("div", { class: "empty" },
        h("h2", {}, t("No load yet")),
        h("p", {}, t("Ship-to, pallets and cancel dates come with the order export. Add it in step 2."))));
      return;
    }
    const load = loadOf(sheet);
    const ships = load.ships.slice(0, most);
    const rest = load.ships.slice(most);
    const sum = (some, name) => some.reduce(add, { name, pallets: 0, cube: 0, cartons: 0 });
    if (rest.length) ships.push(sum(rest, t("{n} others", { n: rest.length })));
    const all = sum(load.ships, "");
    const cube = decimals[0].format(all.cube);
    const tall = ships.length * 30 + 64;
    const days = load.days.map(([d, n]) => [this.link(writeDay(d)), count(n)]);
    if (load.undated) days.push([t("No date"), count(load.undated)]);
    const charts = [
      chart({
        title: t("Pallets by ship-to"), heads: [t("Ship to"), t("Pallets")], height: tall,
        about: t("{n} floor positions in all. A bill’s cube over 80, rounded up.", { n: all.pallets }),
        label: t("Bar chart: pallets by ship-to, {n} in all; most for {name}. The figures follow as a table.",
          { n: all.pallets, name: ships[0]?.name || "" }),
        rows: load.ships.map((s) => [this.link(s.name), count(s.pallets)]),
      }),
      chart({
        title: t("Cube by ship-to"), heads: [t("Ship to"), t("Cubic feet")], height: tall,
        about: t("{cube} cubic feet in all, as printed on the bills.", { cube }),
        label: t("Bar chart: cubic feet by ship-to, {cube} in all. The figures follow as a table.", { cube }),
        rows: load.ships.map((s) => [this.link(s.name), decimals[2].format(s.cube)]),
      }),
      chart({
        title: t("Cartons by cancel date"), heads: [t("Cancel date"), t("Cartons")], height: 300, wide: true,
        about: load.undated
          ? tn("{n} more carton has no cancel date.", "{n} more cartons have no cancel date.", load.undated)
          : t("Every carton has a cancel date."),
        label: t("Bar chart: cartons by cancel date, {dates}. The figures follow as a table.",
          { dates: plural(load.days.length, "date") }),
        rows: days,
      }),
    ];
    this.root.replaceChildren(h("div", { class: "charts" }, charts.map((c) => c.figure)));
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    this.cut = this.room();
    this.names = ships.map(({ name }) => name);
    const names = this.names.map((name) => cut(name, this.cut));
    const ship = (i) => ships[i].name;
    this.bars(charts[0].canvas, names, ships.map((s) => s.pallets), "y", t("Pallets"), (i) => this.show(ship(i)));
    this.bars(charts[1].canvas, names, ships.map((s) => s.cube), "y", t("Cubic feet"), (i) => this.show(ship(i)));
    const marks = load.days.map(([d]) => writeShortDay(d));
    this.bars(charts[2].canvas, marks, load.days.map(([, n]) => n), "x", t("Cartons"),
      (i) => this.show(writeDay(load.days[i][0])));
    this.resized.observe(this.root);
  }

  // Returns the present value of a colour of the theme: a canvas cannot resolve light-dark().
  resolve(name) {
    const probe = h("span", { hidden: true });
    probe.style.color = `var(${name})`;
    this.root.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  // Draws bars along one axis, lying ("y") or standing ("x"), with a value for each label.
  // A click on the i-th bar calls pick.
  bars(canvas, labels, data, axis, unit, pick) {
    const flat = axis === "y";
    const write = decimals[0].format;
    const colours = ["--text", "--muted", "--line", "--accent-fill"];
    const [text, muted, line, fill] = colours.map((name) => this.resolve(name));
    const font = { size: 12 };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const label = (item) => `${write(item.raw)} ${unit.toLowerCase()}`;
    this.charts.push(new Chart(canvas, {
      type: "bar",
      data: {
        labels,
        datasets: [{
          data, backgroundColor: fill, borderRadius: 3, maxBarThickness: flat ? 18 : 44, categoryPercentage: 0.8,
          barPercentage: 0.9,
        }],
      },
      plugins: [ends],
      options: {
        onClick: (_, [bar]) => bar && pick(bar.index),
        onHover: (_, [bar]) => { canvas.style.cursor = bar ? "pointer" : ""; },
        indexAxis: axis, responsive: true, maintainAspectRatio: false, animation: still ? false : { duration: 300 },
        layout: { padding: { right: flat ? 48 : 0, top: flat ? 0 : 18 } },
        plugins: { legend: { display: false }, ends: { colour: text, write }, tooltip: { callbacks: { label } } },
        scales: {
          [axis]: {
            grid: { display: false }, border: { color: line },
            ticks: { color: text, autoSkip: !flat, maxRotation: 45, font },
            title: flat ? { display: false } : { display: true, text: t("Cancel date"), color: muted },
          },
          [flat ? "x" : "y"]: {
            beginAtZero: true, grid: { color: line }, border: { display: false },
            ticks: { color: muted, precision: 0, maxTicksLimit: 6, callback: (v) => write(v), font },
            title: { display: true, text: unit, color: muted },
          },
        },
      },
    }));
  }
}

// Adds the figures of a ship-to to a sum.
const add = (sum, ship) => ({
  name: sum.name, pallets: sum.pallets + ship.pallets, cube: sum.cube + ship.cube, cartons: sum.cartons + ship.cartons,
});

// Makes a figure with an empty canvas and its table. The label and the table are for
// those who cannot see the chart.
function chart({ title, about, label, heads, rows, height, wide = false }) {
  const canvas = h("canvas", { role: "img", "aria-label": label });
  const frame = h("div", { class: "frame" }, canvas);
  frame.style.height = `${height}px`;
  const head = h("tr", {}, heads.map((t, i) => heading(t, i ? "num" : "")));
  const row = ([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, first), others.map((o) => num(o)));
  const figure = h("figure", { class: `chart${wide ? " wide" : ""}` },
    h("figcaption", {}, h("h2", {}, title), h("p", { class: "hint" }, about)),
    frame,
    h("details", { class: "figures" }, h("summary", {}, t("Figures")),
      table("list", title, head, h("tbody", {}, rows.map(row)))));
  return { canvas, figure };
}
