#!/bin/sh
# Makes every file anew that is made from the code: schemas, words, references, manual pages,
# the map of the code, the table of decisions. A test for each holds it equal.
#
#     sh scripts/generate.sh
set -eu
cd "$(dirname "$0")/.."
[ ! -d .venv ] || PATH="$PWD/.venv/bin:$PATH"
python -m fleet.contract.generate
python scripts/docs/words.py
python scripts/docs/reference.py
python scripts/docs/manual.py
python scripts/docs/architecture.py
python -m fleet.metrics.reference
python -m fleet.tck.reference >docs/reference/tck-rules.md
python -m fleet.auditor.report.reference >docs/reference/audit-rules.md
python -m fleet adr check --write adr
