"""Every error as `application/problem+json` (RFC 9457), with all problems listed."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from data.errors import UnknownPlaceError
from geo.errors import InputError, RevierError
from layers.errors import PlacementError, ReleaseError, UnknownCollectionError, UnknownScenarioError

STATUS: dict[type[Exception], int] = {
    UnknownCollectionError: 404,
    UnknownScenarioError: 404,
    UnknownPlaceError: 404,
    PlacementError: 422,
    InputError: 422,
    ReleaseError: 503,
}
log = logging.getLogger("revier")


class QueryError(RevierError):
    """A query parameter is unknown or out of range."""


class NotModifiedError(Exception):
    """The client already has the answer."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def problem(status: int, detail: str, problems: list[dict[str, Any]] | None = None) -> Response:
    """Make an answer of type `application/problem+json`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if problems:
        body["problems"] = problems
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(RevierError, _revier)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NotModifiedError, _not_modified)
    app.add_exception_handler(Exception, _unexpected)


async def _revier(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RevierError)  # noqa: S101 - registered for it
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    listed = [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in error.problems]
    return problem(status, str(error), listed)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    listed = [
        {"where": ".".join(map(str, e["loc"])), "what": e["msg"], "remedy": "See /api for what is accepted."}
        for e in error.errors()
    ]
    in_body = any(e["loc"][0] == "body" for e in error.errors())
    detail = "; ".join(f"{e['where']}: {e['what']}" for e in listed)
    return problem(422 if in_body else 400, detail, listed)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return problem(error.status_code, str(error.detail))


async def _not_modified(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotModifiedError)  # noqa: S101 - registered for it
    return Response(status_code=304, headers={"ETag": error.etag, "Cache-Control": "no-cache", "Vary": "Accept"})


async def _unexpected(_request: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return problem(500, "Something went wrong on the server; it was logged.")
