"""Which saga a text belongs to: `/predict` as family S's clients know it, `/v1/classify` with all there is to say."""

import logging
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from feedmill.api import openapi
from feedmill.api.parts import Parts
from feedmill.api.wire import Classified, Label
from feedmill.contracts.limits import REQUEST_MAX_BYTES
from feedmill.runtime.auth import caller_of_family
from feedmill.runtime.bodies import body_of, json_in
from feedmill.runtime.problem import FieldError, Kind, Problem
from feedmill.sagas import model
from feedmill.sagas.model import BadModel, Model
from feedmill.sagas.watched import Watched

log = logging.getLogger("feedmill.api.sagas")

ESCAPED: Final = 6
"""Bytes that one byte of text may take in JSON: `\\u0041`."""
AROUND_BYTES: Final = 1_024
_encode: Final = msgspec.json.Encoder().encode


def router(parts: Parts) -> APIRouter:
    """No store is asked: a text, the model, an answer."""
    routes = APIRouter(tags=["sagas"])
    settings = parts.settings
    classifier = _Classifier(parts)
    body = openapi.text_body(settings.classify_text_max_bytes)

    async def asked_text(request: Request) -> str:
        await caller_of_family("S", parts.keys, request.headers, trusted_network=settings.trusted_network)
        most = settings.classify_text_max_bytes
        raw = await body_of(request, min(most * ESCAPED + AROUND_BYTES, REQUEST_MAX_BYTES))
        return _text_in(json_in(raw), most)

    @routes.post("/predict", openapi_extra=openapi.computation(Label, body))
    async def predict(request: Request) -> Response:
        """The likeliest saga of a text."""
        text = await asked_text(request)
        return _json(Label(classifier.current.classify(text).label))

    @routes.post("/v1/classify", openapi_extra=openapi.computation(Classified, body))
    async def classify(request: Request) -> Response:
        """The saga of a text, `unknown` where none is likely enough, with each one's probability."""
        text = await asked_text(request)
        now = classifier.current
        verdict = now.classify(text)
        probabilities = dict(verdict.probabilities)
        return _json(Classified(verdict.saga, verdict.label, probabilities, now.threshold, now.version))

    return routes


class _Classifier:
    """The model of now; read at the first question, so that the service starts without one."""

    def __init__(self, parts: Parts) -> None:
        self._path = parts.settings.saga_model_path
        self._watched: Watched[Model] | None = None

    @property
    def current(self) -> Model:
        """Raises Problem 503 where there is none."""
        if self._watched is None:
            try:
                self._watched = Watched(self._path, model.load, on_bad=self._told)
            except (OSError, BadModel) as error:
                self._told(error)
                raise Problem(Kind.STORE_AWAY, "There is no saga model here yet.") from None
        return self._watched.current

    def _told(self, error: Exception) -> None:
        log.error("%s cannot be used: %s", self._path.name, error)


def _text_in(body: Any, max_bytes: int) -> str:
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str):
        code = "missing" if isinstance(body, dict) and "text" not in body else "wrong_type"
        raise _invalid(code, "must be a string")
    if len(text.encode()) > max_bytes:
        error = FieldError("text", "too_large", f"must not exceed {max_bytes} bytes")
        raise Problem(Kind.TOO_LARGE, f"text {error.message}.", [error])
    if not text.strip():
        raise _invalid("out_of_range", "must not be empty")
    return text


def _invalid(code: str, message: str) -> Problem:
    return Problem(Kind.INVALID, f"text {message}.", [FieldError("text", code, message)])


def _json(content: msgspec.Struct) -> Response:
    return Response(_encode(content), 200, {"Cache-Control": "no-store"}, "application/json")
