"""Rasters of cells for GIS that know WMTS 1.0.0: capabilities, and tiles by parameters; errors in its own XML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api import deps
from api.deps import BaseUrl, CatalogueDep
from geo.errors import RevierError
from layers import grids, rasters, wmts
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.once import Once
from layers.tile_matrices import WEB_MERCATOR_QUAD
from layers.wmts import Figure, RasterLayer, Service

# parameter names are case-insensitive and unknown ones are passed over, as the standard wants: include this router
# without the check for unknown parameters
router = APIRouter(tags=["WMTS"])

XML = "application/xml"
MISSING, INVALID = "MissingParameterValue", "InvalidParameterValue"
OUTSIDE, UNSUPPORTED, NO_VERSION = "TileOutOfRange", "OperationNotSupported", "VersionNegotiationFailed"
REQUIRED = ("layer", "style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol")
_PARAMETERS = ("service", "request", "version", "acceptversions", *REQUIRED, "place")
_EXTRA = {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS]}
_PLACE = {"parameters": [{"name": "place", "in": "query", "schema": {"type": "string"}}]}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {XML: {}, "image/png": {}}},
    400: {"content": {XML: {}}},
    404: {"content": {XML: {}}},
    501: {"content": {XML: {}}},
}


# capabilities as they were written, the last ones
MAX_KEPT = 8
_KEPT: Once[tuple[str, ...], bytes] = Once(MAX_KEPT)


class ServiceError(Exception):
    """A request that WMTS answers with an exception report."""

    def __init__(self, code: str, text: str, locator: str = "", status: int = 400) -> None:
        super().__init__(text)
        self.code, self.text, self.locator, self.status = code, text, locator, status

    def report(self) -> Response:
        """Answer with it."""
        content = wmts.exception(self.code, self.text, self.locator)
        return Response(content, self.status, media_type=XML, headers={"Cache-Control": "no-store"})


@router.get("/wmts", summary="WMTS", response_class=Response, responses=_ANSWERS, openapi_extra=_EXTRA)
def keyed(request: Request, catalogue: CatalogueDep, base: BaseUrl) -> Response:
    """Answer GetCapabilities and GetTile; `place` (a key) leaves out all other places."""
    asked = {key.lower(): value for key, value in request.query_params.items()}
    try:
        return _answer(request, asked, catalogue, base)
    except ServiceError as error:
        return error.report()


@router.get(
    "/wmts/1.0.0/WMTSCapabilities.xml", summary="WMTS capabilities", response_class=Response, responses=_ANSWERS
)
def document(request: Request, catalogue: CatalogueDep, base: BaseUrl) -> Response:
    """Capabilities without parameters; `place` (a key) leaves out all other places."""
    asked = {key.lower(): value for key, value in request.query_params.items()}
    try:
        return _capabilities(request, catalogue, base, asked.get("place", ""))
    except ServiceError as error:
        return error.report()


def _answer(request: Request, asked: dict[str, str], catalogue: Catalogue, base: str) -> Response:
    for name in ("service", "request"):
        if not asked.get(name):
            raise ServiceError(MISSING, f"The parameter {name} is missing.", name)
    if asked["service"].upper() != "WMTS":
        raise ServiceError(INVALID, "The service here is WMTS.", "service")
    if asked["request"] == "GetCapabilities":
        versions = asked.get("acceptversions", wmts.VERSION).split(",")
        if wmts.VERSION not in versions:
            raise ServiceError(NO_VERSION, f"Only {wmts.VERSION} is served.", "acceptversions")
        return _capabilities(request, catalogue, base, asked.get("place", ""))
    if asked["request"] == "GetTile":
        return _tile(request, asked, catalogue)
    raise ServiceError(UNSUPPORTED, "Use GetCapabilities or GetTile.", asked["request"][:60], 501)


def _capabilities(request: Request, catalogue: Catalogue, base: str, place: str) -> Response:
    if place and place not in catalogue.release.places:
        raise ServiceError(INVALID, "No place has this key; see /places.", "place", 404)
    tag = deps.etag(request, html=False)
    only = f"?place={quote(place)}" if place else ""
    name = f": {catalogue.release.places[place]['name']}" if place else ""
    service = Service(
        f"Revier{name}",
        "Figures on census cells: emissions, measures, low income, heat. Modelled figures say so in their title.",
        f"{base}/wmts",
        f"{base}/wmts/1.0.0/WMTSCapabilities.xml{only}",
        access=f"Sources and licences of each layer: {base}/sources",
    )
    # all of the Ruhr is 3 MB of XML, written in two seconds: once for each release and role, not for each request
    key = (type(catalogue).__name__, catalogue.version, base, place)
    content = _KEPT.made(key, lambda: wmts.capabilities(service, _layers(catalogue, base, place)))
    return Response(content, media_type=XML, headers=_headers(tag))


def _layers(catalogue: Catalogue, base: str, place: str) -> Iterator[RasterLayer]:
    for name in catalogue.ids():
        if place and name.partition(".")[0] != place:
            continue
        layer = catalogue.gridded(name)
        columns = {column.name: column for column in rasters.drawable(layer)}
        if not columns or layer.extent is None:
            continue
        first = rasters.default_column(layer)
        order = sorted(columns, key=lambda name, first=first: name != first)  # type: ignore[misc]
        url = f"{base}/collections/{quote(layer.id)}"
        figures = tuple(
            Figure(name, _title(columns[name]), f"{url}/styles/{quote(name)}/legend?f=png") for name in order
        )
        template = f"{url}/map/tiles/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.png?column={{Style}}"
        yield RasterLayer(layer.id, layer.title, layer.description, layer.extent, figures, template)


def _title(column: Column) -> str:
    unit = f", {column.unit}" if column.unit else ""
    return f"{column.en}{unit} ({column.how})"


def _tile(request: Request, asked: dict[str, str], catalogue: Catalogue) -> Response:
    for name in REQUIRED:
        # an empty style is the default one
        if name not in asked or (name != "style" and not asked[name]):
            raise ServiceError(MISSING, f"The parameter {name} is missing.", name)
    if asked.get("version", wmts.VERSION) != wmts.VERSION:
        raise ServiceError(INVALID, f"The version is {wmts.VERSION}.", "version")
    if asked["format"] != "image/png":
        raise ServiceError(INVALID, "Tiles are image/png.", "format")
    if asked["tilematrixset"] != WEB_MERCATOR_QUAD.id:
        raise ServiceError(INVALID, f"Tiles are in {WEB_MERCATOR_QUAD.id}.", "tilematrixset")
    layer = _layer(catalogue, asked["layer"])
    z, row, col = (_number(asked[name], name) for name in ("tilematrix", "tilerow", "tilecol"))
    if z > rasters.MAX_ZOOM:
        raise ServiceError(INVALID, f"Zooms go to {rasters.MAX_ZOOM}.", "tilematrix")
    for name, value in (("tilerow", row), ("tilecol", col)):
        if value >= 1 << z:
            raise ServiceError(OUTSIDE, f"{name} goes from 0 to {(1 << z) - 1} at zoom {z}.", name)
    tag = deps.etag(request, html=False)
    try:
        styled = catalogue.layer(layer.id)
        figure = rasters.drawn(layer, asked["style"] or rasters.default_column(layer), styled)
    except RevierError as error:
        raise ServiceError(INVALID, str(error), "style") from error
    return Response(rasters.tile(figure, z, col, row), media_type="image/png", headers=_headers(tag))


def _layer(catalogue: Catalogue, name: str) -> Layer:
    try:
        layer = catalogue.gridded(name)
    except UnknownCollectionError as error:
        raise ServiceError(INVALID, str(error), "layer") from error
    if not grids.is_gridded(layer):
        raise ServiceError(INVALID, "This layer is no grid of cells.", "layer")
    return layer


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise ServiceError(INVALID, f"{name} is no whole number of a tile.", name)
    return int(text)


def _headers(tag: str) -> dict[str, str]:
    # no-cache means: keep it, but ask with the ETag whether it is still true
    return {"ETag": tag, "Cache-Control": "no-cache"}
