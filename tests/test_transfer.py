"""From one zoning to another: sums hold, what lands nowhere stays in sight, and broken layers are named."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from geo.arrays import FloatArray
from geo.errors import CRSMismatchError, InputError
from geo.transfer import area_shares, transfer

CRS = "EPSG:25832"
EAST, NORTH = 393_000.0, 5_708_000.0  # Dortmund: coordinates of a real size, where rounding would show


def layer(geometries: Sequence[BaseGeometry], *, index: list[Any] | None = None, **columns: Any) -> gpd.GeoDataFrame:
    """Polygons in metres from the corner."""
    moved = shapely.transform(np.array(geometries, dtype=object), lambda xy: np.add(xy, (EAST, NORTH)))
    return gpd.GeoDataFrame(columns, geometry=moved, index=index, crs=CRS)


def shares(sources: gpd.GeoDataFrame, targets: gpd.GeoDataFrame) -> list[list[float]]:
    found: list[list[float]] = area_shares(sources.geometry, targets.geometry).matrix.toarray().tolist()
    return found


LEFT, RIGHT = shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)
RING = shapely.Polygon(LEFT.exterior, [shapely.box(4, 4, 6, 6).exterior])


# --- worked by hand ---------------------------------------------------------------------------------------------------


def test_shares_of_what_lies_inside_across_outside_and_on_the_border() -> None:
    sources = layer(
        [
            shapely.box(2, 2, 3, 3),  # inside the left one, touching nothing
            shapely.box(7, 0, 17, 1),  # 3 in the left, 7 in the right one
            shapely.box(15, 0, 25, 1),  # half outside
            shapely.box(20, 0, 21, 1),  # outside, with a common border
            shapely.box(30, 0, 31, 1),  # far outside
            LEFT,  # the same geometry
        ]
    )
    found = area_shares(sources.geometry, layer([LEFT, RIGHT]).geometry)
    assert found.matrix.toarray() == pytest.approx(
        np.array([[1, 0], [0.3, 0.7], [0, 0.5], [0, 0], [0, 0], [1, 0]]), abs=1e-9
    )
    assert found.covered == pytest.approx([1, 1, 0.5, 0, 0, 1], abs=1e-9)
    assert found.matrix.nnz == 5, "a common border is no share"


def test_a_hole_belongs_to_whoever_fills_it() -> None:
    source = layer([shapely.box(3, 3, 7, 7)])
    assert shares(source, layer([RING])) == [pytest.approx([0.75])]
    assert shares(source, layer([RING, shapely.box(4, 4, 6, 6)])) == [pytest.approx([0.75, 0.25])]
    inside_the_hole = layer([shapely.box(4.5, 4.5, 5.5, 5.5)])
    assert shares(inside_the_hole, layer([RING])) == [[0]]
    assert shares(layer([RING]), layer([shapely.box(0, 0, 5, 10), shapely.box(5, 0, 10, 10)])) == [
        pytest.approx([0.5, 0.5])
    ]


def test_multipolygons_are_one_source_and_one_target() -> None:
    source = layer([shapely.multipolygons([shapely.box(1, 1, 3, 3), shapely.box(12, 1, 18, 3)])])  # 4 and 12 m²
    assert shares(source, layer([LEFT, RIGHT])) == [pytest.approx([0.25, 0.75])]
    apart = shapely.multipolygons([shapely.box(0, 0, 2, 2), shapely.box(13, 0, 15, 2)])
    assert shares(layer([shapely.box(1, 0, 14, 1)]), layer([apart])) == [pytest.approx([2 / 13])]


def test_sums_and_means_of_three_cells() -> None:
    """Cells of 40, 60 and 100 m², the last one half outside and without a value of its own."""
    sources = layer(
        [shapely.box(0, 0, 4, 10), shapely.box(4, 0, 10, 10), shapely.box(15, 0, 25, 10)],
        people=[8, 12, 10],
        rate=[10.0, 20.0, np.nan],
    )
    targets = layer([LEFT, RIGHT, shapely.box(50, 0, 60, 10)], index=["left", "right", "far"], name=["L", "R", "F"])
    before = targets.copy()
    out, remainder = transfer(sources, targets, extensive=["people"], intensive=["rate"])

    assert_geodataframe_equal(targets, before)
    assert_geodataframe_equal(out[["name", "geometry"]], before[["name", "geometry"]])
    assert out["people"].to_dict() == pytest.approx({"left": 20, "right": 5, "far": 0})
    assert remainder == {"people": pytest.approx(5)}
    assert out["rate"].to_dict() == pytest.approx({"left": 16, "right": np.nan, "far": np.nan}, nan_ok=True)


def test_a_missing_rate_is_left_out_of_the_mean_not_read_as_zero() -> None:
    sources = layer([shapely.box(0, 0, 4, 10), shapely.box(4, 0, 10, 10)], rate=[10.0, np.nan])
    assert transfer(sources, layer([LEFT]), intensive=["rate"])[0]["rate"].tolist() == [pytest.approx(10)]


def test_what_sticks_out_over_the_edge_can_be_kept_inside() -> None:
    """One source half outside, one across both targets and the edge, one that touches no target."""
    sources = layer(
        [shapely.box(-5, 0, 5, 1), shapely.box(8, -6, 14, 4), shapely.box(40, 0, 41, 1)], people=[10.0, 30.0, 7.0]
    )
    targets = layer([LEFT, RIGHT])
    plain, left_over = transfer(sources, targets, extensive=["people"])
    assert plain["people"].tolist() == pytest.approx([5 + 4, 8])
    assert left_over["people"] == pytest.approx(5 + 18 + 7)
    kept, left_over = transfer(sources, targets, extensive=["people"], edge_belongs_inside=True)
    assert kept["people"].tolist() == pytest.approx([10 + 10, 20])
    assert left_over["people"] == pytest.approx(7), "what touches no target has no place to go"


def test_layers_without_rows_give_zero_and_keep_the_total() -> None:
    targets = layer([LEFT, RIGHT])
    sources = layer([shapely.box(0, 0, 1, 1)], people=[3.0], rate=[1.0])
    out, remainder = transfer(sources.iloc[:0], targets, extensive=["people"], intensive=["rate"])
    assert out["people"].tolist() == [0, 0]
    assert out["rate"].isna().all()
    assert remainder == {"people": 0}
    out, remainder = transfer(sources, targets.iloc[:0], extensive=["people"])
    assert len(out) == 0
    assert remainder == {"people": 3}


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def zonings(draw: st.DrawFn) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Rectangles and triangles that may overlap, against some cells of an uneven grid, a few with a hole."""
    edge = st.lists(st.integers(0, 400), min_size=2, max_size=5, unique=True).map(sorted)
    cells: list[BaseGeometry] = []
    for (west, east), (south, north) in product(pairwise(draw(edge)), pairwise(draw(edge))):
        cell = shapely.box(west / 4, south / 4, east / 4, north / 4)
        if draw(st.booleans()):
            inner = shapely.affinity.scale(cell, 0.4, 0.3)
            cell = shapely.Polygon(cell.exterior, [inner.exterior])
        cells.append(cell)
    targets = draw(st.lists(st.sampled_from(cells), min_size=1, unique_by=id))

    spot = st.integers(-80, 480).map(lambda n: n / 4)
    size = st.integers(2, 200).map(lambda n: n / 4)
    rectangles = st.tuples(spot, spot, size, size).map(lambda b: shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3]))
    points = st.tuples(spot, spot)
    triangles = st.tuples(points, points, points).map(shapely.Polygon).filter(lambda t: t.area > 1)
    sources = draw(st.lists(st.one_of(rectangles, triangles), min_size=1, max_size=8))
    amounts = draw(st.lists(st.floats(-1e6, 1e6, width=32), min_size=len(sources), max_size=len(sources)))
    return layer(sources, amount=amounts), layer(targets)


