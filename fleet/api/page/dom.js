// Small builders of elements and texts. Nothing is ever parsed as HTML: text stays text.

import { Check, CommandState, Confidence, ExecutionState, Outcome, PairRole, Phase, RolloutState, Severity, TaskState, Verdict } from "./vocabulary.js";

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
}

// The same with new children, where the focus stays on what has the same address or label.
export function redraw(node, ...children) {
  const at = node.contains(document.activeElement) ? document.activeElement : null;
  const same = (one) => one.getAttribute("href") === at.getAttribute("href")
    && one.getAttribute("aria-label") === at.getAttribute("aria-label") && one.tagName === at.tagName;
  const sides = new Map([...node.querySelectorAll(".scroll")].map((one) => [one.getAttribute("aria-label"), one.scrollLeft]));
  replace(node, ...children);
  for (const one of node.querySelectorAll(".scroll")) one.scrollLeft = sides.get(one.getAttribute("aria-label")) ?? 0;
  if (at && at !== node) [...node.querySelectorAll(at.tagName)].find(same)?.focus({ preventScroll: true });
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
}

// A span of seconds for people; "-" would be read as offline, so unknown is said in a word.
export function age(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

export function ago(seconds) {
  return seconds === null || seconds === undefined ? "never" : `${age(seconds)} ago`;
}

export function number(value) {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 6 }).format(value);
}

// Ticks of an axis have room for a few characters only: 28M, 1.2k.
export function brief(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 }).format(value);
}

export function clock(timestamp) {
  const time = new Date(timestamp);
  return Number.isNaN(time.getTime()) ? "unknown" : time.toLocaleString();
}

export const minute = (time) => time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// Each word has a shape of its own beside its colour: colour alone tells nothing to many people.
const SHAPES = {
  [Verdict.OK]: ["●", "good"],
  [Verdict.DEGRADED]: ["◐", "fair"],
  [Verdict.LATE]: ["◐", "fair"],
  [Verdict.STALE]: ["▲", "bad"],
  [Verdict.OFFLINE]: ["■", "bad"],
  [Verdict.UNKNOWN]: ["?", "odd"],
  [Verdict.GHOST]: ["?", "odd"],
  [Check.PASS]: ["●", "good"],
  [Check.WARN]: ["◐", "fair"],
  [Check.FAIL]: ["▲", "bad"],
  [Severity.INFO]: ["ℹ", "plain"],
  [Severity.WARNING]: ["◐", "fair"],
  [Severity.CRITICAL]: ["▲", "bad"],
  [CommandState.QUEUED]: ["○", "plain"],
  [CommandState.SENT]: ["◐", "fair"],
  [CommandState.ACKNOWLEDGED]: ["◐", "fair"],
  [CommandState.DONE]: ["●", "good"],
  [CommandState.FAILED]: ["▲", "bad"],
  [CommandState.REJECTED]: ["▲", "bad"],
  [CommandState.EXPIRED]: ["■", "plain"],
  [CommandState.UNSUPPORTED]: ["?", "odd"],
  [CommandState.SILENT]: ["■", "bad"],
  [Outcome.TAKEN]: ["●", "good"],
  [Outcome.WAITING]: ["◐", "fair"],
  [Outcome.SET_ASIDE]: ["▲", "bad"],
  [TaskState.SUBMITTED]: ["○", "plain"],
  [TaskState.WORKING]: ["◐", "good"],
  [TaskState.INPUT_REQUIRED]: ["?", "odd"],
  [TaskState.AUTH_REQUIRED]: ["?", "odd"],
  [TaskState.COMPLETED]: ["●", "good"],
  [TaskState.FAILED]: ["▲", "bad"],
  [TaskState.CANCELED]: ["■", "plain"],
  [TaskState.REJECTED]: ["▲", "bad"],
  [TaskState.TIMED_OUT]: ["▲", "bad"],
  [TaskState.LOST]: ["■", "bad"],
  [RolloutState.DRAFT]: ["○", "plain"],
  [RolloutState.RUNNING]: ["◐", "good"],
  [RolloutState.PAUSED]: ["◐", "fair"],
  [RolloutState.COMPLETED]: ["●", "good"],
  [RolloutState.ABORTED]: ["▲", "bad"],
  [ExecutionState.QUEUED]: ["○", "plain"],
  [ExecutionState.PRECHECK]: ["◐", "fair"],
  [ExecutionState.SNAPSHOT]: ["◐", "fair"],
  [ExecutionState.INSTALLING]: ["◐", "fair"],
  [ExecutionState.VERIFYING]: ["◐", "fair"],
  [ExecutionState.SOAKING]: ["◐", "good"],
  [ExecutionState.COMMITTED]: ["●", "good"],
  [ExecutionState.ROLLING_BACK]: ["▲", "bad"],
  [ExecutionState.ROLLED_BACK]: ["▲", "bad"],
  [ExecutionState.ROLLBACK_FAILED]: ["■", "bad"],
  [ExecutionState.REJECTED]: ["▲", "bad"],
  [ExecutionState.TIMED_OUT]: ["▲", "bad"],
  [Confidence.HIGH]: ["●", "good"],
  [Confidence.LOW]: ["◐", "fair"],
  [Confidence.UNKNOWN]: ["?", "odd"],
  [Phase.STEADY]: ["●", "good"],
  [Phase.FENCING]: ["◐", "fair"],
  [Phase.PROMOTING]: ["◐", "fair"],
  [Phase.MANUAL]: ["▲", "bad"],
  [PairRole.ACTIVE]: ["●", "good"],
  [PairRole.STANDBY]: ["○", "plain"],
  [PairRole.PROMOTING]: ["◐", "fair"],
  [PairRole.FENCED]: ["■", "plain"],
  [PairRole.MANUAL]: ["▲", "bad"],
};

export const shape = (text) => SHAPES[text] ?? ["•", "plain"];

export function word(text) {
  const [mark, colour] = shape(text);
  return el("span", { class: `word ${colour}` },
    el("span", { class: "shape", "aria-hidden": "true" }, mark), ` ${text}`);
}

export function table(caption, headings, rows) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, headings.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows)));
}

export function say(text) {
  document.getElementById("says").textContent = text;
}

// What stands in brackets behind a problem.
export function remarks(problem) {
  const told = [problem.flapping ? "flapping" : "", problem.held ?? ""].filter(Boolean);
  return told.length ? ` (${told.join(", ")})` : "";
}

export const HUB = "hub"; // whose the hub's own problems are

// What a problem is about, in words: an agent, a site, or a hub, which is named where it is another site's.
export const subject = ({ agent, site }) => (agent === HUB && site ? `${HUB} of ${site}` : agent);
