"""Collections: what there is, with attributes, reference systems, sources and addresses."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response

from api import responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.responses import GEOJSON, OGC, SCHEMA, link
from api.routes import downloads, rasters, styles, tilesets
from layers import reference_systems
from layers.catalogue import Catalogue
from layers.layer import Layer
from layers.once import Once
from layers.reference_systems import CRS84

router = APIRouter(tags=["Collections"])


# lists as they were sent, by their ETag: a region's 822 collections take a second to describe
MAX_LISTS = 4
_LISTS: Once[str, bytes] = Once(MAX_LISTS)


def describe(catalogue: Catalogue, layer: Layer, base: str) -> dict[str, Any]:
    """Metadata of one collection: extent, attributes with units, sources with licences, links."""
    url = f"{base}/collections/{layer.id}"
    sources = catalogue.sources
    used = [sources[name] for name in layer.source_ids]
    extent = {"spatial": {"bbox": [list(layer.extent)], "crs": CRS84}} if layer.extent else {}
    return {
        "id": layer.id,
        "title": layer.title,
        "description": layer.description,
        "attribution": "; ".join(dict.fromkeys(s["attribution"] for s in used)),
        "extent": extent,
        "itemType": "feature",
        "crs": [one.uri for one in reference_systems.served(layer)],
        "storageCrs": reference_systems.own(layer).uri,
        "attributes": [
            {"name": c.name, "unit": c.unit, "title": {"en": c.en, "de": c.de}, "status": c.how} for c in layer.columns
        ],
        "sources": [{k: s[k] for k in ("source_id", "title", "publisher", "licence", "attribution")} for s in used],
        "links": [
            link(url, "self", "application/json", "This collection"),
            link(f"{url}?f=html", "alternate", "text/html", "This collection for people"),
            link(f"{url}/items", "items", GEOJSON, "Features"),
            link(f"{url}/items?f=html", "items", "text/html", "Features for people"),
            link(f"{url}/queryables", f"{OGC}/queryables", SCHEMA, "Attributes that filters may name"),
            # what GDAL looks for, to this day
            link(f"{url}/queryables?f=json", "queryables", "application/json", "Attributes that filters may name"),
            link(f"{url}/schema", f"{OGC}/schema", SCHEMA, "Attributes with types and units"),
            *downloads.links(layer, url),
            *tilesets.links(layer, url),
            *styles.links(layer, url),
            *rasters.links(layer, url),
            link(f"{base}/sources?f=html", "license", "text/html", "Sources and licences"),
        ],
    }


@router.get("/collections", summary="All collections")
def collections(catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """All collections with their metadata."""
    if html:
        return responses.page("collections.html", etag, collections=_described(catalogue, base))
    return responses.json(_LISTS.made(etag, lambda: _list(catalogue, base)), etag)


def _described(catalogue: Catalogue, base: str) -> list[dict[str, Any]]:
    return [describe(catalogue, catalogue.layer(name), base) for name in catalogue.ids()]


def _list(catalogue: Catalogue, base: str) -> bytes:
    links = [
        link(f"{base}/collections", "self", "application/json", "Collections"),
        link(f"{base}/collections?f=html", "alternate", "text/html", "Collections for people"),
    ]
    return orjson.dumps({"links": links, "collections": _described(catalogue, base)})


@router.get("/collections/{collectionId}", summary="One collection")
def collection(
    collection: Annotated[str, Path(alias="collectionId")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
) -> Response:
    """Metadata of one collection."""
    layer = catalogue.layer(collection)
    body = describe(catalogue, layer, base)
    if html:
        return responses.page("collection.html", etag, c=body, n=len(layer))
    return responses.json(body, etag)
