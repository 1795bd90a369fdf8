#!/bin/sh
# Signs the checksums of a release with an SSH key, so that who has its public half can tell whose they are.
#
#     FLEET_RELEASE_KEY=FILE sh scripts/sign-release.sh SHA256SUMS  # writes SHA256SUMS.sig
#     sh scripts/sign-release.sh                                    # only says whether it could
#
# FILE is a private key, or a public one whose private half ssh-agent holds. Without it nothing is signed,
# and this says so. SECURITY.md says how a signature is checked.
set -eu
dir=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/venv.sh
. "$dir/venv.sh"

key=${FLEET_RELEASE_KEY:-}
if [ -z "$key" ]; then
    echo "UNSIGNED: FLEET_RELEASE_KEY names no key, so nothing says whose this release is" >&2
    exit 0
fi
[ -r "$key" ] || die "the key $key cannot be read" \
    "ssh-keygen -t ed25519 -C fleet-release -f FILE; FLEET_RELEASE_KEY=FILE"
command -v ssh-keygen >/dev/null 2>&1 ||
    die "ssh-keygen, which signs, is not installed" "install the OpenSSH client"
[ $# != 0 ] || exit 0
rm -f "$1.sig"
ssh-keygen -q -Y sign -f "$key" -n file "$1" ||
    die "$1 was not signed" "ssh-keygen -y -f \"$key\", which asks for its passphrase"
