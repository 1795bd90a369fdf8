"""Numbers that a state gives to a person: every country's that python-stdnum knows, as written.

A check digit holds by chance once in ten, and there are sixty kinds. So a number counts as seen
where it is written in its country's groups, or where its length, letters or a date in it leave
chance little room; bare digits of nine or ten count only where something else says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final

from fleet.auditor.rules.wordlists import word_set

_PERSONAL: Final = word_set(
    """
        ar.dni at.vnr au.tfn au.medicare be.bis be.nn be.ssn bg.egn bg.pnf br.cpf ca.bc_phn ca.sin
        ch.ssn cl.rut cn.ric cr.cpf cu.ni cz.rc de.idnr dk.cpr do.cedula ec.ci ee.ik es.dni es.nie
        fi.hetu fr.nif fr.nir gb.nhs gr.amka hr.oib id.nik ie.pps il.idnr in_.aadhaar in_.pan
        in_.vid is_.kennitala it.codicefiscale jp.in_ kr.rrn lt.asmens lv.pvn mu.nid mx.curp my.nric
        nl.bsn no.fodselsnummer nz.ird pe.cui pk.cnic pl.pesel pt.cc pt.nif ro.cnp se.personnummer
        si.emso sk.rc th.pin tr.tckimlik ua.rntrc us.atin us.itin us.ssn za.idnr
        """
)
"""python-stdnum's modules of numbers that are a person's. Those of companies are no finding."""

_WEAK: Final = word_set("ar.dni us.ssn us.atin fr.nif cl.rut my.nric ec.ci cr.cpf pe.cui dk.cpr")
"""Without a check digit, or short with one: only as written, and some not even so."""

_SURE: Final = word_set(
    """
        be.nn bg.egn ch.ssn cn.ric cz.rc ee.ik es.nie fi.hetu fr.nir gr.amka it.codicefiscale
        kr.rrn lt.asmens mx.curp no.fodselsnummer pl.pesel ro.cnp se.personnummer si.emso sk.rc
        tr.tckimlik za.idnr
        """
)
"""With a date, a letter or two check digits inside: bare digits are enough."""

_GROUPS: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "at.vnr": ((4, 6),), "au.medicare": ((4, 5, 1),), "es.dni": ((8, 1),), "es.nie": ((1, 7, 1),),
    "pk.cnic": ((5, 7, 1),), "dk.cpr": ((6, 4),), "fi.hetu": ((6, 4),),
    "se.personnummer": ((6, 4), (8, 4)), "in_.vid": ((4, 4, 4, 4),), "jp.in_": ((4, 4, 4),),
    "kr.rrn": ((6, 7),), "fr.nir": ((1, 2, 2, 2, 3, 3, 2), (13, 2)), "pt.nif": ((3, 3, 3),),
    "lv.pvn": ((6, 5),), "tr.tckimlik": ((3, 3, 3, 2),), "in_.aadhaar": ((4, 4, 4),),
    "us.ssn": ((3, 2, 4),),
}  # fmt: skip
"""How a number is written where the library does not say, or says it in one of several ways."""

_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_PLACEHOLDER: Final = re.compile(r"(.)\1+|0?1234567890?\d?|1?0+\d?")
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_TAIWANESE: Final = re.compile(r"[A-Z][1289]\d{8}")
_KOREAN: Final = re.compile(r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[1-8]\d{6}")
_CHINESE: Final = re.compile(
    r"[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]"
)
_HEX: Final = re.compile(r"[0-9A-F]*[A-F][0-9A-F]*")
_DIGITS_AND_ONE_LETTER: Final = re.compile(r"\d+[A-Z]|[A-Z]\d+")
SIZES: Final = range(8, 19)
"""Letters and digits that such a number has."""

_BARE: Final = range(11, 19)
"""Digits in a row that leave chance little room: of nine, each seventh is somebody's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One country's kind of number."""

    name: str
    validate: Callable[[str], bool]
    written: Callable[[str], str] | None

    def is_valid(self, code: str) -> bool:
        if self.name == "fi.hetu" and len(code) == 10:
            code = f"{code[:6]}-{code[6:]}"  # the sign of the century, which other marks replace
        try:
            return self.validate(code)
        except (LookupError, ValueError):
            return False  # the library's own tables have holes

    def allows(self, exactly: str | None, code: str) -> bool:
        """Whether `code` is written `exactly` so, if that counts: without a check digit, never."""
        if exactly is None:
            return True
        return (
            self.name not in _WEAK
            and self.written is not None
            and self.written(code) == exactly.upper()
        )

    def groups(self, code: str) -> tuple[tuple[int, ...], ...]:
        """The sizes of the groups that `code`, which is valid, is written in."""
        found = _GROUPS.get(self.name, ())
        if self.written is not None:
            found = (*found, tuple(map(len, re.split(r"[^0-9A-Za-z]+", self.written(code)))))
        return found


@cache
def _kinds() -> tuple[Kind, ...]:
    """Every kind; a module that this version of the library lacks is left out."""
    found = []
    for name in sorted(_PERSONAL):
        try:
            module: ModuleType = import_module(f"stdnum.{name}")
        except ModuleNotFoundError:
            continue
        found.append(Kind(name, module.is_valid, getattr(module, "format", None)))
    return tuple(found)


def is_written(groups: Sequence[str], exactly: str | None = None) -> bool:
    """Whether letters and digits in `groups` are a person's number as some country writes it.

    Args:
        exactly: how they are written, where only the country's own marks between them count:
            dots and dashes of a version group digits, too.
    """
    code = "".join(groups).upper()
    if not code.isalnum() or not code.isascii():
        return False
    if len(groups) < 2 or len(code) not in SIZES or _PLACEHOLDER.fullmatch(code):
        return False
    if len(groups[0]) == 8 and _DATE.fullmatch(groups[0]) and len(groups[1]) != 4:
        return False  # a day, and a count of that day
    sizes = tuple(map(len, groups))
    for kind in _kinds():
        if kind.is_valid(code) and kind.allows(exactly, code) and sizes in kind.groups(code):
            return True
    if sizes == (6, 7) and _KOREAN.fullmatch(code):
        return True  # those given out since 2020 have no check digit
    return sizes == (2, 6, 1) and bool(_NINO.fullmatch(code))


def is_bare(code: str) -> bool:
    """Whether letters and digits without a break can hardly be anything but a person's number."""
    code = code.upper()
    lettered = not code.isdigit()
    if len(code) not in (SIZES if lettered else _BARE) or _PLACEHOLDER.fullmatch(code):
        return False
    if code.startswith("20") and _DATE.match(code):
        return False  # a build of that day
    if not any(c.isdigit() for c in code):
        return False
    if _HEX.fullmatch(code) and not _DIGITS_AND_ONE_LETTER.fullmatch(code):
        return False  # a commit, a digest
    if lettered and (_NINO.fullmatch(code) or _is_taiwanese(code)):
        return True
    if _CHINESE.fullmatch(code) and _holds_mod_11_2(code):
        return True  # counties come and go, and the library knows today's
    return any(
        (kind.name in _SURE if not lettered else kind.name not in _WEAK) and kind.is_valid(code)
        for kind in _kinds()
    )


def _holds_mod_11_2(code: str) -> bool:
    from stdnum.iso7064 import mod_11_2

    return bool(mod_11_2.is_valid(code))


def _is_taiwanese(code: str) -> bool:
    """Letter, sex, eight digits: the library has no module for it."""
    if not _TAIWANESE.fullmatch(code):
        return False
    region = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    digits = [region // 10, region % 10, *map(int, code[1:])]
    weights = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
    return sum(d * w for d, w in zip(digits, weights, strict=True)) % 10 == 0


def is_possible(number: str) -> bool:
    """Whether digits are some country's: for those of which something else says what they are."""
    if len(number) not in SIZES or _PLACEHOLDER.fullmatch(number):
        return False
    return any(kind.is_valid(number) for kind in _kinds())
