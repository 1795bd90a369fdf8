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
install_project .venv hub
# Debian keeps daemons in sbin, which is not on everybody's PATH.
PATH="$PWD/.venv/bin:$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
export PATH
if command -v mosquitto >/dev/null 2>&1; then
    say "Broker: $(command -v mosquitto)"
else
    say "Broker: the embedded amqtt, since there is no mosquitto on PATH ($(install_hint mosquitto))"
fi
exec fleet demo "$@"
