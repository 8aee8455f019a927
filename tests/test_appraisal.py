"""Appraisal: two views that never meet, the cost of a tonne, the curve after interaction, the social cost of carbon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.appraisal import (
    ACTOR,
    SOCIETAL,
    Perspective,
    Valuation,
    abatement_cost_by_year,
    abatement_curve,
    social_cost,
    untaxed_price,
)
from geo.errors import InputError
from geo.money import annuity_factor


def wheres(caught: pytest.ExceptionInfo[InputError]) -> set[str]:
    return {problem.where for problem in caught.value.problems}


# --- perspectives -----------------------------------------------------------------------------------------------------

YEARS = 18


def euros(values: Any, unit: str, perspective: Perspective = SOCIETAL) -> Valuation:
    return Valuation(np.asarray(values, dtype=np.float64), unit, perspective)


def cost_of(perspective: Perspective, **other: Any) -> Valuation:
    """30,000 EUR that save 2,600 and cost 300 a year and avoid 5 t, for 18 years."""
    saving, abated = np.full(YEARS, 2300.0), np.full(YEARS, 5.0)
    arguments = {"prices": perspective.prices, "grant_share": 0.5 if perspective.grants else 0.0, **other}
    return abatement_cost_by_year(30_000, saving, abated, perspective, **arguments)


def test_societal_discounting_slows_after_twenty_years_without_a_jump() -> None:
    factors = SOCIETAL.discount_factors(40)
    assert factors[19] == pytest.approx(1.03**-20)
    assert factors[20] == pytest.approx(1.03**-20 / 1.015)
    assert SOCIETAL.discount_factors(3, 0.0).tolist() == [1, 1, 1]


def test_prices_without_taxes_by_hand() -> None:
    # 11.9 ct with 19 % tax are 10 ct, of which 2 ct are levies
    assert untaxed_price(0.119, levies_eur_kwh=0.02) == pytest.approx(0.08)
    with pytest.raises(InputError) as caught:
        untaxed_price([0.1, -1], levies_eur_kwh=np.nan, vat=19)
    assert wheres(caught) == {"end_eur_kwh[1]", "levies_eur_kwh", "vat"}


def test_the_actor_counts_grant_and_rate() -> None:
    # 15,000 EUR at 4 % over 18 years, running cost 300, saving 2,600, for 5 t
    by_hand = (15_000 * 0.04 / (1 - 1.04**-18) + 300 - 2600) / 5
    assert cost_of(ACTOR).values == pytest.approx(by_hand)


@given(st.floats(0.03, 0.05), st.integers(1, 40), st.floats(0, 1e5), st.floats(-1e4, 1e4), st.floats(0.1, 100))
def test_years_alike_cost_the_annuity(rate: float, years: int, invest: float, saving: float, tonnes: float) -> None:
    """The textbook's formula for flows that never change is a special case."""
    by_annuity = (invest * float(annuity_factor(rate, years)) - saving) / tonnes
    cost = abatement_cost_by_year(
        invest, np.full(years, saving), np.full(years, tonnes), ACTOR, rate=rate, prices="end"
    )
    assert cost.values == pytest.approx(by_annuity, rel=1e-9, abs=1e-9 * (invest + abs(saving)) / tonnes)


def test_what_does_not_belong_into_a_view_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        cost_of(SOCIETAL, prices="end", grant_share=0.5, rate=0.08)
    assert wheres(caught) == {"prices", "grant_share", "rate"}
    with pytest.raises(InputError, match="prices"):
        cost_of(ACTOR, prices="untaxed")
    with pytest.raises(InputError, match=r"outside 0\.03\.\.0\.05"):
        cost_of(ACTOR, rate=0.06)
    wider = replace(ACTOR, rate_high=0.08)
    assert cost_of(wider, rate=0.06).values > cost_of(ACTOR).values


@pytest.mark.parametrize(
    "meet",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a >= b,
        lambda a, b: a == b,
        lambda a, b: a != b,
        lambda a, b: sorted([a, b]),
        min,
        lambda a, b: sum([a, b]),
    ],
)
def test_two_views_never_meet(meet: Callable[[Valuation, Valuation], Any]) -> None:
    society, actor = euros([5.0], "EUR/a"), euros([7.0], "EUR/a", ACTOR)
    meet(society, society)
    with pytest.raises(InputError, match=r"societal view meets the actor view|actor view meets the societal view"):
        meet(society, actor)
    with pytest.raises(InputError, match="view meets"):
        meet(actor, society)


@pytest.mark.parametrize(
    "meet",
    [
        lambda a: a + 1,
        lambda a: 1 + a,
        lambda a: np.ones(3) + a,
        lambda a: np.ones(3) - a,
        lambda a: a - np.ones(3),
        lambda a: a < 100,
        lambda a: np.float64(100) > a,
        lambda a: a == 0,
    ],
)
def test_a_bare_number_has_no_view(meet: Callable[[Valuation], Any]) -> None:
    with pytest.raises(InputError, match="bare"):
        meet(euros([1.0, 2.0, 3.0], "EUR/a"))


def test_money_of_one_view_can_be_summed_but_euros_per_tonne_cannot() -> None:
    benefit, cost = euros(5, "EUR/a"), cost_of(SOCIETAL)
    assert sum([benefit, benefit]).values == 2 * benefit.values  # type: ignore[union-attr]
    assert (cost - cost).values == 0
    with pytest.raises(InputError, match="do not add"):
        sum([cost, cost])
    with pytest.raises(InputError, match="EUR/a meets EUR/t"):
        benefit - cost


