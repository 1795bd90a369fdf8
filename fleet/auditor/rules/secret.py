"""secret.*: credentials, by the shapes that providers give them and by how random they look."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

from fleet.auditor.rules.rule import AT_THE_SOURCE, Clause, Hit, Rule
from fleet.auditor.rules.token_formats import COMMAND, PROVIDER
from fleet.auditor.rules.token_formats import JWT as JWT_SHAPE
from fleet.auditor.rules.wordlists import lexicon, word_set
from fleet.contract.vocabulary import Severity

_ROTATE: Final = f"revoke the credential now; {AT_THE_SOURCE}"


def _rule(name: str, finds: str) -> Rule:
    return Rule(f"secret.{name}", Severity.CRITICAL, Clause.SECRETS, finds, _ROTATE)


PROVIDER_KEY: Final = _rule("provider-key", "a token with the prefix of a known provider")
JWT: Final = _rule("jwt", "a JSON Web Token")
PRIVATE_KEY: Final = _rule("private-key", "a private key, or a part of one")
CONNECTION_STRING: Final = _rule("connection-string", "an address that carries a password")
CREDENTIAL: Final = _rule("credential", "a password, token or cookie that is named as one")
HIGH_ENTROPY: Final = _rule("high-entropy", "a text too random to be a word or version")

RULES: Final = (PROVIDER_KEY, JWT, PRIVATE_KEY, CONNECTION_STRING, CREDENTIAL, HIGH_ENTROPY)

_PRIVATE: Final = re.compile(
    r"-----\s?BEGIN[A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,8192}|-----BEGIN CERTIFICATE"
    r"|PuTTY-User-Key-File-\d|b3BlbnNzaC1rZXktdj[A-Za-z0-9+/=]{4,}"
    r"|(?<![A-Za-z0-9])MII[BCEFGJ][A-Za-z0-9+/]{24,}|MC4CAQAwBQYDK2V[A-Za-z0-9+/=]{4,}"
    r"|begin[-_](?:rsa[-_]|ec[-_]|openssh[-_])?private[-_]key[-_a-z0-9]*",
)
_CONNECTION: Final = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,64}:[^\s@/]{1,128}@[^\s\"']{1,200}"
    r"|(?:AccountKey|SharedAccessKey|sig)=[A-Za-z0-9+/%=]{16,}"
    r"|(?:server|data source|host)\s*=[^;]{1,80};[^\n]{0,200}?(?:password|pwd)\s*=\s*[^;\s]{1,80}",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"(?<![A-Za-z])(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[-_ ]?(?:key|token))?"
    r"|(?:api|access|auth|private|encryption|session|client|admin|master|service|account|signing)"
    r"[-_ ]?(?:key|token|secret|cookie|pass(?:word)?)"
    r"|token|credentials?|otp|pin|2fa|totp|bearer|authorization|set-cookie|cookie|sessionid"
    r"|kennwort|passwort|contrase[nñ]a|mot de passe)"
    r"(?:\s+(?:is|was|are|to|ist|es))?[\"']?\s*(?:[:=]>?|->|\s)\s*[\"']?"
    r"(?:basic\s+|bearer\s+|token\s+)?"
    r"([^\s\"',;]{4,200})",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_=~!@#$%^&*.-]{10,}")
_WORDLIKE: Final = re.compile(r"[a-z]+|[A-Z][a-z]+|[A-Z]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REVISION: Final = re.compile(r"(?:(?:19|20)\d{6})?(?:git|g|hg|svn|bzr|rev?)\.?[0-9a-f]{6,40}")
"""A date and a commit, as packagers write them into a version."""
_ULID: Final = re.compile(r"0[0-9A-HJKMNP-TV-Z]{25}")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?")
_HEX: Final = re.compile(r"(?:sha\d+[:-])?(?:0x)?[0-9a-f]+", re.IGNORECASE)


def find_shaped(text: str) -> Iterator[Hit]:
    """Credentials that their own shape gives away."""
    for pattern, rule in ((_PRIVATE, PRIVATE_KEY), (JWT_SHAPE, JWT), (PROVIDER, PROVIDER_KEY)):
        for match in pattern.finditer(text):
            if rule is not PROVIDER_KEY or not _is_worded(match[0]):
                yield Hit(rule, match.start(), match.end())


def _is_worded(token: str) -> bool:
    """Whether what opens like a token goes on in words: `phx-class-registry`."""
    rest = re.split(r"[-_.]", token.lower())[1:]
    return len(rest) > 1 and all(
        (part.isalpha() and (len(part) < 4 or is_word(part))) or len(part) < 3 for part in rest
    )


def find(text: str) -> Iterator[Hit]:
    """Credentials in `text`."""
    yield from find_shaped(text)
    for match in _CONNECTION.finditer(text):
        yield Hit(CONNECTION_STRING, match.start(), match.end())
    for match in COMMAND.finditer(text):
        group = match.lastindex or 0
        yield Hit(CREDENTIAL, match.start(group), match.end(group))
    for match in _NAMED.finditer(text):
        if _is_credential(match[1], separated=text[match.end() - len(match[1]) - 1] != " "):
            yield Hit(CREDENTIAL, match.start(1), match.end(1))
    for match in _TOKEN.finditer(text):
        token = match[0].strip("=.-_")
        if is_random(token):
            yield Hit(HIGH_ENTROPY, match.start(), match.end())


def _is_credential(value: str, *, separated: bool) -> bool:
    """Whether what follows a word such as `password` is one; prose about passwords is not."""
    if value.lower() in _NO_CREDENTIALS:
        return False
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    odd = any(not c.isalnum() and c not in "._-" for c in value)
    return mixed or odd or value.isdigit() or (separated and len(value) >= 6)


_NO_CREDENTIALS: Final = word_set(
    """
        true false null none missing unset expired invalid required unknown redacted hidden
        input output total count usage limit bucket
        """
)


def is_random(token: str) -> bool:
    """Whether `token` looks drawn by chance from a large alphabet.

    Hex alone is no sign: fingerprints, commits and UUIDs are hex, and are no secrets.
    """
    token = _REVISION.sub("", token)
    length = len(token)
    if length < 12 or _UUID.fullmatch(token) or _ULID.fullmatch(token):
        return False
    if _TIMESTAMP.fullmatch(token) or _HEX.fullmatch(token):
        return False
    kinds = Counter(_kind(character) for character in token)
    if kinds["lower"] + kinds["upper"] + kinds["digit"] < length * 0.7:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in itertools.pairwise(token))
    readable = sum(map(_readable, _WORDLIKE.findall(token)))
    if readable > length * 0.4:
        return False
    if kinds["digit"] and kinds["upper"] and kinds["lower"]:
        return length >= 14 and changes > length * 0.3 and entropy(token) > 3.2
    if kinds["digit"] >= 2 and (kinds["upper"] or kinds["lower"]):
        return length >= 18 and changes >= 4 and entropy(token) > 3.3
    if kinds["digit"] and length >= 20 and max(map(len, _WORDLIKE.findall(token)), default=0) >= 8:
        return readable <= length * 0.2 and changes >= 2
    if kinds["upper"] and kinds["lower"]:
        return length >= 20 and changes > length * 0.3
    return False


@lru_cache(20_000)
def _readable(run: str) -> int:
    """How many letters of `run` stand in known words, none of which overlap."""
    word = run.lower()
    if is_word(word):
        return len(word)
    known = lexicon()
    best = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        best[end] = best[end - 1]
        for start in range(max(0, end - 14), end - 3):
            if best[start] + end - start > best[end] and known.is_known(word[start:end]):
                best[end] = best[start] + end - start
    return best[-1]


@cache
def _usual_pairs() -> frozenset[str]:
    """Pairs of letters that words have: each stands for one in 2,000 or more of English."""
    counts = lexicon().runs_of_letters(2)
    total = counts.total()
    return frozenset(pair for pair, count in counts.items() if count * 2_000 >= total)


@lru_cache(20_000)
def is_gibberish(run: str) -> bool:
    """Whether lower-case letters in a row were drawn by chance: many pairs that no word has."""
    run = run.removeprefix("lib")
    if len(run) < 14:
        return False
    usual = _usual_pairs()
    odd = sum(a + b not in usual for a, b in itertools.pairwise(run))
    share = 0.3 if len(run) >= 20 else 0.45
    return odd >= share * len(run) and _readable(run) <= 0.4 * len(run)


def is_word(run: str) -> bool:
    """Whether a run of letters is a word that we know: operations, language or a name."""
    word = run.lower()
    if len(word) < 3:
        return False
    known = lexicon()
    return known.is_known(word) or (len(word) > 3 and known.is_name(word))


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isupper():
        return "upper"
    return "lower" if character.isalpha() else "other"


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, bits each."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())
