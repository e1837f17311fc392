#!/usr/bin/env bash
# A throw-away container engine for machines that have none and reach no image registry: Debian's dockerd on a socket
# and a data folder of its own, Compose built from its Go module, and the public base image python:… made from
# Debian packages and this machine's own CPython.
#   engine.sh up DIR        start the engine, build Compose and the Python base image where they are missing
#   engine.sh down DIR      stop the engine that `up` started (images and volumes stay in DIR)
#   engine.sh clean DIR     stop it and delete DIR
# After `up`:  eval "$(engine.sh env DIR)"     sets DOCKER_HOST, PATH and DOCKER_BUILDKIT=0 (no BuildKit here)
# Needs root (dockerd, mmdebstrap), Debian, a Go toolchain and a CPython 3.13 (PYTHON_PREFIX names another).
set -euo pipefail
COMPOSE_VERSION=v2.40.3
PYTHON_IMAGE=python:3.13-slim-bookworm
SUITE=bookworm

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
mkdir -p "$2"
DIR=$(cd "$2" && pwd)
export DOCKER_HOST=unix://$DIR/docker.sock

install_packages() {
  command -v dockerd >/dev/null && command -v mmdebstrap >/dev/null && return
  apt-get update -qq
  apt-get install -y -qq docker.io mmdebstrap >/dev/null
}

start_engine() {
  docker info >/dev/null 2>&1 && return
  dockerd --data-root "$DIR/data" --exec-root "$DIR/exec" --pidfile "$DIR/dockerd.pid" -H "$DOCKER_HOST" \
    >"$DIR/dockerd.log" 2>&1 &
  for _ in $(seq 1 60); do docker info >/dev/null 2>&1 && return; sleep 0.5; done
  tail -n 5 "$DIR/dockerd.log" >&2
  echo "dockerd did not come up; the whole log: $DIR/dockerd.log" >&2
  exit 1
}

stop_engine() {
  [ -f "$DIR/dockerd.pid" ] || return 0
  local pid; pid=$(cat "$DIR/dockerd.pid")
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 1 60); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.5; done
  echo "dockerd ($pid) is still there after 30 s" >&2
  exit 1
}

build_compose() {
  local module=github.com/docker/compose/v2 work
  [ -x "$DIR/bin/docker-compose" ] && return
  mkdir -p "$DIR/bin"
  work=$(mktemp -d); trap 'rm -rf "$work"' RETURN
  ( cd "$work"
    export GOFLAGS=-mod=mod
    printf 'module compose\n\ngo 1.24\n' >go.mod
    go mod edit -require "$module@$COMPOSE_VERSION"
    # replace directives do not reach through a dependency: repeat Compose's own, or it does not compile
    go mod download -json "$module@$COMPOSE_VERSION" | python3 -c 'import json, sys; print(json.load(sys.stdin)["GoMod"])' |
      xargs awk '/^replace/ {on = 1} on {print} /^\)/ {if (on) exit}' >>go.mod
    nice -n 19 go build -ldflags "-X $module/internal.Version=$COMPOSE_VERSION" -o "$DIR/bin/docker-compose" "$module/cmd" )
}

build_python() {
  local prefix root=$DIR/root
  docker image inspect "$PYTHON_IMAGE" >/dev/null 2>&1 && return
  prefix=${PYTHON_PREFIX:-$(python3.13 -c 'import sys; print(sys.base_prefix)' 2>/dev/null || pyenv prefix 3.13.0)}
  rm -rf "$root"; mkdir -p "$root"
  mmdebstrap --quiet --variant=minbase "$SUITE" "$DIR/base.tar" \
    --include=ca-certificates,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,libreadline8,libncursesw6,netbase,tzdata
  tar -C "$root" -xf "$DIR/base.tar" --exclude='./dev/*'
  tar -C "$prefix" --exclude=__pycache__ --exclude='lib/python3.*/test' --exclude='*.a' -c . | tar -C "$root/usr/local" -x
  [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"                       # indexes are reached as on this machine
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  chroot "$root" ldconfig
  tar -C "$root" -c . | docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'CMD ["python3"]' - "$PYTHON_IMAGE" >/dev/null
  rm -rf "$root" "$DIR/base.tar"
}

case $1 in
  up) install_packages; start_engine; build_compose; build_python; docker images ;;
  env) echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_BUILDKIT=0 PATH=$DIR/bin:\$PATH" ;;
  down) stop_engine ;;
  clean)
    stop_engine
    awk -v dir="$DIR/" 'index($5, dir) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount   # left by the engine
    rm -rf "$DIR" ;;
  *) usage ;;
esac
