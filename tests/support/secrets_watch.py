"""Looks for secrets where none may be: every process's argv and environment, while a test runs."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class SecretsWatch:
    """Samples `/proc` until left; `seen` says where a secret stood. Secrets may be added late."""

    def __init__(self) -> None:
        self.secrets: set[bytes] = set()
        self.samples = 0
        self._blobs: dict[bytes, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="secrets-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def seen(self) -> list[str]:
        """Every place in which a secret stood, also before it was known to be one."""
        return sorted(
            {where for blob, where in self._blobs.items() for s in self.secrets if s in blob}
        )

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        blob = (process / name).read_bytes()
                    except OSError:
                        continue
                    self._blobs.setdefault(blob, f"{process.name}/{name}")
            self.samples += 1
