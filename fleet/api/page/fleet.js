// The fleet at a glance: worst first, in words; of any number of agents the rows in sight alone are drawn.

import { get } from "./api.js";
import { age, ago, el, replace, say, word } from "./dom.js";
import { choices } from "./choices.js";
import { filter, filters, keep } from "./filters.js";
import { beatBar, legend, share, sparkline } from "./glance.js";
import { showProblems, stateTiles } from "./overview.js";
import { past } from "./past.js";
import { virtualList } from "./virtual_list.js";
import { Check, MAX_TEXT, Verdict, WORST_FIRST } from "./vocabulary.js";

export const SILENT = [Verdict.LATE, Verdict.STALE, Verdict.OFFLINE, Verdict.UNKNOWN];

const CHUNK = 100; // agents asked for at a time: of 10,000 nobody sees more, and all are 5 MB
const WINDOWS = { "24h": ["24 h", 24], "7d": ["7 d", 7 * 24], "30d": ["30 d", 30 * 24] };
const HOUR = 3600;

export async function show(main, _name, again) {
  const summary = el("p", { class: "summary" });
  const problems = el("ul", { class: "problems", "aria-label": "Problems" });
  const tiles = stateTiles(narrow);
  const choice = choices(narrow, redraw);
  const field = el("input", { type: "search", id: "filter", autocomplete: "off", maxlength: MAX_TEXT, value: filter("q") });
  const [frame, grid, body, metricHead] = table();
  const found = el("p", { class: "quiet" });
  replace(main, el("h1", {}, "Agents"), summary, tiles.node, problems,
    el("div", { class: "filter", role: "search", "aria-label": "Agents" },
      el("label", { for: "filter" }, el("span", {}, "Name or state"), field), choice.node),
    choice.chips, el("div", { class: "above" }, legend(), found), frame);

  const rows = new Map(); // by name: what is in the document
  let agents = []; // by place, as far as they were asked for
  let total = 0;
  let last = "";
  let asked = 0; // the newest question: an answer to an older one is of another filter or place
  let scrolling = false; // a question that scrolling made is on its way
  const list = virtualList(frame, grid, body, ensure);
  const told = past(() => choice.metric(), fill);
  field.addEventListener("input", () => {
    keep("q", field.value.trim());
    narrow();
  });

  function narrow() {
    asked += 1;
    agents = [];
    again();
  }

  function redraw() {
    told.forget();
    for (const row of rows.values()) row.key = "";
    place(...list.inSight());
  }

  const lacks = (first, end) => {
    for (let at = first; at < Math.min(end, total); at += 1) if (!agents[at]) return true;
    return false;
  };

  // What is there is drawn at once; what is not is asked for, one question at a time however fast one scrolls.
  async function ensure(first, end) {
    place(first, end);
    if (scrolling || !lacks(first, end)) return;
    scrolling = true;
    try {
      for (let next = [first, end]; lacks(...next); next = list.inSight()) {
        const fleet = await load(...next);
        if (fleet && !fleet.agents.length) break;
      }
    } catch {
      again(); // says what is wrong
    }
    scrolling = false;
  }

  async function load(first, end, anew = false) {
    asked += 1;
    const mine = asked;
    const begin = Math.floor(first / CHUNK) * CHUNK;
    const limit = Math.ceil((Math.max(end, 1) - begin) / CHUNK) * CHUNK;
    const fleet = await get(`/v1/agents?${narrowed()}&offset=${begin}&limit=${limit}`);
    if (mine !== asked) return null;
    if (anew) agents = []; // what stands elsewhere may have moved since
    fleet.agents.forEach((agent, at) => { agents[begin + at] = agent; });
    total = fleet.total;
    list.holds(total);
    choice.refresh(fleet.agents, fleet.sites);
    metricHead.textContent = choice.metric() || "Metric";
    place(...list.inSight());
    return fleet;
  }

  // Until the rows that came into sight are known, those before stay where they belong.
  function place(first, end) {
    const shown = [];
    for (let at = first; at < Math.min(end, total) && agents[at]; at += 1) shown.push(agents[at]);
    if (!shown.length && total) return;
    put(body, rows, shown, first, told.of);
    list.placed(first, first + shown.length);
    told.ask(shown.map(({ agent }) => agent));
  }

  function fill(name) {
    const row = rows.get(name);
    if (row) pastCells(row, told.of(name), choice.metric());
  }

  return async function refresh() {
    const [first, end] = list.inSight();
    const fleet = await load(first, Math.max(end, CHUNK / 2), true);
    if (!fleet) return;
    const sentence = summarise(fleet.counts);
    summary.textContent = sentence;
    if (sentence !== last) say(sentence);
    last = sentence;
    found.textContent = String(narrowed()) ? `${total || "No"} ${total === 1 ? "agent fits" : "agents fit"} the filters.` : "";
    tiles.refresh(fleet.counts);
    showProblems(problems, fleet.problems);
    place(...list.inSight());
  };

  // Who left goes first, so that those who stay need not be moved: an element that is moved loses the focus.
  function put(node, known, shown, first, of) {
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    const present = new Set(shown.map(({ agent }) => agent));
    for (const [name, row] of known) {
      if (present.has(name)) continue;
      row.node.remove();
      known.delete(name);
    }
    let before = node.firstChild;
    shown.forEach((agent, offset) => {
      let row = known.get(agent.agent);
      if (!row) known.set(agent.agent, (row = newRow(agent.agent)));
      row.node.setAttribute("aria-rowindex", String(first + offset + 2));
      const key = JSON.stringify([texts(agent), agent.metrics?.[choice.metric()]]);
      if (key !== row.key) {
        describe(row, agent);
        row.now = agent.metrics?.[choice.metric()];
        pastCells(row, of(agent.agent), choice.metric());
        row.key = key;
      }
      if (row.node !== before) node.insertBefore(row.node, before);
      else before = before.nextSibling;
    });
    if (focused && focused !== document.activeElement) (focused.isConnected ? focused : frame).focus({ preventScroll: true });
  }
}

