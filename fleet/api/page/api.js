// The hub's HTTP interface. The token is sent once, in a body; then a strict cookie carries on, and
// beside it a secret. Pages on other ports of this host get the cookie; the secret stays with this origin.

import { current, forget, recall, remember } from "./session_secret.js";
import { OPERATORS, SECRET_HEADER } from "./vocabulary.js";

export let role = "";
export let version = ""; // of the hub when it was signed in to
export let age = 0; // seconds by which the last answer is of before: a hub that reads beside another says so

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `HTTP ${status}`);
    this.status = status;
    this.remedy = problem.try ?? "";
  }
}

async function ask(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await request(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
  });
  age = Number(response.headers.get("Age") ?? 0);
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

// `fetch` as one who is signed in.
export function request(path, options) {
  const headers = { ...options.headers };
  if (current()) headers[SECRET_HEADER] = current();
  return fetch(path, { ...options, headers, credentials: "same-origin" });
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);

// Carry on after a reload, or beside another tab; throws if there is nothing to carry on.
export async function resume() {
  await recall();
  if (!current()) throw new Refused(401, {});
  ({ role, version } = await get("/v1/session"));
}

// Somebody is there, so the session lasts from now on; the version of the hub that says so.
export async function stay() {
  const answer = await request("/v1/session", {});
  return answer.ok ? (await answer.json()).version : "";
}

export async function signIn(token) {
  const session = await post("/v1/session", { token });
  ({ role, version } = session);
  remember(session.secret, !mayOperate());
}

export async function signOut() {
  await remove("/v1/session");
  role = "";
  forget();
}

export const mayOperate = () => OPERATORS.includes(role);
