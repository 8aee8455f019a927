"""CityGML importer: areas by hand, one row for a building, one CRS, nothing trusted, nobody lost without a word."""

from __future__ import annotations

import gzip
import math
import zipfile
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from lxml.etree import _Element as Element
from numpy.typing import NDArray

from data import archive as packing
from data import citygml
from data.alkis import ALKIS_USES, USES_BY_CODE
from data.citygml import read
from data.inputs import INPUTS, RESIDENTIAL, UNHEATED, UNKNOWN, USES
from data.report import Report
from geo.errors import CRSMismatchError, InputError, RevierError

ESSEN_GML = "essen/essen_lod2_citygml.gml"
UTM = "urn:ogc:def:crs:EPSG::25832"
EAST, NORTH = 360_000.0, 5_706_000.0
Corner = tuple[float, float, float]


# --- small files, written out -------------------------------------------------------------------------------------


def polygon(corners: list[Corner], *, gml_id: str = "", holes: list[list[Corner]] | None = None) -> str:
    def ring(points: list[Corner]) -> str:
        text = " ".join(repr(float(value)) for point in points for value in point)
        return f"<gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing>"

    inner = "".join(f"<gml:interior>{ring(hole)}</gml:interior>" for hole in holes or [])
    name = f' gml:id="{gml_id}"' if gml_id else ""
    return f"<gml:Polygon{name}><gml:exterior>{ring(corners)}</gml:exterior>{inner}</gml:Polygon>"


def members(*polygons: str) -> str:
    return "".join(f"<gml:surfaceMember>{one}</gml:surfaceMember>" for one in polygons)


def surface(kind: str, *polygons: str) -> str:
    return (
        f"<bldg:boundedBy><bldg:{kind}><bldg:lod2MultiSurface><gml:MultiSurface>{members(*polygons)}"
        f"</gml:MultiSurface></bldg:lod2MultiSurface></bldg:{kind}></bldg:boundedBy>"
    )


def ground(x: float, y: float, w: float = 10, d: float = 8, z: float = 40) -> list[Corner]:
    return [(x, y, z), (x, y + d, z), (x + w, y + d, z), (x + w, y, z), (x, y, z)]


def lift(corners: list[Corner], h: float) -> list[Corner]:
    return [(x, y, z + h) for x, y, z in reversed(corners)]


def sides(corners: list[Corner], h: float) -> list[list[Corner]]:
    return [[a, b, (b[0], b[1], b[2] + h), (a[0], a[1], a[2] + h), a] for a, b in pairwise(corners)]


def box(x: float = EAST, y: float = NORTH, w: float = 10, d: float = 8, h: float = 6) -> str:
    """Flat-roofed house: footprint 80 m2, roof 80 m2, walls 2 * (10 + 8) * 6 = 216 m2."""
    base = ground(x, y, w, d)
    walls = surface("WallSurface", *(polygon(side) for side in sides(base, h)))
    return surface("GroundSurface", polygon(base)) + walls + surface("RoofSurface", polygon(lift(base, h)))


def gable(x: float = EAST, y: float = NORTH) -> str:
    """10 x 8 m, eaves 6 m, ridge 9 m: slopes 2 * 10 * 5 = 100 m2, walls 216 + 2 * 8 * 3 / 2 = 240 m2."""
    base = ground(x, y)
    south: list[Corner] = [(x, y, 46), (x + 10, y, 46), (x + 10, y + 4, 49), (x, y + 4, 49), (x, y, 46)]
    north: list[Corner] = [(x, y + 4, 49), (x + 10, y + 4, 49), (x + 10, y + 8, 46), (x, y + 8, 46), (x, y + 4, 49)]
    ends: list[list[Corner]] = [[(e, y, 46), (e, y + 8, 46), (e, y + 4, 49), (e, y, 46)] for e in (x, x + 10)]
    walls = surface("WallSurface", *(polygon(side) for side in [*sides(base, 6), *ends]))
    return (
        surface("GroundSurface", polygon(base))
        + walls
        + surface("RoofSurface", polygon(south))
        + surface("RoofSurface", polygon(north))
    )


def building(body: str = "", *, gml_id: str | None = "b1", values: str = "") -> str:
    name = "" if gml_id is None else f' gml:id="{gml_id}"'
    return f"<core:cityObjectMember><bldg:Building{name}>{values}{body}</bldg:Building></core:cityObjectMember>"


def part(body: str, *, gml_id: str = "p1", values: str = "") -> str:
    inside = f'<bldg:BuildingPart gml:id="{gml_id}">{values}{body}</bldg:BuildingPart>'
    return f"<bldg:consistsOfBuildingPart>{inside}</bldg:consistsOfBuildingPart>"


def envelope(srs: str) -> str:
    return f'<gml:boundedBy><gml:Envelope srsName="{srs}" srsDimension="3"/></gml:boundedBy>' if srs else ""


