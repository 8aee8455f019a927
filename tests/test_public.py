"""What the public sees: enough buildings, homes and people in every feature of every layer, and exact totals."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS

from data.schema import SCENARIOS
from geo.shapes import Shapes
from layers import build, rasters
from layers.catalogue import Catalogue
from layers.columns import CELLS, DISTRICTS, STOCK, Column
from layers.drawn import Drawn
from layers.errors import PlannerOnlyError, ReleaseError, UnknownCollectionError
from layers.grouping import COUNTS, grouping, rows_of
from layers.layer import Layer
from layers.merging import GRID_RULES, RULES, Joined, check, merged
from layers.public import GRID, OPEN, UNITS, PublicCatalogue
from layers.release import Release
from layers.scenarios import Scenario

CITY, REGION = "05913000", "ruhr"
LIMITS = dict(zip(COUNTS, (5, 5, 10), strict=True))
# a cell's buildings may be three thirds and two wholes
ROUNDING = 1e-6


@pytest.fixture(scope="module")
def public(catalogue: Catalogue) -> PublicCatalogue:
    return PublicCatalogue(catalogue)


# --- every layer of the region ----------------------------------------------------------------------------------------


def test_every_column_of_every_layer_has_a_rule(catalogue: Catalogue, public: PublicCatalogue) -> None:
    """A new column, theme or scenario is not published until somebody says how; one city on cells stands for all."""
    for collection in public.ids():
        place, theme, *_ = collection.split(".")
        if place not in {CITY, REGION, "05911000"}:
            continue
        columns = catalogue.layer(collection).columns
        if theme in GRID:
            check(columns, GRID_RULES)
        elif theme not in OPEN:
            check(columns, RULES)
            assert theme in UNITS or theme.startswith("districts")
    check((*CELLS, *STOCK, *DISTRICTS), RULES)
    with pytest.raises(ReleaseError, match=r"column 'rent_eur'.*\n.*column 'names_of_tenants'"):
        check([Column(name, "", "", "") for name in ("rent_eur", "people", "names_of_tenants")], RULES)


@pytest.mark.parametrize("collection", [f"{REGION}.stock", f"{CITY}.cells"])
def test_every_feature_has_five_buildings_five_homes_and_ten_people(public: PublicCatalogue, collection: str) -> None:
    layer = public.layer(collection)
    for name, least in LIMITS.items():
        values = layer.column(name)
        assert np.nanmin(values) >= least - ROUNDING, name
    assert np.isfinite(layer.column("n_buildings")).all()
    # unknown people are unknown, not zero: only where the census withholds a whole square kilometre
    assert np.isnan(layer.column("people")).sum() <= np.isnan(public._inner.layer(collection).column("people")).sum()


@pytest.mark.parametrize("collection", [f"{REGION}.stock", f"{CITY}.cells", f"{CITY}.cells.climate_plan"])
def test_totals_of_every_municipality_and_district_stay_what_they_are(
    catalogue: Catalogue, public: PublicCatalogue, collection: str
) -> None:
    """Few cells are joined across a district's border: those that hold buildings of both sides."""
    inner, outer = catalogue.layer(collection), public.layer(collection)
    assert len(outer) < len(inner)
    names = [c.name for c in inner.columns if RULES[c.name].how == "sum" and c.name not in {"people", "t_co2e_other"}]
    before, after = (layer.table.select(["ags", "area_id", *names]).to_pandas() for layer in (inner, outer))
    pd.testing.assert_frame_equal(before.groupby("ags")[names].sum(), after.groupby("ags")[names].sum(), rtol=1e-9)
    across = after["area_id"].isna()
    assert across.sum() < 0.02 * len(after)
    assert set(after.loc[across, "ags"]) <= {CITY}
    inside = ~across.to_numpy()[public.joined(collection.split(".", maxsplit=1)[0]).group]
    pd.testing.assert_frame_equal(
        before[inside].groupby("area_id")[names].sum(), after[~across].groupby("area_id")[names].sum(), rtol=1e-9
    )


def test_sums_of_cells_and_of_districts_tell_no_few_buildings_apart(catalogue: Catalogue) -> None:
    """Whatever is published of a city sums what a group and a district of each level have in common."""
    release = catalogue.release
    for key, entry in release.places.items():
        if entry["kind"] == "region" or not entry["stock"]["units"]:
            continue
        found = grouping(release, key)
        stock = pq.read_table(release.file(key, build.STOCK), columns=[*COUNTS]).to_pandas().fillna(0.0)
        atoms = [found.groups.group, *found.groups.area.T]
        assert found.groups.met.all()
        least = stock.groupby(atoms)[[*COUNTS]].sum().min()
        assert (least >= pd.Series(LIMITS) - ROUNDING).all(), key


