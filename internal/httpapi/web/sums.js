// @ts-check
// The sums of a bill while it is corrected, by the rules of the server: cartons and pieces
// exactly, weight and cube within rounding. Figures are counted exactly, in millionths.

const scale = 6;

/** The figures that are added up, the cells of lines that make them, and what may be rounded. */
export const added = [
  { field: "cartons", cell: "cartons", rounds: false }, { field: "pieces", cell: "pieces", rounds: false },
  { field: "weight", cell: "weight", rounds: true }, { field: "cube", cell: "volume", rounds: true },
];

/**
 * Reads a number as it is printed: digits with or without commas, at most four decimals.
 * Returns null for anything else.
 * @param {string} text
 * @returns {{amount: bigint, places: number} | null}
 */
export function number(text) {
  const m = /^(\d{0,15}|\d{1,3}(?:,\d{3})+)(?:\.(\d{1,4}))?$/.exec(text.trim());
  if (!m || (!m[1] && m[2] === undefined)) return null;
  const [, whole, decimals = ""] = m;
  if (decimals && whole.length > 1 && whole.startsWith("0")) return null;
  const digits = whole.replaceAll(",", "") + decimals.padEnd(scale, "0");
  return { amount: BigInt(digits), places: decimals.length };
}

/** An amount as a number, for people. */
export const plain = (amount) => Number(amount) / 10 ** scale;

/**
 * The most decimals that the lines of a document print, by field: fewer are cut off, not rounded.
 * @param {any[]} bills those of a sheet
 */
export function decimalsOf(bills) {
  /** @type {Record<string, number>} */
  const most = {};
  for (const { field, cell } of added) {
    most[field] = 0;
    for (const b of bills) {
      for (const l of b.lines) {
        const n = number(l.was?.[cell] ?? l[cell]?.text ?? "");
        if (n) most[field] = Math.max(most[field], n.places);
      }
    }
  }
  return most;
}

/**
 * Compares the sums of a bill's lines with its printed totals.
 * @param {Record<string, string>[]} lines the cells of each line
 * @param {Record<string, string>} printed the totals by field, "" if there is none
 * @param {Record<string, number>} most from decimalsOf
 * @returns {{field: string, sum: bigint, printed: bigint | null, off: bigint, state: string}[]} the states are
 *   those of the server: proved, differs, not_printed, unread
 */
export function compare(lines, printed, most) {
  return added.map(({ field, cell, rounds }) => {
    let sum = 0n, places = 0, least = Infinity, n = 0;
    for (const line of lines) {
      const figure = number(line[cell] || "");
      if (!figure) continue;
      sum += figure.amount;
      places = Math.max(places, figure.places);
      if (figure.amount) least = Math.min(least, figure.places);
      n++;
    }
    const text = printed[field] || "", total = number(text);
    if (!total) return { field, sum, printed: null, off: 0n, state: text ? "unread" : "not_printed" };
    const off = total.amount - sum;
    const digits = Math.max(places, most[field]);
    const slack = rounds && Math.min(least, total.places) >= most[field]
      ? BigInt(5 * n) * 10n ** BigInt(scale - digits - 1) : 0n;
    return { field, sum, printed: total.amount, off, state: (off < 0n ? -off : off) > slack ? "differs" : "proved" };
  });
}
