"""Bounds of a request: how many, how large, how long. Whoever passes them is told so, and the rest goes on."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING

from api import errors
from api.middleware.visit import Message, Part, Receive, Scope, Send, visit_of
from api.settings import Settings

if TYPE_CHECKING:
    from fastapi import Response

log = logging.getLogger("revier")
DEFAULT_RATE = "3000/minute"
COST_OF_WORK = 50
RETRY_S = 5


class Limits:
    """Refuses what is too much.

    Parameters
    ----------
    app
        The next part.
    settings
        The limits.
    """

    def __init__(self, app: Part, settings: Settings) -> None:
        self.app = app
        self.max_body = int(settings.max_body_mb * 2**20)
        self.max_mb, self.request_s, self.body_s = settings.max_body_mb, settings.request_s, settings.body_s
        rate = settings.rate_limit
        if rate == "auto":
            rate = "off" if settings.is_local else DEFAULT_RATE
        self.rate = None if rate == "off" else Rate(rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer within the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = visit_of(scope)
        refused = self._refused(visit.client, scope["method"], visit.headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        bounded = _Bounded(self, scope, receive, send)
        has_body = b"content-length" in visit.headers or b"transfer-encoding" in visit.headers
        timer = asyncio.get_running_loop().call_later(self.request_s, bounded.overdue)
        try:
            await self.app(scope, bounded.receive if has_body else receive, bounded.send)
        finally:
            timer.cancel()
            if bounded.late is not None:
                await bounded.late

    def _refused(self, client: str, method: str, headers: dict[bytes, bytes]) -> Response | None:
        """Answer to a request that is refused unread; None if it is not."""
        if self.rate is not None:
            wait_s = self.rate.wait_s(client, COST_OF_WORK if method in {"POST", "PUT"} else 1)
            if wait_s:
                return errors.problem(
                    429, f"Too many requests: at most {self.rate.text}.", headers={"Retry-After": str(wait_s)}
                )
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18 or int(length) > self.max_body:
            return self.too_large()
        return None

    def too_large(self) -> Response:
        """Answer to a body that is too large."""
        return errors.problem(413, f"The body is larger than {self.max_mb:g} MiB.", headers={"Connection": "close"})

    def too_slow(self) -> Response:
        """Answer to a body that does not come."""
        return errors.problem(408, f"The body did not come within {self.body_s:g} s.", headers={"Connection": "close"})

    def too_long(self) -> Response:
        """Answer instead of one that takes too long."""
        text = f"The answer takes longer than {self.request_s:g} s. Ask for less at once, or again later."
        return errors.problem(503, text, headers={"Retry-After": str(RETRY_S)})


class _Bounded:
    """One request: its body is counted, its answer is replaced where a limit was passed."""

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self.limits, self.scope, self._receive, self._send = limits, scope, receive, send
        self.size, self.until = 0, time.monotonic() + limits.body_s
        self.instead: Response | None = None
        self.started = self.replaced = self.whole = False
        self.late: asyncio.Task[None] | None = None

    def overdue(self) -> None:
        """Answer for the route that has not; what it says later is dropped."""
        if not self.started:
            self.started = self.replaced = True
            log.warning("%s %s takes longer than %g s", self.scope["method"], self.scope["path"], self.limits.request_s)
            self.late = asyncio.ensure_future(self.limits.too_long()(self.scope, self._receive, self._send))

    async def receive(self) -> Message:
        """Return a piece of the body; none once a limit was passed."""
        if self.instead is not None:
            return {"type": "http.disconnect"}
        if self.whole:  # then only a disconnect can come
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(self.until - time.monotonic(), 0))
        except TimeoutError:
            self.instead = self.limits.too_slow()
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            if self.size > self.limits.max_body:
                self.instead = self.limits.too_large()
                return {"type": "http.disconnect"}
            self.whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on, unless another was given in its place."""
        if self.replaced:
            return
        if not self.started:
            self.started = True
            if self.instead is not None:
                self.replaced = True
                await self.instead(self.scope, self._receive, self._send)
                return
        await self._send(message)


class Rate:
    """Requests of one client in a moving window; kept in the memory of each worker.

    Parameters
    ----------
    text
        Such as 3000/minute.
    """

    def __init__(self, text: str) -> None:
        from limits import parse  # noqa: PLC0415 - slow to import, and off on a laptop
        from limits.storage import MemoryStorage  # noqa: PLC0415 - slow to import, and off on a laptop
        from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415 - slow to import, and off on a laptop

        self.text, self._item = text, parse(text)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, client: str, cost: int) -> int:
        """Count a request; return the seconds to wait if it is one too many, else 0."""
        cost = min(cost, self._item.amount)
        if self._window.hit(self._item, client, cost=cost):
            return 0
        reset = self._window.get_window_stats(self._item, client).reset_time
        return max(1, math.ceil(reset - time.time()))
