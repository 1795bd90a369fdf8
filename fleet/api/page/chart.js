// A line over time, with its numbers in words for those who cannot see it.

import { el } from "./dom.js";
import { reading, title } from "./units.js";

const DAY = 86_400;
const HEIGHT = 150;
const plots = new Map();

// Ticks of a span in a clock of 24 hours, and in days where it is long.
function times(span) {
  if (span <= 2 * DAY) return [[3600, "{HH}:{mm}", "\n{D} {MMM}", null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, ":{ss}", null, null, "\n{HH}:{mm}", null, null, null, 1]];
  return [[365 * DAY, "{YYYY}", null, null, null, null, null, null, 1], [28 * DAY, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1], [DAY, "{D} {MMM}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{D} {MMM}", null, null, null, null, null, 1]];
}

// `series`: { metric, times, values, least?, most? }, null where nothing is known; `marks`: [{ at, text }].
export function chart({ metric, times: at, values, least, most }, [begin, end], marks) {
  const known = values.filter((value) => value !== null);
  const lowest = (least ?? values).filter((value) => value !== null);
  const highest = (most ?? values).filter((value) => value !== null);
  const [low, high] = [lowest.reduce((a, b) => Math.min(a, b)), highest.reduce((a, b) => Math.max(a, b))];
  const range = reading(metric, low) === reading(metric, high) ? "all along" : `${low === 0 ? "up" : reading(metric, low)} to ${reading(metric, high)}`;
  const figure = el("figure", { "data-metric": metric },
    el("figcaption", {}, el("strong", {}, title(metric)), " ", el("span", { class: "now" }, reading(metric, known.at(-1))),
      el("span", { class: "quiet" }, ` ${range} · `, el("code", {}, metric))));
  requestAnimationFrame(() => plot(figure, { metric, at, values, least, most }, [begin, end], marks));
  return figure;
}

function plot(figure, { metric, at, values, least, most }, [begin, end], marks) {
  if (!figure.isConnected) return;
  const paint = getComputedStyle(document.body);
  const [ink, line, odd] = ["--quiet", "--accent", "--odd"].map((name) => paint.getPropertyValue(name));
  const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,0.2)", width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const band = Boolean(least);
  const edge = { stroke: "transparent", points: { show: false } };
  const options = {
    width: figure.clientWidth - 16, height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { size: 6 } },
    scales: { x: { range: () => [begin, end] }, y: { range: (_, low, high) => roomy(low, high) } },
    axes: [{ ...axis, values: times(end - begin), space: 60, size: 32 },
      { ...axis, size: 84, values: (_, ticks) => ticks.map((tick) => reading(metric, tick).replace(/ (tokens|of a core).*/, "")) }],
    series: [{}, { stroke: line, width: 2, spanGaps: false, points: { show: at.length < 40, size: 4 } },
      ...(band ? [edge, edge] : [])],
    bands: band ? [{ series: [3, 2], fill: "rgba(100,140,255,0.22)" }] : [],
    hooks: { draw: [(drawn) => drawMarks(drawn, marks, odd)] },
  };
  const data = band ? [at, values, least, most] : [at, values];
  for (const [old, plotted] of plots) {
    if (old.isConnected) continue;
    plotted.destroy(); // it listens to the window
    plots.delete(old);
  }
  const drawn = new uPlot(options, data, figure);
  plots.set(figure, drawn);
  drawn.root.setAttribute("aria-hidden", "true");
  new ResizeObserver(() => {
    const width = figure.clientWidth - 16;
    if (width > 0 && Math.abs(width - drawn.width) > 1) drawn.setSize({ width, height: HEIGHT });
  }).observe(figure);
}

// From nothing, unless all of it is far from there and moves.
function roomy(low, high) {
  if (low === null || high === null) return [0, 1];
  const begins = low >= 0 && (low < high * 0.5 || low > high * 0.97) ? 0 : low - (high - low) * 0.1;
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low * 0.9), Math.max(0, low * 1.1)].sort((a, b) => a - b);
  return [begins, high + (high - low) * 0.1];
}

function drawMarks(drawn, marks, colour) {
  const { ctx, bbox } = drawn;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.setLineDash([4, 3]);
  for (const { at } of marks) {
    const x = drawn.valToPos(at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
