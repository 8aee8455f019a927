"""Pages of features on a short way: a box and a page, as maps ask, without what rarer questions need around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool

from api import deps, errors, queries
from api.addresses import Addresses
from api.middleware.visit import Part, Receive, Scope, Send, visit_of
from api.queries import Given
from api.routes import items
from api.serving import Served
from geo.errors import RevierError

if TYPE_CHECKING:
    from fastapi import Response

    from layers.catalogue import Catalogue
    from layers.layer import Layer
    from layers.query import Box

_PATH = re.compile(r"/collections/([^/]+)/items", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
PLAIN = frozenset({"bbox", "limit", "after", "f"})
DEFAULT_LIMIT = 1000
# features that are written at once; more wait for a thread, so that others need not wait for them
QUICK = 2000
# that are found at once
QUICK_TO_FIND = 50_000
# of a layer whose attributes are not kept as texts
QUICK_WITHOUT_TEXTS = 100


class Pages:
    """Answers requests for GeoJSON by box; hands all others on, and all that is wrong.

    Parameters
    ----------
    app
        The next part.
    served
        Keeps the served release.
    addresses
        Tells the address for links.
    """

    def __init__(self, app: Part, served: Served, addresses: Addresses) -> None:
        self.app, self.served, self.addresses = app, served, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a page of features."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        parameters = _plain(scope["query_string"]) if found and self.served.id is not None else None
        if found is None or parameters is None or not _takes_json(scope, parameters):
            await self.app(scope, receive, send)
            return
        catalogue = deps.served_for(visit_of(scope).role, self.served.catalogue())
        layer = catalogue.ready(found[1], "features")
        answer = None if layer is None else await self._answer(scope, catalogue, layer, parameters)
        if answer is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = ROUTE
        await answer(scope, receive, send)

    async def _answer(
        self, scope: Scope, catalogue: Catalogue, layer: Layer, parameters: dict[str, str]
    ) -> Response | None:
        """Answer to a request; None where something is wrong with it, which the long way tells."""
        visit = visit_of(scope)
        base = self.addresses.base(scope, visit.headers)
        tag = deps.tag_of(catalogue.version, visit.role, base, scope, html=False)
        # as `Compression` left them: without the names of encodings
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"]
        if deps.holds(given, tag):
            return errors.not_modified(tag)
        limit = min(int(parameters.get("limit", DEFAULT_LIMIT)), items.MAX_LIMIT)

        def made() -> Response:
            page = items.Page(layer, wanted, limit, after=parameters.get("after"))
            return page.answer(page.members(base, parameters), tag)

        most = QUICK_WITHOUT_TEXTS if layer.texts is None else QUICK
        try:
            wanted = queries.asked(layer, Given(bbox=parameters.get("bbox")))
            is_quick = limit <= most and _expected(layer, wanted.query.box) <= QUICK_TO_FIND
            return made() if is_quick else await run_in_threadpool(made)
        except (RevierError, MemoryError):
            return None


class _Route:
    """What logs and counters call these requests."""

    path = "/collections/{collectionId}/items"


ROUTE = _Route()


def _plain(query: bytes) -> dict[str, str] | None:
    """Parameters, where they are few and plain; None where the long way has to look at them."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), max_num_fields=4)
    except ValueError:
        return None
    found = dict(pairs)
    is_plain = len(found) == len(pairs) and PLAIN.issuperset(found) and found.get("f", "json") == "json"
    return found if is_plain and _COUNT.fullmatch(found.get("limit", "1")) else None


def _expected(layer: Layer, box: Box | None) -> float:
    """How many features a box would hold if they lay evenly."""
    if box is None or layer.extent is None:
        return len(layer)
    west, south, east, north = layer.extent
    width = max(min(box.east, east) - max(box.west, west), 0.0) if box.west <= box.east else east - west
    height = max(min(box.north, north) - max(box.south, south), 0.0)
    area = (east - west) * (north - south)
    return len(layer) * (width * height / area if area else 1.0)


def _takes_json(scope: Scope, parameters: dict[str, str]) -> bool:
    return "f" in parameters or b"text/html" not in visit_of(scope).headers.get(b"accept", b"")
