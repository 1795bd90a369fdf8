"""What a report means to somebody who is no engineer: how sure it is, and what it cannot see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from fleet.auditor.rules.finding import Finding
from fleet.contract.vocabulary import Severity

LOOKED_AT: Final = (
    "Every message that agents, sidecars and the hub sent in this time over the fleet's message "
    "bus was read whole: its topic, each name in it, each value, and when it came. Each was held "
    "against a closed list of what may be said (how an agent is, never what it works on), and "
    "searched for personal data, passwords and keys, and free text."
)

MEANING: Final = {
    Severity.CRITICAL: (
        "sure",
        "The text has a form that chance does not give: a check digit that holds, a known "
        "provider's key, a given name beside a family name, or a field that may not be there.",
    ),
    Severity.WARNING: (
        "likely",
        "It looks like one, and an ordinary name may do so, too. Somebody should look.",
    ),
    Severity.INFO: ("a hint", "Worth knowing; no violation, and it changes no verdict."),
}
"""By severity: how sure it is, and what that means."""

UNSEEN: Final = (
    "what an agent said by other ways than this bus",
    "a message that the capture lacks (gaps are listed)",
    "a client's name that is an ordinary word, alone",
    "digits that are possible for what they count",
    "a meaning that two sides agreed on for permitted values (the leak budget bounds how much)",
)


def sure(findings: Iterable[Finding]) -> str:
    """How many findings are how sure, in a line."""
    counts = Counter(finding.severity for finding in findings)
    ordered = sorted(counts.items(), key=lambda item: -item[0].rank)
    return ", ".join(f"{count:,} {MEANING[severity][0]}" for severity, count in ordered)
