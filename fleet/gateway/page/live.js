// Live events: one EventSource for the page; it resumes by id on its own after a break.

export function listen(onEvent, onLink) {
  const source = new EventSource("/v1/events");
  source.onopen = () => onLink(true);
  source.onerror = () => onLink(false);
  for (const name of ["bus", "fact", "command", "audit"]) {
    source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
  }
  return () => source.close();
}

// Calls `work` at most once every `pause` ms, and once more after the last request.
export function gently(work, pause = 500) {
  let waiting = null;
  let last = 0;
  return () => {
    if (waiting !== null) return;
    waiting = setTimeout(() => {
      waiting = null;
      last = performance.now();
      work();
    }, Math.max(0, pause - (performance.now() - last)));
  };
}
