"""Impact of the retrofit: with minus without, the same wherever it is shown, refused with all problems at once."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from data.segments import EXISTING, SAVINGS, USEFUL
from layers.catalogue import Catalogue
from layers.errors import PlacementError
from layers.findings import by_area, by_unit, document
from layers.impact import Impact, Outside, impact
from layers.placement import STANDARD, Placement
from layers.placing import place
from layers.planning import FROZEN, LAST_YEAR, YEARS, Planning
from layers.rents import all_rents, transfers


@pytest.fixture(scope="module")
def planning(catalogue: Catalogue) -> Planning:
    return catalogue.planning("05913000")


@pytest.fixture(scope="module")
def standard(planning: Planning) -> Impact:
    return impact(planning, [STANDARD])


def whole(planning: Planning) -> shapely.Polygon:
    """Box around the place with room to spare."""
    (west, south), (east, north) = planning.shapes.coords.min(axis=0), planning.shapes.coords.max(axis=0)
    box: shapely.Polygon = shapely.box(west - 500, south - 500, east + 500, north + 500)
    return box


def test_without_starts_at_the_balance_of_the_year_and_falls_with_the_grid(standard: Impact) -> None:
    body = document(standard)
    years = body["years"]
    assert [r["year"] for r in years] == list(range(2025, 2046))
    plan = standard.planning
    by_hand = float(plan.balance_kwh.sum(axis=0) @ plan.factors("central")[:, 0]) / 1e6
    assert standard.without[:, 0, 0].sum() == pytest.approx(by_hand, rel=1e-12)
    # with the factors of its year, the balance comes out: 4,123,340 t in 2018
    entry = plan.release.places["05913000"]
    assert plan.base_year == entry["inventory"]["year"] == 2018
    assert standard.tonnes(())[:, :, 7].sum() == pytest.approx(entry["inventory"]["t_co2e"], rel=1e-9)
    assert all(a["t_co2e_without"] > b["t_co2e_without"] for a, b in pairwise(years))
    assert years[0]["t_co2e_saved"] == 0


def test_saved_is_without_minus_with_in_every_year_and_grows_slower_than_heat_because_factors_fall(
    standard: Impact,
) -> None:
    body = document(standard)
    for row in body["years"]:
        assert row["t_co2e_without"] - row["t_co2e_with"] == pytest.approx(row["t_co2e_saved"], abs=1e-5)
    kwh = standard.saved_kwh().sum(axis=(0, 1))
    grams = [row["t_co2e_saved"] / k for row, k in zip(body["years"][1:], kwh[1:], strict=True)]
    assert grams[-1] < grams[0]
    assert body["totals"]["t_co2e_saved_cumulative"] == pytest.approx(sum(r["t_co2e_saved"] for r in body["years"]))


def test_one_unit_by_hand(standard: Impact) -> None:
    """Saving = uptake x useful heat saved in the oldest classes x sum over carriers of share / efficiency x factor."""
    plan, unit = standard.planning, 1000
    weight = plan.heat.propensity[0] * plan.heat.tilt[unit]
    share = weight / weight.sum()
    saves, existing, factor = 0.0, 0.0, plan.release.places["05913000"]["calibration"]["factor"]
    for s in range(plan.heat.first[unit], plan.heat.first[unit + 1]):
        kind = plan.kinds.table.iloc[plan.heat.kind[s]]
        if kind["age_class"] in "AB":
            saves += plan.living_m2[s] * kind[SAVINGS["usual"]] * factor
            existing += plan.living_m2[s] * kind[EXISTING]
    assert existing > 0
    grams = plan.factors("central")[:-1, 20]
    by_hand = 0.6 * saves * (share * plan.heat.final_per_useful @ grams) / 1e6
    found = by_unit(standard)
    assert found["t_co2e_saved_2045"][unit] == pytest.approx(by_hand, rel=1e-12)
    # 350 EUR/m² in prices of 2020, 140/100 since
    assert found["invest_eur"][unit] == pytest.approx(0.6 * existing * 350 * 1.4, rel=1e-12)


def test_units_areas_years_and_quintiles_tell_the_same(standard: Impact) -> None:
    """A figure that differs between map, table and chart is worse than none."""
    body = document(standard)
    units, areas = by_unit(standard), by_area(standard)
    last = body["years"][-1]
    for figures in (units, areas):
        assert figures["t_co2e_saved_2045"].sum() == pytest.approx(last["t_co2e_saved"], rel=1e-9)
        assert figures["invest_eur"].sum() == pytest.approx(body["totals"]["invest_eur"], rel=1e-9)
        assert figures["bill_saving_eur_a"].sum() == pytest.approx(last["bill_saving_eur"], rel=1e-9)
    assert areas["t_co2e_2045"].sum() == pytest.approx(last["t_co2e_with"], rel=1e-9)
    assert sum(a["t_co2e_saved_2045"] for a in body["areas"]) == pytest.approx(last["t_co2e_saved"], rel=1e-9)
    for name in ("invest_share", "bill_saving_share", "treated_share", "t_co2e_saved_share"):
        assert sum(q[name] for q in body["quintiles"]) == pytest.approx(1, rel=1e-9)
    assert body["equity"]["equity_ratio"] == pytest.approx(body["quintiles"][0]["bill_saving_share"] / 0.2, rel=1e-9)


def test_an_equity_figure_never_stands_without_its_error(standard: Impact) -> None:
    body = document(standard)
    assert body["equity"]["concentration_index_se"] > 0
    assert body["equity"]["n_areas"] == 12


def test_a_place_of_one_area_says_that_nothing_can_be_said(catalogue: Catalogue) -> None:
    body = document(impact(catalogue.planning("05113000"), [STANDARD]))
    assert body["quintiles"] is None
    assert body["equity"] is None
    assert "Fewer than five areas" in body["equity_missing"]


def test_the_region_is_the_sum_of_its_members(catalogue: Catalogue) -> None:
    region = document(impact(catalogue.planning("ruhr"), [STANDARD]))["totals"]
    members = catalogue.release.places["ruhr"]["members"]
    parts = [document(impact(catalogue.planning(m), [STANDARD]))["totals"] for m in members]
    for name in ("treated_m2", "invest_eur", "t_co2e_saved_cumulative", "bill_saving_eur_last_year"):
        assert region[name] == pytest.approx(sum(p[name] for p in parts), rel=1e-9)


def test_doing_nothing_changes_nothing(planning: Planning) -> None:
    body = document(impact(planning, [replace(STANDARD, uptake=0.0)]))
    assert body["totals"]["invest_eur"] == 0
    assert all(r["t_co2e_saved"] == 0 for r in body["years"])
    assert "No bill is saved" in body["equity_missing"]


def test_a_polygon_around_everything_is_the_whole_place_and_halves_sum_to_it(planning: Planning) -> None:
    everything = document(impact(planning, [STANDARD]))["totals"]
    around = document(impact(planning, [replace(STANDARD, geometry=whole(planning))]))["totals"]
    west, south, east, north = whole(planning).bounds
    middle = (west + east) / 2
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    both = document(impact(planning, [replace(STANDARD, geometry=h) for h in halves]))["totals"]
    for name in ("treated_m2", "invest_eur", "t_co2e_saved_cumulative", "bill_saving_eur_last_year"):
        value = everything[name]
        assert around[name] == pytest.approx(value, rel=1e-9)
        assert both[name] == pytest.approx(value, rel=1e-9)


@given(uptake=st.floats(0, 1), start=st.integers(2025, 2040), length=st.integers(1, 5))
def test_more_uptake_never_emits_more(catalogue: Catalogue, uptake: float, start: int, length: int) -> None:
    planning = catalogue.planning("05954012")
    less = impact(planning, [replace(STANDARD, uptake=uptake / 2, start=start, end=start + length)])
    more = impact(planning, [replace(STANDARD, uptake=uptake, start=start, end=start + length)])
    assert (more.saved_kwh() >= less.saved_kwh() - 1e-6).all()
    assert (np.diff(more.saved_kwh().sum(axis=(0, 1))) >= -1e-6).all()
    there = more.placed[0].eligible.sum()
    assert document(more)["totals"]["treated_m2"] <= there * (1 + 1e-9)


def test_treating_more_than_exists_is_refused_with_what_exists(planning: Planning) -> None:
    there = place(planning, [STANDARD])[0].eligible.sum()
    some = replace(STANDARD, uptake=0.6)
    with pytest.raises(PlacementError, match=f"treats {0.6 * there:,.0f} m² of living area where {0.4 * there:,.0f}"):
        impact(planning, [some, replace(some, name="again")])
    with pytest.raises(PlacementError, match=f"treats {2 * there:,.0f} m² of living area where {there:,.0f}"):
        impact(planning, [replace(STANDARD, quantity=2 * there)])
    impact(planning, [replace(some, uptake=0.5), replace(some, uptake=0.5, name="again")])
    impact(planning, [replace(some, uptake=1.0), replace(some, uptake=1.0, rule="age = '1919_1948'")])


def test_all_problems_of_all_placements_at_once(planning: Planning) -> None:
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(PlacementError) as caught:
        impact(
            planning,
            [
                Placement(measure="envelope_usal", start=2040, end=2030, uptake=-0.5, priority="magic"),
                Placement(end=2100, geometry=bow, budget_eur=0),
                Placement(geometry=shapely.Point(1, 1), districts=("nowhere",), quantity=-3.0),
            ],
        )
    assert [p.where for p in caught.value.problems] == [
        "placement 0, measure",
        "placement 0, priority",
        "placement 0, start, end",
        "placement 0, uptake",
        "placement 1, start, end",
        "placement 1, budget_eur",
        "placement 1, geometry",
        "placement 2, quantity",
        "placement 2",
        "placement 2, districts",
        "placement 2, geometry",
    ]
    assert "Did you mean envelope_usual" in caught.value.problems[0].remedy
    assert all(p.remedy for p in caught.value.problems)
    with pytest.raises(PlacementError, match="meets no building of Dortmund"):
        impact(planning, [Placement(geometry=shapely.box(0, 0, 10, 10))])
    with pytest.raises(PlacementError, match="Give at least one"):
        impact(planning, [])


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        (Placement(rule="roof = 'flat'"), "roof"),
        (Placement(rule="open('/etc/passwd')"), "open"),
        (Placement(rule="class <= 'Z'"), "'Z'"),
        (Placement(rule="class <= "), "ends"),
        (Placement(rule="carrier == 'gas'"), "natural_gas"),
        (Placement(measure="street_tree"), "no known stock"),
        (Placement(measure="street_tree", quantity=10, rule="class <= 'B'"), "not placed on buildings"),
        (Placement(measure="street_tree", quantity=10, priority="worst_first"), "orders buildings"),
        (Placement(measure="district_heat_factor", districts=("05913000.Hörde",)), "whole place"),
        (Placement(measure="heat_pump_air", warm_rent_neutral=True), "for envelopes"),
        (Placement(units=("nobody",)), "'nobody'"),
        (Placement(rule="people > 1e9"), "nothing that is eligible"),
    ],
)
def test_what_makes_no_sense_is_refused_and_quoted(planning: Planning, placement: Placement, said: str) -> None:
    districts = tuple(planning.areas[:1]) if placement.districts else ()
    with pytest.raises(PlacementError) as caught:
        impact(planning, [replace(placement, districts=districts)])
    assert said in str(caught.value)


def test_an_unknown_external_path_is_refused(planning: Planning) -> None:
    with pytest.raises(PlacementError, match="Use one of frozen, slow, central, fast"):
        impact(planning, [STANDARD], Outside("magic"))


MIXED = (
    Placement(uptake=0.3, priority="worst_first"),
    Placement("envelope_deep", uptake=0.2, priority="low_income_first"),
    Placement("heat_pump_air", uptake=0.4),
    Placement("district_heat_connection", uptake=0.2, rule="building_type in ('MFH', 'GMH')", priority="worst_first"),
    Placement("heating_optimisation", uptake=0.5, priority="random", seed=3),
    Placement("appliances_low_income"),
    Placement("electric_car", uptake=0.5),
    Placement("transit_frequency", quantity=500),
    Placement("district_heat_factor", uptake=0.5),
    Placement("public_building_retrofit", uptake=0.5),
    Placement("industrial_efficiency", uptake=0.2),
    Placement("pv_roof", uptake=0.3),
    Placement("street_tree", quantity=1000),
)


def test_order_of_placements_is_irrelevant(planning: Planning) -> None:
    """Would break if whoever is written first took the buildings: the same plan must not save two sums."""
    forth, back = impact(planning, MIXED), impact(planning, MIXED[::-1])
    np.testing.assert_allclose(forth.with_, back.with_, rtol=1e-12)
    for one, other in zip(forth.placed, back.placed[::-1], strict=True):
        np.testing.assert_allclose(one.quantity, other.quantity, rtol=1e-12)


def test_all_kinds_of_measures_do_what_they_say(planning: Planning) -> None:
    """Each alone: who is changed, who is not, and what stands beside the balance."""
    sectors = dict(zip(("households", "economy", "transport", "municipal"), range(4), strict=True))
    acts = {"heat_pump_air": "households", "heating_optimisation": "households", "appliances_low_income": "households",
            "electric_car": "transport", "transit_frequency": "transport", "electric_bus": "transport",
            "public_building_retrofit": "municipal", "led_street_lighting": "municipal",
            "industrial_efficiency": "economy"}  # fmt: skip
    for measure, sector in acts.items():
        quantity = 1000.0 if measure == "transit_frequency" else None
        result = impact(planning, [Placement(measure, uptake=None if quantity else 0.3, quantity=quantity)])
        saved = (result.without - result.with_)[:, :, -1].sum(axis=0)
        for name, s in sectors.items():
            assert (saved[s] > 0) == (name == sector), (measure, name)
        assert all(values.max() == 0 for values in result.beside().values())
    # cleaner district heat reaches every sector that is connected
    factor = impact(planning, [Placement("district_heat_factor", uptake=0.8)])
    saved = (factor.without - factor.with_)[:, :, 5].sum(axis=0)
    assert (saved[[0, 1, 3]] > 0).all()
    assert saved[2] == 0
    for measure, kind in (("pv_roof", "avoided_grid_t"), ("street_tree", "sink_t"), ("hydrogen_steel", "plant_t")):
        quantity = None if measure == "pv_roof" else 1.0
        result = impact(planning, [Placement(measure, quantity=quantity)])
        assert (result.without == result.with_).all(), measure
        assert result.beside()[kind][-1] > 0


def test_a_heat_pump_saves_by_the_factor_of_the_year(planning: Planning) -> None:
    """Gas to heat pump: 46 % at 445 g/kWh, 83 % at 140, 98 % at 15 (reference, 3.1)."""
    result = impact(planning, [Placement("heat_pump_air", rule="carrier = 'natural_gas'", uptake=1.0, end=2026)])
    gas = planning.carriers.index("natural_gas")
    kwh = result.saved_kwh()[:, :, -1].sum(axis=0)
    useful = kwh[gas] / planning.heat.final_per_useful[gas]
    assert kwh[planning.carriers.index("electricity")] == pytest.approx(-useful / 3.1, rel=1e-9)
    assert kwh[gas] == pytest.approx(planning.kwh[:, gas].sum(), rel=1e-9)


def test_who_comes_first(planning: Planning) -> None:
    """The same area, in another order: worst first saves more heat, low-income first reaches the poorest fifth."""
    some = Placement(uptake=0.1)
    found = {p: impact(planning, [replace(some, priority=p)]) for p in ("even", "worst_first", "low_income_first")}
    area = {name: r.placed[0].quantity[-1] for name, r in found.items()}
    assert area["worst_first"] == pytest.approx(area["even"], rel=1e-9)
    assert area["low_income_first"] == pytest.approx(area["even"], rel=1e-9)
    heat = {name: r.saved_kwh()[:, :, -1].sum() for name, r in found.items()}
    assert heat["worst_first"] > heat["even"]
    poorest = {n: (document(r)["quintiles"] or [{}])[0]["treated_share"] for n, r in found.items()}
    assert poorest["low_income_first"] > 0.9 > poorest["even"]


def test_a_seed_draws_the_same_and_another_seed_others(planning: Planning) -> None:
    drawn = [place(planning, [Placement(uptake=0.1, priority="random", seed=s)])[0].final for s in (1, 1, 2)]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


def test_trades_and_budgets_cap_what_is_done(planning: Planning) -> None:
    free = place(planning, [replace(STANDARD, curve="linear")])[0]
    slow = place(planning, [replace(STANDARD, curve="linear", max_per_year=10_000)])[0]
    assert np.diff(slow.quantity).max() <= 10_000 * (1 + 1e-9)
    assert slow.quantity[-1] < free.quantity[-1]
    for priority in ("even", "worst_first"):
        paid = place(planning, [replace(STANDARD, budget_eur=5e6, priority=priority)])[0]
        assert paid.final @ (paid.eligible * paid.invest_eur) == pytest.approx(5e6, rel=1e-6)


def test_districts_units_and_rules_say_the_same(planning: Planning) -> None:
    area = planning.areas[2]
    inside = planning.units["unit_id"][planning.units["area_id"] == area]
    ways = (
        replace(STANDARD, districts=(area,)),
        replace(STANDARD, units=tuple(inside)),
        replace(STANDARD, rule=f"class <= 'B' and area_id = '{area}'"),
        replace(STANDARD, rule=f"(class <= 'B' and area_id = '{area}') or (class > 'L')"),
    )
    first, *others = (impact(planning, [way]).t_saved for way in ways)
    assert first.sum() > 0
    for other in others:
        np.testing.assert_allclose(first, other, rtol=1e-9, atol=1e-9)


@given(growth=st.floats(-0.02, 0.02), path=st.sampled_from(["slow", "central", "fast"]))
def test_parts_of_a_change_sum_to_the_change(catalogue: Catalogue, growth: float, path: str) -> None:
    planning = catalogue.planning("05954012")
    result = impact(planning, MIXED[:3], Outside(path, {"households": growth, "car": growth}))
    parts = result.change()
    whole = np.nansum(result.with_, axis=(0, 1)) - np.nansum(result.tonnes(()), axis=(0, 1))
    np.testing.assert_allclose(sum(parts.values()), whole, rtol=1e-9, atol=1e-6)
    if growth == 0:
        assert np.abs(parts["activity"]).max() < 1e-6


def test_a_frozen_path_has_no_external_part(planning: Planning) -> None:
    parts = impact(planning, [STANDARD], Outside(FROZEN)).change()
    assert np.abs(parts["external"]).max() == 0
    assert parts["measures"][-1] < 0


def test_adding_single_savings_is_never_what_a_total_shows(planning: Planning) -> None:
    """Envelope and heat pump on the same buildings: each saves from what the other leaves."""
    both = (Placement(uptake=1.0, end=2026), Placement("heat_pump_air", uptake=1.0, end=2026))
    joint = impact(planning, both).t_saved[:, 1].sum()
    single = [impact(planning, [one]).t_saved[:, 1].sum() for one in both]
    assert max(single) < joint < sum(single)
    assert len(YEARS) == LAST_YEAR - 2024
    assert planning.kinds.column(USEFUL).min() > 0


def test_missing_prices_are_missing_not_free(standard: Impact) -> None:
    """Oil has no published price here: the saving must say what share of the energy it speaks of."""
    share = document(standard)["totals"]["bill_saving_covers_share_of_kwh"]
    assert 0.3 < share < 0.95
    assert any("no published price" in note["en"] for note in document(standard)["notes"])


def test_the_document_is_json_and_says_how_sure_it_is(standard: Impact) -> None:
    body = json.loads(json.dumps(document(standard), allow_nan=False))
    assert body["modelled"] is True
    assert body["factors"]["status"] == "recalled"
    assert any("recalled, not seen" in note["en"] for note in body["notes"])
    assert all(note["de"] and note["de"] != note["en"] for note in body["notes"])
    assert body["not_placed"]["eligible_m2"] > 0


def test_every_treated_district_has_its_rents_whenever_its_turn_comes(catalogue: Catalogue) -> None:
    """Worst first reaches some districts years after others: their tenants' levy must not be missing, nor zero."""
    planning = catalogue.planning("05913000")
    result = impact(planning, [replace(STANDARD, priority="worst_first")])
    found = all_rents(result)[0]
    treated = np.bincount(planning.heat.area, result.placed[0].eligible * result.placed[0].final, len(planning.areas))
    assert np.isfinite(found.levy_eur_m2[treated > 1]).all()
    assert (found.levy_eur_m2[treated > 1] > 0).all()
    assert sum(np.sum(t.eur) for t in transfers(result, {0: found}) if t.name.startswith("levy")) > 0
