"""What surrounds people on 200 m cells: by hand on nine cells, against slow twins, on a real campus and real nights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from scipy import stats

from data import cells as census_cells
from data import footprints, imports
from data.environment import CELLS, COLUMNS, DAY_AIR, TARGETS, Environment, environment
from data.figures import Figures
from data.green_supply import dissolved, is_private
from data.imports import Imports
from data.place import Place, load, places
from data.schema import LAND_COVERS, STATUSES
from data.stock import stock
from data.summer_heat import _integral
from data.units import UNIT_TYPES, squares
from geo.columns import Polygons
from geo.zonal import Raster
from tests.overpass import campus_path

# a town of nine whole cells whose CRS is that of the grid: every figure can be had by hand
GRID = CRS.from_epsg(3035)
TOWN = Place(key="t", name="T", crs="EPSG:3035")
WEST, SOUTH = 4_100_000, 3_100_000


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(WEST + x0, SOUTH + y0, WEST + x1, SOUTH + y1)


def layer(shapes: list[Any], crs: CRS = GRID, **columns: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


def greens(*shapes: shapely.Polygon, public: list[bool | None] | None = None, kind: str = "park") -> gpd.GeoDataFrame:
    """Areas as a city brings them."""
    told = pd.array(public or [True] * len(shapes), dtype="boolean")
    ids = [f"green/{i + 1}" for i in range(len(shapes))]
    return layer(list(shapes), osm_id=ids, kind=[kind] * len(shapes), public=told)  # type: ignore[arg-type]


def squares_of_units(side: int, people: float = 10, living_area_m2: float = 24_000) -> pd.DataFrame:
    """One census unit in each cell of a square town."""
    y, x = (each.ravel() * 200 for each in np.mgrid[:side, :side])
    units = pd.DataFrame({"x_m": WEST + x, "y_m": SOUTH + y, "people": people, "living_area_m2": living_area_m2})
    return units.assign(use="cell", data_grade="C", n_buildings=1.0, floor_area_m2=0.0)


def of_town(
    figures: Figures,
    brought: Imports | None = None,
    *,
    side: int = 3,
    units: pd.DataFrame | None = None,
    shapes: Polygons | None = None,
    outline: shapely.Geometry | None = None,
) -> Environment:
    """Environment of a square town."""
    units = squares_of_units(side) if units is None else units
    shapes = squares(units, GRID) if shapes is None else shapes
    border = box(0, 0, 200 * side, 200 * side) if outline is None else outline
    return environment(TOWN, brought or Imports(), figures, units, shapes, border)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_whole_cells_are_drawn_as_shapely_draws_them() -> None:
    """They are written as coordinates; with a part of a cell among them shapely draws all: both must be alike."""
    rng = np.random.default_rng(1)
    cells = pd.DataFrame(
        {"x_m": 4_000_000 + 200 * rng.integers(0, 9, 20), "y_m": 3_000_000 + 200 * rng.integers(0, 9, 20)}
    )
    whole = squares(cells, CRS.from_epsg(25832))
    with_a_part = squares(
        pd.concat([cells, cells[:1]], ignore_index=True).assign(quarters=[15] * 20 + [3]), CRS.from_epsg(25832)
    )
    first = with_a_part.take(np.arange(20))
    for name in ("coords", "rings", "parts", "rows"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(first, name))


def test_nine_cells_and_one_park_by_hand(figures: Figures) -> None:
    """A park of 2 ha over the west half of the middle cell: shares, distances, supply and heat as worked on paper."""
    found = of_town(figures, Imports(green=greens(box(200, 200, 300, 400))))
    cells = found.cells
    assert tuple(cells.columns) == (*CELLS, *COLUMNS)
    assert cells["cell_id"].tolist()[:2] == ["CRS3035RES200mN3100000E4100000", "CRS3035RES200mN3100000E4100200"]
    assert (cells["area_m2"] == 40_000).all()
    assert cells["green_share"].tolist() == [0, 0, 0, 0, 0.5, 0, 0, 0, 0]
    assert cells["public_green_share"].tolist() == cells["green_share"].tolist()
    # middles at 100, 300 and 500 m; the park ends at 200, 300 and 400
    near, far = np.hypot(100, 100), np.hypot(200, 100)
    expected = [near, 100, far, 100, 0, 200, near, 100, far]
    np.testing.assert_allclose(cells["distance_green_m"], expected, atol=1e-6)
    assert (cells["access_300_1ha"] == 1).all()
    assert not found.walking
    # 90 people share 2 ha; none is farther than 500 m
    np.testing.assert_allclose(cells["green_m2_per_head"], 20_000 / 90, rtol=1e-12)
    # 24,000 m2 of floor on 40,000 of ground are half of 1.2; a park as built-up as all else cools nothing: 6 K * 0.5
    np.testing.assert_allclose(cells["building_intensity"], 0.5, rtol=1e-12)
    np.testing.assert_allclose(cells["night_anomaly_k"], 3.0, atol=1e-6)


def test_what_nobody_brought_is_missing_not_zero(figures: Figures) -> None:
    """A place with buildings alone knows its nights, and nothing else; one with nothing knows its cells."""
    cells = of_town(figures).cells
    assert cells[["people", "building_intensity", "night_anomaly_k"]].notna().all(axis=None)
    assert cells[list(COLUMNS[2:])].isna().all(axis=None)
    units = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in UNIT_TYPES.items()})
    empty = of_town(figures, Imports(green=greens(box(0, 0, 200, 200))), units=units, shapes=_no_shapes()).cells
    assert len(empty) == 9
    assert empty[["people", "building_intensity", "night_anomaly_k", "green_m2_per_head"]].isna().all(axis=None)
    assert empty["access_300_1ha"].notna().all(), "by the middle of the cell"
    park_too_small = of_town(figures, Imports(green=greens(box(0, 0, 50, 50)))).cells
    assert (park_too_small["access_300_1ha"] == 0).all(), "green is known, and none is large enough"
    assert park_too_small["distance_green_m"].isna().all()


def _no_shapes() -> Polygons:
    zero = np.zeros(1, np.int64)
    return Polygons(np.zeros((0, 2)), zero, zero, zero, GRID)


def test_overlaps_count_once_and_unknown_access_is_not_public(figures: Figures) -> None:
    """A park drawn twice, a closed garden and one of unknown access: green of all, supply of the park alone."""
    park = box(0, 0, 100, 100)
    drawn = greens(
        park, park, box(200, 0, 400, 100), box(400, 0, 500, 100), public=[True, True, False, None], kind="garden"
    )
    found = of_town(figures, Imports(green=drawn))
    cells = found.cells
    assert cells["green_share"].tolist()[:3] == [0.25, 0.5, 0.25]
    assert cells["public_green_share"].tolist()[:3] == [0.25, 0, 0]
    assert cells["private_green_share"].tolist()[:3] == [0, 0.5, 0]
    assert (cells["green_m2_per_head"] * cells["people"]).sum() == pytest.approx(10_000)
    assert [(line.count, line.examples) for line in found.report.lines] == [(1, ("green/4",))]
    nothing_told = of_town(figures, Imports(green=greens(park, public=[None]))).cells
    assert nothing_told["green_share"].notna().all()
    assert nothing_told[["public_green_share", "access_300_1ha", "green_m2_per_head"]].isna().all(axis=None)


def test_private_green_of_openstreetmap_is_gardens_not_verges() -> None:
    """There `public` is derived from the kind and never missing: a meadow that is not public is nobody's garden."""
    from_osm = layer([box(0, 0, 1, 1)] * 3, kind=["garden", "meadow", "park"], public=[False, False, True])
    told = greens(box(0, 0, 1, 1), public=[False], kind="meadow")
    assert is_private(from_osm).tolist() == [True, False, False]  # type: ignore[union-attr]
    assert is_private(told).tolist() == [True]  # type: ignore[union-attr]
    assert is_private(greens(box(0, 0, 1, 1))) is None, "nothing is told of private green"


