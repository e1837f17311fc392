#!/bin/sh
# Makes the passwords of the compose stack, once: each in a folder of its own below $1, read-only for its reader.
# What exists is kept: a store remembers the password it was made with.
set -eu
umask 022
cd "$1"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
sha256() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
put() { # FOLDER TEXT: appears whole or not at all
  printf '%s\n' "$2" >"$1/.new"
  chmod 444 "$1/.new"
  mv "$1/.new" "$1/value"
}

if [ ! -f postgres_dsn/value ]; then
  [ -f postgres_password/value ] || put postgres_password "$(random)"
  put postgres_dsn "postgresql://feedmill:$(cat postgres_password/value)@postgres:5432/feedmill"
fi
if [ ! -f clickhouse_url/value ]; then
  password=$(random)
  analyst=$(random)
  # the server keeps only hashes; analyst's password is for people, see `analyst_password` in the same volume
  printf '<clickhouse><feedmill_sha256>%s</feedmill_sha256><analyst_sha256>%s</analyst_sha256></clickhouse>\n' \
    "$(sha256 "$password")" "$(sha256 "$analyst")" >clickhouse_users/hashes.xml
  chmod 444 clickhouse_users/hashes.xml
  printf '%s\n' "$analyst" >clickhouse_url/analyst_password
  printf '%s\n' "$analyst" >grafana_password/analyst_password
  chmod 444 grafana_password/analyst_password
  put clickhouse_url "http://feedmill:$password@clickhouse:8123/feedmill"
fi
[ -f grafana_password/value ] || put grafana_password "$(random)"
