"""What detect-secrets and presidio's patterns find: runs in their environment, without ours.

Reads {"leaks": [{"family", "texts": [[is the leak, text]]}], "clean": [texts]} from stdin; prints
of each the share of leaks found by family, of clean messages flagged, and messages a second.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scan = Callable[[str], set[str]]
"""The families that a detector finds in a text."""

Texts = list[tuple[bool, str]]


@dataclass(frozen=True, slots=True)
class Detector:
    """A scan of one text; and of many at once, the quickest way that it has."""

    scan: Scan
    scan_all: Callable[[list[str]], object]


def judge(detector: Detector, leaks: list[dict[str, Any]], clean: list[Texts]) -> dict[str, Any]:
    scan = detector.scan
    flagged = sum(any(scan(text) for _, text in texts) for texts in clean)
    everything = [text for texts in clean for _, text in texts]
    started = time.process_time()
    detector.scan_all(everything)
    rate = len(clean) / (time.process_time() - started)
    by_family = {}
    for family in ("pii", "secret"):
        of = [leak["texts"] for leak in leaks if leak["family"] == family]
        hits = sum(any(here and family in scan(text) for here, text in texts) for texts in of)
        by_family[family] = round(hits / len(of), 4)
    return {
        "by_family": by_family,
        "clean": len(clean),
        "flagged": flagged,
        "per_s_per_core": round(rate),
    }


def detect_secrets() -> Detector:
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    # Its way for a single line reports every quoted string, whatever its entropy: use files.
    path = Path(tempfile.mkdtemp()) / "text.txt"

    def scan_all(texts: list[str]) -> bool:
        path.write_text("".join(f"value = {json.dumps(text)}\n" for text in texts))
        found = SecretsCollection()
        with default_settings():
            found.scan_file(str(path))
        return bool(found.data)

    return Detector(lambda text: {"secret"} if scan_all([text]) else set(), scan_all)


def presidio() -> Detector:
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

    return Detector(scan, lambda texts: [scan(text) for text in texts])


def main() -> None:
    given = json.load(sys.stdin)
    both = {"detect-secrets": detect_secrets, "presidio": presidio}
    found = {name: judge(make(), given["leaks"], given["clean"]) for name, make in both.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
