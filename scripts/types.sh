#!/usr/bin/env bash
# mypy --strict, member by member, as many side by side as there are processors: sources as the package they are, tests
# as files (equal names in two members are fine).
# usage: scripts/types.sh [MEMBER ...]
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

mypy() { MYPYPATH="${bases:-src}" "$root/.venv/bin/mypy" --config-file "$root/pyproject.toml" --cache-dir "$root/.mypy_cache/$1" --no-error-summary "${@:2}"; }
has_python() { find "$1" -name '*.py' 2>/dev/null | grep -q .; }

check() {
  case $1 in
    tests/* | bench) bases=tests mypy "$(basename "$1")" "$1" ;;
    *)
      package=$(basename "$(find "$1/src/feedmill" -mindepth 1 -maxdepth 1 -type d ! -name __pycache__)")
      cd "$root/$1"
      mypy "$package" -p "feedmill.$package"
      if has_python tests; then mypy "$package-tests" tests; fi
      ;;
  esac
  echo "types: $1"
}

if [ "${1:-}" = --one ]; then
  check "$2"
  exit
fi
members=("$@")
if [ $# -eq 0 ]; then
  members=(libs/contracts libs/runtime libs/sagas libs/testkit services/ingest services/enricher services/feed-writer services/api cli)
  for folder in tests/* bench; do
    if has_python "$folder"; then members+=("$folder"); fi
  done
fi
printf '%s\n' "${members[@]}" | xargs -P "$(nproc)" -n 1 scripts/types.sh --one
