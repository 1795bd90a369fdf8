"""Leaks that satisfy the contract: spelled as a name of an agent or metric, a version or an id.

A name leaks only when its parts say so. One common word never does, whatever it could mean; a word
of operations outvotes every other list; and each part is tried alone and beside its neighbours, so
that no prefix hides anything. What was judged once is remembered by the callers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

from fleet.auditor.detection import client_records, number_runs
from fleet.auditor.detection.decoding import decodings
from fleet.auditor.detection.name_likeness import Likeness, likeness
from fleet.auditor.detection.person_names import find_person
from fleet.auditor.rules import checksums, pii, secret, text
from fleet.auditor.rules.rule import Hit, Rule
from fleet.auditor.rules.token_formats import prefixed_hex
from fleet.auditor.rules.wordlists import (
    FAMILY_WORDS,
    FINANCE_WORDS,
    FUNCTION_WORDS,
    HEALTH_WORDS,
    lexicon,
    word_set,
)
from fleet.contract.vocabulary import Severity

_CUT: Final = re.compile(r"[-_.+]+")
_PIECES: Final = re.compile(r"[-_.+]")
_PARTS: Final = re.compile(r"[a-z]+|\d+")
_MAILERS: Final = word_set(
    """
        gmail googlemail yahoo outlook hotmail icloud proton protonmail gmx aol live web
        mail
        """
)
_NO_MAILERS: Final = word_set("live web mail aol proton")
"""Of those, words that also stand in names of programs; they count only at the end."""

_DOMAINS: Final = word_set("com org net de fr uk io co eu info gov edu ch at nl es it")
_STREETS: Final = word_set(
    """
        street avenue ave road rd lane ln boulevard blvd drive crescent strasse str weg platz allee
        gasse rue chemin calle avenida viale piazza borgo rua travessa ulica ulice ul aleja namesti
        straat laan plein gatan vagen katu tie polku sokak sokagi cadde caddesi bulvar
        """
)
_STREET_ENDINGS: Final = ("strasse", "straat", "gatan", "vagen", "katu", "gasse", "allee")
"""Ends of words that are streets, where languages write both as one."""

_MAYBE_STREETS: Final = word_set("via ring place platz damm ufer largo corso")
"""Words that are much else, too: a street's where what is nothing but a person's name
stands beside them."""

_STREETS_BEHIND: Final = word_set("square court place")
"""The same, of English, where it stands behind the name: `square-moon-7` is no place."""

_SOMEBODY: Final = (
    FUNCTION_WORDS
    | FAMILY_WORDS
    | word_set(
        """
        patient client customer tenant employee employees boss neighbour neighbor friend friends
        """
    )
)
"""Words that say that a name is about a person."""

KEYWORDS: Final[dict[str, Rule]] = {
    **dict.fromkeys(
        word_set("ssn passport nationalid taxid nino bsn pesel aadhaar cpf"), pii.NATIONAL_ID
    ),
    **dict.fromkeys(word_set("dob birthdate birthday birth born geburtsdatum"), pii.BIRTH_DATE),
    **dict.fromkeys(
        word_set("phone telephone telefon tel mobile cellphone handy msisdn whatsapp fax"),
        pii.PHONE,
    ),
    **dict.fromkeys(word_set("iban bic swift sortcode"), pii.IBAN),
    **dict.fromkeys(word_set("creditcard cardnumber pan cvv cvc visa mastercard amex"), pii.CARD),
    **dict.fromkeys(word_set("email mailto"), pii.EMAIL),
    **dict.fromkeys(
        word_set("password passwd pwd passphrase passcode apikey pin otp"), secret.CREDENTIAL
    ),
    **dict.fromkeys(word_set("latitude longitude postcode zipcode homeaddress"), pii.ADDRESS),
    **dict.fromkeys(word_set("firstname lastname surname fullname"), pii.NAME),
}
"""Words that say what a number or the rest of a name is."""

_HINTS: Final[dict[str, Rule]] = {
    **KEYWORDS,
    **dict.fromkeys(
        word_set("secret token key credential credentials cookie bearer"), secret.CREDENTIAL
    ),
    **dict.fromkeys(word_set("name contact person owner user username"), pii.NAME),
    **dict.fromkeys(word_set("address street city zip"), pii.ADDRESS),
    **dict.fromkeys(word_set("card"), pii.CARD),
    **dict.fromkeys(word_set("mail"), pii.EMAIL),
    **dict.fromkeys(word_set("tel cell"), pii.PHONE),
}
_COMPOUNDS: Final = {
    ("credit", "card"): pii.CARD,
    ("card", "number"): pii.CARD,
    ("tax", "id"): pii.NATIONAL_ID,
    ("national", "id"): pii.NATIONAL_ID,
    ("social", "security"): pii.NATIONAL_ID,
    ("date", "birth"): pii.BIRTH_DATE,
    ("account", "number"): pii.IBAN,
    ("bank", "account"): pii.IBAN,
    ("api", "key"): secret.CREDENTIAL,
    ("private", "key"): secret.PRIVATE_KEY,
    ("home", "address"): pii.ADDRESS,
    ("first", "name"): pii.NAME,
    ("last", "name"): pii.NAME,
}


def cut(name: str) -> list[str]:
    """The words and numbers of a name, lower case: `johnSmith_42` → john, smith, 42."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return [part for word in _CUT.split(spaced.lower()) for part in _PARTS.findall(word)]


