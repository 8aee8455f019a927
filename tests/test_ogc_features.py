"""Abstract tests of OGC API – Features Parts 1, 2 and 3 and of CQL2, each named after its id: /conf/{class}/{test}.

They run on collections of the region and on a published file with what a region lacks: places on both sides of the
antimeridian, rows without geometry, dates, missing values.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import pytest
import shapely
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from shapely.geometry.base import BaseGeometry

from api.app import create_app
from api.routes import items, landing, tilesets
from api.settings import Settings
from layers import filters
from layers.published_writing import Wanted, publish
from tests import test_ogc_tiles

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
PART_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
PART_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf"
PART_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf"
CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
OWN = "test.mixed"
COLLECTIONS = ("ruhr.municipalities", "05954004.stock", "05913000.districts.reference", OWN)
EVERY = pytest.mark.parametrize("collection", COLLECTIONS)
# bytes of a body that a validator in Python reads in no time
QUICK = 60_000

# abstract tests of the declared classes, by class; each must be a function here
ABSTRACT_TESTS = {
    f"{PART_1}/core": (
        *("http", "crs84", "root_op", "root_success", "api_definition_op", "api_definition_success", "conformance_op"),
        *("conformance_success", "fc_md_op", "fc_md_success", "fc_md_links", "fc_md_items", "fc_md_items_links"),
        *("fc_md_extent", "sfc_md_op", "sfc_md_success", "fc_op", "fc_bbox_definition", "fc_bbox_response"),
        *("fc_limit_definition", "fc_limit_response", "fc_time_definition", "fc_time_response", "fc_response"),
        *("fc_links", "fc_timestamp", "fc_numbermatched", "fc_numberreturned", "f_op", "f_success", "f_links"),
        *("query_param_unknown", "query_param_invalid"),
    ),
    f"{PART_1}/oas30": (
        "oas_definition_1",
        "oas_definition_2",
        "oas_impl",
        "completeness",
        "exception_codes",
        "security",
    ),
    f"{PART_1}/html": ("definition", "content"),
    f"{PART_1}/geojson": ("definition", "content"),
    f"{PART_2}/crs": (
        *("crs_uri", "default_crs", "storage_crs", "crs_parameter", "crs_parameter_invalid", "crs_parameter_default"),
        *("crs_parameter_transform", "bbox_crs_parameter", "bbox_crs_parameter_invalid", "bbox_crs_parameter_default"),
    ),
    f"{PART_3}/queryables": ("get_conformance", "get_queryables_uris", "get_queryables"),
    f"{PART_3}/queryables-query-parameters": ("get_conformance", "parameters"),
    f"{PART_3}/filter": (
        *("get_conformance", "get_collections", "get_queryables", "get_collection", "filter_param"),
        *("filter_lang_default", "expression_construction", "filter_crs_wgs84", "filter_crs_param"),
        *("mixing_expression", "get_functions"),
    ),
    f"{PART_3}/features-filter": ("get_conformance", "filter_on_items"),
}

ROWS: dict[str, list[Any]] = {
    "name": ["Suva", "Taveuni", "Apia", "Nowhere", "Dortmund", "Path", "Café"],
    "n": [5, 7, None, 9, 5, 1, 2],
    "share": [0.5, 0.25, 1.0, None, 0.75, 0.0, 0.125],
    "flag": [True, False, None, True, True, False, False],
    "day": ["2020-01-01", "2021-06-15", None, "2022-12-31", "2023-03-01", "2024-02-29", "2024-03-01"],
    "two words": ["a", None, "b", "c", "d", "e", "f"],
}
WKT = [
    "POINT (178.44 -18.14)",
    "POINT (-179.97 -16.8)",
    "POINT (-171.76 -13.83)",
    None,
    "POLYGON ((7.4 51.5, 7.5 51.5, 7.5 51.6, 7.4 51.6, 7.4 51.5))",
    "LINESTRING (7 51, 8 52)",
    "MULTIPOINT ((2 48), (3 49))",
]


@pytest.fixture(scope="module")
def client(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The region, and a published file."""
    folder = tmp_path_factory.mktemp("ogc") / "home"
    shutil.copytree(home, folder, copy_function=os.link)
    kinds = {"name": pa.string(), "n": pa.int64(), "share": pa.float64(), "flag": pa.bool_(), "two words": pa.string()}
    columns = {name: pa.array(ROWS[name], kind) for name, kind in kinds.items()}
    columns["day"] = pa.array(ROWS["day"], pa.string()).cast(pa.date32())
    wkb = [None if text is None else shapely.to_wkb(shapely.from_wkt(text)) for text in WKT]
    path = folder / "mixed.gpkg"
    table = pa.table({**columns, "geom": pa.array(wkb, pa.binary())})
    pyogrio.raw.write_arrow(table, path, driver="GPKG", geometry_name="geom", geometry_type="Unknown", crs="EPSG:4326")
    publish(folder, path, Wanted(OWN, title="Mixed", licence="CC0"))
    with TestClient(create_app(Settings(home=folder)), base_url="http://127.0.0.1:8000") as guest:
        yield guest


