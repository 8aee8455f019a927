"""Features of a collection (OGC API Features Parts 1 to 3), what filters may name, and the schema of an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import queries, responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.errors import QueryError
from api.queries import Asked, Given
from api.responses import GEOJSON, SCHEMA, link
from geo.errors import Problem
from layers import features
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.query import select
from layers.tilesets import json_types

router = APIRouter(tags=["Features"])

_PARTS = {
    1: ("core", "oas30", "html", "geojson"),
    2: ("crs",),
    3: ("queryables", "queryables-query-parameters", "filter", "features-filter"),
}
# each has its abstract tests in tests/test_ogc_features.py
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-{part}/1.0/conf/{name}"
    for part, names in _PARTS.items()
    for name in names
)

MAX_LIMIT = 10_000
ON_A_PAGE = 100
Crs = Annotated[str | None, Query(description="Reference system of the answer; `crs` of the collection lists them.")]
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# texts of a schema by kind of a filter's column
TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "text": {"type": "string"},
    "ordered": {"type": "string"},
    "flag": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "geometry": {"$ref": "https://geojson.org/schema/Geometry.json"},
}


def given(  # noqa: PLR0913, PLR0917 - one argument for each query parameter
    request: Request,
    bbox: Annotated[
        str | None,
        Query(description="West, south, east, north in the order and units of bbox-crs; six numbers with heights."),
    ] = None,
    bbox_crs: Annotated[
        str | None, Query(alias="bbox-crs", description="Reference system of bbox; degrees when omitted.")
    ] = None,
    crs: Crs = None,
    datetime: Annotated[
        str | None, Query(description="Instant or interval (RFC 3339): 2025-01-01, 2025-01-01T00:00:00Z/..")
    ] = None,
    filter: Annotated[str | None, Query(description="Condition in CQL2, such as: people > 100")] = None,  # noqa: A002
    filter_lang: Annotated[
        Literal["cql2-text", "cql2-json", "cql-text"],
        Query(alias="filter-lang", description="Language of filter; cql-text is what GDAL calls cql2-text."),
    ] = "cql2-text",
    filter_crs: Annotated[
        str | None, Query(alias="filter-crs", description="Reference system of geometry in filter.")
    ] = None,
    sortby: Annotated[str | None, Query(description="Attributes, each after + (rising) or - (falling).")] = None,
    properties: Annotated[str | None, Query(description="Attributes to give; all when omitted.")] = None,
) -> Given:
    """Query parameters that say which features are asked for; any attribute is one, too: ``ags=05913000``."""
    return Given(bbox, bbox_crs, crs, datetime, filter, filter_lang, filter_crs, sortby, properties, _others(request))


def _others(request: Request) -> dict[str, str]:
    """Query parameters that the route does not have: attributes, if the layer has them."""
    operation = request.app.openapi()["paths"].get(request.scope["route"].path, {}).get("get", {})
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return {name: value for name, value in request.query_params.items() if name not in known}


GivenDep = Annotated[Given, Depends(given)]


def asked(layer: Layer, parameters: Given, request: Request) -> Asked:
    """Read the parameters against the layer's attributes.

    Raises
    ------
    QueryError
        All that is wrong with them, and names that neither the route nor the layer has.
    """
    names = {column.name for column in layer.columns}
    unknown = sorted(set(parameters.by_name or {}) - names)
    twice = sorted({k for k in request.query_params if len(request.query_params.getlist(k)) > 1})
    problems = [Problem(f"query parameter '{n[:60]}'", "is unknown", "See /api, and the queryables.") for n in unknown]
    problems += [Problem(f"query parameter '{n[:60]}'", "is given twice", "Give it once.") for n in twice]
    try:
        known = {name: value for name, value in (parameters.by_name or {}).items() if name in names}
        found = queries.asked(layer, replace(parameters, by_name=known))
    except QueryError as error:
        raise QueryError([*problems, *error.problems]) from error
    if problems:
        raise QueryError(problems)
    return found


@router.get(
    "/collections/{collectionId}/items",
    summary="Features",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {}, "text/html": {}}}},
)
def items(  # noqa: PLR0913, PLR0917 - one argument for each query parameter
    collection: Annotated[str, Path(alias="collectionId")],
    request: Request,
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
    parameters: GivenDep,
    limit: Annotated[
        int, Query(ge=1, description="Features on one page, at most 10,000.", json_schema_extra={"maximum": MAX_LIMIT})
    ] = 1000,
    offset: Annotated[int, Query(ge=0, le=2**53, description="Features to pass over.")] = 0,
    after: Annotated[str | None, Query(description="Where to go on: follow the next link.")] = None,
) -> Response:
    """Features as GeoJSON, in a stable order, page by page."""
    layer = catalogue.layer(collection)
    wanted = asked(layer, parameters, request)
    page = Page(layer, wanted, min(limit, ON_A_PAGE if html else MAX_LIMIT), offset, after)
    extra = page.members(base, dict(request.query_params))
    if html:
        table = features.properties(layer, page.shown)
        listed = list(zip(page.shown.tolist(), table, strict=True))
        return responses.page("items.html", etag, layer=layer, rows=listed, offset=page.start, **extra)
    return page.answer(extra, etag)


class Page:
    """Some of the features that are asked for.

    Parameters
    ----------
    layer, wanted
        What is asked of which layer.
    limit
        Features at most.
    offset, after
        Where the page starts: features to pass over, and the token of a place to go on from.

    Attributes
    ----------
    rows, shown
        All that match, and those of this page.
    start
        How many of those that match stand before it.
    """

    def __init__(self, layer: Layer, wanted: Asked, limit: int, offset: int = 0, after: str | None = None) -> None:
        self.layer, self.wanted, self.limit, self.offset, self.after = layer, wanted, limit, offset, after
        self.rows = select(layer, wanted.query)
        self.start = queries.position(layer, self.rows, after, ordered=bool(wanted.query.sort)) + offset
        self.shown = self.rows[self.start : self.start + limit]

    def members(self, base: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return counts, and links with the parameters of the request."""
        kept = {k: v for k, v in parameters.items() if k not in {"offset", "after"}}
        url = f"{base}/collections/{self.layer.id}"

        def address(**more: str | int) -> str:
            return f"{url}/items?{urlencode({**kept, **more})}"

        here: dict[str, str | int] = {"after": self.after} if self.after else {}
        here |= {"offset": self.offset} if self.offset else {}
        end, count = self.start + len(self.shown), len(self.rows)
        links = [
            link(address(**here), "self", GEOJSON, "This page"),
            link(address(**here, f="html"), "alternate", "text/html", "This page for people"),
            link(url, "collection", "application/json", self.layer.title),
        ]
        if end < count:
            on = address(after=queries.token(self.layer, int(self.shown[-1])))
            links.append(link(on, "next", GEOJSON, "Next page"))
        if self.start > 0:
            back = address(offset=max(min(self.start, count) - self.limit, 0))
            links.append(link(back, "prev", GEOJSON, "Page before"))
        return {"numberMatched": count, "numberReturned": len(self.shown), "links": links}

    def answer(self, extra: dict[str, Any], etag: str) -> Response:
        """Return the page as GeoJSON."""
        reference, names, around = self.wanted.reference, self.wanted.names, features.collection(extra)
        content = features.features(
            self.layer, self.shown, crs=reference.crs, swap=reference.swap, names=names, around=around
        )
        answer = responses.json(content, etag, media_type=GEOJSON)
        answer.headers["Content-Crs"] = f"<{reference.uri}>"
        return answer


