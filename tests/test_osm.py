"""OpenStreetMap from a stand-in for Overpass: what is kept, what is reported, and what is refused."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmnx
import pytest
import requests
import shapely
from geopandas.testing import assert_geodataframe_equal

from data import osm, osm_tags
from data import overpass as transport
from data.errors import FetchError
from data.inputs import INPUTS
from data.osm_layers import COLUMNS
from geo.errors import CRSMismatchError, InputError
from tests.overpass import (
    CRS,
    EAST,
    NORTH,
    Element,
    Overpass,
    Reply,
    campus,
    campus_path,
    node,
    overpass_answer,
    rectangle,
    relation,
    serving,
    way,
    whole,
)

SIDE = 2_000.0

GREEN: list[Element] = [
    *way(1, rectangle(100, 100, 200, 200), leisure="park", landuse="grass", name="Stadtpark"),
    *way(2, rectangle(-100, 500, 200, 200), landuse="forest"),  # half outside
    *way(3, rectangle(600, 100, 20, 20), leisure="garden", access="private"),
    *way(4, [(300, 900), (400, 900), (400, 950)], landuse="grass"),  # an open way: no area
    *way(5, rectangle(2050, 100, 20, 20), landuse="meadow"),  # outside, inside the margin of the query
    *way(6, rectangle(9000, 100, 20, 20), landuse="meadow"),  # far outside
    *way(7, [(700, 700), (800, 800), (800, 700), (700, 800), (700, 700)], landuse="grass"),  # a bow tie
    *way(8, [(900, 100), (950, 100), (900, 100)], natural="scrub"),  # collapses to a line
    *way(9, rectangle(1500, 1500, 100, 100), landuse="allotments"),
    *way(10, rectangle(1700, 1500, 100, 100), landuse="cemetery"),
    *way(15, rectangle(100, 100, 200, 200), landuse="grass"),  # the park's outline once more
    node(5000, 500, 500, leisure="playground"),
    relation(20, [(99, "outer")], leisure="park"),  # its member was not sent
]
BLUE: list[Element] = [
    *way(11, [(1000, 1000), (1400, 1000), (1400, 1400)]),  # the shore in two halves, as large lakes are mapped
    *way(12, [(1400, 1400), (1000, 1400), (1000, 1000)]),
    *way(13, rectangle(1100, 1100, 100, 100)),  # the island
    relation(21, [(11, "outer"), (12, "outer"), (13, "inner")], natural="water", name="Phoenix-See"),
    *way(14, rectangle(200, 1500, 50, 50), landuse="basin"),
]


def is_green(query: str) -> bool:
    return "leisure" in query


def dortmund(query: str) -> Reply:
    return whole(GREEN if is_green(query) else BLUE)


@pytest.fixture(autouse=True, scope="module")
def _one_lookup_per_zone() -> Iterator[None]:
    """Look each UTM zone up once: osmnx searches the PROJ database on every request, two thirds of a test's time."""
    search = gpd.GeoDataFrame.estimate_utm_crs
    zones: dict[tuple[float, ...], Any] = {}

    def look_up(frame: gpd.GeoDataFrame, **options: Any) -> Any:
        place = tuple(frame.to_crs("EPSG:4326").total_bounds.round(1))
        if place not in zones:
            zones[place] = search(frame, **options)
        return zones[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpd.GeoDataFrame, "estimate_utm_crs", look_up)
        yield


@pytest.fixture
def overpass(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overpass]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # loopback even where the machine goes out through a proxy
    with serving(dortmund) as made:
        yield made


def boundary(crs: str | None = CRS) -> gpd.GeoDataFrame:
    box = shapely.box(EAST, NORTH, EAST + SIDE, NORTH + SIDE)
    return gpd.GeoDataFrame({"name": ["Dortmund"]}, geometry=[box], crs=crs)


def fetch(overpass: Overpass, tmp_path: Path, *, timeout_s: float = 5) -> osm.Fetched:
    return osm.fetch_green_blue(
        boundary(), overpass_url=overpass.url, cache_dir=tmp_path / "cache", timeout_s=timeout_s
    )


def row(layer: gpd.GeoDataFrame, osm_id: str) -> dict[str, Any]:
    (found,) = layer[layer["osm_id"] == osm_id].to_dict("records")
    return {str(key): value for key, value in found.items()}