def test_whether_public_is_told_survives_being_kept(tmp_path: Path) -> None:
    """Own areas are told from OpenStreetMap's by a type of column, which the file of the import must keep."""
    greens(box(0, 0, 1, 1), public=[False], kind="meadow").to_parquet(tmp_path / "green.parquet")
    assert is_private(gpd.read_parquet(tmp_path / "green.parquet")) is not None


def test_access_counts_homes_where_there_are_some(figures: Figures) -> None:
    """One home 60 m from the 300 m line on either side: half the cell has access, whatever its middle says."""
    units = squares_of_units(3).iloc[[2, 2]].assign(use="residential", data_grade="B").reset_index(drop=True)
    homes = [box(430, 90, 450, 110), box(550, 90, 570, 110)]
    shapes = Polygons.from_shapely(np.array(homes, dtype=object), GRID)
    park = greens(box(0, 0, 200, 200))
    found = of_town(figures, Imports(green=park), units=units, shapes=shapes).cells
    assert found["access_300_1ha"].tolist()[:3] == [1, 1, 0.5]
    assert found["people"].tolist() == [0, 0, 20, 0, 0, 0, 0, 0, 0], "nobody lives where no unit is"


def test_on_foot_the_way_follows_the_streets(figures: Figures) -> None:
    """300 m as the crow flies, but the one street goes around: 400 + 400 + 300 m. Motorways are not walked along."""
    park = greens(box(0, 0, 200, 200))
    around = shapely.LineString([(WEST + x, SOUTH + y) for x, y in ((500, 0), (500, 500), (100, 500), (100, 200))])
    across = shapely.LineString([(WEST + 500, SOUTH + 100), (WEST + 200, SOUTH + 100)])
    streets = layer([around, across], street_id=["a", "b"], road_class=["residential", "motorway"])
    units = squares_of_units(3).iloc[[2]].reset_index(drop=True)
    found = of_town(figures, Imports(green=park, streets=streets), units=units)
    assert found.walking
    cells = found.cells
    assert cells["walk_green_m"].iloc[0] == 0, "inside"
    assert cells["walk_green_m"].iloc[2] == pytest.approx(400 + 400 + 300)
    assert cells["distance_green_m"].iloc[2] == pytest.approx(300)
    assert cells["access_300_1ha"].tolist()[:3] == [1, 0, 0], "the second cell walks along the same street"


