"""Built-in tables: real, cited, and refused with all their problems when broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import reduce
from operator import or_
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from data import figures as built_in
from data.errors import TableError, UnknownPlaceError
from data.factors import factors
from data.figures import Figures
from data.inventory import Inventory, inventory
from data.place import find, places
from data.schema import SCHEMAS
from data.segments import archetypes
from data.units import empty


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., Path]:
    """Copy the tables and let a test break some cells: ``broken(("measures.csv", 0, "interaction_order", "-5"))``."""

    def copy(*changes: tuple[str, int, str, str | None]) -> Path:
        folder = tmp_path / "tables"
        shutil.copytree(built_in.BUILT_IN, folder)
        for file, row, column, value in changes:
            table = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
            table.loc[row, column] = value
            table.to_csv(folder / file, index=False)
        return folder

    return copy


def problems(folder: Path) -> list[str]:
    with pytest.raises(TableError) as caught:
        built_in.read(folder)
    return [str(p) for p in caught.value.problems]


def test_the_53_municipalities_have_their_published_sums(figures: Figures) -> None:
    table = figures["municipalities"]
    assert len(table) == 53
    assert table["population"].sum() == 5_094_817
    assert table["area_km2"].sum() == pytest.approx(4438.68, abs=0.01)


def test_every_row_is_cited_with_a_source_that_exists(figures: Figures) -> None:
    sources = set(figures["sources"]["source_id"])
    for name, schema in SCHEMAS.items():
        if schema.cited:
            table = figures[name]
            assert set(table["source_id"]) <= sources, name
            assert (table["licence"] != "").all(), name
            assert set(table["status"]) <= {"seen", "derived", "assumption", "recalled"}, name


def test_bisko_factors_carry_the_mark_that_they_are_recalled(figures: Figures) -> None:
    table = figures["emission_factors"]
    assert set(table.loc[table["value_set"] == "BISKO", "status"]) == {"recalled"}


def test_boundaries_meet_without_gap_or_overlap(figures: Figures) -> None:
    shapes = figures.boundaries.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    official = figures["municipalities"].set_index("ags").loc[figures.boundaries["ags"], "area_km2"].to_numpy()
    assert (figures.boundaries.area.to_numpy() / 1e6 / official) == pytest.approx(1, abs=0.03)


def test_cells_on_a_border_share_no_quarter(figures: Figures) -> None:
    """A quarter that two municipalities claim would be drawn, and counted on a raster, twice."""
    cells = figures.cells
    shared = cells[cells.duplicated(["x_m", "y_m"], keep=False)].groupby(["x_m", "y_m"])["quarters"]
    assert len(shared) > 100
    for quarters in shared.apply(list):
        assert sum(quarters) == reduce(or_, quarters)


def test_all_problems_of_all_tables_come_at_once_with_file_row_column_and_remedy(
    broken: Callable[..., Path],
) -> None:
    folder = broken(
        ("measures.csv", 0, "interaction_order", "-5"),
        ("municipalities.csv", 3, "population", "many"),
        ("emission_factors.csv", 7, "status", "sure"),
        ("tabula.csv", 2, "q_h_kwh_m2a", ""),
        ("energy_prices.csv", 1, "year", "2018"),
    )
    (folder / "age_classes.csv").unlink()
    found = problems(folder)
    for start in (
        "measures.csv, row 2, column interaction_order: -5 is negative. Check",
        "municipalities.csv, row 5, column population: 'many' is no number. Write digits",
        "emission_factors.csv, row 9, column status: 'sure' is not known. Use one of seen",
        "tabula.csv, row 4, column q_h_kwh_m2a: is empty. Fill it; an unknown value is not zero",
        "energy_prices.csv, row 3: repeats the key (district_heating, 2018). Keep one row",
        "age_classes.csv: cannot be read",
    ):
        assert any(line.startswith(start) for line in found), (start, found)
    assert len(found) == 6


def test_a_negative_figure_names_its_cell(broken: Callable[..., Path]) -> None:
    (line,) = problems(broken(("municipalities.csv", 0, "dwellings", "-1")))
    assert line == "municipalities.csv, row 2, column dwellings: -1 is negative. Check sign and unit."


def test_a_missing_column_is_named(broken: Callable[..., Path]) -> None:
    folder = broken()
    pd.read_csv(folder / "tabula.csv").drop(columns="q_w_kwh_m2a").to_csv(folder / "tabula.csv", index=False)
    assert problems(folder)[0].startswith("tabula.csv, column q_w_kwh_m2a: is missing")


def test_an_unknown_key_is_named_in_every_table_that_uses_it(broken: Callable[..., Path]) -> None:
    found = problems(
        broken(("social_index.csv", 0, "ags", "09162000"), ("point_sources.csv", 1, "source_id", "rumour"))
    )
    assert any("social_index.csv, row 2, column ags: '09162000' is no municipality" in line for line in found)
    assert any("point_sources.csv, row 3, column source_id: 'rumour' is unknown" in line for line in found)


def test_a_wrong_crs_is_refused_not_guessed(broken: Callable[..., Path]) -> None:
    folder = broken()
    path = folder / "boundaries.parquet"
    gpd.read_parquet(path).to_crs(3857).to_parquet(path)
    assert problems(folder) == ["boundaries.parquet, CRS: is EPSG:3857, expected EPSG:25832. Reproject to EPSG:25832."]


def test_a_missing_sector_is_not_zero(broken: Callable[..., Path]) -> None:
    folder = broken()
    path = folder / "inventories.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    gone = (table["ags"] == "05913000") & (table["base"] == "1") & (table["sector"] == "transport")
    table[~gone].to_csv(path, index=False)
    (line,) = problems(folder)
    assert line.startswith("inventories.csv, base of 05913000: sector transport is missing. Add a row")


def test_a_base_of_two_editions_is_refused(broken: Callable[..., Path]) -> None:
    folder = broken()
    path = folder / "inventories.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    other = (table["ags"] == "05913000") & (table["year"] == "2022") & (table["sector"] == "households")
    table.loc[other, "base"] = "1"
    table.to_csv(path, index=False)
    assert any("mixes editions or years" in line for line in problems(folder))


def test_factor_sets_of_different_boundaries_are_never_mixed(figures: Figures) -> None:
    with pytest.raises(TableError, match=r"'BAFA' and 'projection' mix CO2 direct .* with CO2e incl\. upstream"):
        factors(figures["emission_factors"], "BAFA")
    with pytest.raises(TableError, match="no value set 'GUESS'"):
        factors(figures["emission_factors"], "GUESS")


def test_a_carrier_without_a_factor_is_an_error_not_zero(figures: Figures) -> None:
    ef = factors(figures["emission_factors"], "BISKO")
    with pytest.raises(TableError, match="has no factor for peat"):
        ef.g_kwh("peat", [2030])


def test_the_grid_factor_follows_the_year(figures: Figures) -> None:
    ef = factors(figures["emission_factors"], "BISKO")
    assert ef.g_kwh("electricity", [2018, 2030, 2045, 2060]).tolist() == [544, 140, 15, 15]


def balance_of(key: str, figures: Figures) -> Inventory:
    """Balance of a municipality of the table: it needs no stock."""
    place = places(figures)[key]
    return inventory(
        place, figures, factors(figures["emission_factors"]), empty(CRS.from_user_input(place.crs), archetypes(figures))
    )


def test_households_of_a_published_balance_sum_to_it(figures: Figures) -> None:
    """Dortmund 2018: 1,331.88 kt; the carriers are modelled, their sum is not."""
    balance = balance_of("05913000", figures)
    assert balance.total("households") == pytest.approx(1_331_880, rel=1e-12)
    assert balance.total() == pytest.approx(4_123_340, rel=1e-12)
    assert 0.7 < balance.scale < 1.3


def test_the_fallback_per_head_stays_in_the_published_range(figures: Figures) -> None:
    """Household energy per head must land where Dortmund and Essen are: 1.75 to 2.30 t."""
    for ags, people in figures["municipalities"][["ags", "population"]].itertuples(index=False):
        balance = balance_of(ags, figures)
        assert 1.75 < balance.total("households") / people < 2.30
        assert 2 <= balance.total() / people <= 40


def test_places_are_found_by_key_or_name_and_typos_are_answered_together(figures: Figures) -> None:
    known = places(figures)
    assert [p.key for p in find(["05913000", "essen", "ruhr"], known)] == ["05913000", "05113000", "ruhr"]
    with pytest.raises(UnknownPlaceError) as caught:
        find(["Dortmnd", "99"], known)
    assert len(caught.value.problems) == 2
    assert "Did you mean Dortmund" in str(caught.value)


# --- schools, land and reference levels -------------------------------------------------------------------------------


def test_schools_have_an_index_and_lie_in_their_municipality(figures: Figures) -> None:
    schools = figures["schools"]
    assert len(schools) == 1120
    assert schools["social_index"].between(1, 9).all()
    outlines = figures.boundaries.set_index("ags").geometry[schools["ags"]].to_numpy()
    assert shapely.contains_xy(outlines, schools["x_m"], schools["y_m"]).all()
    assert schools["licence"].str.contains("dl-de").all()
    assert schools["licence"].str.contains("ODbL").all(), "the coordinates come from OpenStreetMap"
    table = figures["social_index"].query("district == ''").set_index("ags")
    weighted = schools.assign(index_pupils=schools["social_index"] * schools["pupils"]).groupby("ags")
    mean = weighted["index_pupils"].sum() / weighted["pupils"].sum()
    # 11 schools have no reliable place and are left out: the means of the other municipalities are the published ones
    whole = table.index[weighted.size().reindex(table.index) == table["n_schools"]]
    assert len(whole) == 44
    assert (mean[whole] - table.loc[whole, "social_index"]).abs().max() < 0.006


def test_what_may_not_be_in_the_new_tables_is_named_by_row(broken: Callable[..., Path]) -> None:
    found = problems(
        broken(
            ("schools.csv", 0, "x_m", "280000"),
            ("schools.csv", 1, "ags", "09162000"),
            ("biophysical.csv", 5, "cn_b", "30"),
            ("biophysical.csv", 7, "cn_d", "70"),
            ("runoff_coefficients.csv", 7, "psi", "0.6"),
            ("social_reference.csv", 0, "value", "22.1"),
            ("social_reference.csv", 1, "value", "0.2"),
        )
    )
    for start in (
        "schools.csv, row 2: school 100014 lies outside 05916000. Correct its coordinates (EPSG:25832)",
        "schools.csv, row 3, column ags: '09162000' is no municipality",
        "biophysical.csv, row 7: curve numbers do not rise from soil A to D",
        "biophysical.csv, row 9: curve numbers do not rise from soil A to D",
        "runoff_coefficients.csv, row 9: psi lies outside low to high",
        "social_reference.csv, row 2: is a share above 1. Divide percent by 100.",
        "social_reference.csv, row 3: needs either a value or a lower bound",
    ):
        assert any(line.startswith(start) for line in found), (start, found)
    assert len(found) == 7


def test_figures_out_of_range_and_strange_classes_are_refused(broken: Callable[..., Path]) -> None:
    found = problems(
        broken(
            ("schools.csv", 0, "social_index", "10"),
            ("schools.csv", 1, "x_m", "7.1"),
            ("biophysical.csv", 0, "class_id", "roof"),
            ("biophysical.csv", 1, "sealed_share", "65"),
            ("biophysical.csv", 2, "cn_a", "0"),
            ("social_reference.csv", 2, "indicator", "mood"),
        )
    )
    assert [line.split(":")[0] for line in found] == [
        "schools.csv, row 2, column social_index",
        "schools.csv, row 3, column x_m",
        "social_reference.csv, row 4, column indicator",
        "biophysical.csv, row 2, column class_id",
        "biophysical.csv, row 3, column sealed_share",
        "biophysical.csv, row 4, column cn_a",
    ]


def test_classes_of_land_in_another_order_are_refused(broken: Callable[..., Path]) -> None:
    """Rasters hold positions: with two rows exchanged, forests would be water."""
    folder = broken()
    table = pd.read_csv(folder / "biophysical.csv", dtype=str)
    table.iloc[::-1].to_csv(folder / "biophysical.csv", index=False)
    assert any("does not hold the classes of LAND_COVERS in their order" in line for line in problems(folder))


def test_a_bound_is_not_passed_off_as_a_value(figures: Figures) -> None:
    """A share "above 17 %" is known by its lower bound only; of "about 1 in 6" no number is made."""
    table = figures["social_reference"].query("indicator == 'minimum_income_rate'").set_index("area_id")
    assert table["value"].dropna().to_dict() == {"05513000": 0.221, "05": 0.11}
    assert table["low"].dropna().to_dict() == dict.fromkeys(("05913000", "05562014", "05113000", "05916000"), 0.17)
    assert figures["social_reference"]["value"].notna().sum() == 15
