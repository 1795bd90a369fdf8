"""Digits that are somebody's: checksums and numbering plans, from libraries that keep them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final

_ISSUERS: Final = re.compile(  # the last line: Iran's banks
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35\d{14}"
    r"|(?:5018|5020|5038|6304|6759|676\d)\d{8,15}|62\d{14,17}|(?:1800|2131)\d{11}|220[0-4]\d{12}"
    r"|(?:6037|6063|6104|6219|6221|6273|6274|6276|6280|6362|6369|6393|6395|6396)\d{12}"
)
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_EPOCH: Final = re.compile(r"(?:1[0-9]|2[01])\d{8}(?:\d{3}){0,3}")
"""Seconds to nanoseconds since the epoch, 2001 to 2036."""

_CHECKED: Final = {
    "ee.ik": 11, "be.nn": 11, "bg.egn": 10, "br.cpf": 11, "ca.sin": 9, "ch.ssn": 13,
    "cn.ric": 18, "cz.rc": 10, "de.idnr": 11, "dk.cpr": 10, "fr.nir": 15, "gb.nhs": 10,
    "gr.amka": 11, "hr.oib": 11, "il.idnr": 9, "in_.aadhaar": 12, "kr.rrn": 13,
    "lv.pk": 11, "nl.bsn": 9, "no.fodselsnummer": 11, "pl.pesel": 11, "pt.nif": 9,
    "ro.cnp": 13, "se.personnummer": 10, "th.pin": 13, "tr.tckimlik": 11, "za.idnr": 13,
    "au.tfn": 9, "au.medicare": 11, "us.itin": 9, "nz.ird": 9, "mx.curp": 18,
}  # fmt: skip
"""python-stdnum's module, and how many characters its numbers have."""

_LETTERED: Final = {
    "es.dni": 9, "es.nie": 9, "it.codicefiscale": 16, "fi.hetu": 11, "ie.pps": 9, "mx.curp": 18,
    "in_.pan": 10, "fr.nif": 13, "cn.ric": 18, "sg.uen": 10, "es.nif": 9,
}  # fmt: skip
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_BESIDE_THE_REGISTRY: Final = {
    "AO": 25, "BF": 28, "CF": 27, "CG": 27, "CM": 27, "CV": 25, "DZ": 26, "GA": 27, "GQ": 27,
    "IR": 26, "KM": 27, "MA": 28, "MG": 27, "MZ": 25, "TD": 27, "TG": 28,
}  # fmt: skip
"""Countries whose banks print IBANs that SWIFT's registry does not have, and how long they are."""

_PLACEHOLDER: Final = re.compile(r"(\d)\1+|0?1234567890?|1?0+\d?")
_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR")
"""Plans tried for a number that is written with separators but without its country."""


def digits(text: str) -> str:
    """The digits of `text`."""
    return "".join(character for character in text if character.isdigit())


def is_card(number: str) -> bool:
    """Whether digits are a payment card's: an issuer's prefix and length, and Luhn."""
    if _ISSUERS.fullmatch(number) is None:
        return False
    total = 0
    for place, character in enumerate(reversed(number)):
        value = int(character) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether letters and digits are an account: the check digits hold for a country that has some.

    Lengths and the digits within that a country checks itself are not asked of what has letters
    beyond hex, since documents print numbers that break them; a digest must satisfy all of it.
    """
    from stdnum import iban
    from stdnum.iso7064 import mod_97_10

    code = re.sub("[ -]", "", text.upper())
    if iban.is_valid(code):
        return True
    if not 15 <= len(code) <= 34 or not code[:2].isalpha() or not code[2:4].isdigit():
        return False
    if code[2:].isdigit() and len(code) == _BESIDE_THE_REGISTRY.get(code[:2]):
        return bool(mod_97_10.is_valid(code[4:] + code[:4]))
    if not _has_ibans(code[:2]) or not re.search("[G-Z]", code):
        return False
    return bool(mod_97_10.is_valid(code[4:] + code[:4]))


@cache
def _has_ibans(country: str) -> bool:
    from stdnum import numdb

    return bool(numdb.get("iban").info(country)[0][1])


@cache
def _validators(table: str) -> dict[int, list[Callable[[str], bool]]]:
    """Validators by length; a module that this version of the library lacks is left out."""
    found: dict[int, list[Callable[[str], bool]]] = {}
    for name, length in (_CHECKED if table == "digits" else _LETTERED).items():
        try:
            module = import_module(f"stdnum.{name}")
        except ModuleNotFoundError:
            continue
        found.setdefault(length, []).append(module.is_valid)
    return found


def is_ssn(number: str) -> bool:
    """Whether nine digits could be a US social security number: it has no check digit."""
    from stdnum.us import ssn

    return len(number) == 9 and not _PLACEHOLDER.fullmatch(number) and bool(ssn.is_valid(number))


def is_national_id(number: str) -> bool:
    """Whether digits are a person's number somewhere; dates, epochs and placeholders are not."""
    if _PLACEHOLDER.fullmatch(number) or is_time(number):
        return False
    return is_ssn(number) or any(
        valid(number) for valid in _validators("digits").get(len(number), ())
    )


def is_lettered_id(text: str) -> bool:
    """Whether digits and letters are a person's number somewhere."""
    code = text.upper()
    if code.isdigit() or _NINO.fullmatch(code):
        return not code.isdigit()
    return any(valid(code) for valid in _validators("letters").get(len(code), ()))


def is_time(number: str) -> bool:
    """Whether digits are an epoch of this era, or a calendar date with or without a time."""
    return bool(_EPOCH.fullmatch(number)) or bool(
        len(number) in (8, 10, 12, 14) and _DATE.match(number) and not number.startswith("19")
    )


def is_birth(number: str) -> bool:
    """Whether eight digits are a calendar date that a living person may be born on."""
    return bool(_DATE.fullmatch(number)) and 1915 <= int(number[:4]) <= 2015


def is_phone(number: str) -> bool:
    """Whether bare digits are a telephone number with its country, or a North American one."""
    import phonenumbers

    if not 10 <= len(number) <= 15 or _PLACEHOLDER.fullmatch(number):
        return False
    candidates = [f"+{number}"]
    if len(number) == 10:
        candidates = [f"+1{number}"]
    elif number.startswith("00"):
        candidates = [f"+{number[2:]}"]
    for candidate in candidates:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(candidate)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def is_phone_text(text: str) -> bool:
    """Whether written digits are a telephone number in some country's plan."""
    import phonenumbers

    number = digits(text)
    if not 8 <= len(number) <= 15 or is_time(number) or _PLACEHOLDER.fullmatch(number):
        return False
    if text.count(".") and not re.fullmatch(r"[+(]?\d{2,4}\)?([. ]\d{2,4}){2,5}", text):
        return False
    international = text.startswith(("+", "00"))
    if not international and number == text:
        return is_phone(number) or (len(number) >= 10 and number[0] == "0" and _is_valid(text))
    if international:
        text = f"+{text[2:]}" if text.startswith("00") else text
        try:
            return phonenumbers.is_possible_number(phonenumbers.parse(text)) or _is_valid(text)
        except phonenumbers.NumberParseException:
            return False
    return is_phone(number) or _is_valid(text)


def _is_valid(text: str) -> bool:
    import phonenumbers

    for region in _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            return False
    return False
