"""Who pays when: reinvestment, cash flow by payer, funding gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cash_flow import PAYERS, Spending, Transfer, cash_flow, funding_gap, schedule
from geo.errors import InputError


def wheres(caught: pytest.ExceptionInfo[InputError]) -> set[str]:
    return {problem.where for problem in caught.value.problems}


# --- years ------------------------------------------------------------------------------------------------------------


def test_schedule_by_hand() -> None:
    # 100 in 2025, life of 4 years, up to 2034: again in 2029 and 2033; the last is worn for 2 of 4 years
    planned = np.zeros(10)
    planned[0] = 100
    plan = schedule(planned, 4, range(2025, 2035))
    assert plan.invest_eur.tolist() == [100, 0, 0, 0, 100, 0, 0, 0, 100, 0]
    assert plan.residual_eur == 50
    longer = schedule([planned, planned], [40, 10], range(2025, 2035))
    assert longer.invest_eur.sum(axis=1).tolist() == [100, 100], "none is replaced within the horizon"
    assert longer.residual_eur.tolist() == [75, 0]


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    st.lists(st.integers(1, 50), min_size=1, max_size=3),
)
def test_what_is_bought_less_what_is_left_is_what_is_worn(planned: list[float], lives: list[int]) -> None:
    horizon = len(planned)
    plan = schedule([planned] * len(lives), lives, np.arange(2025, 2025 + horizon))
    worn = [sum(eur * (horizon - t) / life for t, eur in enumerate(planned)) for life in lives]
    assert plan.invest_eur.sum(axis=-1) - plan.residual_eur == pytest.approx(np.array(worn), rel=1e-9, abs=1e-6)


def test_schedule_refuses_gaps_and_parts_of_years() -> None:
    with pytest.raises(InputError) as caught:
        schedule([1, -2, 3], 2.5, [2025, 2026, 2028])
    assert wheres(caught) == {"years", "lifetime_a", "invest_by_year[1]"}
    with pytest.raises(InputError, match=r"invest_by_year.*expected length 3"):
        schedule([1, 2], 2, [2025, 2026, 2027])
    with pytest.raises(InputError, match="lifetime_a"):
        schedule([1, 2], 0, [2025, 2026])
    with pytest.raises(InputError) as caught:
        schedule("a", "b", "c")
    assert len(caught.value.problems) == 3


# --- who pays when ----------------------------------------------------------------------------------------------------


def rented() -> Spending:
    return Spending(
        invest_eur={"landlord": [50_000, 0, 0], "city": [10_000, 0, 0]},
        opex_eur={"landlord": 100},
        saving_eur={"tenant": [0, 2000, 2100]},
        grant_eur={"landlord": [15_000, 0, 0]},
        transfers=[
            Transfer("levy", "tenant", "landlord", [0, 1500, 1500]),
            Transfer("CO2 cost", "landlord", "tenant", [300, 100, 100]),
        ],
    )


def test_cash_flow_by_hand() -> None:
    flow = cash_flow([2025, 2026, 2027], rented())
    assert flow.of("landlord").tolist() == [50_000 - 15_000 + 100 + 300, 100 - 1500 + 100, 100 - 1500 + 100]
    assert flow.of("tenant").tolist() == [-300, -2000 + 1500 - 100, -2100 + 1500 - 100]
    assert flow.of("state").tolist() == [15_000, 0, 0], "a grant is paid by somebody"
    assert flow.of("utility").tolist() == [0, 0, 0]
    assert flow.total_eur.tolist() == [60_100, -1900, -2000]
    assert flow.net_eur.shape == (len(PAYERS), 3)


AMOUNTS = st.lists(st.floats(0, 1e6), min_size=3, max_size=3)
PAYER = st.sampled_from(PAYERS)


@given(
    st.dictionaries(PAYER, AMOUNTS),
    st.dictionaries(PAYER, st.floats(0, 1)),
    st.lists(st.tuples(PAYER, PAYER, AMOUNTS), max_size=6),
)
def test_transfers_and_grants_sum_to_zero(
    invest: dict[str, list[float]], shares: dict[str, float], moves: list[tuple[str, str, list[float]]]
) -> None:
    grants = {
        payer: np.array(invest[payer]) * shares[payer] for payer in shares if payer in invest and payer != "state"
    }
    transfers = [Transfer("t", source, target, eur) for source, target, eur in moves if source != target]
    saving = {"tenant": [1.0, 2.0, 3.0]}
    flow = cash_flow([1, 2, 3], Spending(invest, {}, saving, grants, transfers=transfers))
    assert np.abs(flow.transfer_eur.sum(axis=0)).max() < 1e-6
    assert np.abs(flow.grant_eur.sum(axis=0)).max() < 1e-6
    expected = sum((np.array(eur) for eur in invest.values()), np.zeros(3)) - [1, 2, 3]
    assert flow.total_eur == pytest.approx(expected)
    assert flow.net_eur.sum(axis=0) == pytest.approx(flow.total_eur, abs=1e-6)


def test_cash_flow_lists_all_that_is_wrong() -> None:
    with pytest.raises(InputError) as caught:
        cash_flow(
            [2025, 2026],
            Spending(
                invest_eur={"landlady": 5, "city": [1, 2, 3]},
                opex_eur={"city": -1},
                saving_eur={"tenant": [np.nan, 1]},
                grant_eur={"city": -4},
                transfers=[Transfer("levy", "tenant", "tenant", 1)],
            ),
        )
    assert wheres(caught) == {
        "invest_eur",
        "invest_eur['city']",
        "opex_eur['city']",
        "saving_eur['tenant'][0]",
        "grants to city",
        "levy",
    }
    with pytest.raises(InputError, match="city gets 20 EUR for an investment of 10 EUR"):
        cash_flow([2025, 2026], Spending(invest_eur={"city": [10, 0]}, grant_eur={"city": 10}))
    with pytest.raises(InputError, match="payer"):
        cash_flow([2025], Spending()).of("lord")


def test_funding_gap_by_hand() -> None:
    # 100 with a grant of 80, of which the city must bear 25 % in any case: 75 granted, 25 own, budget 20
    gap = funding_gap([100, 40], [80, 0], [20, 60], own_share_min=0.25)
    assert gap.counted_grant_eur.tolist() == [75, 0]
    assert gap.own_eur.tolist() == [25, 40]
    assert gap.gap_eur.tolist() == [5, 0]
    assert gap.unspent_eur.tolist() == [0, 20]


@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(1, 1e6), st.floats(0, 1))
def test_every_euro_of_an_investment_is_granted_budgeted_or_missing(
    invest: float, granted: float, budget: float, own_share: float
) -> None:
    gap = funding_gap(invest, invest * granted, budget, own_share_min=own_share)
    paid = budget - gap.unspent_eur
    assert gap.counted_grant_eur + paid + gap.gap_eur == pytest.approx(invest, abs=1e-6)
    assert gap.own_eur >= own_share * invest - 1e-9
    assert min(gap.gap_eur, gap.unspent_eur) == 0


def test_a_budget_of_nothing_and_a_grant_above_the_cost_are_refused() -> None:
    for budget in (0, -5):
        with pytest.raises(InputError, match=r"budget_eur.*not above 0"):
            funding_gap(100, 50, budget)
    with pytest.raises(InputError, match="above the investment"):
        funding_gap([100, 100], [50, 101], 10)
    with pytest.raises(InputError) as caught:
        funding_gap(-1, np.nan, 0, own_share_min=2)
    assert len(caught.value.problems) == 4
