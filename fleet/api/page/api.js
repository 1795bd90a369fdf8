// The hub's HTTP interface. The token is sent once, in a body; then a strict cookie carries on.

import { CSRF_HEADER, OPERATORS } from "./vocabulary.js";

let csrf = "";
export let role = "";

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
  if (csrf) headers[CSRF_HEADER] = csrf;
  const response = await fetch(path, {
    method, headers, credentials: "same-origin",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.status === 204) return null;
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);

export async function resume() {
  remember(await get("/v1/session"));
}

export async function signIn(token) {
  remember(await post("/v1/session", { token }));
}

export async function signOut() {
  await remove("/v1/session");
  csrf = role = "";
}

export const mayOperate = () => OPERATORS.includes(role);

function remember(session) {
  csrf = session.csrf;
  role = session.role;
}