def by_overlay(sources: gpd.GeoDataFrame, targets: gpd.GeoDataFrame) -> FloatArray:
    """Compute the slow twin: geopandas cuts every piece."""
    pieces = gpd.overlay(
        gpd.GeoDataFrame({"s": range(len(sources))}, geometry=sources.geometry.to_numpy(), crs=CRS),
        gpd.GeoDataFrame({"t": range(len(targets))}, geometry=targets.geometry.to_numpy(), crs=CRS),
        how="intersection",
        keep_geom_type=True,
    )
    found = np.zeros((len(sources), len(targets)))
    row, column = pieces["s"].to_numpy(int), pieces["t"].to_numpy(int)
    np.add.at(found, (row, column), pieces.area.to_numpy() / sources.area.to_numpy()[row])
    return found


@given(zonings())
def test_shares_are_those_of_geopandas_overlay(case: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]) -> None:
    """Breaks if the shortcut 'inside needs no intersection' gives another answer than cutting every piece."""
    found = area_shares(case[0].geometry, case[1].geometry)
    twin = by_overlay(*case)
    np.testing.assert_allclose(found.matrix.toarray(), twin, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.covered, twin.sum(axis=1), rtol=1e-9, atol=1e-9)


@given(zonings())
def test_targets_and_remainder_add_up_to_the_sources(case: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]) -> None:
    sources, targets = case
    out, remainder = transfer(sources, targets, extensive=["amount"])
    tolerance = 1e-9 * sources["amount"].abs().sum()
    assert abs(out["amount"].sum() + remainder["amount"] - sources["amount"].sum()) <= tolerance


