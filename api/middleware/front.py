"""The first to see a request and the last to see its answer: its id, its headers, the log's line, the counters."""

from __future__ import annotations

import logging
import time

from api import errors
from api.addresses import Addresses
from api.middleware.headers import Headers
from api.middleware.log import Write
from api.middleware.metrics import Metrics
from api.middleware.visit import KEY, REQUEST_ID, Message, Part, Receive, Scope, Send, Visit, request_id, template

log = logging.getLogger("revier")


class Front:
    """Notes what a request is and what became of it, and answers even where everything else failed.

    Parameters
    ----------
    app
        The next part.
    addresses
        Tells clients' addresses.
    headers
        Of every answer.
    metrics
        Where answers are counted.
    write
        Writes one line of the log; None for no log.
    """

    def __init__(
        self, app: Part, addresses: Addresses, headers: Headers, metrics: Metrics, write: Write | None
    ) -> None:
        self.app, self.addresses, self.headers, self.metrics, self.write = app, addresses, headers, metrics, write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then count and log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        visit = scope[KEY] = Visit(request_id(asked), asked, self.addresses.client(scope, asked))
        REQUEST_ID.set(visit.id)
        headers = self.headers

        # one for all that is noted on the way out: a step for each part would cost more than the parts do
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                message["headers"] = headers.of(message, visit)
            else:
                visit.size += len(message.get("body", b""))
            await send(message)

        start = time.perf_counter()
        self.metrics.begin()
        try:
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
                await headers.may_ask(scope, receive, noted)
            else:
                await self.app(scope, receive, noted)
        except Exception as error:
            if not visit.status:
                log.exception("unexpected error")
                await errors.problem(500, errors.UNEXPECTED)(scope, receive, noted)
            elif visit.status != 500:
                log.error("an answer broke off", exc_info=error)  # noqa: TRY400 - the same, with a name for the error
        finally:
            seconds, route = time.perf_counter() - start, template(scope)
            self.metrics.end(scope["method"], route, visit.status or 500, seconds, visit.size)
            if self.write is not None:
                self.write(
                    "request",
                    id=visit.id,
                    client=visit.client,
                    role=visit.role,
                    method=scope["method"],
                    route=route,
                    status=visit.status,
                    ms=round(seconds * 1000, 2),
                    bytes=visit.size,
                )
