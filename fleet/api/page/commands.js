// A verb to one agent, a group or all, with the answers as they come; and every command of late.

import { get, mayOperate } from "./api.js";
import { confirm } from "./confirm.js";
import { answers, dispatch, latency, latest, pending, PENDING } from "./dispatch.js";
import { el, redraw, replace, say, table, word } from "./dom.js";
import { throttle } from "./event_source.js";
import { when } from "./units.js";
import { CommandState, MAX_TEXT, Verb } from "./vocabulary.js";

const ROWS = 200; // of a run; nobody reads more, and the worst stand first
const OFFERED = 50; // names offered while one is typed

const WORST = [CommandState.FAILED, CommandState.REJECTED, CommandState.SILENT, CommandState.UNSUPPORTED, CommandState.EXPIRED,
  ...PENDING, CommandState.DONE];

export async function show(main) {
  const [run, commands] = [el("div"), el("div")];
  const draw = throttle(async () => latest && redraw(run, runPanel(latest)), 250);
  replace(main, el("h1", {}, "Commands"), mayOperate() ? sender(draw) : null, run, el("h2", {}, "Of late"), commands);
  return async () => {
    const { messages } = await get("/v1/inbox");
    latest?.take(messages);
    if (latest) redraw(run, runPanel(latest));
    redraw(commands, commandTable(messages));
  };
}

function sender(draw) {
  const verb = el("select", { id: "verb" }, Object.values(Verb).map((one) => el("option", {}, one)));
  const reach = el("select", { id: "reach" }, [["one", "one agent"], ["group", "a group"], ["all", "all agents"]]
    .map(([value, said]) => el("option", { value }, said)));
  const offered = el("datalist", { id: "offered" });
  const whom = el("input", { id: "whom", list: "offered", autocomplete: "off", maxlength: MAX_TEXT, required: true });
  const label = el("label", { for: "whom" }, "Name ");
  const field = el("span", {}, label, whom, offered);
  const offer = throttle(async () => {
    const names = reach.value === "one" ? await namesLike(whom.value) : await groups();
    replace(offered, names.map((value) => el("option", { value })));
  }, 300);
  reach.addEventListener("change", () => {
    field.hidden = reach.value === "all";
    whom.required = reach.value !== "all";
    whom.value = "";
    replace(label, reach.value === "group" ? "Group " : "Name ");
    offer();
  });
  whom.addEventListener("input", offer);
  const form = el("form", { class: "sender" }, el("p", {}, el("label", { for: "verb" }, "Send "), verb,
    el("label", { for: "reach" }, " to "), reach, " ", field, " ", el("button", { type: "submit", class: "main" }, "Send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const target = await resolve(reach.value, whom.value.trim());
      if (target.count > 1 && !await confirm(`Send ${verb.value} to ${target.count} agents (${target.said})?`, `Send to ${target.count}`)) return;
      await dispatch(verb.value, target, draw);
      say(`${verb.value} sent to ${target.said}`);
    } catch (error) {
      say(`${verb.value} was not sent: ${error.message}`);
      problem.textContent = `${verb.value} was not sent: ${error.message}`;
      return;
    }
    problem.textContent = "";
  });
  const problem = el("p", { class: "failing", role: "alert" });
  form.append(problem);
  offer();
  return form;
}

// Whom it goes to, how many these are, and how that is said.
async function resolve(reach, name) {
  if (reach === "one") return { said: name, names: [name], count: 1 };
  if (reach === "all") {
    const { total } = await get("/v1/names?own=true&limit=2"); // whom a broadcast reaches
    if (total === 0) throw new Error("there is no agent");
    return { said: "all agents", names: null, count: total };
  }
  const { agents } = await get(`/v1/agents?brief=true&group=${encodeURIComponent(name)}`);
  if (agents.length === 0) throw new Error(`nobody is in the group ${name}`);
  return { said: `group ${name}`, names: agents.map(({ agent }) => agent), count: agents.length };
}

async function namesLike(text) {
  const { agents } = await get(`/v1/agents?brief=true&limit=${OFFERED}&q=${encodeURIComponent(text)}`);
  return agents.map(({ agent }) => agent);
}

let known = null;

async function groups() {
  if (known) return known;
  const { agents } = await get("/v1/agents?limit=1000");
  known = [...new Set(agents.flatMap(({ labels }) => labels.group ?? []))].sort();
  return known;
}

// How far a run is: counts, latencies, and a row an agent, the worst first.
function runPanel(run) {
  const told = answers(run);
  const open = pending(run);
  if (run.isWhole && open === 0) run.stop(); // nobody has more to say
  const counts = WORST.map((state) => [state, told.filter((one) => one.state === state).length]).filter(([, count]) => count);
  const times = told.map(latency).filter((ms) => ms !== null).sort((a, b) => a - b);
  const ended = run.ids.size - open;
  const rows = [...told].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state) || (latency(b) ?? 0) - (latency(a) ?? 0)
    || a.agent.localeCompare(b.agent)).slice(0, ROWS);
  const beyond = told.length - rows.length;
  return [el("h2", {}, `${run.verb} to ${run.said}`),
    el("p", { class: "summary" }, `${ended} of ${run.ids.size} ended: `,
      counts.flatMap(([state, count], at) => [at ? ", " : "", `${count} `, word(state)])),
    el("progress", { max: Math.max(1, run.ids.size), value: ended, "aria-label": "Commands that ended" }),
    times.length ? el("p", { class: "quiet" }, `Answered in ${ms(times[0])} to ${ms(times.at(-1))}, half of them within ${ms(times[Math.floor((times.length - 1) / 2)])}`) : null,
    table(`Answers, what went wrong first${beyond > 0 ? `; ${beyond} more are not shown` : ""}`, ["Agent", "Outcome", "Code", "Latency"],
      rows.map((one) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: `#/agent/${one.agent}` }, one.agent)),
        el("td", {}, word(one.state), open && PENDING.includes(one.state) ? " pending" : ""), el("td", {}, one.code ?? ""),
        el("td", {}, latency(one) === null ? "" : ms(latency(one))))))];
}

const ms = (value) => (value < 10_000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`);

export function commandTable(commands) {
  const rows = [...commands].reverse().map((command) =>
    el("tr", {}, el("td", {}, when(command.created)), el("td", {}, command.agent ?? "all"),
      el("td", {}, command.verb), el("td", {}, word(command.state)), el("td", {}, command.code ?? ""),
      el("td", {}, latency(command) === null ? "" : ms(latency(command))), el("td", {}, command.by ?? "")));
  return rows.length ? table("Commands, newest first", ["Sent", "Agent", "Verb", "Outcome", "Code", "Latency", "By"], rows)
    : el("p", {}, "No command yet.");
}