def model(*objects: str, srs: str = UTM, version: str = "2.0", gml: str = "gml", doctype: str = "") -> str:
    city = "http://www.opengis.net/citygml"
    return (
        f'<?xml version="1.0"?>{doctype}<core:CityModel xmlns:core="{city}/{version}" '
        f'xmlns:bldg="{city}/building/{version}" xmlns:con="{city}/construction/{version}" '
        f'xmlns:tran="{city}/transportation/{version}" xmlns:dem="{city}/relief/{version}" '
        f'xmlns:gml="http://www.opengis.net/{gml}" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"{envelope(srs)}{''.join(objects)}</core:CityModel>"
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "city.gml"


def load(file: Path, text: str | bytes) -> tuple[gpd.GeoDataFrame, Report]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    report = Report()
    return read(file, report), report


def only(file: Path, body: str, values: str = "", srs: str = UTM) -> pd.Series:
    frame, _ = load(file, model(building(body, values=values), srs=srs))
    assert len(frame) == 1
    row: pd.Series = frame.iloc[0]
    return row


def said(report: Report, words: str, done: str) -> list[str]:
    """Ids in the lines that hold these words."""
    found = [line for line in report.lines if words in line.what]
    assert all(line.done == done for line in found)
    return [one for line in found for one in line.examples]


# --- the real file ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def essen(shared_data: Path) -> gpd.GeoDataFrame:
    report = Report()
    frame = read(shared_data / ESSEN_GML, report)
    assert report.lines == []
    assert report.counted == {"essen_lod2_citygml.gml": (117, 117)}
    return frame


def test_essen_agrees_with_the_table_made_by_another_program(shared_data: Path, essen: gpd.GeoDataFrame) -> None:
    """A wrong sum of surfaces, a lost part or a mixed-up row shows here; the table is rounded to 0.1 m2."""
    table = gpd.read_file(shared_data / "essen/essen_lod2_buildings.gpkg").set_index("gml_id")
    assert essen.crs.to_epsg() == 25832
    assert sorted(essen["building_id"]) == sorted(table.index)
    table = table.loc[essen["building_id"]]
    for ours, theirs, tolerance in (
        ("height_m", "measured_height_m", 0),
        ("storeys", "storeys", 0),
        ("year_built", "year_of_construction", 0),
        ("roof_area_m2", "roof_area_m2", 0.0501),
        ("wall_area_m2", "wall_area_m2", 0.0501),
    ):
        np.testing.assert_allclose(essen[ours], table[theirs], rtol=0, atol=tolerance, err_msg=ours)
    np.testing.assert_allclose(essen.area, table.geometry.area, rtol=1e-9)
    np.testing.assert_allclose(essen.area, table["footprint_area_m2"], rtol=0, atol=0.0501)
    apart = shapely.symmetric_difference(essen.geometry.to_numpy(), table.geometry.to_numpy())
    assert shapely.area(apart).max() < 1e-6
    assert set(essen["use"]) == {RESIDENTIAL}
    assert set(essen["roof"]) == {"pitched"}


def test_essen_heights_drawn_are_those_measured(shared_data: Path, essen: gpd.GeoDataFrame, file: Path) -> None:
    """Without measuredHeight the surfaces must give the same: the publisher measured on them."""
    text = (shared_data / ESSEN_GML).read_text(encoding="utf-8").replace("bldg:measuredHeight", "bldg:unused")
    frame, _ = load(file, text)
    np.testing.assert_allclose(frame["height_m"], essen["height_m"], atol=0.002)


@pytest.mark.parametrize("chunk_bytes", [97, 20_011])
def test_the_size_of_the_bites_does_not_matter(
    shared_data: Path, essen: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    """Elements are cut anywhere by a chunk: dropping one too early would lose surfaces."""
    monkeypatch.setattr(packing, "CHUNK_BYTES", chunk_bytes)
    again = read(shared_data / ESSEN_GML, Report())
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(essen))


# --- areas, heights and roofs by hand -----------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "gml"), [("1.0", "gml"), ("2.0", "gml")])
def test_gabled_house_by_hand(file: Path, version: str, gml: str) -> None:
    frame, report = load(file, model(building(gable()), version=version, gml=gml))
    row = frame.iloc[0]
    assert row.geometry.area == pytest.approx(80)
    assert row["roof_area_m2"] == pytest.approx(100)
    assert row["wall_area_m2"] == pytest.approx(240)
    assert row["height_m"] == pytest.approx(9)
    assert row["roof"] == "pitched"
    assert list(frame.columns) == [*citygml.COLUMNS, "geometry"]
    # the only thing missing is the function: whatever else is said would be a false alarm
    assert [line.what for line in report.lines] == ["buildings without a function, use unknown"]


def test_flat_house_by_hand(file: Path) -> None:
    row = only(file, box())
    assert (row["roof_area_m2"], row["wall_area_m2"]) == pytest.approx((80, 216))
    assert row["roof"] == "flat"
    assert row["height_m"] == pytest.approx(6)


def test_version_3_names_things_differently(file: Path) -> None:
    """GML 3.2, boundary instead of boundedBy, heights and dates of the construction module."""
    body = gable().replace("bldg:boundedBy", "core:boundary").replace("bldg:lod2M", "core:lod2M")
    for kind in ("GroundSurface", "WallSurface", "RoofSurface"):
        body = body.replace(f"bldg:{kind}", f"con:{kind}")
    values = (
        "<con:dateOfConstruction>1957-05-01</con:dateOfConstruction>"
        '<con:height><con:Height><con:value uom="m">9.5</con:value></con:Height></con:height>'
        "<bldg:function>31001_3021</bldg:function><bldg:storeysAboveGround>2</bldg:storeysAboveGround>"
    )
    frame, report = load(file, model(building(body, values=values), version="3.0", gml="gml/3.2"))
    row = frame.iloc[0]
    assert (row["roof_area_m2"], row["wall_area_m2"], row["height_m"]) == pytest.approx((100, 240, 9.5))
    assert (row["year_built"], row["storeys"], row["use"]) == (1957, 2, "school")
    assert report.lines == []


@given(
    corners=st.integers(3, 12),
    radius=st.floats(2, 60),
    h=st.floats(2, 100),
    slope=st.floats(0, 1.2),
    turn=st.floats(0, 6.28),
    winding=st.sampled_from([1, -1]),
)
def test_prism_with_a_slanting_roof(
    tmp_path_factory: pytest.TempPathFactory,
    corners: int,
    radius: float,
    h: float,
    slope: float,
    turn: float,
    winding: int,
) -> None:
    """Roof = plan / cos(slope), walls = sum of trapezes, however the ring turns."""
    angle = turn + winding * np.linspace(0, 2 * np.pi, corners, endpoint=False)
    plan = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    top = 40 + h + (plan[:, 0] + radius) * slope
    base: list[Corner] = [(EAST + x, NORTH + y, 40.0) for x, y in plan]
    roof: list[Corner] = [(EAST + x, NORTH + y, float(z)) for (x, y), z in zip(plan, top, strict=True)]
    walls = [[base[i - 1], base[i], roof[i], roof[i - 1], base[i - 1]] for i in range(corners)]
    body = surface("GroundSurface", polygon([*base, base[0]])) + surface("RoofSurface", polygon([*roof, roof[0]]))
    row = only(
        tmp_path_factory.mktemp("prism") / "a.gml", body + surface("WallSurface", *(polygon(wall) for wall in walls))
    )
    area = shapely.Polygon(plan).area
    edge = np.linalg.norm(plan - np.roll(plan, 1, axis=0), axis=1)
    rise = top - 40
    assert row.geometry.area == pytest.approx(area, rel=1e-6)
    assert row["roof_area_m2"] == pytest.approx(area * math.hypot(1, slope), rel=1e-6)
    assert row["wall_area_m2"] == pytest.approx((edge * (rise + np.roll(rise, 1)) / 2).sum(), rel=1e-6)
    assert row["height_m"] == pytest.approx(rise.max(), rel=1e-6)
    assert row["roof"] == ("flat" if math.degrees(math.atan(slope)) <= 10 else "pitched")


def test_courtyard_is_no_roof(file: Path) -> None:
    """Forgotten inner rings would count the yard: 400 - 36 m2."""
    base, yard = ground(EAST, NORTH, 20, 20), ground(EAST + 5, NORTH + 5, 6, 6)
    lids = [polygon(ring, holes=[hole]) for ring, hole in ((base, yard), (lift(base, 5), lift(yard, 5)))]
    row = only(file, surface("GroundSurface", lids[0]) + surface("RoofSurface", lids[1]))
    assert row.geometry.area == pytest.approx(364)
    assert row["roof_area_m2"] == pytest.approx(364)
    assert math.isnan(row["wall_area_m2"])  # none is drawn: missing, not zero


def test_other_ways_to_write_coordinates(file: Path) -> None:
    """GML 2 coordinates and single positions hold the same house."""
    base = ground(EAST, NORTH)
    old = " ".join(f"{x},{y},{z}" for x, y, z in base)
    single = "".join(f"<gml:pos>{x} {y} {z + 6}</gml:pos>" for x, y, z in base)
    body = surface(
        "GroundSurface",
        f"<gml:Polygon><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>{old}</gml:coordinates>"
        "</gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>",
    ) + surface(
        "RoofSurface",
        f"<gml:Triangle><gml:exterior><gml:LinearRing>{single}</gml:LinearRing></gml:exterior></gml:Triangle>",
    )
    row = only(file, body)
    assert row.geometry.area == pytest.approx(80)
    assert (row["roof_area_m2"], row["height_m"]) == pytest.approx((80, 6))


def test_parts_become_one_building(file: Path) -> None:
    """Two parts of 80 m2 side by side: one row, areas added, the taller one's height, the larger one's words."""
    small = part(box(EAST + 10, NORTH, w=5, h=3), gml_id="p1", values="<bldg:function>31001_2463</bldg:function>")
    large = part(
        box(),
        gml_id="p2",
        values="<bldg:function>31001_1010</bldg:function><bldg:storeysAboveGround>2</bldg:storeysAboveGround>"
        "<bldg:roofType>1000</bldg:roofType>",
    )
    frame, report = load(file, model(building(small + large)))
    row = frame.iloc[0]
    assert len(frame) == 1
    assert row.geometry.area == pytest.approx(120)
    assert row.geometry.geom_type == "Polygon"
    assert (row["roof_area_m2"], row["wall_area_m2"]) == pytest.approx((120, 216 + 2 * (5 + 8) * 3))
    assert (row["use"], row["storeys"], row["roof"], row["height_m"]) == (RESIDENTIAL, 2, "flat", 6)
    assert report.lines == []


def test_a_part_that_cannot_be_read_leaves_a_gap_not_a_smaller_house(file: Path) -> None:
    frame, report = load(file, model(building(part(box(), gml_id="p1") + part("", gml_id="p2"))))
    row = frame.iloc[0]
    assert row.geometry.area == pytest.approx(80)
    assert math.isnan(row["roof_area_m2"])
    assert math.isnan(row["wall_area_m2"])
    assert said(report, "parts without", "kept") == ["b1/p2"]


def test_lod1_block_is_told_apart_by_slope_but_its_level_top_is_no_flat_roof(file: Path) -> None:
    base = ground(EAST, NORTH)
    shell = members(*(polygon(ring) for ring in [base, lift(base, 6), *sides(base, 6)]))
    body = (
        f"<bldg:lod1Solid><gml:Solid><gml:exterior><gml:CompositeSurface>{shell}"
        "</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod1Solid>"
    )
    frame, report = load(file, model(building(body)))
    row = frame.iloc[0]
    assert row.geometry.area == pytest.approx(80)
    assert (row["roof_area_m2"], row["wall_area_m2"], row["height_m"]) == pytest.approx((80, 216, 6))
    assert row["roof"] == ""
    assert said(report, "have no names", "kept") == ["b1"]


def outline_lod0(coordinates: str, dimension: str) -> str:
    return (
        f'<bldg:lod0FootPrint><gml:MultiSurface srsDimension="{dimension}"><gml:surfaceMember><gml:Polygon>'
        f"<gml:exterior><gml:LinearRing><gml:posList>{coordinates}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
        "</gml:surfaceMember></gml:MultiSurface></bldg:lod0FootPrint>"
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_lod0_outline_without_surfaces(file: Path, dimension: int) -> None:
    """Six pairs are as many numbers as four triples: the dimension must be read, not inferred."""
    x, y = EAST, NORTH
    corners = [(x, y), (x + 10, y), (x + 10, y + 4), (x + 10, y + 8), (x, y + 8), (x, y)]
    text = " ".join(f"{a} {b} 40"[: None if dimension == 3 else -3] for a, b in corners)
    frame, report = load(file, model(building(outline_lod0(text, str(dimension)))))
    assert frame.area.tolist() == pytest.approx([80])
    assert frame[["height_m", "roof_area_m2", "wall_area_m2"]].isna().all(axis=None)
    assert said(report, "outline taken from LoD0", "kept") == ["b1"]


def test_outline_from_the_roof_is_reported(file: Path) -> None:
    body = "".join(f"<bldg:{piece}" for piece in gable().split("<bldg:") if piece)
    body = body.replace("GroundSurface", "OuterFloorSurface")
    frame, report = load(file, model(building(body)))
    assert frame.area.tolist() == pytest.approx([80])
    assert frame["height_m"].tolist() == pytest.approx([9])  # the walls stand on the ground
    assert said(report, "outline taken from the roof", "kept") == ["b1"]


def test_surfaces_may_refer_to_the_faces_of_the_solid(file: Path) -> None:
    """Some programs put the polygons into the solid: without following the references the house has no area."""
    base = ground(EAST, NORTH)
    shell = members(polygon(base, gml_id="g"), polygon(lift(base, 6), gml_id="r"))
    solid = f"<bldg:lod2Solid><gml:Solid><gml:exterior>{shell}</gml:exterior></gml:Solid></bldg:lod2Solid>"
    refer = '<gml:surfaceMember xlink:href="#{}"/>'

    def named(kind: str, target: str) -> str:
        return surface(kind, "").replace("<gml:surfaceMember></gml:surfaceMember>", refer.format(target))

    row = only(file, solid + named("GroundSurface", "g") + named("RoofSurface", "r"))
    assert row.geometry.area == pytest.approx(80)
    assert row["roof_area_m2"] == pytest.approx(80)
    frame, report = load(file, model(building(solid + named("GroundSurface", "g") + named("RoofSurface", "elsewhere"))))
    assert frame["roof_area_m2"].isna().all()
    assert said(report, "refer to something", "kept") == ["b1"]


# --- values -------------------------------------------------------------------------------------------------------


def test_every_code_leads_to_a_use_and_to_one_only() -> None:
    codes = [code for codes in USES_BY_CODE.values() for code in codes.split()]
    assert sorted(ALKIS_USES) == sorted(codes)
    assert set(ALKIS_USES.values()) <= set(USES) - {UNKNOWN}
    assert {code[0] for code, use in ALKIS_USES.items() if use == RESIDENTIAL} == {"1", "3"}  # shelters are in 3000


@pytest.mark.parametrize(
    ("code", "use"),
    [
        ("31001_1010", RESIDENTIAL),
        ("1010", RESIDENTIAL),
        ("31001_1313", UNHEATED),
        ("31001_2463", UNHEATED),
        ("31001_2020", "office"),
        ("31001_2071", "hotel"),
        ("31001_2054", "retail"),
        ("31001_2111", "industry"),
        ("31001_2143", "warehouse"),
        ("31001_2120", "workshop"),
        ("31001_3021", "school"),
        ("31001_3065", "kita"),
        ("31001_3051", "hospital"),
        ("31001_3041", "church"),
        ("31001_3211", "sports_hall"),
        ("31001_3221", "pool"),
        ("51009_1610", UNHEATED),
    ],
)
def test_use_by_function(file: Path, code: str, use: str) -> None:
    assert only(file, box(), f"<bldg:function>{code}</bldg:function>")["use"] == use


@pytest.mark.parametrize("tag", ["31001_9998", "9999", "house", '1120" codeSpace="http://www.sig3d.org/function.xml'])
def test_a_function_that_is_not_in_the_table_is_named_and_unknown(file: Path, tag: str) -> None:
    """1120 is housing with shops in ALKIS and an office in the list of the SIG 3D: a guess would be wrong."""
    code, _, attribute = tag.partition('" ')
    element = f"<bldg:function{f' {attribute}' + chr(34) if attribute else ''}>{code}</bldg:function>"
    frame, report = load(file, model(building(box(), values=element)))
    assert frame["use"].tolist() == [UNKNOWN]
    assert said(report, f"{code} (1)", "kept") == ["b1"]


@pytest.mark.parametrize(
    ("uom", "text", "height_m", "words"),
    [
        (' uom="m"', "7.5", 7.5, ""),
        (' uom="urn:adv:uom:m"', "7.5", 7.5, ""),
        (' uom="#m"', "7.5", 7.5, ""),
        (' uom="urn:ogc:def:uom:EPSG::9001"', "7.5", 7.5, ""),
        ("", "7.5", 7.5, "without a unit"),
        (' uom="ft"', "100", 30.48, "converted"),
        (' uom="cm"', "750", 7.5, "converted"),
        (' uom="furlong"', "7.5", 6.0, "unknown unit"),
        (' uom="m"', "-9999", 6.0, "no height of a building"),
        (' uom="m"', "high", 6.0, "no height of a building"),
        (' uom="m"', "NaN", 6.0, "no height of a building"),
    ],
)
def test_measured_height(file: Path, uom: str, text: str, height_m: float, words: str) -> None:
    """What cannot be used is reported and the height drawn (6 m) taken."""
    height = f"<bldg:measuredHeight{uom}>{text}</bldg:measuredHeight><bldg:function>1010</bldg:function>"
    frame, report = load(file, model(building(box(), values=height)))
    assert frame["height_m"].tolist() == pytest.approx([height_m])
    assert len(report.lines) == bool(words)
    assert all(words in line.what for line in report.lines)


@pytest.mark.parametrize(
    ("name", "text", "column", "value"),
    [
        ("storeysAboveGround", "3", "storeys", 3),
        ("storeysAboveGround", "0", "storeys", math.nan),
        ("storeysAboveGround", "2.5", "storeys", math.nan),
        ("storeysAboveGround", "many", "storeys", math.nan),
        ("yearOfConstruction", "1957", "year_built", 1957),
        ("yearOfConstruction", "1957Z", "year_built", 1957),
        ("yearOfConstruction", "0001", "year_built", math.nan),
        ("yearOfConstruction", "9999", "year_built", math.nan),
        ("yearOfConstruction", "old", "year_built", math.nan),
    ],
)
def test_storeys_and_years_out_of_range_are_missing(
    file: Path, name: str, text: str, column: str, value: float
) -> None:
    values = f"<bldg:{name}>{text}</bldg:{name}><bldg:function>1010</bldg:function>"
    frame, report = load(file, model(building(box(), values=values)))
    assert frame[column].tolist() == pytest.approx([value], nan_ok=True)
    assert len(report.lines) == math.isnan(value)


@pytest.mark.parametrize(
    ("code", "body", "roof"),
    [
        ("1000", gable(), "flat"),
        ("31007_1000", gable(), "flat"),
        ("3100", box(), "pitched"),
        ("9999", box(), "flat"),
        ("9999", gable(), "pitched"),
    ],
)
def test_roof_by_code_before_slope(file: Path, code: str, body: str, roof: str) -> None:
    """9999 is "other" and says nothing about the slope."""
    assert only(file, body, f"<bldg:roofType>{code}</bldg:roofType>")["roof"] == roof


# --- reference systems --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("srs", "epsg", "north_first"),
    [
        ("urn:ogc:def:crs:EPSG::25832", 25832, False),
        ("urn:ogc:def:crs:EPSG:9.6:25832", 25832, False),
        ("urn:ogc:def:crs:EPSG:25832", 25832, False),
        ("urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837", 25832, False),
        ("urn:ogc:def:crs,crs:EPSG:6.12:25832,crs:EPSG:6.12:5783", 25832, False),
        ("EPSG:25832", 25832, False),
        ("EPSG:25832+7837", 25832, False),
        ("http://www.opengis.net/def/crs/EPSG/0/25832", 25832, False),
        ("http://www.opengis.net/gml/srs/epsg.xml#25832", 25832, False),
        (
            (
                "http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/25832"
                "&amp;2=http://www.opengis.net/def/crs/EPSG/0/7837"
            ),
            25832,
            False,
        ),
        ("urn:ogc:def:crs:EPSG::5555", 25832, False),
        ("urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH", 25832, False),
        ("urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH*GCG2016", 25832, False),
        ("urn:adv:crs:DE_DHDN_3GK2*DE_DHHN92_NH", 31466, False),
        ("urn:ogc:def:crs:EPSG::31466", 31466, True),
        ("http://www.opengis.net/def/crs/EPSG/0/31466", 31466, True),
        ("EPSG:31466", 31466, False),
        ("urn:ogc:def:crs:EPSG::7423", 4258, True),
        ("urn:ogc:def:crs:EPSG::4979", 4326, True),
        ("urn:ogc:def:crs,crs:EPSG::4258,crs:EPSG::7837", 4258, True),
    ],
)
def test_reference_system_and_order_of_axes(file: Path, srs: str, epsg: int, *, north_first: bool) -> None:
    """The same house in every notation: x is east, and areas are metres even where the file is in degrees."""
    house = gpd.GeoSeries.from_xy([EAST, EAST + 10, EAST + 10, EAST], [NORTH, NORTH, NORTH + 8, NORTH + 8], crs=25832)
    plan = [(point.x, point.y) for point in house.to_crs(epsg)]
    order = [(y, x) if north_first else (x, y) for x, y in [*plan, plan[0]]]
    base: list[Corner] = [(a, b, 40.0) for a, b in order]
    body = surface("GroundSurface", polygon(base)) + surface("RoofSurface", polygon(lift(base, 6)))
    body += surface("WallSurface", *(polygon(side) for side in sides(base, 6)))
    row = only(file, body, srs=srs)
    frame = gpd.GeoSeries([row.geometry], crs=epsg)
    assert (row.geometry.bounds[0], row.geometry.bounds[1]) == pytest.approx(np.min(plan, axis=0))
    assert frame.to_crs(25832).area.iloc[0] == pytest.approx(80, rel=1e-6)
    # metres of a map are not quite metres on the ground: up to 0.4 per mille in these zones
    assert (row["roof_area_m2"], row["wall_area_m2"]) == pytest.approx((80, 216), rel=2e-3)
    assert row["height_m"] == pytest.approx(6)
    assert load(file, model(building(body), srs=srs))[0].crs.to_epsg() == epsg


def test_feet_become_metres(file: Path) -> None:
    """Buffalo's state plane is in US survey feet, across and up."""
    foot = 1200 / 3937
    base = [(1_070_000 + x / foot, 1_050_000 + y / foot, z / foot) for x, y, z in ground(0, 0)]
    body = surface("GroundSurface", polygon(base)) + surface("RoofSurface", polygon(lift(base, 6 / foot)))
    row = only(file, body, srs="urn:ogc:def:crs:EPSG::2262")
    assert (row["roof_area_m2"], row["height_m"]) == pytest.approx((80, 6))


def test_degrees_without_a_height_system_leave_areas_missing(file: Path) -> None:
    base: list[Corner] = [
        (7.0, 51.0, 40),
        (7.0002, 51.0, 40),
        (7.0002, 51.0001, 40),
        (7.0, 51.0001, 40),
        (7.0, 51.0, 40),
    ]
    body = surface("GroundSurface", polygon(base)) + surface("RoofSurface", polygon(lift(base, 6)))
    frame, report = load(file, model(building(body), srs="EPSG:4326"))
    assert frame[["roof_area_m2", "height_m"]].isna().all(axis=None)
    assert said(report, "without a height system", "kept") == ["b1"]


@pytest.mark.parametrize(
    "srs",
    [
        "urn:ogc:def:crs:EPSG::99999",
        "urn:ogc:def:crs:EPSG::25832x",
        "urn:adv:crs:DE_SOMETHING",
        "WGS84",
        "25832",
        "urn:ogc:def:crs:EPSG::4978",
        "urn:ogc:def:crs:EPSG::7837",
        "+proj=utm +zone=32",
    ],
)
def test_an_unknown_reference_system_is_refused_by_name(file: Path, srs: str) -> None:
    """Geocentric coordinates and mere heights are no map either."""
    report = Report()
    file.write_text(model(building(box()), srs=srs))
    with pytest.raises(CRSMismatchError) as error:
        read(file, report)
    assert srs in str(error.value)
    assert report == Report()


def test_a_missing_reference_system_is_refused(file: Path) -> None:
    with pytest.raises(CRSMismatchError, match="names no CRS"):
        load(file, model(building(box()), srs=""))


def test_a_reference_system_that_comes_late_is_refused(file: Path) -> None:
    with pytest.raises(CRSMismatchError, match="1 buildings stand before"):
        load(file, model(building(box()), building(box() + envelope(UTM), gml_id="b2"), srs=""))


def test_two_reference_systems_are_listed(file: Path) -> None:
    """One building in zone 33 among those of zone 32 would land 400 km off."""
    other = building(box() + envelope("EPSG:25833"), gml_id="b2")
    with pytest.raises(CRSMismatchError) as error:
        load(file, model(building(box()), other))
    assert UTM in str(error.value)
    assert "EPSG:25833" in str(error.value)


def test_two_names_of_one_reference_system_agree(file: Path) -> None:
    frame, _ = load(file, model(building(box() + envelope("EPSG:25832"))))
    assert len(frame) == 1


@pytest.mark.parametrize("srs", ["urn:ogc:def:crs:EPSG::31466", "EPSG:31466", "EPSG:25832", "EPSG:4258"])
def test_coordinates_of_another_system_are_refused(file: Path, srs: str) -> None:
    """Swapped axes and a zone number in front must not end up in Somalia without a word."""
    x, y = {"urn:ogc:def:crs:EPSG::31466": (2_560_000, 5_700_000), "EPSG:31466": (5_700_000, 2_560_000)}.get(
        srs, (32_360_000, 5_706_000)
    )
    with pytest.raises(CRSMismatchError, match="are not where"):
        load(file, model(building(box(x, y)), srs=srs))


def test_a_stray_building_is_dropped_the_others_stay(file: Path) -> None:
    houses = [building(box(EAST + 20 * i), gml_id=f"b{i}") for i in range(3)]
    frame, report = load(file, model(*houses, building(box(0, 0), gml_id="stray")))
    assert frame["building_id"].tolist() == ["b0", "b1", "b2"]
    assert said(report, "outside the area", "dropped") == ["stray"]
    assert report.counted == {"city.gml": (4, 3)}


# --- broken buildings ---------------------------------------------------------------------------------------------

FAULTS = {
    "good": (box(), True),
    "no surface": ("", False),
    "NaN in the ground, roof whole": (box().replace(" 40.0", " NaN", 1), True),
    "only a wall": (surface("WallSurface", polygon(sides(ground(EAST, NORTH), 6)[0])), False),
    "infinite": (surface("GroundSurface", polygon([(math.inf, NORTH, 40), *ground(EAST, NORTH)])), False),
    "far beyond any map": (surface("GroundSurface", polygon([(1e300, NORTH, 40), *ground(EAST, NORTH)])), False),
    "collapsed": (surface("GroundSurface", polygon([(EAST, NORTH, 40)] * 4)), False),
    "two corners": (surface("GroundSurface", polygon(ground(EAST, NORTH)[:2])), False),
    "one corner": (surface("GroundSurface", polygon(ground(EAST, NORTH)[:1])), False),
    "a line": (surface("GroundSurface", polygon([(EAST + i, NORTH, 40) for i in (0, 5, 9, 0)])), False),
    "no ring": (surface("GroundSurface", "<gml:Polygon/>"), False),
    "text": (surface("GroundSurface", polygon(ground(EAST, NORTH)).replace("40", "forty")), False),
    "odd number of numbers": (surface("GroundSurface", polygon(ground(EAST, NORTH)).replace(" 40.0</", "</")), False),
    "upright ground": (surface("GroundSurface", polygon(sides(ground(EAST, NORTH), 6)[0])), False),
}


@given(kinds=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=8), twice=st.booleans())
def test_nobody_is_lost_without_a_word(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], *, twice: bool
) -> None:
    """Whatever is broken, rows out plus reported equals buildings in, and what is usable stays in order."""
    houses = [building(FAULTS[kind][0], gml_id=f"b{i}") for i, kind in enumerate(kinds)]
    if twice:
        houses.append(houses[0])
    frame, report = load(tmp_path_factory.mktemp("faults") / "city.gml", model(*houses))
    assert frame["building_id"].tolist() == [f"b{i}" for i, kind in enumerate(kinds) if FAULTS[kind][1]]
    assert report.counted["city.gml"] == (len(houses), len(frame))
    assert sum(line.count for line in report.lines if line.done == "dropped") == len(houses) - len(frame)
    assert frame.geometry.is_valid.all()
    assert (frame.area > 0).all()