@router.get(
    "/collections/{collectionId}/items/{featureId}",
    summary="One feature",
    response_class=Response,
    responses={200: {"content": {GEOJSON: {}, "text/html": {}}}},
)
def item(
    collection: Annotated[str, Path(alias="collectionId")],
    feature: Annotated[str, Path(alias="featureId", description="Id of a feature: its number in the release.")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    html: WantsHtml,
    etag: ETag,
    request: Request,
    crs: Crs = None,
) -> Response:
    """One feature by its id."""
    layer = catalogue.layer(collection)
    wanted = asked(layer, Given(crs=crs, by_name=_others(request)), request)
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
        link(f"{url}/items/{feature}?f=html", "alternate", "text/html", "This feature for people"),
        link(url, "collection", "application/json", layer.title),
    ]
    content = features.features(layer, row, crs=wanted.reference.crs, swap=wanted.reference.swap)
    answer = responses.json(features.feature(content, {"links": links}), etag, media_type=GEOJSON)
    answer.headers["Content-Crs"] = f"<{wanted.reference.uri}>"
    return answer


@router.get(
    "/collections/{collectionId}/queryables",
    summary="What filters may name",
    response_class=Response,
    responses={200: {"content": {SCHEMA: {}}}},
)
def queryables(
    collection: Annotated[str, Path(alias="collectionId")],
    catalogue: CatalogueDep,
    base: BaseUrl,
    etag: ETag,
    f: Annotated[Literal["json"] | None, Query(description="The same as application/json.")] = None,
) -> Response:
    """JSON Schema of the attributes, and the geometry, that filters and sorting may name (OGC API Features Part 3)."""
    layer = catalogue.layer(collection)
    body = _schema(layer, base, "queryables")
    # GDAL reads a draft of Part 3: it sends names bare, and dates and flags in a form that is no CQL2
    body["queryables"] = [
        {"id": one.name, "type": TYPES[one.kind]["type"]}
        for one in queries.declared(layer)
        if one.kind in {"number", "text"} and _BARE.fullmatch(one.name)
    ]
    return responses.json(body, etag, media_type=SCHEMA if f is None else "application/json")


@router.get(
    "/collections/{collectionId}/schema",
    summary="Schema of features",
    response_class=Response,
    responses={200: {"content": {SCHEMA: {}}}},
)
def schema(
    collection: Annotated[str, Path(alias="collectionId")], catalogue: CatalogueDep, base: BaseUrl, etag: ETag
) -> Response:
    """JSON Schema of the attributes with titles, units and how sure they are (OGC API Features Part 5)."""
    return responses.json(_schema(catalogue.layer(collection), base, "schema"), etag, media_type=SCHEMA)


def _schema(layer: Layer, base: str, what: str) -> dict[str, Any]:
    described, types = {column.name: column for column in layer.columns}, json_types(layer)
    properties: dict[str, Any] = {}
    for position, one in enumerate(queries.declared(layer)):
        properties[one.name] = dict(TYPES[one.kind])
        column = described.get(one.name)
        if column is None:
            properties[one.name] |= {"title": "Geometry", "x-ogc-role": "primary-geometry", "format": "geometry-any"}
            continue
        if one.kind == "number":
            properties[one.name]["type"] = types[one.name]
        properties[one.name] |= {"title": column.en, "x-ogc-propertySeq": position + 1, "x-revier-status": column.how}
        if column.unit:
            properties[one.name]["x-ogc-unit"] = column.unit
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base}/collections/{layer.id}/{what}",
        "type": "object",
        "title": layer.title,
        "description": layer.description,
        "properties": properties,
        "additionalProperties": False,
    }
