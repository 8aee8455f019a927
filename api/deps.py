"""What routes depend on: the served release, the address, who asks, strict query parameters."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Annotated, Literal, cast

from fastapi import Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from api.access import Role
from api.addresses import Addresses
from api.errors import NotModifiedError, QueryError, SignInError
from api.middleware.visit import Scope, visit_of
from api.serving import Served
from geo.errors import Problem
from layers.catalogue import Catalogue

__all__ = ["Served"]

Format = Literal["json", "html"]
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def served_by(request: Request) -> Served:
    """Return what keeps the served release."""
    served: Served = request.app.state.served
    return served


def role(request: Request) -> Role:
    """Return who asks: planner or public."""
    return visit_of(request.scope).role


def served_for(role: Role, catalogue: Catalogue) -> Catalogue:
    """Return what a role may see of a catalogue."""
    # what the public gets offers the same
    return catalogue if role == "planner" else cast("Catalogue", catalogue.public())


def catalogue(request: Request) -> Catalogue:
    """Return the catalogue of the served release, as far as who asks may see it."""
    return served_for(role(request), served_by(request).catalogue())


async def _catalogue(request: Request) -> Catalogue:
    served = served_by(request)
    if served.id is None:  # the first one is read now
        await run_in_threadpool(served.catalogue)
    return catalogue(request)


def base_url(request: Request) -> str:
    """Address for links: what a trusted proxy names, the request's host if it is one of ours, else the settings'."""
    addresses: Addresses = request.app.state.addresses
    return addresses.base(request.scope, visit_of(request.scope).headers)


async def _base_url(request: Request) -> str:
    return base_url(request)


async def planner(request: Request) -> None:
    """Refuse everybody but planners.

    Raises
    ------
    SignInError
        The public asks.
    """
    if role(request) != "planner":
        raise SignInError


async def _role(request: Request) -> Role:
    return role(request)


async def strict_query(request: Request) -> None:
    """Refuse query parameters that the route does not have: a typo must not pass for an answer.

    Raises
    ------
    QueryError
        All unknown parameters, and those that the route knows.
    """
    if not request.scope["query_string"]:
        return
    # what the API's own description says is what is accepted; pages outside of it take no parameters
    operations = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    parameters = operations.get(request.method.lower(), {}).get("parameters", [])
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        hint = f"Known here: {', '.join(sorted(known)) or 'none'}."
        raise QueryError([Problem(f"query parameter '{name[:80]}'", "is unknown", hint) for name in unknown[:20]])


async def wants_html(
    request: Request, f: Annotated[Format | None, Query(description="Answer as json or html.")] = None
) -> bool:
    """Whether a page for people is asked for, by `f` or by the Accept header."""
    if f is not None:
        return f == "html"
    accept = request.headers.get("accept", "")
    return "text/html" in accept and "json" not in accept.split("text/html")[0]


def etag(request: Request, html: bool) -> str:  # noqa: FBT001 - as FastAPI calls it
    """Strong ETag of an answer made from the release alone, for this role.

    Raises
    ------
    NotModifiedError
        The client has it already.
    """
    tag = tag_of(catalogue(request).version, role(request), base_url(request), request.scope, html=html)
    if holds(request.headers.getlist("if-none-match"), tag):
        raise NotModifiedError(tag)
    return tag


def tag_of(version: str, role: Role, base: str, scope: Scope, *, html: bool) -> str:
    """Strong ETag of what a request asks of one version of the release."""
    text = f"{version} {role} {base} {scope['path']} {html} ".encode("utf-8", "surrogatepass")
    return f'"{hashlib.sha256(text + scope["query_string"]).hexdigest()[:24]}"'


def holds(given: list[str], tag: str) -> bool:
    """Whether a client's `If-None-Match` names a tag: in a list, as a weak one, or as any (`*`)."""
    return any(line.strip() == "*" or tag in _TAG.findall(line) for line in given)


async def _etag(request: Request, html: Annotated[bool, Depends(wants_html)], _release: CatalogueDep) -> str:
    return etag(request, html)


def bbox(
    bbox: Annotated[
        str | None, Query(description="West, south, east, north in degrees (WGS 84); six numbers with heights.")
    ] = None,
) -> tuple[float, float, float, float] | None:
    """Parse the parameter `bbox`.

    Raises
    ------
    QueryError
        Not four or six finite numbers, south above north, or outside the world.
    """
    if bbox is None:
        return None
    try:
        numbers = [float(part) for part in bbox.split(",")]
    except ValueError:
        numbers = [math.nan]
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    wrong = ""
    if not all(map(math.isfinite, numbers)):
        wrong = "holds something that is no finite number"
    elif len(numbers) != 4:
        wrong = f"has {len(numbers)} numbers, not 4 or 6"
    elif numbers[1] > numbers[3]:
        wrong = "has its south above its north"
    elif max(abs(numbers[0]), abs(numbers[2])) > 180 or max(abs(numbers[1]), abs(numbers[3])) > 90:
        wrong = "lies outside the world"
    if wrong:
        raise QueryError(Problem("bbox", f"'{bbox[:80]}' {wrong}", "Give west,south,east,north in degrees."))
    west, south, east, north = numbers
    return west, south, east, north


CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
BaseUrl = Annotated[str, Depends(_base_url)]
WantsHtml = Annotated[bool, Depends(wants_html)]
ETag = Annotated[str, Depends(_etag)]
BBox = Annotated[tuple[float, float, float, float] | None, Depends(bbox)]
RoleDep = Annotated[Role, Depends(_role)]
PlannerDep = Annotated[None, Depends(planner)]
