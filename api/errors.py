"""Every error as `application/problem+json` (RFC 9457), with all problems listed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount
from starlette.types import Scope

from api.access import CHALLENGE
from data.errors import UnknownPlaceError
from geo.errors import InputError, RevierError
from layers.errors import (
    PlacementError,
    PlannerOnlyError,
    ReleaseError,
    UnknownCollectionError,
    UnknownScenarioError,
)

STATUS: dict[type[Exception], int] = {
    UnknownCollectionError: 404,
    UnknownScenarioError: 404,
    UnknownPlaceError: 404,
    PlacementError: 422,
    PlannerOnlyError: 401,
    InputError: 422,
    ReleaseError: 503,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNEXPECTED = "Something went wrong on the server; it was logged."
FULL = {errno.ENOSPC, errno.EDQUOT}
GONE = 499  # as nginx says it: nobody is there to read it
log = logging.getLogger("revier")


class QueryError(RevierError):
    """A query parameter is unknown or out of range."""


class SignInError(Exception):
    """Only a planner may do this."""


class NotModifiedError(Exception):
    """The client already has the answer."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def problem(
    status: int,
    detail: str,
    problems: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make an answer of type `application/problem+json`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if problems:
        body["problems"] = problems
    told = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(body), status, media_type="application/problem+json", headers=told)


def sign_in() -> Response:
    """Ask for a planner's token."""
    text = "This needs a signed-in planner: send a token as Bearer, or as the password of Basic; its name is ignored."
    return problem(401, text, headers={"WWW-Authenticate": CHALLENGE})


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(RevierError, _revier)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NotModifiedError, _not_modified)
    app.add_exception_handler(SignInError, _sign_in)
    app.add_exception_handler(MemoryError, _no_memory)
    app.add_exception_handler(OSError, _no_room)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


async def _revier(request: Request, error: Exception) -> Response:
    assert isinstance(error, RevierError)  # noqa: S101 - registered for it
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and request.method == "GET":
        status = HTTPStatus.BAD_REQUEST  # its parameters are wrong, it has no body that could be
    listed = [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in error.problems]
    headers = {"WWW-Authenticate": CHALLENGE} if status == HTTPStatus.UNAUTHORIZED else None
    return problem(status, str(error), listed, headers)


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    listed = [
        {"where": ".".join(map(str, e["loc"])), "what": e["msg"], "remedy": "See /api for what is accepted."}
        for e in error.errors()
    ]
    in_body = any(e["loc"][0] == "body" for e in error.errors())
    detail = "; ".join(f"{e['where']}: {e['what']}" for e in listed)
    return problem(422 if in_body else 400, detail, listed)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed(request.app, request.scope))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    return problem(error.status_code, str(error.detail), headers=headers)


def allowed(app: FastAPI, scope: Scope) -> list[str]:
    """Methods that an address answers to, by all routes that have it."""
    methods = {"OPTIONS"}
    for method in METHODS:
        asked = {**scope, "method": method}
        if any(route.matches(asked)[0] is Match.FULL for route in app.routes if not isinstance(route, Mount)):
            methods.add(method)
    if methods == {"OPTIONS"} or "GET" in methods:  # files can be read, no more
        methods |= {"GET", "HEAD"}
    return sorted(methods)


async def _not_modified(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotModifiedError)  # noqa: S101 - registered for it
    return not_modified(error.etag)


def not_modified(etag: str) -> Response:
    """Tell a client that it has the answer."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"})


async def _unexpected(_request: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return problem(500, UNEXPECTED)


async def _sign_in(_request: Request, _error: Exception) -> Response:
    return sign_in()


async def _no_memory(_request: Request, error: Exception) -> Response:
    log.error("out of memory", exc_info=error)
    return problem(
        503, "The server lacks the memory for this now. Ask for less at once.", headers={"Retry-After": "30"}
    )


async def _no_room(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # noqa: S101 - registered for it
    if error.errno not in FULL:
        raise error
    log.error("disk full", exc_info=error)
    return problem(507, "The server's disk is full; nothing was changed.")


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=GONE)
