// A line over time, with its numbers in words for those who cannot see it.

import { brief, el, number } from "./dom.js";

export function chart(name, [times, values]) {
  const low = number(Math.min(...values));
  const high = number(Math.max(...values));
  const words = `${name}: ${low} to ${high}, now ${number(values.at(-1))}`;
  const figure = el("figure", {}, el("figcaption", {}, words));
  const ink = getComputedStyle(document.body).getPropertyValue("--ink");
  const line = getComputedStyle(document.body).getPropertyValue("--accent");
  // Whoever looks after servers reads times on a 24-hour clock.
  const hours = [[60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, ":{ss}", null, null, "\n{HH}:{mm}", null, null, null, 1]];
  const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,0.25)" }, ticks: { show: false } };
  const options = {
    width: 340, height: 140, legend: { show: false }, cursor: { y: false },
    axes: [{ ...axis, values: hours }, { ...axis, size: 64, values: (_, ticks) => ticks.map(brief) }],
    series: [{}, { stroke: line, width: 2, points: { show: times.length < 40 } }],
  };
  const plot = new uPlot(options, [times, values], figure);
  plot.root.setAttribute("aria-hidden", "true");
  return figure;
}
