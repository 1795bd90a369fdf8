// One agent: planes, metrics over time, timeline, and the four verbs for those who may send them.

import { get, mayOperate, post } from "./api.js";
import { chart } from "./chart.js";
import { commandTable } from "./commands.js";
import { age, ago, clock, el, number, remarks, replace, say, table, word } from "./dom.js";
import { SILENT } from "./fleet.js";
import { MAX_LISTED, MessageKind, Verb, Verdict } from "./vocabulary.js";

const HOURS = 6;

export async function show(main, name) {
  const head = el("div");
  const planes = el("div");
  const charts = el("div", { class: "charts" });
  const timeline = el("div");
  const commands = el("div");
  replace(main, el("p", {}, el("a", { href: "#/" }, "All agents")), el("h1", {}, name), head,
    mayOperate() ? verbs(name) : null, el("h2", {}, "Planes"), planes,
    el("h2", {}, "Metrics"), charts, el("h2", {}, "Timeline"), timeline,
    el("h2", {}, "Commands"), commands);
  let drawn = "";

  return async function refresh() {
    const agent = await get(`/v1/agents/${name}`);
    replace(head, facts(agent));
    replace(planes, planeTable(agent));
    const since = new Date(Date.now() - HOURS * 3600e3).toISOString();
    const query = `/v1/history?agent=${name}&since=${since}&limit=${MAX_LISTED}`;
    const [history, inbox] = await Promise.all([get(query), get(`/v1/inbox?agent=${name}`)]);
    replace(timeline, timelineTable(history.messages));
    replace(commands, commandTable(inbox.messages));
    const newest = history.messages.at(-1)?.id ?? "none";
    if (newest !== drawn) replace(charts, metricCharts(history.messages));
    drawn = newest;
  };
}

function facts(agent) {
  const versions = Object.entries(agent.versions ?? {}).map(([what, v]) => `${what} ${v}`).join(", ");
  const pairs = [
    ["State", word(agent.state)], ["Heard", ago(agent.age)], ["Up", age(agent.uptime)],
    ["Versions", versions || "unknown"], ["Kind", agent.kind ?? "unknown"],
    ["Clock", agent.skew === null || agent.skew === undefined ? "unknown" : `${number(agent.skew)} s off`],
    ["Configuration", agent.config ? `${agent.config.slice(0, 19)}…` : "unknown"],
    ["Problems", problems(agent)],
    ["Alerts", (agent.alerts ?? []).join(", ") || "none"],
  ];
  return el("dl", { class: "facts" },
    pairs.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
}

function problems(agent) {
  const told = agent.problems.map((one) => `${one.severity} ${one.code}${remarks(one)}`);
  return told.join(", ") || "none";
}

// Of who is silent the last results stand without colour: they are of then, not of now.
function planeTable(agent) {
  const silent = SILENT.includes(agent.state);
  const rows = Object.entries(agent.planes ?? {}).map(([plane, told]) =>
    el("tr", {}, el("th", { scope: "row" }, plane), el("td", {}, silent ? told.check : word(told.check)),
      el("td", {}, told.age === null ? "no age is known" : ago(told.age))));
  return rows.length ? table("Result by plane", ["Plane", "Result", "Reported"], rows)
    : el("p", {}, "No plane has been reported.");
}

function metricCharts(messages) {
  const series = new Map();
  for (const { kind, ts, message } of messages) {
    if (kind !== MessageKind.HEARTBEAT) continue;
    for (const [metric, value] of Object.entries(message?.metrics ?? {})) {
      if (!series.has(metric)) series.set(metric, [[], []]);
      const [times, values] = series.get(metric);
      times.push(Date.parse(ts) / 1000);
      values.push(value);
    }
  }
  if (series.size === 0) return [el("p", {}, `No metric in the last ${HOURS} hours.`)];
  return [...series].map(([metric, data]) => chart(metric, data));
}

function timelineTable(messages) {
  const rows = messages.slice(-100).reverse().map(({ ts, kind, message }) =>
    el("tr", {}, el("td", {}, clock(ts)), el("td", {}, kind), el("td", {}, summary(kind, message))));
  return rows.length ? table("Messages, newest first", ["Time", "Kind", "What"], rows)
    : el("p", {}, `Nothing in the last ${HOURS} hours.`);
}

function summary(kind, message) {
  if (!message) return "unknown";
  if (kind === MessageKind.HEARTBEAT) return message.ok ? Verdict.OK : `not ${Verdict.OK}`;
  if (kind === MessageKind.ALERT) return `${message.severity} ${message.code} ${message.state}`;
  if (kind === MessageKind.PROGRESS) return `${message.state} ${message.progress}%`;
  if (kind === MessageKind.TASK) return `offered, epoch ${message.epoch}`;
  if (kind === MessageKind.COMMAND) return message.verb;
  const reply = message.reply ? `, ${message.reply.verb} ${message.reply.result}` : "";
  return `${message.state}${reply}`;
}

function verbs(name) {
  return el("div", { class: "verbs", role: "group", "aria-label": "Send a command" },
    Object.values(Verb).map((verb) => el("button", { type: "button", onclick: () => send(name, verb) }, verb)));
}

async function send(name, verb) {
  try {
    await post("/v1/send", { to: name, verb });
    say(`${verb} sent to ${name}`);
  } catch (error) {
    say(`${verb} was not sent: ${error.message}`);
  }
}