def test_trees_by_hand(figures: Figures) -> None:
    """Three trees by one of two houses; crowns of known size, woods whole, trees in woods not again."""
    units = squares_of_units(3).iloc[[0, 0, 8]].assign(use="residential", data_grade=["A", "B", "D"])
    homes = [box(10, 10, 40, 20), box(150, 150, 170, 170), box(500, 500, 510, 510)]
    spots = [(64.9, 15), (20, 44), (25, 0), (66, 15), (300, 100), (310, 100), (590, 590)]
    trees = layer(
        [shapely.Point(WEST + x, SOUTH + y) for x, y in spots],
        crown_m2=[100.0, np.nan, 100.0, 100.0, 400.0, 400.0, 50_000.0],
    )
    wood = greens(box(200, 0, 305, 200), kind="forest")
    cells = of_town(
        figures,
        Imports(trees=trees, green=wood),
        units=units.reset_index(drop=True),
        shapes=Polygons.from_shapely(np.array(homes, dtype=object), GRID),
    ).cells
    assert cells["r3"].iloc[0] == 0.5
    assert cells["r3"].iloc[1:].isna().all(), "no home there, or one that was drawn by chance"
    assert cells["canopy_share"].iloc[0] == pytest.approx(300 / 40_000)
    assert cells["canopy_share"].iloc[1] == pytest.approx((105 * 200 + 400) / 40_000), "one of the two is in the wood"
    assert cells["canopy_share"].iloc[8] == 1, "crowns over each other never fill more than the cell"
    assert cells["score330300"].iloc[0] == pytest.approx((0.5 + cells["r30"].iloc[0] + 1) / 3)


