// Sites, groups and labels to narrow the list by, and the metric that is drawn. What is chosen stands in the address.

import { get } from "./api.js";
import { el, redraw, replace } from "./dom.js";
import { filter, filters, keep, keepAll } from "./filters.js";

const NONE = "none"; // the metric of who wants to see none
const FIRST = ["cpu_percent", "memory_bytes"]; // preferred while nobody chose one
const OFTEN = 60_000; // ms after which labels are asked for again

export function choices(narrow, draw) {
  const site = el("select", { id: "site" });
  const group = el("select", { id: "group" });
  const label = el("select", { id: "label" });
  const metric = el("select", { id: "metric" });
  const chips = el("ul", { class: "chips", "aria-label": "Labels that agents must have" });
  const metrics = new Set(filter("metric") && filter("metric") !== NONE ? [filter("metric")] : []);
  let asked = -OFTEN;
  let usual = "";

  for (const one of [site, group]) one.addEventListener("change", () => {
    keep(one.id, one.value);
    narrow();
  });
  label.addEventListener("change", () => {
    keepAll("label", [...new Set([...filters("label"), label.value])].filter(Boolean));
    label.value = "";
    showChips();
    narrow();
  });
  metric.addEventListener("change", () => {
    keep("metric", metric.value);
    draw();
    narrow();
  });

  function showChips() {
    redraw(chips, filters("label").map((text) => el("li", {}, el("button", { type: "button", "aria-label": `Without ${text}`, onclick: () => {
      keepAll("label", filters("label").filter((one) => one !== text));
      showChips();
      narrow();
    } }, text, el("span", { "aria-hidden": "true" }, " ×")))));
    chips.hidden = !filters("label").length;
  }

  async function look() {
    const told = await get("/v1/labels");
    const counted = (values) => Object.entries(values).map(([name, count]) => [name, `${name} (${count})`]);
    const groups = counted(told.groups);
    if (filter("group") && !(filter("group") in told.groups)) groups.push([filter("group"), filter("group")]);
    options(group, [["", "all"], ...groups.sort(byName)], filter("group"));
    const { group: _, ...others } = told.labels;
    const parts = Object.entries(others).sort(byName).map(([key, values]) => el("optgroup", { label: key },
      counted(values).sort(byName).map(([value, text]) => el("option", { value: `${key}=${value}` }, text))));
    if (document.activeElement !== label) replace(label, el("option", { value: "" }, parts.length ? "any" : "none yet"), parts);
  }

  const chosen = () => {
    const wanted = filter("metric") || usual;
    return wanted === NONE ? "" : wanted;
  };

  // A fleet of one broker has none, and is not asked for one.
  function showSites(sites) {
    const several = sites.map((one) => [one.site, `${one.site} (${one.lost ? "lost" : one.agents})`]);
    if (filter("site") && !sites.some((one) => one.site === filter("site"))) several.push([filter("site"), filter("site")]);
    ofSite.hidden = several.length < 2 && !filter("site");
    options(site, [["", "all"], ...several], filter("site"));
  }

  function refresh(agents, sites = []) {
    showSites(sites);
    if (performance.now() - asked > OFTEN) {
      asked = performance.now();
      look().catch(() => { asked = -OFTEN; }); // the list says what is wrong
    }
    const before = metrics.size;
    for (const agent of agents) for (const name of Object.keys(agent.metrics ?? {})) metrics.add(name);
    const sorted = [...metrics].sort();
    usual ||= FIRST.find((name) => metrics.has(name)) ?? sorted[0] ?? "";
    if (metrics.size !== before || !metric.options.length) options(metric, [NONE, ...sorted].map((name) => [name, name]), chosen() || NONE);
  }

  showChips();
  const named = (text, node) => el("label", { for: node.id }, el("span", {}, text), node);
  const ofSite = named("Site", site);
  ofSite.hidden = true;
  const node = el("span", { class: "choices" }, ofSite, named("Group", group), named("Label", label), named("Metric", metric));
  return { node, chips, refresh, metric: chosen };
}

const byName = ([one], [other]) => (one < other ? -1 : 1);

function options(node, pairs, value) {
  if (document.activeElement === node) return; // it may be open
  replace(node, pairs.map(([name, text]) => el("option", { value: name }, text)));
  node.value = value;
}
