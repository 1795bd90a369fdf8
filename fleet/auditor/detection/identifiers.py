"""Leaks that satisfy the contract: spelled as a name of an agent or metric, a version or an id.

A name is cut into words, and the words are held against the lexicon. What is shown to be clean
once stays clean: callers remember it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

from fleet.auditor.detection.decoding import decodings
from fleet.auditor.rules import checksums, pii, secret, text
from fleet.auditor.rules.rule import Hit, Rule
from fleet.auditor.rules.wordlists import (
    FINANCE_WORDS,
    HEALTH_WORDS,
    OPERATIONS,
    lexicon,
    word_set,
)

_CUT: Final = re.compile(r"[-_.+]+")
_PIECES: Final = re.compile(r"[-_.+]")
_PARTS: Final = re.compile(r"[a-z]+|\d+")
_MAILERS: Final = word_set(
    """
        gmail googlemail yahoo outlook hotmail icloud proton protonmail gmx aol live web
        mail
        """
)
_DOMAINS: Final = word_set("com org net de fr uk io co eu info gov edu ch at nl es it")
_STREETS: Final = word_set(
    "street avenue ave road rd lane ln boulevard blvd strasse str weg platz rue calle via"
)
_TITLES: Final = word_set("mr mrs ms miss dr herr frau prof")
_RECORDS: Final = word_set(
    """
        client customer patient tenant acct matter deal opportunity invoice contact crm lead
        vip
        """
)
_AFTER_RECORD: Final = word_set("id ids no nr number ref side id latency success facing portal")
KEYWORDS: Final[dict[str, Rule]] = {
    **dict.fromkeys(
        word_set("ssn passport nationalid taxid nino bsn pesel aadhaar cpf"), pii.NATIONAL_ID
    ),
    **dict.fromkeys(word_set("dob birthdate birthday birth born geburtsdatum"), pii.BIRTH_DATE),
    **dict.fromkeys(word_set("phone telephone mobile cellphone msisdn whatsapp fax"), pii.PHONE),
    **dict.fromkeys(word_set("iban bic swift sortcode"), pii.IBAN),
    **dict.fromkeys(word_set("creditcard cardnumber pan cvv cvc visa mastercard amex"), pii.CARD),
    **dict.fromkeys(word_set("email mailto"), pii.EMAIL),
    **dict.fromkeys(word_set("password passwd pwd passphrase apikey"), secret.CREDENTIAL),
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
    rules = list(dict.fromkeys(_rules(name)))
    return [Hit(rule, 0, len(name)) for rule in rules]


def _rules(name: str) -> Iterator[Rule]:
    # First what has a shape of its own: a token cut into words is noise.
    for hit in secret.find_shaped(name):
        yield hit.rule
        return
    inner = _inside(name)
    if inner:
        yield inner
        return
    words = cut(name)
    found = list(_spelled(name, words))
    yield from found
    if not found and _is_random(name):
        yield secret.HIGH_ENTROPY


def _is_random(name: str) -> bool:
    """Whether a part of a name, or a name of letters in both cases, was drawn by chance."""
    mixed = any(c.isupper() for c in name) and not re.search(r"[.+]", name)
    parts = _PIECES.split(name)
    return any(secret.is_random(part) for part in parts) or (mixed and secret.is_random(name))


def _inside(name: str) -> Rule | None:
    """What an encoding in `name` hides."""
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


def _spelled(name: str, words: Sequence[str]) -> Iterator[Rule]:
    yield from _numbers(name, words)
    letters = [word for word in words if word.isalpha()]
    if not letters:
        return
    for pair in itertools.pairwise(words):
        if pair in _COMPOUNDS and pair != ("api", "key"):
            yield _COMPOUNDS[pair]
    yield from (KEYWORDS[word] for word in letters if word in KEYWORDS)
    yield from (pii.HEALTH for word in letters if word in HEALTH_WORDS)
    yield from (pii.FINANCE for word in letters if word in FINANCE_WORDS)
    if _is_mail(letters):
        yield pii.EMAIL
    if _has_person(letters):
        yield pii.NAME
    if any(word in _STREETS for word in words[1:]) and any(word.isdigit() for word in words):
        yield pii.ADDRESS
    if any(_is_password(part) for part in re.split(r"[-_.]", name.lower())):
        yield secret.CREDENTIAL
    if any(_is_gibberish(word) for word in letters):
        yield secret.HIGH_ENTROPY
    if _names_a_record(words):
        yield text.RECORD
    if text.prose_words(letters):
        yield text.FREE_TEXT


def _numbers(name: str, words: Sequence[str]) -> Iterator[Rule]:
    compact = re.sub(r"[^A-Za-z0-9]", "", name)
    bank = len(compact) >= 15 and compact[:2].isalpha() and compact[2:4].isdigit()
    if bank and checksums.is_iban(compact):
        yield pii.IBAN
        return
    if re.fullmatch(r"[A-Za-z0-9]{8,18}", name) and checksums.is_lettered_id(name):
        yield pii.NATIONAL_ID
        return
    for run in re.findall(r"\d+(?:[-_.]\d+)+", name):
        rule = grouped(run)
        if rule:
            yield rule
            return
    for run in re.findall(r"(?<![0-9a-fA-F])\d{8,19}(?![0-9a-fA-F])", name):
        rule = bare(run, dates=any(word in KEYWORDS for word in words))
        if rule:
            yield rule
            return
    if (
        "+" in name
        and (match := re.search(r"\+\d{10,15}", name))
        and checksums.is_phone_text(match[0])
    ):
        yield pii.PHONE


def grouped(run: str) -> Rule | None:
    """What digits in groups are: the sizes of the groups say it, checksums confirm it."""
    groups = re.split(r"[-_.]", run)
    sizes = tuple(map(len, groups))
    joined = "".join(groups)
    if checksums.is_card(joined) and (min(sizes) >= 3 or len(sizes) == 1):
        return pii.CARD
    dotted = "." in run
    if sizes == (3, 2, 4) and not dotted and joined[0] != "9":
        return pii.NATIONAL_ID
    if sizes in ((3, 3, 4), (1, 3, 3, 4), (2, 3, 3, 4)) and checksums.is_phone(joined):
        return pii.PHONE
    if (
        len(joined) >= 11
        and not dotted
        and max(sizes) <= 4
        and checksums.is_phone_text(f"+{joined}")
    ):
        return pii.PHONE if checksums.is_phone(joined) else None
    if sizes == (4, 2, 2) and checksums.is_birth(joined) and int(groups[0]) <= 2010:
        return pii.BIRTH_DATE
    if sizes == (2, 2, 4) and not dotted:
        years = groups[2] + groups[1] + groups[0], groups[2] + groups[0] + groups[1]
        return pii.BIRTH_DATE if any(map(checksums.is_birth, years)) else None
    return None


def bare(run: str, *, dates: bool = True) -> Rule | None:
    """What digits without any context can only be; None for times and for what may be a count."""
    if checksums.is_card(run):
        return pii.CARD
    if checksums.is_time(run):
        return pii.BIRTH_DATE if dates and checksums.is_birth(run) else None
    if len(run) >= 10 and checksums.is_phone(run):
        return pii.PHONE
    if checksums.is_national_id(run):
        return pii.NATIONAL_ID
    return pii.BIRTH_DATE if dates and checksums.is_birth(run) else None


def _is_mail(words: Sequence[str]) -> bool:
    if len(words) < 3 or words[-1] not in _DOMAINS:
        return False
    return words[-2] in _MAILERS or "at" in words[1:-1] or "dot" in words


def _has_person(words: Sequence[str]) -> bool:
    known = lexicon()
    for a, b in itertools.pairwise(words):
        if len(b) > 2 and known.is_first_name(a) and known.is_surname(b):
            return True
        if a in _TITLES and known.is_surname(b):
            return True
        if known.is_surname(a) and a not in known.first_names and _is_only_first(b):
            return True
    return any(_is_fused_name(word) for word in words)


def _is_only_first(word: str) -> bool:
    known = lexicon()
    return len(word) > 3 and word in known.first_names and word not in known.surnames


def _is_fused_name(word: str) -> bool:
    """`johnsmith`: a first name and a surname written as one, where no word reads so."""
    known = lexicon()
    if not 8 <= len(word) <= 24 or word in known.language or word in OPERATIONS:
        return False
    if word in known.surnames or word in known.first_names:
        return False
    return any(
        word[:place] in known.first_names and word[place:] in known.surnames
        for place in range(3, len(word) - 3)
    )


def _is_password(part: str) -> bool:
    known = lexicon()
    return part in known.passwords and not re.fullmatch(r"[a-z]{0,3}\d+|v?\d+[a-z]{0,3}", part)


def _is_gibberish(word: str) -> bool:
    """A long run of letters without vowels enough to be a word of any language."""
    return len(word) >= 14 and sum(c in "aeiouy" for c in word) < 0.2 * len(word)


def _names_a_record(words: Sequence[str]) -> bool:
    for a, b in itertools.pairwise(words):
        if a not in _RECORDS or b in _AFTER_RECORD:
            continue
        if b.isdigit() and len(b) >= 4:
            return True
        if b.isalpha() and len(b) > 2 and b not in OPERATIONS:
            return True
    return False
