"""Segments: heat and savings of archetypes are TABULA's, and no square metre of living area is lost or made."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Transformer

from data import figures as built_in
from data.cells import Common, common
from data.figures import CRS_CELLS, CRS_PLACE, Figures
from data.footprints import of_frame
from data.place import BuildingsFile, Place
from data.schema import AGES, BUILDING_TYPES
from data.segments import AREA, CLASSES, EXISTING, SAVINGS, USEFUL, Archetypes, Segments, archetypes
from data.stock import stock
from data.units import CELL, Stock
from geo.errors import RevierError

Floats = NDArray[np.float64]
SMALL_TOWN = Place(key="05954004", name="Breckerfeld")
OUTSIDE = Place(key="outside", name="Without a census")


@pytest.fixture(scope="module")
def shared(figures: Figures) -> Common:
    return common(figures)


@pytest.fixture(scope="module")
def kinds(figures: Figures) -> Archetypes:
    return archetypes(figures)


def row(kinds: Archetypes, building_type: str, census_age: str, age_class: str) -> pd.Series:
    keys = zip(kinds.table["building_type"], kinds.table["census_age"], kinds.table["age_class"], strict=True)
    return kinds.table.iloc[list(keys).index((building_type, census_age, age_class))]


# --- archetypes -------------------------------------------------------------------------------------------------------


def test_heat_and_savings_of_a_block_of_the_fifties_by_hand(kinds: Archetypes) -> None:
    """TABULA's MFH of class D: 193.7, 78.5 and 48.4 kWh/(m² a) of space heat by state, 15 of hot water.

    The use factor is 0.737, 0.924 and 0.985; with 1.1 m² reference area per m² living area the states need 173.534,
    96.252 and 68.956 kWh per m² living area. 60 % are in their existing state, 33 % refurbished, 7 % deeply.
    """
    mfh = row(kinds, "MFH", "1949_1978", "D")
    assert mfh["share"] == 0.3
    assert mfh[EXISTING] == 0.6
    assert mfh[USEFUL] == pytest.approx(140.71033, abs=1e-5), "0.6 x 173.534 + 0.33 x 96.252 + 0.07 x 68.956"
    assert mfh[SAVINGS["usual"]] == pytest.approx(46.36864, abs=1e-5), "0.6 x (173.534 - 96.252)"
    assert mfh[SAVINGS["ambitious"]] == pytest.approx(62.74678, abs=1e-5), "0.6 x (173.534 - 68.956)"
    assert mfh[USEFUL] - mfh[SAVINGS["usual"]] == pytest.approx(0.93 * 96.25247 + 0.07 * 68.95557, abs=1e-4), "all done"


def test_every_archetype_is_that_of_the_tables(kinds: Archetypes) -> None:
    """The plain loop over the rows of the files."""

    def rows(name: str) -> list[dict[str, str]]:
        with (built_in.BUILT_IN / f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    heat = {}
    for r in rows("tabula"):
        space, water = float(r["q_h_kwh_m2a"]), float(r["q_w_kwh_m2a"])
        heat[r["building_type"], r["age_class"], r["state"]] = 1.1 * (space * (-0.2 + 1.3 / (1 + space / 500)) + water)
    part = {(r["age_class"], r["state"]): float(r["share"]) for r in rows("refurbishment")}
    expected = []
    for age in AGES:
        for kind in BUILDING_TYPES:
            for r in sorted(rows("age_classes"), key=lambda r: r["age_class"]):
                c = r["age_class"]
                if r["census_age"] != age or float(r["share"]) == 0:
                    continue
                need = {state: heat[kind, c, state] for state in ("existing", "usual", "ambitious")}
                useful = sum(need[state] * part[c, state] for state in need)
                old = part[c, "existing"]
                usual, ambitious = (old * max(need["existing"] - need[state], 0) for state in SAVINGS)
                expected.append([kind, age, c, *map(pytest.approx, (float(r["share"]), useful, usual, ambitious, old))])
    assert kinds.table.to_numpy().tolist() == expected
    assert [
        (BUILDING_TYPES[t], AGES[a], CLASSES[c]) for t, a, c in zip(kinds.type, kinds.age, kinds.age_class, strict=True)
    ] == [tuple(e[:3]) for e in expected]


def test_a_retrofit_saves_some_heat_and_never_all_of_it(kinds: Archetypes) -> None:
    useful, usual, deep = (kinds.column(name) for name in (USEFUL, SAVINGS["usual"], SAVINGS["ambitious"]))
    assert (usual > 0).all()
    assert (deep >= usual).all()
    assert (deep < useful).all()
    assert kinds.column(AREA).tolist() == [1] * len(kinds)


def test_segments_by_age_need_archetypes_by_age(kinds: Archetypes) -> None:
    """The engine takes segments of one age in a row together, and numbers of archetypes are kept in one byte."""
    assert (np.diff(kinds.age) >= 0).all()
    assert len(kinds) <= 256


def several(draw: st.DrawFn, shape: tuple[int, int], *, zeros: bool = True) -> Floats:
    number = st.floats(0.5, 1e6)
    values = (st.just(0.0) | number) if zeros else number
    size = shape[0] * shape[1]
    return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=np.float64).reshape(shape)


@st.composite
def margins(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Living area by type and shares of ages of some units."""
    n = draw(st.integers(1, 4))
    ages = several(draw, (n, len(AGES)), zeros=False)
    return several(draw, (n, len(BUILDING_TYPES))), ages / ages.sum(axis=1, keepdims=True)


