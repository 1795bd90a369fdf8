// One alert: what it means, how bad it is, who was told and what was answered, and what to do next.

import { mayOperate } from "./api.js";
import { acknowledge, command, silence } from "./actions.js";
import { el, word } from "./dom.js";
import { lasting } from "./keyed.js";
import { when } from "./units.js";
import { AlertState, COMMANDS, EXAMINE, Outcome, RUNBOOKS } from "./vocabulary.js";

const MARK = new RegExp("\\{agent\\}");

export const keyOf = (alert) => `${alert.site ?? ""} ${alert.agent ?? ""} ${alert.code}`;

// An agent, a site that is lost, or a hub, which is named where it is another site's.
export function whose(alert) {
  if (!alert.agent) return alert.site ? `the hub of ${alert.site}` : "the hub";
  return isAgent(alert) ? el("a", { href: `#/agent/${alert.agent}` }, alert.agent) : alert.agent;
}

const isAgent = ({ agent }) => Boolean(agent) && !agent.includes(":");

// `withAgent`: whether it is named; on the page of an agent everybody knows.
export function alertCard(alert, channels, again, withAgent = true) {
  const label = `${alert.code} of ${alert.agent ?? "the hub"}`;
  const [meaning, step] = RUNBOOKS[alert.code] ?? ["A code of this deployment's own", ""];
  const target = { agent: alert.agent ?? undefined, code: alert.code };
  return el("li", { class: `alert-card ${alert.silenced || alert.acknowledged_by ? "calm" : ""}`, "data-code": alert.code },
    el("div", { class: "alert-head" },
      el("h2", {}, word(alert.severity), " ", alert.code, withAgent ? [" · ", whose(alert)] : []),
      el("p", { class: "quiet" }, "for ", lasting(alert.flapping_since ?? alert.since),
        `, since ${when(alert.flapping_since ?? alert.since)}`)),
    el("p", { class: "badges" }, badges(alert)),
    el("p", {}, sentence(meaning), planes(alert)),
    measured(alert),
    el("div", { class: "alert-told" }, el("h3", {}, "Told"), toldList(alert, channels)),
    el("div", {}, el("h3", {}, "Next"), step ? el("p", {}, step) : null, command(nextCommand(alert))),
    mayOperate() ? el("div", { class: "verbs" },
      alert.acknowledged_by ? null : acknowledge(target, label, again, alert.site),
      alert.silenced ? null : silence(target, label, again, alert.site)) : null);
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function planes({ planes: failing }) {
  return failing?.length ? ` Failing: ${failing.join(", ")}.` : "";
}

function badges(alert) {
  const said = [
    alert.flapping_since ? "flapping: it comes and goes" : null,
    alert.flapping_since && alert.state !== AlertState.FIRING ? "over for the moment" : null,
    alert.acknowledged_by ? `acknowledged by ${alert.acknowledged_by}, ${when(alert.acknowledged_at)}` : null,
    alert.silenced ? `silenced until ${when(alert.silenced_until)}` : null,
  ].filter(Boolean);
  return said.map((text) => el("span", { class: "badge" }, text));
}

// The number against its limit, in digits and as a bar of twice the limit's length.
function measured({ value, threshold }) {
  if (value === null || value === undefined) return null;
  const limit = threshold ?? null;
  const text = limit === null ? `Value ${value}` : `Value ${value}, limit ${limit}`;
  const bar = limit > 0 ? el("meter", { min: 0, max: Math.max(value, limit * 1.25), high: limit, value, "aria-label": text }) : null;
  return el("p", { class: "measured" }, text, bar);
}

export function nextCommand(alert) {
  const { agent, code } = alert;
  const text = COMMANDS[code] ?? "fleet status {agent}";
  if (isAgent(alert)) return text.replace(MARK, agent);
  return MARK.test(text) ? EXAMINE : text;
}

// What became of it at each route that was to know of it.
function toldList(alert, channels) {
  const told = alert.told ?? [];
  if (alert.site) return el("p", { class: "quiet" }, `By the routes of ${alert.site}: its own hub knows.`);
  if (told.length === 0) {
    if (alert.silenced) return el("p", { class: "quiet" }, "Nobody: it is silenced.");
    return el("p", { class: "quiet" }, channels.size ? "Nobody yet." : "Nobody: there is no route. docs/how-to/alert-routes.md makes one.");
  }
  return el("ul", { class: "told" }, told.map((one) => el("li", {}, toldAt(one, channels))));
}

export function toldAt({ route, state, outcome, answer, at }, channels) {
  const name = channels.has(route) ? `${route} (${channels.get(route)})` : route;
  const what = state === AlertState.FIRING ? "" : " of the end";
  const said = answer ? `, ${answer}` : "";
  return [word(outcome), ` ${name}${what}${said}, ${outcome === Outcome.WAITING ? "since " : ""}${when(at)}`];
}
