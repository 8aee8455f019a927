"""Headers of every answer: what a browser may do with it, and who may read it."""

from __future__ import annotations

from api.middleware.visit import Message, Receive, Scope, Send, Visit
from api.settings import Settings

CSP = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# what is no page may not act as one either
CSP_OF_DATA = "default-src 'none'; frame-ancestors 'none'; sandbox"
NEEDS_NOTHING = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
EXPOSED = (
    "ETag, Link, Content-Crs, Content-Range, Content-Disposition, Retry-After, X-Request-ID, OGC-NumberMatched, "
    "OGC-NumberReturned, OGC-NumberOfPages"
)
YEAR_S = 31_536_000
DAY_S = 86_400


class Headers:
    """Security headers, the request's id, CORS for reading, and what an answer depends on.

    Parameters
    ----------
    settings
        Whether the service is reached by https.
    by_origin
        Whether the page that asks decides who asks, as it does on a laptop.
    """

    def __init__(self, settings: Settings, *, by_origin: bool) -> None:
        self._vary = b"Authorization, Origin" if by_origin else b"Authorization"
        common = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": NEEDS_NOTHING,
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": EXPOSED,
        }
        if settings.base_url.startswith("https:"):
            common["Strict-Transport-Security"] = f"max-age={YEAR_S}"
        page = {"Content-Security-Policy": CSP, "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"}
        page |= {"Cross-Origin-Resource-Policy": "same-origin"}
        self._data = _raw(common | {"Content-Security-Policy": CSP_OF_DATA})
        self._page = _raw(common | page)
        # pictures of the public's layers may stand in others' pages; a planner's may not
        self._open, self._closed = (
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        )
        # the client has the others with what it holds
        self._unchanged = _raw({name: value for name, value in common.items() if name.startswith("Access-Control")})
        allowed = {"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS", "Access-Control-Max-Age": str(DAY_S)}
        allowed |= {
            "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-None-Match, Range, X-Request-ID"
        }
        self._preflight = _raw(allowed | {"Vary": "Access-Control-Request-Headers"})

    def of(self, message: Message, visit: Visit) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer, with ours."""
        told = self._unchanged if message["status"] == 304 else self._of(message, visit.role == "public")
        return [*_varied(message["headers"], self._vary), *told, (b"x-request-id", visit.id.encode())]

    async def may_ask(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a browser's question whether another site's page may ask."""
        await send({"type": "http.response.start", "status": 204, "headers": self._preflight})
        await send({"type": "http.response.body", "body": b""})

    def _of(self, message: Message, is_public: bool) -> list[tuple[bytes, bytes]]:  # noqa: FBT001 - one use
        for name, value in message["headers"]:
            if name == b"content-type":
                # a worker lives by the policy of its script
                if value.startswith((b"text/html", b"text/javascript")):
                    return self._page
                break
        return [*self._data, self._open if is_public else self._closed]


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _varied(headers: list[tuple[bytes, bytes]], more: bytes) -> list[tuple[bytes, bytes]]:
    """Add to the header `Vary`; what says nothing of caches, as the files of pages, is the same for all."""
    for i, (name, value) in enumerate(headers):
        if name == b"vary":
            return [*headers[:i], (name, value + b", " + more), *headers[i + 1 :]]
    return [*headers, (b"vary", more)] if any(name == b"cache-control" for name, _ in headers) else headers
