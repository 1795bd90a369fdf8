// What an operator may say to a rollout now; what cannot be taken back is asked twice.

import { mayOperate, post } from "./api.js";
import { el, replace, say } from "./dom.js";
import { ExecutionState, OnAbort, ROLLOUT_STEPS, RolloutStep } from "./vocabulary.js";

const STEPS = {
  [RolloutStep.START]: ["Start", (id) => post(`/v1/rollouts/${id}/start`)],
  [RolloutStep.PAUSE]: ["Pause", (id) => post(`/v1/rollouts/${id}/pause`)],
  [RolloutStep.RESUME]: ["Resume", (id) => post(`/v1/rollouts/${id}/resume`)],
  [RolloutStep.ABORT]: ["Abort", null],
  [RolloutStep.ROLL_BACK]: ["Take back", null],
};
const abort = (on_abort) => (id) => post(`/v1/rollouts/${id}/abort`, { on_abort });
const ASKED_TWICE = {
  [RolloutStep.ABORT]: ["Nobody new is asked any more. And those that were changed?",
    [["Abort, they stay as they are", abort(OnAbort.STOP)], ["Abort, and take back", abort(OnAbort.ROLLBACK)]]],
  [RolloutStep.ROLL_BACK]: ["Everybody that was changed goes to the version before.",
    [["Take back all of it", (id) => post(`/v1/rollouts/${id}/rollback`)]]],
};

// `again` looks anew; the answer draws what is possible for a rollout as it is now.
export function controls(node, id, again) {
  let drawn = "";

  function offer(state, steps, changed) {
    const buttons = steps.map((step) => {
      const label = STEPS[step][0];
      const act = STEPS[step][1] ?? (changed ? null : abort(OnAbort.STOP)); // of nobody changed there is nothing to ask
      return el("button", { type: "button", onclick: act ? () => done(label, act) : () => ask(step, state, steps) }, label);
    });
    replace(node, buttons.length ? el("div", { class: "verbs", role: "group", "aria-label": "What becomes of this rollout" }, buttons) : null);
  }

  function ask(step, state, steps) {
    const [question, choices] = ASKED_TWICE[step];
    const buttons = choices.map(([label, act]) => el("button", { type: "button", onclick: () => done(label, act) }, label));
    const leave = el("button", { type: "button", onclick: () => {
      offer(state, steps, true);
      node.querySelector("button").focus();
    } }, "Go on as it was");
    replace(node, el("div", { class: "verbs", role: "group", "aria-label": question }, el("p", {}, question), buttons, leave));
    buttons[0].focus();
  }

  async function done(label, act) {
    try {
      const { state } = await act(id);
      say(`${label}: the rollout is ${state}`);
    } catch (error) {
      const told = [error.message, error.remedy].filter(Boolean).join(" ");
      node.append(el("p", { role: "alert" }, `That did not work: ${told}`));
      return;
    }
    drawn = "";
    again();
  }

  return function draw({ state, counts }) {
    if (!mayOperate()) return;
    const changed = Object.values(ExecutionState).some((each) => each !== ExecutionState.QUEUED && counts[each]);
    const steps = ROLLOUT_STEPS[state].filter((step) => STEPS[step] && (step !== RolloutStep.ROLL_BACK || changed));
    if (drawn === `${state} ${steps} ${changed}`) return;
    drawn = `${state} ${steps} ${changed}`;
    offer(state, steps, changed);
  };
}