def get(client: TestClient, path: str, status: int = 200, accept: str = JSON, media: str = "", **query: Any) -> Any:
    """Ask, and check status and media type."""
    answer = client.get(
        path, params={k.replace("_", "-"): v for k, v in query.items() if v is not None}, headers={"Accept": accept}
    )
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.headers["content-type"] == (media or accept)
        if len(answer.content) < QUICK:
            assert_documented(client, answer)
    return answer.json()


def features(client: TestClient, collection: str, status: int = 200, **query: Any) -> Any:
    return get(client, f"/collections/{collection}/items", status, GEOJSON, **query)


def names(client: TestClient, **query: Any) -> set[str]:
    """Names of the features of the published file that an answer has."""
    body = features(client, OWN, **query)
    found = {one["properties"]["name"] for one in body["features"]}
    assert body["numberMatched"] == body["numberReturned"] == len(found) == len(body["features"])
    return found


@cache
def description(client: TestClient) -> Any:
    return client.get("/api").json()


@cache
def listed(client: TestClient) -> dict[str, Any]:
    """Collections by id: over 800, so read once."""
    return {one["id"]: one for one in get(client, "/collections")["collections"]}


def parameter(client: TestClient, name: str) -> dict[str, Any]:
    operation = description(client)["paths"]["/collections/{collectionId}/items"]["get"]
    found: dict[str, Any] = next(one for one in operation["parameters"] if one["name"] == name)
    return found


def assert_documented(client: TestClient, answer: Any) -> None:
    """The body fits the schema that the API's description gives for its path and media type."""
    document = description(client)
    path = answer.request.url.path
    for template, item in document["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and "get" in item:
            content = item["get"]["responses"][str(answer.status_code)]["content"]
            media = answer.headers["content-type"]
            schema = next(one["schema"] for kind, one in content.items() if media.startswith(kind))
            whole = {"components": document["components"], "allOf": [schema]}
            assert [error.message for error in OAS30Validator(whole).iter_errors(answer.json())] == []
            return
    raise AssertionError(path)


def moved(shape: BaseGeometry, move: pyproj.Transformer) -> BaseGeometry:
    """Shape in another system, by PROJ."""

    def turned(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(shape, turned)


def links(body: Any, rel: str) -> list[dict[str, str]]:
    return [one for one in body["links"] if one["rel"] == rel]


def assert_links(body: Any) -> None:
    assert all(one["rel"] and one["type"] and one["href"].startswith("http://") for one in body["links"])


# ------------------------------------------------------------------ nothing is declared that is not tested
def test_every_declared_class_has_its_abstract_tests(client: TestClient) -> None:
    declared = get(client, "/conformance")["conformsTo"]
    assert len(set(declared)) == len(declared)
    assert set(declared) == {*items.CONFORMANCE, *filters.CONFORMANCE, *tilesets.CONFORMANCE} == {*landing.CONFORMANCE}
    assert set(ABSTRACT_TESTS) == set(items.CONFORMANCE)
    here = set(dir(sys.modules[__name__]))
    for uri, tests in ABSTRACT_TESTS.items():
        short = uri.rpartition("/")[2].replace("-", "_")
        for name in tests:
            assert f"test_ats_{short}_{name}" in here, f"{uri}/{name}"
    assert {f"{CQL2}/{name}" for name in PREDICATES} == set(filters.CONFORMANCE)
    of_tiles = dir(test_ogc_tiles)
    for uri in tilesets.CONFORMANCE:
        short = uri.rpartition("/")[2].replace("-", "_")
        assert any(name.startswith(f"test_{short}_") for name in of_tiles), uri


# ------------------------------------------------------------------ Part 1, core
@pytest.mark.parametrize("path", ["/", "/conformance", "/collections", "/api"])
def test_ats_core_http(client: TestClient, path: str) -> None:
    """HTTP as RFC 9110 has it: HEAD as GET without a body, unknown methods are refused with what there is."""
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    refused = client.delete(path)
    assert refused.status_code == 405
    assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))
    assert client.get(path, headers={"If-None-Match": whole.headers.get("etag", '"none"')}).status_code in {200, 304}


@EVERY
def test_ats_core_crs84(client: TestClient, collection: str) -> None:
    """Without `crs`, coordinates are longitude and latitude of WGS 84."""
    body = get(client, f"/collections/{collection}")
    assert body["crs"][0] == CRS84
    answer = client.get(f"/collections/{collection}/items", params={"limit": 5})
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    shapes = [shapely.geometry.shape(f["geometry"]) for f in answer.json()["features"] if f["geometry"]]
    west, south, east, north = body["extent"]["spatial"]["bbox"][0]
    assert shapes
    assert shapely.within(shapes, shapely.box(west, south, east, north).buffer(1e-6)).all()


