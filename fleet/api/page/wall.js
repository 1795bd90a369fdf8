// A screen on a wall: how many are in which state, what is wrong, who is not well. It has nothing to
// press, and shows itself when a newer hub answers.

import { get, mayOperate } from "./api.js";
import { el, minute, remarks, replace, subject, word } from "./dom.js";
import { filter } from "./filters.js";
import { Verdict, WORST_FIRST } from "./vocabulary.js";

const NAMED = 6; // agents with one problem that are named; the rest is counted
const PROBLEMS = 12; // lines: what a screen has room for
const SHOWN = 60; // agents, worst first

export async function show(main) {
  const summary = el("p", { class: "visually-hidden" });
  const tiles = el("ul", { class: "wall-tiles", "aria-label": "Agents by state" });
  const problems = el("ul", { class: "wall-problems", "aria-label": "Problems" });
  const agents = el("ul", { class: "wall-agents", "aria-label": "Agents, worst first" });
  const foot = el("p", { class: "wall-foot" });
  replace(main, el("h1", { class: "visually-hidden" }, "Wall"), summary, tiles, problems, agents, foot);
  const site = filter("site"); // a wall of one site, where there are several
  const only = site ? `&site=${encodeURIComponent(site)}` : "";
  stayLit();

  return async function refresh() {
    const fleet = await get(`/v1/agents?limit=${SHOWN}${only}`);
    const states = WORST_FIRST.filter((state) => fleet.counts[state] || state === Verdict.OK);
    replace(tiles, states.map((state) => tile(state, fleet.counts[state] ?? 0)));
    summary.textContent = states.map((state) => `${fleet.counts[state] ?? 0} ${state}`).join(", ");
    replace(problems, lines(fleet.problems));
    replace(agents, fleet.agents.map((agent) => el("li", {}, agent.agent, " ", word(agent.state))));
    const rest = fleet.total - fleet.agents.length;
    foot.textContent = [
      rest > 0 ? `and ${rest} more.` : "", `As of ${minute(new Date())}.`,
      mayOperate() ? "This screen may act: sign it in with a token of a role that only reads." : "",
    ].filter(Boolean).join(" ");
    document.title = `${fleet.problems.length ? `${fleet.problems.length} problems` : "all well"} · Fleet`;
  };
}

const tile = (state, count) => el("li", {}, el("strong", {}, String(count)), word(state));

// One line a problem, with everybody who has it.
function lines(problems) {
  const same = new Map();
  for (const one of problems) {
    const key = [one.severity, one.code, remarks(one), one.acknowledged_by ? " (acknowledged)" : ""];
    const alike = same.get(key.join("\u0000")) ?? { key, who: [] };
    alike.who.push(subject(one));
    same.set(key.join("\u0000"), alike);
  }
  const all = [...same.values()].map(({ key: [severity, code, ...said], who }) => el("li", {},
    word(severity), " ", el("strong", {}, code), ...said, ": ", who.slice(0, NAMED).join(", "),
    who.length > NAMED ? ` and ${who.length - NAMED} more` : ""));
  const rest = all.length - PROBLEMS;
  if (all.length === 0) return [el("li", { class: "wall-well" }, "No problem.")];
  return [...all.slice(0, PROBLEMS), rest > 0 ? el("li", {}, `and ${rest} more kinds of problems`) : null];
}

// The machine may not dim the screen while it shows this; browsers allow it over HTTPS and on loopback.
async function stayLit() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}
document.addEventListener("visibilitychange", () => {
  if (document.body.classList.contains("wall")) stayLit();
});
