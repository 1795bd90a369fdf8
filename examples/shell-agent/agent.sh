#!/bin/sh
# A whole agent of the fleet in plain sh: sh agent.sh NAME [HOST [PORT]]; EVERY=60 is the interval.
# It says how it is and takes no commands: the profile `publisher` of `fleet tck`.
set -u
name=$1 host=${2:-localhost} port=${3:-1883} every=${EVERY:-60}
began=$(date +%s) was=resolved

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

say() { # KIND MESSAGE: at QoS 1, retained, and nothing of it in the process table
    printf '%s' "$2" | mosquitto_pub -h "$host" -p "$port" -q 1 -r -t "fleet/$name/$1" -s
}

state() { say status "{\"state\":\"$1\",\"ts\":\"$(now)\"}"; }

trap 'state offline; exit 0' INT TERM
state running
while :; do
    up=$(($(date +%s) - began))
    say heartbeat "{\"ok\":true,\"ts\":\"$(now)\",\"uptime\":$up,\"interval\":$every}"
    used=$(df -P / | awk 'NR == 2 { print $5 + 0 }')
    if [ "$used" -ge "${FULL:-90}" ]; then is=firing; else is=resolved; fi
    if [ $is != $was ]; then
        what="\"code\":\"disk-pressure\",\"severity\":\"warning\",\"state\":\"$is\""
        say alert "{$what,\"ts\":\"$(now)\",\"value\":$used}" && was=$is
    fi
    sleep "$every" &
    wait $!
done
