#!/bin/sh
# Attacks running programs, threat by threat (adr/0006-threat-model.md), and prints what it gave.
#
#     sh scripts/trials.sh              # all: some ten minutes
#     sh scripts/trials.sh rights http  # some
#
# Exit code 1 if a promise did not hold. docs/explanation/what-we-tried.md has the last results.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
PATH="$PATH:/usr/sbin:/sbin"
[ -x .venv/bin/python ] && PATH="$PWD/.venv/bin:$PATH"
export PATH
exec python -m tests.trials "$@"
