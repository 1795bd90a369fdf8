// Forecast: when room, tokens and limits end, the soonest first; how sure that is, and why not.

import { get } from "./api.js";
import { age, clock, el, redraw, say, table, word } from "./dom.js";
import { filter, keep } from "./filters.js";
import { Confidence, MAX_LISTED, MAX_TEXT, MEANINGS, Severity } from "./vocabulary.js";

const PAGE = 200; // of 10,000 agents there are 40,000, and nobody reads those that never end
const FRESH = 30_000; // ms: the hub computes them every five minutes
const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];
const NUMBERS = ["", "k", "M", "G", "T", "P"];

export async function show(main, agent) {
  const tiles = el("ul", { class: "tiles", "aria-label": "Forecasts by what they call for" });
  const note = el("p", { class: "quiet" });
  const list = el("div");
  const more = el("button", { type: "button", hidden: true });
  const field = el("input", { type: "search", id: "filter", autocomplete: "off", maxlength: MAX_TEXT, value: filter("q") });
  const back = agent ? [el("p", {}, el("a", { href: `#/agent/${agent}` }, `All of ${agent}`)), el("h1", {}, `Forecast of ${agent}`)] : [el("h1", {}, "Forecast")];
  main.replaceChildren(...back, tiles, note,
    el("p", { class: "filter" }, el("label", { for: "filter" }, "Filter by agent, group, metric or limit "), field), list, el("p", {}, more));
  let [wanted, asked, found, said] = [PAGE, 0, null, ""];

  field.addEventListener("input", () => {
    keep("q", field.value.trim());
    if (found) draw();
  });
  more.addEventListener("click", async () => {
    [wanted, asked] = [wanted + PAGE, 0];
    await refresh();
  });

  function draw() {
    const text = filter("q").toLowerCase();
    const fits = found.forecasts.filter((one) => `${whose(one)} ${one.metric} ${one.quota ?? ""}`.toLowerCase().includes(text));
    const counts = [...Object.values(Severity).reverse().map((severity) => [severity, fits.filter((one) => one.severity === severity).length]),
      [Confidence.UNKNOWN, fits.filter((one) => one.confidence === Confidence.UNKNOWN).length]];
    redraw(tiles, counts.map(([state, count]) => el("li", {}, el("strong", {}, String(count)), count ? word(state) : el("span", { class: "quiet" }, state))));
    const sentence = counts.map(([state, count]) => `${count} ${state}`).join(", ");
    if (sentence !== said) say(`Forecasts: ${sentence}`);
    said = sentence;
    note.textContent = [found.computed_at ? `As of ${clock(found.computed_at)}.` : "", found.whole ? ""
      : "The hub was started a moment ago and still reads the hours of the last weeks."].filter(Boolean).join(" ");
    redraw(list, fits.length ? [rows(fits), legend(fits)] : el("p", {}, found.forecasts.length ? "None fits the filter."
      : "No hourly sums of room or tokens yet: a sidecar measures them, and a full hour must be over."));
    more.hidden = found.next === null;
    more.textContent = `Show more: these are the ${found.forecasts.length} that end soonest`;
  }

  async function refresh() {
    if (!found?.whole || Date.now() - asked > FRESH) {
      found = await list_(agent, wanted);
      asked = Date.now();
    }
    draw();
  }

  return refresh;
}

async function list_(agent, wanted) {
  const of = agent ? `agent=${encodeURIComponent(agent)}&` : "";
  const found = await get(`/v1/forecast?${of}limit=${Math.min(wanted, MAX_LISTED)}`);
  while (found.next !== null && found.forecasts.length < wanted) {
    const page = await get(`/v1/forecast?${of}limit=${Math.min(wanted - found.forecasts.length, MAX_LISTED)}&cursor=${found.next}`);
    found.forecasts.push(...page.forecasts);
    found.next = page.next;
  }
  return found;
}

const whose = (one) => one.agent ?? (one.group ? `group ${one.group}` : "the fleet");

function rows(forecasts) {
  return table("The soonest end first", ["Of what", "Outlook", "How sure", "When", "Now", "A day", "From"], forecasts.map((one) =>
    el("tr", {}, el("th", { scope: "row" }, one.agent ? el("a", { href: `#/agent/${one.agent}` }, one.agent) : whose(one), el("span", { class: "under quiet" }, what(one))),
      el("td", {}, one.severity ? [word(one.severity), " "] : "", outlook(one)), el("td", {}, word(one.confidence)),
      el("td", {}, one.exhausts_at ? clock(one.exhausts_at) : ""),
      el("td", {}, amount(one.now, one.unit)), el("td", {}, daily(one)), el("td", {}, one.basis))));
}

// What is not sure says why, once for all that are so.
function legend(forecasts) {
  const told = Object.values(Confidence).filter((each) => forecasts.some(({ confidence }) => confidence === each));
  return el("ul", { class: "legend", "aria-label": "How sure" }, told.map((each) => el("li", {}, word(each), `: ${MEANINGS.Confidence[each]}`)));
}

function what(one) {
  if (one.quota) return `${one.quota}: ${amount(one.limit, one.unit)} ${one.metric} a ${one.window}`;
  const when = { day: "today", month: "this month" }[one.window] ?? one.window;
  return when ? `${one.metric} ${when}` : one.metric;
}

function outlook(one) {
  const left = one.exhausts_at ? Math.max(0, (Date.parse(one.exhausts_at) - Date.now()) / 1000) : null;
  if (one.quota) {
    const used = `${Math.round((one.now / one.limit) * 100)}% used`;
    if (left === null) return `${used}, ${one.per_day === null ? "then unknown" : "not reached"}`;
    return `${used}, ${left ? `all in ${age(left)}` : "all of it"}`;
  }
  if (one.per_day === null) return "unknown";
  if (one.window) return `${amount(one.at_end ?? 0, one.unit)} by its end`;
  return left === null ? "not at this rate" : `full in ${age(left)}`;
}

function daily(one) {
  if (one.per_day === null) return "unknown";
  const usual = amount(one.per_day, one.unit, !one.window);
  const apart = one.low !== null && one.high !== null && one.low !== one.high;
  return apart ? `${usual} (${amount(one.low, one.unit, !one.window)} to ${amount(one.high, one.unit, !one.window)})` : usual;
}

// As `fleet forecast` says it: three digits and a decimal unit; money to the cent.
function amount(value, unit, sign = false) {
  const prefix = value < 0 ? "-" : sign ? "+" : "";
  const units = { bytes: BYTES, tokens: NUMBERS }[unit];
  let size = Math.abs(value);
  if (!units) return `${prefix}${size.toFixed(2)} ${unit}`;
  let at = 0;
  while (size >= 999.5 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${prefix}${Number(size.toPrecision(3))} ${units[at]}`.trimEnd();
}
