// @ts-check
// Formats numbers and dates in the user's locale, for the screen only: downloads are
// what the server makes.

import { locale, t, tn } from "./words.js";

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", timeZone: "UTC" });
const time = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const dayTime = new Intl.DateTimeFormat(locale, { weekday: "short", hour: "numeric", minute: "2-digit" });
const size = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });

export const count = (n) => whole.format(n);

/** Writes how many there are of something: "1 carton", "2 cartons". The dictionary has "{n} carton". */
export const plural = (n, what, many = `${what}s`) => tn(`{n} ${what}`, `{n} ${many}`, n);

/** The names, units and formats of figures. */
export const fields = {
  cartons: { name: t("Cartons"), format: count },
  pieces: { name: t("Pieces"), format: count },
  weight: { name: t("Weight"), unit: t("lb"), format: (n) => one.format(n) },
  cube: { name: t("Cube"), unit: t("cu ft"), format: (n) => two.format(n) },
  volume: { name: t("Volume"), unit: t("cu ft"), format: (n) => two.format(n) },
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

const since = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** Writes how long ago a time was: "5 minutes ago", "yesterday". */
export function ago(ms) {
  const minutes = Math.round((ms - Date.now()) / 60_000);
  if (minutes > -60) return since.format(Math.min(0, minutes), "minute");
  if (minutes > -24 * 60) return since.format(Math.ceil(minutes / 60), "hour");
  return since.format(Math.ceil(minutes / 1440), "day");
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
export const exact = (n) => n.toLocaleString(locale, { maximumFractionDigits: 6 });

/** Makes the first letter a capital. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Cuts a name in the middle: stores of one chain differ at the end. */
export function cut(name, room) {
  if (name.length <= room) return name;
  const end = Math.floor((room - 1) / 2);
  return `${name.slice(0, room - 1 - end).trimEnd()}…${name.slice(-end).trimStart()}`;
}
