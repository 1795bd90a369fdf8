#!/bin/sh
# Passwords for deploy/compose.yaml: one file an account in deploy/secrets, and all of them in
# `accounts` for the broker. Existing ones stay.
#
#     sudo sh deploy/secrets.sh [AGENT[:UID]...]      # default: alpha:10002 beta:10003
#
# UID is the user of the agent's sidecar (`user:` in the compose file); unsaid: the image's, 10002.
set -eu
cd "$(dirname "$0")"
umask 077

refuse() {
    printf '%s\nTry: sh deploy/secrets.sh alpha:10002 beta:10003\n' "$1" >&2
    exit 3
}

[ $# -gt 0 ] || set -- alpha:10002 beta:10003
for word in "$@"; do
    case ${word%%:*} in
        '' | *[!a-z0-9-]* | -* | *-) refuse "${word%%:*} is no agent name" ;;
        zephyr | accounts) refuse "${word%%:*} is taken: by the hub, or by the broker's file" ;;
        store) refuse "${word%%:*} is taken: by the password of the hubs' database" ;;
    esac
    case $word in
        *:) refuse "$word names no user" ;;
        *:*) case ${word#*:} in *[!0-9]*) refuse "${word#*:} is no user's number" ;; esac ;;
    esac
done

# Compose mounts them as they are: the users inside must be able to read, each its own.
if [ "$(id -u)" != 0 ]; then
    printf '%s\n' "only root can give each file to the user that reads it in its container" \
        "Try: sudo sh deploy/secrets.sh $*" >&2
    exit 3
fi

mkdir -p secrets
for account in zephyr "$@"; do
    account=${account%%:*}
    [ -s "secrets/$account" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$account"
done
: >secrets/accounts
for file in secrets/*; do
    case ${file#secrets/} in
        accounts | store | *.pem) ;; # what is no account of the broker's
        *) printf '%s:%s\n' "${file#secrets/}" "$(cat "$file")" >>secrets/accounts ;;
    esac
done

chown 1883 secrets/accounts
chown 10001 secrets/zephyr
for word in "$@"; do
    case $word in *:*) uid=${word#*:} ;; *) uid=10002 ;; esac
    chown "$uid" "secrets/${word%%:*}"
done