def counts(report: list[str], layer: str) -> tuple[int, int, int]:
    """Received, dropped, kept."""
    (first,) = (line for line in report if re.match(rf"{layer}: \d+ received", line))
    found = re.findall(r"\d+", first)
    lines = "\n".join(line for line in report if line.startswith(f"{layer}: ") and ", dropped" in line)
    return int(found[0]), sum(int(n) for n in re.findall(rf"^{layer}: (\d+)", lines, re.MULTILINE)), int(found[1])


# --- what comes out --------------------------------------------------------------------------------------------------


def test_layers_have_the_promised_shape(overpass: Overpass, tmp_path: Path) -> None:
    """Everything downstream reads these columns, this CRS and only polygons."""
    fetched = fetch(overpass, tmp_path)
    for layer in (fetched.green, fetched.blue):
        assert tuple(layer.columns) == COLUMNS["green"]
        assert layer.crs == CRS
        assert set(layer.geom_type) <= {"Polygon", "MultiPolygon"}
        assert layer.is_valid.all()
        assert layer["public"].dtype == bool
        assert layer["osm_id"].is_unique
        assert layer["area_m2"].tolist() == layer.area.tolist()
        assert layer.index.tolist() == list(range(len(layer)))
    assert fetched.green["osm_id"].tolist() == ["way/1", "way/2", "way/3", "way/7", "way/9", "way/10", "way/15"]
    assert fetched.blue["osm_id"].tolist() == ["relation/21", "way/14"]


def test_attributes_come_from_the_tags(overpass: Overpass, tmp_path: Path) -> None:
    """Access and equity figures are wrong if a private garden is public or a nameless place is called nan."""
    fetched = fetch(overpass, tmp_path)
    park = row(fetched.green, "way/1")
    assert (park["kind"], park["name"], park["public"]) == ("park", "Stadtpark", True)  # not "grass"
    garden = row(fetched.green, "way/3")
    assert (garden["kind"], garden["name"], garden["public"]) == ("garden", None, False)
    public = dict(zip(fetched.green["kind"], fetched.green["public"], strict=True))
    assert public["forest"]
    assert public["cemetery"]
    assert not public["allotments"]
    assert not public["grass"]
    lake = row(fetched.blue, "relation/21")
    assert (lake["kind"], lake["name"], lake["public"]) == ("water", "Phoenix-See", True)
    assert not row(fetched.blue, "way/14")["public"]


@pytest.mark.parametrize(
    ("tags", "public"),
    [
        ({"leisure": "park"}, True),
        ({"leisure": "park", "access": "private"}, False),
        ({"landuse": "forest", "access": "no"}, False),
        ({"leisure": "park", "access": "customers"}, False),
        ({"leisure": "garden"}, False),
        ({"leisure": "garden", "access": "yes"}, True),
        ({"landuse": "meadow"}, False),
        ({"leisure": "park", "access": "unknown"}, True),
    ],
)
def test_access_tag_decides_over_the_kind(
    overpass: Overpass, tmp_path: Path, *, tags: dict[str, str], public: bool
) -> None:
    """A closed park must not count as public green, an open garden must."""
    overpass.answer = lambda query: whole(way(1, rectangle(0, 0, 9, 9), **tags) if is_green(query) else [])
    assert fetch(overpass, tmp_path).green["public"].tolist() == [public]


def test_island_stays_a_hole(overpass: Overpass, tmp_path: Path) -> None:
    """A lake without its island is too large, and people on the island stand in the water."""
    lake = row(fetch(overpass, tmp_path).blue, "relation/21")
    assert lake["area_m2"] == pytest.approx(400 * 400 - 100 * 100, rel=1e-5)
    assert len(lake["geometry"].interiors) == 1
    assert not lake["geometry"].contains(shapely.Point(EAST + 1150, NORTH + 1150))


def test_areas_are_cut_at_the_boundary(overpass: Overpass, tmp_path: Path) -> None:
    """A forest that straddles the border would otherwise count in two places."""
    fetched = fetch(overpass, tmp_path)
    assert row(fetched.green, "way/2")["area_m2"] == pytest.approx(100 * 200, rel=1e-5)
    assert boundary().geometry[0].buffer(1e-6).covers(fetched.green.union_all())
    assert "green: 1 cut at the boundary, kept (way/2)." in fetched.report


