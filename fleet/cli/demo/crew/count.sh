#!/bin/sh
# COUNT IN OUT: how often each word of a text stands in it; for the board, and as a result.
found="$2/findings/words-$(echo "$TASK_ID" | tr A-Z a-z).txt"
tr -cs A-Za-z '\n' < "$1" | tr A-Z a-z | sed '/^$/d' | sort | uniq -c | sed 's/^ *//' > "$found"
cp "$found" "$2/words.txt"
