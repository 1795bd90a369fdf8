#!/bin/sh
# All of the fuzzing, of which the tests run a slice: forged commands, payloads, HTTP, MCP, packets
# of a broker, answers of a hub, dead letters that are replayed, agent.env, fleet.toml, invitations,
# copies of a store, captures, lists.
# Each is seeded and bounded: it tries so many, and a test that hangs is ended.
#
#     sh scripts/fuzz.sh                # some twenty minutes
#     sh scripts/fuzz.sh -k agent_env   # one of them
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
[ -x .venv/bin/python ] && PATH="$PWD/.venv/bin:$PATH"
FLEET_FUZZ=whole
export PATH FLEET_FUZZ
exec python -m pytest -q -p no:cacheprovider tests/fuzz "$@"