const HEADS = [["Agent", "name"], ["State", "state"], ["Last intervals", "beats"],
  ...Object.values(WINDOWS).map(([text]) => [`Heard ${text}`, "share"]), ["Metric", "metric"], ["Checks and alerts", "checks"]];

// Roles are said: on a narrow screen the rows are laid out as cards, and would else be no table any more.
function table() {
  const body = el("tbody", { role: "rowgroup" });
  const heads = HEADS.map(([text, kind]) => el("th", { scope: "col", role: "columnheader", class: kind }, text));
  const grid = el("table", { class: "fleet", role: "table", "aria-label": "Agents, worst first" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row", "aria-rowindex": "1" }, heads)), body);
  const frame = el("div", { class: "virtual", tabindex: "-1" }, grid);
  return [frame, grid, body, heads.find((head) => head.className === "metric")];
}

function newRow(name) {
  const cell = (kind, label) => el("td", { role: "cell", class: kind, "data-label": label ?? null });
  const row = {
    key: "", name: el("th", { scope: "row", role: "rowheader", class: "name" }), state: cell("state"), beats: cell("beats"),
    shares: Object.entries(WINDOWS).map(([window, [text]]) => [window, cell("share", text)]),
    metric: cell("metric"), checks: cell("checks"),
  };
  row.title = el("a", { href: `#/agent/${name}` }, name);
  row.node = el("tr", { role: "row" }, row.name, row.state, row.beats, row.shares.map(([, node]) => node), row.metric, row.checks);
  return row;
}

function describe(row, agent) {
  const [labels, state, lost, heard, up, checked, alerts] = texts(agent);
  if (labels !== row.labels) replace(row.name, row.title, labels ? el("small", { title: labels }, labels) : null);
  row.labels = labels;
  replace(row.state, word(state), el("small", {}, [lost, heard, up].filter(Boolean).join(", ")));
  replace(row.checks, el("span", { title: checked }, checked), alerts ? el("small", { title: alerts }, alerts) : null);
}

function pastCells(row, known, metric) {
  if (!known) return;
  replace(row.beats, beatBar(known.beats));
  for (const [window, node] of row.shares) replace(node, share(known.heard[window], WINDOWS[window][1] * HOUR));
  replace(row.metric, metric ? sparkline(metric, known.metric, row.now) : []);
}

function narrowed() {
  const query = new URLSearchParams();
  for (const name of ["q", "state", "site", "group"]) if (filter(name)) query.set(name, filter(name));
  for (const label of filters("label")) query.append("label", label);
  return query;
}

function summarise(counts) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (all === 0) return "No agent has been heard of yet. fleet agent add NAME enrols one.";
  const parts = WORST_FIRST.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`);
  return `${all} agents: ${parts.join(", ")}`;
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
  const labels = Object.entries(agent.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const what = [agent.kind, agent.versions?.agent].filter(Boolean).join(" ");
  return [
    [agent.site ? `at ${agent.site}` : "", what, ...labels].filter(Boolean).join(" · "),
    agent.state,
    agent.site_lost ? "site lost" : "",
    ago(agent.age),
    agent.uptime === null || agent.uptime === undefined ? "" : `up ${age(agent.uptime)}`,
    checks(agent),
    (agent.alerts ?? []).join(", "),
  ];
}