def test_broken_numbers_leave_the_area_missing_not_smaller(file: Path) -> None:
    """One of six walls with NaN: 228 m2 would look like an answer."""
    body = gable().replace(" 49.0", " NaN", 1)
    frame, report = load(file, model(building(body)))
    assert frame["wall_area_m2"].isna().all()
    assert frame["roof_area_m2"].tolist() == pytest.approx([100])
    assert frame["height_m"].isna().all()
    assert frame.area.tolist() == pytest.approx([80])
    assert said(report, "are no numbers", "kept") == ["b1"]


def test_open_rings_are_closed(file: Path) -> None:
    body = surface("GroundSurface", polygon(ground(EAST, NORTH)[:-1]))
    frame, report = load(file, model(building(body)))
    assert frame.area.tolist() == pytest.approx([80])
    assert said(report, "not closed", "repaired") == ["b1"]


def test_a_face_of_no_area_is_left_out(file: Path) -> None:
    flat = [(EAST + i, NORTH, 40.0) for i in (0.0, 5.0, 9.0, 0.0)]
    frame, report = load(file, model(building(box() + surface("RoofSurface", polygon(flat)))))
    assert frame["roof_area_m2"].tolist() == pytest.approx([80])
    assert said(report, "no area", "repaired") == ["b1"]


