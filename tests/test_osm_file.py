"""OpenStreetMap from a file: the same as from a server, and nothing lost at the edge of an extract or in a bad file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st

from data import osm, osm_tags
from data.osm_file import read_file
from data.osm_layers import COLUMNS, LAYERS
from data.report import Report
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
    overpass_answer,
    rectangle,
    relation,
    serving,
    way,
)


def xml(elements: list[Element]) -> str:
    """OSM XML of elements, nodes first."""
    lines = []
    for one in sorted(elements, key=lambda one: ("node", "way", "relation").index(one["type"])):
        place = f' lat="{one["lat"]!r}" lon="{one["lon"]!r}"' if one["type"] == "node" else ""
        lines.append(f'<{one["type"]} id="{one["id"]}" version="1"{place}>')
        lines += [f'<nd ref="{ref}"/>' for ref in one.get("nodes", [])]
        lines += [f'<member type="{m["type"]}" ref="{m["ref"]}" role="{m["role"]}"/>' for m in one.get("members", [])]
        lines += [f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in one.get("tags", {}).items()]
        lines.append(f"</{one['type']}>")
    return '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n' + "\n".join(lines) + "\n</osm>\n"


def as_pbf(path: Path, target: Path) -> Path:
    with osmium.SimpleWriter(str(target)) as writer:
        for element in osmium.FileProcessor(str(path)):
            writer.add(element)
    return target


def square(x: float, y: float, side: float) -> gpd.GeoDataFrame:
    box = shapely.box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)
    return gpd.GeoDataFrame(geometry=[box], crs=CRS)


@pytest.fixture(scope="module")
def melaten() -> tuple[dict[str, gpd.GeoDataFrame], Report]:
    report = Report()
    return read_file(campus_path(), LAYERS, report), report


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overpass]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def answer(query: str) -> Reply:
        return overpass_answer(campus(), query)

    with serving(answer) as made:
        yield made


# --- the same as from a server ---------------------------------------------------------------------------------------


def test_file_gives_what_the_server_gives(
    melaten: tuple[dict[str, gpd.GeoDataFrame], Report], server: Overpass, tmp_path: Path
) -> None:
    """A city that brings its own extract must get the city that `revier fetch` gets."""
    around = gpd.GeoDataFrame(geometry=[shapely.box(6.02, 50.76, 6.12, 50.81)], crs="EPSG:4326").to_crs(CRS)
    fetched = osm.fetch_place(around, overpass_url=server.url, cache_dir=tmp_path, timeout_s=60)
    frames, report = melaten
    for layer, frame in fetched.layers.items():
        assert_geodataframe_equal(frames[layer], frame)
        if layer != "streets":
            assert np.abs(frames[layer].area - frame.area).max() < 1e-6
        assert report.counted[f"campus_melaten.osm, {layer}"] == (
            sum(osm_tags.matches(layer, one.get("tags", {})) for one in campus()),
            len(frame),
        )


def test_pbf_gives_what_xml_gives(melaten: tuple[dict[str, gpd.GeoDataFrame], Report], tmp_path: Path) -> None:
    """The formats carry the same data; PBF rounds to 1e-7 degrees as OpenStreetMap itself does."""
    path = as_pbf(campus_path(), tmp_path / "campus.osm.pbf")
    frames = read_file(path, LAYERS, Report())
    for layer, frame in melaten[0].items():
        assert_geodataframe_equal(frames[layer], frame)


def test_boundary_gives_what_the_server_gives(server: Overpass, tmp_path: Path) -> None:
    """Half a campus out of the file is half a campus from the server; what is left out is counted."""
    half = gpd.GeoDataFrame(geometry=[shapely.box(6.045, 50.770, 6.055, 50.784)], crs="EPSG:4326").to_crs(CRS)
    fetched = osm.fetch_place(half, overpass_url=server.url, cache_dir=tmp_path, timeout_s=60)
    report = Report()
    frames = read_file(campus_path(), LAYERS, report, boundary=half)
    for layer, frame in fetched.layers.items():
        assert_geodataframe_equal(frames[layer], frame)
        received, kept = report.counted[f"campus_melaten.osm, {layer}"]
        # each once, also the crossing outside that is a node of a street inside
        assert received == sum(osm_tags.matches(layer, one.get("tags", {})) for one in campus())
        assert kept < received
    assert len(frames["buildings"]) > 20


# --- the edge of an extract ------------------------------------------------------------------------------------------


def test_building_with_a_missing_corner_is_reported_not_reshaped(tmp_path: Path) -> None:
    """At the edge of an extract nodes are missing: GDAL's driver makes a triangle of such a house, half its size."""
    whole, torn = way(1, rectangle(0, 0, 10, 10), building="house"), way(2, rectangle(20, 0, 10, 10), building="house")
    courtyard = [
        *way(3, rectangle(40, 0, 30, 30)),
        relation(4, [(3, "outer"), (99, "inner")], building="yes"),  # the courtyard's way is not in the file
        relation(5, [(3, "outer"), (2, "inner")], building="yes"),  # a member that lacks a node: osmnx breaks on it
        {"type": "way", "id": 6, "nodes": [], "tags": {"building": "yes"}},
    ]
    path = tmp_path / "edge.osm"
    path.write_text(xml([*whole, *torn[1:], *courtyard]))
    for boundary in (None, square(-100, -100, 300)):
        report = Report()
        buildings = read_file(path, ["buildings"], report, boundary=boundary)["buildings"]
        assert buildings["building_id"].tolist() == ["way/1"]
        assert buildings.area[0] == pytest.approx(100, rel=1e-3)
        assert report.counted == {"edge.osm, buildings": (5, 1)}
        assert {line.examples for line in report.lines} == {("way/2", "way/6"), ("relation/4", "relation/5")}