@pytest.mark.parametrize("theme", ["low_income", "benefits.climate_plan", "cells.reference", "priority"])
def test_all_layers_of_cells_show_the_same_groups(public: PublicCatalogue, theme: str) -> None:
    """Two layers with different groups could be subtracted."""
    cells, other = public.layer(f"{CITY}.cells"), public.layer(f"{CITY}.{theme}")
    assert other.table["unit_id"].equals(cells.table["unit_id"])
    assert other.drawn is cells.drawn
    assert other.base is None or other.base is cells


def test_a_region_shows_the_groups_of_its_cities(public: PublicCatalogue) -> None:
    region = public.layer(f"{REGION}.stock").table.select(["ags", "unit_id"]).to_pandas()
    shown = {CITY: "cells", "05911000": "stock", "05112000": "stock"}
    for key, theme in shown.items():
        ids = public.layer(f"{key}.{theme}").table["unit_id"].to_pylist()
        assert region.loc[region["ags"] == key, "unit_id"].tolist() == ids


def test_outlines_cover_what_they_covered_and_do_not_overlap(catalogue: Catalogue, public: PublicCatalogue) -> None:
    inner, outer = catalogue.layer(f"{CITY}.cells"), public.layer(f"{CITY}.cells")
    before, after = inner.shapes.to_shapely(), outer.shapes.to_shapely()
    assert shapely.is_valid(after).all()
    joined = public.joined(CITY)
    area = np.bincount(joined.group, shapely.area(before))
    assert shapely.area(after) == pytest.approx(area, abs=1e-3)
    assert shapely.area(shapely.union_all(after, grid_size=0.01)) == pytest.approx(area.sum(), rel=1e-6)
    alone = joined.size == 1
    assert shapely.equals_exact(after[alone], before[joined.first[alone]], 0.0).all()


def test_single_buildings_and_their_scenarios_are_for_planners(catalogue: Catalogue, public: PublicCatalogue) -> None:
    hidden = set(catalogue.ids()) - set(public.ids())
    assert hidden == {f"{CITY}.stock", *(f"{CITY}.stock.{name}" for name in SCENARIOS)}
    with pytest.raises(match=rf"Sign in, or use '{CITY}\.cells\.climate_plan'"):
        public.layer(f"{CITY}.stock.climate_plan")
    assert f"{CITY}.stock" not in public
    assert f"{CITY}.cells" in public
    for unknown in ("nowhere.cells", f"{CITY}.nonsense", f"{CITY}.nonsense.mine", CITY, ""):
        assert unknown not in public
        with pytest.raises(UnknownCollectionError):
            public.layer(unknown)


def test_users_scenarios_are_not_there_not_even_their_names(catalogue: Catalogue, public: PublicCatalogue) -> None:
    before = public.version
    catalogue.store.put(Scenario(id="secret", name="x", features=[], place=CITY))
    try:
        assert f"{CITY}.cells.secret" in catalogue
        assert not [one for one in public.ids() if "secret" in one]
        assert public.version == before
        messages = []
        for name in ("secret", "nobody"):
            with pytest.raises(PlannerOnlyError) as caught:
                public.layer(f"{CITY}.cells.{name}")
            messages.append(str(caught.value).replace(name, "*"))
            with pytest.raises(PlannerOnlyError):
                public.run(CITY, name)
            with pytest.raises(PlannerOnlyError):
                public.scenario(CITY, name)
        assert messages[0] == messages[1]
    finally:
        catalogue.store.delete(CITY, "secret")


def test_own_questions_to_the_model_are_for_planners(public: PublicCatalogue) -> None:
    with pytest.raises(PlannerOnlyError):
        public.planning(CITY)
    with pytest.raises(PlannerOnlyError):
        public.social(CITY, students_poor_share=0.5)
    assert public.scenario(CITY, "climate_plan").id == "climate_plan"
    assert public.areas_meet(CITY)