def test_bow_tie_keeps_both_wings(overpass: Overpass, tmp_path: Path) -> None:
    """An outline that crosses itself is mended, not lost: two triangles of 50 m by 100 m / 2."""
    assert row(fetch(overpass, tmp_path).green, "way/7")["area_m2"] == pytest.approx(2 * 2_500, rel=1e-5)


def test_every_element_is_kept_or_reported(overpass: Overpass, tmp_path: Path) -> None:
    """Silent loss: the counts must add up, also for what osmnx itself leaves out."""
    report = fetch(overpass, tmp_path).report
    assert counts(report, "green") == (13, 6, 7)
    assert counts(report, "blue") == (2, 0, 2)
    text = "\n".join(report)
    assert "1 points: they have no area, dropped (node/5000)" in text
    assert re.search(r"2 lines: they have no area .*dropped \(way/4, way/8\)", text)
    assert "1 outside, dropped (way/5)" in text
    assert re.search(r"1 with nodes missing, or far outside, dropped \(way/6\)", text)
    assert re.search(r"1 without an outline .*dropped \(relation/20\)", text)
    assert re.search(r"1 with the same outline as another.*kept \(way/15\)", text)


def test_elements_of_two_requests_are_kept_once(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large place is asked for in parts; a forest across two parts must not count twice."""
    monkeypatch.setattr(transport, "MAX_REQUEST_KM2", 2.0)
    fetched = fetch(overpass, tmp_path)
    assert len(overpass.queries) > 2
    assert fetched.blue["osm_id"].tolist() == ["relation/21", "way/14"]
    received, dropped, kept = counts(fetched.report, "blue")
    assert received == 2 * sum("waterway" in query for query in overpass.queries)
    assert received == dropped + kept
    assert any("sent again, kept once" in line for line in fetched.report)


def test_an_element_in_both_layers_is_reported(overpass: Overpass, tmp_path: Path) -> None:
    """Summing green and blue would count it twice without notice."""
    overpass.answer = lambda _: whole(way(1, rectangle(0, 0, 9, 9), landuse="basin", natural="grassland"))
    fetched = fetch(overpass, tmp_path)
    assert (fetched.green["kind"].tolist(), fetched.blue["kind"].tolist()) == (["grassland"], ["basin"])
    assert "green and blue: 1 in both layers, kept (way/1)." in fetched.report


def test_several_boundary_rows_are_one_place(overpass: Overpass, tmp_path: Path) -> None:
    """Districts as boundary: a lake across two of them stays one row, not two halves."""
    west, east = (shapely.box(EAST + x, NORTH, EAST + x + 1200, NORTH + SIDE) for x in (0, 1200))
    districts = gpd.GeoDataFrame(geometry=[west, east, None], crs=CRS)
    fetched = osm.fetch_green_blue(districts, overpass_url=overpass.url, cache_dir=tmp_path)
    assert row(fetched.blue, "relation/21")["area_m2"] == pytest.approx(150_000, rel=1e-5)


def test_no_such_features_is_an_empty_layer(overpass: Overpass, tmp_path: Path) -> None:
    """A place without water is no error, and its empty layer still has columns, types and a CRS."""
    overpass.answer = lambda query: whole(GREEN if is_green(query) else [])
    fetched = fetch(overpass, tmp_path)
    assert fetched.blue.empty
    assert fetched.blue.crs == CRS
    assert tuple(fetched.blue.columns) == COLUMNS["green"]
    assert fetched.blue["public"].dtype == bool
    assert "blue: 0 received, 0 kept: OpenStreetMap has no such features here" in fetched.report
    assert counts(fetched.report, "blue") == (0, 0, 0)


def test_nothing_left_after_the_clip_is_an_empty_layer(overpass: Overpass, tmp_path: Path) -> None:
    """Elements that were all dropped must leave an empty layer and their count, not an error."""
    overpass.answer = lambda query: whole([node(1, 5, 5, leisure="park")] if is_green(query) else BLUE)
    fetched = fetch(overpass, tmp_path)
    assert fetched.green.empty
    assert counts(fetched.report, "green") == (1, 1, 0)


def test_query_says_what_was_asked(overpass: Overpass, tmp_path: Path) -> None:
    """Provenance: whose data, of when, under which licence."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    query = fetch(overpass, tmp_path).query
    assert query["tags"] == {"green": osm_tags.GREEN_TAGS, "blue": osm_tags.BLUE_TAGS}
    assert query["endpoint"] == overpass.url
    assert before <= datetime.fromisoformat(query["fetched_at"]) <= datetime.now(UTC)
    assert query["osm_base"] == "2026-01-02T03:04:05Z"
    assert query["osmnx"] == osmnx.__version__
    assert (query["licence"], query["attribution"]) == (osm.LICENCE, osm.ATTRIBUTION)


# --- how the server is asked -----------------------------------------------------------------------------------------


def test_the_query_is_one_that_overpass_can_read(overpass: Overpass, tmp_path: Path) -> None:
    """Overpass takes whole seconds only; `[timeout:4.5]` is a syntax error there. And it wants to know who asks."""
    fetch(overpass, tmp_path, timeout_s=5)
    assert all(query.startswith("[out:json][timeout:4];") for query in overpass.queries)
    assert all(agent.startswith("Revier") for agent in overpass.agents)
    assert overpass.status_asked == 0  # one's own server has no slots


def test_the_query_reaches_round_the_boundary(overpass: Overpass, tmp_path: Path) -> None:
    """A rounded outline that cut a corner would lose what lies there."""
    fetch(overpass, tmp_path)
    found = re.search(r"poly:'([^']+)'", overpass.queries[0])
    assert found is not None
    numbers = [float(number) for number in found.group(1).split()]
    asked = shapely.Polygon(zip(numbers[1::2], numbers[::2], strict=True))
    assert asked.covers(boundary().to_crs("EPSG:4326").geometry[0])


def test_default_server_is_asked_for_a_slot(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public server shuts out those who ignore its slots; its status page is not an answer to be parsed."""
    monkeypatch.setattr(transport, "DEFAULT_OVERPASS_URL", overpass.url)
    fetch(overpass, tmp_path)
    assert overpass.status_asked == len(overpass.queries) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_osmnx_is_left_as_it_was(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """An analyst's own osmnx work in the same process must not change server, cache or name resolution."""
    monkeypatch.setattr(osmnx.settings, "overpass_url", "https://overpass.example/api")
    monkeypatch.setattr(osmnx.settings, "requests_kwargs", {"verify": True})
    before = {name: value for name, value in vars(osmnx.settings).items() if not name.startswith("_")}
    lookup = socket.getaddrinfo
    if fails:
        overpass.answer = lambda _: Reply(b"", status=500)
        with pytest.raises(FetchError):
            fetch(overpass, tmp_path)
    else:
        fetch(overpass, tmp_path)
    after = {name: value for name, value in vars(osmnx.settings).items() if not name.startswith("_")}
    assert after == before
    assert socket.getaddrinfo is lookup


def test_no_third_party_is_asked_for_the_address(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy names do not resolve; osmnx would then tell a search company which server a city uses."""
    asked: list[object] = []

    def unresolved(_: str) -> str:
        raise socket.gaierror

    def elsewhere(url: object, **_: object) -> None:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(socket, "gethostbyname", unresolved)
    monkeypatch.setattr(requests, "get", elsewhere)
    assert len(fetch(overpass, tmp_path).green) == 7
    assert not asked


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED = {
    "gave up half-way": (whole(GREEN, remark="runtime error: Query timed out"), "Query timed out", "more time"),
    "server error": (Reply(b"<p><strong>Error</strong>: busy</p>", status=500), "500 .*Error : busy", "later"),
    "gateway": (Reply(b"", status=504), "504", "later"),  # osmnx would ask again for ever
    "quota": (Reply(b"", status=429), "429", "wait some minutes"),  # as here
    "JSON with an error status": (Reply(b'{"elements": []}', status=500), "500", "later"),
    "bad query": (Reply(b"", status=404), "404", "/interpreter"),
    "truncated JSON": (Reply(whole(GREEN).body[:500]), "not whole JSON", "Run again"),
    "connection cut": (Reply(b'{"elements"', claimed=5000), "connection failed", "network"),
    "empty": (Reply(b""), "not whole JSON", "Run again"),
    "HTML with status 200": (Reply(b"<html>The server is probably too busy</html>"), "probably too busy", "Run again"),
    "a list": (Reply(b"[]"), "not a JSON object", "another server"),
    "no elements": (Reply(b'{"version": 0.6}'), "no list of OSM elements", "another server"),
    "no coordinates": (whole([{"type": "node", "id": 1}]), "cannot be built", "Run again"),
    "tags that are none": (whole([{"type": "way", "id": 1, "nodes": [], "tags": None}]), "cannot be built", "again"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_answer_is_one_clear_error_and_never_cached(overpass: Overpass, tmp_path: Path, case: str) -> None:
    """Half an answer looks like a city without parks; once cached, it would come back on every run."""
    reply, what, remedy = REFUSED[case]
    overpass.answer = lambda _: reply
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(overpass, tmp_path)
    assert time.monotonic() - started < 3
    assert overpass.url in str(caught.value)
    assert re.search(what, str(caught.value))
    assert re.search(remedy, str(caught.value))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    overpass.answer = dortmund
    assert len(fetch(overpass, tmp_path).green) == 7


def test_timeout_is_an_error(overpass: Overpass, tmp_path: Path) -> None:
    """A server that says nothing must not hang a build."""
    overpass.answer = lambda _: Reply(b"{}", wait_s=20)
    with pytest.raises(FetchError, match=r"no answer within 0\.2 s.*allow more time"):
        fetch(overpass, tmp_path, timeout_s=0.2)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_server_is_an_error(overpass: Overpass, tmp_path: Path) -> None:
    """Nobody listens there: named with the address, not a stack of urllib3 errors."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        overpass.url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
        with pytest.raises(FetchError, match=r"the connection failed .*Check the address"):
            fetch(overpass, tmp_path)


@pytest.mark.parametrize("url", ["", "no-scheme/api", "http://", "ftp://127.0.0.1/api"])
def test_an_address_that_is_none_is_an_error(overpass: Overpass, tmp_path: Path, url: str) -> None:
    """A slip in place.toml is a FetchError like any other."""
    overpass.url = url
    with pytest.raises(FetchError, match="Check the address"):
        fetch(overpass, tmp_path)


def test_password_stays_out_of_messages_and_records(overpass: Overpass, tmp_path: Path) -> None:
    """query.json is published and errors are logged."""
    overpass.url = overpass.url.replace("//", "//planner:geheim@")
    fetched = fetch(overpass, tmp_path)
    assert "geheim" not in json.dumps(fetched.query)
    overpass.answer = lambda _: Reply(b"", status=401)
    with pytest.raises(FetchError) as caught:
        fetch(overpass, tmp_path / "other")
    assert "geheim" not in str(caught.value)


def test_cache_folder_that_cannot_be_made_is_an_error(overpass: Overpass, tmp_path: Path) -> None:
    """A full or read-only disk is the user's to mend: said, not raised as OSError."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(FetchError, match=r"the cache .* cannot be used"):
        fetch(overpass, tmp_path)


def test_boundary_without_crs_is_refused(overpass: Overpass, tmp_path: Path) -> None:
    """A guessed CRS asks for the wrong place."""
    with pytest.raises(CRSMismatchError, match="has no CRS"):
        osm.fetch_green_blue(boundary(None), overpass_url=overpass.url, cache_dir=tmp_path)
    assert not overpass.queries


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263"])
def test_boundary_in_degrees_or_feet_is_refused(overpass: Overpass, tmp_path: Path, crs: str) -> None:
    """`area_m2` would be something else."""
    with pytest.raises(CRSMismatchError, match="not a projected CRS in metres"):
        osm.fetch_green_blue(boundary().to_crs(crs), overpass_url=overpass.url, cache_dir=tmp_path)
    assert not overpass.queries


@pytest.mark.parametrize(
    "empty",
    [
        gpd.GeoDataFrame(),
        gpd.GeoDataFrame(geometry=[], crs=CRS),
        gpd.GeoDataFrame(geometry=[None, shapely.Polygon()], crs=CRS),
        gpd.GeoDataFrame(geometry=[shapely.Point(EAST, NORTH)], crs=CRS),
    ],
    ids=["no geometry", "no rows", "nothing in the rows", "a point"],
)
def test_empty_boundary_is_refused(overpass: Overpass, tmp_path: Path, empty: gpd.GeoDataFrame) -> None:
    """An empty outline would ask the server for nothing or for everything."""
    with pytest.raises(InputError, match="holds no polygon"):
        osm.fetch_green_blue(empty, overpass_url=overpass.url, cache_dir=tmp_path)
    assert not overpass.queries


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf")])
def test_waiting_time_must_be_one(overpass: Overpass, tmp_path: Path, timeout_s: float) -> None:
    """Zero or nan seconds fail deep inside requests; infinity waits for ever."""
    with pytest.raises(InputError, match="timeout_s"):
        fetch(overpass, tmp_path, timeout_s=timeout_s)


# --- the cache -------------------------------------------------------------------------------------------------------


def test_second_fetch_asks_nothing(overpass: Overpass, tmp_path: Path) -> None:
    """Resume: same layers, same report, same time of the data, and no load on the server."""
    first = fetch(overpass, tmp_path)
    asked = len(overpass.queries)
    overpass.answer = lambda _: Reply(b"", status=500)
    second = fetch(overpass, tmp_path)
    assert len(overpass.queries) == asked
    assert_geodataframe_equal(first.green, second.green)
    assert second.report == first.report
    received = [datetime.fromisoformat(fetched.query["fetched_at"]) for fetched in (first, second)]
    assert abs(received[0] - received[1]) <= timedelta(seconds=1)


def test_interrupted_fetch_goes_on_where_it_stopped(overpass: Overpass, tmp_path: Path) -> None:
    """After a failure in the second layer the first is not downloaded again."""
    overpass.answer = lambda query: whole(GREEN) if is_green(query) else Reply(b"", status=504)
    with pytest.raises(FetchError, match="OpenStreetMap, blue"):
        fetch(overpass, tmp_path)
    overpass.answer = dortmund
    overpass.queries.clear()
    assert len(fetch(overpass, tmp_path).green) == 7
    assert [is_green(query) for query in overpass.queries] == [False]


@pytest.mark.parametrize("damage", ["cut off", "remark", "old"])
def test_unusable_cache_file_is_asked_for_again(overpass: Overpass, tmp_path: Path, damage: str) -> None:
    """A process killed while osmnx wrote its cache leaves half a file; a year-old answer is not today's city."""
    fetch(overpass, tmp_path)
    cached = sorted(tmp_path.rglob("*.json"))
    for path in cached:
        if damage == "cut off":
            path.write_bytes(path.read_bytes()[:100])
        elif damage == "remark":
            path.write_text('{"elements": [], "remark": "runtime error"}')
        else:
            past = time.time() - transport.CACHE_MAX_AGE.total_seconds() - 60
            os.utime(path, (past, past))
    overpass.queries.clear()
    fetched = fetch(overpass, tmp_path)
    assert len(overpass.queries) == len(cached) == 2
    assert len(fetched.green) == 7
    assert datetime.fromisoformat(fetched.query["fetched_at"]) > datetime.now(UTC) - timedelta(minutes=1)


# --- on disk ---------------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_is_read_back(overpass: Overpass, tmp_path: Path) -> None:
    """A name that was None must not come back as nan, nor an empty layer without its types."""
    overpass.answer = lambda query: whole(GREEN if is_green(query) else [])
    fetched = fetch(overpass, tmp_path)
    folder = tmp_path / "place" / "osm"
    osm.write_fetched(fetched, folder)
    assert sorted(contents(folder)) == ["blue.parquet", "green.parquet", "query.json"]
    read = osm.read_fetched(folder)
    assert read is not None
    assert_geodataframe_equal(read.green, fetched.green)
    assert_geodataframe_equal(read.blue, fetched.blue)
    assert (read.query, read.report) == (fetched.query, fetched.report)
    assert row(read.green, "way/3")["name"] is None


def test_nothing_fetched_is_none(tmp_path: Path) -> None:
    """Not fetched yet is a state, not an error."""
    assert osm.read_fetched(tmp_path) is None
    assert osm.read_fetched(tmp_path / "missing") is None


@pytest.mark.parametrize("stops_at", ["to_parquet", "replace"])
def test_interrupted_write_leaves_the_old_files(
    overpass: Overpass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops_at: str
) -> None:
    """A full disk half-way must not cost the layers that the place already had."""
    fetched = fetch(overpass, tmp_path)
    folder = tmp_path / "place"
    osm.write_fetched(fetched, folder)
    old = contents(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if stops_at == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(fetched.blue, "to_parquet", full)
    with pytest.raises(FetchError, match="No space left"):
        osm.write_fetched(fetched, folder)
    assert contents(folder) == old


@pytest.mark.parametrize("damage", ["mixed", "missing", "no record", "record cut off"])
def test_files_that_do_not_belong_together_are_refused(overpass: Overpass, tmp_path: Path, damage: str) -> None:
    """Green of this year with blue of last year, after a crash between two renames, must not pass as one fetch."""
    osm.write_fetched(fetch(overpass, tmp_path), tmp_path)
    if damage == "mixed":
        (tmp_path / "green.parquet").write_bytes((tmp_path / "blue.parquet").read_bytes())
    elif damage == "missing":
        (tmp_path / "blue.parquet").unlink()
    else:
        (tmp_path / "query.json").write_text("{}" if damage == "no record" else '{"query"')
    with pytest.raises(FetchError, match="Fetch the place again"):
        osm.read_fetched(tmp_path)


# --- all five layers, from the real campus of Aachen-Melaten ---------------------------------------------------------


@pytest.fixture(scope="module")
def melaten(tmp_path_factory: pytest.TempPathFactory) -> osm.Fetched:
    campus_path()
    with pytest.MonkeyPatch.context() as patch, serving(lambda query: overpass_answer(campus(), query)) as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        return osm.fetch_place(
            around_melaten(), overpass_url=server.url, cache_dir=tmp_path_factory.mktemp("cache"), timeout_s=60
        )


def around_melaten() -> gpd.GeoDataFrame:
    box = shapely.box(6.02, 50.76, 6.12, 50.81)
    return gpd.GeoDataFrame(geometry=[box], crs="EPSG:4326").to_crs(CRS)


def test_every_real_element_is_kept_or_reported(melaten: osm.Fetched) -> None:
    """The counts of the source, layer by layer: a tag rule or a library update that loses one shows here."""
    received = {
        layer: sum(osm_tags.matches(layer, one.get("tags", {})) for one in campus()) for layer in melaten.layers
    }
    assert received == {"buildings": 125, "streets": 479, "landuse": 5, "green": 49, "blue": 5}
    for layer, frame in melaten.layers.items():
        n_in, dropped, n_out = counts(melaten.report, layer)
        assert (n_in, n_in - dropped, n_out) == (received[layer], len(frame), len(frame))


def test_real_layers_have_the_declared_columns(melaten: osm.Fetched) -> None:
    """The importers check against INPUTS: another name or a value out of range would stop a build."""
    for layer in ("buildings", "streets", "landuse"):
        frame = melaten.layers[layer]
        assert tuple(frame.columns) == COLUMNS[layer]
        assert frame.crs == CRS
        assert frame.is_valid.all()
        for declared in INPUTS[layer].columns:
            values = frame[declared.name]
            if declared.choices:
                assert set(values) <= {*declared.choices, *([] if declared.required else [""])}
            elif declared.kind != "text" and declared.high is not None:
                assert values.dropna().between(declared.low or 0, declared.high).all()
    assert melaten.buildings["building_id"].is_unique
    assert set(melaten.streets.geom_type) == {"LineString"}


def test_real_campus_is_a_campus(melaten: osm.Fetched) -> None:
    """48 buildings are tagged as the university's, 14 as sheds and the like; `yes` is decided by what else is there."""
    assert melaten.buildings["use"].value_counts().to_dict() == {
        "unknown": 58,
        "school": 48,
        "unheated": 14,
        "other": 5,
    }
    assert any("farmyard 1" in line for line in melaten.report)
    assert any("(0 1)" in line and "way/284409868" in line for line in melaten.report)  # no storey at all
    assert any("footway 135, steps 34" in line for line in melaten.report)


def test_all_layers_are_read_back(melaten: osm.Fetched, tmp_path: Path) -> None:
    """A release is built from the files, not from memory: types, missing numbers and empty texts must survive."""
    osm.write_fetched(melaten, tmp_path)
    read = osm.read_fetched(tmp_path)
    assert read is not None
    assert list(read.layers) == list(melaten.layers)
    for layer, frame in read.layers.items():
        assert_geodataframe_equal(frame, melaten.layers[layer])
    assert read.query == melaten.query
    assert set(read.query["tags"]) == {"buildings", "streets", "landuse", "green", "blue"}


# --- buildings and streets at the boundary ---------------------------------------------------------------------------

TOWN: list[Element] = [
    *way(1, rectangle(-4, 100, 10, 10), building="house"),  # 6 of 10 m inside
    *way(2, rectangle(-6, 200, 10, 10), building="house"),  # 4 of 10 m inside
    *way(3, rectangle(300, 300, 10, 10), building="apartments"),
    *way(4, rectangle(300, 300, 10, 10), building="yes"),  # once more
    *way(5, rectangle(400, 300, 10, 10), building="no"),
    *way(6, rectangle(500, 300, 10, 10), **{"building:part": "yes"}),
    node(9001, 600, 300, building="yes"),
    relation(30, [(3, "outer"), (31, "inner")], building="yes"),  # its courtyard was not sent
    *way(40, [(-100, 500), (100, 500)], highway="primary", oneway="yes"),
    *way(41, [(100, 500), (-100, 500)], highway="primary"),  # the same line, the other way round
    *way(42, [(100, 600), (200, 600)], highway="footway"),
    *way(43, [(100, 700), (200, 700)], highway="residential", motor_vehicle="no"),
    *way(44, rectangle(700, 700, 30, 30), highway="service", area="yes"),
    *way(45, rectangle(800, 800, 30, 30), highway="tertiary", junction="roundabout", landuse="grass"),
    *way(46, [(-40, 500), (-30, 500)], highway="service"),
    node(9002, 600, 500, highway="crossing"),
]


def town(overpass: Overpass, tmp_path: Path, *layers: str) -> osm.Fetched:
    overpass.answer = lambda query: overpass_answer(TOWN, query)
    return osm.fetch_place(boundary(), overpass_url=overpass.url, cache_dir=tmp_path, layers=layers, timeout_s=5)


def test_a_house_on_the_border_is_one_house_of_one_town(overpass: Overpass, tmp_path: Path) -> None:
    """Cut in two, it would be two small houses with an outer wall on the border, or be counted in both towns."""
    fetched = town(overpass, tmp_path, "buildings")
    assert fetched.buildings["building_id"].tolist() == ["way/1", "way/3"]
    assert fetched.buildings.area.tolist() == pytest.approx([100, 100], rel=1e-4)
    assert counts(fetched.report, "buildings") == (7, 5, 2)
    text = "\n".join(fetched.report)
    assert "1 outside, dropped (way/2)" in text
    assert "1 with the same outline as another, kept once, dropped (way/4)" in text
    assert "1 tagged building=no, dropped (way/5)" in text
    assert "1 points: they have no area, dropped (node/9001)" in text
    assert "dropped (relation/30)" in text


def test_streets_are_cut_and_never_twice(overpass: Overpass, tmp_path: Path) -> None:
    """Kilometres outside, or driven twice, would raise the city's traffic."""
    fetched = town(overpass, tmp_path, "streets")
    streets = fetched.streets.set_index("street_id")
    assert streets["road_class"].to_dict() == {"way/40": "primary", "way/45": "tertiary"}
    assert streets["oneway"].to_dict() == {"way/40": True, "way/45": True}
    assert streets.length.tolist() == pytest.approx([100, 120], rel=1e-4)
    assert streets["aadt_veh_d"].isna().all()
    assert counts(fetched.report, "streets") == (8, 6, 2)
    text = "\n".join(fetched.report)
    assert "2 not counted as roads for motor traffic (crossing 1, footway 1), dropped" in text
    assert "1 closed to motor vehicles, dropped (way/43)" in text
    assert "1 plazas: their outline is no road, dropped (way/44)" in text


def test_layer_that_was_not_asked_for_is_not_empty_but_absent(overpass: Overpass, tmp_path: Path) -> None:
    """A town without streets and a fetch without streets are two things; only the first is a result."""
    fetched = town(overpass, tmp_path / "cache", "buildings")
    assert list(fetched.layers) == ["buildings"]
    osm.write_fetched(fetched, tmp_path / "place")
    read = osm.read_fetched(tmp_path / "place")
    assert read is not None
    assert list(read.layers) == ["buildings"]


@pytest.mark.parametrize("layers", [(), ("trees",), ("green", "green")])
def test_layers_must_be_known(overpass: Overpass, tmp_path: Path, layers: tuple[str, ...]) -> None:
    """A slip must not fetch nothing and call it the city."""
    with pytest.raises(InputError, match="layers"):
        town(overpass, tmp_path, *layers)
    assert not overpass.queries
