// One agent: what is wrong and what to do, planes and metrics over time, its life, commands in place.

import { alertCard, keyOf } from "./alert_card.js";
import { act, button, command, forSoLong, lift } from "./actions.js";
import { get, mayOperate, post } from "./api.js";
import { chart } from "./chart.js";
import { commandTable } from "./commands.js";
import { age, ago, el, number, redraw, remarks, replace, word } from "./dom.js";
import { SILENT } from "./fleet.js";
import { filter, keep } from "./filters.js";
import { keyed } from "./keyed.js";
import { planeLanes } from "./lanes.js";
import { isZero, measured, RANGES } from "./ranges.js";
import { marksOf, story, timelineView } from "./timeline.js";
import { title, when } from "./units.js";
import { Verb } from "./vocabulary.js";

const DAY = 86_400;
const LATEST = 15; // s between looks at what is long: the story, and the last hour's numbers
const SUMS = 300; // s between looks at sums of hours

export async function show(main, name) {
  const [state, head, alerts, planes, chosen, charts, timeline, commands] = [
    el("span"), el("div"), el("ul", { class: "alert-cards", "aria-label": "Alerts that fire" }), el("div"), el("p", { class: "ranges", role: "group", "aria-label": "Range of the charts" }),
    el("div"), el("div"), el("div")];
  const maintenance = el("span");
  replace(main, el("p", {}, el("a", { href: "#/" }, "All agents")), el("h1", {}, name, " ", state), head,
    mayOperate() ? controls(name, maintenance, refresh) : null, alerts, el("h2", {}, "Planes"), planes,
    el("h2", {}, "Metrics"), chosen, charts, el("h2", {}, "Timeline"), timeline,
    el("h2", {}, "Commands"), commands);
  let channels = new Map();
  const cards = keyed(alerts, (alert) => alertCard(alert, channels, refresh, false));
  const buttons = rangeButtons(chosen, () => refresh());
  const drawLife = timelineView(timeline);
  const due = { story: 0, charts: 0, range: "" };
  let [life, kept] = [{ runs: [], every: [] }, ""];

  async function refresh() {
    const now = Date.now() / 1000;
    const range = buttons.current();
    const [agent, firing, inbox] = await Promise.all([get(`/v1/agents/${name}`),
      get(`/v1/alerts?agent=${name}&told=true`), get(`/v1/inbox?agent=${name}`)]);
    channels = new Map(firing.routes.map((route) => [route.name, route.channel]));
    redraw(state, word(agent.state));
    redraw(head, facts(agent));
    cards(firing.alerts, keyOf);
    const held = JSON.stringify(firing.silences.map(({ id, until }) => [id, until]));
    if (held !== kept) replace(maintenance, maintained(name, firing.silences, refresh));
    kept = held;
    redraw(commands, commandTable(inbox.messages));
    if (now >= due.story || range.name !== due.range) {
      life = await story(name, now - Math.max(range.seconds, DAY));
      due.story = now + LATEST;
      drawLife(life.every);
    }
    redraw(planes, planeLanes(agent, life.runs, SILENT.includes(agent.state), now - Math.max(range.seconds, DAY), now));
    if (now >= due.charts || range.name !== due.range) {
      const series = await measured(name, range, now);
      if (buttons.current() !== range) return;
      drawCharts(charts, series, [now - range.seconds, now], marksOf(life.every));
      due.charts = now + (range.step ? SUMS : LATEST);
    }
    due.range = range.name;
  }
  return refresh;
}