def test_a_self_crossing_outline_is_repaired(file: Path) -> None:
    """A bow tie: two triangles of 16 m2 above and below 5 m, not their difference."""
    x, y = EAST, NORTH
    tie: list[Corner] = [(x, y, 40), (x + 8, y + 10, 40), (x + 8, y, 40), (x, y + 8, 40), (x, y, 40)]
    frame, report = load(file, model(building(surface("GroundSurface", polygon(tie)))))
    shape = shapely.make_valid(shapely.Polygon([point[:2] for point in tie]))
    assert frame.area.tolist() == pytest.approx([shape.area])
    assert frame.geometry.is_valid.all()
    assert said(report, "self-crossing", "repaired") == ["b1"]


def test_ids_are_unique_and_never_empty(file: Path) -> None:
    """The key of the layer must not repeat: tiles hold the buildings on their rim twice."""
    frame, report = load(file, model(building(box()), building(box()), building(box(), gml_id=None)))
    assert frame["building_id"].tolist() == ["b1", "city.gml#3"]
    assert said(report, "id of an earlier", "dropped") == ["b1"]
    assert said(report, "without a gml:id", "kept") == ["city.gml#3"]


def test_other_objects_are_counted_in_one_line(file: Path) -> None:
    road = '<core:cityObjectMember><tran:Road gml:id="r"/></core:cityObjectMember>'
    away = '<core:cityObjectMember xlink:href="other.gml#b"/>'
    frame, report = load(file, model(road, building(box()), road, away))
    assert len(frame) == 1
    assert report.counted["city.gml, other objects"] == (3, 0)
    lines = [line for line in report.lines if line.where == "city.gml, other objects"]
    assert [line.count for line in lines] == [3]
    assert "2 Road" in lines[0].what


