// Rollouts: which version goes to whom, wave by wave, and what is waited for. Words and versions only.

import { get } from "./api.js";
import { age, clock, el, minute, redraw, say, table, word } from "./dom.js";
import { controls } from "./rollout_steps.js";
import { ExecutionState, MEANINGS, REASONS, RolloutState } from "./vocabulary.js";

const LISTED = 50;
const IN_WAVE = 100; // of a wave, the worst first; the rest is counted
const E = ExecutionState;
// Whom somebody should look at, then who is being changed, then the rest.
const ORDER = [E.ROLLBACK_FAILED, E.ROLLING_BACK, E.ROLLED_BACK, E.PRECHECK, E.SNAPSHOT, E.INSTALLING, E.VERIFYING,
  E.SOAKING, E.REJECTED, E.TIMED_OUT, E.QUEUED, E.COMMITTED];
const FAILED = [E.ROLLING_BACK, E.ROLLED_BACK, E.ROLLBACK_FAILED];
const SETTLED = [E.ROLLED_BACK, E.ROLLBACK_FAILED, E.REJECTED, E.TIMED_OUT, E.COMMITTED];

export async function show(main, id, again) {
  return id ? one(main, id, again) : everything(main);
}

async function everything(main) {
  const tiles = el("ul", { class: "tiles", "aria-label": "Rollouts by state" });
  const list = el("div");
  main.replaceChildren(el("h1", {}, "Rollouts"), tiles, list);

  return async function refresh() {
    const { rollouts } = await get(`/v1/rollouts?limit=${LISTED}`);
    const states = Object.values(RolloutState);
    redraw(tiles, tilesOf(states, (state) => rollouts.filter((each) => each.state === state).length));
    redraw(list, rollouts.length ? listed(rollouts)
      : el("p", {}, "Nothing was rolled out yet. This plans it, and shows who and from what to what: ",
        el("code", {}, "fleet rollout create --to VERSION --group GROUP")));
  };
}

const tilesOf = (states, count) => states.map((state) => el("li", {}, el("strong", {}, String(count(state))),
  count(state) ? word(state) : el("span", { class: "quiet" }, state)));

function listed(rollouts) {
  return table("Newest first", ["To", "State", "Done", "Failed", "Not asked", "Waves", "Begun", "Rollout"], rollouts.map((each) => {
    const all = total(each);
    return el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#/rollouts/${each.id}`, title: each.id }, each.version)),
      el("td", {}, word(each.state), each.why ? ` (${each.why})` : ""),
      el("td", {}, bar(each), ` ${each.counts[E.COMMITTED]} of ${all}`), el("td", {}, String(failures(each))),
      el("td", {}, String(each.counts[E.QUEUED])), el("td", {}, each.waves),
      el("td", {}, each.started ? `${since(each.started)} ago` : "not yet"), el("td", { class: "id" }, each.id.slice(-6)));
  }));
}

async function one(main, id, again) {
  const parts = { title: el("h1"), state: el("p", { class: "summary" }), alarm: el("div"), steps: el("div"),
    tiles: el("ul", { class: "tiles", "aria-label": "Agents by state" }), facts: el("div"), waves: el("div") };
  main.replaceChildren(el("p", {}, el("a", { href: "#/rollouts" }, "All rollouts")), parts.title, parts.state, parts.alarm,
    parts.steps, parts.tiles, parts.waves, el("h2", {}, "The plan"), parts.facts);
  const draw = controls(parts.steps, id, again);
  let said = "";

  return async function refresh() {
    const found = await get(`/v1/rollouts/${id}`);
    const sentence = `${found.counts[E.COMMITTED]} of ${total(found)} done, ${failures(found)} failed, ${found.counts[E.QUEUED]} not asked`;
    parts.title.textContent = `To ${found.version}`;
    redraw(parts.state, word(found.state), `: ${found.why ? REASONS[found.why] ?? found.why : MEANINGS.RolloutState[found.state]}. `,
      bar(found), ` ${sentence}.`);
    if (said !== `${found.state} ${sentence}`) say(`Rollout ${found.state}: ${sentence}`);
    said = `${found.state} ${sentence}`;
    redraw(parts.alarm, alarm(found));
    draw(found);
    redraw(parts.tiles, tilesOf(ORDER.filter((state) => found.counts[state]), (state) => found.counts[state]));
    redraw(parts.waves, waves(found));
    redraw(parts.facts, facts(found));
  };
}

