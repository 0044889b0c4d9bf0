// @ts-check
// Formats numbers and dates in the user's locale, for the screen only: downloads are
// what the server makes.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayTime = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });
const size = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

export const count = (n) => whole.format(n);
export const plural = (n, what, many = `${what}s`) => `${count(n)} ${n === 1 ? what : many}`;

/** The names, units and formats of figures. */
export const fields = {
  cartons: { name: "Cartons", format: count },
  pieces: { name: "Pieces", format: count },
  weight: { name: "Weight", unit: "lb", format: (n) => one.format(n) },
  cube: { name: "Cube", unit: "cu ft", format: (n) => two.format(n) },
  volume: { name: "Volume", unit: "cu ft", format: (n) => two.format(n) },
};

/** Writes a figure of a field, "–" if there is none. */
export const figure = (field, n) => (n === null || n === undefined ? "–" : fields[field].format(n));

/** Writes a size in bytes. */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  for (const unit of ["kB", "MB", "GB"]) {
    n /= 1000;
    if (n < 1000 || unit === "GB") return `${size.format(n)} ${unit}`;
  }
}

/** Writes a time of today or of the next days. */
export function clock(ms) {
  const at = new Date(ms);
  return (at.toDateString() === new Date().toDateString() ? time : dayTime).format(at);
}

/**
 * Returns the date in a cell of the sheet, as milliseconds in UTC; null if there is
 * none. The formats are those by which the server sorts.
 */
export function dayOf(text) {
  let m = /^(\d{1,2})(\d{2})(\d{4})$/.exec(text);
  let year, month, date;
  if (m) [, month, date, year] = m;
  else if ((m = /^(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?$/.exec(text))) [, year, month, date] = m;
  else if ((m = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text))) [, month, date, year] = m;
  else return null;
  const ms = Date.UTC(+year, +month - 1, +date);
  const back = new Date(ms);
  return back.getUTCMonth() === +month - 1 && back.getUTCDate() === +date ? ms : null;
}

export const writeDay = (ms) => day.format(ms);
export const writeShortDay = (ms) => shortDay.format(ms);
export const decimals = [whole, one, two];

/** Writes a number with all its decimals. */
export const exact = (n) => n.toLocaleString(undefined, { maximumFractionDigits: 6 });

/** Makes the first letter a capital. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Cuts a name in the middle: stores of one chain differ at the end. */
export function cut(name, room) {
  if (name.length <= room) return name;
  const end = Math.floor((room - 1) / 2);
  return `${name.slice(0, room - 1 - end).trimEnd()}…${name.slice(-end).trimStart()}`;
}