def test_ats_core_root_op(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Accept": "text/html"}).headers["content-type"].startswith("text/html")


def test_ats_core_root_success(client: TestClient) -> None:
    body = get(client, "/")
    assert_links(body)
    for rel in ("self", "alternate", "service-desc", "service-doc", "conformance", "data"):
        assert links(body, rel), rel


def test_ats_core_api_definition_op(client: TestClient) -> None:
    for rel in ("service-desc", "service-doc"):
        for link in links(get(client, "/"), rel):
            answer = client.get(link["href"], headers={"Accept": link["type"]})
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(link["type"])


def test_ats_core_api_definition_success(client: TestClient) -> None:
    OpenAPIV30SpecValidator(get(client, "/api", accept=OPENAPI)).validate()


def test_ats_core_conformance_op(client: TestClient) -> None:
    (link,) = links(get(client, "/"), "conformance")
    assert client.get(link["href"]).status_code == 200


def test_ats_core_conformance_success(client: TestClient) -> None:
    declared = get(client, "/conformance")["conformsTo"]
    assert f"{PART_1}/core" in declared
    assert all(uri.startswith("http://www.opengis.net/spec/") for uri in declared)


def test_ats_core_fc_md_op(client: TestClient) -> None:
    (link,) = links(get(client, "/"), "data")
    assert client.get(link["href"]).status_code == 200


def test_ats_core_fc_md_success(client: TestClient) -> None:
    body = get(client, "/collections")
    ids = {one["id"] for one in body["collections"]}
    assert set(COLLECTIONS) <= ids
    assert len(ids) == len(body["collections"])


def test_ats_core_fc_md_links(client: TestClient) -> None:
    body = get(client, "/collections")
    assert_links(body)
    assert [one["type"] for one in links(body, "self")] == [JSON]
    assert [one["type"] for one in links(body, "alternate")] == ["text/html"]


@EVERY
def test_ats_core_fc_md_items(client: TestClient, collection: str) -> None:
    """What the list says of a collection is what the collection says of itself."""
    assert listed(client)[collection] == get(client, f"/collections/{collection}")


@EVERY
def test_ats_core_fc_md_items_links(client: TestClient, collection: str) -> None:
    body = get(client, f"/collections/{collection}")
    assert_links(body)
    assert {one["type"] for one in links(body, "items")} >= {GEOJSON, "text/html"}


@EVERY
def test_ats_core_fc_md_extent(client: TestClient, collection: str) -> None:
    """The extent holds all features."""
    body = get(client, f"/collections/{collection}")["extent"]
    west, south, east, north = body["spatial"]["bbox"][0]
    assert body["spatial"]["crs"] == CRS84
    matched = features(client, collection, limit=1, bbox=f"{west},{south},{east},{north}")["numberMatched"]
    assert matched == features(client, collection, limit=1)["numberMatched"]
    if collection == OWN:
        assert (west, east) == (-179.97, 178.44)


@EVERY
def test_ats_core_sfc_md_op(client: TestClient, collection: str) -> None:
    (link,) = links(get(client, f"/collections/{collection}"), "self")
    assert client.get(link["href"]).status_code == 200


@EVERY
def test_ats_core_sfc_md_success(client: TestClient, collection: str) -> None:
    body = get(client, f"/collections/{collection}")
    assert body["id"] == collection
    assert body["title"]
    assert body["itemType"] == "feature"


@EVERY
def test_ats_core_fc_op(client: TestClient, collection: str) -> None:
    for link in links(get(client, f"/collections/{collection}"), "items"):
        assert client.get(link["href"]).status_code == 200, link


def test_ats_core_fc_bbox_definition(client: TestClient) -> None:
    found = parameter(client, "bbox")
    assert found["schema"] == {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
    assert (found["in"], found["required"], found["style"], found["explode"]) == ("query", False, "form", False)


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ("7.45,51.55,7.46,51.56", {"Dortmund"}),
        # the line's box meets this corner, the line does not
        ("7.0,51.9,7.1,52.0", set()),
        ("170,-25,-170,-10", {"Suva", "Taveuni", "Apia"}),
        ("179,-25,-179,-10", {"Taveuni"}),
        ("-180,-25,180,-10", {"Suva", "Taveuni", "Apia"}),
        ("7.5,51.6,7.5,51.6", {"Dortmund"}),
        ("2.9,48.9,-10,3.1,49.1,100", {"Café"}),
        ("-180,-90,180,90", {"Suva", "Taveuni", "Apia", "Dortmund", "Path", "Café"}),
    ],
)
def test_ats_core_fc_bbox_response(client: TestClient, bbox: str, found: set[str]) -> None:
    """Features that meet the box, and all that have no geometry."""
    assert names(client, bbox=bbox) == found | {"Nowhere"}


def test_ats_core_fc_limit_definition(client: TestClient) -> None:
    found = parameter(client, "limit")
    assert found["schema"]["type"] == "integer"
    assert found["schema"]["minimum"] == 1
    assert 1 <= found["schema"]["default"] <= found["schema"]["maximum"] == items.MAX_LIMIT
    assert (found["required"], found["style"], found["explode"]) == (False, "form", False)