@settings(max_examples=30)
@given(zonings())
def test_the_edge_inside_keeps_the_full_sum(case: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]) -> None:
    """Only what touches no target at all is left over."""
    sources, targets = case
    out, remainder = transfer(sources, targets, extensive=["amount"], edge_belongs_inside=True)
    tolerance = 1e-9 * sources["amount"].abs().sum()
    apart = area_shares(sources.geometry, targets.geometry).covered == 0
    assert abs(remainder["amount"] - sources["amount"][apart].sum()) <= tolerance
    assert abs(out["amount"].sum() - sources["amount"][~apart].sum()) <= tolerance


@settings(max_examples=30)
@given(zonings(), st.data())
def test_the_order_of_rows_does_not_matter(
    case: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame], data: st.DataObject
) -> None:
    sources, targets = case
    sources["rate"] = sources["amount"].where(sources["amount"] > 0)
    rows = data.draw(st.permutations(range(len(sources))))
    columns = data.draw(st.permutations(range(len(targets))))
    straight, left = transfer(sources, targets, extensive=["amount"], intensive=["rate"])
    mixed, mixed_left = transfer(sources.iloc[rows], targets.iloc[columns], extensive=["amount"], intensive=["rate"])
    assert mixed.index.tolist() == columns
    size = sources["amount"].abs().sum()
    assert mixed_left["amount"] == pytest.approx(left["amount"], rel=1e-9, abs=1e-12 * size)
    for name in ("amount", "rate"):
        np.testing.assert_allclose(
            mixed[name].sort_index(), straight[name].sort_index(), rtol=1e-9, atol=1e-12 * size, err_msg=name
        )


@settings(max_examples=30)
@given(zonings(), st.floats(-1e6, 1e6, width=32))
def test_a_rate_that_is_the_same_everywhere_stays_the_same(
    case: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame], rate: float
) -> None:
    sources, targets = case
    sources["rate"] = rate
    found = transfer(sources, targets, intensive=["rate"])[0]["rate"].dropna()
    assert found.tolist() == pytest.approx([rate] * len(found), rel=1e-9)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_layer_without_crs_is_refused_not_guessed() -> None:
    good = layer([LEFT]).geometry
    for pair in ((good.set_crs(None, allow_override=True), good), (good, good.set_crs(None, allow_override=True))):
        with pytest.raises(CRSMismatchError, match=r"has no CRS.*never guessed"):
            area_shares(*pair)


def test_layers_that_differ_in_crs_are_refused_with_both_names() -> None:
    good = layer([LEFT])
    with pytest.raises(CRSMismatchError, match=r"EPSG:25832 and EPSG:3035.*to_crs"):
        transfer(good, good.to_crs(3035))


def test_degrees_are_refused() -> None:
    """A share of square degrees is not a share of area."""
    degrees = layer([LEFT]).to_crs(4326).geometry
    with pytest.raises(CRSMismatchError, match=r"in degrees \(EPSG:4326\).*metres"):
        area_shares(degrees, degrees)


BOW_TIE = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 3)])


