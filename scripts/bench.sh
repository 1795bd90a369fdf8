#!/bin/sh
# Runs every benchmark, keeps what each prints in benchmarks/results, makes docs/performance.md.
#
#     sh scripts/bench.sh                  # all, as large as the goals are stated: under 25 minutes
#     sh scripts/bench.sh --quick          # all, small, into build/bench; the page is only printed
#     sh scripts/bench.sh --all            # install the programs we are measured beside (so does CI)
#     sh scripts/bench.sh intake state     # some
#     sh scripts/bench.sh --list           # what there is
#
# One of them with arguments of your own: python -m benchmarks intake 50000 3
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
export PATH
make_venv .venv
install_project .venv dev
python=.venv/bin/python

case ${CI:-} in '' | 0 | false) install= ;; *) install=yes ;; esac
quick=
names=
for word in "$@"; do
    case $word in
        --list) exec $python -m benchmarks ;;
        --all) install=yes ;;
        --quick) quick=--quick ;;
        -*) die "unknown option $word" "sh scripts/bench.sh [--quick] [--all] [--list] [NAME ...]" ;;
        *) names="$names $word" ;;
    esac
done

if [ -n "$install" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        # One by one: a package that this release lacks must not take the others with it.
        for package in mosquitto mosquitto-clients collectd-core prometheus-node-exporter \
            prometheus-mqtt-exporter; do
            dpkg -s "$package" >/dev/null 2>&1 ||
                apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
                    "$package" >/dev/null 2>&1 || echo "apt could not install $package" >&2
        done
    fi
    $python -m benchmarks.peers || true # what is missing has no row
fi

failed=
# shellcheck disable=SC2086  # the names are meant to become words
$python -m benchmarks.suite $quick $names || failed=yes
if [ -n "$quick" ]; then
    $python scripts/docs/performance.py --from build/bench
else
    $python scripts/docs/performance.py
    sed -n '/^## Goals/,/^## Beside/p' docs/performance.md
fi
[ -z "$failed" ] || { echo "FAILED: see above" >&2; exit 1; }