@EVERY
def test_ats_core_fc_limit_response(client: TestClient, collection: str) -> None:
    matched = features(client, collection, limit=1)["numberMatched"]
    for limit in (1, 3, items.MAX_LIMIT, items.MAX_LIMIT + 1):
        assert len(features(client, collection, limit=limit)["features"]) == min(limit, matched, items.MAX_LIMIT)


def test_ats_core_fc_time_definition(client: TestClient) -> None:
    found = parameter(client, "datetime")
    assert found["schema"] == {"type": "string"}
    assert (found["in"], found["required"], found["style"], found["explode"]) == ("query", False, "form", False)


@pytest.mark.parametrize(
    ("datetime", "found"),
    [
        ("2021-06-15", {"Taveuni"}),
        ("2023-03-01T00:00:00Z", {"Dortmund"}),
        ("2020-01-01/2021-06-15", {"Suva", "Taveuni"}),
        ("2020-01-02T00:00:00Z/2022-12-31T23:59:59Z", {"Taveuni", "Nowhere"}),
        ("../2021-01-01", {"Suva"}),
        ("/2021-01-01", {"Suva"}),
        ("2024-01-01/..", {"Path", "Café"}),
        ("2024-01-01/", {"Path", "Café"}),
    ],
)
def test_ats_core_fc_time_response(client: TestClient, datetime: str, found: set[str]) -> None:
    """Features of that time, and all that have none."""
    assert names(client, datetime=datetime) == found | {"Apia"}
    # a collection without times is returned whole
    assert features(client, "ruhr.municipalities", datetime=datetime)["numberMatched"] == 53


@EVERY
def test_ats_core_fc_response(client: TestClient, collection: str) -> None:
    body = features(client, collection, limit=2)
    assert body["type"] == "FeatureCollection"
    assert all(one["type"] == "Feature" for one in body["features"])


@EVERY
def test_ats_core_fc_links(client: TestClient, collection: str) -> None:
    """Following `next` from the first page gives every feature once, and `prev` leads back."""
    matched = features(client, collection, limit=1)["numberMatched"]
    seen: list[int] = []
    url = f"/collections/{collection}/items?limit={max(matched // 3, 1)}"
    while url:
        body = get(client, url, accept=GEOJSON)
        assert_links(body)
        assert [one["type"] for one in links(body, "self")] == [GEOJSON]
        assert [one["type"] for one in links(body, "alternate")] == ["text/html"]
        assert bool(links(body, "prev")) == bool(seen)
        seen += [one["id"] for one in body["features"]]
        url = links(body, "next")[0]["href"] if links(body, "next") else ""
    assert seen == list(range(matched))


@EVERY
def test_ats_core_fc_timestamp(client: TestClient, collection: str) -> None:
    """`timeStamp` is optional; without it, the same page is the same bytes, so that its ETag is strong."""
    first, second = (client.get(f"/collections/{collection}/items?limit=2") for _ in range(2))
    assert "timeStamp" not in first.json()
    assert first.content == second.content


@EVERY
def test_ats_core_fc_numbermatched(client: TestClient, collection: str) -> None:
    whole = features(client, collection, limit=items.MAX_LIMIT)
    assert whole["numberMatched"] == len(whole["features"])
    assert features(client, collection, limit=1, offset=1)["numberMatched"] == whole["numberMatched"]


@EVERY
def test_ats_core_fc_numberreturned(client: TestClient, collection: str) -> None:
    for query in ({"limit": 2}, {"limit": 5, "offset": 2}, {"offset": 10**9}):
        body = features(client, collection, **query)
        assert body["numberReturned"] == len(body["features"])


@EVERY
def test_ats_core_f_op(client: TestClient, collection: str) -> None:
    for one in features(client, collection, limit=3)["features"]:
        assert client.get(f"/collections/{collection}/items/{one['id']}").status_code == 200


@EVERY
def test_ats_core_f_success(client: TestClient, collection: str) -> None:
    for one in features(client, collection, limit=7)["features"]:
        alone = get(client, f"/collections/{collection}/items/{one['id']}", accept=GEOJSON)
        assert {key: alone[key] for key in one} == one


@EVERY
def test_ats_core_f_links(client: TestClient, collection: str) -> None:
    body = get(client, f"/collections/{collection}/items/1", accept=GEOJSON)
    assert_links(body)
    for rel, media in (("self", GEOJSON), ("alternate", "text/html"), ("collection", JSON)):
        (link,) = links(body, rel)
        assert link["type"] == media
        assert client.get(link["href"]).status_code == 200


