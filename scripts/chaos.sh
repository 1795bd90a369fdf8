#!/bin/sh
# Injects every fault of tests/chaos into running fleets and prints what held, as a table.
#
#     sh scripts/chaos.sh                  # all, whole: about 15 minutes
#     sh scripts/chaos.sh --slice          # all, in the short form that CI runs
#     sh scripts/chaos.sh R1 R5            # some
#     sh scripts/chaos.sh --json FILE      # the findings as JSON, too
#
# KEEP=FOLDER: what a pair that was lost in R18 wrote is kept there; ROUNDS=N: rounds of R18.
# Some faults need root (network namespaces, small disks), faketime, dockerd or nats-server;
# without them they are skipped with the reason. Exit code 1 if anything did not hold.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
PATH="$PATH:/usr/sbin:/sbin"
export PATH
make_venv .venv
install_project .venv dev
exec .venv/bin/python -m tests.chaos "$@"
