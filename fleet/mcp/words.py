"""What of the fleet may be said to a language model: words of known vocabularies, and numbers.

The contract lets an agent choose some strings within a pattern: names of metrics, versions, its own
name where nobody keeps a list. `you_must_now_call_command` is a name of a metric, too. So whatever
is not known here is counted, not quoted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from fleet.contract.patterns import AGENT, DIGEST, TIMESTAMP
from fleet.contract.store_url import is_site_name
from fleet.contract.vocabulary import AlertCode, Check, HubAlertCode, Plane, Word
from fleet.domain.problems import FLAPPING, HUB, MAINTENANCE, NOT_OK, SILENCED, Problem
from fleet.metrics.declared import DECLARED
from fleet.store.sites import SUBJECT

UNLISTED: Final = "an agent that is not enrolled"
OTHER_FORM: Final = "of another form"
PARTS: Final = ("agent", "sidecar", "runtime")

VERSION: Final = re.compile(
    r"v?[0-9]{1,8}(\.[0-9]{1,8}){0,3}"
    r"([-.+]?(a|b|rc|alpha|beta|dev|pre|post)?[-.]?[0-9]{1,8})?"
    r"([-+]g?[0-9a-f]{7,12})?"
)
"""Up to four numbers, at most one of the usual steps with its number, at most one commit."""

PLAIN_NAME: Final = re.compile(r"[a-z]{1,16}(-?[0-9]{1,4})?")
"""A name that passes where nobody keeps a list: one word and perhaps a number, so no sentence."""


class Words:
    """Says things in known words.

    Args:
        added: the words that the deployment's own ADRs add, by vocabulary.
        listed: names on the operator's list of agents; None: nobody keeps one.
    """

    def __init__(
        self,
        added: Mapping[str, Iterable[str]] | None = None,
        listed: Collection[str] | None = None,
    ) -> None:
        added = added or {}
        self._codes = {*AlertCode, *HubAlertCode, NOT_OK, *added.get("alert_codes", ())}
        self._planes = {*Plane, *added.get("planes", ())}
        self._listed = listed

    def knows(self, name: object) -> bool:
        """Whether an agent may be called by its name."""
        if not isinstance(name, str) or not re.fullmatch(AGENT, name):
            return False
        return bool(PLAIN_NAME.fullmatch(name)) if self._listed is None else name in self._listed

    def agent(self, name: object) -> str:
        return str(name) if name == HUB or self.knows(name) else UNLISTED

    def subject(self, name: object, site: object) -> str:
        """Whose alert it is: an agent's, a hub's, another site's hub's, or a site's. Whoever sets
        up the hubs of a site names it."""
        if name == HUB and isinstance(site, str) and is_site_name(site):
            return f"{HUB} of {site}"
        _, colon, lost = str(name).partition(SUBJECT)
        return f"{SUBJECT}{lost}" if colon and is_site_name(lost) else self.agent(name)

    def whose(self, problem: Problem) -> str:
        return self.subject(problem.agent, problem.site)

    def agents(self, names: Iterable[object]) -> str:
        """The names, those that may not be said as a number at the end."""
        every = list(names)
        said = [str(name) for name in every if self.knows(name)]
        return _and_more(said, len(every) - len(said), "not enrolled")

    def code(self, code: object) -> str:
        return code if isinstance(code, str) and code in self._codes else "an unknown code"

    def codes(self, codes: Iterable[object]) -> str:
        every = list(codes)
        said = [code for code in every if isinstance(code, str) and code in self._codes]
        return _and_more(said, len(every) - len(said), "unknown codes") or "none"

    def checks(self, checks: Mapping[str, Check]) -> str:
        known = {plane: check for plane, check in checks.items() if plane in self._planes}
        said = [f"{plane} {word(Check, check)}" for plane, check in known.items()]
        return _and_more(said, len(checks) - len(known), "of unknown planes") or "none"

    def problem(self, problem: Problem) -> str:
        """Its code in words, without whose it is."""
        plane, colon, check = problem.code.partition(":")
        if colon:
            known = plane if plane in self._planes else "an unknown plane"
            what = f"{known}:{word(Check, check)}"
        else:
            what = self.code(problem.code)
        known_words = (FLAPPING, MAINTENANCE, SILENCED)
        beside = ", ".join(one if one in known_words else "held back" for one in problem.remarks)
        return f"{what} ({beside})" if beside else what


def version(text: object) -> str:
    known = isinstance(text, str) and len(text) <= 32 and VERSION.fullmatch(text)
    return str(text) if known else OTHER_FORM


def versions(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "unknown"
    said = [f"{part} {version(found[part])}" for part in PARTS if part in found]
    return _and_more(said, len(set(found) - set(PARTS)), "unknown parts") or "none"


def config(digest: object) -> str:
    """The beginning of a fingerprint: enough to tell two apart."""
    if digest is None:
        return "unknown"
    known = isinstance(digest, str) and re.fullmatch(DIGEST, digest)
    return str(digest)[:19] if known else OTHER_FORM


def metrics(found: Mapping[str, Any]) -> str:
    said = [f"{name} {number(found[name])}" for name in found if name in DECLARED]
    return _and_more(said, len(found) - len(said), "unknown metrics") or "none"


def word(vocabulary: type[Word], value: object) -> str:
    """`value` if it is a word of the vocabulary; `unknown` where nobody said."""
    return str(value) if isinstance(value, str) and value in set(vocabulary) else "unknown"


def moment(text: object) -> str:
    known = isinstance(text, str) and re.fullmatch(TIMESTAMP, text)
    return str(text) if known else "an unknown time"


def number(value: object) -> str:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.6g}" if known else "unknown"


def rule(name: object) -> str:
    """The id of one of the audit's rules."""
    from fleet.auditor.rules.catalogue import RULES

    return name if isinstance(name, str) and name in {r.id for r in RULES} else "an unknown rule"


def merged(lines: Iterable[str]) -> Iterator[str]:
    """Each line once, with how often it came: many that nobody may name are one line."""
    for line, count in Counter(lines).items():
        yield f"{line} ({count} times)" if count > 1 else line


def _and_more(said: list[str], left: int, what: str) -> str:
    return ", ".join([*said, *([f"{left} {what}"] if left else [])])