@pytest.mark.parametrize("path", ["/", "/conformance", "/collections", "/collections/{}", "/collections/{}/items/0"])
def test_ats_core_query_param_unknown(client: TestClient, path: str) -> None:
    get(client, path.format(OWN), 400, no_such_parameter="1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "x"), ("bbox", "1,2,3"), ("bbox", "1,2,3,x"), ("datetime", "yesterday"), ("f", "gml")],
)
def test_ats_core_query_param_invalid(client: TestClient, name: str, value: str) -> None:
    features(client, OWN, 400, **{name: value})


# ------------------------------------------------------------------ Part 1, OpenAPI 3.0
def test_ats_oas30_oas_definition_1(client: TestClient) -> None:
    (link,) = links(get(client, "/"), "service-desc")
    assert link["type"] == OPENAPI
    assert client.get(link["href"]).headers["content-type"] == OPENAPI


def test_ats_oas30_oas_definition_2(client: TestClient) -> None:
    OpenAPIV30SpecValidator(description(client)).validate()


@EVERY
def test_ats_oas30_oas_impl(client: TestClient, collection: str) -> None:
    """What it describes is what is answered: `get` compares each body with its schema."""
    for path in ("", "/items", "/items/0", "/queryables", "/schema"):
        media = {"": JSON, "/queryables": SCHEMA, "/schema": SCHEMA}.get(path, GEOJSON)
        get(client, f"/collections/{collection}{path}", accept=media)


def test_ats_oas30_completeness(client: TestClient) -> None:
    """Every operation names its statuses and its media types."""
    for path, item in description(client)["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"]
            assert any(code[0] == "2" for code in answers), path
            assert method in {"head", "delete"} or answers.get("200", answers.get("201"))["content"], path


def test_ats_oas30_exception_codes(client: TestClient) -> None:
    answers = description(client)["paths"]["/collections/{collectionId}/items"]["get"]["responses"]
    assert {"400", "404"} <= set(answers)
    for path, status in (("/collections/nowhere/items", 404), ("/collections/test.mixed/items?limit=0", 400)):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_ats_oas30_security(client: TestClient) -> None:
    document = description(client)
    schemes = document["components"]["securitySchemes"]
    assert {one["scheme"] for one in schemes.values()} == {"basic", "bearer"}
    # nobody needs to sign in to read what is public
    assert {} in document["security"]


# ------------------------------------------------------------------ Part 1, HTML and GeoJSON
PAGES = ("/", "/conformance", "/collections", "/collections/{}", "/collections/{}/items", "/collections/{}/items/0")


