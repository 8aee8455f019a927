"""HEAD for every GET: the same headers, no body."""

from __future__ import annotations

from api.middleware.visit import Message, Part, Receive, Scope, Send

# in the scope of a request whose body nobody will get
BODILESS = "revier.bodiless"


class Head:
    """Lets HEAD be answered as GET, and keeps the body back.

    Parameters
    ----------
    app
        The next part.
    """

    def __init__(self, app: Part) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; of a HEAD without what a body would hold."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        ended = False

        async def bodiless(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not ended:
                ended = True
                await send({"type": "http.response.body", "body": b""})

        scope["method"], scope[BODILESS] = "GET", True
        try:
            await self.app(scope, receive, bodiless)
        finally:
            scope["method"] = "HEAD"  # what is logged and counted
