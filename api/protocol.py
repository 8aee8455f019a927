"""HTTP on the wire: uvicorn's protocol with a bound on the size of a request's head and on the time that it takes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
HEAD_S = 15.0
# the kernel gives a connection up whose client takes nothing for so long
STALLED_MS = 60_000
# long enough for another worker to wake up and take the next connection, and not seen by whoever waits for an answer
YIELD_S = 1e-4


class Protocol(HttpToolsProtocol):
    """Refuses heads that are too large or do not come, and gives up clients that read nothing."""

    _head_bytes = 0
    _has_begun = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for a request."""
        super().connection_made(transport)
        if self.config.workers > 1 and len(self.connections) > 1:
            # a browser opens its connections at once, and keeps them: one worker would take all, the others none
            time.sleep(YIELD_S)
        wire = transport.get_extra_info("socket")
        if wire is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with contextlib.suppress(OSError):  # a unix socket has none
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        super().on_message_begin()
        self._head_bytes, self._has_begun = 0, True

    def on_url(self, url: bytes) -> None:
        """Count a piece of the target."""
        super().on_url(url)
        self._count(len(url), 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4, 431)

    def on_headers_complete(self) -> None:
        """Let the request be answered."""
        self._has_begun = False
        self._stop()
        if not self.transport.is_closing():
            super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the connection was given up."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        # most heads come whole, and need no clock
        if self._has_begun and self._timer is None and not self.transport.is_closing():
            self._wait()

    def _count(self, size: int, status: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(status)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer what has no scope yet, and close."""
        reason = {408: "Request Timeout", 414: "URI Too Long", 431: "Request Header Fields Too Large"}[status]
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(head.encode())
        self.transport.close()
