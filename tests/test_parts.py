"""Why emissions changed: parts by hand, parts that sum, limits against many digits, bad input all at once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext, localcontext
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.arrays import FloatArray
from geo.errors import InputError
from geo.heat import final_heat
from geo.parts import DRIVERS, LMDI_PARTS, lmdi_parts, shapley_parts

# --- drivers on and off -----------------------------------------------------------------------------------------------


def test_parts_of_two_drivers_by_hand() -> None:
    """Use falls from 10 to 6, the factor from 5 to 3: mean of both orders, -4 * (5 + 3) / 2 and -2 * (10 + 6) / 2."""

    def tonnes(now: frozenset[str]) -> float:
        return (6 if "use" in now else 10) * (3 if "factor" in now else 5)

    assert {k: float(v) for k, v in shapley_parts(["use", "factor"], tonnes).items()} == {"use": -16, "factor": -16}


def test_parts_of_a_driver_that_only_adds_are_its_own() -> None:
    """Nothing interacts: each part is what the driver does, in every year; one that does nothing has exactly none."""
    steps = {"municipal_measures": [-1.0, -2.0], "external_path": [-30.0, -60.0], "activity": [0.0, 0.0]}
    found = shapley_parts(DRIVERS, lambda now: np.array([100.0, 90.0]) + sum(np.array(steps[name]) for name in now))
    assert {name: part.tolist() for name, part in found.items()} == {n: pytest.approx(s) for n, s in steps.items()}
    assert found["activity"].tolist() == [0, 0]


def test_parts_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    """Retrofit and heat pump of the worked chain as two drivers: minus their fair shares."""
    case = vector("measure_chain")
    inputs, expected = case["inputs"], case["expected"]

    def tonnes(now: frozenset[str]) -> float:
        need = inputs["q_h_usual"] if "retrofit" in now else inputs["q_h0"]
        pump = (inputs["spf"], inputs["ef_el_t_mwh"]["2023"])
        eta, factor = pump if "hp" in now else (inputs["eta_gas"], inputs["ef_gas_t_mwh"])
        kwh_m2a = float(final_heat(need, inputs["q_w"], eta=eta, use_factored=False))
        return inputs["floor_m2"] * kwh_m2a / 1000 * factor  # type: ignore[no-any-return]

    found = shapley_parts(["retrofit", "hp"], tonnes)
    assert -found["retrofit"] == pytest.approx(expected["shapley_retrofit_2023"], rel=1e-6)
    assert -found["hp"] == pytest.approx(expected["shapley_hp_2023"], rel=1e-6)
    assert -sum(found.values()) == pytest.approx(expected["true_saving_t_2023"], rel=1e-6)


def product_state(seed: int, shape: tuple[int, ...]) -> Callable[[frozenset[str]], FloatArray]:
    """Emissions as a product of the three drivers, and something that only comes with two of them."""
    random = np.random.default_rng(seed)
    before, after = random.uniform(0, 1000, (2, 3, *shape))

    def state(now: frozenset[str]) -> FloatArray:
        factors = [after[i] if name in now else before[i] for i, name in enumerate(DRIVERS)]
        extra = 50.0 if {"activity", "external_path"} <= now else 0.0
        return np.asarray(factors[0] * factors[1] * factors[2] + extra)

    return state


@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (1,), (26,), (3, 4)]))
def test_parts_of_three_drivers_sum_to_the_change_in_every_year_and_area(seed: int, shape: tuple[int, ...]) -> None:
    state = product_state(seed, shape)
    found = shapley_parts(DRIVERS, state)
    change = state(frozenset(DRIVERS)) - state(frozenset())
    assert all(part.shape == shape for part in found.values())
    assert sum(found.values()) == pytest.approx(change, rel=1e-9, abs=1e-9 * float(state(frozenset()).max()))
    for names in permutations(DRIVERS):
        assert list(shapley_parts(names, state)) == list(names)
        for name, part in shapley_parts(names, state).items():
            assert part == pytest.approx(found[name], rel=1e-9, abs=1e-3), "order of names"


@given(st.integers(0, 2**32 - 1))
def test_parts_are_the_mean_over_all_orders_of_changing(seed: int) -> None:
    """The plain twin changes one driver after another, in each of the six orders."""
    state = product_state(seed, (5,))
    found = shapley_parts(DRIVERS, state)
    orders = list(permutations(DRIVERS))
    for name in DRIVERS:
        twin = sum(
            state(frozenset(order[: order.index(name) + 1])) - state(frozenset(order[: order.index(name)]))
            for order in orders
        ) / len(orders)
        assert found[name] == pytest.approx(twin, rel=1e-9, abs=1e-3)


def test_each_state_is_asked_once() -> None:
    """A state is a run of the model; breaks if the eight become the twenty-four that the formula names."""
    asked: list[frozenset[str]] = []

    def state(now: frozenset[str]) -> float:
        asked.append(now)
        return float(len(now))

    shapley_parts(DRIVERS, state)
    assert len(asked) == len(set(asked)) == 8


def test_drivers_and_states_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        shapley_parts(["a"] * 7, lambda _: 0.0)
    assert [problem.what for problem in caught.value.problems] == [
        "['a', 'a', 'a', 'a', 'a', 'a', 'a'] name one twice",
        "7 drivers cannot be told apart",
    ]
    with pytest.raises(InputError, match="0 drivers"):
        shapley_parts([], lambda _: 0.0)
    with pytest.raises(InputError) as caught:
        shapley_parts(["a", "b"], lambda now: [1.0, np.nan] if "a" in now else [1.0] if now else [1.0, 2.0])
    assert {problem.where for problem in caught.value.problems} == {
        "state(['a'])[1]",
        "state(['b'])",
        "state(['a', 'b'])[1]",
    }


# --- logarithmic mean -------------------------------------------------------------------------------------------------


def totals(found: dict[str, FloatArray]) -> dict[str, list[float]]:
    return {name: part.tolist() for name, part in found.items()}


def test_what_changes_alone_has_the_whole_change() -> None:
    """One carrier of 1,000 kWh and 1,000 g: 1 t. People, use, factor double one after another: +1, +2, +4 t."""
    found = lmdi_parts([10, 20, 20, 20], [[1000], [2000], [4000], [4000]], [[1000], [1000], [1000], [2000]])
    assert totals(found) == {
        "population": pytest.approx([1, 0, 0]),
        "kwh_per_head": pytest.approx([0, 2, 0], abs=1e-12),
        "carrier_mix": pytest.approx([0, 0, 0], abs=1e-12),
        "emission_factor": pytest.approx([0, 0, 4], abs=1e-12),
    }


def test_two_changes_by_hand() -> None:
    """From 1 t to 8 t as people double and the factor is fourfold: a third and two thirds, by their logarithms."""
    found = lmdi_parts([1, 2], [[1000], [2000]], [[1000], [4000]])
    assert found["population"] == pytest.approx([7 / 3])
    assert found["emission_factor"] == pytest.approx([14 / 3])


def test_changes_that_cancel_each_other_are_both_named() -> None:
    """Twice the people use half as much each: 1 t stays 1 t, plus and minus ln 2. Breaks as 0 / 0, or as no change."""
    found = lmdi_parts([1, 2], [[1000], [1000]], 1000)
    assert found["population"] == pytest.approx([np.log(2)])
    assert found["kwh_per_head"] == pytest.approx([-np.log(2)])


def test_a_cleaner_grid_is_not_local_success() -> None:
    """Only the factor of electricity falls: people, use and mix have no part in it."""
    found = lmdi_parts([100, 100], [[500, 300], [500, 300]], [[240, 445], [240, 110]])
    assert found["emission_factor"] == pytest.approx([300 * (110 - 445) / 1e6])
    for name in ("population", "kwh_per_head", "carrier_mix"):
        assert found[name] == pytest.approx([0], abs=1e-15)


def test_what_comes_and_goes_by_hand() -> None:
    """Coal gives way to gas: the mix. A factor that was zero: the factor. Both at once: half each. An end of use."""
    swap = lmdi_parts([5, 5], [[1000, 0], [0, 1000]], [400, 200])
    assert totals(swap) == {name: [pytest.approx(-0.2)] if name == "carrier_mix" else [0] for name in LMDI_PARTS}
    taxed = lmdi_parts([5, 5], [[1000], [1000]], [[0], [100]])
    assert totals(taxed) == {name: [pytest.approx(0.1)] if name == "emission_factor" else [0] for name in LMDI_PARTS}
    both = lmdi_parts([5, 5], [[1000, 0], [1000, 1000]], [[0, 0], [0, 100]])
    assert both["carrier_mix"] == both["emission_factor"] == pytest.approx([0.05])
    ended = lmdi_parts([5, 6], [[1000, 500], [0, 0]], [400, 200])
    assert totals(ended) == {name: [pytest.approx(-0.5)] if name == "kwh_per_head" else [0] for name in LMDI_PARTS}
    nothing = lmdi_parts([5, 6], [[0, 0], [0, 0]], [400, 200])
    assert totals(nothing) == {name: [0] for name in LMDI_PARTS}


AMOUNTS = st.just(0.0) | st.floats(1e-3, 1e9)


@st.composite
def series(draw: st.DrawFn) -> tuple[list[float], list[list[float]], list[list[float]]]:
    years, carriers = draw(st.integers(2, 5)), draw(st.integers(1, 4))

    def table(amounts: st.SearchStrategy[float]) -> list[list[float]]:
        return [[draw(amounts) for _ in range(carriers)] for _ in range(years)]

    people = [draw(st.floats(1, 1e7)) for _ in range(years)]
    return people, table(AMOUNTS), table(st.just(0.0) | st.floats(1e-3, 1500))


@given(series())
def test_parts_of_a_series_sum_to_its_change(case: tuple[list[float], list[list[float]], list[list[float]]]) -> None:
    """No remainder, whatever comes and goes: from year to year and over all years."""
    people, energy, factor = case
    tonnes = (np.array(energy) * np.array(factor)).sum(axis=1) / 1e6
    found = lmdi_parts(people, energy, factor)
    whole = np.sum(list(found.values()), axis=0)
    slack = 1e-11 * float(tonnes.max())
    assert whole == pytest.approx(np.diff(tonnes), rel=1e-9, abs=slack)
    assert whole.sum() == pytest.approx(tonnes[-1] - tonnes[0], rel=1e-9, abs=slack)


@given(series())
def test_parts_of_a_series_turn_round_with_time(
    case: tuple[list[float], list[list[float]], list[list[float]]],
) -> None:
    """Breaks if the first year is weighed otherwise than the last."""
    people, energy, factor = case
    forth, back = lmdi_parts(people, energy, factor), lmdi_parts(people[::-1], energy[::-1], factor[::-1])
    for name in LMDI_PARTS:
        slack = 1e-11 * float((np.array(energy) * factor).sum())
        assert back[name][::-1] == pytest.approx(-forth[name], rel=1e-9, abs=slack)


def by_many_digits(people: list[float], energy: list[list[float]], factor: list[list[float]]) -> dict[str, list[float]]:
    """Compute the plain twin: the textbook formula, a very small number for each zero, digits enough to bear it."""
    with localcontext(getcontext().copy()) as context:
        context.prec, context.Emax, context.Emin = 60, 10**17, -(10**17)
        tiny = Decimal((0, (1,), -(10**13)))
        found: dict[str, list[float]] = {name: [] for name in LMDI_PARTS}
        rows = []
        for heads, row, factors in zip(people, energy, factor, strict=True):
            whole = Decimal(sum(row))
            drivers = [
                (Decimal(heads), whole / Decimal(heads), (Decimal(kwh) / whole) or tiny, Decimal(ef) or tiny)
                for kwh, ef in zip(row, factors, strict=True)
            ]
            rows.append(drivers)
        for old, new in pairwise(rows):
            parts = [Decimal(0)] * 4
            for one, other in zip(old, new, strict=True):
                before, after = (a * b * c * d / 10**6 for a, b, c, d in (one, other))
                # equal but for the last digit
                same = abs(after - before) < before * Decimal("1e-40")
                mean = before if same else (after - before) / (after.ln() - before.ln())
                parts = [part + mean * (x1.ln() - x0.ln()) for part, x0, x1 in zip(parts, one, other, strict=True)]
            for name, part in zip(LMDI_PARTS, parts, strict=True):
                found[name].append(float(part))
    return found


@given(st.integers(0, 2**32 - 1))
def test_parts_agree_with_the_textbook_formula_at_a_very_small_number(seed: int) -> None:
    """Zeros at random: the limit must be what the formula tends to, in each of the four parts."""
    random = np.random.default_rng(seed)
    people = random.uniform(1e4, 1e6, 3)
    energy, factor = random.uniform(1e3, 1e9, (3, 3)), random.uniform(1, 1500, (3, 3))
    energy *= random.random((3, 3)) > 0.3
    factor *= random.random((3, 3)) > 0.3
    energy[:, 0] += 1e6  # a year without any energy has no mix in the textbook
    found = lmdi_parts(people, energy, factor)
    twin = by_many_digits(people.tolist(), energy.tolist(), factor.tolist())
    slack = 1e-9 * float((energy * factor).sum() / 1e6)
    for name in LMDI_PARTS:
        assert found[name].tolist() == pytest.approx(twin[name], rel=1e-6, abs=slack)


def test_areas_are_taken_apart_each_on_its_own() -> None:
    random = np.random.default_rng(7)
    people, energy, factor = (
        random.uniform(1, 9, (2, 3, 4)),
        random.uniform(1, 9, (2, 3, 4, 5)),
        random.uniform(1, 9, (4, 5)),
    )
    found = lmdi_parts(people, energy, factor)
    for area in np.ndindex(2, 3):
        alone = lmdi_parts(people[area], energy[area], factor)
        for name in LMDI_PARTS:
            assert found[name].shape == (2, 3, 3)
            assert found[name][area] == pytest.approx(alone[name], rel=1e-12)


def test_amounts_very_far_apart_leave_no_gap() -> None:
    """The ratio of 1e-300 to 1e9 overflows."""
    found = lmdi_parts([1, 1], [[1e-300, 1], [1e9, 1]], [[1e6, 0], [1e6, 0]])
    assert np.sum(list(found.values())) == pytest.approx(1e9)


def test_a_series_refuses_everything_wrong_at_once() -> None:
    with pytest.raises(InputError) as caught:
        lmdi_parts([10, 0], np.array([[1, -1], [1, np.nan]]), [[1, 1, 1]])
    assert [problem.where for problem in caught.value.problems] == [
        "population[1]",
        "kwh_a[1, 1]",
        "kwh_a[0, 1]",
        "ef_g_kwh",
    ]
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize(("people", "energy"), [([1, 2, 3], [[1], [2]]), ([1], [[1]]), ([1, 2], [1, 2]), (1, 1)])
def test_people_and_energy_of_other_years_are_refused(people: Any, energy: Any) -> None:
    """Numpy would stretch one to the other and give numbers without sense."""
    with pytest.raises(InputError, match="have shapes"):
        lmdi_parts(people, energy, 1)
