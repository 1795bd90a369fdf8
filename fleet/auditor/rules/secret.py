"""secret.*: credentials, by the shapes that providers give them and by how random they look."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from fleet.auditor.rules.rule import AT_THE_SOURCE, Clause, Hit, Rule
from fleet.auditor.rules.wordlists import OPERATIONS, lexicon, word_set
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

# Separators are read as - or _ and letters in either case: a key spelled as an agent's or a
# metric's name has lost both.
_PREFIXES: Final = (
    r"sk[-_](?:ant|proj|or|svcacct|admin|lf)[-_](?:[a-z0-9]{2,8}[-_])*[a-z0-9_-]{8,}",
    r"sk[-_][a-z0-9]{20,}",
    r"(?:sk|rk|pk)[-_](?:live|test)[-_][a-z0-9]{8,}",
    r"whsec[-_][a-z0-9+/]{12,}",
    r"gh[pousr][-_][a-z0-9]{12,}",
    r"github[-_]pat[-_][a-z0-9_]{12,}",
    r"gl(?:pat|dt|rt|soat|ptt)[-_][a-z0-9_-]{10,}",
    r"xox[abeoprs](?:[-_][a-z0-9]{4,})+",
    r"xapp[-_]\d[-_][a-z0-9]+[-_]\d+[-_][a-z0-9]+",
    r"(?:akia|asia|abia|acca)[a-z0-9]{16}",
    r"aiza[a-z0-9_-]{28,}",
    r"gocspx[-_][a-z0-9_-]{12,}",
    r"ya29[.][a-z0-9_-]{12,}",
    r"sg[.][a-z0-9_-]{6,}[.][a-z0-9_-]{8,}",
    r"sg[.][a-z0-9_-]{20,}",
    r"npm[-_][a-z0-9]{16,}",
    r"pypi[-_]age[a-z0-9_-]{12,}",
    r"hf[-_][a-z0-9]{16,}",
    r"do[opr][-_]v1[-_][a-f0-9]{16,}",
    r"shp(?:at|ca|pa|ss)[-_][a-f0-9]{16,}",
    r"dapi[a-f0-9]{24,}",
    r"hv[sbr][.][a-z0-9_-]{16,}",
    r"(?:lin|nvapi|ntn|gsk|xai|pplx|r8|dckr[-_]pat|tvly|fc|pcsk|rnd|re|phc|phx|apify[-_]api|figd|sntrys"
    r"|sbp|lin[-_]api|lin[-_]oauth|tskey|tskey[-_]auth|cfut|ops|csk)[-_][a-z0-9_-]{18,}",
    r"age[-_]secret[-_]key[-_]1[a-z0-9]{10,}",
    r"dp[.](?:pt|st|ct)[.][a-z0-9._-]{12,}",
    r"gl(?:sa|c)[-_][a-z0-9_=]{16,}",
    r"pscale[-_](?:tkn|pw|oauth)[-_][a-z0-9_.-]{12,}",
    r"sq0[a-z]{3}[-_][a-z0-9_-]{16,}",
    r"eaaa[a-z0-9_-]{24,}",
    r"fo1[-_][a-z0-9_-]{16,}",
    r"[a-z0-9]{8,20}[.]atlasv1[.][a-z0-9_-]{12,}",
    r"nr(?:ak|js|ii|al)[-_][a-z0-9]{16,}",
    r"key[-_][a-f0-9]{32}",
    r"(?:sk|ac)[0-9a-f]{32}",
    r"\d{8,10}:aa[a-z0-9_-]{30,}",
    r"[mno][a-z0-9_-]{23,25}[.][a-z0-9_-]{6}[.][a-z0-9_-]{27,}",
    r"(?:bot|user|app|access|api|secret|auth|bearer)[-_](?:key|token)[-_](?=[a-z0-9]*\d)[a-z0-9]{10,}",
    r"[a-f0-9]{32}[-_]us\d{1,2}",
    r"https://hooks[.]slack[.]com/services/[a-z0-9/]{10,}",
    r"https://(?:ptb[.])?discord(?:app)?[.]com/api/webhooks/[a-z0-9/_-]{10,}",
    r"0\.0\.[a-z0-9_-]{18,}",
)
_PROVIDER: Final = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_PREFIXES)})", re.IGNORECASE)
_JWT: Final = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]{2,}){0,2}")
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
_ULID: Final = re.compile(r"0[0-9A-HJKMNP-TV-Z]{25}")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?")
_HEX: Final = re.compile(r"(?:sha\d+[:-])?(?:0x)?[0-9a-f]+", re.IGNORECASE)


def find_shaped(text: str) -> Iterator[Hit]:
    """Credentials that their own shape gives away."""
    for pattern, rule in ((_PRIVATE, PRIVATE_KEY), (_JWT, JWT), (_PROVIDER, PROVIDER_KEY)):
        for match in pattern.finditer(text):
            yield Hit(rule, match.start(), match.end())


def find(text: str) -> Iterator[Hit]:
    """Credentials in `text`."""
    yield from find_shaped(text)
    for match in _CONNECTION.finditer(text):
        yield Hit(CONNECTION_STRING, match.start(), match.end())
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
    length = len(token)
    if length < 12 or _UUID.fullmatch(token) or _ULID.fullmatch(token):
        return False
    if _TIMESTAMP.fullmatch(token) or _HEX.fullmatch(token):
        return False
    kinds = Counter(_kind(character) for character in token)
    if kinds["lower"] + kinds["upper"] + kinds["digit"] < length * 0.7:
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in itertools.pairwise(token))
    readable = sum(len(word) for word in _WORDLIKE.findall(token) if is_word(word))
    if readable > length * 0.4:
        return False
    if kinds["digit"] and kinds["upper"] and kinds["lower"]:
        return length >= 14 and changes > length * 0.3 and entropy(token) > 3.2
    if kinds["digit"] >= 2 and (kinds["upper"] or kinds["lower"]):
        return length >= 18 and changes >= 4 and entropy(token) > 3.3
    if kinds["upper"] and kinds["lower"]:
        return length >= 20 and changes > length * 0.3
    return False


def is_word(run: str) -> bool:
    """Whether a run of letters is a word that we know: operations, language or a name."""
    word = run.lower()
    if len(word) < 3:
        return False
    known = lexicon()
    return (
        word in OPERATIONS
        or word in known.language
        or (len(word) > 3 and (word in known.first_names or word in known.surnames))
    )


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
