"""What measures save: uptake over the years, heat before and after, joint state and fair shares, values along years."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.heat import expected_heat, final_heat, use_factor
from geo.measures import heat_emissions, shapley, uptake
from geo.paths import along_years

# --- uptake -----------------------------------------------------------------------------------------------------------


def test_uptake_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("uptake")
    inputs, expected = case["inputs"], case["expected"]
    years, start, end, top = expected["years"], inputs["start"], inputs["end"], inputs["K"]
    bounded = uptake(years, start=start, end=end, maximum=top, rate=inputs["r"], midpoint=inputs["t0"])
    assert bounded == pytest.approx(expected["logistic_bounded"], rel=1e-6)
    assert uptake(years, start=start, end=end, maximum=top) == pytest.approx(bounded, rel=1e-12), "the defaults"
    # the plain logistic curve of the same answer, shifted and stretched, is the bounded one
    plain = np.array(expected["logistic_unbounded"])
    assert bounded == pytest.approx(top * (plain - plain[0]) / (plain[-1] - plain[0]), rel=1e-6)
    assert along_years(years, [start, end], [0, top]) == pytest.approx(expected["linear"], rel=1e-6)


def test_uptake_by_hand_around_a_midpoint_half_way() -> None:
    """A symmetric curve: half at the midpoint, and what is missing before is reached after."""
    curve = uptake([2020, 2030, 2032, 2035, 2038, 2040, 2050], start=2030, end=2040, maximum=0.6, midpoint=2035)
    assert curve.tolist() == pytest.approx([0, 0, 0.6 - curve[4], 0.3, curve[4], 0.6, 0.6])


def test_uptake_is_fastest_at_45_percent_of_the_way_unless_told() -> None:
    curve = uptake([2028, 2029, 2030], start=2020, end=2040, maximum=1, rate=1)
    assert curve[1] - curve[0] == pytest.approx(curve[2] - curve[1]), "symmetric around 2029"


PROGRAMMES = st.fixed_dictionaries(
    {
        "start": st.integers(1990, 2050),
        "length": st.integers(1, 60),
        "maximum": st.just(0.0) | st.floats(1e-6, 1),
        "rate": st.floats(0.05, 3),
        "midpoint": st.none() | st.floats(0, 1),
    }
)


@given(PROGRAMMES)
def test_uptake_rises_from_exactly_zero_to_exactly_its_maximum(programme: dict[str, Any]) -> None:
    start, end, top = programme["start"], programme["start"] + programme["length"], programme["maximum"]
    middle = programme["midpoint"]
    midpoint = None if middle is None else start + middle * programme["length"]
    years = np.arange(start - 5, end + 6)
    curve = uptake(years, start=start, end=end, maximum=top, rate=programme["rate"], midpoint=midpoint)
    assert (curve[years <= start] == 0).all()
    assert (curve[years >= end] == top).all()
    assert (np.diff(curve) >= -1e-15).all(), "what was taken is not given back"
    assert ((curve >= 0) & (curve <= top)).all()


@given(st.permutations(range(2020, 2050)))
def test_uptake_takes_years_in_any_order(years: list[int]) -> None:
    curve = uptake(years, start=2025, end=2045, maximum=0.8)
    assert curve.tolist() == [uptake([year], start=2025, end=2045, maximum=0.8)[0] for year in years]


def test_years_out_of_order_and_a_share_out_of_range_are_both_reported() -> None:
    with pytest.raises(InputError) as caught:
        uptake([2030], start=2045, end=2025, maximum=1.2)
    assert {problem.where: problem.what for problem in caught.value.problems} == {
        "start, end": "2045 is not before 2025",
        "uptake": "1.2 is no share",
    }
    assert all(problem.remedy.startswith("Give") for problem in caught.value.problems)


@pytest.mark.parametrize("maximum", [-0.1, 1.0001, np.nan])
def test_a_share_outside_0_to_1_is_refused(maximum: float) -> None:
    with pytest.raises(InputError, match="is no share"):
        uptake([2030], start=2025, end=2045, maximum=maximum)


def test_a_programme_that_ends_as_it_starts_is_refused() -> None:
    """Breaks as a division by zero if it is let through."""
    with pytest.raises(InputError, match="2030 is not before 2030"):
        uptake([2030], start=2030, end=2030, maximum=0.5)


def test_a_missing_year_is_refused() -> None:
    with pytest.raises(InputError, match=r"years\[1\]"):
        uptake([2030, np.nan], start=2025, end=2045, maximum=0.5)


# --- one target: before, after, and two measures at once --------------------------------------------------------------


def test_the_chain_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    """A block of flats: retrofit and heat pump, alone and together, with the grid of three years."""
    case = vector("measure_chain")
    inputs, expected = case["inputs"], dict(case["expected"])
    area, water, gas = inputs["floor_m2"], inputs["q_w"], inputs["ef_gas_t_mwh"]
    old, new = inputs["q_h0"], inputs["q_h_usual"]

    found: dict[str, float] = {}
    found["base_fec_mwh"], base = heat_emissions(area, old, water, eta=inputs["eta_gas"], ef_t_mwh=gas)
    _, retrofit = heat_emissions(area, new, water, eta=inputs["eta_gas"], ef_t_mwh=gas)
    found |= {"base_t": base, "retrofit_only_t": retrofit, "retrofit_saving_t": base - retrofit}
    # the engine has no function for rebound: plain arithmetic on its figures
    found["retrofit_saving_with_rebound15_t"] = (base - retrofit) * (1 - inputs["rebound"])

    for year, grid in inputs["ef_el_t_mwh"].items():

        def tonnes(state: frozenset[str], grid: float = grid) -> float:
            need = new if "retrofit" in state else old
            pump = "hp" in state
            eta, factor = (inputs["spf"], grid) if pump else (inputs["eta_gas"], gas)
            return heat_emissions(area, need, water, eta=eta, ef_t_mwh=factor)[1]

        def saving(state: frozenset[str]) -> float:
            return base - tonnes(state)

        pump, both = frozenset({"hp"}), frozenset({"hp", "retrofit"})
        added = saving(pump) + saving(frozenset({"retrofit"}))
        found |= {
            f"hp_only_t_{year}": tonnes(pump),
            f"both_t_{year}": tonnes(both),
            f"true_saving_t_{year}": saving(both),
            f"additive_wrong_saving_t_{year}": added,
        }
        fair = shapley(["retrofit", "hp"], saving)
        assert sum(fair.values()) == pytest.approx(saving(both), rel=1e-12)
        assert added > saving(both) * 1.3, "adding single savings claims too much"
        if year == "2023":
            found |= {f"shapley_{name}_{year}": share for name, share in fair.items()}

    assert found == pytest.approx(expected, rel=1e-6)


def test_heat_emissions_by_hand() -> None:
    """1,000 m² of 80 + 10 kWh/m² by a boiler of 0.9: 100 MWh, at 0.2 t each."""
    assert heat_emissions(1000, 80, 10, eta=0.9, ef_t_mwh=0.2) == pytest.approx((100, 20))
    assert heat_emissions(0, 80, 10, eta=0.9, ef_t_mwh=0.2) == (0, 0)


@given(st.floats(1, 500), st.floats(0.05, 0.95), st.floats(0, 50), st.floats(2, 5), st.floats(0, 0.4))
def test_the_joint_state_never_saves_what_single_savings_add_up_to(
    need: float, cut: float, water: float, spf: float, grid: float
) -> None:
    """A heat pump saves less on a need that a retrofit has cut, so the sum of both claims too much."""

    def tonnes(q: float, *, pump: bool) -> float:
        return heat_emissions(
            100, q, water, eta=spf if pump else 0.9, ef_t_mwh=min(grid, 0.24 * spf) if pump else 0.24
        )[1]

    base, retrofit = tonnes(need, pump=False), tonnes(need * (1 - cut), pump=False)
    heat_pump, both = tonnes(need, pump=True), tonnes(need * (1 - cut), pump=True)
    joint = base - both
    assert (base - retrofit) + (base - heat_pump) > joint
    assert max(base - retrofit, base - heat_pump) <= joint <= base


# --- fair shares ------------------------------------------------------------------------------------------------------


def subsets(names: list[str]) -> list[frozenset[str]]:
    return [frozenset(s) for s in chain.from_iterable(combinations(names, k) for k in range(len(names) + 1))]


def over_all_orders(names: list[str], saving: dict[frozenset[str], float]) -> dict[str, float]:
    """Compute the plain twin: what each measure adds when it comes, averaged over every order of coming."""
    orders = list(permutations(names))
    return {
        name: sum(saving[frozenset(o[: o.index(name) + 1])] - saving[frozenset(o[: o.index(name)])] for o in orders)
        / len(orders)
        for name in names
    }


def test_fair_shares_by_hand() -> None:
    """Alone 6 and 4, together 8: half of what each adds first and last, (6 + 4) / 2 and (4 + 2) / 2."""
    saving = {frozenset(): 0.0, frozenset("a"): 6.0, frozenset("b"): 4.0, frozenset("ab"): 8.0}
    assert shapley(["a", "b"], saving.__getitem__) == {"a": 5, "b": 3}
    assert shapley(["a"], saving.__getitem__) == {"a": 6}
    assert shapley([], saving.__getitem__) == {}


@given(st.integers(1, 5), st.data())
def test_fair_shares_are_the_mean_over_all_orders(n: int, data: st.DataObject) -> None:
    names = list("abcde"[:n])
    saving = {subset: data.draw(st.floats(-100, 100)) for subset in subsets(names)} | {frozenset[str](): 0.0}
    fair = shapley(names, saving.__getitem__)
    assert fair == pytest.approx(over_all_orders(names, saving), rel=1e-9, abs=1e-9)
    assert sum(fair.values()) == pytest.approx(saving[frozenset(names)], rel=1e-9, abs=1e-9)
    mixed = data.draw(st.permutations(names))
    assert shapley(mixed, saving.__getitem__) == pytest.approx(fair, rel=1e-9, abs=1e-9), "order of names"


def test_fair_shares_of_six_equal_measures_and_of_one_that_does_nothing() -> None:
    names = list("abcdef")
    equal = shapley(names, lambda state: 12 * (1 - 0.5 ** len(state)))
    assert list(equal.values()) == pytest.approx([12 * (1 - 0.5**6) / 6] * 6)
    idle = shapley(names, lambda state: float(len(state - {"f"})))
    assert idle == pytest.approx(dict.fromkeys("abcde", 1.0) | {"f": 0.0})


def test_more_than_six_measures_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        shapley(list("abcdefg"), lambda _: 0.0)
    (problem,) = caught.value.problems
    assert problem.where == "measures"
    assert problem.what.startswith("7 are too many")
    assert problem.remedy == "Give six at most."


# --- heat -------------------------------------------------------------------------------------------------------------


def test_use_factor_by_hand() -> None:
    """1.1 for a house that needs nothing, 0.8 at 150 kWh/m², 0.45 at 500."""
    assert np.asarray(use_factor([0, 150, 500])).tolist() == pytest.approx([1.1, 0.8, 0.45])


@given(st.floats(0, 700), st.floats(0, 700))
def test_old_buildings_use_a_smaller_part_of_a_larger_need(one: float, other: float) -> None:
    """Breaks if a retrofit could raise consumption."""
    low, high = sorted([one, other])
    assert use_factor(low) >= use_factor(high) > 0
    assert low * use_factor(low) <= high * use_factor(high) * (1 + 1e-12)


def test_final_heat_by_hand() -> None:
    """150 and 15 kWh/m² by a boiler of 0.9: (150 * 0.8 + 15) / 0.9 = 150; without the factor 165 / 0.9."""
    assert final_heat([150], [15], eta=0.9).tolist() == pytest.approx([150])
    assert final_heat([150], [15], eta=0.9, use_factored=False).tolist() == pytest.approx([165 / 0.9])
    assert final_heat(150, 15, eta=3, use_factored=False) == pytest.approx(55), "a heat pump"


def test_final_heat_broadcasts_types_against_states() -> None:
    found = final_heat([[100], [200]], [10, 20, 30], eta=1, use_factored=False)
    assert found.tolist() == [[110, 120, 130], [210, 220, 230]]


def test_expected_heat_by_hand() -> None:
    """A cell with 100 m² of houses and 300 m² of flats, a quarter old; houses need 200 and 100, flats 120 and 60."""
    found = expected_heat([[100, 300]], [[0.25, 0.75]], [[200, 100], [120, 60]])
    assert found.tolist() == [[0.25 * (100 * 200 + 300 * 120), 0.75 * (100 * 100 + 300 * 60)]]


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_expected_heat_is_the_sum_over_types_and_ages(units: int, types: int, ages: int, seed: int) -> None:
    """The plain twin walks through every type and age of every unit; the whole must be the sum of the parts."""
    random = np.random.default_rng(seed)
    area, need = random.uniform(0, 1e5, (units, types)), random.uniform(0, 400, (types, ages))
    shares = random.dirichlet(np.ones(ages), units)
    found = expected_heat(area, shares, need)
    assert found.shape == (units, ages)
    for unit in range(units):
        twin = [sum(area[unit, t] * shares[unit, a] * need[t, a] for t in range(types)) for a in range(ages)]
        assert found[unit].tolist() == pytest.approx(twin, rel=1e-9)


def test_heat_refuses_negative_and_missing_needs_by_their_names() -> None:
    with pytest.raises(InputError) as caught:
        use_factor([-1, np.nan])
    assert {problem.where for problem in caught.value.problems} == {"q_kwh_m2a[0]", "q_kwh_m2a[1]"}
    with pytest.raises(InputError, match=r"q_w_kwh_m2a\[0\]"):
        final_heat([1], [-1], eta=1)
    with pytest.raises(InputError, match=r"q_h_kwh_m2a\[1\]"):
        final_heat([1, np.inf], [1, 1], eta=1)
    with pytest.raises(InputError, match=r"area_m2\[0, 1\]"):
        expected_heat([[1, np.nan]], [[1]], [[1], [1]])
    with pytest.raises(InputError, match=r"age_shares\[0, 0\]"):
        expected_heat([[1]], [[-1]], [[1]])


# --- along the years --------------------------------------------------------------------------------------------------


def test_the_linear_path_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("pathway")
    inputs, linear = case["inputs"], case["expected"]["linear"]
    found = along_years([int(year) for year in linear], [inputs["y0"], inputs["y1"]], [inputs["base_kt"], 0])
    assert found == pytest.approx(list(linear.values()), rel=1e-6)


def test_values_along_years_by_hand() -> None:
    """445 g in 2023, 110 in 2030: 445 before, half way between at 2026.5, 110 after."""
    found = along_years([2040, 2030, 2026.5, 2023, 1990], [2023, 2030], [445, 110])
    assert found.tolist() == [110, 110, 277.5, 445, 445]
    assert along_years([2000, 2100], [2023], [7]).tolist() == [7, 7]


@given(st.dictionaries(st.integers(1990, 2100), st.floats(-1e6, 1e6), min_size=1, max_size=8), st.data())
def test_nodes_are_met_exactly_and_nothing_leaves_their_range(path: dict[int, float], data: st.DataObject) -> None:
    years = sorted(path)
    values = [path[year] for year in years]
    asked = data.draw(st.permutations(years))
    assert along_years(asked, years, values).tolist() == [path[year] for year in asked]
    between = along_years(np.linspace(1980, 2110, 131), years, values)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= between.min()
    assert between.max() <= max(values) + slack


@pytest.mark.parametrize("nodes", [[2030, 2023], [2023, 2023], []])
def test_nodes_that_do_not_rise_are_refused(nodes: list[int]) -> None:
    """Breaks if numpy is left to interpolate over them, which gives numbers without sense."""
    with pytest.raises(InputError) as caught:
        along_years([2025], nodes, [1.0] * len(nodes))
    (problem,) = caught.value.problems
    assert problem.where == "node_years"
    assert "do not rise" in problem.what
    assert "Sort them" in problem.remedy


def test_values_that_do_not_fit_the_nodes_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        along_years([2025], [2023, 2030], [1, np.nan, 3])
    assert {problem.where: problem.what for problem in caught.value.problems} == {
        "node_values": "has shape (3,), expected length 2",
        "node_values[1]": "1 value(s) missing or infinite",
    }
