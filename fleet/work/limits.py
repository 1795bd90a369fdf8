"""The table `[work]` of `fleet.toml`: how much content of tasks the hub keeps.

[work]
blob_mb = 64       # MiB of one blob
group_mb = 2048    # MiB of all blobs of one group
keep_days = 7      # days that a blob stays which nothing names
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TABLE: Final = "work"
MIB: Final = 1024 * 1024
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """Bounds on content.

    Attributes:
        most: bytes of one blob; 64 MiB: a report with pictures, not a disk image.
        quota: bytes of all blobs of a group, each counted as the blocks that it takes; 2 GiB.
        keep: seconds that a blob stays which no task and no board names; a week, as tasks live.
    """

    most: int = 64 * MIB
    quota: int = 2048 * MIB
    keep: float = 7 * DAY

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, Any]]) -> BlobLimits:
        """From the tables of the settings, which have judged their types."""
        table, usual = tables.get(TABLE, {}), cls()
        return cls(
            int(table.get("blob_mb", usual.most / MIB) * MIB),
            int(table.get("group_mb", usual.quota / MIB) * MIB),
            table.get("keep_days", usual.keep / DAY) * DAY,
        )
