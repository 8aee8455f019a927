"""Which tiles there are (OGC API Tiles): tile matrix sets, tilesets of one or several collections, also for people."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import deps, responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.errors import QueryError
from api.responses import link
from geo.errors import Problem
from layers import export, grids, rasters, tile_matrices, tiles, tilesets
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.tile_matrices import SETS, TileMatrixSet
from layers.tilesets import MAP_SETS, MVT, RELATIONS, TILEJSON, VECTOR_SETS, Tiled

router = APIRouter(tags=["Tiles"])

_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
# each has its abstract tests in tests/test_ogc_tiles.py
CONFORMANCE = tuple(
    f"{_TILES}/{name}"
    for name in (
        "core",
        "tileset",
        "tilesets-list",
        "dataset-tilesets",
        "geodata-tilesets",
        "collections-selection",
        "mvt",
        "png",
    )
)

Encoding = Literal["json", "html", "tilejson"]
# collections in one tile: each is encoded on request
MAX_COLLECTIONS = 20
# what a tile of everything holds: areas, coarsest first, then what stands on them
OVERVIEW = ("municipalities", "districts", "stock")
_DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, TILEJSON: {}, "text/html": {}}}
}

SET = f"One of {', '.join(SETS)}."
Selected = Annotated[
    str | None,
    Query(description=f"Ids of collections, separated by commas, bottom first, at most {MAX_COLLECTIONS}."),
]
ColumnName = Annotated[str | None, Query(description="Attribute to draw; that of the planner's map when omitted.")]


def encoding(
    request: Request, f: Annotated[Encoding | None, Query(description="Answer as json, html or tilejson.")] = None
) -> Encoding:
    """What a tileset is answered as, by `f` or by the Accept header."""
    if f is not None:
        return f
    accept = request.headers.get("accept", "")
    if TILEJSON in accept:
        return "tilejson"
    return "html" if "text/html" in accept and "json" not in accept.split("text/html")[0] else "json"


def etag(request: Request, encoding: Annotated[Encoding, Depends(encoding)]) -> str:
    """Strong ETag of a tileset; what was negotiated as TileJSON has that of `f=tilejson`."""
    if encoding == "tilejson":
        asked = [part for part in request.url.query.split("&") if part and not part.startswith("f=")]
        query = "&".join([*asked, "f=tilejson"])
        request = Request({**request.scope, "query_string": query.encode()})
    return deps.etag(request, html=encoding == "html")


EncodingDep = Annotated[Encoding, Depends(encoding)]
Tag = Annotated[str, Depends(etag)]


def root_links(base: str) -> list[dict[str, str]]:
    """Links from the landing page."""
    return [
        link(
            f"{base}/tiles", f"{RELATIONS}/tilesets-vector", "application/json", "Vector tiles of several collections"
        ),
        link(f"{base}/tileMatrixSets", f"{RELATIONS}/tiling-schemes", "application/json", "Tile matrix sets"),
    ]


def links(layer: Layer, url: str) -> list[dict[str, str]]:
    """Links from a collection at `url` to its tilesets."""
    found = [link(f"{url}/tiles", f"{RELATIONS}/tilesets-vector", "application/json", f"Vector tiles of {layer.title}")]
    if grids.is_gridded(layer):
        title = f"Map tiles of {layer.title}"
        found.append(link(f"{url}/map/tiles", f"{RELATIONS}/tilesets-map", "application/json", title))
    return found


@router.get("/tileMatrixSets", summary="Tile matrix sets")
def matrix_sets(base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """Tile matrix sets that tiles come in."""
    if html:
        return responses.page("tile_matrix_sets.html", etag, sets=list(SETS.values()))
    listed = [
        {
            "id": tms.id,
            "title": tms.title,
            "uri": tms.uri,
            "crs": tms.crs_uri,
            "links": [
                link(f"{base}/tileMatrixSets/{tms.id}", f"{RELATIONS}/tiling-scheme", "application/json", tms.title)
            ],
        }
        for tms in SETS.values()
    ]
    links = [
        link(f"{base}/tileMatrixSets", "self", "application/json", "Tile matrix sets"),
        link(f"{base}/tileMatrixSets?f=html", "alternate", "text/html", "Tile matrix sets for people"),
    ]
    return responses.json({"tileMatrixSets": listed, "links": links}, etag)


@router.get("/tileMatrixSets/{tileMatrixSetId}", summary="One tile matrix set")
def matrix_set(
    tms: Annotated[str, Path(alias="tileMatrixSetId", description=SET)], html: WantsHtml, etag: ETag
) -> Response:
    """Definition of a tile matrix set, as registered."""
    found = tile_matrices.named(tms)
    if html:
        return responses.page("tile_matrix_set.html", etag, tms=found)
    return responses.json(tile_matrices.document(found), etag)


@router.get("/tiles", summary="Tilesets of several collections")
def dataset_tilesets(
    catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag, collections: Selected = None
) -> Response:
    """Vector tiles that hold several collections at once; without a choice, an overview of all places."""
    return _list(_dataset(catalogue, base, collections), VECTOR_SETS, base, html=html, etag=etag)


@router.get("/tiles/{tileMatrixSetId}", summary="Tileset of several collections", responses=_DESCRIBED)
def dataset_tileset(
    tms: Annotated[str, Path(alias="tileMatrixSetId", description=SET)],
    catalogue: CatalogueDep,
    base: BaseUrl,
    form: EncodingDep,
    tag: Tag,
    collections: Selected = None,
) -> Response:
    """Metadata of vector tiles with several collections, as OGC tileset or TileJSON."""
    found = _dataset(catalogue, base, collections)
    return _tileset(found, _served(tms, VECTOR_SETS), base, form, tag)


@router.get(
    "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    summary="Vector tile of several collections",
    response_class=Response,
    responses={200: {"content": {MVT: {}}}, 204: {"description": "Nothing there"}},
)
def dataset_tile(
    tms: Annotated[str, Path(alias="tileMatrixSetId", description=SET)],
    matrix: Annotated[str, Path(alias="tileMatrix", description="Zoom.")],
    row: Annotated[int, Path(alias="tileRow", description="Row from the north.")],
    col: Annotated[int, Path(alias="tileCol", description="Column from the west.")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    etag: ETag,
    collections: Selected = None,
) -> Response:
    """Mapbox Vector Tile with one layer for each collection that has features there, in the order asked for."""
    found = _dataset(catalogue, base, collections)
    zoom = zoom_of(matrix)
    found_set = _served(tms, VECTOR_SETS)
    within(found.layers, found_set, zoom, col, row)
    # messages of protocol buffers concatenate: the layers of all follow each other
    return responses.tile(b"".join(tiles.tile(layer, zoom, col, row, found_set) for layer in found.layers), etag)


@router.get("/collections/{collectionId}/tiles", summary="Tilesets of a collection")
def vector_tilesets(
    collection: Annotated[str, Path(alias="collectionId")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
) -> Response:
    """Vector tiles of a collection, one tileset for each tile matrix set."""
    return _list(_vector(catalogue, base, collection), VECTOR_SETS, base, html=html, etag=etag)


@router.get("/collections/{collectionId}/tiles/{tileMatrixSetId}", summary="Tileset", responses=_DESCRIBED)
def vector_tileset(
    collection: Annotated[str, Path(alias="collectionId")],
    tms: Annotated[str, Path(alias="tileMatrixSetId", description=SET)],
    catalogue: CatalogueDep,
    base: BaseUrl,
    form: EncodingDep,
    tag: Tag,
) -> Response:
    """Metadata of the vector tiles of a collection, as OGC tileset or TileJSON."""
    return _tileset(_vector(catalogue, base, collection), _served(tms, VECTOR_SETS), base, form, tag)


@router.get("/collections/{collectionId}/map/tiles", summary="Tilesets of map tiles")
def map_tilesets(
    collection: Annotated[str, Path(alias="collectionId")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
    column: ColumnName = None,
) -> Response:
    """Map tiles of a collection of cells."""
    return _list(_map(catalogue, base, collection, column), MAP_SETS, base, html=html, etag=etag)


@router.get(
    "/collections/{collectionId}/map/tiles/{tileMatrixSetId}", summary="Tileset of map tiles", responses=_DESCRIBED
)
def map_tileset(
    collection: Annotated[str, Path(alias="collectionId")],
    tms: Annotated[str, Path(alias="tileMatrixSetId", description=SET)],
    catalogue: CatalogueDep,
    base: BaseUrl,
    form: EncodingDep,
    tag: Tag,
    column: ColumnName = None,
) -> Response:
    """Metadata of the coloured tiles of one attribute, as OGC tileset or TileJSON."""
    found = _map(catalogue, base, collection, column)
    return _tileset(found, _served(tms, MAP_SETS), base, form, tag)


def zoom_of(matrix: str) -> int:
    """Zoom of a tile matrix, whose id is text; -1, which no set has, where it is none."""
    return int(matrix) if matrix.isascii() and matrix.isdigit() and len(matrix) < 3 else -1


def within(layers: tuple[Layer, ...], tms: TileMatrixSet, z: int, x: int, y: int) -> None:
    """Refuse a vector tile outside of the limits that its tileset states.

    Raises
    ------
    UnknownCollectionError
        No such tile in the set, or none of these layers.
    """
    tile_matrices.bounds(tms, z, x, y)
    of_zoom = next((one for one in tilesets.vector_limits(layers, tms) if one.zoom == z), None)
    if of_zoom is None or not of_zoom.holds(x, y):
        what = "is outside the limits of the tileset"
        raise UnknownCollectionError(Problem(f"tile {z}/{y}/{x}", what, "See tileMatrixSetLimits of the tileset."))


def _served(name: str, sets: tuple[TileMatrixSet, ...]) -> TileMatrixSet:
    found = tile_matrices.named(name)
    if found not in sets:
        remedy = f"Use {', '.join(tms.id for tms in sets)}."
        raise UnknownCollectionError(Problem(f"tileset '{name}'", "does not exist here", remedy))
    return found


def _dataset(catalogue: Catalogue, base: str, collections: str | None) -> Tiled:
    """Describe the tiles of the chosen collections, or of an overview."""
    if collections is None:
        known = catalogue.ids()
        chosen = [name for theme in OVERVIEW for name in known if name.partition(".")[2] == theme]
        # of a region, its members' buildings are in its own stock
        chosen = (_without_parts(catalogue, chosen) or known)[:MAX_COLLECTIONS]
        query = ""
    else:
        chosen = list(dict.fromkeys(name.strip() for name in collections.split(",")))
        _check(catalogue, chosen)
        query = f"collections={quote(','.join(chosen), safe=',')}"
    layers = tuple(catalogue.layer(name) for name in chosen)
    credit = "; ".join(dict.fromkeys(export.licences(catalogue, layer) for layer in layers))
    title = "All places" if collections is None else ", ".join(layer.title for layer in layers)
    about = f"{len(layers)} collections in one tile: {', '.join(chosen)}."
    return Tiled(title, about, base, layers, query=query, attribution=credit)


def _without_parts(catalogue: Catalogue, chosen: list[str]) -> list[str]:
    places = catalogue.release.places
    parts = {member for entry in places.values() for member in entry.get("members", [])}
    return [name for name in chosen if not (name.endswith(".stock") and name.partition(".")[0] in parts)]


def _check(catalogue: Catalogue, chosen: list[str]) -> None:
    known = set(catalogue.ids())
    problems = [
        Problem("collections", f"'{name[:60]}' does not exist", "See /collections for all of them.")
        for name in chosen[: MAX_COLLECTIONS + 1]
        if name not in known
    ]
    if len(chosen) > MAX_COLLECTIONS:
        problems.append(Problem("collections", f"names {len(chosen)}", f"Name at most {MAX_COLLECTIONS}."))
    if problems:
        raise QueryError(problems)


def _vector(catalogue: Catalogue, base: str, collection: str) -> Tiled:
    layer = catalogue.layer(collection)
    credit = export.licences(catalogue, layer)
    return Tiled(layer.title, layer.description, f"{base}/collections/{layer.id}", (layer,), attribution=credit)


def _map(catalogue: Catalogue, base: str, collection: str, column: str | None) -> Tiled:
    layer = catalogue.layer(collection)
    name = column or rasters.default_column(layer)
    return Tiled(
        f"{layer.title}: {rasters.described(layer, name).en}",
        layer.description,
        f"{base}/collections/{layer.id}/map",
        (layer,),
        "map",
        ".png",
        f"column={quote(name)}",
        export.licences(catalogue, layer),
    )


def _list(tiled: Tiled, sets: tuple[TileMatrixSet, ...], base: str, *, html: bool, etag: str) -> Response:
    listed = [tilesets.listed(tiled, tms, base) for tms in sets]
    if html:
        return responses.page("tilesets.html", etag, tiled=tiled, tilesets=listed)
    url = f"{tiled.url}/tiles" + (f"?{tiled.query}" if tiled.query else "")
    page = f"{url}{'&' if tiled.query else '?'}f=html"
    links = [
        link(url, "self", "application/json", f"Tilesets of {tiled.title}"),
        link(page, "alternate", "text/html", "These tilesets for people"),
    ]
    return responses.json({"tilesets": listed, "links": links}, etag)


def _tileset(tiled: Tiled, tms: TileMatrixSet, base: str, form: Encoding, etag: str) -> Response:
    if form == "tilejson":
        return responses.json(_tilejson(tiled, tms), etag, media_type=TILEJSON)
    body = tilesets.document(tiled, tms, base)
    if form == "html":
        address = tilesets.template(tiled, tms)
        return responses.page("tileset.html", etag, body=body, tms=tms, address=address, kind=tiled.kind)
    return responses.json(body, etag)


def _tilejson(tiled: Tiled, tms: TileMatrixSet) -> dict[str, Any]:
    """TileJSON; of map tiles with the address of their legend."""
    if tms is not tile_matrices.WEB_MERCATOR_QUAD:
        raise QueryError(Problem("f", f"TileJSON cannot describe {tms.id}", "Use f=json, or WebMercatorQuad."))
    if tiled.kind == "vector":
        return tilesets.joint_tilejson(tiled)
    name = tiled.query.partition("=")[2]
    body = rasters.tilejson(tiled.layers[0], name, tilesets.template(tiled, tms), tiled.attribution)
    return body | {"legend": f"{tiled.url}/legend?{tiled.query}"}
