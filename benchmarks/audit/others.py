"""What others find on the same corpus: detect-secrets and presidio's patterns, where installed."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.audit.corpus import Case
from fleet.auditor.scan import leaves

Scan = Callable[[str], set[str]]
"""The families that a detector finds in a text."""


def texts(case: Case) -> list[tuple[bool, str]]:
    """Every level of the topic, key and value of a message, and whether it is where the leak is.

    Given a whole message, both flag all of them: timestamps and quoted JSON are enough.
    """
    found = [(case.where == "topic", level) for level in case.topic.split("/")]
    for leaf in leaves(json.loads(case.payload)):
        key = case.where == "*" and leaf.is_key and "." not in leaf.path
        path = case.where != "*" and leaf.path.startswith(case.where or "-")
        found.append((key or path, str(leaf.value)))
    return found


def compare(cases: list[Case], clean: list[Case]) -> None:
    for name, make in (("detect-secrets", _detect_secrets), ("presidio patterns", _presidio)):
        try:
            scan = make()
        except ImportError:
            print(f"{name}: not installed")
            continue
        started = time.process_time()
        flagged = sum(any(scan(text) for _, text in texts(case)) for case in clean)
        rate = len(clean) / (time.process_time() - started)
        print(f"{name}: {flagged} of {len(clean)} clean messages flagged, {rate:,.0f} messages/s")
        for family in ("pii", "secret"):
            of = [case for case in cases if case.family == family]
            hits = sum(any(here and family in scan(t) for here, t in texts(case)) for case in of)
            print(f"  {family:<7} {hits}/{len(of)} = {hits / len(of):.3f}")


def _detect_secrets() -> Scan:
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    # Its way for a single line reports every quoted string, whatever its entropy: use files.
    path = Path(tempfile.mkdtemp()) / "text.txt"

    def scan(text: str) -> set[str]:
        path.write_text(f"value = {json.dumps(text)}\n")
        found = SecretsCollection()
        with default_settings():
            found.scan_file(str(path))
        return {"secret"} if found.data else set()

    return scan


def _presidio() -> Scan:
    from presidio_analyzer import EntityRecognizer, PatternRecognizer
    from presidio_analyzer import predefined_recognizers as shipped

    EntityRecognizer.MIN_SCORE = 0.5
    recognizers = []
    for name in shipped.__all__:
        kind = getattr(shipped, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer):
            try:
                recognizers.append(kind())
            except (TypeError, ImportError, ValueError):
                continue  # needs an argument, a model or a service

    def scan(text: str) -> set[str]:
        for recognizer in recognizers:
            found = recognizer.analyze(text, recognizer.supported_entities, None)
            if any(result.score >= 0.5 for result in found):
                return {"pii"}
        return set()

    return scan
