// The fleet at a glance: worst first, in words; rows are kept and only what changed is touched.

import { get } from "./api.js";
import { age, ago, el, replace, say, table, word } from "./dom.js";
import { filter, keep } from "./filters.js";
import { groupChoice, showProblems, stateTiles } from "./overview.js";
import { Check, MAX_LISTED, MAX_TEXT, Verdict, WORST_FIRST } from "./vocabulary.js";

export const SILENT = [Verdict.LATE, Verdict.STALE, Verdict.OFFLINE, Verdict.UNKNOWN];

const PAGE = 200; // agents asked for at a time: of 10,000 nobody reads more, and all are 5 MB

export async function show(main, _name, again) {
  const summary = el("p", { class: "summary" });
  const problems = el("ul", { class: "problems", "aria-label": "Problems" });
  const tiles = stateTiles(narrow);
  const groups = groupChoice(narrow);
  const field = el("input", { type: "search", id: "filter", autocomplete: "off", maxlength: MAX_TEXT, value: filter("q") });
  const body = el("tbody");
  const frame = table("Agents, worst first",
    ["Agent", "State", "Heard", "Up", "Checks", "Alerts", "Version"], []);
  frame.querySelector("tbody").replaceWith(body);
  const more = el("button", { type: "button", hidden: true });
  replace(main, el("h1", {}, "Agents"), summary, tiles.node, problems,
    el("p", { class: "filter" }, el("label", { for: "filter" }, "Filter by name or state "), field,
      " ", el("label", { for: "group" }, "Group "), groups.node),
    frame, el("p", {}, more));

  const rows = new Map();
  let last = "";
  let wanted = PAGE;
  field.addEventListener("input", () => {
    keep("q", field.value.trim());
    narrow();
  });

  function narrow() {
    wanted = PAGE;
    again();
  }

  more.addEventListener("click", () => {
    wanted += PAGE;
    again();
  });

  return async function refresh() {
    const fleet = await list(wanted);
    const sentence = summarise(fleet.counts);
    summary.textContent = sentence;
    if (sentence !== last) say(sentence);
    last = sentence;
    tiles.refresh(fleet.counts);
    groups.refresh(fleet.agents);
    showProblems(problems, fleet.problems);
    place(body, rows, fleet.agents);
    more.hidden = fleet.agents.length >= fleet.total;
    more.textContent = `Show more: these are ${fleet.agents.length} of ${fleet.total}`;
  };
}

// The first `wanted` agents that fit the filter, with what the hub says of the whole list.
async function list(wanted) {
  const narrowed = new URLSearchParams();
  for (const name of ["q", "state", "group"]) if (filter(name)) narrowed.set(name, filter(name));
  const query = (limit, cursor) => `/v1/agents?${narrowed}&limit=${limit}${cursor}`;
  const fleet = await get(query(Math.min(wanted, MAX_LISTED), ""));
  while (fleet.next && fleet.agents.length < wanted) {
    const left = Math.min(wanted - fleet.agents.length, MAX_LISTED);
    const page = await get(query(left, `&cursor=${fleet.next}`));
    fleet.agents.push(...page.agents);
    fleet.next = page.next;
  }
  return fleet;
}

function summarise(counts) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (all === 0) return "No agent has been heard of yet. fleet agent add NAME enrols one.";
  const parts = WORST_FIRST.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`);
  return `${all} agents: ${parts.join(", ")}`;
}

function place(body, rows, agents) {
  let before = body.firstChild;
  const present = new Set();
  for (const agent of agents) {
    present.add(agent.agent);
    let row = rows.get(agent.agent);
    if (!row) rows.set(agent.agent, (row = { node: el("tr"), key: "" }));
    const cells = texts(agent);
    const key = cells.join("\u0000");
    if (key !== row.key) {
      replace(row.node, fill(agent, cells));
      row.key = key;
    }
    if (row.node !== before) body.insertBefore(row.node, before);
    else before = before.nextSibling;
  }
  for (const [name, row] of rows) {
    if (present.has(name)) continue;
    row.node.remove();
    rows.delete(name);
  }
}

// What an agent reported is true of the moment at which it did: who is silent has no health now.
function checks(agent) {
  const planes = Object.entries(agent.checks ?? {});
  if (planes.length === 0) return "none reported";
  const troubled = planes.filter(([, check]) => check !== Check.PASS);
  const told = troubled.map(([plane, check]) => `${plane} ${check}`).join(", ") || "all pass";
  return SILENT.includes(agent.state) ? `${ago(agent.age)}: ${told}` : told;
}

function texts(agent) {
  return [
    agent.agent,
    agent.state,
    ago(agent.age),
    age(agent.uptime),
    checks(agent),
    (agent.alerts ?? []).join(", ") || "none",
    agent.versions?.agent ?? "unknown",
  ];
}

function fill(agent, [name, state, ...others]) {
  return [
    el("th", { scope: "row" }, el("a", { href: `#/agent/${name}` }, name)),
    el("td", {}, word(state)),
    ...others.map((text) => el("td", {}, text)),
  ];
}
