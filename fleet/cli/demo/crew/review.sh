#!/bin/sh
# REVIEW IN OUT BOARD: how many findings there are, and whether one is empty.
for file in "$3"/findings/*; do
    echo "$(wc -l < "$file") different words in one part"
    test -s "$file" || echo "and that is too few"
done > "$2/critiques/findings.md"
cp "$2/critiques/findings.md" "$2/review.md"