def test_canopy_counts_within_500_m(figures: Figures) -> None:
    """One cell of woods among bare ones: 1 of the 21 cells around is no 30 %; nine in a block are, in the middle."""
    for block, shaded in ((1, False), (3, True)):
        values = np.zeros((7, 7))
        values[3 - block // 2 : 4 + block // 2, 3 - block // 2 : 4 + block // 2] = 1
        canopy = Raster(values, GRID, WEST, SOUTH + 1400, 200, 200)
        cells = of_town(figures, Imports(rasters={"canopy": canopy}), side=7).cells
        middle = cells.iloc[24]
        assert middle["canopy_share"] == 1
        assert bool(middle["r30"]) is shaded
        assert cells["r30"].iloc[0] == 0


def cover(*rows: list[str], cell_m: float = 100) -> Raster:
    values = [[LAND_COVERS.index(name) for name in row] for row in rows]
    return Raster(np.array(values), GRID, WEST, SOUTH + len(rows) * cell_m, cell_m, cell_m)


def test_land_cover_by_hand(figures: Figures) -> None:
    """Half lawn, half asphalt: the mean of the depths that run off (not of the curve numbers), and a hot day."""
    halves = cover(*[["lawn_park", "asphalt_road"]] * 2)
    found = of_town(figures, Imports(rasters={"land_cover": halves}), side=1)
    cell = found.cells.iloc[0]
    assert cell[["green_share", "sealed_share", "blue_share"]].tolist() == [0.5, 0.5, 0]
    depth = []
    for cn in (74, 98):
        hold = 25_400 / cn - 254
        depth.append((50 - 0.2 * hold) ** 2 / (50 + 0.8 * hold))
    assert cell["runoff_share_50mm"] == pytest.approx(np.mean(depth) / 50)
    assert cell["retention_m3_50mm"] == pytest.approx((50 - np.mean(depth)) / 1000 * 40_000)
    asphalt = of_town(figures, Imports(rasters={"land_cover": cover(["asphalt_road"] * 6)}), side=3)
    # no shade, albedo 0.1, evaporation 0.15: 1 - 0.05 of 4 K, wherever there is data
    np.testing.assert_allclose(asphalt.cells["day_anomaly_k"].iloc[:3], 3.8, atol=1e-6)
    assert asphalt.cells["day_anomaly_k"].iloc[3:].isna().all()
    air = asphalt.rasters[DAY_AIR]
    assert (air.values.shape, air.dx_m, air.north_m) == ((4, 24), 25, SOUTH + 100)
    np.testing.assert_allclose(air.values, 29.8, atol=1e-5)


def test_rain_without_land_cover_needs_all_three_shares(figures: Figures) -> None:
    """Sealed, water and green known: their curve numbers by area; with one of them missing, nothing."""
    sealing = Raster(np.full((3, 3), 0.5), GRID, WEST, SOUTH + 600, 200, 200)
    water = layer([box(0, 0, 200, 50)])
    lawn = greens(box(0, 50, 200, 100))
    full = Imports(green=lawn, blue=water, rasters={"sealing": sealing})
    first = of_town(figures, full).cells.iloc[0]
    depth = []
    for cn in (98, 100, 74):
        hold = 25_400 / cn - 254
        depth.append((50 - 0.2 * hold) ** 2 / (50 + 0.8 * hold))
    assert first["runoff_share_50mm"] == pytest.approx((2 * depth[0] + depth[1] + depth[2]) / 4 / 50)
    assert first["distance_water_m"] == pytest.approx(50)
    without = of_town(figures, Imports(green=lawn, rasters={"sealing": sealing})).cells
    assert without[["runoff_share_50mm", "retention_m3_50mm"]].isna().all(axis=None)


def test_ndvi_is_the_mean_inside_the_city(figures: Figures) -> None:
    """Half a cell belongs to the city: only that half's index counts."""
    index = Raster(np.array([[0.8, -0.2]]), GRID, WEST, SOUTH + 200, 100, 200)
    cells = of_town(figures, Imports(rasters={"ndvi": index}), side=1, outline=box(0, 0, 100, 200)).cells
    assert cells[["area_m2", "ndvi_mean"]].iloc[0].tolist() == pytest.approx([20_000, 0.8])


def test_a_park_cools_the_night_around_it(figures: Figures) -> None:
    """In a town built to the full, known green mitigates beyond its own cell; without it only the gap itself does."""
    units = squares_of_units(9, living_area_m2=60_000).drop(index=40)
    without = of_town(figures, side=9, units=units).cells
    assert without["building_intensity"].max() == 1
    cooled = of_town(figures, Imports(green=greens(box(800, 800, 1000, 1000))), side=9, units=units).cells
    assert (cooled["night_anomaly_k"] < without["night_anomaly_k"]).all()
    assert cooled["night_anomaly_k"].idxmin() == 40


def test_green_that_is_all_closed_or_all_outside(figures: Figures) -> None:
    """Known to be closed: nobody has any, which is 0. Outside the city: as if there were none here, which is 0 too."""
    closed = layer([box(0, 0, 200, 200)], osm_id=["way/1"], kind=["garden"], public=[False])
    for green, share in ((closed, 1.0), (greens(box(5000, 0, 5200, 200)), 0.0)):
        cells = of_town(figures, Imports(green=green)).cells
        assert cells["green_share"].iloc[0] == share
        assert (cells[["public_green_share", "access_300_1ha", "green_m2_per_head"]] == 0).all(axis=None)
        assert cells["distance_green_m"].isna().all()


def test_nobody_is_lost_beyond_a_coarse_outline(figures: Figures) -> None:
    """People in a cell that the outline misses keep their row; of its ground nothing is known."""
    brought = Imports(green=greens(box(0, 0, 600, 600)))
    cells = of_town(figures, brought, outline=box(0, 0, 600, 350)).cells
    assert cells["people"].sum() == 90
    assert cells["area_m2"].sum() == pytest.approx(600 * 350)
    assert cells["green_share"].tolist()[:6] == [1] * 6
    assert cells["green_share"].iloc[6:].isna().all()
    assert cells["night_anomaly_k"].notna().all()


def test_a_city_far_from_europe_keeps_its_ground(figures: Figures) -> None:
    """In Buffalo the grid's coordinates are below zero and its cells no squares: still the city, each part once."""
    place = Place(key="b", name="Buffalo", crs="EPSG:26917")
    outline = shapely.box(671_000, 4_748_000, 674_000, 4_752_000)
    none = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in UNIT_TYPES.items()})
    crown = gpd.GeoDataFrame({"crown_m2": [50.0]}, geometry=[shapely.Point(672_000, 4_750_000)], crs=place.crs)
    cells = environment(place, Imports(trees=crown), figures, none, _no_shapes(), outline).cells
    assert cells["x_m"].max() < 0
    assert cells["area_m2"].sum() == pytest.approx(outline.area)
    assert (cells["canopy_share"] * cells["area_m2"]).sum() == pytest.approx(50, abs=1e-3)