def hint_of(name: str) -> Rule | None:
    """What the name of a field promises that it holds."""
    words = cut(name)
    for pair in itertools.pairwise(words):
        if pair in _COMPOUNDS:
            return _COMPOUNDS[pair]
    joined = "".join(words)
    if joined in _HINTS:
        return _HINTS[joined]
    return next((_HINTS[word] for word in reversed(words) if word in _HINTS), None)


def find(name: str) -> list[Hit]:
    """What a name leaks. Hits cover the whole name: words of it may stand apart."""
    found: dict[Rule, Severity | None] = {}
    for rule, severity in _rules(name):
        if rule not in found or severity is None:
            found[rule] = severity
    return [Hit(rule, 0, len(name), severity) for rule, severity in found.items()]


Verdict = tuple[Rule, Severity | None]
"""A rule, and how sure it is where that is less than the rule's own severity."""


def _rules(name: str) -> Iterator[Verdict]:
    # First what has a shape of its own: a token cut into words is noise.
    for hit in secret.find_shaped(name):
        yield hit.rule, None
        return
    inner = _inside(name)
    if inner and (inner.group is not text.FREE_TEXT.group or number_runs.find(name) is None):
        yield inner, None
        return
    found = list(_spelled(name, cut(name)))
    yield from found
    sure = any(severity is not Severity.INFO for _, severity in found)
    if not sure and _is_random(name):
        yield secret.HIGH_ENTROPY, None


def _is_random(name: str) -> bool:
    """Whether a part of a name, or a name of letters in both cases, was drawn by chance."""
    mixed = any(c.isupper() for c in name) and not re.search(r"[.+]", name)
    parts = _PIECES.split(name)
    return any(secret.is_random(part) for part in parts) or (mixed and secret.is_random(name))


def _inside(name: str) -> Rule | None:
    """What an encoding in `name` hides. A word is none, though one in thousands decodes."""
    if lexicon().is_known(name):
        return None
    for decoding in decodings(name)[1:]:
        for hit in (*secret.find_shaped(decoding), *pii.find(decoding), *text.find(decoding)):
            return hit.rule
        if _is_hidden_text(decoding):
            return text.FREE_TEXT
    return None


def _is_hidden_text(decoding: str) -> bool:
    """Whether what an encoding gave is text at all; chance gives no run of letters."""
    letters = sum(c.isalpha() or c == " " for c in decoding)
    return len(decoding) >= 8 and letters >= 0.8 * len(decoding)


def _spelled(name: str, words: Sequence[str]) -> Iterator[Verdict]:
    number = number_runs.find(name)
    if number:
        yield number, None
    letters = [word for word in words if word.isalpha()]
    if not letters:
        return
    keyed = _keyed(name, words)
    if keyed and not number:
        yield keyed, None
    if _is_mail(letters):
        yield pii.EMAIL, None
    person = find_person(words, alone=len(words) == 1)
    if person:
        yield pii.NAME, None if person is Severity.CRITICAL else person
    yield from _private_matters(letters, person)
    if (
        len(letters) > 1
        and _is_street_of(_words_apart(name, words))
        and any(map(str.isdigit, words))
    ):
        yield pii.ADDRESS, None
    if any(map(secret.is_gibberish, letters)) or prefixed_hex(name, secret.is_word):
        yield secret.HIGH_ENTROPY, None
    yield from client_records.find(words)
    if text.prose_words(letters):
        yield text.FREE_TEXT, None


