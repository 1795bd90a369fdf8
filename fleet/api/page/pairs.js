// Pairs: who holds what two agents share, under which epoch, and what a person must decide.

import { get } from "./api.js";
import { age, clock, el, redraw, say, word } from "./dom.js";
import { MEANINGS, Phase } from "./vocabulary.js";

export async function show(main) {
  const frozen = el("div");
  const list = el("div");
  main.replaceChildren(el("h1", {}, "Pairs"), frozen, list);
  let said = "";

  return async function refresh() {
    const { pairs } = await get("/v1/pairs");
    const decide = pairs.filter((one) => one.needs_person).length;
    const sentence = `${pairs.length} pairs, ${decide} wait for a person`;
    if (sentence !== said) say(sentence);
    said = sentence;
    redraw(frozen, pairs.some((one) => one.frozen)
      ? el("p", { role: "alert" }, "Too much of the fleet is silent at once: the broker is in doubt, and no pair fails over.") : []);
    const first = (one) => (one.needs_person ? 0 : one.phase === Phase.STEADY ? 2 : 1);
    redraw(list, pairs.length ? el("div", { class: "lanes" }, pairs.sort((a, b) => first(a) - first(b)).map(card))
      : el("p", {}, "No pair. Two agents of which one is active, never both: ",
        el("code", {}, "fleet pair create NAME --active AGENT --standby AGENT")));
  };
}

function card(one) {
  const since = age((Date.now() - Date.parse(one.since)) / 1000);
  return el("section", { class: "lane" }, el("h2", {}, one.pair),
    el("p", {}, word(one.phase), ` for ${since}: ${MEANINGS.Phase[one.phase]} (${MEANINGS.Cause[one.cause] ?? one.cause}).`),
    el("p", { class: "quiet" }, `Epoch ${one.epoch}. ${one.auto ? "Fails over by itself" : "Changes by a person's word only"}`,
      one.failed_over ? `; did so last at ${clock(one.failed_over)}.` : "."),
    el("ol", { class: "two" }, one.members.map(member)), next(one));
}

function member({ agent, role, presence, active, fences }) {
  const fence = fences ? "it fences itself when its lease is over" : "it does not fence itself";
  const told = active === null ? "It has said nothing of the pair yet." : `It says that it is ${active ? "" : "not "}active; ${fence}.`;
  return el("li", {}, el("p", {}, el("a", { href: `#/agent/${agent}` }, agent), " ", word(role), `, ${presence}`),
    el("p", {}, told), el("p", { class: "quiet" }, `${role}: ${MEANINGS.PairRole[role]}`));
}

function next({ needs_person: asked }) {
  return asked && el("div", { class: "asks" },
    el("p", {}, `A person is needed: ${asked.look}: `, el("code", {}, asked.command), ". Two that are active at once are worse than none."));
}
