"""One line for each request, and an answer even where everything else failed."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

from api import errors
from api.addresses import Addresses
from api.middleware.visit import KEY, REQUEST_ID, Message, Part, Receive, Scope, Send, Visit, request_id, template
from api.settings import Settings

log = logging.getLogger("revier")
Write = Callable[..., object]


class RequestLog:
    """Gives each request its id, and logs it when it was answered.

    Parameters
    ----------
    app
        The next part.
    addresses
        Tells clients' addresses.
    write
        Writes one line; None for no log.
    """

    def __init__(self, app: Part, addresses: Addresses, write: Write | None) -> None:
        self.app, self.addresses, self.write = app, addresses, write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        visit = scope[KEY] = Visit(request_id(headers), headers, self.addresses.client(scope, headers))
        REQUEST_ID.set(visit.id)
        start = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
            else:
                visit.size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, counted)
        except Exception as error:
            if not visit.status:
                log.exception("unexpected error")
                await errors.problem(500, errors.UNEXPECTED)(scope, receive, counted)
            elif visit.status != 500:
                log.error("an answer broke off", exc_info=error)  # noqa: TRY400 - the same, with a name for the error
        finally:
            if self.write is not None:
                self.write(
                    "request",
                    id=visit.id,
                    client=visit.client,
                    role=visit.role,
                    method=scope["method"],
                    route=template(scope),
                    status=visit.status,
                    ms=round((time.perf_counter() - start) * 1000, 2),
                    bytes=visit.size,
                )


def writer(settings: Settings) -> Write | None:
    """Return what writes lines on requests to stdout as the settings ask; None for no log."""
    kind = settings.access_log
    if kind == "auto":
        kind = "off" if settings.is_local else "json"
    if kind == "off":
        return None
    import structlog  # noqa: PLC0415 - slow to import, and off on a laptop

    structure = [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if kind == "json":
        shown: Any = structlog.processors.JSONRenderer(serializer=orjson.dumps)
        logger: Any = structlog.BytesLogger(sys.stdout.buffer)
    else:
        shown = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)
        logger = structlog.PrintLogger(sys.stdout)
    bound = structlog.wrap_logger(logger, [*structure, shown], wrapper_class=structlog.BoundLogger)
    write: Write = bound.bind().info
    return write


class WithRequestId(logging.Formatter):
    """Lines of errors and warnings with the id of the request that they belong to."""

    def format(self, record: logging.LogRecord) -> str:
        """Put the id behind the line's head."""
        text = super().format(record)
        wanted = REQUEST_ID.get()
        return f"[{wanted}] {text}" if wanted else text


def errors_to_stderr() -> None:
    """Write warnings and errors of the service to stderr, with request ids."""
    if log.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(WithRequestId("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
