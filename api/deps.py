"""What routes depend on: the served release, the address, strict query parameters."""

from __future__ import annotations

import hashlib
import math
import threading
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Depends, Query, Request

from api.errors import NotModifiedError, QueryError
from api.settings import Settings
from geo.errors import Problem
from layers.catalogue import Catalogue
from layers.release import current, pointer

Format = Literal["json", "html"]


class Served:
    """The catalogue of the served release; follows a new release without a restart.

    Parameters
    ----------
    settings
        Where the releases are.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._catalogue: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """Return the catalogue; a release that cannot be read leaves the last one served.

        Raises
        ------
        ReleaseError
            There never was a release that can be read.
        """
        try:
            stamp = pointer(self.settings.home).stat().st_mtime_ns
        except OSError:
            stamp = None
        with self._lock:
            if self._catalogue is None or stamp != self._stamp:
                try:
                    self._catalogue = Catalogue(current(self.settings.home))
                except ValueError:
                    if self._catalogue is None:
                        raise
                self._stamp = stamp
            return self._catalogue


def catalogue(request: Request) -> Catalogue:
    """Return the catalogue of the served release."""
    served: Served = request.app.state.served
    return served.catalogue()


def base_url(request: Request) -> str:
    """Address for links: the request's host if it is one of ours, else the one from the settings."""
    settings: Settings = request.app.state.served.settings
    host = request.headers.get("host", "")
    name = urlsplit(f"//{host}").hostname if host and all(c not in host for c in "/\\@?#") else None
    return f"{request.url.scheme}://{host}" if name in settings.hosts else settings.base_url.rstrip("/")


def strict_query(request: Request) -> None:
    """Refuse query parameters that the route does not have: a typo must not pass for an answer.

    Raises
    ------
    QueryError
        All unknown parameters, and those that the route knows.
    """
    # what the API's own description says is what is accepted; pages outside of it take no parameters
    operations = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    parameters = operations.get(request.method.lower(), {}).get("parameters", [])
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        hint = f"Known here: {', '.join(sorted(known)) or 'none'}."
        raise QueryError([Problem(f"query parameter '{name}'", "is unknown", hint) for name in unknown])


def wants_html(
    request: Request, f: Annotated[Format | None, Query(description="Answer as json or html.")] = None
) -> bool:
    """Whether a page for people is asked for, by `f` or by the Accept header."""
    if f is not None:
        return f == "html"
    accept = request.headers.get("accept", "")
    return "text/html" in accept and "json" not in accept.split("text/html")[0]


def etag(request: Request, html: Annotated[bool, Depends(wants_html)]) -> str:
    """Strong ETag of an answer made from the release alone.

    Raises
    ------
    NotModifiedError
        The client has it already.
    """
    release = catalogue(request).version
    text = f"{release} {base_url(request)} {request.url.path} {request.url.query} {html}"
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
    given = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in given or "*" in given:
        raise NotModifiedError(tag)
    return tag


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


CatalogueDep = Annotated[Catalogue, Depends(catalogue)]
BaseUrl = Annotated[str, Depends(base_url)]
WantsHtml = Annotated[bool, Depends(wants_html)]
ETag = Annotated[str, Depends(etag)]
BBox = Annotated[tuple[float, float, float, float] | None, Depends(bbox)]
