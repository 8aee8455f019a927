"""Headers of every answer: what a browser may do with it, and who may read it."""

from __future__ import annotations

from api.middleware.visit import Message, Part, Receive, Scope, Send, visit_of
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
    """Adds security headers, the request's id and CORS for reading.

    Parameters
    ----------
    app
        The next part.
    settings
        Whether the service is reached by https.
    """

    def __init__(self, app: Part, settings: Settings) -> None:
        self.app = app
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
        self._preflight = _raw(common | allowed | {"Vary": "Access-Control-Request-Headers"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with headers; answer a browser's question whether it may ask."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = visit_of(scope)
        own = (b"x-request-id", visit.id.encode())
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in visit.headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*self._preflight, own]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = self._unchanged if message["status"] == 304 else self._of(message, visit.role == "public")
                message["headers"] = [*message["headers"], *told, own]
            await send(message)

        await self.app(scope, receive, with_headers)

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
