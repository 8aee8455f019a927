"""Schemas of what OGC API answers, and of problems, in the dialect of OpenAPI 3.0."""

from __future__ import annotations

from typing import Any

PROBLEM_MEDIA = "application/problem+json"
JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}
# of two schemas, one of which is null: `nullable` beside a reference does not let null pass
NULL: dict[str, Any] = {"nullable": True, "enum": [None]}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def ref(name: str) -> dict[str, str]:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(of: dict[str, Any], **more: int) -> dict[str, Any]:
    """List of a schema."""
    return {"type": "array", "items": of, **more}


def record(required: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - schemas
    """Object with at least these members; `required` names those that are always there."""
    names = required.split()
    return {"type": "object", "properties": properties, **({"required": names} if names else {})}


def one_of(*texts: str) -> dict[str, Any]:
    """One of some texts."""
    return {"type": "string", "enum": list(texts)}


_POSITION = array(NUMBER, minItems=2, maxItems=3)
_LINE = array(_POSITION, minItems=2)
_RING = array(_POSITION, minItems=4)
_COORDINATES = {
    "Point": _POSITION,
    "MultiPoint": array(_POSITION),
    "LineString": _LINE,
    "MultiLineString": array(_LINE),
    "Polygon": array(_RING),
    "MultiPolygon": array(array(_RING)),
}
LINKS = array(ref("link"))

SCHEMAS: dict[str, dict[str, Any]] = {
    "problem": record(
        "title status detail",
        type=TEXT,
        title=TEXT,
        status={"type": "integer", "minimum": 400, "maximum": 599},
        detail=TEXT,
        problems=array(record("where what remedy", where=TEXT, what=TEXT, remedy=TEXT)),
    ),
    "link": record("href rel type", href=TEXT, rel=TEXT, type=TEXT, title=TEXT, hreflang=TEXT),
    "landingPage": record("links", title=TEXT, description=TEXT, links=LINKS),
    "confClasses": record("conformsTo", conformsTo=array(TEXT)),
    "extent": record(
        "",
        spatial=record("bbox", bbox=array(array(NUMBER, minItems=4, maxItems=6), minItems=1), crs=TEXT),
        temporal=record(
            "interval", interval=array(array({"type": "string", "nullable": True}, minItems=2, maxItems=2)), trs=TEXT
        ),
    ),
    "collection": record(
        "id links crs storageCrs",
        id=TEXT,
        title=TEXT,
        description=TEXT,
        attribution=TEXT,
        extent=ref("extent"),
        itemType=one_of("feature"),
        crs=array(TEXT, minItems=1),
        storageCrs=TEXT,
        links=LINKS,
    ),
    "collections": record("links collections", links=LINKS, collections=array(ref("collection"))),
    **{
        f"geometry{name}": record("type coordinates", type=one_of(name), coordinates=coordinates)
        for name, coordinates in _COORDINATES.items()
    },
    "geometryGeometryCollection": record(
        "type geometries", type=one_of("GeometryCollection"), geometries=array(ref("geometry"))
    ),
    "geometry": {"oneOf": [ref(f"geometry{name}") for name in (*_COORDINATES, "GeometryCollection")]},
    "feature": record(
        "type geometry properties",
        type=one_of("Feature"),
        id={"type": "integer"},
        geometry={"anyOf": [ref("geometry"), NULL]},
        properties={"type": "object", "nullable": True},
        links=LINKS,
    ),
    "featureCollection": record(
        "type features links numberMatched numberReturned",
        type=one_of("FeatureCollection"),
        features=array(ref("feature")),
        links=LINKS,
        numberMatched=COUNT,
        numberReturned=COUNT,
    ),
    "jsonSchema": record("$schema $id type properties", type=one_of("object"), properties={"type": "object"}),
    "functions": record(
        "functions",
        functions=array(
            record(
                "name returns",
                name=TEXT,
                description=TEXT,
                returns=array(TEXT),
                arguments=array(record("type", title=TEXT, type=array(TEXT))),
            )
        ),
    ),
}

_ITEMS = "/collections/{collectionId}"
# paths that have a page for people beside their JSON
PAGES = frozenset(
    {
        *("/", "/conformance", "/sources", "/places", "/measures", "/tiles", "/collections", _ITEMS),
        *("/tileMatrixSets", "/tileMatrixSets/{tileMatrixSetId}", f"{_ITEMS}/tiles", f"{_ITEMS}/map/tiles"),
    }
)
# schemas of answers by path and media type
ANSWERS: dict[str, dict[str, Any]] = {
    path: {media: {"schema": ref(name)}}
    for path, media, name in (
        ("/", JSON, "landingPage"),
        ("/conformance", JSON, "confClasses"),
        ("/collections", JSON, "collections"),
        (_ITEMS, JSON, "collection"),
        (f"{_ITEMS}/items", GEOJSON, "featureCollection"),
        (f"{_ITEMS}/items/{{featureId}}", GEOJSON, "feature"),
        (f"{_ITEMS}/queryables", SCHEMA, "jsonSchema"),
        (f"{_ITEMS}/schema", SCHEMA, "jsonSchema"),
        ("/functions", JSON, "functions"),
    )
}
ANSWERS["/api"] = {"application/vnd.oai.openapi+json": {"schema": {"type": "object"}}}
ANSWERS[f"{_ITEMS}/queryables"][JSON] = {"schema": ref("jsonSchema")}
