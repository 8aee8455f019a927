"""Money of a measure: annuities, present values, payback, price levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.money import annual_cost, annuity_factor, at_price_level, npv, present_value, simple_payback_a


def test_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("economics")
    given_, expected = case["inputs"], case["expected"]
    invest, opex, saving = given_["invest"], given_["opex"], given_["energy_saving_eur"]
    rate, years = given_["rate"], given_["years"]
    factor = float(annuity_factor(rate, years))
    assert factor == pytest.approx(expected["annuity_factor"], rel=1e-6)
    assert annual_cost(invest, rate=rate, lifetime_a=years) == pytest.approx(expected["annualised_invest"], rel=1e-6)
    assert present_value(np.ones(years), rate) == pytest.approx(expected["pv_factor"], rel=1e-6)
    assert npv(invest, saving, opex, rate=rate, lifetime_a=years) == pytest.approx(expected["npv"], rel=1e-6)
    half = npv(invest, saving, opex, rate=rate, lifetime_a=years, grant_share=given_["grant"])
    assert half == pytest.approx(expected["npv_with_grant50"], rel=1e-6)
    assert simple_payback_a(invest, saving, opex) == pytest.approx(expected["simple_payback_a"], rel=1e-6)


def test_annuity_by_hand() -> None:
    # two years at 10 %: 1/1.1 + 1/1.21 = 2.1/1.21, so 1.21/2.1; without interest a half
    assert annuity_factor([0.1, 0.0], 2).tolist() == pytest.approx([1.21 / 2.1, 0.5])
    # a rate close to zero must not lose its digits: 1/n (1 + r (n+1)/2)
    assert annuity_factor(1e-12, 20) == pytest.approx((1 + 1e-12 * 10.5) / 20, rel=1e-14)


def test_annuities_broadcast_over_rates_and_lifetimes() -> None:
    grid = annuity_factor(np.array([[0.0], [0.03]]), np.array([10, 18, 40]))
    assert grid.shape == (2, 3)
    assert grid[1, 1] == annuity_factor(0.03, 18)


def test_present_value_from_today_or_from_the_end_of_the_first_year() -> None:
    # 110 in a year and 121 in two years are 100 each at 10 %
    assert present_value([110, 121], 0.1) == pytest.approx(200)
    assert present_value([100, 110], 0.1, first=0) == pytest.approx(200)
    assert present_value([[110, 121], [1, 1]], [0.1, 0.0]).tolist() == pytest.approx([200, 2])


RATES = st.floats(-0.4, 0.9)


@given(RATES, st.integers(1, 60), st.floats(0, 1e6), st.floats(-1e5, 1e5), st.floats(0, 1e4))
def test_npv_is_the_sum_of_discounted_flows(rate: float, years: int, invest: float, saving: float, opex: float) -> None:
    slow = -invest + sum((saving - opex) / (1 + rate) ** t for t in range(1, years + 1))
    fast = float(npv(invest, saving, opex, rate=rate, lifetime_a=years))
    # what cancels limits the digits that are left
    size = invest + sum((abs(saving) + opex) / (1 + rate) ** t for t in range(1, years + 1))
    assert fast == pytest.approx(slow, rel=1e-9, abs=1e-11 * size + 1e-12)
    yearly = float(annual_cost(invest, rate=rate, lifetime_a=years, opex_eur_a=opex, saving_eur_a=saving))
    assert -yearly / float(annuity_factor(rate, years)) == pytest.approx(slow, rel=1e-9, abs=1e-9 * size + 1e-12)


@given(RATES, st.floats(0.001, 0.1), st.integers(1, 60), st.floats(1, 1e6), st.floats(1, 1e5))
def test_npv_of_an_investment_falls_with_the_rate(
    rate: float, step: float, years: int, invest: float, saving: float
) -> None:
    low, high = npv(invest, saving, rate=[rate, rate + step], lifetime_a=years)
    assert high < low


def test_payback_that_never_comes_is_not_a_number() -> None:
    years = simple_payback_a(1000, [100, 50, 20, -5], 50, grant_share=0.5)
    assert years[0] == 10
    assert np.isnan(years[1:]).all()


def test_prices_by_hand() -> None:
    # index 100 in 2020 and 140 in 2024: 350 EUR/m2 become 490
    assert at_price_level(350, index_then=100, index_now=140) == pytest.approx(490)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        npv(np.nan, "much", -1, rate=-1, lifetime_a=-5, grant_share=1.5)
    assert {problem.where for problem in caught.value.problems} == {
        "invest_eur",
        "saving_eur_a",
        "opex_eur_a",
        "rate",
        "lifetime_a",
        "grant_share",
    }
    for rate in (-1, -2, 3, np.nan):
        with pytest.raises(InputError, match="rate"):
            annuity_factor(rate, 10)
    for life in (0, -1, np.inf, 2045):
        with pytest.raises(InputError, match="lifetime_a"):
            annuity_factor(0.03, life)
    with pytest.raises(InputError, match=r"invest_eur \(2,\).*saving_eur_a \(3,\)"):
        npv([1, 2], [1, 2, 3], rate=0.03, lifetime_a=10)
    with pytest.raises(InputError, match="one number, not a series"):
        present_value(100, 0.03)
    with pytest.raises(InputError, match=r"flows.*no number"):
        present_value([[1, 2], [3]], 0.03)