def test_layers_of_the_public_say_so_and_have_versions_of_their_own(
    catalogue: Catalogue, public: PublicCatalogue
) -> None:
    """An answer to the public must not be taken for one to a planner, by a cache or by a reader."""
    for theme in ("cells", "districts", "low_income", "heat"):
        inner, outer = catalogue.layer(f"{CITY}.{theme}"), public.layer(f"{CITY}.{theme}")
        assert outer.id == inner.id
        assert outer.version != inner.version
        assert ("For the public" in outer.description) == (theme != "districts")
    assert public.version != catalogue.version


def test_surroundings_stay_on_their_cells_without_people_and_single_buildings(
    catalogue: Catalogue, public: PublicCatalogue
) -> None:
    inner, outer = catalogue.layer(f"{CITY}.heat"), public.layer(f"{CITY}.heat")
    assert outer.drawn is inner.drawn
    assert outer.table["people"].null_count == len(outer)
    assert outer.table["night_anomaly_k"].equals(inner.table["night_anomaly_k"])
    before, after = inner.column("building_intensity"), outer.column("building_intensity")
    assert after.sum() == pytest.approx(before.sum())
    # a cell that is shown with others tells their mean
    ids = {one: row for row, one in enumerate(outer.table["cell_id"].to_pylist())}
    cells, joined = catalogue.layer(f"{CITY}.cells").table["unit_id"].to_pylist(), public.joined(CITY)
    group = int(np.argmax(joined.size))
    rows = [ids[cells[unit]] for unit in np.flatnonzero(joined.group == group)]
    assert len(rows) > 2
    assert after[rows] == pytest.approx(before[rows].mean())
    alone = [ids[cells[unit]] for unit in joined.first[joined.size == 1][:50]]
    assert (after[alone] == before[alone]).all()


def test_rasters_have_a_pixel_for_each_cell_and_no_count_of_few(public: PublicCatalogue) -> None:
    layer = public.gridded(f"{CITY}.cells")
    heat = rasters.raster(layer, "heat_kwh_a").values
    assert np.nansum(heat) == pytest.approx(public.layer(f"{CITY}.cells").column("heat_kwh_a").sum())
    assert np.isfinite(heat).sum() == len(public.joined(CITY).group)
    for name, least in LIMITS.items():
        assert np.nanmin(rasters.raster(layer, name).values) >= least - ROUNDING
    assert public.gridded(f"{CITY}.heat") is public.layer(f"{CITY}.heat")


# --- one column after the other, by hand ------------------------------------------------------------------------------


def layer_of(columns: dict[str, list[Any]], layout: tuple[Column, ...] = ()) -> Layer:
    n = len(next(iter(columns.values())))
    boxes = np.array([shapely.box(i, 0, i + 1, 1) for i in range(n)], dtype=object)
    drawn = Drawn(Shapes.from_shapely(boxes, CRS.from_epsg(25832)))
    layout = layout or tuple(Column(name, "", name, name) for name in columns)
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    return Layer("p.cells", "T", "", layout, lambda: table, drawn, (), 0, "1")


def test_each_rule_by_hand() -> None:
    """Units 0 and 2 are joined, unit 1 stays alone, units 3 and 4 are joined but one part is unknown."""
    nan = np.nan
    layer = layer_of(
        {
            "unit_id": ["a", "b", "c", "d", "e"],
            "area_id": ["x", "x", "x", "y", "z"],
            "people": [10.0, 50.0, 30.0, 20.0, nan],
            "living_area_m2": [100.0, 500.0, 300.0, 200.0, 200.0],
            "heat_kwh_a": [1e4, 9e4, 6e4, 1e4, 1e4],
            "heat_kwh_m2a": [100.0, 180.0, 200.0, 50.0, 50.0],
            "share_until_1918": [1.0, 0.3, 0.0, nan, 0.5],
            "social_index": [4.0, 5.0, 8.0, 3.0, 7.0],
            "uncertain": [0.0, 0.0, 1.0, nan, 0.0],
            "need_benefit_cluster": ["HH", "LL", "HH", "HL", "LH"],
            "cool_gap": [0.111, 0.555, 0.333, 0.2, 0.2],
            "cool_priority": [3.0, 1.0, 2.0, 4.0, nan],
            "t_co2e_p50": [1.0, 2.0, 3.0, 4.0, 5.0],
            "data_grade": ["B", "A", "C", "C", "C"],
        }
    )
    joined = Joined.of(np.array([7, 3, 7, 9, 9]), np.ones(5, dtype=bool))
    assert joined.group.tolist() == [0, 1, 0, 2, 2]
    assert merged(layer, joined).to_pydict() == {
        "unit_id": ["a+1", "b", "d+1"],
        "area_id": ["x", "x", None],
        "people": [40.0, 50.0, None],
        "living_area_m2": [400.0, 500.0, 400.0],
        "heat_kwh_a": [7e4, 9e4, 2e4],
        "heat_kwh_m2a": [175.0, 180.0, 50.0],
        "share_until_1918": [0.25, 0.3, None],
        "social_index": [7.0, 5.0, None],
        "uncertain": [1.0, 0.0, None],
        "need_benefit_cluster": ["HH", "LL", None],
        # of 110 people: one decimal, since two would be a count of them
        "cool_gap": [0.3, 0.6, None],
        "cool_priority": [2.0, 1.0, None],
        "t_co2e_p50": [None, 2.0, None],
        "data_grade": ["C", "A", "C"],
    }


