// Asks before what concerns many; Escape and Cancel say no.

import { el } from "./dom.js";

export function confirm(question, yes) {
  return new Promise((resolve) => {
    const heading = el("h2", { id: "question" }, question);
    const box = el("dialog", { class: "question", "aria-labelledby": "question" }, heading,
      el("p", { class: "verbs" },
        el("button", { type: "button", class: "main", onclick: () => box.close("yes") }, yes),
        el("button", { type: "button", onclick: () => box.close("") }, "Cancel")));
    box.addEventListener("close", () => {
      resolve(box.returnValue === "yes");
      box.remove();
    });
    document.body.append(box);
    box.showModal();
  });
}
