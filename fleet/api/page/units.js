// Metrics as people read them: 76.8 GB, 12.3 k tokens/h, € 4.20. A counter is told by how fast it grows.

import { age } from "./dom.js";

const HOUR = 3600;
const COUNTERS = ["_total", "_count", "_sum"];

// What a number of one kind reads like, the first that fits; counters of it by the hour.
const KINDS = [
  { fits: /(^|_)(eur|euros?)(_|$)/, show: (value) => `€ ${money(value)}` },
  { fits: /(^|_)(usd|dollars?|cost)(_|$)/, show: (value) => `$ ${money(value)}` },
  { fits: /timestamp/, show: (value) => when(value * 1000) },
  { fits: /cpu_seconds/, show: age, perHour: (value) => `${scaled(value / 36)} % of a core` },
  { fits: /_bytes/, show: (value) => `${scaled(value)}B`, perHour: (value) => `${scaled(value)}B/h` },
  { fits: /_ms$/, show: (value) => spell(value / 1000) },
  { fits: /_seconds/, show: spell, perHour: (value) => `${spell(value)}/h` },
  { fits: /_ratio$/, show: (value) => `${scaled(value * 100)} %` },
  { fits: /_percent$/, show: (value) => `${scaled(value)} %` },
  { fits: /tokens/, show: (value) => `${scaled(value)} tokens`, perHour: (value) => `${scaled(value)} tokens/h` },
];

// What operators look at first; the rest follows by name.
const FIRST = [/cost|eur|usd/, /error|fail|denied|rejected|dropped/, /tokens/, /latency|age/, /queue|depth/, /restart/,
  /disk|free|available/, /memory/, /cpu/];

export const isCounter = (metric) => COUNTERS.some((end) => metric.endsWith(end));

export function rank(metric) {
  const place = FIRST.findIndex((one) => one.test(metric));
  return place < 0 ? FIRST.length : place;
}

// `value` of a metric; of a counter its growth an hour.
export function reading(metric, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "unknown";
  const kind = KINDS.find((one) => one.fits.test(metric));
  if (!isCounter(metric)) return kind ? kind.show(value) : scaled(value).trim();
  if (kind?.perHour) return kind.perHour(value);
  return kind ? `${kind.show(value)}/h` : `${scaled(value).trim()}/h`;
}

// Its name in words, without what the unit says already.
export function title(metric) {
  const text = metric.replace(/_(total|count|sum)$/, "").replace(/_(bytes|seconds|ms|ratio|percent|eur|usd)$/, "");
  return text.replaceAll("_", " ");
}

// [times, values] of a counter as its growth an hour; where it began anew, from nothing.
export function growth([times, values]) {
  const rates = values.map((value, at) => {
    const before = values[at - 1];
    if (at === 0 || value === null || before === null || before === undefined) return null;
    const grown = value >= before ? value - before : value;
    return (grown * HOUR) / Math.max(1, times[at] - times[at - 1]);
  });
  return [times.slice(1), rates.slice(1)];
}

// A moment as short as it is clear: 23:47:09 of today, else 28 Nov, 23:47; of another year with it.
export function when(moment) {
  const time = new Date(moment);
  if (Number.isNaN(time.getTime())) return "unknown";
  const now = new Date();
  const two = (value) => String(value).padStart(2, "0");
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (time.toDateString() === now.toDateString()) return `${clock}:${two(time.getSeconds())}`;
  const day = `${time.getDate()} ${time.toLocaleString("en", { month: "short" })}`;
  return time.getFullYear() === now.getFullYear() ? `${day}, ${clock}` : `${day} ${time.getFullYear()}, ${clock}`;
}

// From one moment to another; what both have in common is said once.
export function between(begin, end) {
  const [from, to] = [when(begin), when(end)];
  if (from === to) return to;
  const [day, hour] = from.split(", ");
  return hour && to.startsWith(`${day}, `) ? `${from} – ${to.slice(day.length + 2)}` : `${from} – ${to}`;
}

const money = (value) => new Intl.NumberFormat("en", { maximumFractionDigits: value < 1 ? 4 : 2, minimumFractionDigits: 2 }).format(value);

// Three digits and a prefix: "76.8 G", "12.3 k", "412 ".
export function scaled(value) {
  const size = Math.abs(value);
  const [divisor, prefix] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([least]) => size >= least * 0.9995) ?? [1, ""];
  const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, useGrouping: false }).format(value / divisor);
  return `${digits} ${prefix}`;
}

function spell(seconds) {
  if (seconds === 0) return "0 s";
  if (Math.abs(seconds) < 1) return `${scaled(seconds * 1000).trim()} ms`;
  return seconds < 120 ? `${scaled(seconds).trim()} s` : age(seconds);
}
