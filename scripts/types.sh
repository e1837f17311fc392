#!/usr/bin/env bash
# mypy --strict, member by member: sources as the package they are, tests as files (equal names in two members are fine).
# usage: scripts/types.sh [MEMBER ...]
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
members=("$@")
[ ${#members[@]} -gt 0 ] || members=(libs/contracts libs/runtime libs/sagas libs/testkit services/ingest services/enricher services/feed-writer services/api cli)
mypy() { MYPYPATH="${bases:-src}" "$root/.venv/bin/mypy" --config-file "$root/pyproject.toml" --cache-dir "$root/.mypy_cache/$1" --no-error-summary "${@:2}"; }
for member in "${members[@]}"; do
  package=$(basename "$(find "$member/src/feedmill" -mindepth 1 -maxdepth 1 -type d ! -name __pycache__)")
  cd "$root/$member"
  mypy "$package" -p "feedmill.$package"
  if find tests -name '*.py' 2>/dev/null | grep -q .; then mypy "$package-tests" tests; fi
  cd "$root"
  echo "types: $member"
done
if [ $# -eq 0 ]; then
  for folder in tests/* bench; do
    if find "$folder" -name '*.py' 2>/dev/null | grep -q .; then
      bases=tests mypy "$(basename "$folder")" "$folder"
      echo "types: $folder"
    fi
  done
fi
