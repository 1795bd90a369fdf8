"""Values that a leak may hold, each made at run time: names, numbers, tokens, prose, disguises.

Nothing here is anybody's: numbers are drawn until their check digits hold, tokens are random. No
word list of the auditor is read, so that it is not examined with its own notes.
"""

from __future__ import annotations

import base64
import json
import random
import string
from typing import Any
from urllib.parse import quote


def listed(text: str) -> list[str]:
    return text.split()


FIRST = listed(
    """
    John Mary Robert Patricia Michael Jennifer David Linda Elizabeth Barbara Thomas Susan
    Juergen Katrin Giulia Matteo Priya Sanjay Wei Ahmed Fatima Olga Pierre Camille Siobhan Lars
    Ingrid Carlos Lucia Yuki
    """
)
LAST = listed(
    """
    Smith Johnson Williams Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Mueller
    Schmidt Rossi Ferrari Patel Sharma Zhang Hassan Ivanova Petrov Dubois Lefebvre Murphy Hansen
    Larsen Fernandez Santos Tanaka Nguyen Kowalski
    """
)
SLUG = string.ascii_lowercase + string.digits
ISSUERS = (("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16))
COMPANIES = listed(
    """
    acme globex initech umbrella hooli vandelay wonka cyberdyne soylent massive
    """
)
PROSE = (
    "please call her back before the meeting on Tuesday",
    "he said that the merger will be announced next week",
    "the customer is angry about the refund and wants to cancel",
    "I think we should tell them the truth about the project",
    "our biggest client is going to leave us for a competitor",
    "remember to buy flowers for the anniversary dinner",
)
HEALTH = ("diabetes", "hiv", "depression", "chemotherapy", "pregnancy", "epilepsy", "schizophrenia")
FINANCE = ("salary", "mortgage", "bankruptcy", "divorce", "overdraft", "alimony")


def luhn(body: str) -> str:
    total = 0
    for place, character in enumerate(reversed(body)):
        value = int(character) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def spaced(number: str) -> str:
    """A card number in groups of four."""
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


class Values:
    """Draws values; the same seed gives the same ones, in the same order."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def digits(self, count: int) -> str:
        return "".join(self.random.choices(string.digits, k=count))

    def token(self, count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(self.random.choices(alphabet, k=count))

    def person(self) -> tuple[str, str]:
        return self.random.choice(FIRST), self.random.choice(LAST)

    def email(self) -> str:
        first, last = self.person()
        host = self.random.choice(COMPANIES)
        return f"{first}.{last}@{host}.{self.random.choice(('com', 'de', 'co.uk'))}".lower()

    def card(self) -> str:
        prefix, size = self.random.choice(ISSUERS)
        return luhn(prefix + self.digits(size - 1 - len(prefix)))

    def phone(self) -> str:
        area = self.random.choice(("212", "415", "312", "206", "617", "713", "305", "404"))
        return (
            f"1{area}{self.random.randint(2, 9)}{self.random.choice('023456789')}{self.digits(5)}"
        )

    def written_phone(self) -> str:
        n = self.phone()
        return self.random.choice(
            (f"+{n}", f"+1 ({n[1:4]}) {n[4:7]}-{n[7:]}", f"{n[1:4]}-{n[4:7]}-{n[7:]}",
             f"+49 30 {self.random.randint(200000, 999999)}{self.digits(2)}",
             f"+44 20 7{self.digits(3)} {self.digits(4)}")
        )  # fmt: skip

    def ssn(self) -> str:
        area = self.random.choice([n for n in range(100, 770) if n not in (666, 734, 219)])
        return f"{area:03d}{self.random.randint(1, 99):02d}{self.random.randint(1, 9999):04d}"

    def iban(self) -> str:
        bban = "37040044" + self.digits(10)
        check = 98 - int(bban + "131400") % 97
        return f"DE{check:02d}{bban}"

    def birth(self) -> tuple[int, int, int]:
        r = self.random
        return r.randint(1940, 2004), r.randint(1, 12), r.randint(1, 28)

    def secret(self) -> str:
        r, t = self.random, self.token
        return r.choice(
            (
                lambda: "gh" + "p_" + t(36),
                lambda: "sk-" + "proj-" + t(40),
                lambda: "sk-" + "ant-api03-" + t(60),
                lambda: "AK" + "IA" + t(16, string.ascii_uppercase + "234567"),
                lambda: "xox" + "b-" + self.digits(11) + "-" + t(24),
                lambda: "AI" + "za" + t(35),
                lambda: "sk_" + "live_" + t(24),
                lambda: "glpat" + "-" + t(20),
                lambda: "hf" + "_" + t(34),
                lambda: "npm" + "_" + t(36),
                lambda: "SG." + t(22) + "." + t(43),
                self.jwt,
                lambda: f"postgres://app:{t(12)}@db.internal:5432/main",
                lambda: f"password={t(10)}!{r.randint(10, 99)}",
                lambda: "-----BEGIN " + "PRIVATE KEY-----\n" + t(64),
                lambda: t(40),
                lambda: f"Authorization: Bearer {t(32)}",
                lambda: f"mongodb+srv://root:{t(14)}@cluster0.example.net/db",
            )
        )()

    def jwt(self) -> str:
        def part(value: dict[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

        return f"{part({'alg': 'HS256'})}.{part({'sub': self.digits(8)})}.{self.token(43)}"

    def personal(self) -> str:
        """Personal data as text."""
        r = self.random
        first, last = self.person()
        year, month, day = self.birth()
        ssn = self.ssn()
        return r.choice(
            (
                self.email,
                self.written_phone,
                self.iban,
                lambda: spaced(self.card()),
                lambda: f"{ssn[:3]}-{ssn[3:5]}-{ssn[5:]}",
                lambda: f"{first} {last}",
                lambda: f"{r.randint(1, 999)} {last} Street",
                lambda: f"Dr. {last}",
                lambda: f"born {year}-{month:02d}-{day:02d}",
                lambda: f"DOB: {day:02d}/{month:02d}/{year}",
                lambda: f"{first} has {r.choice(HEALTH)}",
                lambda: f"{r.choice(FINANCE)} of {first} {last}",
                lambda: f"{r.uniform(-60, 60):.6f}, {r.uniform(-170, 170):.6f}",
            )
        )()

    def prose(self) -> str:
        r = self.random
        first, _ = self.person()
        return r.choice(
            (
                lambda: r.choice(PROSE),
                lambda: f"user: {r.choice(PROSE)}\nassistant: of course, I will",
                lambda: f"client {r.choice(COMPANIES)} case #{self.digits(6)}",
                lambda: f"[[{r.choice(COMPANIES)} meeting notes]]",
                lambda: f"/home/{first.lower()}/vault/clients/{r.choice(COMPANIES)}.md",
                lambda: f"https://crm.example.com/accounts/{self.digits(8)}",
                lambda: f"Traceback (most recent call last): KeyError: '{r.choice(COMPANIES)}'",
            )
        )()

    def disguise(self, text: str) -> str:
        """The same in an encoding or a costume."""
        wide = {c: chr(ord(c) + 0xFEE0) for c in map(chr, range(33, 127))}
        look = str.maketrans("aeopcxy", "аеорсху")  # noqa: RUF001
        return self.random.choice(
            (
                lambda: base64.b64encode(text.encode()).decode(),
                lambda: text.encode().hex(),
                lambda: quote(text, safe=""),
                lambda: "\u200b".join(text),
                lambda: "".join(wide.get(c, c) for c in text),
                lambda: text.translate(look),
                lambda: json.dumps({"v": text}),
                lambda: base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode(),
                lambda: base64.b64encode(base64.b64encode(text.encode())).decode(),
                lambda: "".join(f"%{byte:02x}" for byte in text.encode()),
            )
        )()
