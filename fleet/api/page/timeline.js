// What an agent said, the newest first: heartbeats that say the same are one line (the hub folds them,
// as it does for `fleet history`), so that alerts, versions and configuration changes stand out.

import { get } from "./api.js";
import { el, redraw, table, word } from "./dom.js";
import { between, when } from "./units.js";
import { AlertState, Check, MAX_LISTED, MessageKind, Result, Verdict } from "./vocabulary.js";

const ROWS = 60;
const RARE = 200; // alerts, and statuses, beyond what the heartbeats reach back to

// Folded messages, oldest first, and what was rare before them, since `since` (s since the epoch).
export async function story(agent, since) {
  const of = `/v1/history?agent=${agent}`;
  const begins = `since=${new Date(since * 1000).toISOString()}`;
  const rare = (kind) => get(`${of}&kind=${kind}&${begins}&newest=true&limit=${RARE}`);
  const [folded, alerts, statuses] = await Promise.all([
    get(`${of}&fold=true&limit=${MAX_LISTED}`), rare(MessageKind.ALERT), rare(MessageKind.STATUS)]);
  const all = new Map();
  for (const one of [...alerts.messages, ...statuses.messages, ...folded.messages]) all.set(one.id, one);
  return { runs: folded.messages, every: changed([...all.values()].sort((a, b) => a.id - b.id)) };
}

// The same, where a status that brings another version or configuration says so in `news`.
function changed(messages) {
  let [versions, config] = [null, null];
  return messages.map((one) => {
    if (one.kind !== MessageKind.STATUS || !one.message) return one;
    const news = [];
    const told = one.message.versions;
    for (const [what, version] of Object.entries(told ?? {})) {
      const before = versions?.[what];
      if (versions && before !== version) news.push(`${what} ${before ? `${before} → ` : ""}${version}`);
    }
    if (told) versions = { ...versions, ...told };
    const digest = one.message.config;
    if (digest && config && digest !== config) news.push("configuration changed");
    config = digest ?? config;
    return news.length ? { ...one, news } : one;
  });
}

export const marksOf = (every) => every.filter((one) => one.news)
  .map((one) => ({ at: Date.parse(one.ts) / 1000, text: one.news.join(", ") }));

// Draws the newest of `every` into `node`, and more of them where somebody asks.
export function timelineView(node) {
  let [every, rows] = [[], ROWS];
  const more = el("button", { type: "button", onclick: () => {
    rows += ROWS;
    draw(every);
  } }, "Show older");
  function draw(latest) {
    every = latest;
    redraw(node, timelineTable(every, rows), every.length > rows ? el("p", {}, more) : null);
  }
  return draw;
}

function timelineTable(every, rows) {
  const shown = every.slice(-rows).reverse();
  if (shown.length === 0) return el("p", {}, "Nothing is stored of it.");
  return table("Messages, the newest first; heartbeats that say the same in one line", ["Time", "Kind", "What"],
    shown.map((one) => el("tr", { class: loud(one) ? "loud" : null },
      el("td", {}, one.since ? between(one.since, one.ts) : when(one.ts)), el("td", {}, one.kind),
      el("td", {}, summary(one)))));
}

const loud = ({ kind, message, news }) => Boolean(news) || kind === MessageKind.ALERT || (message?.reply && message.reply.result !== Result.DONE)
  || (kind === MessageKind.HEARTBEAT && !message?.ok);

function summary({ kind, message, same, news }) {
  if (!message) return "unknown";
  if (kind === MessageKind.HEARTBEAT) return [word(message.ok ? Verdict.OK : Verdict.DEGRADED), troubles(message), same ? `, ${same + 1} times` : ""];
  if (kind === MessageKind.ALERT) return [message.state === AlertState.FIRING ? word(message.severity) : "over:", ` ${message.code}${measured(message)}`];
  if (kind === MessageKind.PROGRESS) return `${message.state} ${message.progress}%`;
  if (kind === MessageKind.TASK) return `offered, epoch ${message.epoch}`;
  if (kind === MessageKind.COMMAND) return message.verb;
  const reply = message.reply ? `, ${message.reply.verb} ${message.reply.result}` : "";
  return [`${message.state}${reply}`, news ? el("strong", {}, `, ${news.join(", ")}`) : ""];
}

function troubles({ checks }) {
  const told = Object.entries(checks ?? {}).filter(([, check]) => check !== Check.PASS).map(([plane, check]) => `${plane} ${check}`);
  return told.length ? `, ${told.join(", ")}` : "";
}

function measured({ value, threshold }) {
  if (value === null || value === undefined) return "";
  return ` at ${value}${threshold === null || threshold === undefined ? "" : ` (limit ${threshold})`}`;
}
