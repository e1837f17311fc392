"""nginx.conf for the compose stack: the gateway's route table as a map from method and path to a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feedmill.cli.routes import FALLBACK, Route

ADDRESS = {"ingest": "http://ingest:5001", "api": "http://api:5002"}

TEMPLATE = """\
# Written by `python -m feedmill.cli.deployment` from the route table of the gateway: do not edit.
# One origin before ingest and api. Bodies are streamed, answers are not buffered (server-sent events), a request is
# never sent twice. Names are resolved anew every few seconds: a service that is recreated may have another address.
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {{
  worker_connections 4096;
}}

http {{
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  log_format json escape=json
    '{{"time": "$time_iso8601", "method": "$request_method", "path": "$uri", "status": $status, "service": "$service", '
    '"request_s": $request_time, "upstream_s": "$upstream_response_time", "traceparent": "$http_traceparent"}}';
  access_log /dev/stdout json;

  server_tokens off;
  keepalive_timeout 75s;
  client_max_body_size 11m;         # the door's own limit is 10 MB and answers with a problem document
  client_body_timeout 40s;
  send_timeout 40s;
  large_client_header_buffers 4 16k;

  resolver 127.0.0.11 valid=5s ipv6=off;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_next_upstream off;
  proxy_connect_timeout 2s;
  proxy_read_timeout 45s;           # a request may wait 30 s (Prefer: wait), a little over 35 s in all
  proxy_send_timeout 45s;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;

  map "$request_method $uri" $service {{
    default {fallback};
{lines}
  }}

  map $service $address {{
{addresses}
  }}

  server {{
    listen 8080;

    location / {{
      proxy_pass $address;
      error_page 413 @too_large;
      error_page 502 504 =503 @away;
    }}

    location = /livez {{
      access_log off;
      default_type application/json;
      return 200 '{{"status": "ok"}}';
    }}

    # Ready when ingest and api both are.
    location = /readyz {{
      access_log off;
      auth_request /-/ingest/readyz;
      set $api {api};
      proxy_pass $api/readyz;
      error_page 500 502 504 =503 @away;
    }}

    location = /-/ingest/readyz {{
      internal;
      set $ingest {ingest};
      proxy_pass $ingest/readyz;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }}

    location = /openapi.json {{
      root /usr/share/feedmill;
      default_type application/json;
    }}

    location = /docs {{
      root /usr/share/feedmill;
      default_type "text/html; charset=utf-8";
      try_files /docs.html =404;
    }}

    # Each service shows its own on its own port, inside.
    location = /metrics {{
      return 404;
    }}

    location @too_large {{
      default_type application/problem+json;
      return 413 '{{"type": "urn:feedmill:problem:too-large", "title": "Too large", "status": 413, {too_large}}}';
    }}

    location @away {{
      default_type application/problem+json;
      add_header Retry-After 1 always;
      return 503 '{{"type": "urn:feedmill:problem:service-away", "title": "Service away", "status": 503, {away}}}';
    }}
  }}
}}
"""


AWAY = "It may have been done: ask again with the same id or Idempotency-Key."
TOO_LARGE = "Send less at once."


def render(routes: Sequence[Route]) -> str:
    """The whole file."""
    lines = "\n".join(f"    {line}" for line in map_lines(routes))
    addresses = "\n".join(f"    {name} {address};" for name, address in ADDRESS.items())
    return TEMPLATE.format(
        fallback=FALLBACK, lines=lines, addresses=addresses, away=_said(AWAY), too_large=_said(TOO_LARGE), **ADDRESS
    )


def map_lines(routes: Sequence[Route]) -> Iterator[str]:
    """The same decisions as `routes.Table`, as nginx takes them: the first regular expression that fits.

    HEAD goes where GET goes; a path with a method it has not goes to the service that has the path: it says 405.
    """
    known = sorted(routes, key=lambda route: ("{" in route.path, route.method != "GET", route))
    for route in known:
        method = "(GET|HEAD)" if route.method == "GET" else route.method
        yield f'"~^{method} {route.pattern.removeprefix("^")}" {route.service};'
    owners: dict[str, str] = {}
    for route in known:
        owners.setdefault(route.pattern, route.service)
    for pattern, service in owners.items():
        yield f'"~^[A-Z]+ {pattern.removeprefix("^")}" {service};'


def _said(detail: str) -> str:
    """With family A's members, as its clients come here too."""
    return f'"detail": "{detail}", "error": true, "message": "{detail}"'
