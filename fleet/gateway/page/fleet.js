// The fleet at a glance: worst first, in words; rows are kept and only what changed is touched.

import { get } from "./api.js";
import { age, el, replace, say, table, word } from "./dom.js";

const ORDER = ["offline", "stale", "late", "degraded", "ghost", "unknown", "ok"];

export async function show(main) {
  const summary = el("p", { class: "summary" });
  const problems = el("ul", { class: "problems", "aria-label": "Problems" });
  const filter = el("input", { type: "search", id: "filter", autocomplete: "off" });
  const body = el("tbody");
  const frame = table("Agents, worst first",
    ["Agent", "State", "Heard", "Up", "Checks", "Alerts", "Version"], []);
  frame.querySelector("tbody").replaceWith(body);
  replace(main, el("h1", {}, "Agents"), summary, problems,
    el("p", { class: "filter" }, el("label", { for: "filter" }, "Filter by name or state "), filter),
    frame);

  const rows = new Map();
  let last = "";
  const hide = () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const [name, row] of rows) row.node.hidden = !`${name} ${row.state}`.includes(wanted);
  };
  filter.addEventListener("input", hide);

  return async function refresh() {
    const fleet = await get("/v1/agents");
    const sentence = summarise(fleet.agents);
    summary.textContent = sentence;
    if (sentence !== last) say(sentence);
    last = sentence;
    replace(problems, fleet.problems.slice(0, 20).map(problem));
    place(body, rows, fleet.agents);
    hide();
  };
}

function summarise(agents) {
  if (agents.length === 0) return "No agent has been heard of yet. fleet agent add NAME enrols one.";
  const counts = new Map();
  for (const { state } of agents) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = ORDER.filter((state) => counts.has(state)).map((state) => `${counts.get(state)} ${state}`);
  return `${agents.length} agents: ${parts.join(", ")}`;
}

function problem(alert) {
  return el("li", {}, word(alert.severity ?? "warning"), " ",
    alert.agent ? el("a", { href: `#/agent/${alert.agent}` }, alert.agent) : "hub", ` ${alert.code}`,
    alert.acknowledged_by ? " (acknowledged)" : "");
}

function place(body, rows, agents) {
  let before = body.firstChild;
  const present = new Set();
  for (const agent of agents) {
    present.add(agent.agent);
    let row = rows.get(agent.agent);
    if (!row) rows.set(agent.agent, (row = { node: el("tr"), key: "", state: "" }));
    const cells = texts(agent);
    const key = cells.join("\u0000");
    if (key !== row.key) {
      replace(row.node, fill(agent, cells));
      row.key = key;
      row.state = agent.state;
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

function texts(agent) {
  const troubled = Object.entries(agent.checks ?? {}).filter(([, check]) => check !== "pass");
  return [
    agent.agent,
    agent.state,
    age(agent.age),
    age(agent.uptime),
    troubled.map(([plane, check]) => `${plane} ${check}`).join(", ") || "all pass",
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
