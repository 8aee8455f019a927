"""Hostile input: each gets 4xx or the right answer, nothing of the machine is told, and the process lives.

Slow clients and sockets are in test_security.py and test_service.py.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient
from httpx2 import Response

from api.app import create_app
from api.settings import Settings
from layers.published_writing import Wanted, publish

OWN = "test.script"
SCRIPT = "<script>alert('x')</script>"
QUOTED = "\"><img src=x onerror='alert(1)'>"
STOCK = "/collections/05954004.stock"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def client(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The region, and a published file whose names and values are scripts."""
    folder = tmp_path_factory.mktemp("hostile") / "home"
    shutil.copytree(home, folder, copy_function=os.link)
    table = {
        "name": pa.array([SCRIPT, QUOTED, "{{ 7 * 7 }}", "</title></textarea><svg onload=alert(1)>"]),
        SCRIPT: pa.array([1, 2, 3, 4]),
        'a"b&c': pa.array(["javascript:alert(1)", None, "'; DROP TABLE x; --", "\u202e\u0007"]),
        "geom": pa.array([shapely.to_wkb(shapely.Point(7 + i, 51)) for i in range(4)], pa.binary()),
    }
    path = folder / "evil.gpkg"
    how = {"driver": "GPKG", "geometry_name": "geom", "geometry_type": "Point", "crs": "EPSG:4326"}
    pyogrio.raw.write_arrow(pa.table(table), path, **how)
    publish(folder, path, Wanted(OWN, title=SCRIPT, description=QUOTED, licence=SCRIPT, attribution=QUOTED))
    with TestClient(create_app(Settings(home=folder)), base_url="http://127.0.0.1:8000") as guest:
        yield guest


@pytest.fixture(autouse=True)
def alive(client: TestClient) -> Iterator[None]:
    """Whatever was sent, the process answers afterwards."""
    yield
    assert client.get("/healthz").json()["status"] == "ok"


def refused(answer: Any, *statuses: int) -> None:
    """It is a problem with a name, and tells nothing of the machine."""
    assert answer.status_code in (statuses or range(400, 500)), answer.text[:500]
    assert answer.headers["content-type"] == PROBLEM
    assert "Traceback" not in answer.text
    assert str(Path(__file__).parents[1]) not in answer.text
    assert len(answer.content) < 20_000, "an answer much larger than the question"


def sent(client: TestClient, path: str, **query: str) -> Response:
    """Ask without a client that refuses long addresses itself."""
    told: list[dict[str, Any]] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query).encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:8000")],
            "client": ("testclient", 1),
            "server": ("127.0.0.1", 8000),
            "app": client.app,
        }
        await client.app(scope, receive, send)

    assert client.portal is not None
    client.portal.call(ask)
    headers = [(name.decode(), value.decode()) for name, value in told[0]["headers"]]
    body = b"".join(message.get("body", b"") for message in told[1:])
    return Response(told[0]["status"], headers=headers, content=body)


