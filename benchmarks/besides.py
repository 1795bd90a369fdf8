"""What others take for the same work in the same run, and why where they are better than we."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Beside:
    """One comparison. `ours` and `theirs` read numbers out of the JSON of benchmark `name`;
    `lost` says of a peer why it is better."""

    what: str
    unit: str
    name: str
    ours: Callable[[Any], float]
    theirs: Mapping[str, Callable[[Any], float]]
    more_is_better: bool = False
    lost: Mapping[str, str] = field(default_factory=dict)


def of(*path: str) -> Callable[[Any], float]:
    """Reads the number at a path."""

    def read(found: Any) -> float:
        for word in path:
            found = found[word]
        return float(found)

    return read


GO, PYPI = "prometheus-mqtt-exporter", "mqtt-exporter"
NODE, COLLECTD, SUB = "node_exporter", "collectd", "mosquitto_sub"
LINEAR: Final = ("predict_linear 1h, floor, for 1h", "predict_linear 6h, floor, for 1h")
PRESIDIO, SECRETS = "presidio", "detect-secrets"

LESS: Final = (
    "A C program with few libraries; ours is a Python interpreter with five probes and an outbox"
    " on disk. The floor of Python with a paho link is 21.8 MiB and 0.6 s an hour."
)
COMPILED: Final = "A compiled program; ours is a Python interpreter with paho and SQLite."
KEEPS: Final = "It keeps the last number of each series; the hub keeps who is well, and why."

BESIDES: Final[tuple[Beside, ...]] = (
    Beside("intake of a burst at QoS 1", "messages/s", "intake", of("per_s", "hub"),
           {SUB: of("per_s", SUB), GO: of("per_s", GO), PYPI: of("per_s", PYPI)},
           more_is_better=True,
           lost={SUB: "It prints nothing and keeps nothing: it is the limit, not a rival.",
                 GO: "It keeps the last number of each series and stores nothing."}),
    Beside("scrape of the same fleet, all agents changed", "s", "scrape",
           of("scraped", "hub", "changed_s"),
           {name: of("scraped", name, "changed_s") for name in (GO, PYPI)},
           lost={GO: "The hub renders anew what changed, in Python, and tells almost twice as"
                     " many samples: state, age, planes and versions besides the numbers."}),
    Beside("scrape of the same fleet, none changed", "s", "scrape",
           of("scraped", "hub", "still_s"),
           {name: of("scraped", name, "still_s") for name in (GO, PYPI)}),
    Beside("memory while it serves that fleet", "MiB", "scrape", of("scraped", "hub", "mib"),
           {name: of("scraped", name, "mib") for name in (GO, PYPI)},
           lost={GO: KEEPS, PYPI: KEEPS}),
    Beside("memory at rest beside an agent", "MiB", "sidecar", of("cost", "sidecar", "mib"),
           {name: of("cost", name, "mib") for name in (NODE, COLLECTD, SUB)},
           lost={NODE: COMPILED,
                 COLLECTD: LESS, SUB: LESS}),
    Beside("CPU at rest beside an agent, every 10 s", "s an hour", "sidecar",
           of("cost", "sidecar", "cpu_s_an_hour"),
           {name: of("cost", name, "cpu_s_an_hour") for name in (NODE, COLLECTD, SUB)},
           lost={COLLECTD: LESS, SUB: "It only waits: the floor of a link."}),
    Beside("personal data found", "of 1", "audit", of("recall", "by_family", "pii"),
           {PRESIDIO: of("others", PRESIDIO, "by_family", "pii")}, more_is_better=True),
    Beside("secrets found", "of 1", "audit", of("recall", "by_family", "secret"),
           {SECRETS: of("others", SECRETS, "by_family", "secret")}, more_is_better=True),
    Beside("clean messages flagged", "of 100", "audit",
           lambda f: 100 * f["clean"]["flagged"] / f["clean"]["messages"],
           {name: lambda f, name=name: 100 * f["others"][name]["flagged"]  # type: ignore[misc]
            / f["others"][name]["clean"] for name in (PRESIDIO, SECRETS)}),
    Beside("speed of the audit on clean traffic", "messages/s/core", "audit",
           of("speed", "per_s_per_core"),
           {name: of("others", name, "per_s_per_core") for name in (PRESIDIO, SECRETS)},
           more_is_better=True),
    Beside("false alarms of room that ends, on made courses", "", "forecast",
           of("sums", "ours", "false_alarms"),
           {name: of("sums", name, "false_alarms") for name in LINEAR}),
    Beside("true ends told a day before, on the same", "of 21", "forecast",
           of("sums", "ours", "told_a_day_before"),
           {name: of("sums", name, "told_a_day_before") for name in LINEAR}, more_is_better=True),
)  # fmt: skip
