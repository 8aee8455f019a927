"""Who is let in: roles by token, and no writing for other sites' pages."""

from __future__ import annotations

from api import errors
from api.access import CHALLENGE, Access, DeniedError
from api.middleware.visit import Part, Receive, Scope, Send, visit_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Finds the role of each request.

    Parameters
    ----------
    app
        The next part.
    access
        Knows the roles.
    """

    def __init__(self, app: Part, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by role, or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = visit_of(scope)
        try:
            visit.role = self.access.role(scope, visit.headers)
        except DeniedError:
            told = {"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"}
            await errors.problem(401, "This token is not known here.", headers=told)(scope, receive, send)
            return
        if scope["method"] not in SAFE and self.access.addresses.is_foreign(scope, visit.headers):
            await errors.problem(403, "Another site's page may not change anything here.")(scope, receive, send)
            return
        if scope["method"] not in SAFE and visit.role != "planner":
            await errors.sign_in()(scope, receive, send)
            return
        await self.app(scope, receive, send)
