#!/bin/sh
# Passwords for deploy/compose.yaml: one file an account in deploy/secrets, and all of them in
# `accounts` for the broker. Existing ones stay.
#
#     sh deploy/secrets.sh [AGENT...]      # default: alpha
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
[ $# -gt 0 ] || set -- alpha
for account in zephyr "$@"; do
    case $account in
        '' | *[!a-z0-9-]* | -* | *-)
            printf '%s\nTry: sh deploy/secrets.sh alpha\n' "$account is no agent name" >&2
            exit 3 ;;
    esac
    [ -s "secrets/$account" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$account"
done
: >secrets/accounts
for file in secrets/*; do
    [ "$file" = secrets/accounts ] ||
        printf '%s:%s\n' "${file#secrets/}" "$(cat "$file")" >>secrets/accounts
done
# Compose mounts them as they are: the users inside (1883, 10001, 10002) must be able to read.
if [ "$(id -u)" = 0 ]; then
    chown 1883 secrets/accounts
    chown 10001 secrets/zephyr
    for account in "$@"; do chown 10002 "secrets/$account"; done
else
    echo "Not root: let the containers' users read them, or run this as root:" >&2
    echo "  1883 secrets/accounts, 10001 secrets/zephyr, 10002 the agents'" >&2
fi
