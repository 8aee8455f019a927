"""The service about itself: ready or not, counters, signing in."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api import errors, responses
from api.addresses import FORWARDED, peer_of
from api.deps import BaseUrl, served_by
from api.errors import SignInError
from api.middleware.visit import visit_of
from api.settings import is_loopback

router = APIRouter(include_in_schema=False)


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Say which release is served, and whether a newer one was refused; 503 until one is loaded."""
    served = served_by(request)
    body = {"status": "ready" if served.id else "waiting", "release": served.id, "refused": served.refused}
    response = responses.json(body)
    response.status_code = 200 if served.id else 503
    return response


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counters for Prometheus, for a planner or this machine alone."""
    visit = visit_of(request.scope)
    is_here = is_loopback(peer_of(request.scope)) and not any(name in visit.headers for name in FORWARDED)
    if visit.role != "planner" and not is_here:
        raise SignInError
    counters = request.app.state.metrics
    counters.flush()
    text = await run_in_threadpool(counters.text)
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(text, media_type=kind, headers={"Cache-Control": "no-store"})


@router.get("/sign-in")
def sign_in(request: Request, base: BaseUrl) -> Response:
    """Let the browser ask for the token, as the password of any name; then show the map."""
    if visit_of(request.scope).role == "planner":
        return Response(status_code=303, headers={"Location": f"{base}/map", "Cache-Control": "no-store"})
    return errors.sign_in()