def test_area_in_a_relation_is_found_by_its_members(tmp_path: Path) -> None:
    """A relation has no position of its own: without its members it would be left out, or never be."""
    near = [*way(1, rectangle(0, 0, 50, 50)), *way(2, rectangle(10, 10, 10, 10))]
    far = way(3, rectangle(90_000, 0, 50, 50))
    forest = [
        relation(10, [(1, "outer"), (2, "inner")], landuse="forest"),
        relation(11, [(3, "outer")], landuse="forest"),
    ]
    path = tmp_path / "forest.osm"
    path.write_text(xml([*near, *far, *forest]))
    report = Report()
    green = read_file(path, ["green"], report, boundary=square(-10, -10, 200))["green"]
    assert green["osm_id"].tolist() == ["relation/10"]
    assert green["area_m2"].tolist() == pytest.approx([2400], rel=1e-3)
    assert report.counted == {"forest.osm, green": (2, 1)}
    assert "1 far outside, dropped (relation/11)" in str(report.lines[0])


def test_element_that_is_in_the_file_twice_counts_once(tmp_path: Path) -> None:
    """Extracts that were pasted together repeat what lies on their border."""
    house = way(1, rectangle(0, 0, 10, 10), building="house")
    path = tmp_path / "twice.osm"
    path.write_text(xml([*house, *house]))
    report = Report()
    assert len(read_file(path, ["buildings"], report)["buildings"]) == 1
    assert report.counted == {"twice.osm, buildings": (2, 1)}


def test_order_of_the_elements_does_not_matter(tmp_path: Path) -> None:
    """Editors save ways before their nodes; all of them would seem to lie nowhere."""
    path = tmp_path / "editor.osm"
    lines = xml(way(1, rectangle(0, 0, 10, 10), building="house")).splitlines()
    path.write_text("\n".join([*lines[:2], *lines[-9:-1], *lines[2:-9], lines[-1]]))
    assert path.read_text().index("<way") < path.read_text().index("<node")
    for boundary in (None, square(-100, -100, 300)):
        found = read_file(path, ["buildings"], Report(), boundary=boundary)["buildings"]
        assert found.area.tolist() == pytest.approx([100], rel=1e-3)


def test_odd_texts_come_through(tmp_path: Path) -> None:
    """Quotes, arrows and backslashes in names break readers that pass tags around as one string."""
    name = 'Park "=>" \\ <&> ü 🌳, "a"=>"b"'
    path = tmp_path / "odd.osm"
    path.write_text(xml(way(1, rectangle(0, 0, 10, 10), leisure="park", name=name)), encoding="utf-8")
    assert read_file(path, ["green"], Report())["green"]["name"].tolist() == [name]
    pbf = as_pbf(path, tmp_path / "odd.osm.pbf")
    assert read_file(pbf, ["green"], Report())["green"]["name"].tolist() == [name]


def test_file_without_such_features_gives_empty_layers(tmp_path: Path) -> None:
    """No forest is no error, and the empty layer has its columns and CRS."""
    path = tmp_path / "empty.osm"
    path.write_text(xml([]))
    report = Report()
    for layer, frame in read_file(path, LAYERS, report, crs="EPSG:25833").items():
        assert frame.empty
        assert tuple(frame.columns) == COLUMNS[layer]
        assert frame.crs == "EPSG:25833"
        assert report.counted[f"empty.osm, {layer}"] == (0, 0)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".osm", ".osm.pbf"])