function facts(agent) {
  const versions = Object.entries(agent.versions ?? {}).map(([what, v]) => `${what} ${v}`).join(", ");
  const pairs = [
    ...(agent.site ? [["Site", `${agent.site}${agent.site_lost ? ", lost" : ""}`]] : []),
    ["Heard", ago(agent.age)], ["Up", age(agent.uptime)],
    ["Versions", versions || "unknown"], ["Kind", agent.kind ?? "unknown"],
    ["Group", agent.groups?.join(", ") || "none"],
    ["Clock", agent.skew === null || agent.skew === undefined ? "unknown" : `${number(agent.skew)} s off`],
    ["Configuration", agent.config ? `${agent.config.slice(0, 19)}…` : "unknown"],
    ["Problems", problems(agent)],
    ["Forecast", el("a", { href: `#/forecast/${agent.agent}` }, "what runs out, and when")],
  ];
  return el("dl", { class: "facts" },
    pairs.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

function problems(agent) {
  const told = agent.problems.map((one) => `${one.severity} ${one.code}${remarks(one)}`);
  return told.join(", ") || "none";
}

// What somebody may do with it, in place.
function controls(name, maintenance, again) {
  const verdict = (agrees, text) => button(text, `${text}: a second source about ${name}`,
    () => act(() => post("/v1/verified", { agent: name, agrees }), `noted: the second source ${agrees ? "agrees" : "differs"}`, again));
  return el("div", { class: "controls" },
    el("div", { class: "verbs", role: "group", "aria-label": "Send a command" },
      Object.values(Verb).map((verb) => button(verb, `${verb} to ${name}`,
        () => act(() => post("/v1/send", { to: name, verb }), `${verb} sent to ${name}`, again)))),
    maintenance,
    el("details", {}, el("summary", {}, "Verify by a second source"),
      el("p", {}, "Where its container or unit runs, type ", command(`fleet verify ${name}`), " or look yourself, and say what you saw:"),
      el("p", { class: "verbs" }, verdict(true, "It agrees"), verdict(false, "It differs"))));
}

function maintained(name, silences, again) {
  const own = silences.filter((one) => one.maintenance && one.agent === name);
  if (own.length === 0) {
    return forSoLong("Begin maintenance", `Begin maintenance of ${name}`, (seconds, length) =>
      act(() => post("/v1/silences", { agent: name, seconds, maintenance: true }), `maintenance of ${name} for ${length}`, again));
  }
  return own.flatMap((one) => [el("span", { class: "badge" }, `maintenance until ${when(one.until)}`), " ",
    lift(one.id, "End maintenance", `End maintenance of ${name}`, again)]);
}

// Which range the charts show; it stands in the address.
function rangeButtons(node, again) {
  const current = () => RANGES.find(({ name }) => name === filter("range")) ?? RANGES[0];
  const buttons = RANGES.map((range) => el("button", { type: "button", "aria-pressed": String(current() === range), onclick: () => {
    keep("range", range === RANGES[0] ? "" : range.name);
    for (const [at, one] of buttons.entries()) one.setAttribute("aria-pressed", String(RANGES[at] === range));
    again();
  } }, range.said));
  replace(node, buttons);
  return { current };
}

// From where the hub knows of it on: a month of an agent is not drawn at the edge of a year.
function drawCharts(node, series, [begin, end], marks) {
  if (series.length === 0) {
    replace(node, el("p", {}, "No metric in this range. Sums of an hour come when it is over."));
    return;
  }
  const open = node.querySelector("details")?.open ?? false;
  const first = Math.min(...series.map(({ times }) => times[0]));
  const short = (end - first) < 0.7 * (end - begin);
  const span = [short ? first : begin, end];
  const [zero, telling] = [series.filter(isZero), series.filter((one) => !isZero(one))];
  const within = marks.filter(({ at }) => at >= span[0]);
  replace(node,
    short ? el("p", { class: "quiet" }, `Known since ${when(first * 1000)}.`) : null,
    within.length ? el("p", { class: "quiet" }, "Dashed: ", within.map(({ at, text }) => `${text} (${when(at * 1000)})`).join("; ")) : null,
    el("div", { class: "charts" }, telling.map((one) => chart(one, span, within))),
    zero.length ? el("details", { open }, el("summary", {}, `${zero.length} at zero all along: ${zero.map(({ metric }) => title(metric)).join(", ")}`),
      el("ul", {}, zero.map(({ metric }) => el("li", {}, el("code", {}, metric))))) : null);
}