@given(margins())
def test_expected_areas_keep_both_margins(kinds: Archetypes, both: tuple[Floats, Floats]) -> None:
    by_type, ages = both
    area = kinds.expected(by_type, ages)
    in_type = np.stack([area[:, kinds.type == t].sum(axis=1) for t in range(len(BUILDING_TYPES))], axis=1)
    np.testing.assert_allclose(in_type, by_type, rtol=1e-12)
    in_age = np.stack([area[:, kinds.age == a].sum(axis=1) for a in range(len(AGES))], axis=1)
    np.testing.assert_allclose(in_age, by_type.sum(axis=1, keepdims=True) * ages, rtol=1e-12)


def test_expected_areas_by_hand(kinds: Archetypes) -> None:
    """100 m² in blocks, half of it from before 1919 (a tenth of that class A), half from 1919 to 1948."""
    by_type = np.zeros((1, len(BUILDING_TYPES)))
    by_type[0, BUILDING_TYPES.index("MFH")] = 100
    ages = np.zeros((1, len(AGES)))
    ages[0, :2] = 0.5
    segments = Segments.of(kinds, np.vstack([kinds.expected(by_type, ages), np.zeros(len(kinds))]))
    found = kinds.table.loc[segments.archetype, ["building_type", "age_class"]].to_numpy().tolist()
    assert found == [["MFH", "A"], ["MFH", "B"], ["MFH", "C"]]
    assert segments.living_m2.tolist() == pytest.approx([5, 45, 50])
    assert segments.unit.tolist() == [0, 0, 0]
    assert segments.n_units == 1


# --- segments: nothing lost, nothing made -----------------------------------------------------------------------------


@st.composite
def stocks(draw: st.DrawFn, kinds: Archetypes) -> tuple[Segments, Floats]:
    """Segments of a few units, and the table of unit and archetype they were made of, the withheld last."""
    n = draw(st.integers(0, 6))
    area = np.zeros((n + 1, len(kinds)))
    some = draw(
        st.lists(st.tuples(st.integers(0, n), st.integers(0, len(kinds) - 1), st.floats(0.1, 1e5)), max_size=20)
    )
    for unit, kind, m2 in some:
        area[unit, kind] = m2
    return Segments.of(kinds, area), area


def dense(segments: Segments) -> Floats:
    """Area by unit and archetype, the plain way."""
    out = np.zeros((segments.n_units + 1, len(segments.kinds)))
    for unit, kind, m2 in zip(segments.unit, segments.archetype, segments.living_m2, strict=True):
        out[unit, kind] += m2
    return out


@given(st.data())
def test_segments_hold_all_of_the_area_and_nothing_else(kinds: Archetypes, data: st.DataObject) -> None:
    segments, area = data.draw(stocks(kinds))
    assert (dense(segments) == area).all()
    assert (segments.living_m2 > 0).all()
    assert (np.diff(segments.unit) >= 0).all()
    frame = segments.frame()
    assert frame["living_m2"].sum() == pytest.approx(area.sum())
    assert list(frame.columns) == ["unit", "archetype", "living_m2"]
    assert frame["unit"].tolist() == segments.unit.tolist()
    assert frame["archetype"].tolist() == segments.archetype.tolist()


@given(st.data())
def test_sums_by_age_are_those_of_the_plain_loop(kinds: Archetypes, data: st.DataObject) -> None:
    segments, area = data.draw(stocks(kinds))
    for name in (AREA, USEFUL, EXISTING):
        per_m2 = np.ones(len(kinds)) if name == AREA else kinds.table[name].to_numpy(np.float64)
        expected = np.zeros((len(area), len(AGES)))
        for k, age in enumerate(kinds.table["census_age"]):
            expected[:, AGES.index(age)] += area[:, k] * per_m2[k]
        np.testing.assert_allclose(segments.by_age(name), expected, rtol=1e-12)


