"""The catalogue of measures: complete, cited, computable; a city's own figures replace others in the open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import figures as built_in
from data.errors import TableError
from data.figures import Figures
from data.measures import ALWAYS, BY_TYPE, KINDS, LOCKED, NEEDS, Measure, catalogue, check_tables, kind, with_overrides
from data.schema import ACTS_ON, BUILDING_TYPES, EFFECTS, SCENARIOS, TRANSPORT_CARRIERS
from geo.errors import InputError
from geo.paths import along_years

OWN = {"reason": "our tender", "date": "2026-03-01", "source": "council paper 12/2026"}
REFERENCE_STATUS = {"general knowledge, to verify": "recalled"}


@pytest.fixture(scope="module")
def measures(figures: Figures) -> dict[str, Measure]:
    return catalogue(figures)


@pytest.fixture(scope="module")
def reference(vectors: Path) -> dict[str, dict[str, Any]]:
    rows = pd.read_csv(vectors.parent / "figures" / "measures.csv").to_dict("records")
    return {str(row["id"]): {str(name): value for name, value in row.items()} for row in rows}


def refused(measures: dict[str, Measure], *rows: dict[str, object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        with_overrides(measures, rows)
    return [str(problem) for problem in caught.value.problems]


def row(measure: str, figure: str, value: object, **changed: object) -> dict[str, object]:
    return {"measure": measure, "figure": figure, "value": value, **OWN, **changed}


def number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return float("nan")


def tables_with(figures: Figures, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> dict[str, Any]:
    return {**figures.tables, table: change(figures[table].copy())}


def cell(at: int, column: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table[column] = table[column].astype(object)
        table.loc[at, column] = value
        return table

    return change


def without(measure: str, figure: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table[(table["measure"] != measure) | (table["figure"] != figure)].reset_index(drop=True)


def test_the_catalogue_holds_all_38_measures_once(measures: dict[str, Measure]) -> None:
    assert [m.catalogue_id for m in measures.values()] == [f"M{i:02}" for i in range(1, 39)]
    assert len({m.name_en for m in measures.values()} | {m.name_de for m in measures.values()}) == 76


def test_every_way_to_act_is_taken_by_some_measure(measures: dict[str, Measure]) -> None:
    """A way that no measure takes is a name that nothing computes."""
    assert {m.acts_on for m in measures.values()} == set(ACTS_ON)
    assert {m.effect for m in measures.values()} == set(EFFECTS)
    assert {(m.effect, m.acts_on) for m in measures.values()} == set(NEEDS)


def test_what_is_said_in_english_is_said_in_german(measures: dict[str, Measure]) -> None:
    for m in measures.values():
        assert bool(m.co_benefits_en) == bool(m.co_benefits_de), m.measure
        assert bool(m.caution_en) == bool(m.caution_de), m.measure
        assert m.name_en != m.name_de


def test_every_kind_of_figure_is_used_and_within_its_range(measures: dict[str, Measure]) -> None:
    used = {name for m in measures.values() for name in m.figures}
    assert {name for name in used if kind(name) is None} == set()
    assert {name for name in KINDS if name not in used} == set()
    for m in measures.values():
        for name, figure in m.figures.items():
            _, low, high = kind(name) or ("", 1, 0)
            assert low <= figure.value <= high, (m.measure, name)


def test_figures_of_the_reference_are_found_again(
    measures: dict[str, Measure], reference: dict[str, dict[str, Any]]
) -> None:
    """Every number of its 38 rows, in place: a slip of typing would cost a city millions."""
    names = {
        "opex_pct_invest_a": "opex_share_a",
        "opex_eur_unit_a": "opex_eur_unit_a",
        "lifetime_a": "lifetime_a",
        "grant_default": "grant_share",
        "grant_max": "grant_max_share",
        "rebound_default": "rebound",
        "uptake_max_2045": "uptake_max",
    }
    for m in measures.values():
        source = reference[m.catalogue_id]
        invest = m.figures["invest_eur_unit"]
        expected = [source[c] for c in ("invest_eur_per_unit", "invest_low", "invest_high", "price_year")]
        assert [invest.value, invest.low, invest.high, invest.price_year] == expected, m.measure
        assert invest.status == REFERENCE_STATUS.get(source["invest_status"], source["invest_status"]), m.measure
        for theirs, ours in names.items():
            if pd.notna(source[theirs]):
                assert m.figures[ours].value == source[theirs], (m.measure, ours)
            else:
                assert ours not in m.figures, (m.measure, ours)
        assert m.interaction_order == source["interaction_order"]
        assert m.curve == source["uptake_curve"]


def test_effects_of_the_reference_are_found_again(
    measures: dict[str, Measure], reference: dict[str, dict[str, Any]]
) -> None:
    scale = {"industrial_efficiency": 1000.0}  # the reference counts MWh
    numeric = 0
    for m in measures.values():
        source = reference[m.catalogue_id]
        effect = [number(source[c]) for c in ("effect_value", "effect_low", "effect_high")]
        if np.isnan(effect[0]):
            continue
        numeric += 1
        wanted = [None if np.isnan(e) else e * scale.get(m.measure, 1.0) for e in effect]
        # what every measure has says nothing of its effect
        own = [f for name, f in m.figures.items() if (name,) not in ALWAYS and not name.startswith("opex")]
        found = [[f.value, f.low, f.high] for f in own]
        assert wanted in found or (wanted[1] is None and wanted[0] in [f[0] for f in found]), (m.measure, wanted)
    assert numeric == 31  # the other seven are looked up or follow from a performance factor
    assert [measures["heat_pump_air"].figures["spf"].low, measures["heat_pump_ground"].figures["spf"].low] == [2.7, 3.7]
    assert measures["heat_pump_air"].value("spf") == 3.1
    assert measures["heat_pump_ground"].value("spf") == 4.1
    assert measures["district_heat_connection"].value("eta") == 0.98
    assert measures["district_heat_factor"].value("spf") == 2.825


def test_typical_savings_of_vehicles_follow_from_their_figures(measures: dict[str, Measure]) -> None:
    """By hand, car at 250 g/kWh: 12,000 km x (0.637 kWh x 0.271 - 0.186 x 0.250 kg) = 1,514 kg."""
    fuel = {"petrol": 271.03, "diesel": 266.5}
    for name, digits in (("electric_car", 1), ("electric_bus", 0)):
        m = measures[name]
        typical = m.figures["typical_saved_t_unit_a"]
        for grid, expected in ((445, typical.low), (250, typical.value), (15, typical.high)):
            g_km = m.value("kwh_km_old") * fuel[m.from_carrier] - m.value("kwh_km_new") * grid
            assert round(m.value("km_unit_a") * g_km / 1e6, digits) == expected, (name, grid)


def test_the_cost_of_a_deep_retrofit_depends_on_the_building_type(measures: dict[str, Measure]) -> None:
    deep = measures["envelope_deep"]
    assert [deep.value("invest_eur_unit", t) for t in BUILDING_TYPES] == [644, 644, 532, 431]
    assert [measures["envelope_usual"].value("invest_eur_unit", t) for t in BUILDING_TYPES] == [350] * 4
    with pytest.raises(InputError, match=r"figure 'invest_eur' is unknown. Did you mean invest_eur_unit"):
        deep.value("invest_eur")


def test_a_document_is_json_and_reads_back_the_same(measures: dict[str, Measure]) -> None:
    changed = with_overrides(measures, [row("heat_pump_air", "invest_eur_unit", 2100)])
    for m in changed.values():
        text = json.dumps(m.as_document(), allow_nan=False)
        assert Measure.of_document(json.loads(text)) == m
    shown = changed["heat_pump_air"].as_document()["figures"]["invest_eur_unit"]
    assert (shown["value"], shown["replaced"]["value"]) == (2100, 1600)


@pytest.mark.parametrize(
    ("measure", "figure"),
    [
        ("heat_pump_air", "spf"),
        ("heat_pump_air", "full_load_h_a"),
        ("electric_bus", "kwh_km_old"),
        ("waste_heat", "ef_new_g_kwh"),
        ("led_street_lighting", "saved_kwh_unit_a"),
        ("pv_balcony", "yield_kwh_unit_a"),
        ("street_tree", "saved_t_unit_a"),
        ("park", "lifetime_a"),
        ("park", "uptake_max"),
    ],
)
def test_a_measure_without_a_figure_that_its_effect_needs_is_refused(
    figures: Figures, measure: str, figure: str
) -> None:
    (problem,) = check_tables(tables_with(figures, "measure_figures", without(measure, figure)))
    assert problem.what.startswith(f"{measure} has no ")
    assert figure in problem.what


@pytest.mark.parametrize(
    ("table", "at", "column", "value", "what"),
    [
        ("measures", 0, "state_to", "", "envelope_usual has no state_to"),
        ("measures", 2, "to_carrier", "", "heat_pump_air has no to_carrier"),
        ("measures", 11, "from_carrier", "", "electric_car has no from_carrier"),
        ("measures", 0, "effect", "plant", "effect plant on space_heat has no meaning"),
        ("measures", 0, "eligibility", "klass <= 'H'", "name 'klass' is unknown. Did you mean class?"),
        ("measures", 2, "eligibility", "carrier == 'gas'", "text 'gas' is unknown"),
        ("measure_figures", 0, "low", 351, "invest_eur_unit 350 is outside 351.0 to 450.0"),
        ("measure_figures", 0, "high", 300, "invest_eur_unit 350 is outside 220.0 to 300.0"),
        ("measure_figures", 0, "unit", "EUR/kw", "invest_eur_unit is in EUR/kw. Give it in EUR/m2_living"),
        ("measure_figures", 0, "price_year", np.nan, "invest_eur_unit has no price year"),
        ("measure_figures", 1, "price_year", 2020, "opex_share_a is no money and has a price year"),
        ("measure_figures", 1, "figure", "opex_shar", "figure 'opex_shar' is unknown. Did you mean opex_share_a?"),
        ("measure_figures", 0, "measure", "envelop_usual", "'envelop_usual' is unknown. Did you mean envelope_usual?"),
        ("grants", 0, "measure", "heatpump_air", "'heatpump_air' is unknown. Did you mean heat_pump_air?"),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    figures: Figures, table: str, at: int, column: str, value: object, what: str
) -> None:
    found = [str(p) for p in check_tables(tables_with(figures, table, cell(at, column, value)))]
    assert any(what in line and line.startswith(f"{table}.csv, row {at + 2}") for line in found), found


def test_a_share_in_percent_is_refused(figures: Figures) -> None:
    at = int(figures["measure_figures"].query("measure == 'park' and figure == 'uptake_max'").index[0])
    (problem,) = check_tables(tables_with(figures, "measure_figures", cell(at, "value", 60.0)))
    assert problem.what == "uptake_max 60 is outside 0 to 1"


def test_a_grant_above_its_largest_is_refused(figures: Figures) -> None:
    at = int(figures["measure_figures"].query("measure == 'park' and figure == 'grant_max_share'").index[0])
    (problem,) = check_tables(tables_with(figures, "measure_figures", cell(at, "value", 0.1)))
    assert problem.what == "grant_share of park is above grant_max_share"


def test_tonnes_that_no_effect_counts_are_refused(figures: Figures) -> None:
    at = int(figures["measure_figures"].query("measure == 'charging_point' and figure == 'saved_t_unit_a'").index[0])
    (problem,) = check_tables(tables_with(figures, "measure_figures", cell(at, "value", 3.0)))
    assert problem.what == "charging_point saves tonnes that no effect counts"


def test_tables_are_checked_when_they_are_read(tmp_path: Path) -> None:
    """A new row without source, effect or share must stop the build, with everything that is wrong."""
    folder = tmp_path / "tables"
    shutil.copytree(built_in.BUILT_IN, folder)

    def change(name: str, column: str, value: str, at: int = 0) -> None:
        table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        table.loc[at, column] = value
        table.to_csv(folder / f"{name}.csv", index=False)

    change("measure_figures", "source_id", "rumour")
    change("measures", "state_to", "")
    change("sector_energy", "share", "0.5")
    change("co2_cost_split", "kg_m2a_below", "13")
    change("co2_cost_split", "tenant_share", "0.7", at=1)
    change("scenario_parameters", "value", "")
    with pytest.raises(TableError) as caught:
        built_in.read(folder)
    assert [p.where for p in caught.value.problems] == [
        "measure_figures.csv, row 2, column source_id",
        "measures.csv, row 2",
        "sector_energy.csv, sector economy",
        "scenario_parameters.csv, row 2",
        "co2_cost_split.csv, row 3",
        "co2_cost_split.csv",
    ]


def test_an_own_figure_replaces_and_keeps_the_old_one_in_sight(measures: dict[str, Measure]) -> None:
    before = measures["heat_pump_air"].figures["invest_eur_unit"]
    once = with_overrides(measures, [row("heat_pump_air", "invest_eur_unit", "2100", price_year=2025)])
    new = once["heat_pump_air"].figures["invest_eur_unit"]
    assert (new.value, new.unit, new.status, new.price_year) == (2100, "EUR/kw", "own", 2025)
    assert (new.reason, new.date, new.source_id) == ("our tender", "2026-03-01", "council paper 12/2026")
    assert new.low is None
    assert new.high is None
    assert new.replaced is before
    assert measures["heat_pump_air"].figures["invest_eur_unit"] is before
    again = with_overrides(once, [row("heat_pump_air", "invest_eur_unit", 1900)])
    last = again["heat_pump_air"].figures["invest_eur_unit"]
    assert (last.value, last.price_year) == (1900, 2026)
    assert last.replaced is before


def test_an_own_figure_may_be_of_one_building_type(measures: dict[str, Measure]) -> None:
    changed = with_overrides(measures, [row("envelope_usual", "invest_eur_unit_GMH", 290)])["envelope_usual"]
    assert [changed.value("invest_eur_unit", t) for t in BUILDING_TYPES] == [350, 350, 350, 290]
    assert changed.figures["invest_eur_unit_GMH"].replaced == measures["envelope_usual"].figures["invest_eur_unit"]


def test_all_problems_of_own_figures_come_at_once(measures: dict[str, Measure]) -> None:
    found = refused(
        measures,
        row("heat_pump_aire", "spf", 3),
        row("heat_pump_air", "spv", 3),
        row("heat_pump_air", "spf", "3,4"),
        row("heat_pump_air", "lifetime_a", 0),
        row("heat_pump_air", "rebound", 5, reason="", date="March", source=None),
        row("waste_heat", "ef_new_g_kwh", 0),
        row("electric_car", "typical_saved_t_unit_a", 9),
        row("heat_pump_air", "ef_g_kwh", 0),
        row("heat_pump_air", "lifetime_a", 20),
        row("park", "invest_eur_unit", 90, price_year="20"),
    )
    starts = (
        "overrides, row 1, measure: measure 'heat_pump_aire' is unknown. Did you mean heat_pump_air?",
        "overrides, row 2, figure: figure 'spv' is unknown. Did you mean spf?",
        "overrides, row 3, value: '3,4' is no number. Write digits with a point",
        "overrides, row 4, value: lifetime_a 0 is outside 1 to 200",
        "overrides, row 5, value: rebound 5 is outside 0 to 1",
        "overrides, row 5, reason: is empty. A city's own figure needs",
        "overrides, row 5, source: is empty",
        "overrides, row 5, date: 'March' is no date",
        "overrides, row 6, figure: 'ef_new_g_kwh' is locked",
        "overrides, row 7, figure: 'typical_saved_t_unit_a' is locked",
        "overrides, row 8, figure: 'ef_g_kwh' is locked",
        "overrides, row 9: gives lifetime_a of heat_pump_air again",
        "overrides, row 10, price_year: '20' is no year",
    )
    assert len(found) == len(starts)
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("value", [None, True, "", "nan", "inf", float("nan"), -1])
def test_what_is_no_possible_number_is_refused(measures: dict[str, Measure], value: object) -> None:
    (line,) = refused(measures, row("heat_pump_air", "invest_eur_unit", value))
    assert line.startswith("overrides, row 1, value:")


def test_an_own_grant_above_the_largest_is_refused_unless_both_are_given(measures: dict[str, Measure]) -> None:
    (line,) = refused(measures, row("pv_roof", "grant_share", 0.2))
    assert "grant_share 0.2 of pv_roof is above grant_max_share" in line
    both = [row("pv_roof", "grant_share", 0.2), row("pv_roof", "grant_max_share", 0.3)]
    assert with_overrides(measures, both)["pv_roof"].value("grant_share") == 0.2


@given(data=st.data())
def test_an_own_figure_changes_nothing_else(figures: Figures, data: st.DataObject) -> None:
    measures = catalogue(figures)
    name = data.draw(st.sampled_from(sorted(measures)))
    # the two shares of a grant bind each other
    free = [f for f in sorted(measures[name].figures) if f not in LOCKED and not f.startswith("grant_")]
    figure = data.draw(st.sampled_from(free))
    _, low, high = kind(figure) or ("", 1, 0)
    value = data.draw(st.floats(low, high))
    changed = with_overrides(measures, [row(name, figure, value)])
    assert changed[name].value(figure) == value
    undone = {**changed[name].figures, figure: changed[name].figures[figure].replaced}
    assert undone == measures[name].figures
    assert all(changed[other] == measures[other] for other in measures if other != name)


def test_the_central_path_is_the_projection_of_the_factors(figures: Figures) -> None:
    """Two tables that hold the same path must not drift apart."""
    columns = ["carrier", "year", "ef_g_kwh"]
    path = figures["external_paths"].query("path == 'central'")[columns]
    factors = figures["emission_factors"].query("value_set == 'projection' and carrier in @path['carrier']")[columns]
    assert sorted(path.to_records(index=False).tolist()) == sorted(factors.to_records(index=False).tolist())


def test_paths_are_in_order_and_meet_the_published_nodes(figures: Figures) -> None:
    def along(path: str, carrier: str, years: list[int]) -> list[float]:
        table = figures["external_paths"]
        rows = table[(table["path"] == path) & (table["carrier"] == carrier)]
        found: list[float] = along_years(years, rows["year"], rows["ef_g_kwh"]).tolist()
        return found

    nodes = [2025, 2030, 2035, 2040, 2045]
    assert along("slow", "electricity", nodes) == pytest.approx([410, 322, 235, 148, 60], abs=0.6)
    assert along("fast", "electricity", nodes) == [330, 100, 40, 20, 10]
    for carrier in ("electricity", "district_heating"):
        years = list(range(2026, 2046))
        slow, central, fast = (np.array(along(p, carrier, years)) for p in ("slow", "central", "fast"))
        assert (slow > central).all()
        assert (central > fast).all()


def test_the_split_of_the_co2_cost_has_its_ten_steps(figures: Figures) -> None:
    steps = figures["co2_cost_split"]
    assert steps["kg_m2a_from"].tolist() == [0, 12, 17, 22, 27, 32, 37, 42, 47, 52]
    assert steps["landlord_share"].tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95]


def test_social_cost_of_both_generations_is_told_apart(figures: Figures) -> None:
    table = figures["social_cost"].set_index(["generation", "prtp_pct", "year"])["eur_t"]
    assert table["mk3", 1, 2020] == 195
    assert table["mk3", 0, 2020] == 680
    assert table["mk4"].to_dict() == {(0, 2026): 1000}
    both = table["mk3"].unstack("prtp_pct")
    assert (both[0] > both[1]).all()


def test_every_fuel_of_traffic_has_a_factor_that_holds_the_upstream_chain(figures: Figures) -> None:
    factors = figures["emission_factors"].query("value_set == 'BISKO'")
    used = set(figures["sector_energy"].query("sector == 'transport'")["carrier"])
    assert used == set(TRANSPORT_CARRIERS) <= set(factors["carrier"])
    boundary = factors[factors["carrier"].isin(["petrol", "diesel"])]["gas_boundary"]
    assert set(boundary) == {"CO2e well-to-wheel"}


def test_vehicles_agree_with_the_measures_that_replace_them(figures: Figures, measures: dict[str, Measure]) -> None:
    rows = figures["vehicles"].query("road != 'motorway' and year == 2018 and figure == 'kwh_km'")
    kwh = rows.set_index(["vehicle", "carrier"])["value"]
    for vehicle, name in (("car", "electric_car"), ("bus", "electric_bus")):
        m = measures[name]
        assert m.value("kwh_km_old") == pytest.approx(kwh[vehicle, m.from_carrier], rel=0.002)
        assert m.value("kwh_km_new") == pytest.approx(kwh[vehicle, m.to_carrier], rel=0.002)


def test_every_scenario_has_every_parameter_but_a_target_year(figures: Figures) -> None:
    table = figures["scenario_parameters"]
    by_scenario = {name: set(rows["parameter"]) for name, rows in table.groupby("scenario")}
    assert set(by_scenario) == set(SCENARIOS)
    assert by_scenario["climate_plan"] == by_scenario["climate_equity"]
    assert by_scenario["climate_plan"] - by_scenario["reference"] == {"net_zero_year"}


def test_grants_of_a_measure_reach_what_the_catalogue_says(figures: Figures, measures: dict[str, Measure]) -> None:
    """KfW 458 for an owner-occupier in 2026: 30 + 5 + 20 + 30 % capped at 70 %, the largest grant of the measure."""
    rows = figures["grants"].query("programme == 'KfW 458' and measure == 'heat_pump_air'")
    valid = rows[(rows["valid_from"] <= 2026) & ~(rows["valid_to"] < 2026)]
    assert valid["rate"].sum() == pytest.approx(0.85)
    assert min(valid["rate"].sum(), valid["cap_share"].max()) == measures["heat_pump_air"].value("grant_max_share")
    landlord = valid[valid["tenure"] == "any"]
    assert landlord["rate"].sum() == pytest.approx(0.35)
    speed = rows[rows["bonus"] == "speed"].sort_values("valid_from")
    assert (speed["valid_from"].to_numpy()[1:] == speed["valid_to"].to_numpy()[:-1] + 1).all()
    assert speed["rate"].round(2).tolist() == [0.2, 0.17, 0.14, 0.11, 0.08]


def test_only_figures_that_exist_stand_by_building_type() -> None:
    assert set(BY_TYPE) <= set(KINDS)
    assert kind("invest_eur_unit_GMH") == KINDS["invest_eur_unit"]
    assert kind("spf_GMH") is None
    assert kind("invest_eur_unit_XXL") is None