def test_a_file_without_buildings_says_what_it_holds(file: Path) -> None:
    road = '<core:cityObjectMember><tran:Road gml:id="r"/></core:cityObjectMember>'
    with pytest.raises(InputError, match="holds no building, but 1 Road"):
        load(file, model(road))


def test_what_comes_out_keeps_the_ranges_of_the_layer(essen: gpd.GeoDataFrame) -> None:
    for column in INPUTS["buildings"].columns:
        if column.name in essen.columns and column.kind == "number":
            values: NDArray[np.float64] = essen[column.name].dropna().to_numpy()
            assert (values >= (column.low or 0)).all()
            assert (values <= (column.high or math.inf)).all()
        elif column.name in essen.columns and column.choices:
            assert set(essen[column.name]) <= {*column.choices, ""}


# --- files that are broken or hostile -----------------------------------------------------------------------------

GOOD = model(building(gable()), building(box(EAST + 30), gml_id="b2")).encode()


@given(cut=st.integers(0, len(GOOD) - 1))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Half a city would look like a whole one."""
    file = tmp_path_factory.mktemp("cut") / "city.gml"
    file.write_bytes(GOOD[:cut])
    report = Report()
    with pytest.raises(InputError):
        read(file, report)
    assert report == Report()


@given(at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_a_flipped_byte_never_crashes(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    """An answer or an error that names the problem, nothing else."""
    file = tmp_path_factory.mktemp("flip") / "city.gml"
    file.write_bytes(GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])
    try:
        frame = read(file, Report())
    except RevierError as error:
        assert error.problems  # noqa: PT017 an error is one of two right answers
    else:
        assert frame.geometry.is_valid.all()


LAUGHS = "<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE lolz [{LAUGHS}]>",
        "<!DOCTYPE CityModel SYSTEM 'SECRET'>",
        "<!DOCTYPE CityModel [<!ENTITY i SYSTEM 'SECRET'>]>",
        "<!DOCTYPE CityModel [<!ENTITY % p SYSTEM 'SECRET'> %p;]>",
        "<!DOCTYPE CityModel>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused(file: Path, doctype: str, encoding: str) -> None:
    """Entities would fill the memory or read files of the server into a layer."""
    secret = file.parent / "secret.txt"
    secret.write_text("31001_1010")
    name = "<bldg:function>&i;</bldg:function>" if "ENTITY i" in doctype else ""
    text = model(building(box(), values=name), doctype=doctype.replace("SECRET", secret.as_uri()))
    with pytest.raises(InputError, match="document type"):
        load(file, text.replace('version="1.0"', f'version="1.0" encoding="{encoding}"', 1).encode(encoding))


def test_an_entity_hidden_behind_a_long_comment_is_refused_too(file: Path) -> None:
    """A look at the first bytes is not enough: the parser's own word counts."""
    doctype = f"<!--CityModel {'x' * 2000}--><!DOCTYPE m [<!ENTITY i 'a'>]>"
    with pytest.raises(InputError, match="document type"):
        load(file, model(building(box()), doctype=doctype))


