#!/usr/bin/env bash
# Compressed documents for DocumentReaderTests: 3,000 lines in two gzip members, two zstd frames, and as JSON Lines.
set -euo pipefail
folder="$(dirname "$0")/../../Tests/TokenDataTests/Goldens/documents"
mkdir -p "$folder"
lines() { awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i < to; i++) { s = ""; for (k = 0; k < i % 50; k++) s = s "ab"; print "document " i " says " s } }'; }
{ lines 0 1000 | gzip -9n; lines 1000 3000 | gzip -9n; } > "$folder/lines.txt.gz"
{ lines 0 1000 | zstd -19 -q; lines 1000 3000 | zstd -19 -q; } > "$folder/lines.txt.zst"
lines 0 3000 | sed 's/.*/{"id": 1, "text": "&"}/' | gzip -9n > "$folder/lines.jsonl.gz"
