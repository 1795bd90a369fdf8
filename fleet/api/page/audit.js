// Summaries of the latest audits.

import { get } from "./api.js";
import { clock, el, replace, table, word } from "./dom.js";
import { Severity, Verdict } from "./vocabulary.js";

// A capture with a gap shows nothing wrong, and cannot show that nothing was.
function verdict(report) {
  if (report.findings) return Severity.CRITICAL;
  return report.gaps ? Severity.WARNING : Verdict.OK;
}

export async function show(main) {
  const reports = el("div");
  replace(main, el("h1", {}, "Audit"), reports);
  return async () => {
    const audit = await get("/v1/audit");
    const rows = (audit.reports ?? []).map((report) => el("tr", {},
      el("td", {}, clock(report.ts)), el("td", {}, String(report.messages)),
      el("td", {}, word(verdict(report)), ` ${report.findings} findings`),
      el("td", {}, `${report.gaps} gaps`)));
    replace(reports, rows.length ? table("Audits, newest first", ["Time", "Messages", "Findings", "Capture"], rows)
      : el("p", {}, "No audit has run yet. fleet audit run makes the first."));
  };
}