@pytest.mark.parametrize(
    "text",
    ["", "no xml", "<a/>", "<CityModel/>", '{"type": "CityJSON"}', "<html><body>404</body></html>", "\x00\x01\x02"],
)
def test_what_is_no_citygml_is_refused(file: Path, text: str) -> None:
    with pytest.raises(InputError):
        load(file, text)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read(path, Report())


def test_the_limit_holds_plain_and_packed(tmp_path: Path) -> None:
    plain, packed, archive = tmp_path / "a.gml", tmp_path / "a.gml.gz", tmp_path / "a.zip"
    plain.write_bytes(GOOD)
    packed.write_bytes(gzip.compress(GOOD))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("tile.gml", GOOD)
    frames = [read(path, Report(), limit_bytes=len(GOOD)) for path in (plain, packed, archive)]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(frames[0]))
    for path in (plain, packed, archive):
        with pytest.raises(InputError, match="allowed are"):
            read(path, Report(), limit_bytes=len(GOOD) - 1)
    with pytest.raises(InputError, match="limit_bytes"):
        read(plain, Report(), limit_bytes=0)


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte that unpacks to a gigabyte; the zip is refused before a byte is unpacked."""
    monkeypatch.setattr(packing, "RATIO_FROM_BYTES", 10_000)
    bomb = GOOD.partition(b"<core:cityObjectMember>")[0] + b" " * 3_000_000
    packed, archive = tmp_path / "a.gz", tmp_path / "a.zip"
    packed.write_bytes(gzip.compress(bomb))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("tile.gml", bomb)
    with pytest.raises(InputError, match="times its size"):
        read(packed, Report())
    monkeypatch.setattr(zipfile.ZipFile, "open", None)  # opening an entry would be the end of the test
    with pytest.raises(InputError, match="times its size"):
        read(archive, Report())


def test_tiles_in_one_archive(tmp_path: Path) -> None:
    """The building on the rim is in both tiles; what is no GML stays unread."""
    archive = tmp_path / "tiles.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("a.gml", model(building(box()), building(box(EAST + 20), gml_id="b2")))
        out.writestr("b/b.gml", model(building(box(EAST + 20), gml_id="b2"), building(box(EAST + 40), gml_id="b3")))
        out.writestr("meta.xml", "<broken")
        out.writestr("__MACOSX/a.gml", "junk")
    report = Report()
    assert read(archive, report)["building_id"].tolist() == ["b1", "b2", "b3"]
    assert report.counted == {"tiles.zip": (4, 3)}
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("c.gml", model(building(box(), gml_id="b4"), srs="EPSG:25833"))
    with pytest.raises(CRSMismatchError, match="mixes"):
        read(archive, Report())


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    """Cut, flipped, encrypted, empty: an error with the file's name, never a traceback from the depths."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("tile.gml", GOOD)
    whole = archive.read_bytes()
    packed = gzip.compress(GOOD)
    central = whole.index(b"PK\x01\x02")
    flipped = bytearray(whole)
    flipped[60] ^= 0xFF
    encrypted = bytearray(whole)
    encrypted[6] |= 1
    encrypted[central + 8] |= 1
    strange = bytearray(whole)
    strange[8] = strange[central + 10] = 77  # a method nobody has
    for content in (whole[:-30], whole[:100], flipped, encrypted, strange, packed[:-9], packed[:50], packed + b"x"):
        archive.write_bytes(content)
        with pytest.raises(InputError) as error:
            read(archive, Report())
        assert "a.zip" in str(error.value)
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"no \.gml"):
        read(archive, Report())