def test_file_that_was_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    """An interrupted download must not pass as a smaller city."""
    path = tmp_path / f"cut{suffix}"
    content = as_pbf(campus_path(), tmp_path / f"whole{suffix}").read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    report = Report()
    with pytest.raises(InputError, match=r"cut\.osm.*cannot be read as OpenStreetMap data"):
        read_file(path, ["buildings"], report)
    assert not report.counted


REFUSED = {
    "hello.osm": ("hello", "cannot be read"),
    "empty.osm": ("", "cannot be read"),
    "empty.osm.pbf": ("", "cannot be read"),
    "text.osm.pbf": ("hello", "cannot be read"),
    "page.osm": ("<html><body>Not found</body></html>", "cannot be read"),
    "city.geojson": ('{"type": "FeatureCollection"}', "is not a file of OpenStreetMap"),
    "entity.osm": (
        '<!DOCTYPE osm [<!ENTITY a SYSTEM "file:///etc/passwd">]><osm version="0.6"><user name="&a;"/></osm>',
        "declares a document type",
    ),
    "late.osm": (
        f'<?xml version="1.0"?><!--{" " * 70_000}--><!DOCTYPE osm [<!ENTITY a "b">]><osm version="0.6"></osm>',
        "entities are not supported",
    ),
    "letters.osm": (
        '<osm version="0.6"><node id="x" lat="0" lon="0"><tag k="building" v="yes"/></node></osm>',
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_osm_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """One clear error that names the file, whatever a parser made of it; and no entity is ever expanded."""
    content, what = REFUSED[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"{name}.*{what}"):
        read_file(tmp_path / name, ["buildings"], Report())


def test_wrong_arguments_are_named_together(tmp_path: Path) -> None:
    """All slips of a place.toml at once, not one per run."""
    with pytest.raises(InputError) as caught:
        read_file(tmp_path / "missing.osm", ["trees"], Report())
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "EPSG:0"])
def test_crs_must_be_in_metres(tmp_path: Path, crs: str) -> None:
    """Areas in square degrees would be zero houses' worth of heat."""
    path = tmp_path / "empty.osm"
    path.write_text(xml([]))
    with pytest.raises(CRSMismatchError, match="crs"):
        read_file(path, ["buildings"], Report(), crs=crs)
    with pytest.raises(CRSMismatchError, match="has no CRS"):
        read_file(path, ["buildings"], Report(), boundary=square(0, 0, 1).set_crs(None, allow_override=True))


# --- tags ------------------------------------------------------------------------------------------------------------


def tagged(*elements: dict[str, str]) -> tuple[pd.DataFrame, Report]:
    report = Report()
    tags = pd.DataFrame(list(elements)).assign(osm_id=[f"way/{number}" for number in range(len(elements))])
    return osm_tags.buildings(tags, report, "test"), report


@pytest.mark.parametrize(
    ("tags", "use", "building_type"),
    [
        ({"building": "detached"}, "residential", "EFH"),
        ({"building": "semidetached_house"}, "residential", "RH"),
        ({"building": "apartments", "shop": "bakery"}, "residential", ""),  # a shop below flats
        ({"building": "dormitory"}, "residential", "GMH"),
        ({"building": "kindergarten"}, "kita", ""),
        ({"building": "garages"}, "unheated", ""),
        ({"building": "yes"}, "unknown", ""),
        ({"building": "yes", "amenity": "school"}, "school", ""),
        ({"building": "yes", "amenity": "bench", "shop": "bakery"}, "retail", ""),
        ({"building": "yes", "shop": "vacant", "office": "lawyer"}, "office", ""),
        ({"building": "yes", "tourism": "hotel"}, "hotel", ""),
        ({"building": "yes", "leisure": "swimming_pool"}, "pool", ""),
        ({"building": "yes", "leisure": "swimming_pool", "indoor": "no"}, "unheated", ""),
        ({"building": "swimming_pool", "location": "outdoor"}, "unheated", ""),
        ({"building": "palace"}, "unknown", ""),
        ({"building": "palace", "amenity": "school"}, "unknown", ""),  # only `yes` leaves the question open
    ],
)
def test_use_and_type_come_from_the_tags(tags: dict[str, str], use: str, building_type: str) -> None:
    """A school heated as a house, or a garage heated at all, moves a district's emissions."""
    (found,) = tagged(tags)[0].to_dict("records")
    assert (found["use"], found["building_type"]) == (use, building_type)


