#!/bin/sh
# All of the fuzzing, of which the tests run a slice: 100,000 forged commands, 1,000,000 payloads.
#
#     sh scripts/fuzz.sh        # two or three minutes
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
[ -x .venv/bin/python ] && PATH="$PWD/.venv/bin:$PATH"
FLEET_FUZZ=whole
export PATH FLEET_FUZZ
exec python -m pytest -q -p no:cacheprovider tests/fuzz "$@"
