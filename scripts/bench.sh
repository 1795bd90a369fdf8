#!/bin/sh
# Runs the benchmarks one after the other; each prints one JSON object, to be read as ratios.
#
#     sh scripts/bench.sh                  # all of them, as large as the goals are stated
#     sh scripts/bench.sh intake 50000 3   # one of them, with its arguments
#     sh scripts/bench.sh --list
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
export PATH
make_venv .venv
install_project .venv dev
python=.venv/bin/python

case ${1:-} in
    --list) exec $python -m benchmarks ;;
    '') ;;
    *) exec $python -m benchmarks "$@" ;;
esac

failed=
for name in $($python -m benchmarks | cut -d' ' -f1); do
    [ "$name" != generator ] || continue # a tool of the others
    echo "== $name"
    $python -m benchmarks "$name" || failed="$failed $name"
done
[ -z "$failed" ] || { echo "FAILED:$failed" >&2; exit 1; }