def test_groups_below_the_limits_keep_their_keys_only() -> None:
    layer = layer_of({"unit_id": ["a", "b"], "ags": ["1", "1"], "people": [3.0, 4.0], "use": ["cell", "cell"]})
    joined = Joined.of(np.zeros(2, np.int64), np.zeros(2, dtype=bool))
    assert merged(layer, joined).to_pydict() == {"unit_id": ["a+1"], "ags": ["1"], "people": [None], "use": [None]}


# --- a village, attacked ----------------------------------------------------------------------------------------------


class Village:
    """A catalogue of one place with ten buildings, cells, and districts of two levels that cut through the cells."""

    def __init__(self, folder: Path, units: pd.DataFrame) -> None:
        self.units = units
        levels = [{"level": "Borough"}, {"level": "Quarter"}]
        entry = {"kind": "municipality", "name": "V", "stock": {"footprints": len(units)}, "districts": levels}
        self.release = Release(folder, {"id": "1", "places": {"v": entry}})
        place = folder / "places" / "v"
        place.mkdir(parents=True)
        zones = ["x_m", "y_m", "zone_0", "zone_1"]
        self.cell = units.groupby(["y_m", "x_m"]).ngroup().to_numpy()
        first = np.unique(self.cell, return_index=True)[1]
        units[[*COUNTS, "floor_area_m2"]].to_parquet(place / build.STOCK)
        units[zones].to_parquet(place / build.ZONES)
        units[zones].iloc[first].to_parquet(place / build.ZONES_CELLS)
        for level in (0, 1):
            pd.DataFrame({"d": range(units[f"zone_{level}"].max() + 1)}).to_parquet(place / build.districts_file(level))

    def ids(self) -> list[str]:
        return ["v.districts", "v.districts-quarter", "v.stock", "v.cells"]

    def __contains__(self, collection: str) -> bool:
        return collection in self.ids()

    def brought(self, _collection: str) -> None:
        """Nobody published anything here."""

    def layer(self, collection: str) -> Layer:
        """Each building emits a power of two: a sum tells which buildings are in it."""
        key = {"v.cells": self.cell, "v.districts": self.units["zone_0"], "v.districts-quarter": self.units["zone_1"]}
        by = np.asarray(key[collection])
        n = int(by.max()) + 1
        columns: dict[str, list[Any]] = {name: np.bincount(by, self.units[name], n).tolist() for name in COUNTS}
        columns["t_co2e"] = np.bincount(by, 2.0 ** np.arange(len(by)), n).tolist()
        layer = layer_of({"name": [f"n{i}" for i in range(n)], **columns})
        corner = self.units[["x_m", "y_m"]].iloc[np.unique(self.cell, return_index=True)[1]].to_numpy(np.float64)
        if collection == "v.cells":
            boxes = shapely.box(*corner.T, *(corner + 200).T)
            layer = replace(layer, drawn=Drawn(Shapes.from_shapely(boxes, CRS.from_epsg(3035))))
        return replace(layer, id=collection)


def village(folder: Path, seed: int, buildings: tuple[int, int]) -> Village:
    rng = np.random.default_rng(seed)
    n = 10
    x, y = rng.integers(0, 3, n), rng.integers(0, 2, n)
    held = rng.integers(*buildings, n).astype(float)
    borough = np.unique((x + (rng.random(n) < 0.2) > 1), return_inverse=True)[1]
    quarter = np.unique(2 * borough + y + (rng.random(n) < 0.1), return_inverse=True)[1]
    units = pd.DataFrame(
        {
            "x_m": 4_000_000 + 200 * x,
            "y_m": 3_000_000 + 200 * y,
            "zone_0": borough,
            "zone_1": quarter,
            "n_buildings": held,
            "dwellings": held * 1.5,
            "people": held * 2.2,
            "floor_area_m2": 0.0,
        }
    )
    return Village(folder, units)


