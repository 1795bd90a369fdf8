"""Words that a deployment's own accepted ADRs add (design: amendments without a fork).

An ADR file opens with front matter between two `---` lines. Only this small subset of YAML is
read, so that the sidecar needs no YAML library:

    ---
    status: accepted
    adds: {alert_codes: [gpu-hot], planes: [gpu]}
    ---
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError, closest
from fleet.contract.vocabulary import AlertCode, HubAlertCode, Plane, Word

VOCABULARIES: Final[dict[str, frozenset[str]]] = {
    "alert_codes": frozenset((*AlertCode, *HubAlertCode)),
    "planes": frozenset(Plane),
}
"""What may grow without a fork, with the words that are taken."""


class AdrStatus(Word):
    """Where a decision stands; only an accepted one changes the contract."""

    PROPOSED = "proposed", "under discussion"
    ACCEPTED = "accepted", "in force"
    REJECTED = "rejected", "decided against"
    SUPERSEDED = "superseded", "replaced by a later decision"


_WORD = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_ADDS = re.compile(r"\{(?P<body>.*)\}")
_LIST = re.compile(r"\s*([a-z_]+)\s*:\s*\[([^\]]*)\]\s*(?:,|$)")


FIELDS: Final = ("status", "date", "supersedes", "superseded-by", "adds")
"""What an ADR says of itself."""

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\s*:.*")


def front_matter_fault(text: str) -> str:
    """Why the front matter of `text` would not be read as it was meant; empty: it would.

    A slip in it must not leave words out unseen.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    closing = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if closing is None:
        return "no line --- ends its front matter"
    seen: set[str] = set()
    for line in lines[1:closing]:
        if not line.strip() or line[0] in " \t-#":
            continue
        key = line.partition(":")[0].strip()
        if not _FIELD.fullmatch(line):
            return f"{line!r} is not a field like status: accepted"
        if key in seen:
            return f"the field {key!r} stands twice"
        seen.add(key)
        meant = closest(key, FIELDS)
        if key not in FIELDS and meant:
            return f"unknown field {key!r}; {meant!r} was probably meant"
    return ""


def front_matter(text: str) -> dict[str, str]:
    """The `key: value` lines between the leading `---` pair; empty if there is none."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if line.strip() == "---":
            return fields
        key, colon, value = line.partition(":")
        if colon:
            fields[key.strip()] = value.strip()
    return {}


def added_words(texts: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The words that the accepted ones among `(name, text)` ADRs add, by vocabulary.

    Raises:
        ConfigError: a status or an `adds` that cannot be read, an unknown vocabulary, a bad word.
    """
    added: dict[str, tuple[str, ...]] = {}
    for name, text in texts:
        fault = front_matter_fault(text)
        if fault:
            raise _bad(name, fault)
        fields = front_matter(text)
        if "adds" not in fields or status_of(name, fields) is not AdrStatus.ACCEPTED:
            continue
        for vocabulary, words in parse_adds(name, fields["adds"]).items():
            known = added.get(vocabulary, ())
            added[vocabulary] = (*known, *(word for word in words if word not in known))
    return added


def read_folder(folder: Path) -> dict[str, tuple[str, ...]]:
    """The words that the accepted ADRs in `folder` (`*.md`) add.

    Raises:
        ConfigError: the folder or a file cannot be read, or `added_words` says so.
    """
    try:
        # `glob` would find nothing in a folder that is not there, and leave words out unseen.
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".md")
        texts = ((path.name, trusted_path.read_text(path)) for path in paths)
        return added_words((name, text.removeprefix("\ufeff")) for name, text in texts)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the ADR folder {folder} cannot be read", str(error), "check FLEET_ADR and its mode"
        ) from None


def status_of(name: str, fields: Mapping[str, str]) -> AdrStatus:
    """The status in the front matter `fields` of the ADR `name`.

    Raises:
        ConfigError: it is none of `AdrStatus`; a slip must not leave words out unseen.
    """
    try:
        return AdrStatus(fields.get("status", ""))
    except ValueError:
        raise _bad(name, f"its status is not one of {', '.join(AdrStatus)}") from None


def parse_adds(name: str, text: str) -> dict[str, list[str]]:
    """The words by vocabulary in `text`, the `adds` of the ADR `name`.

    Raises:
        ConfigError: it cannot be read, names an unknown vocabulary or holds a bad word.
    """
    outer = _ADDS.fullmatch(text)
    body = outer["body"].strip() if outer else ""
    parsed: dict[str, list[str]] = {}
    position = 0
    while position < len(body):
        item = _LIST.match(body, position)
        if not item:
            break
        if item[1] in parsed:
            raise _bad(name, f"{item[1]!r} stands twice in adds")
        parsed[item[1]] = [word.strip() for word in item[2].split(",") if word.strip()]
        position = item.end()
    if not parsed or position < len(body):
        raise _bad(name, f"adds is not like {{planes: [gpu]}}: {text!r}")
    for vocabulary, words in parsed.items():
        if vocabulary not in VOCABULARIES:
            raise _bad(name, f"{vocabulary!r} is not one of {', '.join(VOCABULARIES)}")
        for word in words:
            if not _WORD.fullmatch(word):
                raise _bad(name, f"{word!r} is not a word of a-z, 0-9 and -")
            if word in VOCABULARIES[vocabulary]:
                raise _bad(name, f"{word!r} is in the contract already")
    return parsed


def _bad(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"the amendment {name} is not usable", why, f"mend the front matter of {name}"
    )