def _keyed(name: str, words: Sequence[str]) -> Rule | None:
    """What a word such as `phone` says of the digits, or of the odd part, that stand beside it."""
    promised = [_COMPOUNDS[pair] for pair in itertools.pairwise(words) if pair in _COMPOUNDS]
    promised += [KEYWORDS[word] for word in words if word in KEYWORDS]
    if not promised:
        return None
    runs = [word for word in words if word.isdigit()]
    digits = sum(map(len, runs))
    for rule in promised:
        if rule is secret.CREDENTIAL:
            if any(map(_is_odd, _behind_keyword(name.lower()))):
                return rule
        elif rule is pii.BIRTH_DATE:
            if any(checksums.is_birth(run) for run in runs) or digits >= 6:
                return rule
        elif digits >= _DIGITS_OF.get(rule, 99) or (
            rule is pii.NATIONAL_ID and any(map(_is_mixed, _PIECES.split(name.lower())))
        ):
            return rule
    return None


_DIGITS_OF: Final = {
    pii.PHONE: 7, pii.NATIONAL_ID: 6, pii.IBAN: 8, pii.CARD: 12, pii.ADDRESS: 4,
}  # fmt: skip
"""Digits that a thing so named has at least; fewer count something."""


def _is_mixed(part: str) -> bool:
    """Whether letters and digits take turns in a part, and the letters are no words."""
    if len(part) < 6 or not re.search(r"\d[a-z]+\d|[a-z]\d+[a-z]", part):
        return False
    return not any(map(secret.is_word, re.findall("[a-z]{3,}", part)))


def _behind_keyword(name: str) -> Iterator[str]:
    """What follows the word `password` or the like, part by part: before it stands whose it is."""
    parts = iter(_PIECES.split(name))
    for part in parts:
        letters = part.rstrip("0123456789")
        if KEYWORDS.get(letters) is secret.CREDENTIAL or letters in ("key", "token"):
            yield part.removeprefix(letters)
            yield from parts


def _is_odd(part: str) -> bool:
    """Whether a part beside the word `password` can be one: digits in it, and no plain count."""
    if len(part) < 4 or not any(c.isdigit() for c in part):
        return False
    return not re.fullmatch(r"v?\d{1,3}|(?:19|20)\d\d|oauth\d|sha\d+|md5|x509|base64", part)


def _private_matters(letters: Sequence[str], person: Severity | None) -> Iterator[Verdict]:
    """Words of health and finance: a leak beside a person, a clue where they stand alone."""
    for rule, listed in ((pii.HEALTH, HEALTH_WORDS), (pii.FINANCE, FINANCE_WORDS)):
        about = person or any(word in _SOMEBODY and word not in listed for word in letters)
        count = sum(word in listed for word in letters)
        if count:
            yield rule, None if about or count > 1 else Severity.INFO


def _words_apart(name: str, words: Sequence[str]) -> Sequence[str]:
    """Words without the short ones that letters in both cases may have made."""
    return words if name.islower() else [word for word in words if len(word) > 3]


def _is_street_of(words: Sequence[str]) -> bool:
    """Whether words, of which one is no number, are of a street."""
    if sum(map(str.isalpha, words)) < 2:
        return False
    return any(map(_is_street, words)) or any(
        (a in _MAYBE_STREETS and likeness(b) is Likeness.NAME)
        or (b in _MAYBE_STREETS | _STREETS_BEHIND and likeness(a) is Likeness.NAME)
        for a, b in itertools.pairwise(words)
    )


def _is_street(word: str) -> bool:
    return word in _STREETS or (len(word) > 9 and word.endswith(_STREET_ENDINGS))


def _is_mail(words: Sequence[str]) -> bool:
    for place, (mailer, domain) in enumerate(itertools.pairwise(words)):
        if domain in _DOMAINS and place and mailer in _MAILERS and mailer not in _NO_MAILERS:
            return True
    if len(words) < 3 or words[-1] not in _DOMAINS:
        return False
    return words[-2] in _MAILERS or "at" in words[1:-1] or "dot" in words
