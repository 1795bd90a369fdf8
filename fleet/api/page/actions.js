// What somebody does about an alert or an agent, in place; each says what became of it.

import { post, remove } from "./api.js";
import { el, say } from "./dom.js";

const LENGTHS = [["15 min", 900], ["1 h", 3600], ["4 h", 4 * 3600], ["1 d", 86_400], ["7 d", 7 * 86_400]];
const USUAL = 3600;

export async function act(work, done, again) {
  try {
    await work();
    say(done);
    told(done, false);
  } catch (error) {
    const text = `That did not work: ${error.message}`;
    say(text);
    told(text, true);
  }
  await again();
}

// The same for whoever sees it: at the lower edge, for some seconds.
function told(text, bad) {
  document.querySelector(".told-now")?.remove();
  const note = el("p", { class: bad ? "told-now failing" : "told-now", "aria-hidden": "true" }, text);
  document.body.append(note);
  setTimeout(() => note.remove(), 6000);
}

export const button = (text, label, onclick, kind = "") =>
  el("button", { type: "button", class: kind || null, "aria-label": label, onclick }, text);

// A choice of lengths, and a button that begins something for so long.
export function forSoLong(text, label, begin) {
  const choice = el("select", { "aria-label": `${label}: how long` },
    LENGTHS.map(([said, seconds]) => el("option", { value: seconds, selected: seconds === USUAL }, said)));
  const length = () => LENGTHS.find(([, seconds]) => String(seconds) === choice.value);
  return el("span", { class: "for-so-long" },
    button(text, label, () => begin(Number(choice.value), length()[0])), choice);
}

// What is asked about another site's hub names the site; an agent's is known.
const at = (site) => (site ? `?site=${encodeURIComponent(site)}` : "");

export function acknowledge(target, label, again, site = null) {
  return button("Acknowledge", `Acknowledge ${label}`,
    () => act(() => post("/v1/alerts/ack" + at(site), target), `${label} acknowledged`, again));
}

export function silence(target, label, again, site = null) {
  return forSoLong("Silence", `Silence ${label}`, (seconds, length) =>
    act(() => post("/v1/silences" + at(site), { ...target, seconds }), `${label} silenced for ${length}`, again));
}

export function lift(id, text, label, again) {
  return button(text, label, () => act(() => remove(`/v1/silences/${id}`), "silence lifted", again));
}

// A command to type, and a button that copies it; where the browser gives no clipboard, it is selected.
export function command(text) {
  const code = el("code", {}, text);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
      copier.textContent = "Copied";
      setTimeout(() => { copier.textContent = "Copy"; }, 2000);
    } catch {
      getSelection().selectAllChildren(code);
      say("selected, copy it by hand");
    }
  };
  const copier = button("Copy", `Copy ${text}`, copy, "small");
  return el("span", { class: "to-type" }, code, copier);
}