# --- in general -------------------------------------------------------------------------------------------------------

corners = st.integers(0, 22).map(lambda step: step * 50.0)
sides = st.integers(1, 15).map(lambda step: step * 20.0)
parks = st.lists(
    st.builds(lambda x, y, width, height: box(x, y, x + width, y + height), corners, corners, sides, sides),
    min_size=1,
    max_size=6,
)


@given(shapes=parks, people=st.lists(st.integers(0, 400), min_size=64, max_size=64))
def test_a_new_park_changes_only_what_it_reaches(
    figures: Figures, shapes: list[shapely.Polygon], people: list[int]
) -> None:
    """Supply adds up to the green that anyone reaches; beyond a new park's reach every bit stays."""
    units = squares_of_units(8).assign(people=np.array(people, dtype=float), living_area_m2=2000.0)
    before = of_town(figures, Imports(green=greens(*shapes)), side=8, units=units).cells
    city = box(0, 0, 1600, 1600)
    joined = shapely.get_parts(shapely.intersection(shapely.union_all(shapes), city))
    middles = np.asarray(shapely.points(before["x_m"] + 100, before["y_m"] + 100))
    homes = middles[before["people"].to_numpy() > 0]
    reached = 0.0
    for part in joined:
        d0 = 300 if part.area < 10_000 else 500 if part.area < 100_000 else 1000
        reached += part.area if homes.size and shapely.dwithin(part, homes, d0 + 1e-9).any() else 0.0
    taken = (before["green_m2_per_head"] * before["people"]).sum()
    assert taken == pytest.approx(reached, rel=1e-9, abs=1e-6)
    share_m2 = (before["public_green_share"] * before["area_m2"]).sum()
    assert share_m2 == pytest.approx(shapely.area(joined).sum(), rel=1e-6)

    new = box(1510, 1510, 1590, 1590)
    if shapely.intersects(new, joined).any():
        return
    after = of_town(figures, Imports(green=greens(*shapes, new)), side=8, units=units).cells
    away = np.flatnonzero(np.asarray(shapely.distance(new, middles)) > 300)
    for name in ("green_share", "public_green_share", "green_m2_per_head", "access_300_1ha", "distance_green_m"):
        np.testing.assert_array_equal(after[name].to_numpy()[away], before[name].to_numpy()[away], err_msg=name)
    assert (after["public_green_share"] - before["public_green_share"]).sum() == pytest.approx(6400 / 40_000)


