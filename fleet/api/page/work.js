// Work: what waits for a person, who is at what, and what came of it. Ids and states, never content.

import { get } from "./api.js";
import { age, el, redraw, say, table, word } from "./dom.js";
import { filter, keep } from "./filters.js";
import { OPEN_TASKS, MAX_LISTED, MAX_TEXT, TaskState } from "./vocabulary.js";
import { graph } from "./work_graph.js";

const FOR_PEOPLE = [TaskState.AUTH_REQUIRED, TaskState.INPUT_REQUIRED];
const WAITING = 200; // waiting tasks that are asked for: a queue may hold 10,000
const IN_LANE = 12; // of a lane; the rest is counted
const ENDED = 50;

export async function show(main, context, again) {
  return context ? session(main, context) : everything(main, again);
}

const tasks = (states, limit) =>
  get(`/v1/tasks?limit=${limit}${states.map((state) => `&state=${state}`).join("")}`);

async function everything(main, again) {
  const parts = { tiles: el("ul", { class: "tiles", "aria-label": "Tasks by state" }), people: el("div"), lanes: el("div"), ended: el("div") };
  const field = el("input", { type: "search", id: "filter", autocomplete: "off", maxlength: MAX_TEXT, value: filter("q") });
  field.addEventListener("input", () => {
    keep("q", field.value.trim());
    again();
  });
  main.replaceChildren(el("h1", {}, "Work"), parts.tiles, parts.people,
    el("p", { class: "filter" }, el("label", { for: "filter" }, "Filter by agent, group, kind or state "), field),
    parts.lanes, parts.ended);
  let said = "";

  return async function refresh() {
    const held = OPEN_TASKS.filter((state) => state !== TaskState.SUBMITTED);
    const finals = Object.values(TaskState).filter((state) => !OPEN_TASKS.includes(state));
    const [active, queued, ended] = await Promise.all(
      [tasks(held, MAX_LISTED), tasks([TaskState.SUBMITTED], WAITING), tasks(finals, ENDED)]);
    const counts = counted(active, queued);
    redraw(parts.tiles, OPEN_TASKS.map((state) => el("li", {}, el("strong", {}, String(counts[state])), counts[state] ? word(state) : el("span", { class: "quiet" }, state))));
    const sentence = OPEN_TASKS.map((state) => `${counts[state]} ${state}`).join(", ");
    if (sentence !== said) say(`Tasks: ${sentence}`);
    said = sentence;
    redraw(parts.people, people(active.tasks.filter(({ state }) => FOR_PEOPLE.includes(state))));
    const text = filter("q").toLowerCase();
    const wanted = (task) => `${lane(task)} ${task.group} ${task.kind} ${task.state}`.toLowerCase().includes(text);
    const busy = active.tasks.filter(({ state }) => state === TaskState.WORKING);
    redraw(parts.lanes, lanes([...busy, ...queued.tasks].filter(wanted)));
    redraw(parts.ended, el("h2", {}, "Ended, newest first"), rows(ended.tasks.filter(wanted), "Tasks that ended", "No task has ended."));
  };
}

// What is there is counted; only where that is not all does the hub's own count stand, some seconds old.
function counted(...pages) {
  const counts = Object.fromEntries(OPEN_TASKS.map((state) => [state, 0]));
  for (const page of pages) {
    const own = {};
    for (const { state } of page.tasks) own[state] = (own[state] ?? 0) + 1;
    for (const [state, count] of Object.entries(own)) counts[state] = page.next ? Math.max(count, page.counts?.[state] ?? 0) : count;
  }
  return counts;
}

function people(waiting) {
  if (waiting.length === 0) return [];
  return [el("h2", {}, "Waits for a person"), el("ul", { class: "asks" }, waiting.map((task) => {
    const asks = task.state === TaskState.AUTH_REQUIRED;
    const what = asks ? `${by(task)} asks ${task.to ?? "anybody"} of ${task.group} for ${task.kind}`
      : `${task.holder ?? lane(task)} asks for more about ${task.kind}`;
    const next = asks ? `fleet task approve ${task.id}` : `fleet task input ${task.id} --in FILE`;
    return el("li", {}, word(task.state), " ", link(task), ` ${what} since ${since(task)}. Next: `, el("code", {}, next));
  }))];
}

