// Every command of late, and the table in which an agent's own are shown too.

import { get } from "./api.js";
import { clock, el, replace, table, word } from "./dom.js";

export async function show(main) {
  const commands = el("div");
  replace(main, el("h1", {}, "Commands"), commands);
  return async () => replace(commands, commandTable((await get("/v1/inbox")).messages));
}

export function commandTable(commands) {
  const rows = [...commands].reverse().map((command) =>
    el("tr", {}, el("td", {}, clock(command.created)), el("td", {}, command.agent ?? "all"),
      el("td", {}, command.verb), el("td", {}, word(command.state)), el("td", {}, command.code ?? "")));
  return rows.length ? table("Commands, newest first", ["Sent", "Agent", "Verb", "Outcome", "Code"], rows)
    : el("p", {}, "No command yet.");
}
