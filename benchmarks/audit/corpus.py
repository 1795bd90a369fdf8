"""A labelled corpus of leaks: in the clear, disguised, and within the rules of the contract."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.audit.compact import compact
from benchmarks.audit.values import (
    COMPANIES,
    FINANCE,
    HEALTH,
    PROSE,
    SLUG,
    Values,
    base64url,
    luhn,
)

TS = "2026-03-18T21:30:00Z"


@dataclass(frozen=True, slots=True)
class Case:
    """One message; `family` is empty for a clean one, `secret` is what must be in no report."""

    topic: str
    payload: str
    family: str = ""
    secret: str = ""
    where: str = ""
    sort: str = ""
    valid: bool = False
    """Whether it satisfies the contract."""


class Leaks(Values):
    """Messages with one of the values in them."""

    def base(self) -> dict[str, Any]:
        r = self.random
        return {"ok": r.random() < 0.95, "ts": TS, "uptime": round(r.uniform(1, 4e6), 1),
                "boot": r.randint(1_700_000_000_000, 1_790_000_000_000),
                "seq": r.randint(0, 90_000)}  # fmt: skip

    def agent(self) -> str:
        kind = self.random.choice(("nanobot", "claw", "rock", "web-prod"))
        return f"{kind}-{self.random.randint(1, 99)}"

    def rejected(self, family: str, text: str, sort: str) -> Case:
        """A leak that the contract itself rejects: in a foreign field, key or topic."""
        r, agent = self.random, self.agent()
        topic, beat = f"fleet/{agent}/heartbeat", self.base()
        place = r.randrange(6)
        if place == 0:
            odd = f"fleet/{agent}/{quote(text, safe='')[:600]}"
            return Case(odd, compact(beat), family, text, "topic", sort)
        if place == 1:
            return Case(topic, compact({**beat, text: 1}), family, text, "*", sort)
        if place == 2:
            beat["checks"] = {"disk": text}
            return Case(topic, compact(beat), family, text, "checks.disk", sort)
        if place == 3:
            inner = {"data": {"items": [1, {"detail": text}]}}
            return Case(topic, compact({**beat, **inner}), family, text, "data", sort)
        if place == 4:
            status = {"state": text, "ts": TS}
            return Case(f"fleet/{agent}/status", compact(status), family, text, "state", sort)
        key = r.choice(("note", "message", "info", "x", "detail"))
        return Case(topic, compact({**beat, key: text}), family, text, key, sort)

    def within(self) -> Case:
        """A leak that satisfies the contract."""
        r = self.random
        return r.choice((self._name, self._name, self._metric, self._metric, self._version,
                         self._version, self._number, self._number, self._id))()  # fmt: skip

    def _slug(self, join: str) -> tuple[str, str]:
        r = self.random
        first, last = (word.lower() for word in self.person())
        year, month, day = self.birth()
        ssn, phone = self.ssn(), self.phone()
        j = join
        return r.choice(
            (
                ("pii", lambda: f"{first}{j}{last}"),
                ("pii", lambda: f"{first}{last}"),
                ("pii", lambda: f"{last}{j}{first}{j}{year}"),
                ("pii", lambda: f"dob{j}{year}{j}{month:02d}{j}{day:02d}"),
                ("pii", lambda: f"ssn{j}{ssn[:3]}{j}{ssn[3:5]}{j}{ssn[5:]}"),
                ("pii", lambda: f"tel{j}{phone[1:4]}{j}{phone[4:7]}{j}{phone[7:]}"),
                ("pii", lambda: f"{first}{j}{last}{j}gmail{j}com"),
                ("pii", lambda: f"{first}{j}{r.choice(HEALTH)}"),
                ("pii", lambda: f"{first}{j}{r.choice(FINANCE)}"),
                ("pii", lambda: f"card{j}{self.card()}"),
                ("text", lambda: f"client{j}{r.choice(COMPANIES)}"),
                ("text", lambda: j.join(r.choice(PROSE).lower().split()[:6])),
                (
                    "secret",
                    lambda: f"ghp{j}{self.token(28, SLUG)}",
                ),
                ("secret", lambda: f"k{self.token(30, SLUG)}"),
            )
        )  # type: ignore[return-value]

    def _made(self, join: str, size: int) -> tuple[str, str]:
        while True:
            family, make = self._slug(join)
            text = make()  # type: ignore[operator]
            if len(text) <= size:
                return family, text

    def _name(self) -> Case:
        family, text = self._made("-", 40)
        topic = f"fleet/{text}/heartbeat"
        return Case(topic, compact(self.base()), family, text, "topic", "agent", valid=True)

    def _metric(self) -> Case:
        family, text = self._made("_", 47)
        metrics = {"memory_bytes": 1e8, text: self.random.randint(0, 9)}
        payload = compact({**self.base(), "metrics": metrics})
        topic = f"fleet/{self.agent()}/heartbeat"
        return Case(topic, payload, family, text, "metrics", "metric", valid=True)

    def _version(self) -> Case:
        r = self.random
        first, last = self.person()
        phone = self.phone()
        family, make = r.choice(
            (
                ("pii", lambda: f"{first}.{last}"),
                ("pii", self.iban),
                ("pii", self.card),
                ("pii", lambda: f"+{phone}"),
                ("pii", lambda: f"{phone[1:4]}-{phone[4:7]}-{phone[7:]}"),
                (
                    "pii",
                    lambda: base64url(self.email()),
                ),
                ("secret", lambda: self.token(32)),
                ("secret", lambda: "ghp" + "_" + self.token(28)),
                ("secret", lambda: "AK" + "IA" + self.token(16, string.ascii_uppercase + "234567")),
                ("text", lambda: "-".join(r.choice(PROSE).split()[:5])),
            )
        )
        text = make()
        while len(text) > 32:
            text = make()
        status = {"state": "running", "ts": TS, "versions": {"agent": text, "sidecar": "0.1.0"}}
        return Case(f"fleet/{self.agent()}/status", compact(status), family, text,
                    "versions.agent", "version", valid=True)  # fmt: skip

    def _number(self) -> Case:
        r = self.random
        topic = f"fleet/{self.agent()}/heartbeat"
        beat = self.base()
        text = r.choice((self.card, self.phone, self.ssn))()
        place = r.randrange(4)
        if place == 0:
            name = r.choice(("x", "contact", "ref", "person_a", "val", "m1"))
            beat["metrics"] = {name: int(text), "memory_bytes": 1e8}
            where = "metrics"
        elif place == 1:
            text = luhn("4" + self.digits(14))  # sixteen digits: fifteen may be bytes
            beat["metrics"] = {r.choice(("memory_bytes", "tokens_total", "rows")): int(text)}
            where = "metrics"
        elif place == 2:
            where = r.choice(("boot", "seq"))
            beat[where] = int(text)
        else:
            alert = {"code": r.choice(("error-rate", "queue-backlog", "cron-failure")), "ts": TS,
                     "severity": "info", "state": "firing", "value": int(text)}  # fmt: skip
            topic = topic.replace("heartbeat", "alert")
            return Case(topic, compact(alert), "pii", text, "value", "number", valid=True)
        return Case(topic, compact(beat), "pii", text, where, "number", valid=True)

    def _id(self) -> Case:
        r = self.random
        text = r.choice((self.email, self.card, lambda: " ".join(self.person())))()
        if text.isdigit() and r.random() < 0.5:
            alert = {"code": "error-rate", "severity": "info", "state": "firing", "ts": TS,
                     "id": f"01{text:0>24}"}  # fmt: skip
            return Case(f"fleet/{self.agent()}/alert", compact(alert), "pii", text, "id", "id",
                        valid=True)  # fmt: skip
        digest = text.encode().hex()[:64].ljust(64, "0")
        status = {"state": "running", "ts": TS, "config": f"sha256:{digest}"}
        return Case(f"fleet/{self.agent()}/status", compact(status), "pii", text, "config", "id",
                    valid=True)  # fmt: skip


def leaks(count: int, seed: int = 1) -> list[Case]:
    """`count` labelled leaks: in the clear, disguised, and within the rules."""
    make = Leaks(seed)
    plans: list[Callable[[], Case]] = [
        lambda: make.rejected("pii", make.personal(), "plain"),
        lambda: make.rejected("secret", make.secret(), "plain"),
        lambda: make.rejected("text", make.prose(), "plain"),
        lambda: disguised(make, "pii", make.personal()),
        lambda: disguised(make, "secret", make.secret()),
        make.within,
        make.within,
        make.within,
    ]
    return [plans[number % len(plans)]() for number in range(count)]


def disguised(make: Leaks, family: str, text: str) -> Case:
    case = make.rejected(family, make.disguise(text), "disguised")
    return Case(case.topic, case.payload, family, text, case.where, case.sort)
