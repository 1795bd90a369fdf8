"""pii.*: personal data in text, by checksum where there is one and else by context."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from fleet.auditor.rules import checksums, national_ids
from fleet.auditor.rules.rule import AT_THE_SOURCE, Clause, Hit, Rule
from fleet.auditor.rules.wordlists import FINANCE_WORDS, HEALTH_WORDS, lexicon
from fleet.contract.vocabulary import Severity


def _rule(name: str, finds: str) -> Rule:
    return Rule(f"pii.{name}", Severity.CRITICAL, Clause.PERSONAL_DATA, finds, AT_THE_SOURCE)


EMAIL: Final = _rule("email", "an e-mail address")
PHONE: Final = _rule("phone", "a telephone number that exists in its country's numbering plan")
IBAN: Final = _rule("iban", "a bank account number whose check digits hold")
CARD: Final = _rule("card", "a payment card number: issuer prefix and Luhn check hold")
NATIONAL_ID: Final = _rule("national-id", "a national, tax or health insurance number")
NAME: Final = _rule("name", "a person's name")
ADDRESS: Final = _rule("address", "a postal or network address, or a place on the map")
BIRTH_DATE: Final = _rule("birth-date", "a date of birth")
HEALTH: Final = _rule("health", "a word about somebody's health")
FINANCE: Final = _rule("finance", "a word about somebody's money or legal affairs")

RULES: Final = (
    EMAIL, PHONE, IBAN, CARD, NATIONAL_ID, NAME, ADDRESS, BIRTH_DATE, HEALTH, FINANCE,
)  # fmt: skip

_EMAIL: Final = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w](?:[\w-]{0,61}\w)?\.){1,8}[^\W\d_]{2,24}"
)
_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])"
)
_CARD: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d[\d() ./-]{6,18}\d(?=x\d{1,6}\b|(?!\w))")
_CALLED: Final = re.compile(
    r"\b(?:call|tel|phone|telephone|mobile|cell|fax|sms|whatsapp|telefon|t[ée]l[ée]phone|handy)\b"
    r"\W{1,3}(?:(?:me|us|her|him|them|on|at|is|no|nr|number)\W{1,3}){0,3}"
    r"(\+?\(?\d(?:[() ./-]{0,2}\d){6,14})(?!\w)",
    re.IGNORECASE,
)
_SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_DIGITS: Final = re.compile(r"(?<![\w.])\d(?:[ .-]?\d){7,13}(?![\w])")
_LETTERED_ID: Final = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9+-]*\d)[A-Za-z0-9][A-Za-z0-9+-]{7,19}(?![A-Za-z0-9])"
)
_GROUPED_ID: Final = re.compile(
    r"(?<![\w.])[A-Za-z0-9]{1,13}(?:[ ./-][A-Za-z0-9]{1,7}){1,8}(?![\w.])"
)
_MONTHS: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DATE: Final = (
    r"(?:(?:19|20)\d\d[-/._ ](?:0?[1-9]|1[0-2])[-/._ ](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/. ](?:0?[1-9]|[12]\d|3[01])[-/. ](?:19|20)?\d\d"
    rf"|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[ .-]+(?:{_MONTHS})[ .,-]+(?:19|20)\d\d"
    rf"|(?:{_MONTHS})[ .-]+(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[ ,.-]+(?:19|20)\d\d)"
)
_BORN: Final = re.compile(
    rf"(?:\bd\.?o\.?b\b\.?|born|birth[ _-]?(?:day|date)?|date[ _-]of[ _-]birth|geburtsdatum|geboren"
    rf"|birthday|n[ée]e? le)[^0-9a-z]{{0,4}}(?:(?:on|is|am|in)\b\W*)?({_DATE})",
    re.IGNORECASE,
)
_OLD_DATE: Final = re.compile(
    r"(?<![\d.])(?:19[2-9]\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])[./](?:0[1-9]|1[0-2])[./]19[2-9]\d"
    r"|(?:0[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])/19[2-9]\d)(?![\dT:.])"
)
_STREETS: Final = (
    "street|str|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|terrace|way"
    "|close|crescent|square|sq|parkway|pkwy|highway|hwy"
)
_ADDRESS: Final = re.compile(
    rf"(?<![\w.])\d{{1,5}}[a-z]?,?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][\w'.-]*\s+){{1,4}}(?:{_STREETS})\b\.?"
    r"|\b[A-ZÄÖÜ][\wäöüß.-]*(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer)"
    r"\s+\d{1,4}[a-z]?\b"
    r"|\b(?:rue|avenue|boulevard|place|via|viale|piazza|calle|plaza|avenida|paseo|rua|ulica|ul\.)"
    r"\s+(?:[\w'.-]+\s+){0,4}[\w'.-]+,?\s+\d{1,4}\b"
    r"|(?<![\w.])\d{1,4},?\s+(?:bis\s+)?(?:rue|avenue|boulevard|place|all[ée]e|chemin)"
    r"\s+[\w' -]{3,40}"
    r"|\b[A-Z][a-z]+,?\s+[A-Z]{2}\s+\d{5}(?:-\d{4})?\b"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s+\d[A-Z]{2}\b"
    r"|\bP\.?\s?O\.?\s+Box\s+\d+",
    re.IGNORECASE,
)
_COORDINATES: Final = re.compile(
    r"(?<![\w.])-?(?:[1-8]?\d|90)\.\d{4,},?\s*-?(?:1?\d{1,2})\.\d{4,}(?![\w.])"
)
_IP: Final = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"
    r"|(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])",
    re.IGNORECASE,
)
_TITLED: Final = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Señora?|Sr|Sra|Mme|Monsieur|Madame|Sig)\.?\s+"
    r"([A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)?)"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


def find(text: str) -> Iterator[Hit]:
    """Personal data in `text`."""
    for match in _EMAIL.finditer(text):
        yield Hit(EMAIL, match.start(), match.end())
    for match in _IBAN.finditer(text):
        if checksums.is_iban(match[0]):
            yield Hit(IBAN, match.start(), match.end())
    for match in _CARD.finditer(text):
        if checksums.is_card(checksums.digits(match[0])):
            yield Hit(CARD, match.start(), match.end())
    yield from _births(text)
    yield from _identities(text)
    yield from _phones(text)
    for pattern in (_ADDRESS, _COORDINATES, _IP):
        for match in pattern.finditer(text):
            yield Hit(ADDRESS, match.start(), match.end())
    yield from names(text)
    yield from words(text)


def _births(text: str) -> Iterator[Hit]:
    for match in _BORN.finditer(text):
        yield Hit(BIRTH_DATE, match.start(1), match.end(1))
    for match in _OLD_DATE.finditer(text):
        yield Hit(BIRTH_DATE, match.start(), match.end())


def _identities(text: str) -> Iterator[Hit]:
    for match in _SSN.finditer(text):
        yield Hit(NATIONAL_ID, match.start(), match.end())
    for match in _LETTERED_ID.finditer(text):
        if checksums.is_lettered_id(match[0]) or national_ids.is_bare(match[0]):
            yield Hit(NATIONAL_ID, match.start(), match.end())
    for match in _GROUPED_ID.finditer(text):
        if national_ids.is_written(re.split(r"[ ./-]", match[0])):
            yield Hit(NATIONAL_ID, match.start(), match.end())
    for match in _DIGITS.finditer(text):
        if checksums.is_national_id(checksums.digits(match[0])):
            yield Hit(NATIONAL_ID, match.start(), match.end())


def _phones(text: str) -> Iterator[Hit]:
    for match in _PHONE.finditer(text):
        if checksums.is_phone_text(match[0]):
            yield Hit(PHONE, match.start(), match.end())
    for match in _CALLED.finditer(text):
        yield Hit(PHONE, match.start(1), match.end(1))


def names(text: str) -> Iterator[Hit]:
    """Names of people: a title and a name, or a first name with a surname after or before it."""
    for match in _TITLED.finditer(text):
        yield Hit(NAME, match.start(1), match.end(1))
    known = lexicon()
    found = list(_WORD.finditer(text))
    for first, second in itertools.pairwise(found):
        between = text[first.end() : second.start()]
        if not 1 <= len(between) <= 4 or any(c.isalnum() for c in between):
            continue
        a, b = first[0].lower().replace("\u2019", "'"), second[0].lower().replace("\u2019", "'")
        forward = a in known.given_names and b in known.family_names
        backward = "," in between and a in known.family_names and b in known.given_names
        initial = len(a) == 1 and "." in between and b in known.family_names and second[0].istitle()
        if forward or backward or (initial and first[0].isupper()):
            yield Hit(NAME, first.start(), second.end())


def words(text: str) -> Iterator[Hit]:
    """Terms of health and finance."""
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if word in HEALTH_WORDS:
            yield Hit(HEALTH, match.start(), match.end())
        elif word in FINANCE_WORDS:
            yield Hit(FINANCE, match.start(), match.end())
