"""A labelled corpus: leaks and look-alikes, with every secret made at run time.

Nothing here is anybody's: numbers are drawn until their check digits hold, tokens are random. No
word list of the auditor is read, so that it is not examined with its own notes.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


def listed(text: str) -> list[str]:
    return text.split()


TS = "2026-03-18T21:30:00Z"
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


class Maker:
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
        prefix, size = self.random.choice(
            (("4", 16), ("51", 16), ("55", 16), ("37", 15), ("6011", 16))
        )
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

    # --- messages

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
            return Case(odd, json.dumps(beat), family, text, "topic", sort)
        if place == 1:
            return Case(topic, json.dumps({**beat, text: 1}), family, text, "*", sort)
        if place == 2:
            beat["checks"] = {"disk": text}
            return Case(topic, json.dumps(beat), family, text, "checks.disk", sort)
        if place == 3:
            inner = {"data": {"items": [1, {"detail": text}]}}
            return Case(topic, json.dumps({**beat, **inner}), family, text, "data", sort)
        if place == 4:
            status = {"state": text, "ts": TS}
            return Case(f"fleet/{agent}/status", json.dumps(status), family, text, "state", sort)
        key = r.choice(("note", "message", "info", "x", "detail"))
        return Case(topic, json.dumps({**beat, key: text}), family, text, key, sort)

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
                    lambda: f"ghp{j}{self.token(28, string.ascii_lowercase + string.digits)}",
                ),
                ("secret", lambda: f"k{self.token(30, string.ascii_lowercase + string.digits)}"),
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
        return Case(topic, json.dumps(self.base()), family, text, "topic", "agent", valid=True)

    def _metric(self) -> Case:
        family, text = self._made("_", 47)
        metrics = {"memory_bytes": 1e8, text: self.random.randint(0, 9)}
        payload = json.dumps({**self.base(), "metrics": metrics})
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
        return Case(f"fleet/{self.agent()}/status", json.dumps(status), family, text,
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
            return Case(topic, json.dumps(alert), "pii", text, "value", "number", valid=True)
        return Case(topic, json.dumps(beat), "pii", text, where, "number", valid=True)

    def _id(self) -> Case:
        r = self.random
        text = r.choice((self.email, self.card, lambda: " ".join(self.person())))()
        if text.isdigit() and r.random() < 0.5:
            alert = {"code": "error-rate", "severity": "info", "state": "firing", "ts": TS,
                     "id": f"01{text:0>24}"}  # fmt: skip
            return Case(f"fleet/{self.agent()}/alert", json.dumps(alert), "pii", text, "id", "id",
                        valid=True)  # fmt: skip
        digest = text.encode().hex()[:64].ljust(64, "0")
        status = {"state": "running", "ts": TS, "config": f"sha256:{digest}"}
        return Case(f"fleet/{self.agent()}/status", json.dumps(status), "pii", text, "config", "id",
                    valid=True)  # fmt: skip


def leaks(count: int, seed: int = 1) -> list[Case]:
    """`count` labelled leaks: in the clear, disguised, and within the rules."""
    make = Maker(seed)
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


def disguised(make: Maker, family: str, text: str) -> Case:
    case = make.rejected(family, make.disguise(text), "disguised")
    return Case(case.topic, case.payload, family, text, case.where, case.sort)


AGENTS = listed(
    """
    alpha nanobot-7 web-prod-3 openclaw-main jarvis alice-2 research-agent sales-emea
    support-bot-1 friday claude-runner max atlas edge-eu-west-1 k8s-worker-7d4b9c6f5-x2x9z
    finance-reports legal-research-assistant customer-support happy-purple-tiger victoria
    data-pipeline-prod mqtt-client-1 iris-home docs-writer
    """
)
VERSIONS = listed(
    """
    4.1.1.1 2026.9.6 v0.3.5 0.3.5 1.0.0-rc.1+build.5114f85 1.0.0+20130313144700 3.11.7 24.16.0
    claude-sonnet-4-5-20250929 gpt-4o-mini node-v24.16.0-linux-x64 3.11.7-slim-bookworm
    0.0.0.dev0+g1a2b3c4d5.d20260318 10.0.19045.3803 5.15.0-1051-aws 20260318 2026.03.18.1
    1.21.0-alpha.3 d41d8cd98f00b204e9800998ecf8427e gemini-2.5-pro llama-3.1-70b-instruct
    1.2.3.post1 latest 7.2.24-rc2 v2.0.11-debian
    """
)
METRICS = listed(
    """
    memory_bytes tokens_input_total tokens_output_total cost_usd_total errors_total queue_depth
    cpu_seconds_total disk_available_bytes http_requests_in_flight time_to_first_token_seconds
    tokens_claude_sonnet_4_5_total model_gpt_4o_cost_usd_total gc_collected_objects_total
    network_receive_bytes_total context_window_used_ratio sessions_active_count
    last_work_timestamp_seconds temperature_celsius cron_jobs_failed_total work_age_seconds
    endpoint_latency_seconds llm_calls_total cache_hits_total threads open_files p99_latency_ms
    """
)


def clean(count: int, seed: int = 2) -> Iterator[Case]:
    """Honest messages, with everything in them that looks like something else."""
    r = random.Random(seed)
    make = Maker(seed)
    boots = {agent: r.randint(1_760_000_000_000, 1_773_869_000_000) for agent in AGENTS}
    for number in range(count):
        agent = AGENTS[number % len(AGENTS)]
        draw = r.random()
        if draw < 0.85:
            names = r.sample(METRICS, r.randint(0, 6))
            beat: dict[str, Any] = {
                "ok": True, "ts": TS, "uptime": r.randint(0, 90_000_000), "boot": boots[agent],
                "seq": number, "checks": {"process": "pass", "disk": "warn"},
            }  # fmt: skip
            if names:
                beat["metrics"] = {name: _value(r, name) for name in names}
            yield Case(f"fleet/{agent}/heartbeat", json.dumps(beat))
        elif draw < 0.93:
            status = {
                "state": "running", "ts": TS, "boot": boots[agent], "seq": number,
                "versions": {"agent": r.choice(VERSIONS), "sidecar": "0.1.0",
                             "runtime": r.choice(VERSIONS)},
                "config": f"sha256:{r.getrandbits(256):064x}",
                "reply": {"to": _ulid(r), "verb": "health-check", "result": "done", "took": 0.2},
            }  # fmt: skip
            yield Case(f"fleet/{agent}/status", json.dumps(status))
        elif draw < 0.97:
            alert = {"code": "disk-pressure", "severity": "warning", "state": "firing", "ts": TS,
                     "id": _ulid(r), "value": r.choice((91, 93.5, 4.1e9)), "boot": boots[agent],
                     "seq": number}  # fmt: skip
            yield Case(f"fleet/{agent}/alert", json.dumps(alert))
        else:
            command = {"verb": "health-check", "id": _ulid(r), "ts": TS, "ttl": 60,
                       "kid": f"{r.getrandbits(64):016x}", "sig": make.token(86)}  # fmt: skip
            yield Case(f"fleet/{agent}/command", json.dumps(command))


def _value(r: random.Random, name: str) -> float:
    if "timestamp" in name:
        return r.randint(1_760_000_000, 1_773_869_400)
    if name.endswith(("_ratio", "_celsius", "_count", "_depth")) or "_" not in name:
        return r.choice((r.randint(0, 200), round(r.uniform(0, 100), 3)))
    if "bytes" in name:
        return r.choice((r.randint(10**6, 10**13), 1_773_869_400_125, 378_282_246_310_005))
    if "seconds" in name or name.endswith("_ms"):
        return round(r.uniform(0, 10**8), 3)
    if "usd" in name:
        return round(r.uniform(0, 9_999), 2)
    return r.choice((r.randint(0, 10**12), r.randint(0, 10**6)))


def _ulid(r: random.Random) -> str:
    number = r.randint(1_760_000_000_000, 1_773_869_400_000) << 80 | r.getrandbits(80)
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> s & 31] for s in range(125, -5, -5))
