"""Impact of the retrofit: with minus without, the same wherever it is shown, refused with all problems at once."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.catalogue import Catalogue
from layers.errors import PlacementError
from layers.findings import document
from layers.impact import Impact, impact
from layers.planning import Placement, Planning


@pytest.fixture(scope="module")
def planning(catalogue: Catalogue) -> Planning:
    return catalogue.planning("05913000")


@pytest.fixture(scope="module")
def standard(planning: Planning) -> Impact:
    return impact(planning, [Placement()])


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
    by_hand = sum(plan.balance_kwh[:, i].sum() * plan.ef_g_kwh[i, 0] / 1e6 for i in range(plan.balance_kwh.shape[1]))
    assert years[0]["t_co2e_without"] == pytest.approx(by_hand, rel=1e-12)
    assert all(a["t_co2e_without"] > b["t_co2e_without"] for a, b in pairwise(years))
    assert years[0]["t_co2e_saved"] == 0


def test_saved_is_without_minus_with_in_every_year_and_grows_slower_than_heat_because_factors_fall(
    standard: Impact,
) -> None:
    body = document(standard)
    for row in body["years"]:
        assert row["t_co2e_without"] - row["t_co2e_with"] == pytest.approx(row["t_co2e_saved"], abs=1e-6)
    kwh = standard.saved_kwh.sum(axis=0)
    grams = [row["t_co2e_saved"] / k for row, k in zip(body["years"][1:], kwh[1:], strict=True)]
    assert grams[-1] < grams[0]
    assert body["totals"]["t_co2e_saved_cumulative"] == pytest.approx(sum(r["t_co2e_saved"] for r in body["years"]))


def test_one_unit_by_hand(standard: Impact) -> None:
    """Saving = uptake x useful heat saved in the oldest class x sum over carriers of share / efficiency x factor."""
    plan, unit = standard.planning, 1000
    weight = plan.who_burns.propensity[0] * plan.who_burns.tilt[unit]
    share = weight / weight.sum()
    by_hand = 0.6 * plan.saving_useful_kwh[unit, 0] * (share / plan.eta @ plan.ef_g_kwh[:-1, 20]) / 1e6
    assert standard.by_unit()["t_co2e_saved_2045"][unit] == pytest.approx(by_hand, rel=1e-12)
    assert standard.by_unit()["invest_eur"][unit] == pytest.approx(0.6 * plan.existing_m2[unit, 0] * 350, rel=1e-12)


def test_units_areas_years_and_quintiles_tell_the_same(standard: Impact, catalogue: Catalogue) -> None:
    """A figure that differs between map, table and chart is worse than none."""
    body = document(standard)
    units = standard.by_unit()
    areas = standard.by_area(catalogue.layer("05913000.districts"), "districts")
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
    layer = catalogue.layer("05913000.stock.retrofit")
    assert layer.column("t_co2e_saved_2045").sum() == pytest.approx(last["t_co2e_saved"], rel=1e-9)


def test_an_equity_figure_never_stands_without_its_error(standard: Impact) -> None:
    body = document(standard)
    assert body["equity"]["concentration_index_se"] > 0
    assert body["equity"]["n_areas"] == 12


def test_a_place_of_one_area_says_that_nothing_can_be_said(catalogue: Catalogue) -> None:
    body = document(impact(catalogue.planning("05113000"), [Placement()]))
    assert body["quintiles"] is None
    assert body["equity"] is None
    assert "Fewer than five areas" in body["equity_missing"]


def test_the_region_is_the_sum_of_its_members(catalogue: Catalogue) -> None:
    region = document(impact(catalogue.planning("ruhr"), [Placement()]))["totals"]
    members = catalogue.release.places["ruhr"]["members"]
    parts = [document(impact(catalogue.planning(m), [Placement()]))["totals"] for m in members]
    for name in ("treated_m2", "invest_eur", "t_co2e_saved_cumulative", "bill_saving_eur_last_year"):
        assert region[name] == pytest.approx(sum(p[name] for p in parts), rel=1e-9)


def test_doing_nothing_changes_nothing(planning: Planning) -> None:
    body = document(impact(planning, [Placement(uptake=0.0)]))
    assert body["totals"]["invest_eur"] == 0
    assert all(r["t_co2e_saved"] == 0 for r in body["years"])
    assert body["equity_missing"] == "Nothing is treated here."


def test_a_polygon_around_everything_is_the_whole_place_and_halves_sum_to_it(planning: Planning) -> None:
    everything = document(impact(planning, [Placement()]))["totals"]
    around = document(impact(planning, [Placement(geometry=whole(planning))]))["totals"]
    west, south, east, north = whole(planning).bounds
    middle = (west + east) / 2
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    both = document(impact(planning, [Placement(geometry=h) for h in halves]))["totals"]
    for name, value in everything.items():
        assert around[name] == pytest.approx(value, rel=1e-9)
        assert both[name] == pytest.approx(value, rel=1e-9)


@given(uptake=st.floats(0, 1), start=st.integers(2025, 2040), length=st.integers(1, 5))
def test_more_uptake_never_emits_more(catalogue: Catalogue, uptake: float, start: int, length: int) -> None:
    planning = catalogue.planning("05954012")
    less = impact(planning, [Placement(uptake=uptake / 2, start=start, end=start + length)])
    more = impact(planning, [Placement(uptake=uptake, start=start, end=start + length)])
    assert (more.saved_kwh >= less.saved_kwh - 1e-6).all()
    assert (np.diff(more.saved_kwh.sum(axis=0)) >= -1e-6).all()
    assert document(more)["totals"]["treated_m2"] <= planning.existing_m2[:, 0].sum() * (1 + 1e-9)


def test_treating_more_than_exists_is_refused_with_what_exists(planning: Planning) -> None:
    there = planning.existing_m2[:, 0].sum()
    with pytest.raises(PlacementError, match=f"treat {1.2 * there:,.0f} m² where {there:,.0f} m² exist"):
        impact(planning, [Placement(uptake=0.6), Placement(uptake=0.6)])
    impact(planning, [Placement(uptake=0.5), Placement(uptake=0.5)])
    impact(planning, [Placement(uptake=1.0), Placement(uptake=1.0, ages=("1919_1948",))])


def test_all_problems_of_all_placements_at_once(planning: Planning) -> None:
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(PlacementError) as caught:
        impact(
            planning,
            [
                Placement(measure="magic", ages=("1500",), start=2040, end=2030, uptake=-0.5),
                Placement(end=2100, geometry=bow),
                Placement(geometry=shapely.Point(1, 1)),
            ],
        )
    assert [p.where for p in caught.value.problems] == [
        "placement 0, measure",
        "placement 0, ages",
        "placement 0, start, end",
        "placement 0, uptake",
        "placement 1, start, end",
        "placement 1, geometry",
        "placement 2, geometry",
    ]
    assert all(p.remedy for p in caught.value.problems)
    with pytest.raises(PlacementError, match="meets no stock unit of Dortmund"):
        impact(planning, [Placement(geometry=shapely.box(0, 0, 10, 10))])
    with pytest.raises(PlacementError, match="Give at least one"):
        impact(planning, [])


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