@given(st.data())
def test_grouping_keeps_sums_and_what_is_withheld(kinds: Archetypes, data: st.DataObject) -> None:
    segments, area = data.draw(stocks(kinds))
    n = data.draw(st.integers(1, 4))
    units = segments.n_units
    group = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=units, max_size=units)), dtype=np.int64)
    found = segments.grouped(group, n)
    expected = np.zeros((n + 1, len(kinds)))
    np.add.at(expected, np.append(group, n), area)
    assert found.n_units == n
    np.testing.assert_allclose(dense(found), expected, rtol=1e-12)
    assert dense(found)[-1].tolist() == area[-1].tolist(), "what has no place gets none"


@given(st.data())
def test_another_order_keeps_every_unit_whole(kinds: Archetypes, data: st.DataObject) -> None:
    segments, area = data.draw(stocks(kinds))
    order = np.array(data.draw(st.permutations(range(segments.n_units))), dtype=np.int64)
    mixed = segments.taken(order)
    assert (dense(mixed) == area[np.append(order, segments.n_units)]).all()
    assert (np.diff(mixed.unit) >= 0).all()
    assert (dense(mixed.taken(np.argsort(order))) == area).all(), "there and back"


@given(st.data())
def test_some_units_are_taken_with_all_they_hold(kinds: Archetypes, data: st.DataObject) -> None:
    segments, area = data.draw(stocks(kinds))
    chosen = data.draw(st.lists(st.integers(0, max(segments.n_units - 1, 0)), unique=True, max_size=segments.n_units))
    some = segments.taken(np.array(chosen, dtype=np.int64))
    assert some.n_units == len(chosen)
    assert (dense(some) == area[[*chosen, segments.n_units]]).all()


# --- segments of real stocks ------------------------------------------------------------------------------------------


def buildings(x: Any, y: Any, **columns: Any) -> gpd.GeoDataFrame:
    """Houses of 20 m x 15 m at some corners, UTM 32N."""
    x, y = np.atleast_1d(np.asarray(x, dtype=np.float64)), np.atleast_1d(np.asarray(y, dtype=np.float64))
    given_ = {
        "building_id": [f"b{i}" for i in range(len(x))],
        "use": "residential",
        "building_type": "MFH",
        "storeys": 3.0,
        "height_m": np.nan,
        "roof": "",
        "year_built": np.nan,
        "dwellings": 8.0,
        "living_area_m2": 800.0,
        "carrier": "",
        "data_grade": "B",
    }
    return gpd.GeoDataFrame({**given_, **columns}, geometry=shapely.box(x, y, x + 20, y + 15), crs=CRS_PLACE)


def built(figures: Figures, shared: Common, place: Place, frame: gpd.GeoDataFrame) -> Stock:
    return stock(place, figures, shared, of_frame(frame, None, figures, min_heated_m2=25))


def assert_whole(made: Stock) -> None:
    """Segments of each unit sum to its living area."""
    area = made.segments.by_age(AREA)[:-1].sum(axis=1)
    np.testing.assert_allclose(area, made.units["living_area_m2"], rtol=1e-12)


def test_a_building_of_known_year_is_one_segment(figures: Figures, shared: Common) -> None:
    """Of every year: averaged over classes first, no building would be as bad as it is."""
    years = np.arange(1850, 2025)
    made = built(figures, shared, OUTSIDE, buildings(3e5 + 50.0 * np.arange(len(years)), 5.7e6, year_built=years * 1.0))
    segments, found = made.segments, made.segments.kinds.table.loc[made.segments.archetype]
    assert segments.unit.tolist() == list(range(len(years)))
    assert segments.living_m2.tolist() == [800] * len(years)
    assert set(found["building_type"]) == {"MFH"}
    by_year = dict(zip(years.tolist(), found["census_age"] + " " + found["age_class"], strict=True))
    # on both sides of the bounds of classes and of census ages, which are not the same
    assert {year: by_year[year] for year in (1859, 1860, 1918, 1919, 1948, 1949, 1957, 1958, 1978, 1979)} == {
        1859: "until_1918 A",
        1860: "until_1918 B",
        1918: "until_1918 B",
        1919: "1919_1948 C",
        1948: "1919_1948 C",
        1949: "1949_1978 D",
        1957: "1949_1978 D",
        1958: "1949_1978 E",
        1978: "1949_1978 F",
        1979: "1979_1986 G",
    }
    assert {year: by_year[year] for year in (1986, 1987, 1995, 2001, 2002, 2008, 2009, 2010, 2016)} == {
        1986: "1979_1986 H",
        1987: "1987_1990 H",
        1995: "1991_1995 I",
        2001: "2001_2004 I",
        2002: "2001_2004 J",
        2008: "2005_2008 J",
        2009: "2009_later J",
        2010: "2009_later K",
        2016: "2009_later L",
    }


