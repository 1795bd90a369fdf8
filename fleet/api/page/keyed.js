// Lists that are drawn anew only where something changed: what is open, chosen or focused stays so.

import { age, el } from "./dom.js";

// Puts one node an item into `parent`, in order; `build` makes the node of one that is new or differs.
export function keyed(parent, build) {
  const known = new Map();
  return (items, keyOf) => {
    const present = new Set();
    let before = parent.firstChild;
    for (const item of items) {
      const key = keyOf(item);
      const text = JSON.stringify(item);
      present.add(key);
      const old = known.get(key);
      if (!old || old.text !== text) {
        const node = build(item);
        if (old) {
          const label = old.node.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
          if (before === old.node) before = node;
          old.node.replaceWith(node);
          takeOver(old.node, node);
          if (label) [...node.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === label)?.focus();
        }
        known.set(key, { node, text });
      }
      const { node } = known.get(key);
      if (node === before) before = before.nextSibling;
      else parent.insertBefore(node, before);
    }
    for (const [key, { node }] of known) {
      if (present.has(key)) continue;
      node.remove();
      known.delete(key);
    }
    freshen(parent);
  };
}

// What somebody has chosen, and not used yet.
function takeOver(old, node) {
  for (const chosen of old.querySelectorAll("select[aria-label]")) {
    const same = [...node.querySelectorAll("select")].find((one) => one.getAttribute("aria-label") === chosen.getAttribute("aria-label"));
    if (same) same.value = chosen.value;
  }
}

// How long something lasts, which grows without being drawn anew.
export const lasting = (since) => el("span", { "data-since": since }, age((Date.now() - Date.parse(since)) / 1000));

function freshen(node) {
  for (const one of node.querySelectorAll("[data-since]")) {
    one.textContent = age((Date.now() - Date.parse(one.dataset.since)) / 1000);
  }
}
