"""What measures save: uptake over the years, heat before and after, joint state and fair shares, values along years."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations, permutations
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.heat import expected_heat, final_heat, use_factor
from geo.measures import (
    Curve,
    attribute,
    capped,
    exact_shares,
    shapley,
    shapley_sampled,
    uptake,
)
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
        "uptake": "1.2 is above 1",
    }
    assert all(problem.remedy.startswith("Give") for problem in caught.value.problems)


@pytest.mark.parametrize("maximum", [-0.1, 1.0001, np.nan])
def test_a_share_outside_0_to_1_is_refused(maximum: float) -> None:
    with pytest.raises(InputError, match="share of the eligible stock from 0 to 1"):
        uptake([2030], start=2025, end=2045, maximum=maximum)


def test_a_programme_that_ends_as_it_starts_is_refused() -> None:
    """Breaks as a division by zero if it is let through."""
    with pytest.raises(InputError, match="2030 is not before 2030"):
        uptake([2030], start=2030, end=2030, maximum=0.5)


def test_a_missing_year_is_refused() -> None:
    with pytest.raises(InputError, match=r"years\[1\]"):
        uptake([2030, np.nan], start=2025, end=2045, maximum=0.5)


# --- other curves -----------------------------------------------------------------------------------------------------

CURVES: tuple[Curve, ...] = get_args(Curve)


def test_the_straight_curve_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("uptake")
    inputs, expected = case["inputs"], case["expected"]
    span = {"start": inputs["start"], "end": inputs["end"], "maximum": inputs["K"]}
    assert uptake(expected["years"], curve="linear", **span) == pytest.approx(expected["linear"], rel=1e-6)


def test_the_bass_curve_by_hand() -> None:
    """Without imitation it is 1 - exp(-p t); with p = q, (1 - e) / (1 + e) with e = exp(-2 p t); both stretched."""
    years = np.array([2020, 2025, 2030, 2040])
    age = years - 2020
    alone = uptake(years, start=2020, end=2040, maximum=1, curve="bass", bass=(0.1, 0))
    assert alone == pytest.approx((1 - np.exp(-0.1 * age)) / (1 - np.exp(-2)))
    equal = uptake(years, start=2020, end=2040, maximum=0.5, curve="bass", bass=(0.1, 0.1))
    assert equal == pytest.approx(0.5 * np.tanh(0.1 * age) / np.tanh(2))


@given(st.floats(0.01, 0.03), st.floats(0.3, 0.4))
def test_the_bass_curve_grows_as_its_law_says(p: float, q: float) -> None:
    """dF/dt = (p + q F) (1 - F), the equation the curve solves: the plain twin walks it in small steps."""
    shares, step = [0.0], 1 / 200
    for _ in range(20 * 200):
        middle = shares[-1] + step / 2 * (p + q * shares[-1]) * (1 - shares[-1])
        shares.append(shares[-1] + step * (p + q * middle) * (1 - middle))
    found = uptake([2035], start=2025, end=2045, maximum=1, curve="bass", bass=(p, q))
    assert found == pytest.approx([shares[10 * 200] / shares[-1]], rel=1e-5)


def test_the_step_by_hand() -> None:
    """A rule comes into force: as soon as the start is over, or in its own year."""
    years = [2024, 2025, 2026, 2029, 2030, 2031]
    at_once = uptake(years, start=2025, end=2030, maximum=0.7, curve="step")
    assert at_once.tolist() == [0, 0, 0.7, 0.7, 0.7, 0.7]
    late = uptake(years, start=2025, end=2030, maximum=0.7, curve="step", midpoint=2029)
    assert late.tolist() == [0, 0, 0, 0.7, 0.7, 0.7]


@given(PROGRAMMES, st.sampled_from(CURVES), st.floats(1e-4, 1), st.floats(0, 2))
def test_every_curve_rises_from_exactly_zero_to_exactly_its_maximum(
    programme: dict[str, Any], curve: Curve, p: float, q: float
) -> None:
    start, end, top = programme["start"], programme["start"] + programme["length"], programme["maximum"]
    years = np.arange(start - 5, end + 6)
    found = uptake(years, start=start, end=end, maximum=top, rate=programme["rate"], curve=curve, bass=(p, q))
    assert (found[years <= start] == 0).all()
    assert (found[years >= end] == top).all()
    assert (np.diff(found) >= -1e-15).all(), "what was taken is not given back"
    assert ((found >= 0) & (found <= top)).all()


@given(PROGRAMMES, st.floats(-20, 20))
def test_the_logistic_curve_is_that_of_the_books(programme: dict[str, Any], off: float) -> None:
    """The plain twin, with midpoints before, in and after the programme; checked where the twin has digits left."""
    start, end, rate = programme["start"], programme["start"] + programme["length"], min(programme["rate"], 0.5)
    middle = (start + end) / 2 + off
    years = np.linspace(start, end, 9)
    plain = 1 / (1 + np.exp(-rate * (years - middle)))
    found = uptake(years, start=start, end=end, maximum=1, rate=rate, midpoint=middle)
    assert found == pytest.approx((plain - plain[0]) / (plain[-1] - plain[0]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("midpoint", [-1e6, 10, 2024, 2046, 1e6])
@pytest.mark.parametrize("rate", [1e-9, 0.4, 10])
def test_a_logistic_curve_far_from_its_midpoint_stays_a_curve(rate: float, midpoint: float) -> None:
    """Written as in the books it divides nothing by nothing, or overflows, where the curve is flat or steep."""
    found = uptake(np.arange(2020, 2051), start=2025, end=2045, maximum=0.8, rate=rate, midpoint=midpoint)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-15).all()
    assert (found[0], found[-1]) == (0, 0.8)


def test_everything_wrong_with_a_curve_is_reported_at_once() -> None:
    curve: Any = "sigmoid"
    with pytest.raises(InputError) as caught:
        uptake([np.nan], start=2045, end=2025, maximum=1.2, rate=0, midpoint=np.inf, curve=curve, bass=(0, -1))
    assert [problem.where for problem in caught.value.problems] == [
        "years[0]",
        "uptake",
        "rate",
        "midpoint",
        "bass p",
        "bass q",
        "start, end",
        "curve",
    ]
    assert "logistic, linear, bass, step" in str(caught.value)
    with pytest.raises(InputError) as caught:
        uptake([2030], start=np.nan, end=np.inf, maximum=0.5)
    assert [problem.where for problem in caught.value.problems] == ["start", "end"]


@pytest.mark.parametrize("year", [2025, 2046])
def test_a_step_outside_its_programme_is_refused(year: int) -> None:
    """It would come in another year than it says."""
    with pytest.raises(InputError, match=f"midpoint: {year} is not after 2025 and up to 2045"):
        uptake([2030], start=2025, end=2045, maximum=0.5, curve="step", midpoint=year)


# --- what crafts can build --------------------------------------------------------------------------------------------


def test_a_held_back_curve_by_hand() -> None:
    """2 points a year at most: it falls behind, catches up while the wanted curve rests, and goes on with it."""
    wanted = [0, 0.01, 0.05, 0.06, 0.06, 0.06, 0.07]
    assert capped(wanted, 0.02).tolist() == pytest.approx([0, 0.01, 0.03, 0.05, 0.06, 0.06, 0.07])
    assert capped([0, 0.5, 1], 0).tolist() == [0, 0, 0], "nobody there to build"
    assert capped([0.3, 0.5], 0.02).tolist() == pytest.approx([0.3, 0.32]), "what is there already stays"


@given(PROGRAMMES, st.sampled_from(CURVES), st.floats(0, 0.2))
def test_a_held_back_curve_never_grows_faster_falls_or_leads(
    programme: dict[str, Any], curve: Curve, cap: float
) -> None:
    start, end = programme["start"], programme["start"] + programme["length"]
    years = np.arange(start, end + 40)
    wanted = uptake(years, start=start, end=end, maximum=programme["maximum"], rate=programme["rate"], curve=curve)
    found = capped(wanted, cap)
    assert (np.diff(found) <= cap + 1e-15).all()
    assert (np.diff(found) >= 0).all()
    assert (found <= wanted).all()
    # and no slower than it must be: every year either follows the wanted curve or uses the whole capacity
    assert ((found[1:] >= wanted[1:] - 1e-15) | (np.diff(found) >= cap - 1e-15)).all()


def test_a_curve_whose_last_bits_fall_is_held_so_that_nothing_falls() -> None:
    """Computed curves wobble by rounding: no error, and still neither above the wanted curve nor falling."""
    wanted = np.array([0, 0.3, 0.3 - 1e-14, 0.3])
    found = capped(wanted, 1)
    assert (np.diff(found) >= 0).all()
    assert (found <= wanted).all()


def test_several_curves_are_held_back_each_by_its_own_crafts() -> None:
    wanted = np.array([[0, 0.5, 1.0], [0, 0.5, 1.0]])
    assert capped(wanted, [0.1, 0.6]).tolist() == [pytest.approx([0, 0.1, 0.2]), pytest.approx([0, 0.5, 1])]
    assert wanted[0, 1] == 0.5, "the wanted curve is not written over"


def test_what_cannot_be_held_back_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        capped([[0.2, np.nan]] * 3, [2, -1])
    assert [problem.where for problem in caught.value.problems] == [
        "curve[0, 1]",
        "max_per_year[1]",
        "max_per_year[0]",
        "shapes",
    ]
    assert "0.02 for 2 % a year" in str(caught.value)
    with pytest.raises(InputError, match=r"curve\[0\]: falls 1 time\(s\)"):
        capped([0.5, 0.2, 0.3], 0.02)
    with pytest.raises(InputError, match="one number, not a series"):
        capped(0.5, 0.02)


# --- one target: before, after, and two measures at once --------------------------------------------------------------


def heating(area_m2: float, q_h: float, q_w: float, *, eta: float, ef_t_mwh: float) -> tuple[float, float]:
    """Final energy in MWh/a and t CO2e/a, as needed: the worked answer knows no use factor."""
    mwh = area_m2 * float(final_heat(q_h, q_w, eta=eta, use_factored=False)) / 1000
    return mwh, mwh * ef_t_mwh


def test_the_chain_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    """A block of flats: retrofit and heat pump, alone and together, with the grid of three years."""
    case = vector("measure_chain")
    inputs, expected = case["inputs"], dict(case["expected"])
    area, water, gas = inputs["floor_m2"], inputs["q_w"], inputs["ef_gas_t_mwh"]
    old, new = inputs["q_h0"], inputs["q_h_usual"]

    found: dict[str, float] = {}
    found["base_fec_mwh"], base = heating(area, old, water, eta=inputs["eta_gas"], ef_t_mwh=gas)
    _, retrofit = heating(area, new, water, eta=inputs["eta_gas"], ef_t_mwh=gas)
    found |= {"base_t": base, "retrofit_only_t": retrofit, "retrofit_saving_t": base - retrofit}
    # the engine has no function for rebound: plain arithmetic on its figures
    found["retrofit_saving_with_rebound15_t"] = (base - retrofit) * (1 - inputs["rebound"])

    for year, grid in inputs["ef_el_t_mwh"].items():

        def tonnes(state: frozenset[str], grid: float = grid) -> float:
            need = new if "retrofit" in state else old
            pump = "hp" in state
            eta, factor = (inputs["spf"], grid) if pump else (inputs["eta_gas"], gas)
            return heating(area, need, water, eta=eta, ef_t_mwh=factor)[1]

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


@given(st.floats(1, 500), st.floats(0.05, 0.95), st.floats(0, 50), st.floats(2, 5), st.floats(0, 0.4))
def test_the_joint_state_never_saves_what_single_savings_add_up_to(
    need: float, cut: float, water: float, spf: float, grid: float
) -> None:
    """A heat pump saves less on a need that a retrofit has cut, so the sum of both claims too much."""

    def tonnes(q: float, *, pump: bool) -> float:
        return heating(100, q, water, eta=spf if pump else 0.9, ef_t_mwh=min(grid, 0.24 * spf) if pump else 0.24)[1]

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


def test_each_state_is_asked_once_and_must_have_a_value() -> None:
    """A state is a run of the model; a state without a value would make every share missing."""
    asked: list[frozenset[str]] = []

    def saving(state: frozenset[str]) -> float:
        asked.append(state)
        return float(len(state))

    shapley(list("abcdef"), saving)
    assert len(asked) == len(set(asked)) == 2**6
    asked.clear()
    shapley_sampled(list("abcdefgh"), saving, seed=1)
    assert len(asked) == len(set(asked)) <= 2**8
    for share in (shapley, lambda names, value: shapley_sampled(names, value, seed=1)):
        with pytest.raises(InputError, match=r"saving\(\['a'\]\): 1 value\(s\) missing"):
            share(["a", "b"], lambda state: np.nan if state == {"a"} else float(len(state)))
        with pytest.raises(InputError, match=r"saving\(\[\]\): 5 is saved by no measure"):
            share(["a", "b"], lambda state: 5.0 + len(state))


# --- fair shares of many ----------------------------------------------------------------------------------------------

MANY = list("abcdefgh")


def overlapping(seed: int, idle: str = "") -> Callable[[frozenset[str]], float]:
    """Measures on the same need: each leaves a part of what the others left."""
    random = np.random.default_rng(seed)
    left = dict(zip(MANY, random.uniform(0.3, 0.95, len(MANY)), strict=True)) | dict.fromkeys(idle, 1.0)
    return lambda state: float(100 * (1 - np.prod([left[name] for name in sorted(state)])))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_sampled_shares_sum_to_the_joint_saving_whatever_the_order_of_names(game: int, seed: int) -> None:
    saving = overlapping(game, idle="c")
    found = shapley_sampled(MANY, saving, seed=seed, orders=10)
    assert sum(found.shares.values()) == pytest.approx(saving(frozenset(MANY)), rel=1e-14)
    assert list(found.shares) == MANY
    assert found.shares["c"] == found.standard_error["c"] == 0, "a measure that does nothing"
    assert found.orders == 10
    turned = shapley_sampled(MANY[::-1], saving, seed=seed, orders=10)
    assert list(turned.shares) == MANY[::-1]
    assert (turned.shares, turned.standard_error) == (found.shares, found.standard_error)


def test_sampled_shares_are_as_near_to_the_exact_ones_as_they_say() -> None:
    """Of 8 shares under 50 seeds, errors in standard errors must have about unit spread and no bias."""
    saving = overlapping(3)
    exact = exact_shares(MANY, {state: saving(state) for state in subsets(MANY)})
    errors = []
    for seed in range(50):
        found = shapley_sampled(MANY, saving, seed=seed)
        errors.append([(found.shares[name] - float(exact[name])) / found.standard_error[name] for name in MANY])
    assert 0.8 < np.std(errors) < 1.2
    assert np.abs(np.mean(errors, axis=0)).max() < 4 / np.sqrt(50)
    assert np.abs(errors).max() < 5


def test_an_order_and_its_reverse_are_exact_where_measures_meet_in_pairs() -> None:
    """Ten measures save 10 each, less 1 for each pair: 10 - 9 / 2. Breaks if reverses are not drawn: then it varies."""
    names = list("abcdefghij")
    found = shapley_sampled(names, lambda state: 10 * len(state) - len(state) * (len(state) - 1) / 2, seed=0, orders=4)
    assert found.shares == pytest.approx(dict.fromkeys(names, 5.5))
    assert found.standard_error == pytest.approx(dict.fromkeys(names, 0.0), abs=1e-12)


def test_measures_that_are_alike_get_about_the_same_from_samples() -> None:
    """Twins in a game of eight: their shares differ by chance only, within the standard errors."""
    names = [*MANY, "twin"]
    saving = overlapping(5)

    def with_twin(state: frozenset[str]) -> float:
        # the twin of a leaves half of what is left, as a does
        halves = 0.5 ** len(state & {"a", "twin"})
        return 100 - (100 - saving(state - {"a", "twin"})) * halves

    found = shapley_sampled(names, with_twin, seed=2)
    apart = abs(found.shares["a"] - found.shares["twin"])
    assert 0 < apart < 4 * (found.standard_error["a"] + found.standard_error["twin"])


def test_attribution_is_exact_up_to_six_and_sampled_beyond() -> None:
    saving = overlapping(11)
    six = attribute(MANY[:6], saving, 1)
    assert six.shares == shapley(MANY[:6], saving)
    assert set(six.standard_error.values()) == {0.0}
    assert six.orders is None
    seven = attribute(MANY[:7], saving, 1)
    assert seven == shapley_sampled(MANY[:7], saving, seed=1)
    assert seven.orders == 200
    assert seven != attribute(MANY[:7], saving, 2), "the seed counts"
    assert attribute([], saving, 1).shares == shapley_sampled([], saving, seed=1).shares == {}


def test_everything_wrong_with_a_sample_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        shapley_sampled(["a", "a"], lambda _: 0.0, seed=-1, orders=7)
    assert [problem.where for problem in caught.value.problems] == ["measures", "orders", "seed"]
    with pytest.raises(InputError, match="2 are not pairs enough"):
        shapley_sampled(["a"], lambda _: 0.0, seed=0, orders=2)
    with pytest.raises(InputError) as caught:
        shapley(["a"] * 7, lambda _: 0.0)
    assert len(caught.value.problems) == 2


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