def test_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("economics")
    inputs, expected = case["inputs"], case["expected"]
    every_year = np.ones(inputs["years"])
    cost = abatement_cost_by_year(
        inputs["invest"],
        (inputs["energy_saving_eur"] - inputs["opex"]) * every_year,
        inputs["abatement_t_a"] * every_year,
        SOCIETAL,
        rate=inputs["rate"],
        prices="untaxed",
    )
    assert cost.values == pytest.approx(expected["mac_eur_t"], rel=1e-6)
    assert cost.values == pytest.approx(expected["mac_discounted_denominator"], rel=1e-6)


def test_no_abatement_has_no_cost() -> None:
    series = abatement_cost_by_year(1000, np.zeros((2, 3)), [[1, 1, 1], [1, -1, 0]], SOCIETAL, prices="untaxed")
    assert series.values[0] == pytest.approx(1000 / (1 / 1.03 + 1 / 1.03**2 + 1 / 1.03**3))
    assert np.isnan(series.values[1])


def test_changing_factors_by_hand() -> None:
    # 1000 EUR, nothing else; 4 t after one year, 2 t after two, at 0 %: 1000/6; at 4 %: 1000/(4/1.04 + 2/1.0816)
    args = (1000, [0, 0], [4, 2])
    assert abatement_cost_by_year(*args, SOCIETAL, rate=0.0, prices="untaxed").values == pytest.approx(1000 / 6)
    actor = abatement_cost_by_year(*args, ACTOR, prices="end", grant_share=0.25)
    assert actor.values == pytest.approx(750 / (4 / 1.04 + 2 / 1.0816))
    with pytest.raises(InputError) as caught:
        abatement_cost_by_year(-1, 5, np.nan, ACTOR, prices="untaxed")
    assert wheres(caught) == {"invest_eur", "net_saving_eur", "abated_t", "prices"}


# --- curve ------------------------------------------------------------------------------------------------------------


def test_curve_by_hand() -> None:
    # the third saves eight times the tonnes of the first: its cost per tonne looks worse, its benefit is larger
    cost = euros([-100, 50, -20, np.nan, 10], "EUR/t")
    curve = abatement_curve(cost, [10, 5, 80, 3, 0], euros([1000, -250, 1600, 7, 0], "EUR/a"))
    assert curve.order.tolist() == [0, 2, 1]
    assert curve.cost_eur_t.tolist() == [-100, -20, 50]
    assert curve.from_t.tolist() == [0, 10, 90]
    assert curve.to_t.tolist() == [10, 90, 95]
    assert curve.negative.tolist() == [True, True, False]
    assert curve.choice.tolist() == [2, 0, 1], "those that pay by benefit, then by cost"
    assert curve.left_out.tolist() == [3, 4]
    assert curve.note == "negative: rank by net benefit, not by cost"
    assert not abatement_curve(euros([5], "EUR/t"), [1], euros([-5], "EUR/a")).note


@given(st.lists(st.tuples(st.floats(-500, 500) | st.just(np.nan), st.floats(0, 100)), max_size=12))
def test_curve_keeps_every_measure_and_every_tonne(measures: list[tuple[float, float]]) -> None:
    cost = [c for c, _ in measures]
    tonnes = np.array([t for _, t in measures])
    curve = abatement_curve(euros(cost, "EUR/t"), tonnes, euros([0.0] * len(cost), "EUR/a"))
    assert sorted([*curve.order, *curve.left_out]) == list(range(len(cost)))
    assert sorted(curve.choice) == sorted(curve.order)
    assert (np.diff(curve.cost_eur_t) >= 0).all()
    assert (curve.to_t - curve.from_t).sum() == pytest.approx(tonnes[curve.order].sum())


def test_curve_refuses_two_views_and_wrong_units_at_once() -> None:
    actor = replace(euros([1, 2], "EUR/t"), perspective=ACTOR)
    with pytest.raises(InputError) as caught:
        abatement_curve(actor, [1, -1, 2], euros([1, 2], "EUR/t"))
    assert len(caught.value.problems) == 4, "unit, view, shapes, negative tonnes"


# --- social cost of carbon --------------------------------------------------------------------------------------------


def test_social_cost_between_published_years_of_one_generation() -> None:
    nodes: dict[str, Any] = {"node_years": [2024, 2030, 2050], "node_eur_t": [300, 335, 435]}
    mk3: dict[str, Any] = {"generation": "mk3", "node_generations": ["mk3"] * 3}
    # half-way from 2030 to 2050: (335 + 435) / 2
    assert social_cost([2024, 2040, 2030], **nodes, **mk3).tolist() == pytest.approx([300, 385, 335])
    with pytest.raises(InputError) as caught:
        social_cost(
            [2030, np.nan],
            **nodes,
            generation="mk5",
            node_generations=["mk3", "mk4"],
            node_price_years=[2024, 2020, 2024],
        )
    assert {(p.where, p.what.split(" ", maxsplit=1)[0]) for p in caught.value.problems} == {
        ("generation", "'mk5'"),
        ("node_generations", "mk3,"),
        ("node_generations", "2"),
        ("node_price_years", "2020,"),
        ("years[1]", "1"),
    }
    with pytest.raises(InputError, match="not spliced"):
        social_cost([2025], **nodes, generation="mk3", node_generations=["mk3", "mk3", "mk4"])
    with pytest.raises(InputError, match="beyond the published"):
        social_cost([2020, 2030], **nodes, **mk3)