def test_only_a_bite_is_held_in_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read must leave the tree, or a large city fills the memory."""
    monkeypatch.setattr(packing, "CHUNK_BYTES", 8_000)
    monkeypatch.setattr(citygml, "BUILDING_BYTES", 40_000)
    most = 0
    take = citygml._take

    def watched(city: citygml._City, child: Element, entry: str) -> None:
        nonlocal most
        parent = child.getparent()
        assert parent is not None
        most = max(most, len(parent))
        take(city, child, entry)

    monkeypatch.setattr(citygml, "_take", watched)
    frame, _ = load(file, model(*(building(box(EAST + 20 * i), gml_id=f"b{i}") for i in range(200))))
    assert len(frame) == 200
    assert file.stat().st_size > 400_000
    assert most < 10


def test_a_building_larger_than_memory_is_refused_terrain_is_passed_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 4_000)
    monkeypatch.setattr(citygml, "BUILDING_BYTES", 40_000)
    many = members(*(polygon(ground(EAST + i, NORTH)) for i in range(400)))
    relief = f"<dem:ReliefFeature><dem:tin>{many}</dem:tin></dem:ReliefFeature>"
    terrain = f"<core:cityObjectMember>{relief}</core:cityObjectMember>"
    frame, _ = load(file, model(building(box()), terrain, building(box(EAST + 30), gml_id="b2")))
    assert frame["building_id"].tolist() == ["b1", "b2"]
    with pytest.raises(InputError, match="of more than 40,000 bytes"):
        load(file, model(building(surface("RoofSurface", many))))


def test_what_would_never_end_is_given_up(file: Path) -> None:
    """A scribble of n corners has n * n crossings; a face referred to n times would be read n times."""
    angle = np.arange(3000) * 2.4
    ring: list[Corner] = [(EAST + 50 * math.cos(a), NORTH + 50 * math.sin(7 * a), 40) for a in angle]
    shell = members(polygon(ground(EAST, NORTH), gml_id="g"))
    solid = f"<bldg:lod2Solid><gml:Solid><gml:exterior>{shell}</gml:exterior></gml:Solid></bldg:lod2Solid>"
    refer = '<gml:surfaceMember xlink:href="#g"/>'
    twice = surface("RoofSurface", "").replace("<gml:surfaceMember></gml:surfaceMember>", refer * 2)
    scribble = building(surface("GroundSurface", polygon([*ring, ring[0]])), gml_id="scribble")
    frame, report = load(file, model(scribble, building(box() + solid + twice, gml_id="twice")))
    assert frame["building_id"].tolist() == ["twice"]
    assert frame["roof_area_m2"].isna().all()
    assert said(report, "without a usable", "dropped") == ["scribble"]


@pytest.mark.parametrize("before", [f"<!--{'x' * 5000}-->", f"<!--{'x' * 2_000_000}-->"])
def test_a_long_beginning(file: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """The root need not come in the first bite, but it must come."""
    monkeypatch.setattr(packing, "CHUNK_BYTES", 1000)
    text = model(building(box()), doctype=before)
    if len(before) < citygml.PROLOG_BYTES:
        assert len(load(file, text)[0]) == 1
    else:
        with pytest.raises(InputError, match="does not begin as CityGML"):
            load(file, text)


def test_an_endless_envelope_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 4_000)
    monkeypatch.setattr(citygml, "BUILDING_BYTES", 40_000)
    endless = f"<gml:boundedBy>{'<gml:Envelope/>' * 5000}</gml:boundedBy>"
    with pytest.raises(InputError, match="more than 40,000 bytes"):
        load(file, model(endless, building(box())))


def test_members_in_one_element(file: Path) -> None:
    """GML also knows one featureMembers around all of them: it must be streamed and counted the same."""
    inside = "".join(building(box(EAST + 20 * i), gml_id=f"b{i}") for i in range(30))
    for tag in ("<core:cityObjectMember>", "</core:cityObjectMember>"):
        inside = inside.replace(tag, "")
    frame, report = load(file, model(f"<gml:featureMembers>{inside}</gml:featureMembers>"))
    assert frame["building_id"].tolist() == [f"b{i}" for i in range(30)]
    assert report.counted == {"city.gml": (30, 30)}
