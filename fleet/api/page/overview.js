// What one look should tell: how many are in which state, and what is wrong, what it means, what to do.

import { el, HUB, redraw, remarks, replace, subject, word } from "./dom.js";
import { filter, keep } from "./filters.js";
import { PLANES, RUNBOOKS, WORST_FIRST } from "./vocabulary.js";

const NAMED = 8; // agents with one problem that are named; the rest is counted

// A button a state, with how many are in it; pressed, the list holds those alone.
export function stateTiles(again) {
  const buttons = WORST_FIRST.map((state) => {
    const count = el("strong");
    const said = el("span");
    const button = el("button", { type: "button", "aria-pressed": "false", onclick: () => {
      keep("state", filter("state") === state ? "" : state);
      again();
    } }, count, said);
    return { state, count, said, button };
  });
  const node = el("div", { class: "tiles", role: "group", "aria-label": "Agents by state; press one to see those alone" },
    buttons.map(({ button }) => button));
  const refresh = (counts) => {
    for (const { state, count, said, button } of buttons) {
      const number = counts[state] ?? 0;
      count.textContent = String(number);
      replace(said, number ? word(state) : el("span", { class: "quiet" }, state));
      button.classList.toggle("none", !number);
      button.setAttribute("aria-pressed", String(filter("state") === state));
    }
  };
  return { node, refresh };
}

// One item a problem, with everybody who has it: 200 agents behind one router are one line.
export function showProblems(node, problems) {
  const same = new Map();
  for (const one of problems) {
    const key = [one.severity, one.code, remarks(one), Boolean(one.acknowledged_by)].join("\u0000");
    if (!same.has(key)) same.set(key, []);
    same.get(key).push(one);
  }
  redraw(node, [...same.values()].map(item));
}

function item(alike) {
  const [first] = alike;
  const more = alike.length - NAMED;
  const [meaning, next] = RUNBOOKS[first.code] ?? ofPlane(first) ?? [];
  return el("li", {},
    el("p", {}, word(first.severity), " ", el("strong", {}, first.code), remarks(first), first.acknowledged_by ? " (acknowledged)" : "", ": ",
      alike.slice(0, NAMED).flatMap((one, at) => [at ? ", " : "", who(one)]), more > 0 ? ` and ${more} more` : ""),
    meaning ? el("p", { class: "quiet" }, `${meaning}. Next: ${next}`) : null);
}

// Without an alert the code of a problem is a plane and its result.
function ofPlane({ agent, code }) {
  const [plane] = code.split(":");
  return PLANES[plane] ? [`this does not hold: ${PLANES[plane]}`, `fleet status ${agent}`] : null;
}

// A hub, or a site that is lost, has no page of its own.
const who = (one) => (one.agent === HUB || one.agent.includes(":") ? subject(one) : el("a", { href: `#/agent/${one.agent}` }, one.agent));
