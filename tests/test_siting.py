"""Where the next euro goes: every choice against a search through all of them, limits kept, prices of equity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import knapsack
from geo.arrays import BoolArray, FloatArray
from geo.errors import InputError
from geo.knapsack import TOLERANCE
from geo.siting import Candidates, Choice, choose, front, typology, welfare_weights

# --- a search through all choices ------------------------------------------------------------------------------------


def allowed(candidates: Candidates, budget: float, floor: float, caps: dict[int, float]) -> BoolArray:
    """Every choice there is that keeps all limits, one a row."""
    n = len(candidates)
    rows = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    keep = rows @ candidates.cost_eur <= budget * (1 + TOLERANCE)
    keep &= rows @ candidates.low_income_benefit >= floor * (1 - TOLERANCE)
    for area, cap in caps.items():
        assert candidates.area is not None
        keep &= rows @ np.where(candidates.area == area, candidates.cost_eur, 0) <= cap * (1 + TOLERANCE)
    for j in range(n):
        if candidates.requires is not None and candidates.requires[j] >= 0:
            keep &= ~rows[:, j] | rows[:, candidates.requires[j]]
    if candidates.group is not None:
        for group in set(candidates.group.tolist()) - {-1}:
            keep &= rows[:, candidates.group == group].sum(axis=1) <= 1
    return rows[keep]


def drawn(seed: int, n: int = 9, *, decimals: int = 0) -> tuple[Candidates, float, dict[int, float]]:
    """Few candidates with all kinds of limits; some cost nothing, some are worth nothing, many are alike."""
    random = np.random.default_rng(seed)
    benefit = random.integers(0, 12, n).astype(float)
    requires = np.array([random.integers(0, j) if j and random.random() < 0.25 else -1 for j in range(n)])
    made = Candidates(
        np.round(random.integers(0, 9, n) * random.choice([1, 0.1]), decimals + 1),
        benefit,
        benefit * random.choice([0, 0.25, 0.5, 1], n),
        random.choice([-1, -1, 3, 7], n),
        requires,
        random.choice([-1, 5, 6], n),
    )
    cost = float(made.cost_eur.sum())
    caps = {5: round(0.2 * cost, 1), 6: 0.0 if seed % 7 == 0 else 1e9}
    return made, round(random.uniform(0.1, 0.8) * cost, 1), caps


@pytest.mark.parametrize("block", range(8))
def test_the_choice_is_the_best_of_all_there_are(block: int) -> None:
    """Breaks if a limit is lost, a candidate is closed that a better choice has, or infeasible is said lightly."""
    infeasible = 0
    for seed in range(25 * block, 25 * block + 25):
        candidates, budget, caps = drawn(seed)
        omega = float(seed % 3)
        every = allowed(candidates, budget, 0, caps)
        most = float((every @ candidates.low_income_benefit).max())
        floor = [None, 0.6 * most, most, most + 0.5][seed % 4]
        choices = allowed(candidates, budget, floor or 0, caps)
        found = choose(candidates, budget, omega=omega, floor=floor, caps=caps, gap=0)
        if not len(choices):
            infeasible += 1
            assert found.status == "infeasible"
            assert found.highest_floor == pytest.approx(most)
            assert not found.chosen.any()
            assert np.isnan([found.objective, found.bound, found.gap, found.cost_eur, found.benefit]).all()
            continue
        worth = choices @ (candidates.benefit + omega * candidates.low_income_benefit)
        assert found.status == "optimal"
        assert found.objective == pytest.approx(worth.max())
        assert (choices == found.chosen).all(axis=1).any(), "keeps no limits"
        rough = greedy(candidates, budget, omega=omega, floor=floor, caps=caps)
        if rough is not None:
            assert rough.objective <= found.objective + 1e-9
            assert rough.bound >= found.objective - 1e-9
            assert (choices == rough.chosen).all(axis=1).any(), "keeps no limits"
    assert infeasible >= 5, "no case asks for too much"


def greedy(candidates: Candidates, budget: float, **limits: Any) -> Choice | None:
    """Greedy choice, None where it says that it does not reach the floor."""
    try:
        return choose(candidates, budget, method="greedy", **limits)
    except InputError as error:
        assert [problem.where for problem in error.problems] == ["floor"]  # noqa: PT017
        return None


# --- worked answers --------------------------------------------------------------------------------------------------


@pytest.fixture
def projects(vector: Callable[[str], Any]) -> tuple[Candidates, float, dict[str, Any]]:
    worked = vector("knapsack")
    items = worked["inputs"]["items"]
    cost, benefit, share = (np.array([item[key] for item in items], float) for key in ("cost", "t", "low"))
    return Candidates(cost * 1e6, benefit, benefit * share), worked["inputs"]["budget"] * 1e6, worked["expected"]


def names(choice: Choice) -> list[str]:
    return [f"P{k + 1}" for k in np.flatnonzero(choice.chosen)]


@pytest.mark.parametrize(
    ("key", "limits"),
    [
        ("carbon", {}),
        ("equity_w1", {"omega": 1.0}),
        ("equity_w3", {"omega": 3.0}),
        ("low_only", {"omega": 1e6}),
        ("eps_constraint_tlow_ge_850", {"floor": 850.0}),
    ],
)
def test_published_choices(
    projects: tuple[Candidates, float, dict[str, Any]], key: str, limits: dict[str, Any]
) -> None:
    candidates, budget, expected = projects
    found, published = choose(candidates, budget, **limits), expected[key]
    assert names(found) == published["selected"]
    assert found.status == "optimal"
    totals = (found.cost_eur, found.benefit, found.low_income_benefit)
    assert totals == pytest.approx((published["cost"] * 1e6, published["t"], published["t_low"]))


def test_a_floor_out_of_reach_is_told_with_the_highest_that_is_not(
    projects: tuple[Candidates, float, dict[str, Any]],
) -> None:
    candidates, budget, expected = projects
    assert expected["eps_constraint_tlow_ge_900_infeasible"]["selected"] is None
    for method in ("exact", "greedy"):
        found = choose(candidates, budget, floor=1200.0, method=method)
        assert found.status == "infeasible"
    found = choose(candidates, budget, floor=900.0)
    assert (found.status, found.highest_floor) == ("infeasible", 893.0)
    assert found.reason == "a floor of 900 is out of reach: the other limits allow 893"
    assert choose(candidates, budget, floor=893.0).low_income_benefit == 893.0
    # rounding cannot tell whether 900 is possible, and does not pretend to know
    with pytest.raises(InputError, match="floor of 900 is out of reach: the other limits allow 893 as far as"):
        choose(candidates, budget, floor=900.0, method="greedy")


def test_published_front(projects: tuple[Candidates, float, dict[str, Any]]) -> None:
    candidates, budget, expected = projects
    found = front(candidates, budget)
    assert [names(choice) for choice in found.choices] == [point["ids"] for point in expected["pareto"]]
    assert found.complete
    # from 2,400 t (590 low-income) to 2,300 t (775): 100 t for 185
    np.testing.assert_allclose(found.price_of_equity, [100 / 185, 140 / 18, 200 / 55, 300 / 45])
    np.testing.assert_allclose(found.price_from_first, [np.nan, 100 / 185, 240 / 203, 440 / 258, 740 / 303])
    few = front(candidates, budget, steps=3)
    assert len(few.choices) == 3
    assert not few.complete


def test_greedy_goes_by_value_per_cost(projects: tuple[Candidates, float, dict[str, Any]]) -> None:
    """Breaks if the order, or what is required beside a candidate, is counted wrong."""
    candidates, budget, expected = projects
    position = {f"P{k + 1}": k for k in range(len(candidates))}
    none = np.full(len(candidates), -1)
    given = knapsack.Knapsack(
        candidates.cost_eur,
        candidates.benefit,
        candidates.low_income_benefit,
        none,
        none,
        np.zeros_like(none),
        budget,
        0.0,
        np.array([np.inf]),
    )
    order = knapsack.by_merit(given, given.value)
    assert order.tolist() == [position[name] for name in expected["greedy_ratio"]]


# --- limits on larger cases ------------------------------------------------------------------------------------------


def programme(n: int, seed: int) -> tuple[Candidates, float, dict[int, float]]:
    """Bundles of four at most one of which is built, some after another, in 12 districts with caps."""
    random = np.random.default_rng(seed)
    cost, benefit = np.round(random.lognormal(10, 1, n), 2), random.lognormal(3, 1, n)
    requires = np.where(random.random(n) < 0.1, random.integers(0, n // 2, n), -1)
    requires[: n // 2] = -1
    area = random.integers(0, 12, n)
    caps = dict(enumerate(np.bincount(area, cost, 12) * random.uniform(0.05, 0.2, 12)))
    low = benefit * random.beta(0.5, 2, n)
    return Candidates(cost, benefit, low, np.arange(n) // 4, requires, area), float(cost.sum()) * 0.1, caps


def keeps(candidates: Candidates, found: Choice, budget: float, floor: float, caps: dict[int, float]) -> bool:
    chosen = found.chosen
    assert candidates.group is not None
    assert candidates.requires is not None
    assert candidates.area is not None
    required = candidates.requires[chosen]
    spent = np.bincount(candidates.area[chosen], candidates.cost_eur[chosen], len(caps))
    return bool(
        candidates.cost_eur[chosen].sum() <= budget * (1 + TOLERANCE)
        and candidates.low_income_benefit[chosen].sum() >= floor * (1 - TOLERANCE)
        and all(spent[area] <= cap * (1 + TOLERANCE) for area, cap in caps.items())
        and np.bincount(candidates.group[chosen]).max() <= 1
        and chosen[required[required >= 0]].all()
    )


@pytest.mark.parametrize("method", ["exact", "greedy"])
def test_large_choices_keep_all_limits_within_the_gap(method: Any) -> None:
    candidates, budget, caps = programme(2000, 1)
    free = choose(candidates, budget, caps=caps, gap=0.01, method=method)
    poor = choose(candidates, budget, caps=caps, gap=0.01, method=method, omega=1e6)
    floor = (free.low_income_benefit + poor.low_income_benefit) / 2
    bound = choose(candidates, budget, floor=floor, caps=caps, gap=0.01, method=method)
    for found, least in ((free, 0.0), (poor, 0.0), (bound, floor)):
        assert keeps(candidates, found, budget, least, caps)
        assert found.status == ("greedy" if method == "greedy" else "within_gap")
        assert 0 <= found.gap <= (0.01 if method == "exact" else 0.05)
        assert found.bound * (1 - found.gap) == pytest.approx(found.objective)
    assert bound.benefit <= free.bound


def test_beyond_what_can_be_proven_the_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, budget, caps = programme(2000, 2)
    monkeypatch.setattr(knapsack, "MAX_BINARIES", 3)
    monkeypatch.setattr(knapsack, "NEAR", 3)
    found = choose(candidates, budget, caps=caps, gap=0)
    assert found.status == "greedy"
    assert 0 < found.gap < 0.01
    assert keeps(candidates, found, budget, 0, caps)


def test_the_bound_holds_where_the_relaxation_takes_too_long() -> None:
    candidates, budget, caps = programme(2000, 3)
    stopped = choose(candidates, budget, caps=caps, time_limit_s=1e-9)
    assert stopped.status == "time_limit"
    assert keeps(candidates, stopped, budget, 0, caps)
    best = choose(candidates, budget, caps=caps, gap=1e-3)
    assert stopped.objective <= best.bound
    assert best.objective <= stopped.bound


def test_the_order_of_candidates_changes_no_figure() -> None:
    candidates, budget, caps = programme(400, 4)
    assert candidates.group is not None
    assert candidates.requires is not None
    assert candidates.area is not None
    turned = np.random.default_rng(0).permutation(len(candidates))
    place = np.append(np.argsort(turned), -1)
    other = Candidates(
        candidates.cost_eur[turned],
        candidates.benefit[turned],
        candidates.low_income_benefit[turned],
        candidates.group[turned],
        place[candidates.requires[turned]],
        candidates.area[turned],
    )
    for gap in (0.01, 1e-4):
        one, two = (choose(each, budget, caps=caps, gap=gap) for each in (candidates, other))
        assert (one.chosen[turned] == two.chosen).all()
        assert (one.objective, one.bound, one.cost_eur) == (two.objective, two.bound, two.cost_eur)


# --- small things that go wrong --------------------------------------------------------------------------------------


def plain(cost: list[float], benefit: list[float], **more: Any) -> Candidates:
    low = more.pop("low", [0.0] * len(cost))
    return Candidates(np.array(cost), np.array(benefit), np.array(low), **more)


def test_decimals_that_add_up_to_the_budget_fit() -> None:
    """0.1 + 0.2 is above 0.3 in binary; a ten-thousandth too much is too much."""
    found = choose(plain([0.1, 0.2], [1, 1]), 0.3)
    assert found.chosen.all()
    assert choose(plain([0.5001, 0.5], [1, 1]), 1.0).chosen.sum() == 1


def test_budgets_of_any_size() -> None:
    for scale in (1e-3, 1.0, 1e12):
        found = choose(plain([4 * scale, 3 * scale, 5 * scale], [9 / scale, 5 / scale, 11 / scale]), 8 * scale)
        assert found.chosen.tolist() == [False, True, True]


def test_limits_far_below_the_costs() -> None:
    """Breaks if amounts that are out of all proportion reach the solver."""
    two = plain([1e9, 2e9, 1e6], [7, 9, 1], low=[7, 0, 0], area=[0, 1, 1])
    found = choose(two, 2e9, caps={0: 1e-9}, floor=None)
    assert found.chosen.tolist() == [False, True, False]
    assert choose(two, 2e9, floor=1e-12).chosen.tolist() == [True, False, True]


def test_nothing_to_spend_or_to_choose_from() -> None:
    free = choose(plain([0, 1], [1, 1]), 0)
    assert free.chosen.tolist() == [True, False]
    nobody = choose(plain([], []), 5)
    assert (nobody.status, nobody.benefit, nobody.gap) == ("optimal", 0, 0)
    assert choose(plain([], []), 5, floor=1).status == "infeasible"


def test_no_money_goes_to_what_is_of_no_use() -> None:
    """Breaks if a candidate without benefit is bought, unless another needs it."""
    idle = plain([1, 2, 1], [0, 5, 0], requires=[-1, 0, -1])
    for method in ("exact", "greedy"):
        found = choose(idle, 10, method=method)
        assert found.chosen.tolist() == [True, True, False]
    dear = plain([9, 2], [0, 5], requires=[-1, 0])
    assert not choose(dear, 10).chosen.any()


def test_welfare_weights_stand_for_omega() -> None:
    """Green Book: at half the mean income a euro is worth 2 ** 1.3 = 2.46 as much."""
    weight = welfare_weights([10_000, 20_000], 20_000)
    np.testing.assert_allclose(weight, [2**1.3, 1])
    found = choose(plain([1, 1], [5, 8], weight=weight), 1)
    assert found.chosen.tolist() == [True, False]
    assert (found.benefit, found.objective) == pytest.approx((5, 5 * 2**1.3))
    with pytest.raises(InputError, match=r"income.*not above 0"):
        welfare_weights([0, 1], 1)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        plain([1, np.nan, -2], [1, 2], low=[0, 0, 0], group=[0, 1, -2])
    where = [problem.where for problem in caught.value.problems]
    assert {"cost_eur[1]", "cost_eur[2]", "benefit", "group[2]"} <= set(where)
    with pytest.raises(InputError) as caught:
        plain([1, 1], [1, 2], low=[2, 0], group=[0.5, 1], requires=[1, 2], area=[0, 1])
    where = [problem.where for problem in caught.value.problems]
    assert where == ["low_income_benefit[0]", "group[0]", "requires[1]"]
    with pytest.raises(InputError) as caught:
        plain([1, 2], [[1, 2], [3, 4]], low=[0, "many"], area=[-2, 0])  # type: ignore[list-item]
    where = [problem.where for problem in caught.value.problems]
    assert where == ["area[0]", "benefit", "low_income_benefit"]
    with pytest.raises(InputError, match="3 candidate"):  # the third waits for the circle
        plain([1, 1, 1], [1, 1, 1], requires=[1, 0, 0])
    with pytest.raises(InputError) as caught:
        choose(plain([1], [1], weight=[2]), -1, omega=2, floor=np.nan, caps={3: -1})
    where = [problem.where for problem in caught.value.problems]
    assert where == ["budget_eur", "floor", "caps[3]", "caps", "omega"]
    with pytest.raises(InputError, match="gap"):
        choose(plain([1], [1]), 1, gap=-1)
    with pytest.raises(InputError, match="weight"):
        front(plain([1], [1], weight=[2]), 1)


# --- the front -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_the_front_holds_every_choice_that_nothing_beats(seed: int) -> None:
    candidates, budget, caps = drawn(seed, 7)
    found = front(candidates, budget, caps=caps, gap=0, steps=200)
    points = [(choice.benefit, choice.low_income_benefit) for choice in found.choices]
    assert found.complete
    assert (np.diff([benefit for benefit, _ in points]) < 0).all()
    assert (np.diff([low for _, low in points]) > 0).all()
    assert (found.price_of_equity > 0).all()
    every = allowed(candidates, budget, 0, caps)
    pairs = {(float(row @ candidates.benefit), float(row @ candidates.low_income_benefit)) for row in every}
    best = {p for p in pairs if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in pairs)}
    np.testing.assert_allclose(sorted(points), sorted(best))


# --- need and supply -------------------------------------------------------------------------------------------------


def test_priority_is_high_need_with_low_supply() -> None:
    """Ten people each: needs 1..4 have their median at 2, so 3 and 4 are high; likewise supply."""
    found = typology([4, 3, 2, 1], [1, 2, 3, 4], [10, 10, 10, 10])
    assert found.kind.tolist() == ["HL", "HL", "LH", "LH"]
    assert (found.need_cut, found.supply_cut) == (3, 3)
    np.testing.assert_allclose(found.difference, [0.75, 0.25, -0.25, -0.75])
    assert found.priority.tolist() == [1, 2, 0, 0]
    assert typology([4, 3, 2, 1], [4, 2, 3, 1], [10] * 4).kind.tolist() == ["HH", "HL", "LH", "LL"]


def test_people_weigh_the_median_and_cuts_replace_it() -> None:
    """Breaks if areas count alike: 70 of 100 people live where need is 1, so 2 is high already."""
    found = typology([1, 2, 3], [3, 2, 1], [70, 20, 10])
    assert found.kind.tolist() == ["LH", "HL", "HL"]
    assert typology([1, 2, 3], [3, 2, 1], [70, 20, 10], need_cut=3, supply_cut=9).kind.tolist() == ["LL", "LL", "HL"]
    # most people have the highest need: it is high
    assert typology([1, 5, 5], [3, 2, 1], [1, 1, 1]).kind.tolist() == ["LH", "HL", "HL"]


def test_unknown_areas_stay_unknown_and_equal_ones_equal() -> None:
    found = typology([5, np.nan, 5, 1, 1], [1, 1, 1, np.nan, 7], [1, 1, 1, 1, 1])
    assert found.kind.tolist() == ["HL", "", "HL", "", "LH"]
    assert found.priority.tolist() == [1, 0, 1, 0, 0]
    assert np.isnan(found.difference).tolist() == [False, True, False, True, False]


def test_where_all_are_alike_nothing_is_high() -> None:
    with pytest.raises(InputError) as caught:
        typology([2, 2], [0, 0], [1, 1])
    assert [problem.where for problem in caught.value.problems] == ["need", "supply"]
    assert "cannot be told apart" in str(caught.value)
    assert typology([2, 2], [0, 1], [1, 1], need_cut=2).kind.tolist() == ["HL", "HH"]
    with pytest.raises(InputError, match="no area with people"):
        typology([1, np.nan], [np.nan, 2], [1, 1])
    with pytest.raises(InputError, match="supply"):
        typology([1, 2], [1, 2, 3], [1, 1])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=2, max_size=12))
def test_the_median_splits_people_in_two(rows: list[tuple[int, int, int]]) -> None:
    """Breaks if both classes do not exist, or more people than half are above the median."""
    need, supply, people = np.array(rows, float).T
    lived: FloatArray = people > 0
    if lived.sum() == 0 or np.ptp(need[lived]) == 0 or np.ptp(supply[lived]) == 0:
        with pytest.raises(InputError):
            typology(need, supply, people)
        return
    found = typology(need, supply, people)
    high = need >= found.need_cut
    assert 0 < people[high].sum() < people.sum()
    assert people[high].sum() <= people.sum() / 2 or found.need_cut == need[lived].max()
    assert sorted(found.priority[found.kind == "HL"].tolist())[:1] in ([], [1])
