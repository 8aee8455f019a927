"""Compression of answers, by negotiation (RFC 9110): zstd, br or gzip, each with an ETag of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.middleware.visit import Message, Part, Receive, Scope, Send, visit_of

# of equal quality the first is taken: the quickest that is small
ENCODINGS = ("zstd", "br", "gzip")
LEAST = 1000
# from here on the loop goes on while a thread compresses
LARGE = 64 * 1024
TYPES = re.compile(
    rb"text/|image/svg|application/(?:json|javascript|xml|yaml|wasm|[\w.-]+\+(?:json|xml|yaml)|vnd\.mapbox-vector-tile|"
    rb"x-protobuf|vnd\.oai\.openapi|schema\+json|problem\+json|geo\+json|ld\+json)"
)
_TAG = re.compile(rb'-(?:zstd|br|gzip)"')
Encode = Callable[[bytes], bytes]


class Compression:
    """Compresses what is worth it.

    Parameters
    ----------
    app
        The next part.
    """

    def __init__(self, app: Part) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer compressed, if the client takes it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = visit_of(scope).headers
        encoding = negotiated(headers.get(b"accept-encoding", b""))
        given = headers.get(b"if-none-match")
        if given is not None and b"-" in given:
            # the routes know the tag of the answer, not of its encodings
            scope["headers"] = [(k, _TAG.sub(b'"', v) if k == b"if-none-match" else v) for k, v in scope["headers"]]
        answer = _Answer(encoding, given or b"", send)
        await self.app(scope, receive, answer.send)


class _Answer:
    """One answer; its start waits for the first piece of the body, which tells how large it is."""

    def __init__(self, encoding: str | None, given: bytes, send: Send) -> None:
        self.encoding, self.given, self._send = encoding, given, send
        self.start: Message | None = None
        self.stream: Any = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message["headers"]
            if message["status"] == 304:
                message["headers"] = [(k, tag_given(v, self.given) if k == b"etag" else v) for k, v in headers]
            elif _is_worth(message):
                message["headers"] = _vary(headers)
                if self.encoding is not None:
                    self.start = message
                    return
            await self._send(message)
        elif message["type"] == "http.response.body" and (self.start is not None or self.stream is not None):
            await self._body(message.get("body", b""), more=message.get("more_body", False))
        else:
            await self._send(message)

    async def _body(self, body: bytes, *, more: bool) -> None:
        start, self.start = self.start, None
        if start is not None:
            if not more and len(body) < LEAST:
                await self._send(start)
                await self._send({"type": "http.response.body", "body": body})
                return
            start["headers"] = _encoded(start["headers"], str(self.encoding))
            if not more:
                work = encoder(str(self.encoding))
                body = await run_in_threadpool(work, body) if len(body) > LARGE else work(body)
                start["headers"].append((b"content-length", b"%d" % len(body)))
                await self._send(start)
                await self._send({"type": "http.response.body", "body": body})
                return
            self.stream = streaming(str(self.encoding))
            await self._send(start)
        piece = await run_in_threadpool(self.stream, body, more) if len(body) > LARGE else self.stream(body, more)
        if piece or not more:
            await self._send({"type": "http.response.body", "body": piece, "more_body": more})


def tag_given(tag: bytes, given: bytes) -> bytes:
    """Tag of the encoding that a client holds, by its `If-None-Match`."""
    for encoding in ENCODINGS:
        one = tag[:-1] + b"-" + encoding.encode() + b'"'
        if one in given:
            return one
    return tag


def _is_worth(message: Message) -> bool:
    """Whether an answer is whole, of a kind that gets smaller, and not compressed yet."""
    kind = b""
    for name, value in message["headers"]:
        if name in {b"content-encoding", b"content-range", b"accept-ranges"}:
            return False
        if name == b"content-length" and int(value) < LEAST:
            return False
        if name == b"content-type":
            kind = value
    return message["status"] not in {204, 206} and TYPES.match(kind) is not None


def _vary(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    for i, (name, value) in enumerate(headers):
        if name == b"vary":
            return [*headers[:i], (name, value + b", Accept-Encoding"), *headers[i + 1 :]]
    return [*headers, (b"vary", b"Accept-Encoding")]


def _encoded(headers: list[tuple[bytes, bytes]], encoding: str) -> list[tuple[bytes, bytes]]:
    """Headers of the compressed answer: another length, another strong tag."""
    name = encoding.encode()
    kept = []
    for key, value in headers:
        if key == b"etag" and value.startswith(b'"'):
            kept.append((key, value[:-1] + b"-" + name + b'"'))
        elif key != b"content-length":
            kept.append((key, value))
    return [*kept, (b"content-encoding", name)]


@lru_cache(maxsize=512)
def negotiated(header: bytes) -> str | None:
    """Encoding that `Accept-Encoding` likes best of ours; None for the plain answer."""
    quality: dict[str, float] = {}
    for item in header.decode("latin-1").lower().split(","):
        name, _, rest = item.partition(";")
        key, _, value = rest.strip().partition("=")
        try:
            quality[name.strip()] = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            quality[name.strip()] = 0.0
    found = {name: quality.get(name, quality.get("*", 0.0)) for name in ENCODINGS}
    best = max(found, key=lambda name: found[name])
    # who likes the plain answer better gets it; who says nothing of it likes it least
    return best if found[best] > 0 and found[best] >= quality.get("identity", 0.0) else None


def encoder(encoding: str) -> Encode:
    """Return what compresses a whole body."""
    if encoding == "zstd":
        import zstandard  # noqa: PLC0415 - slow to import

        return lambda body: zstandard.ZstdCompressor(level=3).compress(body)
    if encoding == "br":
        import brotli  # noqa: PLC0415 - slow to import

        return lambda body: bytes(brotli.compress(body, quality=4))
    from isal import igzip  # noqa: PLC0415 - slow to import

    # without the time in its header: the same body is the same bytes
    return lambda body: bytes(igzip.compress(body, 2, mtime=0))


def streaming(encoding: str) -> Callable[[bytes, bool], bytes]:
    """Return what compresses a body piece by piece; its last call has `more` False."""
    if encoding == "zstd":
        import zstandard  # noqa: PLC0415 - slow to import

        made: Any = zstandard.ZstdCompressor(level=3).compressobj()
        put = made.compress
    elif encoding == "br":
        import brotli  # noqa: PLC0415 - slow to import

        made = brotli.Compressor(quality=4)
        put, made = made.process, _Ending(made.finish)
    else:
        from isal import isal_zlib  # noqa: PLC0415 - slow to import

        made = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31)
        put = made.compress
    return lambda piece, more: put(piece) if more else put(piece) + made.flush()


class _Ending:
    """Names brotli's last step as the others do."""

    def __init__(self, flush: Callable[[], bytes]) -> None:
        self.flush = flush
