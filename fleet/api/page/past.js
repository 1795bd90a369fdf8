// Agents' past, asked for those in sight alone, and again once it is some seconds old.

import { get } from "./api.js";
import { MAX_SHOWN } from "./vocabulary.js";

const FRESH = 10_000; // ms
const PAUSE = 120; // ms for which scrolling must rest: who flies past a thousand rows reads none of them

// `metric()` is the one chosen; `fill(name)` is called when there is news of an agent.
export function past(metric, fill) {
  let known = new Map();
  let names = [];
  let timer = null;
  let busy = false;

  const isDue = (name) => !known.has(name) || performance.now() - known.get(name).at > FRESH;

  async function look() {
    timer = null;
    if (busy) return;
    busy = true;
    const into = known;
    try {
      for (let due = names.filter(isDue); due.length; due = names.filter(isDue)) {
        const query = new URLSearchParams(due.slice(0, MAX_SHOWN).map((name) => ["agent", name]));
        if (metric()) query.set("metric", metric());
        const { agents } = await get(`/v1/beats?${query}`);
        if (into !== known) break; // another metric was chosen meanwhile
        const at = performance.now();
        for (const name of query.getAll("agent")) known.set(name, { at, told: known.get(name)?.told });
        for (const told of agents) {
          known.set(told.agent, { at, told });
          fill(told.agent);
        }
      }
    } catch {
      // the next look at the list says what is wrong
    }
    busy = false;
    if (into !== known) ask(names);
  }

  function ask(wanted) {
    names = wanted;
    for (const name of known.keys()) if (known.size > 500 && !names.includes(name)) known.delete(name);
    clearTimeout(timer);
    if (names.some(isDue)) timer = setTimeout(look, PAUSE);
  }

  function forget() {
    known = new Map();
  }

  return { ask, forget, of: (name) => known.get(name)?.told };
}