@pytest.mark.parametrize("path", PAGES)
def test_ats_html_definition(client: TestClient, path: str) -> None:
    answer = client.get(path.format(OWN), headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", PAGES)
def test_ats_html_content(client: TestClient, path: str) -> None:
    """The page holds what the JSON holds: attributes of the features, and links."""
    page = client.get(path.format(OWN), headers={"Accept": "text/html"}).text
    assert page.startswith("<!doctype html>")
    if path.endswith(("items", "items/0")):
        assert "Suva" in page
    if path == "/conformance":
        assert all(uri in page for uri in landing.CONFORMANCE)
    if path == "/collections":
        assert all(name in page for name in COLLECTIONS)


@EVERY
def test_ats_geojson_definition(client: TestClient, collection: str) -> None:
    features(client, collection, limit=1)
    get(client, f"/collections/{collection}/items/0", accept=GEOJSON)


@EVERY
def test_ats_geojson_content(client: TestClient, collection: str) -> None:
    """GeoJSON that an independent reader understands (RFC 7946): outer rings counterclockwise."""
    body = features(client, collection, limit=50)
    for one in body["features"]:
        assert set(one) == {"type", "id", "geometry", "properties"}
        if one["geometry"] is not None:
            shape = shapely.from_geojson(shapely.to_geojson(shapely.geometry.shape(one["geometry"])))
            for part in shapely.get_parts(shape):
                if part.geom_type == "Polygon":
                    assert shapely.is_ccw(part.exterior)
    if collection == OWN:
        assert body["features"][3]["geometry"] is None
        assert body["features"][2]["properties"]["n"] is None


# ------------------------------------------------------------------ Part 2, reference systems
@EVERY
def test_ats_crs_crs_uri(client: TestClient, collection: str) -> None:
    body = get(client, f"/collections/{collection}")
    for uri in (*body["crs"], body["storageCrs"]):
        assert re.fullmatch(r"http://www\.opengis\.net/def/crs/(OGC/1\.3/CRS84|EPSG/0/\d+)", uri)


@EVERY
def test_ats_crs_default_crs(client: TestClient, collection: str) -> None:
    assert get(client, f"/collections/{collection}")["crs"][0] == CRS84


@EVERY
def test_ats_crs_storage_crs(client: TestClient, collection: str) -> None:
    body = get(client, f"/collections/{collection}")
    assert body["storageCrs"] in body["crs"]


@EVERY
def test_ats_crs_crs_parameter(client: TestClient, collection: str) -> None:
    for uri in get(client, f"/collections/{collection}")["crs"]:
        for path in ("items", "items/0"):
            answer = client.get(f"/collections/{collection}/{path}", params={"crs": uri})
            assert (answer.status_code, answer.headers["content-crs"]) == (200, f"<{uri}>")


@EVERY
def test_ats_crs_crs_parameter_invalid(client: TestClient, collection: str) -> None:
    for wrong in (f"{EPSG}999999", "nonsense", ""):
        features(client, collection, 400, crs=wrong)
        get(client, f"/collections/{collection}/items/0", 400, crs=wrong)


@EVERY
def test_ats_crs_crs_parameter_default(client: TestClient, collection: str) -> None:
    assert (
        features(client, collection, limit=3)["features"]
        == features(client, collection, limit=3, crs=CRS84)["features"]
    )


@EVERY
def test_ats_crs_crs_parameter_transform(client: TestClient, collection: str) -> None:
    """Coordinates of each system are those that PROJ computes, in the order of its axes."""
    plain = features(client, collection, limit=5)["features"]
    for uri in get(client, f"/collections/{collection}")["crs"][1:]:
        # without always_xy, PROJ keeps the order that the system's definition has
        move = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{uri.rpartition('/')[2]}")
        for one, other in zip(plain, features(client, collection, limit=5, crs=uri)["features"], strict=True):
            assert (one["geometry"] is None) == (other["geometry"] is None)
            if one["geometry"] is None:
                continue
            expected = moved(shapely.geometry.shape(one["geometry"]), move)
            found = shapely.geometry.shape(other["geometry"])
            tolerance = 1e-6 if uri.endswith("4326") else 0.05
            assert shapely.equals_exact(found, expected, tolerance), uri


@EVERY
def test_ats_crs_bbox_crs_parameter(client: TestClient, collection: str) -> None:
    """The box of the first half finds the same features in whatever system it is written."""
    body = get(client, f"/collections/{collection}")
    west, south, east, north = body["extent"]["spatial"]["bbox"][0]
    middle = (south + north) / 2 + 0.0123
    expected = features(client, collection, limit=1, bbox=f"{west},{south},{east},{middle}")["numberMatched"]
    for uri in (CRS84, f"{EPSG}4326", f"{EPSG}3857"):
        name = "OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.rpartition('/')[2]}"
        box = pyproj.Transformer.from_crs("OGC:CRS84", name).transform([west, east], [south, middle])
        text = f"{box[0][0]!r},{box[1][0]!r},{box[0][1]!r},{box[1][1]!r}"
        assert features(client, collection, limit=1, bbox=text, bbox_crs=uri)["numberMatched"] == expected, uri


@EVERY
def test_ats_crs_bbox_crs_parameter_invalid(client: TestClient, collection: str) -> None:
    features(client, collection, 400, bbox="0,0,1,1", bbox_crs=f"{EPSG}999999")


@EVERY
def test_ats_crs_bbox_crs_parameter_default(client: TestClient, collection: str) -> None:
    box = "7.2,51.2,7.5,51.6"
    assert (
        features(client, collection, bbox=box)["features"]
        == features(client, collection, bbox=box, bbox_crs=CRS84)["features"]
    )


# ------------------------------------------------------------------ Part 3
def _declares(client: TestClient, uri: str) -> None:
    assert uri in get(client, "/conformance")["conformsTo"]


def test_ats_queryables_get_conformance(client: TestClient) -> None:
    _declares(client, f"{PART_3}/queryables")


@EVERY
def test_ats_queryables_get_queryables_uris(client: TestClient, collection: str) -> None:
    (link,) = links(get(client, f"/collections/{collection}"), f"{REL}/queryables")
    assert link["href"] == f"http://127.0.0.1:8000/collections/{collection}/queryables"
    assert link["type"] == SCHEMA


@EVERY
def test_ats_queryables_get_queryables(client: TestClient, collection: str) -> None:
    """A JSON Schema of what filters may name: just the attributes of the features, and their shape."""
    body = get(client, f"/collections/{collection}/queryables", accept=SCHEMA)
    assert body["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert body["$id"] == f"http://127.0.0.1:8000/collections/{collection}/queryables"
    assert body["type"] == "object"
    assert body["additionalProperties"] is False
    one = features(client, collection, limit=1)["features"][0]
    assert set(body["properties"]) == {*one["properties"], "geometry"}
    assert body["properties"]["geometry"]["$ref"] == "https://geojson.org/schema/Geometry.json"


def test_ats_queryables_query_parameters_get_conformance(client: TestClient) -> None:
    _declares(client, f"{PART_3}/queryables-query-parameters")


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("name", "Apia", {"Apia"}),
        ("n", "5", {"Suva", "Dortmund"}),
        ("share", "0.25", {"Taveuni"}),
        ("flag", "true", {"Suva", "Nowhere", "Dortmund"}),
        ("flag", "false", {"Taveuni", "Path", "Café"}),
        ("day", "2024-02-29", {"Path"}),
        ("two words", "b", {"Apia"}),
    ],
)
def test_ats_queryables_query_parameters_parameters(client: TestClient, name: str, value: str, found: set[str]) -> None:
    """Each simple attribute is a parameter of the features."""
    answer = client.get(f"/collections/{OWN}/items", params={name: value})
    assert {one["properties"]["name"] for one in answer.json()["features"]} == found
    wrong = client.get(f"/collections/{OWN}/items", params={name: "\x00"})
    assert wrong.status_code in {200, 400}
    assert wrong.status_code == 400 or wrong.json()["features"] == []


