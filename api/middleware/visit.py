"""What is known of a request while it is answered; every part finds it in `scope["revier"]`."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from api.access import Role

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Part = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = "revier"
# id of the request that this task answers, for lines in the log
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Visit:
    """A request and what became of it.

    Attributes
    ----------
    id
        Of the header X-Request-ID if it is a sane token, else made.
    headers
        Of the request; of repeated ones the last.
    client
        Address of the client.
    role
        Planner or public; public until `api.middleware.gate` knows better.
    status, size
        Of the answer: 0 until it begins; bytes of body sent.
    """

    id: str
    headers: dict[bytes, bytes]
    client: str
    role: Role = "public"
    status: int = 0
    size: int = 0


def visit_of(scope: Scope) -> Visit:
    """Return what is known of a request."""
    found: Visit = scope[KEY]
    return found


def request_id(headers: dict[bytes, bytes]) -> str:
    """Return the client's id of a request, if it is fit for logs and headers, else a new one."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _SANE.fullmatch(given) else os.urandom(12).hex()


def template(scope: Scope) -> str:
    """Return the route of a request as a template: few of them, whatever is asked."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if scope["path"].startswith("/static/") else "unmatched"