@given(shapes=parks)
def test_dissolved_is_the_union(shapes: list[shapely.Polygon]) -> None:
    """Against shapely's own union of all, cut at the outline: the same ground, in parts that share none."""
    outline = box(100, 100, 1000, 900)
    parts = dissolved(np.array(shapes, dtype=object), outline, GRID).to_shapely()
    expected = shapely.intersection(shapely.union_all(shapes), outline)
    assert shapely.symmetric_difference(shapely.union_all(parts), expected).area == pytest.approx(0, abs=1e-3)
    assert shapely.area(parts).sum() == pytest.approx(expected.area, abs=2.0), "slivers below 1 m2 are left out"


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    cell_m=st.sampled_from([5, 10, 20, 25, 40, 100]),
    seed=st.integers(0, 99),
)
def test_averaging_land_cover_against_a_fine_grid(rows: int, columns: int, cell_m: int, seed: int) -> None:
    """Squares of 25 m from cells of any width: as counted on a grid of 5 m, gaps left out."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, columns)) < 0.2, np.nan, rng.random((rows, columns)))
    raster = Raster(values, GRID, WEST, SOUTH, cell_m, cell_m)
    known_m2 = _integral((~np.isnan(values)).astype(float), raster, 25)
    found = _integral(np.nan_to_num(values), raster, 25) / np.where(known_m2 > 1e-6, known_m2, np.nan)
    fine = np.kron(values, np.ones((cell_m // 5, cell_m // 5)))
    padded = np.full([-(-side // 5) * 5 for side in fine.shape], np.nan)
    padded[: fine.shape[0], : fine.shape[1]] = fine
    blocks = padded.reshape(padded.shape[0] // 5, 5, -1, 5).swapaxes(1, 2).reshape(*found.shape, 25)
    known = ~np.isnan(blocks)
    total = np.nansum(blocks, axis=2)
    expected = np.divide(total, known.sum(axis=2), out=np.full(found.shape, np.nan), where=known.any(axis=2))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_targets_say_where_they_come_from() -> None:
    """A target without a column to hold against it, or without a status, would be an opinion."""
    assert {target.column for target in TARGETS} <= set(COLUMNS)
    assert {target.status for target in TARGETS} <= set(STATUSES)
    assert [target.value for target in TARGETS] == [0.3, 300, 1, 9]


# --- real places ------------------------------------------------------------------------------------------------------


def test_aachen_melaten_from_one_openstreetmap_file(figures: Figures) -> None:
    """A real campus in UTM: shares against an overlay of shapely, supply that adds up, nothing made up."""
    place = load(Path(__file__).parents[1] / "docs" / "places" / "aachen-melaten.toml", data=campus_path().parent)
    brought = imports.read(place)
    assert brought.buildings is not None
    built = footprints.of_frame(brought.buildings, brought.landuse, figures, min_heated_m2=25)
    whole = stock(place, figures, census_cells.common(figures), built)
    outline = shapely.MultiPoint(whole.shapes.coords).convex_hull.buffer(50)
    found = environment(place, brought, figures, whole.units, whole.shapes, outline)
    cells, green = found.cells, brought.green
    assert green is not None
    assert found.walking
    assert cells["area_m2"].sum() == pytest.approx(outline.area)
    assert cells["people"].sum() == pytest.approx(whole.units["people"].sum())
    for name, areas in (("green_share", green), ("public_green_share", green[green["public"]])):
        ground = shapely.intersection(shapely.union_all(areas.geometry.to_numpy()), outline)
        assert (cells[name] * cells["area_m2"]).sum() == pytest.approx(ground.area, rel=1e-6), name
        drawn = squares(cells, CRS.from_user_input(place.crs)).to_shapely()
        slow = shapely.area(shapely.intersection(drawn, ground)) / cells["area_m2"]
        np.testing.assert_allclose(cells[name], slow, atol=1e-6)
    assert cells["distance_water_m"].notna().all() == (brought.blue is not None)
    assert cells[["canopy_share", "r3", "ndvi_mean", "runoff_share_50mm", "day_anomaly_k"]].isna().all(axis=None)
    walked, straight = cells["walk_green_m"], cells["distance_green_m"]
    assert (walked[walked.notna()] >= straight[walked.notna()] - 1e-6).all(), "no way is shorter than the straight one"
    assert cells["access_300_1ha"].between(0, 1).all()


@pytest.fixture(scope="module")
def bochum(figures: Figures) -> Environment:
    place = places(figures)["05911000"]
    whole = stock(place, figures, census_cells.common(figures))
    outline = figures.boundaries.set_index("ags").geometry["05911000"]
    return environment(place, Imports(), figures, whole.units, whole.shapes, outline)


def test_a_built_in_city_has_all_its_people_and_ground(bochum: Environment, figures: Figures) -> None:
    """Every resident that the census places has a cell, and the cells are the city."""
    outline = figures.boundaries.set_index("ags").geometry["05911000"]
    assert bochum.cells["area_m2"].sum() == pytest.approx(outline.area)
    assert bochum.cells["people"].sum() == pytest.approx(figures.town("05911000")["population"], rel=1e-3)
    assert bochum.cells[["y_m", "x_m"]].apply(tuple, axis=1).is_monotonic_increasing
    assert bochum.cells["night_anomaly_k"].between(0, 6).all()


def test_measured_nights_in_bochum_rank_with_the_modelled(bochum: Environment, shared_data: Path) -> None:
    """Eleven stations, summer 2024: a loose order (0.2) is all that homes alone tell; the opposite would be wrong.

    Of a mean summer night, a modelled kelvin is 0.9 ± 0.9 measured ones: it would take a `uhi_max_k` of 5.5, and might
    take any from 0 to 16.
    """
    folder = shared_data / "bochum-open-data"
    stations = gpd.read_file(folder / "bochum_open_data.gpkg", layer="weather_stations").to_crs(3035)
    days = pd.read_csv(folder / "bochum_weather_daily.csv", parse_dates=["date"])
    summer = days[(days["date"] >= "2024-06-01") & (days["date"] < "2024-09-01")]
    # what the stations read less what all of them read in that night: not every station has every night
    summer = summer.assign(dev_k=summer["t_night_mean_c"] - summer.groupby("date")["t_night_mean_c"].transform("mean"))
    measured = summer.groupby("station_id")["dev_k"].mean()
    cells = bochum.cells.set_index(["x_m", "y_m"])["night_anomaly_k"]
    at = [(int(p.x // 200) * 200, int(p.y // 200) * 200) for p in stations.geometry]
    modelled = pd.Series(cells.reindex(at).to_numpy(), index=stations["station_id"]).reindex(measured.index)
    assert modelled.notna().sum() >= 10
    rank = float(stats.spearmanr(modelled, measured).statistic)
    assert rank > 0
