// A list of any length of which the rows in sight alone are in the document. The page itself scrolls; what
// is above and below is room. For who cannot see it each row says its number of how many.

const SPARE = 6; // rows beyond each edge: the next one is there before it is scrolled to, or reached by Tab
const USUAL = 56; // px of a row until one was measured

// `frame` holds the `table` with its `body`; `draw(first, last)` is called when other rows come into sight.
export function virtualList(frame, grid, body, draw) {
  let total = 0;
  let height = USUAL;
  let range = [0, 0];
  let due = false;
  let wanted = null; // the row that is to have the focus once it is drawn

  const top = () => body.getBoundingClientRect().top - range[0] * height;

  function inSight() {
    const above = -top();
    const first = Math.max(0, Math.floor(above / height) - SPARE);
    const last = Math.min(total, Math.ceil((above + innerHeight) / height) + SPARE);
    return [Math.min(first, Math.max(0, last - 1)), Math.max(last, Math.min(total, SPARE))];
  }

  function look() {
    due = false;
    if (!frame.isConnected) {
      removeEventListener("scroll", soon);
      sizes.disconnect();
      return;
    }
    const [first, last] = inSight();
    if (first !== range[0] || last !== range[1]) draw(first, last);
  }

  function soon() {
    if (due) return;
    due = true;
    requestAnimationFrame(look);
  }

  function holds(all) {
    total = all;
    grid.setAttribute("aria-rowcount", String(total + 1));
  }

  // The rows `first` to `last` are what the body holds now.
  function placed(first, last) {
    range = [first, last];
    const row = body.rows[0];
    if (row) height = row.getBoundingClientRect().height || height;
    frame.style.paddingTop = `${first * height}px`;
    frame.style.paddingBottom = `${Math.max(0, total - last) * height}px`;
    if (wanted !== null && wanted >= first && wanted < last) {
      const link = body.rows[wanted - first]?.querySelector("a");
      wanted = null;
      link?.focus({ preventScroll: true });
    }
  }

  // Bring a row into sight, and the focus to it.
  function reveal(index) {
    wanted = Math.max(0, Math.min(total - 1, index));
    const at = top() + wanted * height;
    const head = grid.tHead.getBoundingClientRect().height;
    if (at < head) scrollBy(0, at - head);
    else if (at + height > innerHeight) scrollBy(0, at + height - innerHeight);
    draw(...inSight());
  }

  frame.addEventListener("keydown", (event) => {
    const row = event.target === frame ? body.rows[0] : event.target.closest("tbody tr");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(innerHeight / height) - 2);
    const at = Number(row.getAttribute("aria-rowindex")) - 2;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: total - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    reveal(to);
  });

  addEventListener("scroll", soon, { passive: true });
  const sizes = new ResizeObserver(soon);
  sizes.observe(document.documentElement);
  return { holds, inSight, placed };
}