@pytest.mark.parametrize(
    ("geometry", "what"),
    [
        (None, "missing or empty"),
        (shapely.Polygon(), "missing or empty"),
        (BOW_TIE, "invalid"),
        (shapely.Point(1, 1), "without area"),
        (shapely.LineString([(0, 0), (1, 1)]), "without area"),
    ],
)
@pytest.mark.parametrize("kind", ["source", "target"])
def test_a_broken_geometry_is_refused_with_the_label_of_its_row(
    geometry: BaseGeometry | None, what: str, kind: str
) -> None:
    good = gpd.GeoSeries([LEFT], crs=CRS)
    broken = gpd.GeoSeries([LEFT, geometry], index=["fine", "broken"], crs=CRS)
    with pytest.raises(InputError) as caught:
        area_shares(*(broken, good) if kind == "source" else (good, broken))
    assert (f"{kind} broken", f"1 geometry(ies) {what}") in [(p.where, p.what) for p in caught.value.problems]
    assert all("make_valid or drop" in problem.remedy for problem in caught.value.problems)


def test_every_kind_of_broken_geometry_is_said_at_once() -> None:
    """Each row counts once, as what it is: a missing geometry is not also one without area."""
    rows = [LEFT, None, shapely.Polygon(), BOW_TIE, shapely.Point(1, 1)]
    broken = gpd.GeoSeries(rows, index=list("abcde"), crs=CRS)
    with pytest.raises(InputError) as caught:
        area_shares(broken, gpd.GeoSeries([LEFT], crs=CRS))
    assert [(problem.where, problem.what) for problem in caught.value.problems] == [
        ("source b", "2 geometry(ies) missing or empty"),
        ("source d", "1 geometry(ies) invalid"),
        ("source e", "1 geometry(ies) without area"),
    ]


def test_targets_that_overlap_would_count_twice_and_are_refused() -> None:
    sources = layer([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 12, 10)], index=["a", "b"], people=[1.0, 2.0])
    with pytest.raises(InputError) as caught:
        transfer(sources, layer([LEFT, shapely.box(5, 0, 15, 10)]), extensive=["people"])
    (problem,) = caught.value.problems
    assert problem.where == "source b"
    assert "overlapping targets" in problem.what
    assert "Mend the targets" in problem.remedy


def test_overlap_is_seen_for_a_source_wholly_inside_one_target() -> None:
    """The source lies in the left target and half in a second one: 1.5 of it would be counted."""
    sources, targets = layer([shapely.box(4, 4, 6, 6)], people=[1.0]), layer([LEFT, shapely.box(5, 0, 15, 10)])
    found = area_shares(sources.geometry, targets.geometry)
    assert found.matrix.toarray().tolist() == [pytest.approx([1, 0.5])]
    assert found.covered.tolist() == pytest.approx([1.5])
    with pytest.raises(InputError, match="overlapping targets"):
        transfer(sources, targets, extensive=["people"])


def test_an_overlap_that_is_let_pass_still_keeps_the_sum() -> None:
    """Targets may overlap by a sliver of 1e-6 of a source; the total must hold to 1e-9 all the same."""
    sources = layer([shapely.box(5, 0, 15, 10)], people=[1e6])
    targets = layer([LEFT, shapely.box(10 - 5e-6, 0, 20, 10)])
    out, remainder = transfer(sources, targets, extensive=["people"])
    assert out["people"].sum() + remainder["people"] == pytest.approx(1e6, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "Float64", "Int64"])
def test_a_missing_amount_is_refused_with_its_row_and_column(dtype: str) -> None:
    """Breaks if NaN or a nullable NA makes a total silently short."""
    people = pd.Series([1, None, None], dtype=dtype).array
    sources = layer([shapely.box(i, 0, i + 1, 1) for i in range(3)], index=["a", "b", "c"], people=people)
    with pytest.raises(InputError) as caught:
        transfer(sources, layer([LEFT]), extensive=["people"])
    (problem,) = caught.value.problems
    assert problem.where == "source b, column people"
    assert "missing" in problem.what
    assert "Fill or drop" in problem.remedy


def test_an_infinite_amount_is_refused_like_a_missing_one() -> None:
    """Infinity times the share outside, 0, is no number: the remainder would be lost."""
    sources = layer([shapely.box(0, 0, 1, 1)], index=["a"], people=[np.inf])
    with pytest.raises(InputError, match="source a, column people"):
        transfer(sources, layer([LEFT]), extensive=["people"])
