// Live events: one stream for a view, resumed by id after a break. EventSource can send no header, and
// with it no secret of the session, so the stream is fetched.

import { request } from "./api.js";
import { EventName, MessageKind } from "./vocabulary.js";

// ms before a broken stream is asked for again: doubled from try to try, half of each by chance, so
// that pages do not return as one; short again once a stream has lasted (fleet/contract/backoff.py).
const FIRST = 2000;
const LONGEST = 30_000;
const STEADY = 60_000;
const SILENT = 45_000; // ms without even a ping, of which one is due each 15 s: the link is dead and nobody said so

// Of the fleet only what changed: each bus heartbeat of 10,000 agents would drown the page.
export const CHANGES = `only=${EventName.FACT}&only=${EventName.COMMAND}`;
export const WORK = `only=${EventName.BUS}&kind=${MessageKind.PROGRESS}`;
export const about = (agent) => `agent=${agent}`;

export function listen(query, onEvent, onLink) {
  const ended = new AbortController();
  follow(query, onEvent, onLink, ended.signal);
  return () => ended.abort();
}

// Until `ended`: whatever breaks is begun again, after the last event that came.
async function follow(query, onEvent, onLink, ended) {
  let last = "";
  let failures = 0;
  while (!ended.aborted) {
    const began = performance.now();
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const answer = await request(`/v1/events?${query}`, { headers, signal: ended });
      if (answer.status === 401) return onEvent(); // the next look asks for the token
      if (answer.ok) {
        onLink(true);
        await read(answer.body, onEvent, (id) => { last = id; });
      }
    } catch {
      // the link broke, or was ended
    }
    if (ended.aborted) return;
    onLink(false);
    if (performance.now() - began >= STEADY) failures = 0;
    const whole = Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 30));
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, whole * (0.5 + 0.5 * Math.random())));
  }
}
// Reads events until the stream ends, and tells the id of each, from which it is to go on.
async function read(body, onEvent, seen) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const patience = setTimeout(() => reader.cancel(), SILENT);
    const { done, value } = await reader.read().finally(() => clearTimeout(patience));
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("id:")) seen(line.slice(3).trim());
    const told = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
    if (told.length) onEvent(told);
  }
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
