// @ts-check
// Cells as text: tables with tabs, as spreadsheets copy and paste them, and records of CSV.

/** Writes rows of texts as a spreadsheet copies them: a tab between cells, a line for each row. */
export const writeTabs = (rows) => rows.map((row) => row.map(quoted).join("\t")).join("\n");

// A cell with a tab or a newline stands in quotation marks.
const quoted = (text) => (/[\t\r\n]/.test(text) || text.startsWith('"') ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * Reads what a spreadsheet copies.
 * @param {string} text
 * @returns {string[][]}
 */
export function readTabs(text) {
  const rows = [[]];
  let at = 0;
  const plain = /[^\t\r\n]*/y, mark = /"((?:[^"]|"")*)"(?=[\t\r\n]|$)/y;
  while (at <= text.length) {
    mark.lastIndex = plain.lastIndex = at;
    const m = mark.exec(text);
    const cell = m ? m[1].replaceAll('""', '"') : plain.exec(text)?.[0] ?? "";
    at = m ? mark.lastIndex : plain.lastIndex;
    rows[rows.length - 1].push(cell);
    const end = /\t|\r\n?|\n/y;
    end.lastIndex = at;
    const stop = end.exec(text)?.[0];
    if (stop === undefined) break;
    at += stop.length;
    if (stop !== "\t") rows.push([]);
  }
  // The last row ends with a newline, after which there is no other.
  const last = rows[rows.length - 1];
  if (rows.length > 1 && last.length === 1 && last[0] === "") rows.pop();
  return rows;
}

/**
 * Splits CSV into its records, each as it stands, with its newline. Cells in quotation
 * marks may have newlines.
 * @param {string} csv
 * @returns {string[]}
 */
export function records(csv) {
  const all = [];
  let from = 0, inside = false;
  for (let i = 0; i < csv.length; i++) {
    const c = csv.charCodeAt(i);
    if (c === 34) inside = !inside;
    else if (c === 10 && !inside) {
      all.push(csv.slice(from, i + 1));
      from = i + 1;
    }
  }
  if (from < csv.length) all.push(csv.slice(from));
  return all;
}
