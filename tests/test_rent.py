"""Rent: levy and its caps, who bears the CO2 cost, what the rent with heating becomes, the grant that evens it out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.rent import (
    KINDS,
    co2_cost_share,
    heat_saving_eur_m2_month,
    modernisation_levy,
    neutral_grant_eur_m2,
    warm_rent_change,
)

# steps of the act: bounds and shares of the built-in table
BOUNDS = (12, 17, 22, 27, 32, 37, 42, 47, 52)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)


def landlord(kg_m2: Any, **other: Any) -> Any:
    return co2_cost_share(kg_m2, bounds_kg_m2a=BOUNDS, landlord_shares=SHARES, **other)


# --- levy -------------------------------------------------------------------------------------------------------------


def assert_levy(expected: dict[str, float], **arguments: Any) -> None:
    levy = modernisation_levy(**arguments)
    found = {"uncapped": levy.uncapped, "cap": levy.cap, "increase": levy.increase}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, rel=1e-6)


def test_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("rent_levy")
    inputs, expected = case["inputs"], case["expected"]
    dwelling = {
        "cost_eur_m2": inputs["cost_eur_m2"],
        "maintenance_share": inputs["maintenance_share"],
        "rent_before_eur_m2": inputs["rent_before"],
    }
    assert_levy(expected["levy"], **dwelling)
    assert_levy(expected["levy_with_grant_200"], **dwelling, grant_eur_m2=200)
    # the answer does not state its inputs; both ways of law lead there: 8 % of 150 less 15 %, 10 % of 120 less 15 %
    assert_levy(
        expected["heating_levy_1200_per_m2_rent8"],
        cost_eur_m2=150,
        maintenance_share=0.15,
        rent_before_eur_m2=8,
        kind="heating",
    )
    assert_levy(
        expected["heating_levy_1200_per_m2_rent8"],
        cost_eur_m2=120,
        maintenance_share=None,
        rent_before_eur_m2=8,
        kind="heating_granted",
    )
    saving = heat_saving_eur_m2_month(
        inputs["demand_saving_kwh_m2ref"],
        0,
        eta=inputs["eta"],
        price_eur_kwh=inputs["heat_price_eur_kwh"],
        ref_to_living=inputs["ref_to_living"],
    )
    assert saving == pytest.approx(expected["energy_saving_eur_m2_month"], rel=1e-6)
    change = warm_rent_change(modernisation_levy(**dwelling).increase, saving)
    assert change == pytest.approx(expected["warm_rent_change_eur_m2_month"], rel=1e-6)
    for kg, share in expected["co2kost_examples"].items():
        assert landlord(float(kg)) == share


def test_the_cap_turns_at_seven_euros() -> None:
    levy = modernisation_levy(1000, 0, rent_before_eur_m2=[6.99, 7.0, 12])
    assert levy.increase.tolist() == [2, 3, 3]


def test_former_levies_use_up_the_cap() -> None:
    levy = modernisation_levy(1000, 0, rent_before_eur_m2=8, raised_eur_m2=[0, 2.2, 3, 5])
    assert levy.increase.tolist() == pytest.approx([3, 0.8, 0, 0])
    heating = modernisation_levy(1000, 0, rent_before_eur_m2=6, raised_eur_m2=[0, 1.8], kind="heating")
    assert heating.increase.tolist() == pytest.approx([0.5, 0.2])


def test_a_grant_above_the_cost_leaves_no_negative_levy() -> None:
    assert modernisation_levy(100, 0.3, 90, rent_before_eur_m2=8).increase == 0


COST, SHARE = st.floats(0, 2000), st.floats(0, 1)
KIND = st.sampled_from(sorted(KINDS))


@given(COST, SHARE, st.floats(0, 2000), st.floats(0.5, 20), KIND, st.floats(0, 4))
def test_a_levy_never_exceeds_its_cap_or_the_share_of_the_cost(
    cost: float, maintenance: float, granted: float, rent: float, kind: str, raised: float
) -> None:
    levy = modernisation_levy(
        cost,
        None if kind == "heating_granted" else maintenance,
        granted,
        rent_before_eur_m2=rent,
        kind=kind,
        raised_eur_m2=raised,
    )
    limit = 0.5 if kind != "envelope" else 2 if rent < 7 else 3
    assert 0 <= levy.increase <= min(limit, max((2 if rent < 7 else 3) - raised, 0))
    assert levy.increase <= 0.1 * cost / 12


def test_a_wrong_levy_lists_all_problems() -> None:
    with pytest.raises(InputError) as caught:
        modernisation_levy(-1, 1.2, np.nan, rent_before_eur_m2=0, kind="roof", raised_eur_m2=-1)
    assert {problem.where for problem in caught.value.problems} == {
        "cost_eur_m2",
        "maintenance_share",
        "grant_eur_m2",
        "rent_before_eur_m2",
        "kind",
        "raised_eur_m2",
    }
    with pytest.raises(InputError, match="Give the share due as maintenance"):
        modernisation_levy(100, None, rent_before_eur_m2=8)
    with pytest.raises(InputError, match="15 % by law"):
        modernisation_levy(100, 0.3, rent_before_eur_m2=8, kind="heating_granted")


# --- CO2 cost ---------------------------------------------------------------------------------------------------------


def test_steps_are_exact_at_their_edges() -> None:
    assert landlord([0, 11.99, 12, 51.99, 52, 1000]).tolist() == [0, 0, 0.1, 0.8, 0.95, 0.95]
    for bound, below, above in zip(BOUNDS, SHARES, SHARES[1:], strict=False):
        assert landlord([bound - 1e-6, bound]).tolist() == [below, above]


def test_sums_that_end_a_hair_beside_a_bound_belong_to_it() -> None:
    for kg in (0.1 * 120, 0.1 * 3 * 40, sum([0.1] * 120), 1.2 / 0.1, sum([5.2] * 10), 51.999999999999986):
        assert landlord(kg) == (0.1 if kg < 20 else 0.95), repr(kg)
    assert sum([0.1] * 120) < 12, "or this test shows nothing"


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 365))
def test_steps_agree_with_exact_fractions(grams: int, divisor: int, days: int) -> None:
    """Emissions as a quotient of whole numbers, in a period of whole days, against arithmetic without rounding."""
    exact = Fraction(grams, divisor) / Fraction(days, 365)
    expected = max(
        share
        for low, share in zip((0, *BOUNDS), SHARES, strict=True)
        if exact >= low or abs(exact - low) < Fraction(1, 10**9)
    )
    assert landlord(grams / divisor, period_a=days / 365) == expected


@given(st.lists(st.floats(0, 200), min_size=2, max_size=20), st.floats(0.05, 1))
def test_the_landlords_share_never_falls_with_emissions(kg: list[float], period: float) -> None:
    shares = landlord(np.sort(kg), period_a=period)
    assert (np.diff(shares) >= 0).all()
    assert (shares <= landlord(np.sort(kg), period_a=period / 2)).all(), "a shorter period lowers the bounds"


def test_short_periods_by_hand() -> None:
    # half a year: bounds 6, 8.5, …
    assert landlord([5.9, 6, 8.5, 26], period_a=0.5).tolist() == [0, 0.1, 0.2, 0.95]


def test_another_table_of_steps_is_taken_and_checked() -> None:
    shares = co2_cost_share([5, 10, 30], bounds_kg_m2a=[10, 20], landlord_shares=[0, 0.5, 1])
    assert shares.tolist() == [0, 0.5, 1]
    with pytest.raises(InputError) as caught:
        co2_cost_share(5, bounds_kg_m2a=[20, 10], landlord_shares=[0, 2])
    assert {problem.where for problem in caught.value.problems} == {
        "bounds_kg_m2a",
        "landlord_shares",
        "landlord_shares[1]",
    }
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError) as caught:
        landlord([-1, 5], period_a=[0, 1.5])
    assert {problem.where for problem in caught.value.problems} == {"kg_m2[0]", "period_a[0]", "period_a[1]"}


# --- rent with heating ------------------------------------------------------------------------------------------------


def test_the_neutral_grant_by_hand() -> None:
    # the worked answer: 532 * 0.7 = 372.4; saving 1.368107 is 12 * 1.368107 / 0.08 = 205.216 of cost
    saving = [1.3681066666666666, 0.0, 2.0, 2.5, -0.1]
    grants = neutral_grant_eur_m2(532, 0.3, saving, rent_before_eur_m2=6.2)
    assert grants[:4].tolist() == pytest.approx([372.4 - 205.216, 372.4, 0, 0])
    assert np.isnan(grants[4]), "no grant makes dearer heat neutral"


@given(COST, SHARE, st.floats(0, 5), st.floats(0.5, 20), KIND, st.floats(0, 4))
def test_the_neutral_grant_neutralises(
    cost: float, maintenance: float, saving: float, rent: float, kind: str, raised: float
) -> None:
    share = None if kind == "heating_granted" else maintenance
    rest: dict[str, Any] = {"rent_before_eur_m2": rent, "kind": kind, "raised_eur_m2": raised}
    needed = neutral_grant_eur_m2(cost, share, saving, **rest)
    change = warm_rent_change(modernisation_levy(cost, share, needed, **rest).increase, saving)
    assert 0 <= needed <= cost
    if needed > 0:
        assert change == pytest.approx(0, abs=1e-12 * (cost + 1))
        less = modernisation_levy(cost, share, needed * 0.999, **rest).increase
        assert less >= saving - 1e-12 * (cost + 1), "and no smaller one does"
    else:
        assert change <= 1e-15


def test_wrong_heat_lists_all_problems() -> None:
    with pytest.raises(InputError) as caught:
        heat_saving_eur_m2_month(-1, np.nan, eta=0, price_eur_kwh=-0.1, ref_to_living=0)
    assert len(caught.value.problems) == 5
    with pytest.raises(InputError) as caught:
        neutral_grant_eur_m2(-5, 0.3, np.nan, rent_before_eur_m2=8)
    assert "cost_eur_m2" in str(caught.value)
