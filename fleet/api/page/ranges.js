// What an agent measured over a range: as it came for the last hour, else from the hub's hourly sums.

import { get } from "./api.js";
import { MAX_LISTED, MessageKind } from "./vocabulary.js";
import { growth, isCounter, rank } from "./units.js";

const HOUR = 3600;

// `step`: hours of one point; 0: as it came.
export const RANGES = [
  { name: "1h", said: "1 h", seconds: HOUR, step: 0 },
  { name: "24h", said: "24 h", seconds: 24 * HOUR, step: 1 },
  { name: "7d", said: "7 d", seconds: 7 * 24 * HOUR, step: 1 },
  { name: "30d", said: "30 d", seconds: 30 * 24 * HOUR, step: 4 },
  { name: "1y", said: "1 y", seconds: 365 * 24 * HOUR, step: 24 },
];

// Every metric of the range, what matters first.
export async function measured(agent, range, now) {
  const since = new Date((now - Math.max(range.seconds, HOUR)) * 1000).toISOString();
  const found = range.step ? await sums(agent, range, since) : await beats(agent, since);
  return [...found].map(([metric, one]) => finished(metric, one, range))
    .filter(({ values }) => values.some((value) => value !== null))
    .sort((a, b) => rank(a.metric) - rank(b.metric) || a.metric.localeCompare(b.metric));
}

async function beats(agent, since) {
  const query = `/v1/history?agent=${agent}&kind=${MessageKind.HEARTBEAT}&since=${since}&newest=true&limit=${MAX_LISTED}`;
  const { messages } = await get(query);
  const found = new Map();
  for (const { ts, message } of messages) {
    for (const [metric, value] of Object.entries(message?.metrics ?? {})) {
      if (!found.has(metric)) found.set(metric, { times: [], values: [] });
      found.get(metric).times.push(Date.parse(ts) / 1000);
      found.get(metric).values.push(value);
    }
  }
  return found;
}

// Sums of hours that are over; a time without any is a gap. The hour that runs is not among them.
async function sums(agent, { step }, since) {
  const { hours } = await get(`/v1/rollups?agent=${agent}&since=${since}&step=${step}&limit=${MAX_LISTED}`);
  const found = new Map();
  let before = null;
  for (const { hour, metrics } of hours) {
    const at = Date.parse(hour) / 1000 + step * HOUR;
    const gap = before !== null && at - before > 2 * step * HOUR;
    before = at;
    for (const [metric, { min, max, last }] of Object.entries(metrics)) {
      if (!found.has(metric)) found.set(metric, { times: [], values: [], least: [], most: [] });
      const one = found.get(metric);
      if (gap) for (const [list, value] of [[one.times, at - step * HOUR], [one.values, null], [one.least, null], [one.most, null]]) list.push(value);
      for (const [list, value] of [[one.times, at], [one.values, last], [one.least, min], [one.most, max]]) list.push(value);
    }
  }
  return found;
}

function finished(metric, { times, values, least, most }) {
  if (!isCounter(metric)) return { metric, times, values, least, most };
  const [at, rates] = growth([times, values]);
  return { metric, times: at, values: rates };
}

export const isZero = ({ values, most }) => (most ?? values).every((value) => value === 0 || value === null);