def members(layer: Layer, n: int) -> list[list[float]]:
    """Which units each feature sums, read off its emissions."""
    known = [int(v) for v in layer.column("t_co2e") if np.isfinite(v)]
    return [[float(value >> i & 1) for i in range(n)] for value in known]


def told(published: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Sets of units below a limit whose sum is a combination of what is published."""
    n = len(counts)
    chosen = np.array(list(itertools.product((0.0, 1.0), repeat=n)))[1:]
    few = (chosen @ counts < np.array([*LIMITS.values()]) - ROUNDING).any(axis=1)
    _, values, rows = np.linalg.svd(published)
    space = rows[: int((values > 1e-9 * values.max()).sum())]
    return list(chosen[few & (np.abs(chosen - (chosen @ space.T) @ space).max(axis=1) < 1e-9)])


def test_no_layers_of_a_village_can_be_subtracted_to_few_buildings(tmp_path: Path) -> None:
    unsafe = 0
    for seed in range(12):
        made = village(tmp_path / str(seed), seed, (1, 12))
        seen = PublicCatalogue(cast("Catalogue", made))
        assert seen.ids() == ["v.districts", "v.districts-quarter", "v.cells"]
        counts = made.units[[*COUNTS]].to_numpy()
        everything = np.ones(len(counts))
        rows = [row for one in seen.ids() for row in members(seen.layer(one), len(counts))]
        assert told(np.array([*rows, everything]), counts) == [], seed
        for one in seen.ids():
            assert seen.layer(one).column("t_co2e").sum() == 2 ** len(counts) - 1
        raw = [row for one in seen.ids() for row in members(made.layer(one), len(counts))]
        unsafe += bool(told(np.array([*raw, everything]), counts))
    # what a planner sees would tell them
    assert unsafe >= 6


def test_districts_that_are_too_small_are_shown_with_the_nearest(tmp_path: Path) -> None:
    made = village(tmp_path, 1, (9, 12))
    made.units.loc[0, ["n_buildings", "dwellings", "people"]] = [2.0, 3.0, 5.0]
    made.units["zone_1"] = [1, *[0] * 9]
    made = Village(tmp_path / "again", made.units)
    seen = PublicCatalogue(cast("Catalogue", made))
    layer = seen.layer("v.districts-quarter")
    assert layer.table["name"].to_pylist() == ["n0 + n1"]
    assert "joined with the nearest" in layer.description
    assert not seen.areas_meet("v")
    assert len(seen.layer("v.districts")) == len(made.layer("v.districts"))


def test_a_village_below_the_limits_shows_nothing_but_its_outline(tmp_path: Path) -> None:
    made = village(tmp_path, 3, (0, 1))
    made.units.loc[0, [*COUNTS]] = [2.0, 2.0, 4.0]
    made = Village(tmp_path / "again", made.units)
    seen = PublicCatalogue(cast("Catalogue", made))
    for one in ("v.districts", "v.districts-quarter"):
        layer = seen.layer(one)
        assert layer.column("people").tolist() == [pytest.approx(np.nan, nan_ok=True)] * len(layer)
    cells = seen.layer("v.cells").table.to_pandas()
    assert cells.loc[cells["people"] > 0].empty


def test_a_layer_of_another_build_is_refused(tmp_path: Path) -> None:
    made = village(tmp_path, 1, (9, 12))
    seen = PublicCatalogue(cast("Catalogue", made))
    pq.write_table(pa.table({"d": [0, 1, 2]}), made.release.file("v", build.DISTRICTS))
    with pytest.raises(ReleaseError, match=r"v\.districts': has 2 rows, and 3"):
        seen.layer("v.districts")


def test_rows_are_found_by_their_corner() -> None:
    known = np.array([[5, 7], [-1, 2], [5, 8]])
    assert rows_of(known, np.array([[5, 8], [0, 0], [-1, 2], [7, 5]])).tolist() == [2, -1, 1, -1]
    assert rows_of(known[:0], known).tolist() == [-1, -1, -1]
    assert rows_of(known, known[:0]).tolist() == []