def test_ats_filter_get_conformance(client: TestClient) -> None:
    _declares(client, f"{PART_3}/filter")


def test_ats_filter_get_collections(client: TestClient) -> None:
    assert set(COLLECTIONS) <= set(listed(client))


@EVERY
def test_ats_filter_get_queryables(client: TestClient, collection: str) -> None:
    assert get(client, f"/collections/{collection}/queryables", accept=SCHEMA)["properties"]


@EVERY
def test_ats_filter_get_collection(client: TestClient, collection: str) -> None:
    assert links(get(client, f"/collections/{collection}"), f"{REL}/queryables")


@EVERY
@pytest.mark.parametrize("lang", ["cql2-text", "cql2-json"])
def test_ats_filter_filter_param(client: TestClient, collection: str, lang: str) -> None:
    """`{queryable} IS NULL` finds just the features whose value is missing; nonsense is refused."""
    whole = features(client, collection, limit=items.MAX_LIMIT)["features"]
    for name in list(whole[0]["properties"])[:8]:
        text = f'"{name}" IS NULL' if lang == "cql2-text" else f'{{"op":"isNull","args":[{{"property":"{name}"}}]}}'
        found = features(client, collection, limit=items.MAX_LIMIT, filter=text, filter_lang=lang)["features"]
        assert [one["id"] for one in found] == [one["id"] for one in whole if one["properties"][name] is None]
    features(client, collection, 400, filter="THIS IS NOT A FILTER", filter_lang=lang)


@EVERY
def test_ats_filter_filter_lang_default(client: TestClient, collection: str) -> None:
    name = next(iter(features(client, collection, limit=1)["features"][0]["properties"]))
    text = f'"{name}" IS NOT NULL'
    plain, named = (features(client, collection, filter=text, filter_lang=lang) for lang in (None, "cql2-text"))
    assert plain["features"] == named["features"]
    assert parameter(client, "filter-lang")["schema"]["default"] == "cql2-text"
    features(client, collection, 400, filter="THIS IS NOT A FILTER")


@EVERY
def test_ats_filter_expression_construction(client: TestClient, collection: str) -> None:
    features(client, collection, 400, filter="this_is_not_a_queryable IS NULL")


def _with_geometry(client: TestClient, collection: str) -> int:
    found = features(client, collection, limit=1, filter="geometry IS NOT NULL")["numberMatched"]
    assert isinstance(found, int)
    return found


@EVERY
def test_ats_filter_filter_crs_wgs84(client: TestClient, collection: str) -> None:
    """Coordinates of a filter are degrees unless it says otherwise; what cannot be degrees is refused."""
    west, south, east, north = get(client, f"/collections/{collection}")["extent"]["spatial"]["bbox"][0]
    text = "S_INTERSECTS(geometry,BBOX({!r},{!r},{!r},{!r}))"
    whole = text.format(west - 1e-7, south - 1e-7, east + 1e-7, north + 1e-7)
    assert features(client, collection, limit=1, filter=whole)["numberMatched"] == _with_geometry(client, collection)
    features(client, collection, 400, filter=text.format(1000000, 1000000, 2000000, 2000000))


@EVERY
def test_ats_filter_filter_crs_param(client: TestClient, collection: str) -> None:
    """The same polygon in every system of the collection finds the same features."""
    body = get(client, f"/collections/{collection}")
    inner = shapely.Point(7.45, 51.51).buffer(0.2)
    expected = features(client, collection, limit=1, filter=f"S_INTERSECTS(geometry,{inner.wkt})")["numberMatched"]
    for uri in body["crs"]:
        name = "OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.rpartition('/')[2]}"
        move = pyproj.Transformer.from_crs("OGC:CRS84", name)
        there = moved(inner, move)
        text = f"S_INTERSECTS(geometry,{shapely.to_wkt(there, rounding_precision=9)})"
        found = features(client, collection, limit=1, filter=text, filter_crs=uri)["numberMatched"]
        assert found == expected, uri
    features(client, collection, 400, filter="S_INTERSECTS(geometry,POINT(1 1))", filter_crs=f"{EPSG}0")