@pytest.mark.parametrize(
    ("key", "text", "name", "number"),
    [
        ("building:levels", "3", "storeys", 3),
        ("building:levels", "2.5", "storeys", 2.5),
        ("building:levels", "2,5", "storeys", 2.5),
        ("building:levels", "3;4", "storeys", 3.5),
        ("building:levels", "3-4", "storeys", 3.5),
        ("building:levels", "-1", "storeys", None),
        ("building:levels", "0", "storeys", None),
        ("building:levels", "x", "storeys", None),
        ("building:levels", "1e9", "storeys", None),
        ("height", "12", "height_m", 12),
        ("height", "12 m", "height_m", 12),
        ("building:height", "12,5", "height_m", 12.5),
        ("height", "40 ft", "height_m", 12.192),
        ("height", "40'", "height_m", 12.192),
        ("height", "40'6\"", "height_m", 12.3444),
        ("height", "high", "height_m", None),
        ("height", "1200", "height_m", None),
        ("start_date", "1950", "year_built", 1950),
        ("start_date", "1950s", "year_built", 1950),
        ("building:year_built", "~1900", "year_built", 1900),
        ("construction_date", "1950-05-01", "year_built", 1950),
        ("start_date", "before 1900", "year_built", 1900),
        ("start_date", "01.05.1950", "year_built", 1950),
        ("start_date", "C19", "year_built", None),
        ("start_date", "19500501", "year_built", None),
        ("building:flats", "12", "dwellings", 12),
        ("building:flats", "0", "dwellings", 0),
        ("building:flats", "1-12", "dwellings", None),  # flat numbers, not their count
    ],
)
def test_numbers_are_read_or_missing_and_reported(key: str, text: str, name: str, number: float | None) -> None:
    """A misread storey or year is silent and heats the wrong house; an unread one is a line in the report."""
    buildings, report = tagged({"building": "yes", key: text}, {"building": "yes"})
    assert np.isnan(buildings[name].iloc[1])
    if number is None:
        assert np.isnan(buildings[name].iloc[0])
        (line,) = report.lines
        assert (line.count, line.done, line.examples) == (1, "kept", ("way/0",))
        assert text in line.what
    else:
        assert buildings[name].iloc[0] == pytest.approx(number, rel=1e-12)
        assert not report.lines


def test_second_key_stands_in_for_the_first() -> None:
    """A century in one key must not hide the year in the other."""
    buildings, report = tagged({"building": "yes", "start_date": "C19", "building:year_built": "1887"})
    assert buildings["year_built"].tolist() == [1887]
    assert not report.lines


@pytest.mark.parametrize(
    ("tags", "carrier"),
    [
        ({"heating": "gas"}, "natural_gas"),
        ({"heating": "district heating"}, "district_heating"),
        ({"heating": "gas", "heating:fuel": "natural_gas"}, "natural_gas"),
        ({"heating": "gas", "heating:fuel": "oil"}, ""),
        ({"heating": "heat_pump"}, ""),
        ({"heating": "yes", "heating:fuel": "oil"}, ""),
        ({}, ""),
    ],
)
def test_carrier_only_where_the_tags_agree(tags: dict[str, str], carrier: str) -> None:
    """One carrier or none: a guess between two would be a measured figure downstream."""
    buildings, report = tagged({"building": "yes", **tags})
    assert buildings["carrier"].tolist() == [carrier]
    assert len(report.lines) == (1 if tags and not carrier else 0)


def test_roofs_are_flat_pitched_or_missing() -> None:
    """The attic counts as half a storey under a pitched roof only."""
    buildings, report = tagged(*({"building": "yes", "roof:shape": s} for s in ("flat", "gabled", "many")), {})
    assert buildings["roof"].tolist() == ["flat", "pitched", "", ""]
    assert "many 1" in report.lines[-1].what


@given(st.text(max_size=12) | st.from_regex(r"[0-9.,;'\- mft~]{1,12}", fullmatch=True))
def test_any_text_is_a_number_in_range_or_missing(text: str) -> None:
    """Anybody may type anything into a tag; no text may stop a build or leave the declared range."""
    keys = ("building:levels", "height", "start_date", "building:flats", "roof:shape", "heating", "shop", "building")
    buildings, _ = tagged(dict.fromkeys(keys, text))
    for name, low, high in (("storeys", 1, 150), ("height_m", 1, 400), ("year_built", 1000, 2100)):
        assert buildings[name].isna().all() or buildings[name].between(low, high).all()


@pytest.mark.parametrize(
    ("highway", "road"),
    [
        ("motorway_link", "motorway"),
        ("unclassified", "residential"),
        ("living_street", "living_street"),
        ("pedestrian", None),
        ("track", None),
        ("construction", None),
    ],
)
def test_road_classes(highway: str, road: str | None) -> None:
    """A footway counted as a road drives 800 cars a day through a park."""
    assert osm_tags.road_class(pd.DataFrame({"highway": [highway]})).tolist() == [road]
