"""What Faker makes of people in twenty countries: spelled in names, and in foreign fields.

Faker's lists are not the audit's, though both hold common names; so each leak says whether all its
words are in the audit's lists (`seen`).
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from benchmarks.audit.values import listed
from fleet.auditor.rules.wordlists import lexicon

LOCALES = listed(
    """
    en_US en_GB en_IN en_CA de_DE fr_FR es_ES it_IT pl_PL pt_BR nl_NL sv_SE fi_FI cs_CZ tr_TR ru_RU
    ja_JP ko_KR zh_TW yo_NG
    """
)
STREETS = re.compile(
    r"\b(?:street|road|avenue|lane|drive|square|court|boulevard|strasse|str|weg|platz|allee|gasse|ring"
    r"|rue|chemin|calle|via|viale|piazza|borgo|rua|avenida|travessa|ul|ulica|aleja|straat|laan|plein"
    r"|gatan|vagen|katu|tie|polku|ulice|namesti|sokak|sokagi|cadde|caddesi|bulvar)\b"
)
"""Words by which somebody who reads a slug knows a street, where a number stands beside them."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One value. `shape` is where it stands: `agent`, `metric`, `version`; `field`, a foreign one.

    `decidable`: whether a careful person who reads only this would say that it is a leak of this
    family. Not so are: names of which a part is a common word (`grace-hill`), has under three
    letters or was cut off; numbers of twelve digits or fewer that neither a word nor marks between
    them explain; numbers that were cut; dates that a release may bear; addresses without a word for
    a street.
    """

    family: str
    kind: str
    locale: str
    shape: str
    text: str
    decidable: bool
    seen: bool | None = None


def plain(text: str) -> str:
    """In the Latin letters of a slug."""
    from anyascii import anyascii

    return str(anyascii(text)).lower()


JOINTS = {"agent": "-", "metric": "_", "version": "-"}
SIZES = {"agent": 40, "metric": 48, "version": 32}


def spelled(text: str, shape: str) -> str:
    """`text` within the contract's pattern for `shape`, cut to its length."""
    joint = JOINTS[shape]
    if shape == "version":
        return re.sub(r"[^0-9A-Za-z.+_-]+", joint, text)[: SIZES[shape]].strip(joint)
    text = re.sub(r"[^a-z0-9]+", joint, text.lower()).strip(joint)
    if shape == "metric" and not text[:1].isalpha():
        text = f"m_{text}"
    return text[: SIZES[shape]].strip(joint)


@cache
def _faker(locale: str) -> Any:
    import faker

    return faker.Faker(locale)


