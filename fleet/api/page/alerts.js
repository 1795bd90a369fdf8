// Alerts that fire, with what each means and who was told; what holds them back; routes; and those over.

import { alertCard, keyOf, toldAt, whose } from "./alert_card.js";
import { act, lift } from "./actions.js";
import { get, mayOperate, post } from "./api.js";
import { el, redraw, table, word } from "./dom.js";
import { keyed } from "./keyed.js";
import { when } from "./units.js";
import { AlertState } from "./vocabulary.js";

const SHOWN = 100; // of those that fire; nobody reads more cards
const PAGE = 50; // of those over

export async function show(main) {
  const [summary, firing, silences, routes, over] = [
    el("p", { class: "summary" }), el("ul", { class: "alert-cards", "aria-label": "Firing, the worst first" }),
    el("div"), el("div"), el("div")];
  const more = el("button", { type: "button", hidden: true }, "Show older");
  redraw(main, el("h1", {}, "Alerts"), summary, firing, el("h2", {}, "Silences and maintenance"), silences,
    el("h2", {}, "Routes"), routes, el("h2", {}, "Over"), over, el("p", {}, more));
  let channels = new Map();
  const cards = keyed(firing, (alert) => alertCard(alert, channels, refresh));
  let wanted = PAGE;
  more.addEventListener("click", () => {
    wanted += PAGE;
    refresh();
  });

  async function refresh() {
    const answer = await list(wanted);
    channels = new Map(answer.routes.map(({ name, channel }) => [name, channel]));
    const fires = answer.alerts.filter(stands);
    summary.textContent = summarise(fires);
    cards(fires.slice(0, SHOWN), keyOf);
    redraw(silences, silenceList(answer, refresh));
    redraw(routes, routeList(answer.routes, refresh));
    redraw(over, overTable(answer.alerts.filter((alert) => !stands(alert)), channels));
    more.hidden = !answer.next;
  }
  return refresh;
}

const stands = (alert) => alert.state === AlertState.FIRING || Boolean(alert.flapping_since);

// What fires, and at least `wanted` of those over.
async function list(wanted) {
  const query = `/v1/alerts?history=true&told=true&limit=${PAGE}`;
  const answer = await get(query);
  const over = () => answer.alerts.filter((alert) => !stands(alert)).length;
  while (answer.next && over() < wanted) {
    const page = await get(`${query}&cursor=${encodeURIComponent(answer.next)}`);
    answer.alerts.push(...page.alerts);
    answer.next = page.next;
  }
  return answer;
}

function summarise(fires) {
  if (fires.length === 0) return "No alert.";
  const open = fires.filter((alert) => !alert.acknowledged_by && !alert.silenced).length;
  const beyond = fires.length > SHOWN ? `; these are the worst ${SHOWN}` : "";
  const one = fires.length === 1 ? "1 alert fires" : `${fires.length} alerts fire`;
  return `${one}, ${open} of which nobody looks at yet${beyond}.`;
}

function overTable(alerts, channels) {
  const rows = alerts.map((alert) => el("tr", {},
    el("td", {}, when(alert.since)), el("td", {}, word(alert.severity)), el("td", {}, whose(alert)),
    el("td", {}, alert.code), el("td", {}, begun(alert)), el("td", {}, alert.acknowledged_by ?? "nobody"),
    el("td", {}, alert.told?.length ? alert.told.map((one) => el("div", {}, toldAt(one, channels))) : "nobody")));
  return rows.length ? table("Over, the newest first; the latest time of each", ["Ended", "Severity", "Agent", "Code", "Lasted", "Looked at by", "Told"], rows)
    : el("p", {}, "None is over.");
}

// How long it fired, as far as somebody was told of it.
function begun(alert) {
  const fired = (alert.told ?? []).find((one) => one.state === AlertState.FIRING);
  if (!fired) return "unknown";
  const minutes = (Date.parse(alert.since) - Date.parse(fired.since)) / 60_000;
  return minutes < 120 ? `${Math.max(1, Math.round(minutes))} min` : `${Math.round(minutes / 60)} h`;
}

function silenceList({ silences, planned, windows }, refresh) {
  const items = [
    ...silences.map((one) => silenceItem(one, `until ${when(one.until)}, hides ${hidden(one)}`, "Lift", refresh)),
    ...planned.map((one) => silenceItem(one, `planned from ${when(one.begins)} to ${when(one.until)}`, "Drop", refresh)),
    ...windows.map((one) => el("li", {}, `window ${one.name}: ${about(one)}, ${one.cron} (${one.zone}), `
      + (one.next ? `next ${when(one.next)}` : "never again"))),
  ];
  return items.length ? el("ul", { class: "bare" }, items) : el("p", {}, "No silence.");
}

function silenceItem(silence, told, verb, refresh) {
  const kind = silence.maintenance ? "maintenance of " : "";
  const by = silence.by ? `, by ${silence.by}` : "";
  return el("li", {}, `${kind}${about(silence)}, ${told}${by} `,
    mayOperate() ? lift(silence.id, verb, `${verb} ${about(silence)}`, refresh) : null);
}

function about(silence) {
  return `${silence.agent ?? silence.scope?.replace(":", " ") ?? "all agents"}, ${silence.code ?? "all codes"}`;
}

function hidden({ hides, hides_more: more }) {
  const named = hides.slice(0, 5).map((alert) => `${alert.agent ?? "hub"} ${alert.code}`).join(", ");
  const rest = hides.length - 5 + more;
  return (named || "nothing") + (rest > 0 ? ` and ${rest} more` : "");
}

function routeList(routes, refresh) {
  if (routes.length === 0) return el("p", {}, "No route.");
  return el("ul", { class: "bare" }, routes.map((route) => routeItem(route, refresh)));
}

function routeItem(route, refresh) {
  const state = route.working ? "works" : "does not deliver";
  const aside = route.set_aside.map((one) => el("li", {},
    `set aside at ${when(one.at)}: ${one.code} (${one.state}) of ${one.agents.join(", ")}`
    + `${one.more ? ` and ${one.more} more` : ""}: ${one.why}`));
  const retry = aside.length > 0 && mayOperate() ? el("button", { type: "button", "aria-label": `Retry ${route.name}`,
    onclick: () => act(() => post("/v1/alerts/retry", { route: route.name }), `${route.name} tries again`, refresh) },
  "Retry") : null;
  return el("li", {}, `${route.name} (${route.channel}): ${state}, ${route.waiting} wait `, retry,
    aside.length > 0 ? el("ul", {}, aside) : null);
}