TRAVERSALS = (
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e",
    "..%5c..%5cwindows",
    "%00",
    "a%00b",
    "....//....//etc",
    "%ff%fe",
)
PATHS = (
    *("/collections/{}", "/collections/{}/items", "/collections/05954004.stock/items/{}", "/collections/{}/queryables"),
    *(
        "/collections/{}/schema",
        "/collections/{}/tiles",
        "/collections/05954004.stock/tiles/{}",
        "/collections/{}/styles",
    ),
    *("/collections/{}/tiles/WebMercatorQuad/0/0/0", "/collections/05954004.stock/tiles/{}/0/0/0"),
    *("/collections/05954004.stock/styles/{}", "/collections/05954004.stock/styles/{}/legend", "/tileMatrixSets/{}"),
    *("/collections/{}/map/tiles", "/collections/{}/map/legend", "/collections/{}/coverage", "/tiles/{}"),
    *("/places/{}/scenarios", "/places/05954004/scenarios/{}", "/places/{}/qgis", "/measures/{}", "/static/{}"),
    *("/places/05954004/scenarios/{}/impact", "/measures/envelope_usual/figures/{}", "/static/vendor/{}"),
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    for bad in TRAVERSALS:
        refused(client.get(path.format(bad)), 400, 404)


@pytest.mark.parametrize("parameter", ["f", "column", "collections", "lang"])
def test_no_parameter_leads_out(client: TestClient, parameter: str) -> None:
    for path in ("/tiles", "/collections/05954004.stock/coverage", f"{STOCK}/styles/default"):
        for bad in TRAVERSALS:
            refused(client.get(f"{path}?{parameter}={bad}"), 400, 404, 422)


DEEP_JSON = '{"op":"not","args":[' * 3000 + "true" + "]}" * 3000


@pytest.mark.parametrize(
    "text",
    [
        "people = " + "9" * 400,
        "people < " + "9" * 19,
        "people > -" + "9" * 400,
        "(" * 2000 + "n = 1" + ")" * 2000,
        "(" * 2000,
        "not " * 5000 + "true",
        "-" * 5000 + "1 = 1",
        " and ".join(["people > 1"] * 5000),
        "people in (" + ",".join(["1"] * 50_000) + ")",
        "name like '" + "%a" * 2000 + "'",
        "S_INTERSECTS(geometry,POLYGON((" + ",".join(f"{i % 360 - 180} {i % 90}" for i in range(50_000)) + ")))",
        "S_INTERSECTS(geometry," + "GEOMETRYCOLLECTION(" * 500 + "POINT(0 0)" + ")" * 500 + ")",
        "S_INTERSECTS(geometry,POINT(nan nan))",
        "S_INTERSECTS(geometry,POINT(1e999 0))",
        "people = 1e999 or people = -1e999 or people = nan",
        "people = " + "9" * 5000,
        "\x00",
        "people > 1\x00",
        "people > 1; select 1",
        "people > 1 union select * from users --",
        "pg_sleep(10) is null",
        "read_csv('/etc/passwd') = 1",
        "current_database() = 't'",
        "__import__('os').system('id') = 0",
        "{{ 7 * 7 }} = 49",
        "'a' = 'a' or people.__class__ is null",
        "people % 0 = 1",
    ],
    ids=lambda text: text[:24],
)
def test_hostile_filters_are_refused(client: TestClient, text: str) -> None:
    answer = sent(client, f"{STOCK}/items", filter=text, limit="1")
    if answer.status_code == 200:  # it may be a filter that finds nothing, or all that is known
        known = client.get(f"{STOCK}/items", params={"filter": "people is not null", "limit": 1})
        assert answer.json()["numberMatched"] in {0, known.json()["numberMatched"]}
    else:
        refused(answer, 400)


@pytest.mark.parametrize(
    "text",
    [
        DEEP_JSON,
        "[" * 50_000,
        '{"op":"and","args":[' + ",".join(['{"op":"isNull","args":[{"property":"people"}]}'] * 5000) + "]}",
        '{"op":"=","args":[{"property":"people"},' + "9" * 400 + "]}",
        '{"op":"=","args":[{"property":{"property":"people"}},1]}',
        '{"op":["="],"args":{}}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Polygon","coordinates":[[[[[]]]]]}]}',
        "null",
        "1",
        '"a"',
        "[]",
        "{}",
        '{"op":"\\ud800","args":[]}',
        "NaN",
    ],
    ids=lambda text: text[:24],
)
def test_hostile_json_filters_are_refused(client: TestClient, text: str) -> None:
    refused(sent(client, f"{STOCK}/items", **{"filter": text, "filter-lang": "cql2-json"}), 400)


def test_a_filter_of_ten_megabytes_is_refused(client: TestClient) -> None:
    """A server's socket refuses it before (test_security.py); the parser must not need that."""
    refused(sent(client, f"{STOCK}/items", filter="people > 1 or " * 750_000), 400, 414, 431)
    body = b"[" + b"1," * 6_000_000 + b"1]"
    answer = client.post("/places/05954004/impact", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 413)


@pytest.mark.parametrize(
    "query",
    [
        *("bbox=nan,0,1,1", "bbox=inf,0,1,1", "bbox=-inf,-inf,inf,inf", "bbox=1e999,0,1,1", "bbox=0,0,1", "bbox=,,,"),
        *("bbox=0,1,1,0", "bbox=0,0,1,1,2", "bbox=0x10,0,1,1", "bbox=0_1,0,1,1&bbox=2,2,3,3", f"bbox={'1,' * 5000}1"),
        *("limit=0", "limit=-1", "limit=1e3", "limit=1.5", "limit="),
        *("offset=-1", "offset=1152921504606846976", "offset=1e18", "after=zzzz", "after=00000000-0", "after=%00"),
        *(
            "datetime=9999999-01-01",
            "datetime=2020-13-01",
            "datetime=../..",
            "datetime=/",
            f"datetime={'2020-01-01/' * 99}",
        ),
        *(
            "sortby=people,x",
            "sortby=-",
            "sortby=%00",
            "properties=people,secret",
            "f=xml",
            "f=%00",
        ),
        *("crs=file:///etc/passwd", "crs=http://169.254.169.254/", "crs=EPSG:25832%00", "bbox-crs=+proj=longlat"),
        *(
            "filter-crs=urn:x",
            "filter-lang=sql",
            "people=1&people=2",
            "limit=1&limit=2",
            "f=json&f=html",
            "url=http://x/",
        ),
        *(
            "people=nan",
            "people=1e999",
            "people=1;2",
            "callback=alert",
            "__proto__=1",
            "%ED%A0%80=1",
            "%00=1",
            "a" * 3000,
        ),
    ],
    ids=lambda query: query[:30],
)
def test_hostile_parameters_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"{STOCK}/items?{query}")
    if query in {"people=nan", "people=1e999"} and answer.status_code == 200:
        assert answer.json()["features"] == []
    else:
        refused(answer, 400)


