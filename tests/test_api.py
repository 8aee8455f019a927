"""The HTTP contract: OGC API Features for GIS tools, pages for people, problems for mistakes and never a 500."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from fastapi.testclient import TestClient

from api.app import create_app
from api.routes import items as routes_of_items
from api.settings import Settings
from data.figures import Figures
from data.place import places
from layers.build import build
from layers.release import current, pointer

PROBLEM = "application/problem+json"


def get(client: TestClient, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(path, headers={"Accept": "application/json", **headers})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_landing_page_leads_everywhere(client: TestClient) -> None:
    body = get(client, "/")
    for link in body["links"]:
        answer = client.get(link["href"])
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0], link


def test_collections_list_municipalities_districts_and_stock(client: TestClient) -> None:
    listed = {c["id"]: c for c in get(client, "/collections")["collections"]}
    assert {"ruhr.municipalities", "ruhr.stock", "05913000.districts", "05913000.stock"} <= set(listed)
    assert sum(name.endswith(".stock") for name in listed) == 54
    dortmund = listed["05913000.stock"]
    assert {s["licence"] for s in dortmund["sources"]} >= {"dl-de/by-2-0"}
    assert "©" in listed["ruhr.municipalities"]["attribution"]
    assert all(a["status"] in {"published", "derived", "modelled"} for a in dortmund["attributes"])


def test_every_link_of_a_collection_answers(client: TestClient) -> None:
    for link in get(client, "/collections/05913000.districts")["links"]:
        assert client.get(link["href"]).status_code == 200, link


def test_paging_gives_every_feature_once(client: TestClient) -> None:
    seen: list[int] = []
    url = "/collections/ruhr.municipalities/items?limit=20"
    while url:
        page = get(client, url)
        assert page["numberMatched"] == 53
        assert page["numberReturned"] == len(page["features"])
        seen += [f["id"] for f in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == list(range(53))


def test_bbox_gives_what_geopandas_gives(client: TestClient, home: Path) -> None:
    cells = gpd.read_parquet(current(home).file("05913000", "stock.parquet")).to_crs(4326)
    box = (7.42, 51.50, 7.48, 51.53)
    expected = cells[cells.intersects(shapely.box(*box))]
    text = ",".join(map(str, box))
    body = get(client, f"/collections/05913000.stock/items?limit=10000&bbox={text}")
    assert [f["properties"]["unit_id"] for f in body["features"]] == expected["unit_id"].tolist()
    with_heights = f"{box[0]},{box[1]},0,{box[2]},{box[3]},100"
    assert get(client, f"/collections/05913000.stock/items?bbox={with_heights}")["numberMatched"] == len(expected)
    assert get(client, "/collections/05913000.stock/items?bbox=0,0,1,1")["features"] == []
    around_the_world = get(client, "/collections/05913000.stock/items?bbox=7,51,-170,52")
    assert around_the_world["numberMatched"] == len(cells)


def test_any_depth_of_paging_gives_every_feature_once_in_its_order(client: TestClient) -> None:
    """Pages go on after a feature, not at a count: no feature is lost or doubled, however they are sorted."""
    for more in ("", "&sortby=-people,unit_id", "&filter=people>20&sortby=heat_kwh_m2a", "&bbox=7.3,51.4,7.5,51.6"):
        seen: list[int] = []
        url = f"/collections/05913000.cells/items?limit=700&properties=people{more}"
        while url:
            page = get(client, url)
            seen += [f["id"] for f in page["features"]]
            url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        assert len(seen) == len(set(seen)) == page["numberMatched"]
        whole = get(client, f"/collections/05913000.cells/items?limit=10000&properties=people{more}")
        assert seen == [f["id"] for f in whole["features"]]


def test_coordinates_come_in_every_listed_system_in_the_order_of_its_axes(client: TestClient, home: Path) -> None:
    """A swapped axis puts Dortmund into Somalia."""
    body = get(client, "/collections/05913000.districts")
    own = gpd.read_parquet(current(home).file("05913000", "districts.parquet"))
    assert body["storageCrs"].endswith("/25832")
    assert len(body["crs"]) == 4
    for uri in body["crs"]:
        answer = client.get("/collections/05913000.districts/items", params={"crs": uri, "limit": 1})
        assert answer.headers["content-crs"] == f"<{uri}>"
        x, y = shapely.get_coordinates(shapely.geometry.shape(answer.json()["features"][0]["geometry"]))[0]
        code = 4326 if "CRS84" in uri else int(uri.rsplit("/", 1)[1])
        west, south, east, north = own.iloc[:1].to_crs(code).total_bounds
        along, up = (y, x) if uri.endswith("/4326") else (x, y)
        slack = 1e-6 if code == 4326 else 1e-3
        assert west - slack <= along <= east + slack, uri
        assert south - slack <= up <= north + slack, uri


def test_a_box_in_another_system_gives_the_same_features(client: TestClient, home: Path) -> None:
    """A rectangle of UTM is none in degrees: features at its corners are told apart exactly."""
    cells = gpd.read_parquet(current(home).file("05913000", "cells.parquet"))
    for code, box in (
        (25832, (389_000, 5_704_000, 396_000, 5_711_000)),
        (3857, (826_000, 6_710_000, 838_000, 6_722_000)),
    ):
        expected = int(cells.to_crs(code).intersects(shapely.box(*box)).sum())
        text = ",".join(map(str, box))
        path = f"/collections/05913000.cells/items?bbox={text}&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/{code}"
        assert get(client, path)["numberMatched"] == expected > 100
    turned = get(client, "/collections/05913000.cells/items?bbox=51.5,7.4,51.53,7.48&bbox-crs=[EPSG:4326]")
    assert (
        turned["numberMatched"]
        == get(client, "/collections/05913000.cells/items?bbox=7.4,51.5,7.48,51.53")["numberMatched"]
    )


def test_filters_attributes_and_sorting_answer_as_pandas_does(client: TestClient, home: Path) -> None:
    cells = gpd.read_parquet(current(home).file("05913000", "cells.parquet"))
    chosen = cells[(cells["people"] > 50) & (cells["data_grade"] == "C")]
    text = "people > 50 and data_grade = 'C'"
    body = get(client, f"/collections/05913000.cells/items?filter={text}&sortby=-people&limit=10000&properties=people")
    assert body["numberMatched"] == len(chosen)
    people = [f["properties"]["people"] for f in body["features"]]
    assert people == sorted(chosen["people"].tolist(), reverse=True)
    assert set(body["features"][0]["properties"]) == {"people"}
    document = {
        "op": "and",
        "args": [
            {"op": ">", "args": [{"property": "people"}, 50]},
            {"op": "=", "args": [{"property": "data_grade"}, "C"]},
        ],
    }
    answer = client.get(
        "/collections/05913000.cells/items", params={"filter": json.dumps(document), "filter-lang": "cql2-json"}
    )
    assert answer.json()["numberMatched"] == len(chosen)
    first = cells["area_id"].iloc[0]
    alone = get(client, f"/collections/05913000.cells/items?area_id={first}")
    assert alone["numberMatched"] == int((cells["area_id"] == first).sum())
    near = "s_intersects(geometry, POLYGON((7.4 51.5, 7.5 51.5, 7.45 51.6, 7.4 51.5)))"
    triangle = shapely.Polygon([(7.4, 51.5), (7.5, 51.5), (7.45, 51.6)])
    expected = cells.to_crs(4326).geometry.intersects(triangle).sum()
    assert get(client, f"/collections/05913000.cells/items?filter={near}")["numberMatched"] == expected
    moved = gpd.GeoSeries([triangle], crs=4326).to_crs(25832).iloc[0].wkt
    utm = get(client, f"/collections/05913000.cells/items?filter=s_intersects(geometry,{moved})&filter-crs=EPSG:25832")
    assert utm["numberMatched"] == pytest.approx(expected, abs=1)


def test_features_are_rfc_7946(client: TestClient) -> None:
    feature = get(client, "/collections/05913000.districts/items/3")
    shape = shapely.geometry.shape(feature["geometry"])
    assert shape.is_valid
    assert shapely.is_ccw(shapely.get_exterior_ring(shape))
    assert 7.2 < shape.centroid.x < 7.7
    assert feature["id"] == 3
    assert feature["properties"]["geometry_status"] == "approximate"
    cell = get(client, "/collections/05113000.stock/items/0")["properties"]
    assert cell["low_income_share"] is None, "NaN is no JSON, and one area has no fifth"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/collections/nowhere", 404, "does not exist"),
        ("/collections/nowhere/items", 404, "does not exist"),
        ("/collections/nowhere/tiles/WebMercatorQuad", 404, "does not exist"),
        ("/collections/nowhere/tiles/WebMercatorQuad/0/0/0", 404, "does not exist"),
        ("/collections/..%2f..%2fetc/items", 404, ""),
        ("/collections/ruhr.stock/items/99999999", 404, "Ids go from 0 to"),
        ("/collections/ruhr.stock/items/-1", 404, "Ids go from 0 to"),
        ("/collections/ruhr.stock/items/١", 404, "Ids go from 0 to"),
        ("/collections/ruhr.stock/items?bbox=1,2,3", 400, "has 3 numbers"),
        ("/collections/ruhr.stock/items?bbox=1,2,3,x", 400, "no finite number"),
        ("/collections/ruhr.stock/items?bbox=nan,0,1,1", 400, "no finite number"),
        ("/collections/ruhr.stock/items?bbox=1e999,0,1,1", 400, "no finite number"),
        ("/collections/ruhr.stock/items?bbox=0,10,1,0", 400, "south above its north"),
        ("/collections/ruhr.stock/items?bbox=-200,0,1,1", 400, "outside the world"),
        ("/collections/ruhr.stock/items?limit=0", 400, "greater than or equal to 1"),
        ("/collections/ruhr.stock/items?crs=EPSG:31466", 400, "'EPSG:31466' is not served"),
        ("/collections/ruhr.stock/items?bbox-crs=EPSG:3857&bbox=1,2,3", 400, "has 3 numbers"),
        ("/collections/ruhr.stock/items?sortby=-nothing", 400, "'nothing' is no attribute here"),
        ("/collections/ruhr.stock/items?properties=nothing", 400, "'nothing' is no attribute here"),
        ("/collections/ruhr.stock/items?datetime=yesterday", 400, "is no instant or interval"),
        ("/collections/ruhr.stock/items?after=00000000-5", 400, "of another version"),
        ("/collections/ruhr.stock/items?people=many", 400, "'many' is no number"),
        ("/collections/ruhr.stock/items?limit=ten", 400, "valid integer"),
        ("/collections/ruhr.stock/items?offset=-1", 400, "greater than or equal to 0"),
        ("/collections/ruhr.stock/items?limits=5", 400, "query parameter 'limits': is unknown"),
        ("/collections/ruhr.stock/items?f=xml", 400, "'json' or 'html'"),
        ("/collections?bbox=0,0,1,1", 400, "query parameter 'bbox': is unknown"),
        ("/map?a=1", 400, "Known here: none"),
        ("/collections/ruhr.stock/tiles/WebMercatorQuad/3/9/1", 404, "outside the tile matrix set"),
        ("/collections/ruhr.stock/tiles/WebMercatorQuad/a/9/1", 404, "outside the tile matrix set"),
        ("/nowhere", 404, "Not Found"),
        ("/static/../api/settings.py", 404, ""),
        ("/static/vendor/%2e%2e/%2e%2e/release.py", 404, ""),
    ],
)
def test_mistakes_are_answered_with_a_problem(client: TestClient, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    assert says in answer.json()["detail"]


def test_all_unknown_parameters_are_named(client: TestClient) -> None:
    body = get(client, "/collections/ruhr.stock/items?a=1&b=2&limit=5", 400)
    assert [p["where"] for p in body["problems"]] == ["query parameter 'a'", "query parameter 'b'"]


def test_an_offset_past_the_end_is_an_empty_page(client: TestClient) -> None:
    body = get(client, "/collections/ruhr.municipalities/items?offset=9007199254740992")
    assert body["features"] == []
    assert body["numberMatched"] == 53


def test_impact_by_post_is_the_standard_programme(client: TestClient) -> None:
    body = client.post("/places/05913000/impact").json()
    assert [r["year"] for r in body["years"]] == list(range(2025, 2046))
    assert len(body["quintiles"]) == 5
    drawn = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[7.44, 51.50], [7.49, 51.50], [7.49, 51.53], [7.44, 51.53], [7.44, 51.50]]],
                },
                "properties": {"rule": "class <= 'B'", "uptake": 1.0, "end": 2035},
            }
        ],
    }
    part = client.post("/places/05913000/impact", json=drawn).json()
    assert 0 < part["totals"]["treated_m2"] < body["placements"][0]["eligible"]
    assert part["years"][10]["t_co2e_saved"] > 0


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ([{"geometry": {"type": "Point", "coordinates": [7.4, 51.5]}}], "Point without area"),
        ([{"geometry": {"type": "Polygon", "coordinates": [[[7.4]]]}}], "is no GeoJSON"),
        ([{"geometry": {"type": "Teapot"}}], "is no GeoJSON"),
        ([{"geometry": {"type": "Polygon", "coordinates": []}}], "without area"),
        ([{"geometry": None, "properties": {"measure": "magic"}}], "'magic' is unknown"),
        ([{"geometry": None, "properties": {"uptake": 1.5}}], "1.5 is no share"),
        ([{"geometry": None, "properties": {"uptak": 0.5}}], "Extra inputs are not permitted"),
        ([{"geometry": None, "properties": {"start": 2044, "end": 2030}}], "2044 is not before 2030"),
        ([], "Give at least one"),
        (
            [{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}],
            "meets no building of Dortmund",
        ),
    ],
)
def test_bad_placements_are_refused(client: TestClient, features: list[dict[str, Any]], says: str) -> None:
    body = {"type": "FeatureCollection", "features": [{"type": "Feature", **f} for f in features]}
    answer = client.post("/places/05913000/impact", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert says in answer.json()["detail"]


def test_bodies_that_are_no_json_and_unknown_places_are_refused(client: TestClient) -> None:
    broken = client.post("/places/05913000/impact", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 422
    infinite = (
        b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"uptake":NaN}}]}'
    )
    answer = client.post("/places/05913000/impact", content=infinite, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert client.post("/places/99/impact").status_code == 404


def test_etags_spare_the_second_answer(client: TestClient) -> None:
    for path in (
        "/collections",
        "/collections/ruhr.municipalities/items",
        "/collections/ruhr.municipalities/tiles/WebMercatorQuad/8/85/132",
    ):
        first = client.get(path)
        tag = first.headers["etag"]
        again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
    html = client.get("/collections", headers={"Accept": "text/html"})
    assert html.headers["etag"] != client.get("/collections").headers["etag"]
    assert "Accept" in html.headers["vary"]


def test_pages_for_people_in_every_browser_safe_header(client: TestClient) -> None:
    for path in (
        "/",
        "/collections",
        "/collections/05913000.stock",
        "/collections/05913000.stock/items",
        "/collections/05913000.stock/items/5",
        "/places",
        "/sources",
        "/conformance",
        "/map",
        "/docs",
    ):
        answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "http://" not in answer.text.replace("http://127.0.0.1:8000", "").replace("http://www.opengis.net", "")
    assert "recalled" in client.get("/sources?f=html").text


def test_a_forged_host_never_gets_into_links(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1@evil.example", "evil.example#127.0.0.1", "127.0.0.1/evil"):
        body = get(client, "/", Host=host)
        assert body["links"][0]["href"] == "http://127.0.0.1:8000/"
    assert get(client, "/", Host="localhost:9999")["links"][0]["href"] == "http://localhost:9999/"


def test_gis_tools_in_browsers_may_read(client: TestClient) -> None:
    assert (
        client.get("/collections", headers={"Origin": "https://gis.example"}).headers["access-control-allow-origin"]
        == "*"
    )


def test_without_a_release_the_service_says_what_to_do(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path))) as guest:
        answer = guest.get("/collections")
        assert answer.status_code == 503
        assert "revier build" in answer.json()["detail"]
        assert guest.get("/healthz").status_code == 200


def await_release(guest: TestClient, wanted: str) -> None:
    """Wait for the release that is read in the background."""
    for _ in range(200):
        if get(guest, "/sources")["id"] == wanted:
            return
        time.sleep(0.1)
    pytest.fail(f"{wanted} is not served")


def test_a_new_release_is_served_without_a_restart_and_a_broken_one_is_not(
    home: Path, tmp_path: Path, figures: Figures
) -> None:
    own = Path(shutil.copytree(home, tmp_path / "home"))
    with TestClient(create_app(Settings(home=own)), base_url="http://127.0.0.1:8000") as guest:
        before = get(guest, "/sources")["id"]
        shutil.rmtree(own / "releases")
        pointer(own).unlink()
        assert get(guest, "/sources")["id"] == before, "what is loaded goes on being served"
        after = build(own, [places(figures)["05913000"]], figures)
        assert get(guest, "/sources")["id"] == before, "no request waits for the new release"
        await_release(guest, after.id)
        assert after.id != before
        pointer(own).write_text("nonsense")
        assert get(guest, "/sources")["id"] == after.id


def test_the_api_describes_itself(client: TestClient) -> None:
    body = get(client, "/api")
    assert "/places/{key}/impact" in body["paths"]
    names = {p["name"] for p in body["paths"]["/collections/{collectionId}/items"]["get"]["parameters"]}
    assert {"collectionId", "bbox", "bbox-crs", "crs", "filter", "sortby", "properties", "limit", "after", "f"} <= names


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("05913000.stock", "bbox=7.42,51.5,7.48,51.53&limit=20"),
        ("05913000.stock", "bbox=7.42,51.5,7.48,51.53&limit=2000&f=json"),
        ("ruhr.municipalities", ""),
        ("ruhr.municipalities", "limit=7"),
        ("ruhr.municipalities", "bbox=170,50,-170,52"),
    ],
)
def test_the_short_way_to_a_page_answers_as_the_long_one(
    client: TestClient, path: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of boxes are made before FastAPI is asked: whoever adds `offset=0` must see the same, links included."""
    address = f"/collections/{path}/items?{query}"
    longer = client.get(f"{address}&offset=0")
    for _ in range(2):  # the second page follows the first one's link
        monkeypatch.setattr(routes_of_items, "asked", None)
        shorter = client.get(address)
        monkeypatch.undo()
        assert shorter.status_code == 200, "the short way was not taken"
        assert shorter.content == longer.content
        named = {"etag", "x-request-id"}
        assert {k: v for k, v in shorter.headers.items() if k not in named} == {
            k: v for k, v in longer.headers.items() if k not in named
        }
        again = client.get(address, headers={"If-None-Match": shorter.headers["etag"]})
        assert (again.status_code, again.headers["etag"]) == (304, shorter.headers["etag"])
        on = [link["href"] for link in shorter.json()["links"] if link["rel"] == "next"]
        if not on:
            return
        address = on[0]
        longer = client.get(f"{address}&offset=0")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "bbox=1,2,3", "after=nowhere", "bbox=1,2,3,4&bbox=1,2,3,4", "b=%"]
)
def test_what_is_wrong_with_a_page_is_told_on_the_long_way(client: TestClient, query: str) -> None:
    client.get("/collections/ruhr.municipalities/items")
    answer = client.get(f"/collections/ruhr.municipalities/items?{query}")
    assert answer.status_code == 400
    assert answer.json()["problems"]