const total = ({ counts }) => Object.values(counts).reduce((sum, count) => sum + count, 0);
const failures = ({ counts }) => FAILED.reduce((sum, state) => sum + counts[state], 0);
const since = (timestamp) => age((Date.now() - Date.parse(timestamp)) / 1000);
const bar = (each) => el("progress", { class: "short", max: total(each) || 1, value: each.counts[E.COMMITTED],
  "aria-label": `${each.version}: agents that are done` });

// A way back that failed is nobody's but a person's.
function alarm({ agents }) {
  const broken = agents.filter(({ state }) => state === E.ROLLBACK_FAILED).map(({ agent }) => agent);
  if (broken.length === 0) return [];
  return el("ul", { class: "asks" }, el("li", { class: "worst" }, word(E.ROLLBACK_FAILED), " Look at ",
    broken.slice(0, 8).flatMap((agent, at) => [at ? ", " : "", link(agent)]), broken.length > 8 ? ` and ${broken.length - 8} more` : "",
    " now: its way back failed, or nobody knows what runs there."));
}

const link = (agent) => el("a", { href: `#/agent/${agent}` }, agent);

function waves(found) {
  const last = Math.max(0, ...found.agents.map(({ wave }) => wave));
  return Array.from({ length: last }, (_, at) => at + 1).flatMap((number) => {
    const members = found.agents.filter(({ wave }) => wave === number)
      .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    const opened = number <= found.wave;
    const how = !opened ? "not opened" : members.every(({ state }) => SETTLED.includes(state)) ? "over" : "open";
    const more = members.length - IN_WAVE;
    return [el("h2", {}, `Wave ${number} of ${last} `, el("span", { class: "quiet" }, `${how}, ${members.length} agent${members.length === 1 ? "" : "s"}`)),
      titled(`Agents of wave ${number}`, ["Agent", "State", "Runs", "Before", "In it", "What is waited for, or came of it"],
        members.slice(0, IN_WAVE).map((each) => row(each, found))),
      more > 0 ? el("p", {}, `and ${more} more: fleet rollout status ${found.id}`) : null];
  });
}

// The heading above it says to the eye what the caption would.
function titled(caption, headings, rows) {
  const frame = table(caption, headings, rows);
  frame.querySelector("caption").className = "visually-hidden";
  return frame;
}

function row(each, { version }) {
  const there = each.running === version;
  return el("tr", {}, el("th", { scope: "row" }, link(each.agent)), el("td", {}, word(each.state)),
    el("td", {}, each.running ?? "unknown", there ? el("span", { class: "word good" }, " ✓", el("span", { class: "visually-hidden" }, " as wanted")) : ""),
    el("td", {}, each.from ?? "unknown"), el("td", {}, each.since && each.state !== E.QUEUED ? since(each.since) : ""),
    el("td", { class: "prose" }, why(each)));
}

function why({ state, reason, reached, away, lacks, until }) {
  const when = until ? minute(new Date(until)) : "";
  if (reason) return `${reason}${reached ? ` while ${reached}` : ""}${REASONS[reason] ? `: ${REASONS[reason]}` : ""}`;
  if (away) return "it is away, and asked when it returns";
  if (lacks) return `${lacks}: ${REASONS[lacks]}; it has until ${when}`;
  if (until) return `runs the version and works; watched until ${when}`;
  return state === E.QUEUED || SETTLED.includes(state) ? "" : MEANINGS.ExecutionState[state];
}

function facts(found) {
  const pairs = [["Waves", found.waves], ["Down at a time, at most", String(found.max_unavailable)],
    ["Gate", `within ${age(found.verify)} the version runs and works, and for ${age(found.soak)} goes on`],
    ["Ends at", `${found.abort.split(":")[0]} failed${found.abort.includes(":") ? `, once ${found.abort.split(":")[1]} have ended` : ""}; then those changed: ${found.on_abort}`],
    ["To be away, or to answer", age(found.timeout)],
    ["Made", `${clock(found.created)} by ${found.by || "nobody known"}`], ["Begun", found.started ? clock(found.started) : "not yet"],
    ["Ended", found.ended ? clock(found.ended) : "not yet"], ["Rollout", found.id]];
  return el("dl", { class: "facts" }, pairs.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}
