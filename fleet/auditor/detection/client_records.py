"""Names of metrics, agents and versions that say who a client is, or how it stands with one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from fleet.auditor.detection.person_names import is_frame
from fleet.auditor.rules import text
from fleet.auditor.rules.rule import Rule
from fleet.auditor.rules.wordlists import lexicon, word_set
from fleet.contract.vocabulary import Severity

_RECORDS: Final = word_set(
    """
        client customer patient tenant acct matter deal opportunity invoice contact crm lead
        vip
        """
)
_SALES: Final = frozenset(
    (
        ("churn", "risk"), ("churn", "score"), ("deal", "size"), ("deal", "stage"),
        ("deal", "value"), ("lead", "score"), ("renewal", "date"), ("renewal", "risk"),
        ("upsell", "target"), ("credit", "limit"), ("credit", "score"),
    )
)  # fmt: skip
"""Words side by side that are columns of a CRM, and say something of one client."""

_COMPANIES: Final = word_set(
    """
        llc inc ltd plc gmbh kg ag ohg ug corp sarl sas eurl bv nv oy oyj ab aps srl spa snc sl slu
        sro kft zrt ltda gruppe holdings sons partners pte pvt
        """
)
"""Words that a company's name ends with."""

_ALSO_PLAIN: Final = word_set("contact deal lead matter patient")
"""Of the records, words that mean something else in plain English: `patient-flower-2445`."""

_AFTER_RECORD: Final = word_set("id ids no nr number ref side id latency success facing portal")


def find(words: Sequence[str]) -> Iterator[tuple[Rule, Severity | None]]:
    """A word such as `customer`, and behind it one that operations do not need."""
    known = lexicon()
    if any(pair in _SALES for pair in itertools.pairwise(words)):
        yield text.RECORD, Severity.WARNING
    for place, a in enumerate(words[:-1]):
        b = next((word for word in words[place + 1 :] if len(word) > 2), words[place + 1])
        # Behind its protocol a client is a program: `ldap-client-doc`.
        program = a == "client" and not all(map(is_frame, words[:place]))
        if a not in _RECORDS or b in _AFTER_RECORD or program:
            continue
        company = not _COMPANIES.isdisjoint(words[place + 2 :])
        person = known.is_name(b) and len(words) > place + 2 and known.is_name(words[place + 2])
        if (b.isdigit() and len(b) >= 4) or company or person:
            yield text.RECORD, None
        elif b.isalpha() and len(b) > 2 and not known.is_operations(b):
            plainly = known.is_known(b) and a in _ALSO_PLAIN
            sure = Severity.WARNING if known.is_known(b) else None
            yield text.RECORD, Severity.INFO if plainly else sure