class People:
    """Draws leaks of one locale; the same seed gives the same ones."""

    def __init__(self, locale: str, seed: int) -> None:
        self.locale = locale
        self.random = random.Random(f"{locale}{seed}")
        self.fake = _faker(locale)
        self.fake.seed_instance(f"{locale}{seed}")

    def leaks(self, count: int) -> Iterator[Leak]:
        """`count` of each kind."""
        for make in (
            self.person, self.email, self.phone, self.iban, self.card, self.identity, self.birth,
            self.address, self.client, self.own_script, self.written,
        ):  # fmt: skip
            for _ in range(count):
                yield from make()

    def _names(self) -> tuple[str, str]:
        fake = self.fake
        if hasattr(fake, "first_romanized_name"):
            return plain(fake.first_romanized_name()), plain(fake.last_romanized_name())
        return plain(fake.first_name()), plain(fake.last_name())

    def _around(self, shape: str, text: str) -> str:
        """With what stands before and behind it in the names of machines."""
        j = JOINTS[shape]
        before = self.random.choice(("", "", f"bot{j}", f"agent{j}", f"prod{j}eu{j}", f"work{j}"))
        behind = self.random.choice(("", "", f"{j}2", f"{j}prod", f"{j}v3", f"{j}18"))
        return before + text + behind

    def _shaped(
        self, family: str, kind: str, text: str, *, decidable: bool = True, whole: bool = True,
        seen: bool | None = None, shapes: tuple[str, ...] = ("agent", "metric", "version"),
    ) -> Leak:  # fmt: skip
        shape = self.random.choice(shapes)
        around = self._around(shape, text)
        if len(spelled(around, shape)) < len(re.sub(r"\W+$", "", around)):
            around = text
        value = spelled(around, shape)
        cut = len(text) > SIZES[shape]
        return Leak(
            family, kind, self.locale, shape, value, decidable and not (whole and cut), seen
        )

    def person(self) -> Iterator[Leak]:
        first, last = self._names()
        words = re.findall("[a-z]+", f"{first} {last}")
        known = lexicon()
        clear = [word for word in words if len(word) >= 3 and not known.is_known(word)]
        decidable = len(words) >= 2 and len(clear) == len(words)
        seen = all(known.is_name(word) for word in words)
        r = self.random
        text = r.choice(
            (f"{first}-{last}", f"{first}-{last}", f"{last}-{first}", f"{first}.{last}")
        )
        yield self._shaped("pii", "person", text, decidable=decidable, seen=seen)

    def email(self) -> Iterator[Leak]:
        mail = self.fake.email()
        yield Leak("pii", "email", self.locale, "field", mail, decidable=True)
        mailer = self.random.choice(("gmail", "outlook", "gmx", "yahoo"))
        first, last = self._names()
        yield self._shaped(
            "pii", "email", f"{first}.{last}.at.{mailer}.com", shapes=("agent", "metric")
        )

    def phone(self) -> Iterator[Leak]:
        number = self.fake.phone_number()
        digits = re.sub(r"\D", "", number)
        grouped = len(re.findall(r"\d+", number)) > 2 and len(digits) >= 9
        yield Leak("pii", "phone", self.locale, "field", f"call {number}", grouped or "+" in number)
        yield self._shaped("pii", "phone", f"tel-{digits}", decidable=len(digits) >= 7)

    def iban(self) -> Iterator[Leak]:
        iban = self.fake.iban()
        yield Leak("pii", "iban", self.locale, "field", iban, decidable=True)
        grouped = "-".join(iban[n : n + 4] for n in range(0, len(iban), 4))
        yield self._shaped("pii", "iban", self.random.choice((iban, iban.lower(), grouped)))

    def card(self) -> Iterator[Leak]:
        card = self.fake.credit_card_number()
        groups = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4)}.get(len(card), (len(card),))
        starts = itertools.accumulate((0, *groups[:-1]))
        parts = [card[at : at + size] for at, size in zip(starts, groups, strict=True)]
        real = len(card) >= 13 and card[0] in "23456"  # Faker has some that no issuer gives
        yield Leak("pii", "card", self.locale, "field", " ".join(parts), real)
        text = self.random.choice((card, "-".join(parts)))
        yield self._shaped("pii", "card", text, decidable=real)

    def identity(self) -> Iterator[Leak]:
        fake = self.fake
        makers = [fake.ssn] if hasattr(fake, "ssn") else []
        makers += [
            getattr(fake, name)
            for name in ("cpf", "pesel", "nie", "nif", "aadhaar_id", "birth_number")
            if hasattr(fake, name)
        ]
        code = str(self.random.choice(makers)())
        bare = re.sub(r"\W", "", code)
        marks = bool(re.search(r"\w\W\w", code))
        lettered = any(c.isalpha() for c in bare) and len(bare) >= 8
        real = not bare.startswith("ZZ")  # Faker's British numbers are none: nobody has this prefix
        yield Leak(
            "pii", "national id", self.locale, "field", f"id {code}", real and (marks or lettered)
        )
        word = self.random.choice(("", "ssn-", "passport-", "taxid-"))
        text = word + (code if self.random.random() < 0.6 else bare)
        shown = bool(word) or lettered or len(bare) >= 13
        yield self._shaped(
            "pii", "national id", text, decidable=bool(word) or (real and (shown or text != bare))
        )

    def birth(self) -> Iterator[Leak]:
        r = self.random
        day = self.fake.date_of_birth(minimum_age=20, maximum_age=95)
        word = r.choice(("", "dob-", "born-", "user-", "patient-"))
        text = word + day.strftime(r.choice(("%Y-%m-%d", "%Y%m%d", "%d-%m-%Y")))
        decidable = word in ("dob-", "born-") or day.year < 2000
        yield self._shaped(
            "pii", "birth date", text, decidable=decidable, shapes=("agent", "metric")
        )
        written = day.strftime(r.choice(("%d.%m.%Y", "%Y-%m-%d", "%d %B %Y")))
        yield Leak("pii", "birth date", self.locale, "field", f"born {written}", decidable=True)

    def address(self) -> Iterator[Leak]:
        text = plain(self.fake.street_address().replace("\n", " "))
        clear = bool(STREETS.search(text)) and any(c.isdigit() for c in text)
        yield self._shaped("pii", "address", text, decidable=clear, shapes=("agent", "metric"))

    def client(self) -> Iterator[Leak]:
        company = re.sub(r"[^a-z0-9]+", "-", plain(self.fake.company())).strip("-")
        known = lexicon()
        words = re.findall("[a-z]{3,}", company)
        clear = bool(words) and not all(map(known.is_known, words))
        yield self._shaped(
            "text",
            "client",
            f"client-{company}",
            decidable=clear,
            whole=False,
            shapes=("agent", "metric"),
        )

    def own_script(self) -> Iterator[Leak]:
        name = f"{self.fake.first_name()} {self.fake.last_name()}"
        latin = name.isascii() or "LATIN" in _script(name)
        words = [word.lower() for word in name.split()]
        known = lexicon()
        listed = known.is_name if latin else known.own_script_names.__contains__
        seen = all(listed(word if not latin else plain(word)) for word in words)
        plainly = (
            all(len(word) >= 3 and not known.is_known(word) for word in words) if latin else True
        )
        yield Leak("pii", "person", self.locale, "field", name, decidable=plainly, seen=seen)

    def written(self) -> Iterator[Leak]:
        yield Leak(
            "text", "prose", self.locale, "field", self.fake.sentence(nb_words=9), decidable=True
        )


def _script(name: str) -> str:
    import unicodedata

    return unicodedata.name(next(c for c in name if c.isalpha()))


def tokens(count: int, seed: int) -> Iterator[Leak]:
    """Secrets of each published format, whole and cut to 32, in foreign fields and in names.

    A careful person sees one as long as twelve characters in a row are left that chance drew.
    """
    from benchmarks.audit.token_formats import FORMATS

    for form in FORMATS:
        r = random.Random(f"{form.name}{seed}")
        base = Leak("secret", form.name, "", "field", "", decidable=True, seen=not form.held_out)
        for _ in range(count):
            token = form.make(r)
            yield replace(base, text=token)
            yield replace(base, text=token[:32], decidable=_drawn(token[:32]))
            if " " in token:
                continue
            for shape in JOINTS:
                value = spelled(token, shape)
                yield replace(base, shape=shape, text=value, decidable=_drawn(value))


def _drawn(text: str) -> bool:
    """Whether enough is left of what was drawn by chance; an address's host was not."""
    return any(len(part) >= 12 for part in re.split(r"[-_.:/ ]", text))


def everything(per_kind: int, seed: int, locales: list[str] | None = None) -> Iterator[Leak]:
    """`per_kind` leaks of each kind and locale, and of each format of tokens."""
    for locale in locales or LOCALES:
        yield from People(locale, seed).leaks(per_kind)
    yield from tokens(per_kind, seed)