function lanes(open) {
  const found = new Map();
  for (const task of open) {
    const name = lane(task);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(task);
  }
  if (found.size === 0) return [el("h2", {}, "Lanes"), el("p", {}, "Nobody works, and nothing waits.")];
  return [el("h2", {}, "Lanes"), el("div", { class: "lanes" },
    [...found].sort(([one], [other]) => one.localeCompare(other)).map(([name, queue]) => {
      const first = queue.sort((one, other) => (one.state === other.state ? 0 : one.state === TaskState.WORKING ? -1 : 1));
      const more = queue.length - IN_LANE;
      return el("section", { class: "lane" }, el("h3", {}, name), el("ol", {}, first.slice(0, IN_LANE).map(card)),
        more > 0 ? el("p", {}, `and ${more} more`) : null);
    }))];
}

function card(task) {
  const works = task.state === TaskState.WORKING;
  const label = `${task.kind}, ${task.progress} of 100`;
  return el("li", {}, el("p", {}, el("strong", {}, task.kind), " ", link(task)),
    works ? el("progress", { max: 100, value: task.progress, "aria-label": label }) : null,
    el("p", {}, word(task.state), works ? ` ${task.progress}%` : "", task.cancel ? ", cancel asked" : ""),
    el("p", { class: "quiet" }, `attempt ${task.attempt} of ${task.max_attempts}, ${since(task)}`));
}

async function session(main, context) {
  const head = el("p");
  const drawing = el("div", { class: "scroll graph", tabindex: "0", role: "region", "aria-label": "Graph of the session" });
  const list = el("div");
  main.replaceChildren(el("p", {}, el("a", { href: "#/work" }, "All work")), el("h1", {}, "Session ", el("span", { class: "id" }, context)),
    head, drawing, el("p", { class: "quiet" }, "A line leads from a task to those that wait for it; a dashed one to those that it delegated."), list);

  return async function refresh() {
    const page = await get(`/v1/tasks?context=${context}&limit=${MAX_LISTED}`);
    const found = page.tasks.reverse();
    const groups = [...new Set(found.map((task) => task.group))].join(", ");
    head.textContent = found.length ? `${found.length} tasks of ${groups}. Its board: fleet board ls ${context}` : "No task of this session is known.";
    redraw(drawing, graph(found));
    redraw(list, rows(found, "Tasks of the session, oldest first", "", true));
  };
}

function rows(found, caption, none, ids = false) {
  if (found.length === 0) return none ? el("p", {}, none) : "";
  const name = (id) => id.slice(-6);
  return table(caption, ["Task", "Kind", "State", "Why", "Agent", "Attempts", "Waits for", "Since"], found.map((task) =>
    el("tr", {}, el("th", { scope: "row" }, ids ? el("span", { class: "id" }, name(task.id)) : link(task)), el("td", {}, task.kind),
      el("td", {}, word(task.state)), el("td", {}, task.reason ?? ""), el("td", {}, lane(task)),
      el("td", {}, `${task.attempt} of ${task.max_attempts}`), el("td", {}, task.after.map(name).join(", ") || "none"),
      el("td", {}, `${since(task)} ago`))));
}

const lane = (task) => task.holder ?? task.to ?? `anybody of ${task.group}`;
const by = (task) => (task.by.startsWith("agent:") ? task.by.slice(6) : "a person");
const since = (task) => age((Date.now() - Date.parse(task.ended ?? task.started ?? task.created)) / 1000);
// The end of an id tells tasks apart; the whole one is in the link.
const link = (task) => el("a", { class: "id", href: `#/work/${task.context}`, title: `${task.id}: its session` }, task.id.slice(-6));