def test_a_limit_beyond_all_numbers_is_the_largest_page(client: TestClient) -> None:
    body = client.get(f"{STOCK}/items?limit=99999999999999999999999").json()
    assert body["numberReturned"] == body["numberMatched"] == len(body["features"])


def test_ten_thousand_columns_to_sort_by_are_refused_or_sorted(client: TestClient) -> None:
    answer = sent(client, f"{STOCK}/items", limit="3", sortby=",".join(["-people"] * 10_000))
    if answer.status_code == 200:
        once = client.get(f"{STOCK}/items?limit=3&sortby=-people").json()
        assert answer.json()["features"] == once["features"]
    else:
        refused(answer, 400)


@pytest.mark.parametrize("raw", [b"%ED%A0%80", b"%ED%A0%80%ED%B0%80", b"%FF", b"%C0%AF", b"%F5%80%80%80", b"%E2%80%AE"])
def test_bytes_that_are_no_text_are_refused(client: TestClient, raw: bytes) -> None:
    text = raw.decode()
    for path in (f"{STOCK}/items?filter={text}", f"{STOCK}/items?name={text}", f"/collections/{text}", f"/{text}"):
        refused(client.get(path), 400, 404)
    found = client.get(f"/collections/{OWN}/items?name={text}")
    assert found.status_code == 200
    assert found.json()["features"] == []


