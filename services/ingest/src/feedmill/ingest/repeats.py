"""An Idempotency-Key sent again with another body, where the door still remembers the first."""

from feedmill.ingest.memory import Recent
from feedmill.runtime import metrics
from feedmill.runtime.problem import Kind, Problem

RequestName = tuple[str, str, str]
"""owner, path, Idempotency-Key"""


def refuse_other_body(requests: Recent[RequestName, int], name: tuple[str, str, str | None], body: bytes) -> None:
    """Remembers the first body. Raises Problem 409 for another one; without a key there is nothing to compare."""
    owner, path, key = name
    if key is None:
        return
    known = requests.get((owner, path, key))
    if known is None:
        requests.put((owner, path, key), hash(body))
        return
    metrics.EVENTS_REPEATED.at("yes" if known == hash(body) else "no").inc()
    if known != hash(body):
        raise Problem(Kind.CONFLICT, "The Idempotency-Key was used for another body.")
