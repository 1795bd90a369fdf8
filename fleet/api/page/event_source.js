// Live events: one EventSource for a view; it resumes by id on its own after a break.

import { EventName } from "./vocabulary.js";

// Of the fleet only what changed: each bus heartbeat of 10,000 agents would drown the page.
export const CHANGES = `only=${EventName.FACT}&only=${EventName.COMMAND}`;
export const about = (agent) => `agent=${agent}`;

export function listen(query, onEvent, onLink) {
  const source = new EventSource(`/v1/events?${query}`);
  source.onopen = () => onLink(true);
  source.onerror = () => onLink(false);
  for (const name of [EventName.BUS, EventName.FACT, EventName.COMMAND]) source.addEventListener(name, onEvent);
  return () => source.close();
}

// Calls `work` at most once every `pause` ms, and once more after the last request. Work that takes
// long rests three times as long: neither the page nor the hub is kept busy by looking.
export function throttle(work, pause = 500) {
  let waiting = null;
  let rested = 0;
  const run = async () => {
    const began = performance.now();
    await work();
    const ended = performance.now();
    rested = Math.max(began + pause, ended + 3 * (ended - began));
    const more = waiting === "again";
    waiting = null;
    if (more) later();
  };
  const later = () => {
    if (waiting === "at work") waiting = "again";
    if (waiting !== null) return;
    waiting = "due";
    setTimeout(() => {
      waiting = "at work";
      run();
    }, Math.max(0, rested - performance.now()));
  };
  return later;
}
