"""Census cells as coloured map tiles (OGC API Maps), with a legend, and as GeoTIFF for desktop GIS."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import deps, responses
from api.deps import CatalogueDep
from api.responses import link
from api.routes.tilesets import zoom_of
from layers import export, grids, rasters
from layers.layer import Layer
from layers.tilesets import RELATIONS

router = APIRouter(tags=["Rasters"])
TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def etag(request: Request) -> str:
    """Strong ETag of an answer that is the same for people and machines."""
    return deps.etag(request, html=False)


Tag = Annotated[str, Depends(etag)]
ColumnName = Annotated[
    str | None, Query(description="Attribute to draw; emissions per head, or savings, when omitted.")
]


def links(layer: Layer, url: str) -> list[dict[str, str]]:
    """Links from a collection at `url` to its rasters, but not its tilesets; none where it is no grid of cells."""
    if not grids.is_gridded(layer):
        return []
    return [
        link(f"{url}/map/legend", f"{RELATIONS}/legend", "application/json", "Legend of the map tiles"),
        link(f"{url}/coverage", f"{RELATIONS}/coverage", TIFF, "Cloud-optimised GeoTIFF"),
    ]


@router.get(
    "/collections/{collectionId}/map/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}.png",
    summary="Map tile",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def tile(
    collection: Annotated[str, Path(alias="collectionId")],
    matrix: Annotated[str, Path(alias="tileMatrix", description=f"Zoom, 0 to {rasters.MAX_ZOOM}.")],
    row: Annotated[int, Path(alias="tileRow", description="Row from the north.")],
    col: Annotated[int, Path(alias="tileCol", description="Column from the west.")],
    catalogue: CatalogueDep,
    tag: Tag,
    column: ColumnName = None,
) -> Response:
    """PNG of 256 pixels in the colours of the legend, transparent where no data are."""
    layer = catalogue.gridded(collection)
    figure = rasters.drawn(layer, column or rasters.default_column(layer), catalogue.layer(collection))
    return Response(rasters.tile(figure, zoom_of(matrix), col, row), media_type="image/png", headers=_headers(tag))


@router.get("/collections/{collectionId}/map/legend", summary="Legend of map tiles")
def legend(
    collection: Annotated[str, Path(alias="collectionId")], catalogue: CatalogueDep, tag: Tag, column: ColumnName = None
) -> Response:
    """Classes of an attribute with colours, bounds, and labels in English and German."""
    layer = catalogue.gridded(collection)
    name = column or rasters.default_column(layer)
    return responses.json(rasters.legend(layer, name, catalogue.layer(collection)), tag)


@router.get(
    "/collections/{collectionId}/coverage",
    summary="GeoTIFF",
    response_class=Response,
    responses={
        200: {"content": {TIFF: {}}},
        206: {"description": "The bytes that were asked for"},
        416: {"description": "The file ends before the bytes that were asked for"},
    },
)
@router.head("/collections/{collectionId}/coverage", summary="Size of the GeoTIFF", response_class=Response)
def coverage(
    collection: Annotated[str, Path(alias="collectionId")],
    request: Request,
    catalogue: CatalogueDep,
    tag: Tag,
    f: Annotated[Literal["tif"], Query(description="Cloud-optimised GeoTIFF.")] = "tif",
    column: ColumnName = None,
) -> Response:
    """Cloud-optimised GeoTIFF of an attribute, EPSG:3035; GIS may read parts of it by HTTP ranges.

    Of a place that brought land cover, `{place}.heat` also has `day_air_c`: air of a hot day, degC, in the place's CRS.
    """
    layer = catalogue.gridded(collection)
    name = column or rasters.default_column(layer)
    own = catalogue.raster(collection, name)
    content = rasters.cog(layer, name, export.licences(catalogue, layer)) if own is None else own.read_bytes()
    headers = _headers(tag) | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{collection}.{name}.{f}')}",
    }
    # a range of another version of the file is of no use: then the whole is sent
    wanted = request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""
    return _part(content, wanted, headers)


def _part(content: bytes, wanted: str, headers: dict[str, str]) -> Response:
    """Answer with one range of bytes; with all of them where no single range is asked for."""
    found = _RANGE.fullmatch(wanted.replace(" ", ""))
    size = len(content)
    if found is None or found.groups() == ("", "") or (found[1] and found[2] and int(found[2]) < int(found[1])):
        return Response(content, media_type=TIFF, headers=headers)
    first = int(found[1]) if found[1] else max(size - int(found[2]), 0)
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if first > last:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    told = headers | {"Content-Range": f"bytes {first}-{last}/{size}"}
    return Response(content[first : last + 1], 206, media_type=TIFF, headers=told)


def _headers(tag: str) -> dict[str, str]:
    # no-cache means: keep it, but ask with the ETag whether it is still true
    return {"ETag": tag, "Cache-Control": "no-cache"}
