"""What others find of the same foreign leaks: runs in the environment of `others.py`.

Reads {"leaks": [[family, text]], "clean": [text]} from stdin; of each family and of clean names
prints the share that each detector tells of.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from others import Detector, detect_secrets, presidio


def credsweeper() -> Detector:
    from credsweeper.app import CredSweeper
    from credsweeper.file_handler.byte_content_provider import ByteContentProvider

    sweeper = CredSweeper()

    def scan_all(texts: list[str]) -> bool:
        lines = "\n".join(f"value = {json.dumps(text)}" for text in texts)
        return bool(sweeper.file_scan(ByteContentProvider(lines.encode(), file_path="text.py")))

    return Detector(lambda text: {"secret"} if scan_all([text]) else set(), scan_all)


def main() -> None:
    given, told = json.load(sys.stdin), sys.stdout
    sys.stdout = sys.stderr  # what they say themselves is no result
    found = {}
    for name, make in (
        ("presidio", presidio), ("detect-secrets", detect_secrets), ("CredSweeper", credsweeper),
    ):  # fmt: skip
        scan = make().scan
        shares = {}
        for family in ("pii", "secret"):
            texts = [text for of, text in given["leaks"] if of == family]
            hits = sum(family in scan(text) for text in texts)
            shares[family] = round(hits / len(texts), 4) if texts else None
        flagged = sum(bool(scan(text)) for text in given["clean"])
        found[name] = {**shares, "clean": len(given["clean"]), "flagged": flagged}
    print(json.dumps(found), file=told)


if __name__ == "__main__":
    main()