def test_the_heat_of_a_building_of_known_year_by_hand(figures: Figures, shared: Common) -> None:
    made = built(figures, shared, OUTSIDE, buildings(3e5, 5.7e6, year_built=[1955.0]))
    assert made.heat_by_age.sum() == pytest.approx(800 * 140.71033, rel=1e-6)
    assert made.heat_by_age[0, AGES.index("1949_1978")] == made.heat_by_age.sum()


def test_a_building_of_unknown_year_is_many_segments_of_one_type(figures: Figures, shared: Common) -> None:
    """And one that is no home is none."""
    frame = buildings([3e5, 3e5 + 50], [5.7e6] * 2, use=["residential", "office"], building_type=["EFH", ""])
    made = built(figures, shared, OUTSIDE, frame)
    assert_whole(made)
    assert set(made.segments.unit) == {0}
    found = made.segments.kinds.table.loc[made.segments.archetype]
    assert set(found["building_type"]) == {"EFH"}
    assert set(found["census_age"]) == set(AGES)
    assert made.area_by_age[0] == pytest.approx(800 * shared.ages, rel=1e-12)


def test_segments_of_a_cell_sum_to_its_area(figures: Figures, shared: Common) -> None:
    made = stock(SMALL_TOWN, figures, shared)
    assert set(made.units["use"]) == {CELL}
    assert_whole(made)
    assert made.segments.by_age(AREA)[-1].sum() > 0, "the census withholds some"
    published = figures.town(SMALL_TOWN.key)["floor_area_m2"]
    assert made.segments.living_m2.sum() == pytest.approx(published, rel=1e-12)


def test_a_building_takes_its_place_from_its_cell_and_nothing_else(figures: Figures, shared: Common) -> None:
    alone = stock(SMALL_TOWN, figures, shared)
    at = int(alone.units["n_buildings"].to_numpy().argmax())
    corner = alone.units.loc[at, ["x_m", "y_m"]].to_numpy(np.float64) + 100
    x, y = Transformer.from_crs(CRS_CELLS, CRS_PLACE, always_xy=True).transform(*corner)
    made = built(figures, shared, SMALL_TOWN, buildings(x, y, year_built=[1955.0]))
    assert_whole(made)
    assert len(made) == len(alone) + 1
    segments = dense(made.segments)
    expected = dense(alone.segments)
    expected[at] *= 1 - 1 / alone.units["n_buildings"][at]
    np.testing.assert_allclose(segments[1:], expected, rtol=1e-12)
    assert segments[0].sum() == 800
    assert np.count_nonzero(segments[0]) == 1


def test_drawn_buildings_hold_all_of_their_place(figures: Figures, shared: Common) -> None:
    place = Place(key=SMALL_TOWN.key, name=SMALL_TOWN.name, buildings=(BuildingsFile(format="modelled"),))
    made = stock(place, figures, shared)
    assert set(made.units["use"]) == {"residential"}
    assert_whole(made)
    assert made.segments.living_m2.sum() == pytest.approx(stock(SMALL_TOWN, figures, shared).segments.living_m2.sum())


# --- found by these tests ---------------------------------------------------------------------------------------------


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Folder that stands for the built-in tables, so that a test may replace one."""
    for path in built_in.BUILT_IN.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def replaced(folder: Path, name: str, table: pd.DataFrame) -> Path:
    (folder / f"{name}.csv").unlink()
    table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_a_missing_state_of_tabula_is_refused(figures: Figures, tables: Path) -> None:
    """Missing is never zero."""
    table = figures["tabula"]
    lost = (table["building_type"] == "MFH") & (table["age_class"] == "D") & (table["state"] == "usual")
    with pytest.raises(RevierError, match="MFH"):
        archetypes(built_in.read(replaced(tables, "tabula", table[~lost])))


def test_states_of_a_class_that_do_not_sum_to_one_are_refused(figures: Figures, tables: Path) -> None:
    table = figures["refurbishment"]
    lost = (table["age_class"] == "D") & (table["state"] == "usual")
    with pytest.raises(RevierError, match="refurbishment"):
        archetypes(built_in.read(replaced(tables, "refurbishment", table[~lost])))


def test_classes_of_an_age_that_do_not_sum_to_one_are_refused(figures: Figures, tables: Path) -> None:
    table = figures["age_classes"]
    lost = (table["census_age"] == "1949_1978") & (table["age_class"] == "D")
    with pytest.raises(RevierError, match="age_classes"):
        archetypes(built_in.read(replaced(tables, "age_classes", table[~lost])))


def test_two_segments_of_one_archetype_are_both_taken(kinds: Archetypes) -> None:
    twice = Segments(kinds, np.zeros(2, np.int32), np.zeros(2, np.uint8), np.array([10.0, 20.0]), 1)
    assert twice.grouped(np.array([0]), 1).living_m2.sum() == 30
    assert twice.taken(np.array([0])).living_m2.sum() == 30
