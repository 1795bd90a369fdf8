// The planes of an agent: what each says, how old that is, and a lane of what it said before.

import { age, ago, el, shape, svg, table, word } from "./dom.js";
import { when } from "./units.js";
import { Check, MessageKind } from "./vocabulary.js";

const WIDTH = 1000;
const TALL = { [Check.PASS]: 6, [Check.WARN]: 11, [Check.FAIL]: 18 }; // a shape beside the colour
const HEIGHT = 18;
const PATIENCE = 2.5; // intervals after which nothing is known any more

// `runs`: folded messages, oldest first; `silent`: what stands is of then, not of now; `since`: where
// the lanes begin, in s since the epoch, if so much is known.
export function planeLanes(agent, runs, silent, since, now) {
  const beats = runs.filter(({ kind, message }) => kind === MessageKind.HEARTBEAT && message?.checks);
  const begin = Math.max(since, beats.length ? Math.min(...beats.map(from)) : now);
  const rows = Object.entries(agent.planes ?? {}).map(([plane, told]) => {
    const spans = spansOf(plane, beats, (agent.interval ?? 600) * PATIENCE, now)
      .filter(({ end }) => end > begin).map((span) => ({ ...span, begin: Math.max(begin, span.begin) }));
    return el("tr", {}, el("th", { scope: "row" }, plane), el("td", {}, silent ? told.check : word(told.check)),
      el("td", {}, told.age === null ? "no age is known" : ago(told.age)),
      el("td", { class: "lane-cell" }, spans.length ? lane(plane, spans, begin, now) : "no history"));
  });
  if (rows.length === 0) return el("p", {}, "No plane has been reported.");
  const covered = beats.length ? `before, over ${age(now - begin)}` : "before";
  return table("Result by plane", ["Plane", "Result", "Reported", covered], rows);
}

const seconds = (ts) => Date.parse(ts) / 1000;
const from = (run) => seconds(run.since ?? run.ts);

// [begin, end, check] of a plane, what is next to each other and the same as one.
function spansOf(plane, beats, longest, now) {
  const spans = [];
  beats.forEach((run, at) => {
    const check = run.message.checks[plane];
    if (!check) return;
    const next = at + 1 < beats.length ? from(beats[at + 1]) : now;
    const end = Math.min(next, seconds(run.ts) + longest);
    const last = spans.at(-1);
    if (last && last.check === check && from(run) - last.end < 1) last.end = end;
    else spans.push({ begin: from(run), end, check });
  });
  return spans;
}

function lane(plane, spans, begin, now) {
  const scale = WIDTH / Math.max(1, now - begin);
  const told = spans.slice(-6).reverse().map(({ begin: since, check }) => `${check} since ${when(since * 1000)}`).join(", before that ");
  const bars = spans.map((span) => {
    const height = TALL[span.check] ?? 14;
    return svg("rect", { class: `bar ${shape(span.check)[1]}`, x: (span.begin - begin) * scale, y: HEIGHT - height,
      width: Math.max(2, (span.end - span.begin) * scale), height },
    svg("title", {}, `${span.check}, ${when(span.begin * 1000)} to ${when(span.end * 1000)}`));
  });
  return svg("svg", { class: "plane-lane", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${plane}: ${told}` }, svg("line", { class: "bottom", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }), bars);
}
