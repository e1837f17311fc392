"""feedmill trace EVENT_ID: where an event is, hop by hop."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from datetime import datetime
from typing import Annotated, Any

import psycopg2
import typer

from feedmill.cli.operator import Site, site
from feedmill.cli.output import AsJson, coloured, errors_told, escape, out, print_json, table

COLOUR_OF = {"applied": "ready", "pending": "starting", "dead-lettered": "failed", "unknown": "stopped"}


class NotTraced(Exception):
    """The api did not say; the message has the next step."""


def trace(
    event_id: Annotated[str, typer.Argument(help="As POST /v1/events answered it.")], as_json: AsJson = False
) -> None:
    """Follow one event: accepted, enriched, in Postgres, in ClickHouse, with the time of each; or why it stopped.

    Examples:

      feedmill trace 5f0c0a52-8a3f-5b5e-9d55-0f7f0e3b1c11

      feedmill trace 5f0c0a52-8a3f-5b5e-9d55-0f7f0e3b1c11 --json
    """
    with errors_told(NotTraced):
        found = asked(site(), event_id)
    if as_json:
        print_json(found)
    else:
        show(found)


def asked(here: Site, event_id: str) -> dict[str, Any]:
    """The body of GET /v1/events/{event_id}, asked with the operator's key."""
    try:
        wanted = uuid.UUID(event_id)
        asked_for = f"{here.origin}/v1/events/{wanted}"
        request = urllib.request.Request(asked_for, headers={"X-App-Key": here.key()})  # noqa: S310
        with urllib.request.urlopen(request, timeout=40) as reply:  # noqa: S310  our own origin
            body: dict[str, Any] = json.load(reply)
            return body
    except ValueError:
        raise NotTraced(f"{event_id!r} is no event id: POST /v1/events answers with one for each event") from None
    except urllib.error.HTTPError as refusal:
        return refused(refusal)
    except psycopg2.OperationalError:
        raise NotTraced("Postgres does not answer: feedmill status shows what runs") from None
    except OSError as error:
        raise NotTraced(f"{here.origin} does not answer ({error}): feedmill up") from None


def refused(refusal: urllib.error.HTTPError) -> dict[str, Any]:
    """An unknown event is an answer too where the api gives it the trace's shape."""
    text = refusal.read().decode("utf-8", "replace")
    try:
        body: dict[str, Any] = json.loads(text)
    except ValueError:
        body = {}
    if "hops" in body:
        return body
    raise NotTraced(f"the api answered {refusal.code}: {body.get('detail', text)}")


def show(found: dict[str, Any]) -> None:
    shown = coloured(COLOUR_OF.get(found["status"], "stopped"))
    state = COLOUR_OF.get(found["status"], "stopped")
    kind = found.get("type") or "unknown type"
    out.print(f"{found['event_id']}  {kind}  {shown.replace(state, found['status'], 1)}", highlight=False)
    if found.get("reason"):
        out.print(f"  {escape(str(found['reason']))}", style="red", highlight=False)
    made = table("hop", "at", "after", "topic", "partition", "offset")
    first: datetime | None = None
    for hop in found["hops"]:
        at = parsed(hop.get("at"))
        first = first or at
        after = f"{(at - first).total_seconds() * 1000:.0f} ms" if at and first else ""
        cells = (hop.get("topic"), hop.get("partition"), hop.get("offset"))
        made.add_row(hop["hop"], str(hop.get("at") or ""), after, *("" if c is None else str(c) for c in cells))
    if found["hops"]:
        out.print(made)


def parsed(at: str | None) -> datetime | None:
    return datetime.fromisoformat(at) if at else None
