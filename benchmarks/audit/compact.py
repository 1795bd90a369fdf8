"""JSON as our own publishers write it: blanks between its words would be a finding of their own."""

from __future__ import annotations

import json
from functools import partial

compact = partial(json.dumps, separators=(",", ":"))
