"""Collections and their features (OGC API Features Part 1)."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from api import responses
from api.deps import BaseUrl, BBox, CatalogueDep, ETag, WantsHtml
from api.responses import link
from api.routes import rasters
from geo.errors import Problem
from layers import features
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.layer import Layer

router = APIRouter(tags=["Collections"])

GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
MAX_LIMIT = 10_000


def describe(catalogue: Catalogue, layer: Layer, base: str) -> dict[str, Any]:
    """Metadata of one collection: extent, attributes with units, sources with licences, links."""
    url = f"{base}/collections/{layer.id}"
    sources = {s["source_id"]: s for s in catalogue.release.manifest["sources"]}
    used = [sources[name] for name in layer.source_ids]
    return {
        "id": layer.id,
        "title": layer.title,
        "description": layer.description,
        "attribution": "; ".join(dict.fromkeys(s["attribution"] for s in used)),
        "extent": {"spatial": {"bbox": [list(layer.extent)], "crs": CRS84}},
        "itemType": "feature",
        "crs": [CRS84],
        "attributes": [
            {"name": c.name, "unit": c.unit, "title": {"en": c.en, "de": c.de}, "status": c.how} for c in layer.columns
        ],
        "sources": [{k: s[k] for k in ("source_id", "title", "publisher", "licence", "attribution")} for s in used],
        "links": [
            link(url, "self", "application/json", "This collection"),
            link(f"{url}?f=html", "alternate", "text/html", "This collection for people"),
            link(f"{url}/items", "items", GEOJSON, "Features"),
            link(f"{url}/items?f=html", "items", "text/html", "Features for people"),
            link(f"{url}/tiles/WebMercatorQuad", "tiles", "application/json", "Vector tiles (TileJSON)"),
            link(f"{base}/sources?f=html", "license", "text/html", "Sources and licences"),
            *rasters.links(layer, url),
        ],
    }


@router.get("/collections", summary="All collections")
def collections(catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """All collections with their metadata."""
    listed = [describe(catalogue, catalogue.layer(name), base) for name in catalogue.ids()]
    if html:
        return responses.page("collections.html", etag, collections=listed)
    links = [
        link(f"{base}/collections", "self", "application/json", "Collections"),
        link(f"{base}/collections?f=html", "alternate", "text/html", "Collections for people"),
    ]
    return responses.json({"links": links, "collections": listed}, etag)


@router.get("/collections/{collection}", summary="One collection")
def collection(collection: str, catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """Metadata of one collection."""
    layer = catalogue.layer(collection)
    body = describe(catalogue, layer, base)
    if html:
        return responses.page("collection.html", etag, c=body, n=len(layer))
    return responses.json(body, etag)


@router.get("/collections/{collection}/items", summary="Features")
def items(  # noqa: PLR0913, PLR0917 - one argument for each query parameter
    collection: str,
    request: Request,
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
    bbox: BBox,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Features on one page.")] = 1000,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Features to pass over; follow the next link.")] = 0,
) -> Response:
    """Features as GeoJSON, in a stable order, page by page."""
    layer = catalogue.layer(collection)
    rows = np.arange(len(layer)) if bbox is None else layer.within(bbox)
    if html:
        limit = min(limit, 100)
    shown = rows[offset : offset + limit]
    url = f"{base}/collections/{collection}/items"
    kept = {k: v for k, v in request.query_params.items() if k != "offset"}

    def address(at: int) -> str:
        return f"{url}?{urlencode({**kept, 'offset': at})}"

    links = [link(address(offset), "self", GEOJSON, "This page")]
    links.append(link(f"{url}?{urlencode({**kept, 'f': 'html'})}", "alternate", "text/html", "This page for people"))
    links.append(link(f"{base}/collections/{collection}", "collection", "application/json", layer.title))
    if offset + len(shown) < len(rows):
        links.append(link(address(offset + len(shown)), "next", GEOJSON, "Next page"))
    if offset > 0:
        links.append(link(address(max(offset - limit, 0)), "prev", GEOJSON, "Page before"))
    extra = {"numberMatched": len(rows), "numberReturned": len(shown), "links": links}
    if html:
        table = features.properties(layer, shown)
        return responses.page(
            "items.html", etag, layer=layer, rows=list(zip(shown.tolist(), table, strict=True)), offset=offset, **extra
        )
    return responses.json(features.feature_collection(layer, shown, extra), etag, media_type=GEOJSON)


@router.get("/collections/{collection}/items/{feature}", summary="One feature")
def item(
    collection: str, feature: str, catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag
) -> Response:
    """One feature by its id."""
    layer = catalogue.layer(collection)
    if not (feature.isascii() and feature.isdigit() and len(feature) < 16 and int(feature) < len(layer)):
        raise UnknownCollectionError(
            Problem(f"feature '{feature[:40]}'", f"is not in {collection}", f"Ids go from 0 to {len(layer) - 1}.")
        )
    row = np.array([int(feature)])
    if html:
        return responses.page("item.html", etag, layer=layer, fid=feature, row=features.properties(layer, row)[0])
    url = f"{base}/collections/{collection}"
    links = [
        link(f"{url}/items/{feature}", "self", GEOJSON, "This feature"),
        link(url, "collection", "application/json", layer.title),
    ]
    return responses.json(features.feature(layer, row, {"links": links}), etag, media_type=GEOJSON)
