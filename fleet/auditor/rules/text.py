"""text.*: prose, transcripts, and references to a client's records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fleet.auditor.rules.rule import AT_THE_SOURCE, Clause, Hit, Rule
from fleet.auditor.rules.wordlists import FIELD_NOUNS, FUNCTION_WORDS, OPERATIONS, lexicon
from fleet.contract.vocabulary import Severity


def _rule(name: str, finds: str) -> Rule:
    return Rule(f"text.{name}", Severity.CRITICAL, Clause.FREE_TEXT, finds, AT_THE_SOURCE)


FREE_TEXT: Final = _rule("free-text", "words of plain language that make a phrase")
TRANSCRIPT: Final = _rule("transcript", "turns of a conversation")
RECORD: Final = _rule("record", "a reference to a client, customer or case (CRM)")
VAULT: Final = _rule("vault", "a reference to somebody's notes or documents")
LOCATION: Final = _rule("location", "a file path or URL")
LOG: Final = _rule("log", "a log line, error message or command line")

RULES: Final = (FREE_TEXT, TRANSCRIPT, RECORD, VAULT, LOCATION, LOG)

_TRANSCRIPT: Final = re.compile(
    r"(?:^|\n|[\"'{\[(>|;] ?)(?:user|human|assistant|system|ai|bot|agent|client|customer|patient"
    r"|speaker ?\d?|[A-Z][a-z]{2,12}) ?[\"']?\s?:\s?[\"']?[^\s\"'][^\n]{3,}"
    r"|<\|?(?:im_start|user|assistant|system|start_header_id)\|?>|\[/?INST\]"
    r"|[\"']?role[\"']?\s*:\s*[\"']?(?:user|assistant|system)",
)
_ROLE: Final = re.compile(r"\b(?:user|human|assistant|speaker ?\d?)\s?:\s?\S", re.IGNORECASE)
_VAULT: Final = re.compile(
    r"obsidian://|\[\[[^\]\n]{1,120}\]\]|notion\.so/|onenote:|evernote:|roamresearch\.com"
    r"|(?:docs|drive)\.google\.com|\bvaults?[/\\:]\S+|[\w/ -]+\."
    r"(?:md|docx?|pdf|xlsx?|pptx?|txt|csv|eml|pages)\b"
    r"|dropbox\.com|sharepoint\.com",
    re.IGNORECASE,
)
_RECORD: Final = re.compile(
    r"\b(?:client|customer|patient|tenant|account|acct|case|matter|deal|opportunity|lead|contact"
    r"|invoice|policy|claim|ticket|order|crm|contract|opp|inv|ref)\b"
    r"[ _-]?(?:id|no|nr|number|ref)?\.?"
    r"\s?[:#=/ _-]\s?[A-Z]{0,6}[-_]?\d{3,}[\w-]*"
    r"|\b(?:salesforce|hubspot|zendesk|pipedrive|zoho|dynamics|freshdesk|intercom|airtable|jira)"
    r"\b[:/#=. _-]{1,3}\S+"
    r"|\b00[136QDOT5][A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b|\bcus_[A-Za-z0-9]{10,}\b"
    r"|\b(?:CRM|ACCT|CUST|OPP|INV|CASE|LEAD|DEAL)[-_#]\d{2,}\b",
    re.IGNORECASE,
)
_LOCATION: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>]{3,}|\bwww\.[a-z0-9-]+\.[a-z]{2,}\S*"
    r"|(?<![\w/.])(?:~|\.{1,2})?/(?:[\w.@-]+/)+[\w.@-]*|\b[A-Za-z]:\\[^\s\"']+|\\\\[\w.-]+\\\S+",
    re.IGNORECASE,
)
_LOG: Final = re.compile(
    r"Traceback \(most recent|\b\w*(?:Error|Exception)\b: \S|\bat [\w.$]+\([\w.]+:\d+\)"
    r"|File \"[^\"]+\", line \d+|\b(?:ERROR|WARN(?:ING)?|FATAL|DEBUG|INFO)\b[\]: -]+\S"
    r"|(?:^|[;&|]\s*)(?:sudo|rm|curl|wget|cat|bash|sh|python3?|eval|exec|chmod|nc|ssh|scp)\s+-?[\w/~.$-]+"
    r"|\$\([^)]+\)|`[^`]+`",
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


def find(text: str) -> Iterator[Hit]:
    """Prose and references in `text`."""
    roles = list(_ROLE.finditer(text))
    match = _TRANSCRIPT.search(text)
    if len(roles) >= 2 or (match and (roles or "\n" in text or "role" in match[0])):
        yield Hit(TRANSCRIPT, 0, len(text))
    for pattern, rule in ((_VAULT, VAULT), (_RECORD, RECORD), (_LOCATION, LOCATION), (_LOG, LOG)):
        for found in pattern.finditer(text):
            yield Hit(rule, found.start(), found.end())
    if is_prose(text):
        yield Hit(FREE_TEXT, 0, len(text))


_UNSPACED: Final = re.compile(
    r"[\u3005\u3040-\u30ff\u3400-\u9fff]{7,}|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{18,}"
)
"""Sentences of scripts that put no blanks between words; names have fewer letters."""


def is_prose(text: str) -> bool:
    """Whether `text` says something in plain language."""
    if not text.isascii() and _UNSPACED.search(text):
        return True
    found = [match[0].lower() for match in _WORD.finditer(text)]
    if len(found) < 2:
        return False
    known = lexicon()
    function = sum(word in FUNCTION_WORDS for word in found)
    plain = sum(map(known.is_plain, found))
    spaced = sum(c in " \n\t" for c in text)
    foreign = sum(
        len(word) > 3 and word not in OPERATIONS and word not in FIELD_NOUNS for word in found
    )
    if spaced >= 2 and (function or plain >= 2 or foreign >= 3):
        return True
    if not text.isascii() and spaced and any(ord(c) > 0x2E7F for c in text):
        return True
    if not text.isascii() and spaced >= 3 and sum(not word.isascii() for word in found) >= 3:
        return True  # a sentence of a language that no list here has; a name has fewer words
    return spaced >= 1 and plain >= 2


def prose_words(words: list[str]) -> bool:
    """Whether words of a name (an agent's, a metric's, a version's) make a phrase.

    Names of machines are made of operations and of one or two other words; phrases need words
    that hold them together, or many plain ones.
    """
    known = lexicon()
    # `calm-tapir-from-saturn` is a name that a generator made.
    function = sum(word in FUNCTION_WORDS and word != "from" for word in words)
    plain = sum(word not in FUNCTION_WORDS and known.is_plain(word) for word in words)
    held_together = function >= 3 or (function == 2 and plain >= 1)
    return held_together or (function == 1 and plain >= 3) or plain >= 5
