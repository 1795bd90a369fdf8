// The session's second half, kept where only this origin, port included, reads it. A reload finds it
// again; a new tab asks the tabs of this origin that are open, and signs in if none is. Of one who may
// change nothing the browser keeps it over its own end: a screen on a wall comes back after a power cut.

const KEY = "session-secret";
const PATIENCE = 300; // ms for another tab to answer
const tabs = new BroadcastChannel(KEY);
let told = () => {};

tabs.addEventListener("message", ({ data }) => {
  if (data.wanted && current()) tabs.postMessage({ secret: current() });
  if (data.secret) {
    sessionStorage.setItem(KEY, data.secret);
    told();
  }
});

export const current = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";

export function forget() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

// A new session is that of every tab, since they share its cookie.
export function remember(secret, lasting) {
  forget();
  sessionStorage.setItem(KEY, secret);
  if (lasting) localStorage.setItem(KEY, secret);
  tabs.postMessage({ secret });
}

// Over when there is a secret, or no other tab has one.
export async function recall() {
  if (current()) return;
  await new Promise((over) => {
    told = over;
    tabs.postMessage({ wanted: true });
    setTimeout(over, PATIENCE);
  });
}
