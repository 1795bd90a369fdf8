// One verb on its way to some agents, and their answers as they come: from the stream of events, and
// after a break of it from the inbox. It goes on while other views are looked at.

import { get, post } from "./api.js";
import { listen } from "./event_source.js";
import { CommandState, EventName, MAX_NAMED } from "./vocabulary.js";

export const PENDING = [CommandState.QUEUED, CommandState.SENT, CommandState.ACKNOWLEDGED];

export let latest = null; // the run that was begun last, on this page

// `reach`: { said, names }; no names: all, by one broadcast.
export async function dispatch(verb, reach, onChange) {
  latest?.stop();
  const run = { verb, said: reach.said, ids: new Set(), answers: new Map(), isWhole: false, stop: () => {} };
  // The stream and the inbox may tell it in any order: an end is not taken back.
  const take = (command) => {
    const known = run.answers.get(command.id);
    if (known && !PENDING.includes(known.state) && PENDING.includes(command.state)) return;
    run.answers.set(command.id, command);
    if (run.ids.has(command.id)) onChange(run);
  };
  run.take = (commands) => commands.filter(({ id }) => run.ids.has(id)).forEach(take);
  const catchUp = async () => (await get("/v1/inbox")).messages.forEach(take);
  // What is answered before the ids are known is kept by its id.
  run.stop = listen(`only=${EventName.COMMAND}`, (told) => (told ?? []).forEach((text) => take(JSON.parse(text))), (up) => {
    if (up && run.ids.size) catchUp().catch(() => {}); // the next change tells
  });
  latest = run;
  try {
    for (const names of reach.names ? inParts(reach.names) : [null]) {
      const { ids } = await post("/v1/send", names ? { to: names, verb } : { verb });
      ids.forEach((id) => run.ids.add(id));
    }
    run.isWhole = true;
    await catchUp();
  } finally {
    for (const id of run.answers.keys()) if (!run.ids.has(id)) run.answers.delete(id);
    onChange(run);
  }
  return run;
}

function inParts(names) {
  const parts = [];
  for (let at = 0; at < names.length; at += MAX_NAMED) parts.push(names.slice(at, at + MAX_NAMED));
  return parts;
}

// How many have not ended, as far as is known.
export const pending = (run) => run.ids.size - answers(run).filter(({ state }) => !PENDING.includes(state)).length;

export const answers = (run) => [...run.ids].map((id) => run.answers.get(id)).filter(Boolean);

// ms from sending to the answer, as the hub measured it; null: there is none.
export function latency({ sent, ended, state }) {
  if (!sent || !ended || PENDING.includes(state) || state === CommandState.SILENT) return null;
  return Math.max(0, Date.parse(ended) - Date.parse(sent));
}
