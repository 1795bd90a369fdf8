// The tasks of a session as a graph: columns by what must come first. The table below says the same.

import { shape, svg } from "./dom.js";

const NODE = { width: 150, height: 46 };
const GAP = { x: 60, y: 16 };
const MOST = 200; // nodes; a session may have 1,000, and nobody reads a drawing of them

export function graph(tasks) {
  const drawn = tasks.slice(0, MOST);
  const known = new Map(drawn.map((task) => [task.id, task]));
  const spots = placed(drawn, known);
  const every = [...spots.values()];
  const width = Math.max(0, ...every.map(({ x }) => x + NODE.width)) + 2;
  const height = Math.max(0, ...every.map(({ y }) => y + NODE.height)) + 2;
  const more = tasks.length - drawn.length;
  const label = `${drawn.length} tasks${more > 0 ? `; ${more} more are in the table` : ""}`;
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    drawn.flatMap((task) => edges(task, known, spots)), drawn.map((task) => node(task, spots.get(task.id))));
}

const before = (task, known) => [...task.after, ...(task.parent ? [task.parent] : [])].filter((id) => known.has(id));

// Where each stands; `after` has no circle, and a hub that said one would not hang the page.
function placed(tasks, known) {
  const levels = new Map();
  const level = (id, above) => {
    if (levels.has(id)) return levels.get(id);
    const first = above.has(id) ? [] : before(known.get(id), known);
    const own = first.length ? 1 + Math.max(...first.map((one) => level(one, new Set(above).add(id)))) : 0;
    levels.set(id, own);
    return own;
  };
  const filled = new Map();
  return new Map(tasks.map((task) => {
    const column = level(task.id, new Set());
    const row = filled.get(column) ?? 0;
    filled.set(column, row + 1);
    return [task.id, { x: 1 + column * (NODE.width + GAP.x), y: 1 + row * (NODE.height + GAP.y) }];
  }));
}

function edges(task, known, spots) {
  const to = spots.get(task.id);
  return before(task, known).map((id) => {
    const from = spots.get(id);
    const [x, y, end, stop] = [from.x + NODE.width, from.y + NODE.height / 2, to.x, to.y + NODE.height / 2];
    const bend = GAP.x / 2;
    return svg("path", { class: task.after.includes(id) ? "edge" : "edge dashed",
      d: `M ${x} ${y} C ${x + bend} ${y} ${end - bend} ${stop} ${end} ${stop}` });
  });
}

function node(task, { x, y }) {
  const [mark, colour] = shape(task.state);
  const doer = task.holder ?? task.to ?? "";
  return svg("g", { class: `node ${colour}` },
    svg("rect", { x, y, width: NODE.width, height: NODE.height, rx: 6 }),
    svg("text", { x: x + 8, y: y + 18 }, `${mark} ${cut(task.kind, 10)} ${task.id.slice(-6)}`),
    svg("text", { x: x + 8, y: y + 36, class: "quiet" }, cut(`${task.progress}% ${doer}`, 19)));
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
