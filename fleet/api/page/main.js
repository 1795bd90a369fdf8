// Routes, sign-in and the live link; views only draw.

import * as agent from "./agent.js";
import * as alerts from "./alerts.js";
import { age, Refused, resume, signIn, signOut, stay, version } from "./api.js";
import * as audit from "./audit.js";
import * as commands from "./commands.js";
import { el, minute, replace } from "./dom.js";
import { about, CHANGES, listen, throttle, WORK } from "./event_source.js";
import { place } from "./filters.js";
import * as fleet from "./fleet.js";
import * as forecast from "./forecast.js";
import * as pairs from "./pairs.js";
import * as rollouts from "./rollouts.js";
import * as wall from "./wall.js";
import * as work from "./work.js";

const main = document.getElementById("main");
const link = document.getElementById("link");
const leave = document.getElementById("leave");
const trouble = document.getElementById("trouble");
const OLD = 15; // seconds: a hub that reads is so far behind only where no hub leads
const later = throttle(update);
const LOOK = 5000; // ms: ages grow without events
const STAY = 3_600_000; // ms: a page that is open keeps its session
let refresh = async () => {};
let stop = () => {};
let asOf = null; // when the last look worked
let away = null; // since when none did
let follow = () => {};

const VIEWS = {
  "": fleet.show, alerts: alerts.show, commands: commands.show, audit: audit.show, agent: agent.show,
  work: work.show, rollouts: rollouts.show, pairs: pairs.show, forecast: forecast.show, wall: wall.show,
};
const OF_TASKS = [work.show, rollouts.show]; // their names are ids, of no agent

async function route() {
  const [view, name] = place();
  const show = VIEWS[view] ?? fleet.show;
  for (const anchor of document.querySelectorAll("nav a")) {
    const current = anchor.getAttribute("href") === `#/${view}`;
    if (current) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  document.body.classList.toggle("wall", show === wall.show);
  document.title = name ? `${name} · Fleet` : "Fleet";
  follow(OF_TASKS.includes(show) ? WORK : name ? about(name) : CHANGES);
  asOf = null; // of the view before
  refresh = await show(main, name, later);
  await update();
}

// What fails is said above the view, which stays: the next look may work, and then takes it back.
async function update() {
  try {
    await refresh();
    [asOf, away] = [new Date(Date.now() - age * 1000), null];
    trouble.hidden = age < OLD;
    if (age >= OLD) trouble.textContent = `What stands here is as of ${minute(asOf)}: no hub leads that would say more.`;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return askForToken();
    away ??= new Date();
    const what = error instanceof Refused ? error.message : blind();
    trouble.textContent = [what, error.remedy].filter(Boolean).join(" ");
    trouble.hidden = false;
  }
}

// While nothing is heard, what stands below has an age, and it is said; it comes back by itself.
function blind() {
  const known = asOf ? `What stands here is as of ${minute(asOf)}` : "Nothing was heard of it yet";
  return `The hub does not answer since ${minute(away)}. ${known}; the page asks again by itself.`;
}

function askForToken(complaint = "") {
  stop();
  leave.hidden = true;
  trouble.hidden = true;
  const field = el("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const form = el("form", { class: "sign-in" },
    el("h1", {}, "Sign in"), el("p", { role: "alert" }, complaint),
    el("label", { for: "token" }, "Token "), field, el("button", { type: "submit" }, "Sign in"),
    el("p", {}, "Make one with ", el("code", {}, "fleet token create --role operator")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await signIn(field.value.trim());
      await start();
    } catch (error) {
      askForToken(error.message);
    }
  });
  replace(main, form);
  field.focus();
}

async function start() {
  stop();
  leave.hidden = false;
  let followed = "";
  let close = () => {};
  follow = (query) => {
    if (query === followed) return;
    followed = query;
    close();
    close = listen(query, later, (up) => {
      link.textContent = up ? "live" : "link lost, trying again";
      link.classList.toggle("down", !up);
      if (up) lookIn();
    });
  };
  const timers = [setInterval(later, LOOK), setInterval(lookIn, STAY)];
  stop = () => {
    close();
    timers.forEach(clearInterval);
    follow = () => {};
    link.textContent = "not connected";
  };
  await route();
}

leave.addEventListener("click", async () => {
  await signOut();
  askForToken();
});
// A tab that slept shows what is true now, before its timers come round.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !leave.hidden) later();
});
addEventListener("hashchange", () => {
  route();
  main.focus();
});

// A wall has nobody who reloads it once the hub is another.
async function lookIn() {
  const told = await stay().catch(() => "");
  if (told && told !== version && document.body.classList.contains("wall")) location.reload();
}

// Whose session is over is asked for a token; while nobody answers, the next try may.
async function begin() {
  try {
    await resume();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return askForToken();
    away ??= new Date();
    trouble.textContent = blind();
    trouble.hidden = false;
    return setTimeout(begin, LOOK * (0.5 + Math.random()));
  }
  await start();
}

begin();
