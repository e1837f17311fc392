#!/usr/bin/env bash
# Finds what must not be committed: machine paths, index addresses in locks, leftovers, hidden errors, sleeping tests.
set -uo pipefail
cd "$(dirname "$0")/.."
found=0
look() { # look TITLE COMMAND...: the command prints what is wrong
  local hits; hits=$("${@:2}" || true)
  if [ -n "$hits" ]; then found=1; printf '%s:\n%s\n' "$1" "$hits"; fi
}
look 'machine paths' git grep -nIF -e "$PWD/" -- .
look 'index addresses' git grep -nIE '^(--)?(index-url|extra-index-url|find-links)|"resolved": *"http' -- .
look 'leftovers' git grep -nIE '\b(TODO|FIXME|XXX|NotImplementedError)\b' -- '*.py' '*.sql' '*.sh' '*.yaml' '*.yml' ':!scripts/slips.sh'
look 'broad except' git grep -nIE 'except( Exception| BaseException)?:\s*(pass|\.\.\.)\s*$|except:\s*$' -- '*.py'
look 'sleep in a test' git grep -nIE 'time\.sleep\(|asyncio\.sleep\([1-9]' -- '*tests*/*.py'
look '__init__.py under tests (pytest loses tests)' git ls-files '*tests/**/__init__.py' 'tests/**/__init__.py'
look 'committed by mistake' git ls-files '*uv.lock' '*.DS_Store' '*__pycache__*'
exit $found
