#!/bin/sh
# Makes the lock files again: every package that is installed anywhere, with version and hashes.
#
#     sh scripts/lock.sh                     # after a change of pyproject.toml; pins stay that still fit
#     sh scripts/lock.sh --upgrade           # the newest of everything; then run all checks
#     sh scripts/lock.sh --upgrade-package paho-mqtt
#
# requirements/dev.txt is the widest and made first; the others take its versions where they share a
# package, so that what is shipped is what was tested. One file serves Python 3.11 to 3.13 on all
# systems, by markers. What follows goes to uv, which may be told where packages are by its own
# settings; no address of an index stands in a lock file.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

uv=${UV:-$(command -v uv || true)}
[ -n "$uv" ] || die "uv is needed to lock" "pip install uv, or UV=/path/to/uv sh $0"

lock() {
    # lock FILE [ARGUMENTS-OF-UV...]
    file=requirements/$1.txt
    shift
    echo "$file" >&2
    "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command 'sh scripts/lock.sh' --output-file "$file" "$@" >/dev/null
}

shared='--constraint requirements/dev.txt'
lock dev --extra dev "$@"
# shellcheck disable=SC2086  # two words
{
    lock signing --extra signing $shared "$@"
    lock hub --extra hub $shared "$@"
    lock hub-demo --extra hub --extra demo $shared "$@"
    lock hub-postgres --extra hub --extra postgres $shared "$@"
    lock build --extra build $shared "$@"
    lock e2e --extra e2e $shared "$@"
    lock release --extra release $shared "$@"
}
