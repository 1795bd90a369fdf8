#!/bin/sh
# A first minute with the fleet: virtual environment, install, `fleet demo`.
#
#     sh scripts/quickstart.sh            # stays up until Ctrl-C
#     sh scripts/quickstart.sh --once     # smoke test: exit 0 only if each step was seen
#
# Arguments go on to `fleet demo`. Nothing outside this checkout is changed.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

say() { printf '%s\n' "$*" >&2; }

if [ ! -x .venv/bin/fleet ]; then
    say "Preparing .venv (once, about a minute) ..."
fi
make_venv .venv
# Debian keeps daemons in sbin, which is not on everybody's PATH.
PATH="$PWD/.venv/bin:$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
export PATH
if command -v mosquitto >/dev/null 2>&1; then
    install_project .venv hub
    say "Broker: $(command -v mosquitto)"
else
    # Where it has no wheel, its source would want a Rust compiler.
    export PIP_ONLY_BINARY=iotcore
    install_project .venv hub,demo "$(install_hint mosquitto), or see pip's lines above"
    say "Broker: the embedded iotcore, since there is no mosquitto on PATH ($(install_hint mosquitto));"
    say "    no rights, nothing kept: for a first look"
fi
exec fleet demo "$@"
