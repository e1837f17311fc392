#!/usr/bin/env bash
# The compose stack, from images to an answer: builds, starts everything under a project name and ports of its own, posts
# through nginx and reads back feed, fact and trace (compose-smoke.py), then takes all of it away, volumes included.
# Needs docker with Compose v2. Where no image registry is reachable: deploy/dev/engine.sh and deploy/dev/stand-ins.sh.
#   SMOKE_SERVICES="…"   services beside the core's, by default Prometheus, Alertmanager and the audit
#   SMOKE_KEEP=1         leave it running, and say how to stop it
#   SMOKE_BUILD=0        use the images as they are
#   BUILD_NETWORK=host   for builds behind an engine whose build containers have no network
set -euo pipefail
cd "$(dirname "$0")/.."

compose=(docker compose)
docker compose version >/dev/null 2>&1 || compose=(docker-compose)
project=feedmill-smoke-$$
compose+=(-p "$project" --profile observability)
extra=${SMOKE_SERVICES-prometheus alertmanager audit}
core=(nginx ingest enricher feed-writer-postgres feed-writer-clickhouse api)

names=(GATEWAY_PORT KAFKA_PORT POSTGRES_PORT CLICKHOUSE_PORT PROMETHEUS_PORT ALERTMANAGER_PORT GRAFANA_PORT)
read -r -a ports < <(python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in sys.argv[1:]]
print(*(s.getsockname()[1] for s in held))' "${names[@]}")
for i in "${!names[@]}"; do export "${names[i]}=${ports[i]}"; done

finish() {
  local status=$?
  if [ "${SMOKE_KEEP:-}" ]; then
    echo "left running: http://127.0.0.1:$GATEWAY_PORT; stop it with: ${compose[*]} down -v"
    return "$status"
  fi
  [ "$status" -eq 0 ] || "${compose[@]}" logs --tail 30 >&2 || true
  "${compose[@]}" down -v --remove-orphans >/dev/null 2>&1 || true
  return "$status"
}
trap finish EXIT

[ "${SMOKE_BUILD:-1}" = 0 ] || "${compose[@]}" build -q
# shellcheck disable=SC2086  # a list of names
"${compose[@]}" up -d --no-build --quiet-pull "${core[@]}" $extra
"${compose[@]}" ps -a --format 'table {{.Service}}\t{{.Status}}'

key=$("${compose[@]}" run --rm --no-deps -T feedmill keys create --service smoke --scopes admin,events:write,feeds:read --json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')
analyst=$("${compose[@]}" run --rm --no-deps -T --entrypoint cat feedmill /run/secrets/clickhouse_url/analyst_password)
SMOKE_KEY=$key SMOKE_ANALYST=$analyst SMOKE_EXTRA=$extra python3 scripts/compose-smoke.py
"${compose[@]}" run --rm --no-deps -T feedmill digest
if [[ " $extra " == *" prometheus "* ]]; then
  "${compose[@]}" exec -T -w /etc/prometheus prometheus promtool test rules alerts_test.yml
fi
