// @ts-check
/** Formatting sizes, durations and times for people. */
import { language } from "./language.js";

/** @type {[number, string][]} */
const SIZES = [
  [1e9, "gigabyte"],
  [1e6, "megabyte"],
  [1e3, "kilobyte"],
  [0, "byte"],
];

/** @param {number} bytes */
export function size(bytes) {
  const [step, unit] = SIZES.find(([step]) => bytes >= step) ?? SIZES[3];
  const options = { style: /** @type {const} */ ("unit"), unit, maximumFractionDigits: step >= 1e6 ? 1 : 0 };
  return new Intl.NumberFormat(language(), options).format(bytes / (step || 1));
}

/** Format a duration like 1:05. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = new Intl.NumberFormat(language(), { minimumIntegerDigits: 2, useGrouping: false });
  const one = new Intl.NumberFormat(language(), { useGrouping: false });
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = `${hours ? two.format(minutes) : one.format(minutes)}:${two.format(whole % 60)}`;
  return hours ? `${one.format(hours)}:${rest}` : rest;
}

/** Format a duration for screen readers. @param {number} seconds */
export function spokenLength(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  /** @type {[number, string][]} */
  const parts = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ];
  const texts = parts
    .filter(([count, unit]) => count || (unit === "second" && whole < 60))
    .map(([value, unit]) =>
      new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "long" }).format(value),
    );
  return new Intl.ListFormat(language(), { type: "unit" }).format(texts);
}

/** Format a moment: the time if it is today, otherwise the date. @param {string | number | Date} moment */
export function when(moment) {
  const then = new Date(moment);
  const now = new Date();
  /** @type {Intl.DateTimeFormatOptions} */
  let options = { dateStyle: "medium" };
  if (then.toDateString() === now.toDateString()) options = { timeStyle: "short" };
  else if (then.getFullYear() === now.getFullYear()) options = { month: "long", day: "numeric" };
  return new Intl.DateTimeFormat(language(), options).format(then);
}

/** @param {number} share 0 to 1 */
export const percent = (share) => new Intl.NumberFormat(language(), { style: "percent" }).format(share);

/** @param {number} value */
export const count = (value) => new Intl.NumberFormat(language()).format(value);