@EVERY
def test_ats_filter_mixing_expression(client: TestClient, collection: str) -> None:
    """A filter, a box and an attribute must all hold."""
    inside = "S_INTERSECTS(geometry,BBOX(7.0,51.0,8.0,52.0))"
    both = features(client, collection, limit=items.MAX_LIMIT, filter=inside, bbox="7.0,51.0,7.5,51.6")["features"]
    first = features(client, collection, limit=items.MAX_LIMIT, filter=inside)["features"]
    second = features(client, collection, limit=items.MAX_LIMIT, bbox="7.0,51.0,7.5,51.6")["features"]
    assert {one["id"] for one in both} == {one["id"] for one in first} & {one["id"] for one in second}
    assert features(client, collection, filter=inside, bbox="100,0,101,1")["features"] == []


def test_ats_filter_get_functions(client: TestClient) -> None:
    """Every function that is listed can be called."""
    known = get(client, "/functions")["functions"]
    assert {one["name"] for one in known} == set(filters.FUNCTIONS)
    arguments = {"string": "name", "number": "n", "date": "day"}
    for one in known:
        text = f"{one['name']}({arguments[one['arguments'][0]['type'][0]]}) IS NOT NULL"
        assert features(client, OWN, filter=text)["numberMatched"] >= 6, text


def test_ats_features_filter_get_conformance(client: TestClient) -> None:
    _declares(client, f"{PART_3}/features-filter")


def test_ats_features_filter_filter_on_items(client: TestClient) -> None:
    """The tests of the class Filter ran on features; here the parameters are those of the features' description."""
    for name, kind in (("filter", "string"), ("filter-lang", "string"), ("filter-crs", "string")):
        found = parameter(client, name)
        assert (found["in"], found["required"], found["schema"]["type"]) == ("query", False, kind)
    assert {"cql2-text", "cql2-json"} <= set(parameter(client, "filter-lang")["schema"]["enum"])


# ------------------------------------------------------------------ CQL2 over HTTP, class by class
PREDICATES: dict[str, list[tuple[str, set[str]]]] = {
    "cql2-text": [("n = 5 AND NOT (name = 'Suva')", {"Dortmund"}), ("\"two words\" = 'b'", {"Apia"})],
    "cql2-json": [('{"op":"=","args":[{"property":"name"},"Apia"]}', {"Apia"})],
    "basic-cql2": [
        ("n >= 7", {"Taveuni", "Nowhere"}),
        ("n <> 5", {"Taveuni", "Nowhere", "Path", "Café"}),
        ("n IS NULL", {"Apia"}),
        ("flag = TRUE OR n < 2", {"Suva", "Nowhere", "Dortmund", "Path"}),
        ("day > DATE('2023-01-01')", {"Dortmund", "Path", "Café"}),
    ],
    "advanced-comparison-operators": [
        ("name LIKE '%a'", {"Suva", "Apia"}),
        ("n BETWEEN 5 AND 7", {"Suva", "Taveuni", "Dortmund"}),
        ("n NOT IN (5, 7)", {"Nowhere", "Path", "Café"}),
    ],
    "case-insensitive-comparison": [("CASEI(name) = CASEI('SUVA')", {"Suva"})],
    "accent-insensitive-comparison": [("ACCENTI(name) = ACCENTI('Cafe')", {"Café"})],
    "basic-spatial-functions": [("S_INTERSECTS(geometry,BBOX(7.45,51.45,7.46,51.56))", {"Dortmund", "Path"})],
    "basic-spatial-functions-plus": [("S_INTERSECTS(geometry,LINESTRING(7.4 51.55,7.5 51.55))", {"Dortmund"})],
    "spatial-functions": [
        ("S_WITHIN(geometry,POLYGON((7 51,8 51,8 52,7 52,7 51)))", {"Dortmund", "Path"}),
        ("S_DISJOINT(geometry,BBOX(-180,-90,0,90))", {"Suva", "Dortmund", "Path", "Café"}),
        ("S_TOUCHES(geometry,POINT(7.4 51.5))", {"Dortmund"}),
    ],
    "temporal-functions": [
        ("T_AFTER(day,DATE('2023-01-01'))", {"Dortmund", "Path", "Café"}),
        ("T_DURING(day,INTERVAL('2021-01-01','2023-01-01'))", {"Taveuni", "Nowhere"}),
    ],
    "property-property": [("share = n * 0.1", {"Suva"}), ("n < share", set())],
    "functions": [("length(name) = 4", {"Suva", "Apia", "Path", "Café"}), ("year(day) = 2024", {"Path", "Café"})],
    "arithmetic": [("n * 2 + 1 = 11", {"Suva", "Dortmund"}), ("n % 2 = 0", {"Café"})],
}


@pytest.mark.parametrize(
    ("conformance_class", "text", "found"),
    [(name, text, found) for name, examples in PREDICATES.items() for text, found in examples],
)
def test_ats_cql2(client: TestClient, conformance_class: str, text: str, found: set[str]) -> None:
    """tests/test_cql2_standard.py has the standard's own samples; here each class answers over HTTP."""
    _declares(client, f"{CQL2}/{conformance_class}")
    lang = "cql2-json" if conformance_class == "cql2-json" else "cql2-text"
    assert names(client, filter=text, filter_lang=lang) == found
