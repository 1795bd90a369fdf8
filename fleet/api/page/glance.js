// An agent's past in one row: its last intervals as cells, the share of time heard, one number over two days.

import { el, number, svg } from "./dom.js";
import { Cell } from "./vocabulary.js";

const PITCH = 7; // px from cell to cell
const TALL = 24;
export const CELLS = 40;

// Each kind has a shape of its own beside its colour: whole, split, half, hollow, a dot.
const SHAPES = {
  [Cell.ON_TIME]: (x) => `M${x} 4.5V19.5`,
  [Cell.DEGRADED]: (x) => `M${x} 4.5V8M${x} 16V19.5`,
  [Cell.LATE]: (x) => `M${x} 14.5V19.5`,
  [Cell.MISSED]: (x) => `M${x - 1.75} 4.5a1.75 1.75 0 0 1 3.5 0V19.5a1.75 1.75 0 0 1 -3.5 0z`,
  [Cell.UNKNOWN]: (x) => `M${x} 12v.01`,
};
const KINDS = { [Cell.DEGRADED]: "fair", [Cell.LATE]: "fair", [Cell.MISSED]: "bad", [Cell.UNKNOWN]: "odd" };
const WORDS = { [Cell.ON_TIME]: "on time" };
const said = (cell) => WORDS[cell] ?? cell;

export function tally(cells) {
  const parts = Object.values(Cell).map((kind) => [cells.filter((cell) => cell === kind).length, kind]);
  const told = parts.filter(([count]) => count).map(([count, kind]) => `${count} ${said(kind)}`);
  return `${cells.length} ${cells.length === 1 ? "interval" : "intervals"}: ${told.join(", ")}`;
}

export function beatBar(cells) {
  if (!cells.length) return el("span", { class: "quiet" }, "no bus heartbeat yet");
  const words = tally(cells);
  const missing = CELLS - cells.length; // the newest stands at the right, however few there are
  const paths = Object.entries(SHAPES).map(([kind, draw]) => {
    const line = cells.map((cell, at) => (cell === kind ? draw((missing + at) * PITCH + 3.5) : "")).join("");
    return line ? svg("path", { class: `cell ${KINDS[kind] ?? ""}`, d: line }) : null;
  });
  return svg("svg", { class: "bar", viewBox: `0 0 ${CELLS * PITCH} ${TALL}`, role: "img", "aria-label": words },
    svg("title", {}, words), paths.filter(Boolean));
}

// What the shapes mean.
export function legend() {
  return el("p", { class: "legend" }, "Last 40 intervals: ", Object.entries(SHAPES).map(([kind, draw]) =>
    el("span", {}, svg("svg", { viewBox: `0 0 ${PITCH} ${TALL}`, "aria-hidden": "true" }, svg("path", { class: `cell ${KINDS[kind] ?? ""}`, d: draw(3.5) })),
      said(kind))));
}

// 76.8 GB, 12.3K: three figures are what a row has room for.
function amount(metric, value) {
  const bytes = /_bytes(_total)?$/.test(metric);
  if (bytes && Math.abs(value) < 1000) return `${number(value)} B`;
  const text = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
  return bytes ? `${text.slice(0, -1)} ${text.at(-1).replace("B", "G").replace("K", "k")}B` : text;
}

const HOUR = 3600;
// Rounded down: no more is known than is said.
function span(seconds) {
  const [size, unit] = [[24 * HOUR, "d"], [HOUR, "h"], [60, "m"], [1, "s"]].find(([length]) => seconds >= 2 * length) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}

// The share of the seconds that are known; never rounded up to all of them.
export function share({ seconds, known }, window) {
  if (!known) return [el("span", { class: "quiet" }, "not known")];
  const percent = Math.floor((seconds / known) * 10000) / 100;
  const tone = percent >= 99 ? "" : percent >= 95 ? "fair" : "bad";
  const value = el("span", { class: `word ${tone}` }, `${percent === 100 ? 100 : percent.toFixed(percent < 10 ? 1 : 2)} %`);
  return known >= 0.98 * window ? [value] : [value, el("small", {}, `of ${span(known)} known`)];
}

const [WIDE, HIGH, TWO_DAYS] = [100, 22, 48];

// A counter is told by what it grew in an hour; one that begins anew has grown by what it shows.
function growth(points) {
  return points.slice(1).map(([at, value], before) => {
    const [was, last] = points[before];
    return at - was > HOUR * 1000 ? null : [at, value >= last ? value - last : value];
  }).filter(Boolean);
}

export function sparkline(metric, told, now) {
  const counts = metric.endsWith("_total");
  const points = told.map(([at, value]) => [Date.parse(at), value]);
  const drawn = counts ? growth(points) : points;
  const values = drawn.map(([, value]) => value);
  const current = counts ? values.at(-1) : now ?? values.at(-1);
  if (current === undefined) return [el("span", { class: "quiet" }, now === undefined ? "none" : "from the next hour on")];
  const shown = el("span", {}, amount(metric, current), counts ? el("small", {}, "in an hour") : null);
  if (values.length < 2) return [shown];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const end = drawn.at(-1)[0];
  const x = (at) => WIDE - 3 - ((end - at) / (TWO_DAYS * HOUR * 1000)) * (WIDE - 6);
  const y = (value) => (high === low ? HIGH / 2 : HIGH - 3 - ((value - low) / (high - low)) * (HIGH - 6));
  const line = drawn.map(([at, value], n) => {
    const joined = n && at - drawn[n - 1][0] <= HOUR * 1000; // an hour without a value is a gap, no line
    return `${joined ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  }).join("");
  const words = `${metric}${counts ? " an hour" : ""} over two days: ${number(low)} to ${number(high)}, now ${number(current)}`;
  return [svg("svg", { class: "spark", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": words }, svg("title", {}, words),
    svg("path", { class: "line", d: line }), svg("circle", { cx: x(end), cy: y(values.at(-1)), r: 2 })), shown];
}
