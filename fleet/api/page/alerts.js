// Alerts that fire, with acknowledge and silence for those who may.

import { get, mayOperate, post, remove } from "./api.js";
import { clock, el, replace, say, table, word } from "./dom.js";
import { AlertState } from "./vocabulary.js";

export async function show(main) {
  const firing = el("div");
  const silences = el("div");
  const routes = el("div");
  replace(main, el("h1", {}, "Alerts"), firing, el("h2", {}, "Silences and maintenance"), silences,
    el("h2", {}, "Routes"), routes);

  return async function refresh() {
    const answer = await get("/v1/alerts?history=true");
    const rows = answer.alerts.map((alert) => row(alert, refresh));
    const headings = ["Severity", "Agent", "Code", "State", "Since", "Acknowledged", "Actions"];
    replace(firing, rows.length ? table("Firing first", headings, rows) : el("p", {}, "No alert."));
    replace(silences, silenceList(answer, refresh));
    replace(routes, routeList(answer.routes, refresh));
  };
}

function row(alert, refresh) {
  const firing = alert.state === AlertState.FIRING || alert.flapping_since;
  return el("tr", {},
    el("td", {}, word(alert.severity)),
    el("td", {}, alert.agent ? el("a", { href: `#/agent/${alert.agent}` }, alert.agent) : "hub"),
    el("td", {}, alert.code), el("td", {}, alert.flapping_since ? `flapping, ${alert.state}` : alert.state), el("td", {}, clock(alert.since)),
    el("td", {}, alert.acknowledged_by ?? "no"),
    el("td", {}, firing && mayOperate() ? actions(alert, refresh) : ""));
}

function actions(alert, refresh) {
  const target = { agent: alert.agent ?? undefined, code: alert.code };
  const label = `${alert.code} of ${alert.agent ?? "the hub"}`;
  return [
    el("button", { type: "button", "aria-label": `Acknowledge ${label}`,
      onclick: () => act(() => post("/v1/alerts/ack", target), `${label} acknowledged`, refresh) }, "Acknowledge"),
    " ",
    el("button", { type: "button", "aria-label": `Silence 1 h: ${label}`,
      onclick: () => act(() => post("/v1/silences", { ...target, seconds: 3600 }), `${label} silenced`, refresh) },
    "Silence 1 h"),
  ];
}

function silenceList({ silences, planned, windows }, refresh) {
  const items = [
    ...silences.map((one) => silenceItem(one, `until ${clock(one.until)}, hides ${hidden(one)}`, "Lift", refresh)),
    ...planned.map((one) => silenceItem(one, `planned from ${clock(one.begins)} to ${clock(one.until)}`, "Drop", refresh)),
    ...windows.map((one) => el("li", {}, `window ${one.name}: ${about(one)}, ${one.cron} (${one.zone}), `
      + (one.next ? `next ${clock(one.next)}` : "never again"))),
  ];
  return items.length ? el("ul", {}, items) : el("p", {}, "No silence.");
}

function silenceItem(silence, told, verb, refresh) {
  const button = el("button", { type: "button", "aria-label": `${verb} ${about(silence)}`,
    onclick: () => act(() => remove(`/v1/silences/${silence.id}`), "silence lifted", refresh) }, verb);
  const kind = silence.maintenance ? "maintenance of " : "";
  return el("li", {}, `${kind}${about(silence)}, ${told} `, mayOperate() ? button : null);
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
  return el("ul", {}, routes.map((route) => routeItem(route, refresh)));
}

function routeItem(route, refresh) {
  const state = route.working ? "works" : "does not deliver";
  const aside = route.set_aside.map((one) => el("li", {},
    `set aside at ${clock(one.at)}: ${one.code} (${one.state}) of ${one.agents.join(", ")}`
    + `${one.more ? ` and ${one.more} more` : ""}: ${one.why}`));
  const retry = aside.length > 0 && mayOperate() ? el("button", { type: "button", "aria-label": `Retry ${route.name}`,
    onclick: () => act(() => post("/v1/alerts/retry", { route: route.name }), `${route.name} tries again`, refresh) },
  "Retry") : null;
  return el("li", {}, `${route.name} (${route.channel}): ${state}, ${route.waiting} wait `, retry,
    aside.length > 0 ? el("ul", {}, aside) : null);
}

async function act(work, done, refresh) {
  try {
    await work();
    say(done);
  } catch (error) {
    say(`That did not work: ${error.message}`);
  }
  await refresh();
}