@pytest.mark.parametrize("tms", ["WebMercatorQuad", "EuropeanETRS89_LAEAQuad"])
@pytest.mark.parametrize(
    "tile",
    [
        *(
            "-1/0/0",
            "0/-1/0",
            "0/0/-1",
            "0/1/0",
            "0/0/1",
            "25/0/0",
            "99/0/0",
            "20/1048576/0",
            "14/99999999/0",
            "1e3/0/0",
        ),
        *("14/9999999999999999999999/0", "0x1/0/0", "+1/0/0", "١/0/0", "1.5/0/0", "0/0/0.mvt", "%00/0/0", "0/0/%20"),
    ],
)
def test_tiles_that_there_are_not(client: TestClient, tms: str, tile: str) -> None:
    for kind in ("", "/map"):
        refused(client.get(f"/collections/05954004.stock{kind}/tiles/{tms}/{tile}"), 400, 404)
    refused(client.get(f"/tiles/{tms}/{tile}"), 400, 404)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("bytes=0-0", 206),
        ("bytes=-1", 206),
        ("bytes=0-999999999999", 206),
        ("bytes=-999999999999999999", 206),
        ("bytes=999999999999-", 416),
        ("bytes=5-2", 200),
        ("bytes=-0", 416),
        ("bytes=", 200),
        ("bytes=a-b", 200),
        ("items=0-1", 200),
        ("bytes=-", 200),
        ("bytes=0-1,3-4", 200),
        ("bytes=" + ",".join(f"{i}-{i}" for i in range(5000)), 200),
        ("bytes=99999999999999999999999999999999-", 200),
        ("bytes=0-" + "9" * 400, 206),
    ],
    ids=lambda text: str(text)[:24],
)
def test_range_games_on_a_raster(client: TestClient, sent: str, status: int) -> None:
    """One range is answered with its bytes; many, or nonsense, never with more than the file (RFC 9110)."""
    whole = client.get("/collections/05954004.stock/coverage").content
    answer = client.get("/collections/05954004.stock/coverage", headers={"Range": sent})
    # what is not understood may be passed over: then the whole file comes
    assert answer.status_code in ({status, 200, 416} if len(sent) > 30 else {status})
    assert len(answer.content) <= len(whole)
    if answer.status_code == 206:
        first, last = answer.headers["content-range"].removeprefix("bytes ").partition("/")[0].split("-")
        assert answer.content == whole[int(first) : int(last) + 1]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80@127.0.0.1"},
        {"Host": "127.0.0.1:8000\tevil"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-URL": "/metrics"},
        {"X-Rewrite-Url": "/metrics"},
    ],
    ids=lambda headers: " ".join(next(iter(headers.items()))),
)
def test_forged_headers_never_get_into_an_answer(client: TestClient, headers: dict[str, str]) -> None:
    for path in ("/", "/collections/ruhr.municipalities", "/collections/ruhr.municipalities/items?limit=1", "/tiles"):
        answer = client.get(path, headers={"Accept": "application/json", **headers})
        assert answer.status_code in {200, 400}
        assert "evil" not in answer.text
        assert "javascript:" not in answer.text
        assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/collections", "/collections/{}", "/collections/{}/items", "/collections/{}/items/1", "/sources"),
        *("/collections/{}/tiles", "/collections/{}/tiles/WebMercatorQuad", "/tiles/WebMercatorQuad?collections={}"),
        *("/tiles?collections={}", "/collections/{}/items?name=%3Cscript%3E", "/conformance", "/places"),
    ],
)
def test_scripts_in_attributes_are_text_on_every_page(client: TestClient, path: str) -> None:
    answer = client.get(path.format(OWN), headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for raw in ("<script>alert", "<img src=x", "<svg onload", "</textarea>"):
        assert raw not in answer.text
    assert 'href="javascript:' not in answer.text
    if "items" in path and "?" not in path:
        assert "&lt;" in answer.text, "what is in the file is shown"


def test_scripts_in_attributes_are_escaped_in_pictures_and_styles(client: TestClient) -> None:
    for path in ("styles/default?f=sld", "styles/default?f=qml", "styles/default/legend?f=svg"):
        answer = client.get(f"/collections/{OWN}/{path}")
        assert answer.status_code == 200
        for raw in ("<script>alert", "<img src=x", "<svg onload=alert"):
            assert raw not in answer.text
    assert json.loads(client.get(f"/collections/{OWN}/items").content)["features"][0]["properties"]["name"] == SCRIPT


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PATCH", "PUT", "DELETE", "X" * 200])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    refused(client.request(method, "/collections"), 400, 401, 403, 405)
