#!/usr/bin/env bash
# Makes every hashed lock from its .in file: requirements/lock.sh. Locks carry no index address and no machine path.
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .lock-env
.lock-env/bin/pip install -q --require-hashes -r tools.txt
for name in dev local build saga-train cli ingest enricher feed-writer api locust notebook java; do
  constraint=(); [ "$name" = dev ] || constraint=(-c dev.txt)
  .lock-env/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-header --no-annotate "${constraint[@]}" "$name.in" -o "$name.txt"
done
rm -rf .lock-env
