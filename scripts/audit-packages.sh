#!/bin/sh
# Asks whether the locked packages have known weaknesses: pip-audit over requirements/*.txt.
#
#     sh scripts/audit-packages.sh
#
# Exit 0: no weakness is known; 1: one is; 2: nobody could be asked. What is known is listed online only,
# and not by mirrors of packages: where its database cannot be reached this says so, and what was not
# asked. It never passes for an answer.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

[ $# = 0 ] || die "unknown option $1" "sh scripts/audit-packages.sh"

audit=${PIP_AUDIT:-$(command -v pip-audit || true)}
if [ -z "$audit" ]; then
    make_venv .venv-release
    install_locked .venv-release release
    audit=.venv-release/bin/pip-audit
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT
weak=
unasked=
for lock in requirements/*.txt; do
    code=0
    "$audit" --progress-spinner off --disable-pip --require-hashes -r "$lock" >"$said" 2>&1 || code=$?
    if grep -q '^Found [0-9]' "$said"; then
        weak=yes
        echo "$lock:"
        cat "$said"
    elif [ "$code" = 0 ] && ! grep -q 'could not be audited' "$said"; then
        echo "$lock: no known weakness"
    else
        # A mirror without that database says of each package that it does not know it, and exits 0.
        unasked="$unasked $lock"
        echo "$lock: not asked: $(tail -n 1 "$said")"
    fi
done
[ -z "$weak" ] || exit 1
[ -z "$unasked" ] || {
    echo "NOT ASKED: the database of weaknesses was not reached, so this is no answer about:$unasked" >&2
    echo "Try: sh scripts/audit-packages.sh on a machine that reaches PyPI itself, not a mirror" >&2
    exit 2
}
