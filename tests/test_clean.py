"""What any file may hold: every fault is mended, dropped or refused, counted and named, and never a wrong total."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from data.clean import MAX_FOOTPRINT_M2, clean, zoning
from data.errors import ImportedError
from data.inputs import INPUTS
from data.report import Report
from geo.errors import CRSMismatchError

UTM = CRS.from_epsg(25832)
TOWN = shapely.box(390_000, 5_700_000, 394_000, 5_704_000)


def square(x: float, y: float, side: float = 10) -> shapely.Polygon:
    return shapely.box(390_000 + x, 5_700_000 + y, 390_000 + x + side, 5_700_000 + y + side)


def buildings(*shapes: shapely.Geometry | None, **columns: list[object]) -> gpd.GeoDataFrame:
    ids = [f"b{i}" for i in range(len(shapes))]
    data = {"building_id": ids, "use": ["residential"] * len(shapes)} | columns
    return gpd.GeoDataFrame(data, geometry=list(shapes), crs=UTM)


def cleaned(frame: gpd.GeoDataFrame, report: Report, crs: CRS = UTM) -> gpd.GeoDataFrame:
    return clean(
        frame, INPUTS["buildings"], where="b.gpkg", crs=crs, outline=TOWN, report=report, max_area_m2=MAX_FOOTPRINT_M2
    )


def found(report: Report) -> dict[str, tuple[int, str]]:
    return {line.what: (line.count, line.done) for line in report.lines}


def test_every_fault_of_a_geometry_is_named_once_with_its_ids() -> None:
    bow = shapely.Polygon([(390_100, 5_700_100), (390_110, 5_700_110), (390_110, 5_700_100), (390_100, 5_700_110)])
    with np.errstate(invalid="ignore"):
        nan = shapely.Polygon([(390_000, 5_700_000), (np.nan, 5_700_010), (390_010, 5_700_010)])
    line = shapely.LineString([(390_200, 5_700_200), (390_210, 5_700_200)])
    degrees = shapely.box(7.4, 51.4, 7.4001, 51.4001)
    shapes = [
        square(0, 0),
        None,
        shapely.Polygon(),
        nan,
        shapely.force_3d(square(20, 0), 80),
        bow,
        line,
        degrees,
        square(40, 0, 0.5),
        square(100, 100, 3_163),
        square(60_000, 0),
        square(0, 0),
        square(60, 0),
    ]
    frame = buildings(*shapes)
    frame.loc[12, "building_id"] = "b4"
    report = Report()
    out = cleaned(frame, report)
    assert found(report) == {
        "without geometry": (2, "dropped"),
        "with a coordinate that is no number": (1, "dropped"),
        "with heights, drawn flat": (1, "repaired"),
        "in degrees among metres (mixed CRS)": (1, "dropped"),
        "with an outline that crosses itself": (1, "repaired"),
        "that are no polygons": (1, "dropped"),
        "smaller than 1 m²": (1, "dropped"),
        "larger than 500,000 m²": (1, "dropped"),
        "outside the place": (1, "dropped"),
        "that repeat a building_id": (1, "dropped"),
        "with the same outline as another": (1, "dropped"),
    }
    assert out["building_id"].tolist() == ["b0", "b4", "b5"]
    assert out.area.tolist() == pytest.approx([100, 100, 50])
    assert not out.has_z.any()
    assert report.counted["b.gpkg"] == (13, 3)
    assert next(line for line in report.lines if line.what == "outside the place").examples == ("b10",)


def test_values_that_cannot_be_are_missing_and_the_building_stays() -> None:
    """Would break if -1 storeys became a negative floor area, or dropped the building from the count."""
    report = Report()
    out = cleaned(
        buildings(
            square(0, 0),
            square(20, 0),
            square(40, 0),
            square(60, 0),
            storeys=[-1, 3, "two", None],
            height_m=[np.inf, 9.5, 5000, 8],
            use=["residential", "palace", None, "office"],
        ),
        report,
    )
    assert len(out) == 4
    assert out["storeys"].tolist() == pytest.approx([np.nan, 3, np.nan, np.nan], nan_ok=True)
    assert out["height_m"].tolist() == pytest.approx([np.nan, 9.5, np.nan, 8], nan_ok=True)
    assert out["use"].tolist() == ["residential", "unknown", "unknown", "office"]
    told = "\n".join(str(line) for line in report.lines)
    for part in ("storeys outside 1 to 150 (-1)", "storeys that is no number", "height_m outside 1 to 400", "palace"):
        assert part in told


def test_swapped_axes_and_false_crs_are_refused_not_guessed() -> None:
    turned = shapely.transform(np.array([square(i * 20, 0) for i in range(5)]), lambda xy: xy[:, ::-1])
    with pytest.raises(CRSMismatchError, match="axes swapped"):
        cleaned(buildings(*turned), Report())
    # latitude first in a geographic CRS lands in the Indian Ocean, not in Dortmund
    lonlat = gpd.GeoSeries([square(0, 0), square(20, 0)], crs=UTM).to_crs(4326)
    flipped = shapely.transform(lonlat.to_numpy(), lambda xy: xy[:, ::-1])
    with pytest.raises(CRSMismatchError, match="axes swapped"):
        cleaned(buildings(*flipped).set_crs(4326, allow_override=True), Report())
    with pytest.raises(CRSMismatchError, match="holds degrees but says EPSG:25832"):
        cleaned(buildings(*lonlat.to_numpy()), Report())
    with pytest.raises(CRSMismatchError, match="names no CRS"):
        cleaned(gpd.GeoDataFrame(buildings(square(0, 0)), crs=None).set_crs(None, allow_override=True), Report())


def test_other_crs_is_projected_and_a_missing_column_is_refused() -> None:
    frame = buildings(square(0, 0)).to_crs(4326)
    assert cleaned(frame, Report()).area.iloc[0] == pytest.approx(100, rel=1e-6)
    with pytest.raises(ImportedError, match="column use: is missing"):
        cleaned(frame.drop(columns="use"), Report())


@given(
    st.lists(
        st.tuples(
            st.floats(-5000, 9000), st.floats(-5000, 9000), st.floats(0, 900), st.sampled_from(["ok", "bow", "gone"])
        ),
        max_size=12,
    )
)
def test_counts_in_are_counts_out_and_counts_reported(cases: list[tuple[float, float, float, str]]) -> None:
    """`Report.count` raises if a feature went without a word; here whatever the features are."""
    shapes: list[shapely.Geometry | None] = []
    for x, y, side, kind in cases:
        one = square(x, y, side)
        corners = shapely.get_coordinates(one)
        shapes.append({"ok": one, "bow": shapely.Polygon(corners[[0, 2, 1, 3]]), "gone": None}[kind])
    report = Report()
    out = cleaned(buildings(*shapes), report)
    dropped = sum(line.count for line in report.lines if line.done == "dropped")
    assert len(out) + dropped == len(cases)
    assert out.is_valid.all()
    assert (out.area >= 1).all()


def test_a_lost_feature_is_an_error_of_ours() -> None:
    report = Report()
    report.add("f", "bad", ["a"], "dropped")
    report.count("f", 3, 2)
    with pytest.raises(AssertionError, match="3 came in, 1 are left, but 1 are reported"):
        report.count("f", 3, 1)


def test_overlaps_and_gaps_of_districts_are_reported_with_their_area() -> None:
    shapes = [square(0, 0, 1000), square(900, 0, 1000), square(0, 1100, 1000)]
    frame = gpd.GeoDataFrame({"district": ["a", "b", "c"], "name": ["A", "B", "C"]}, geometry=shapes, crs=UTM)
    report = Report()
    zoning(frame, square(0, 0, 2100), where="d.gpkg", report=report)
    told = [str(line) for line in report.lines]
    assert told[0].startswith("d.gpkg: 1 pairs of districts that overlap (10.0 ha), kept (a/b)")
    assert "gaps between districts (151.0 ha)" in told[1]
    whole = gpd.GeoDataFrame({"district": ["a", "b"]}, geometry=[square(0, 0, 10), square(10, 0, 10)], crs=UTM)
    quiet = Report()
    zoning(whole, None, where="d", report=quiet)
    assert quiet.lines == []
