// Alerts that fire, with acknowledge and silence for those who may.

import { get, mayOperate, post, remove } from "./api.js";
import { clock, el, replace, say, table, word } from "./dom.js";
import { AlertState } from "./vocabulary.js";

export async function show(main) {
  const firing = el("div");
  const silences = el("div");
  replace(main, el("h1", {}, "Alerts"), firing, el("h2", {}, "Silences"), silences);

  return async function refresh() {
    const answer = await get("/v1/alerts?history=true");
    const rows = answer.alerts.map((alert) => row(alert, refresh));
    const headings = ["Severity", "Agent", "Code", "State", "Since", "Acknowledged", "Actions"];
    replace(firing, rows.length ? table("Firing first", headings, rows) : el("p", {}, "No alert."));
    replace(silences, silenceList(answer.silences, refresh));
  };
}

function row(alert, refresh) {
  const firing = alert.state === AlertState.FIRING;
  return el("tr", {},
    el("td", {}, word(alert.severity)),
    el("td", {}, alert.agent ? el("a", { href: `#/agent/${alert.agent}` }, alert.agent) : "hub"),
    el("td", {}, alert.code), el("td", {}, alert.state), el("td", {}, clock(alert.since)),
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

function silenceList(silences, refresh) {
  if (silences.length === 0) return el("p", {}, "No silence.");
  return el("ul", {}, silences.map((silence) => el("li", {},
    `${silence.agent ?? "all agents"}, ${silence.code ?? "all codes"}, until ${clock(silence.until)} `,
    mayOperate() ? el("button", { type: "button",
      onclick: () => act(() => remove(`/v1/silences/${silence.id}`), "silence lifted", refresh) }, "Lift") : null)));
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
