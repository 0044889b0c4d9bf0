// @ts-check
// A picture of the load: pallets and cube per ship-to, cartons by cancel date.
// Each chart has the same figures as a table beside it.

import { h } from "./dom.js";
import { count, dayOf, decimals, writeDay, writeShortDay } from "./format.js";
import { column } from "./issues.js";
import "./chart.umd.min.js";

/** @type {any} The vendored script defines it. */
const Chart = globalThis["Chart"];
const most = 14; // bars

/** Adds up what a sheet says of its ship-tos and dates. */
export function loadOf(sheet) {
  const at = Object.fromEntries(["Ship To Name", "Cartons", "Pallet", "Cancel Date"].map((n) => [n, column(sheet, n)]));
  const ships = new Map(), days = new Map(), counted = new Set();
  for (const row of sheet.rows) {
    const name = row.cells[at["Ship To Name"]] || "No order";
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

// Writes the figures over standing bars, the highest first; one that would run into
// another, or into a higher bar, is left to the table.
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
  }

  clear() {
    for (const c of this.charts) c.destroy();
    this.charts = [];
    this.root.replaceChildren();
    this.stale = true;
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
      this.root.replaceChildren(h("div", { class: "empty" }, h("h2", {}, "No load yet"), h("p", {}, "Ship-to, pallets and cancel dates come with the order export. Add it in step 2.")));
      return;
    }
    const load = loadOf(sheet);
    const ships = load.ships.slice(0, most);
    const rest = load.ships.slice(most);
    if (rest.length) ships.push(rest.reduce((sum, s) => ({ name: `${count(rest.length)} others`, pallets: sum.pallets + s.pallets, cube: sum.cube + s.cube, cartons: sum.cartons + s.cartons }), { pallets: 0, cube: 0, cartons: 0 }));
    const sum = (key) => load.ships.reduce((n, s) => n + s[key], 0);
    const byDay = load.days;
    const table = (name, heads, rows) => h("details", { class: "figures" }, h("summary", {}, "Figures"),
      h("table", { class: "list" }, h("caption", { class: "unseen" }, name), h("thead", {}, h("tr", {}, heads.map((t, i) => h("th", { scope: "col", class: i ? "num" : "" }, t)))),
        h("tbody", {}, rows.map(([first, ...others]) => h("tr", {}, h("th", { scope: "row" }, first), others.map((o) => h("td", { class: "num" }, o)))))));
    const canvases = [];
    const figure = (title, about, label, height, wide, rows, heads) => {
      const canvas = h("canvas", { role: "img", "aria-label": label });
      canvases.push(canvas);
      const frame = h("div", { class: "frame" }, canvas);
      frame.style.height = `${height}px`;
      return h("figure", { class: `chart${wide ? " wide" : ""}` }, h("figcaption", {}, h("h2", {}, title), h("p", { class: "hint" }, about)), frame, table(title, heads, rows));
    };
    const tall = ships.length * 30 + 64;
    const first = ships[0]?.name || "";
    this.root.replaceChildren(h("div", { class: "charts" },
      figure("Pallets by ship-to", `${count(sum("pallets"))} floor positions in all. A bill's cube over 80, rounded up.`, `Bar chart: pallets by ship-to, ${count(sum("pallets"))} in all; most for ${first}. The figures follow as a table.`, tall, false, load.ships.map((s) => [s.name, count(s.pallets)]), ["Ship to", "Pallets"]),
      figure("Cube by ship-to", `${decimals[0].format(sum("cube"))} cubic feet in all, as printed on the bills.`, `Bar chart: cubic feet by ship-to, ${decimals[0].format(sum("cube"))} in all. The figures follow as a table.`, tall, false, load.ships.map((s) => [s.name, decimals[2].format(s.cube)]), ["Ship to", "Cubic feet"]),
      figure("Cartons by cancel date", load.undated ? `${count(load.undated)} cartons more have no cancel date.` : "Every carton has a cancel date.", `Bar chart: cartons by cancel date, ${byDay.length} dates. The figures follow as a table.`, 300, true, [...byDay.map(([d, n]) => [writeDay(d), count(n)]), ...(load.undated ? [["No date", count(load.undated)]] : [])], ["Cancel date", "Cartons"])));
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    const common = { text: this.resolve("--text"), muted: this.resolve("--muted"), line: this.resolve("--line"), fill: this.resolve("--accent-fill") };
    const room = this.root.clientWidth < 560 ? 14 : 26;
    const short = (text) => (text.length > room ? `${text.slice(0, room - 1)}…` : text);
    this.bars(canvases[0], common, ships.map((s) => short(s.name)), ships.map((s) => s.pallets), "y", "Pallets", decimals[0].format);
    this.bars(canvases[1], common, ships.map((s) => short(s.name)), ships.map((s) => s.cube), "y", "Cubic feet", decimals[0].format);
    this.bars(canvases[2], common, byDay.map(([d]) => writeShortDay(d)), byDay.map(([, n]) => n), "x", "Cartons", decimals[0].format);
  }

  // What a colour of the theme is now: a canvas knows no light-dark().
  resolve(name) {
    const probe = h("span", { hidden: true });
    probe.style.color = `var(${name})`;
    this.root.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  bars(canvas, c, labels, data, axis, unit, write) {
    const value = axis === "y" ? "x" : "y";
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.charts.push(new Chart(canvas, {
      type: "bar",
      data: { labels, datasets: [{ data, backgroundColor: c.fill, borderRadius: 3, maxBarThickness: axis === "y" ? 18 : 44, categoryPercentage: 0.8, barPercentage: 0.9 }] },
      plugins: [ends],
      options: {
        indexAxis: axis, responsive: true, maintainAspectRatio: false, animation: still ? false : { duration: 300 },
        layout: { padding: { right: axis === "y" ? 48 : 0, top: axis === "y" ? 0 : 18 } },
        plugins: { legend: { display: false }, ends: { colour: c.text, write }, tooltip: { callbacks: { label: (item) => `${write(item.raw)} ${unit.toLowerCase()}` } } },
        scales: {
          [axis]: { grid: { display: false }, border: { color: c.line }, ticks: { color: c.text, autoSkip: axis === "x", maxRotation: 45, font: { size: 12 } }, title: axis === "x" ? { display: true, text: "Cancel date", color: c.muted } : { display: false } },
          [value]: { beginAtZero: true, grid: { color: c.line }, border: { display: false }, ticks: { color: c.muted, precision: 0, maxTicksLimit: 6, callback: (v) => write(v), font: { size: 12 } }, title: { display: true, text: unit, color: c.muted } },
        },
      },
    }));
  }
}
