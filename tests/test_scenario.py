"""Scenario engine: the joint state of measures is that of a plain loop, and nobody is treated twice or out of thin air.

The twin below loops over units, segments, carriers and years, straight from the docstrings of `geo.scenario`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.errors import InputError
from geo.measures import shapley
from geo.scenario import MAX_CARRIERS, Action, Adoption, HeatStock, Queue, Saved, encode, queue, saved, steps

Floats = NDArray[np.float64]
Bits = NDArray[np.uint16]
Rng = np.random.Generator

# --- the plain twin ---------------------------------------------------------------------------------------------------


def carrier_shares(stock: HeatStock, unit: int, segment: int) -> Floats:
    weight = stock.propensity[stock.age_of_kind[stock.kind[segment]]] * stock.tilt[unit]
    return np.asarray(weight / weight.sum())


def takes_part(bits: Bits, kind: int, carrier: int) -> bool:
    return bool(int(bits[kind]) >> carrier & 1)


def left_of_demand(actions: Sequence[Action], share: Floats, kind: int, carrier: int) -> float:
    """Share of one archetype's heat by one carrier that is left in a unit and year."""
    gone: dict[str, float] = {}
    for m, action in enumerate(actions):
        if action.saved is not None and takes_part(action.carriers, kind, carrier):
            gone[action.group] = gone.get(action.group, 0.0) + share[m] * action.saved[kind]
    return float(np.prod([1 - part for part in gone.values()]))


def twin(stock: HeatStock, actions: Sequence[Action], adoption: Adoption, ef_t_kwh: Floats) -> Saved:
    """Every unit, segment, carrier and year by itself: before less after."""
    years = adoption.curves.shape[1]
    kwh = np.zeros((stock.n_areas, len(stock.final_per_useful), years))
    tonnes = np.zeros((len(stock), years))
    for u in range(len(stock)):
        for s in range(stock.first[u], stock.first[u + 1]):
            for c, part in enumerate(carrier_shares(stock, u, s)):
                for y in range(years):
                    share = adoption.curves[adoption.curve[u], y]
                    useful = stock.useful_kwh[s] * part
                    left = useful * left_of_demand(actions, share, int(stock.kind[s]), c)
                    gained = np.zeros(len(kwh[0]))
                    stays = 1.0
                    for m, action in enumerate(actions):
                        if action.to_carrier is not None and takes_part(action.carriers, int(stock.kind[s]), c):
                            stays -= share[m]
                            gained[action.to_carrier] += left * share[m] * action.per_useful
                    change = -gained
                    change[c] += (useful - left * stays) * stock.final_per_useful[c]
                    kwh[stock.area[u], :, y] += change
                    tonnes[u, y] += change @ ef_t_kwh[:, y]
    return Saved(kwh, tonnes)


def twin_quantities(stock: HeatStock, amount: Floats, carriers: Bits, variant: NDArray[np.int64]) -> Floats:
    out = np.zeros(len(stock))
    for u in range(len(stock)):
        for s in range(stock.first[u], stock.first[u + 1]):
            for c, part in enumerate(carrier_shares(stock, u, s)):
                if variant[u] >= 0 and takes_part(carriers[variant[u]], int(stock.kind[s]), c):
                    out[u] += amount[s] * part
    return out


# --- random stocks and measures ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A stock, what is done to it, and the emission factors."""

    stock: HeatStock
    actions: tuple[Action, ...]
    adoption: Adoption
    ef: Floats

    def saved(self, *, tonnes: bool = True) -> Saved:
        return saved(self.stock, self.actions, self.adoption, ef_t_kwh=self.ef if tonnes else None)

    def twin(self) -> Saved:
        return twin(self.stock, self.actions, self.adoption, self.ef)

    def only(self, measures: Sequence[int]) -> Case:
        """The same with the others never taken."""
        curve = self.adoption.curve.copy()
        curve[:, [m for m in range(len(self.actions)) if m not in measures]] = self.adoption.curves.shape[1]
        return replace(self, adoption=Adoption(curve, self.adoption.curves))

    def before_kwh(self) -> Floats:
        """Final energy without measures by area and carrier."""
        out = np.zeros((self.stock.n_areas, len(self.stock.final_per_useful)))
        for u in range(len(self.stock)):
            for s in range(self.stock.first[u], self.stock.first[u + 1]):
                out[self.stock.area[u]] += self.stock.useful_kwh[s] * carrier_shares(self.stock, u, s)
        return out * self.stock.final_per_useful


def sparse(rng: Rng, *shape: int) -> Floats:
    """Positive numbers with some zeros, but none along the first column."""
    out = np.asarray(rng.uniform(0.05, 3, shape) * (rng.random(shape) > 0.25))
    out[..., 0] = rng.uniform(0.05, 3, shape[:-1])
    return out


def random_stock(rng: Rng, units: int, carriers: int) -> HeatStock:
    ages, kinds, n_areas = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    first = np.concatenate([[0], np.cumsum(rng.integers(0, 5, units))]).astype(np.int64)
    kind = np.concatenate([np.zeros(0, int), *(np.sort(rng.integers(0, kinds, n)) for n in np.diff(first))])
    # areas as blocks of the table, or mixed: sums are handed over where the area changes
    area = rng.integers(0, n_areas, units)
    return HeatStock(
        first=first,
        kind=kind.astype(np.uint8),
        useful_kwh=rng.uniform(0, 1e5, first[-1]) * (rng.random(first[-1]) > 0.1),
        age_of_kind=np.sort(rng.integers(0, ages, kinds)),
        propensity=sparse(rng, ages, carriers),
        tilt=sparse(rng, units, carriers),
        final_per_useful=rng.uniform(0.3, 1.4, carriers),
        area=np.sort(area) if rng.random() < 0.5 else area,
        n_areas=n_areas,
    )


def random_bits(rng: Rng, kinds: int, allowed: int, *, whole: bool) -> Bits:
    """Carriers a measure acts on: all of those allowed, all for some archetypes, or any; some take no part."""
    style = rng.integers(0, 2 if whole else 3)
    if style == 0:
        return np.full(kinds, allowed, np.uint16)
    if style == 1:
        return np.where(rng.random(kinds) < 0.6, allowed, 0).astype(np.uint16)
    return (rng.integers(0, 1 << 16, kinds) & allowed).astype(np.uint16)


def random_curves(rng: Rng, years: int, rows: int, top: float) -> Floats:
    return np.sort(np.maximum(rng.uniform(-0.3, 1, (rows, years)), 0), axis=1) * top


SIZE = 3  # of a group at most
ROWS = 5  # of curves that one measure may reach alone, and as many for those who share


def random_codes(rng: Rng, units: int, size: int, years: int, *, apart: bool, at_once: bool) -> NDArray[np.int64]:
    """Rows of curves of one group: any where measures have targets of their own, else never more than all of a unit."""
    alone = rng.integers(0, years + (1 if at_once else 1 + ROWS), (units, size))
    if apart:
        return np.asarray(alone)
    one = np.arange(size) == rng.integers(0, max(size, 1), units)[:, None]
    codes = np.where(one, alone, years)
    if not at_once:
        shared = rng.integers(years + 1 + ROWS, years + 1 + 2 * ROWS, (units, size))
        shared[rng.random(shared.shape) < 0.3] = years
        codes = np.where(rng.random(units)[:, None] < 0.5, shared, codes)
    codes[rng.random(units) < 0.2] = years
    return np.asarray(codes)


def random_case(rng: Rng, units: int, carriers: int, *, demand_only: bool, at_once: bool) -> Case:
    years, every = int(rng.integers(1, 6)), (1 << carriers) - 1
    stock = random_stock(rng, units, carriers)
    kinds = len(stock.age_of_kind)
    actions: list[Action] = []
    codes = [np.zeros((units, 0), np.int64)]
    names = ["envelope", "control", "metering"] + ([] if demand_only else ["supply"])
    for name in names:
        size = int(rng.integers(0, SIZE + 1))
        apart = carriers >= SIZE and rng.random() < 0.4
        own = rng.integers(0, SIZE, carriers)
        for m in range(size):
            allowed = int(((own == m) << np.arange(carriers)).sum()) if apart else every
            bits = random_bits(rng, kinds, allowed, whole=at_once)
            if name == "supply":
                per_useful = float(rng.uniform(0.2, 1.2))
                actions.append(Action(name, bits, None, int(rng.integers(0, carriers)), per_useful))
            else:
                actions.append(Action(name, bits, rng.random(kinds)))
        codes.append(random_codes(rng, units, size, years, apart=apart, at_once=at_once))
    curves = steps(years)
    if not at_once:
        curves = np.vstack([curves, random_curves(rng, years, ROWS, 1.0), random_curves(rng, years, ROWS, 1 / SIZE)])
    shuffled = rng.permutation(len(actions))
    adoption = Adoption(np.ascontiguousarray(np.hstack(codes)[:, shuffled].astype(np.uint8)), curves)
    return Case(stock, tuple(actions[m] for m in shuffled), adoption, rng.uniform(0, 1e-3, (carriers, years)))


@st.composite
def cases(draw: st.DrawFn, *, demand_only: bool = False, at_once: bool = False, carriers: int = 4) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_carriers = 1 if at_once else draw(st.integers(1, carriers))
    # more than the kernels have parts, so that one part holds several units and areas
    return random_case(rng, draw(st.integers(0, 40)), n_carriers, demand_only=demand_only, at_once=at_once)


def assert_close(found: Floats, expected: Floats, tolerance: float) -> None:
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max(initial=0))
    )


def tonnes_of(result: Saved) -> Floats:
    assert result.t_by_unit is not None
    return result.t_by_unit


# --- the joint state --------------------------------------------------------------------------------------------------


@given(cases())
def test_it_is_the_plain_loop_for_any_mixture_of_measures(case: Case) -> None:
    found, expected = case.saved(), case.twin()
    assert_close(found.kwh, expected.kwh, 1e-9)
    assert_close(tonnes_of(found), tonnes_of(expected), 1e-9)
    plain = case.saved(tonnes=False)
    assert plain.t_by_unit is None
    assert_close(plain.kwh, expected.kwh, 1e-9)


@given(cases(demand_only=True, at_once=True))
def test_the_short_way_for_measures_at_once_is_the_plain_loop(case: Case) -> None:
    """Without tonnes the plainest case has a kernel of its own; with tonnes the general one does the same."""
    expected = case.twin()
    assert_close(case.saved(tonnes=False).kwh, expected.kwh, 1e-9)
    assert_close(case.saved().kwh, expected.kwh, 1e-9)
    assert_close(tonnes_of(case.saved()), tonnes_of(expected), 1e-9)


def test_more_measures_than_there_are_places_for_never() -> None:
    """The short way spreads "never" over eight places: a measure too many must not land in a year."""
    stock = one_building(carriers=1)
    curve = np.full((1, 20), 3, np.uint8)
    curve[0, 17] = 1
    actions = [Action(f"g{m:02}", np.ones(1, np.uint16), np.array([0.5])) for m in range(20)]
    found = saved(stock, actions, Adoption(curve, steps(3)))
    assert found.kwh[0, 0].tolist() == [0, 50, 50]


@given(cases())
def test_doing_nothing_changes_nothing_exactly(case: Case) -> None:
    nothing = case.only([]).saved()
    assert (nothing.kwh == 0).all()
    assert (tonnes_of(nothing) == 0).all()
    none = saved(case.stock, [], Adoption(case.adoption.curve[:, :0], case.adoption.curves), ef_t_kwh=case.ef)
    assert (none.kwh == 0).all()
    never = (case.adoption.curve == case.adoption.curves.shape[1]).all(axis=1)
    assert (tonnes_of(case.saved())[never] == 0).all(), "a unit that no measure reaches"


@given(cases(demand_only=True))
def test_measures_that_save_nothing_or_act_on_nothing_change_nothing_exactly(case: Case) -> None:
    kinds = len(case.stock.age_of_kind)
    idle = tuple(replace(a, saved=np.zeros(kinds)) for a in case.actions)
    assert (replace(case, actions=idle).saved().kwh == 0).all()
    nowhere = tuple(replace(a, carriers=np.zeros(kinds, np.uint16)) for a in case.actions)
    assert (replace(case, actions=nowhere).saved().kwh == 0).all()


@given(cases(), st.randoms(use_true_random=False))
def test_order_of_measures_does_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case.actions)))
    random.shuffle(order)
    curve = np.ascontiguousarray(case.adoption.curve[:, order])
    actions = tuple(case.actions[m] for m in order)
    mixed = replace(case, actions=actions, adoption=Adoption(curve, case.adoption.curves)).saved()
    assert_close(mixed.kwh, case.saved().kwh, 1e-12)
    assert_close(tonnes_of(mixed), tonnes_of(case.saved()), 1e-12)


@given(cases(), st.randoms(use_true_random=False))
def test_order_of_units_does_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case.stock)))
    random.shuffle(order)
    stock, first = case.stock, case.stock.first
    pieces = [np.arange(first[u], first[u + 1]) for u in order]
    rows = np.concatenate([np.zeros(0, np.int64), *pieces])
    moved = replace(
        stock,
        first=np.concatenate([[0], np.cumsum([len(p) for p in pieces], dtype=np.int64)]),
        kind=stock.kind[rows],
        useful_kwh=stock.useful_kwh[rows],
        tilt=stock.tilt[order],
        area=stock.area[order],
    )
    adoption = Adoption(np.ascontiguousarray(case.adoption.curve[order]), case.adoption.curves)
    mixed = replace(case, stock=moved, adoption=adoption).saved()
    assert_close(mixed.kwh, case.saved().kwh, 1e-12)
    assert_close(tonnes_of(mixed), tonnes_of(case.saved())[order], 1e-12)


@given(cases(), st.data())
def test_more_uptake_of_a_pure_saving_never_needs_more_energy(case: Case, data: st.DataObject) -> None:
    """Also beside changes of heating: a new heating serves what is left, so less is left for it too."""
    savers = [m for m, a in enumerate(case.actions) if a.saved is not None]
    if not savers:
        return
    m = data.draw(st.sampled_from(savers))
    part = data.draw(st.floats(0, 1))
    # every row once more, at a part of its height
    curves = np.vstack([case.adoption.curves, case.adoption.curves * part])
    curve = case.adoption.curve.copy()
    curve[:, m] += np.uint8(len(case.adoption.curves))
    less = replace(case, adoption=Adoption(curve, curves)).saved()
    more = case.saved()
    assert (more.kwh - less.kwh >= -1e-9 * max(1.0, np.abs(more.kwh).max(initial=0))).all()
    t_more, t_less = tonnes_of(more), tonnes_of(less)
    assert (t_more - t_less >= -1e-9 * max(1.0, np.abs(t_more).max(initial=0))).all()


@given(cases(demand_only=True))
def test_pure_savings_never_save_more_than_there_is_and_never_fall(case: Case) -> None:
    kwh, before = case.saved().kwh, case.before_kwh()[:, :, None]
    assert (kwh >= -1e-9 * before).all()
    assert (kwh <= before * (1 + 1e-9)).all()
    assert (np.diff(kwh, axis=2) >= -1e-9 * before).all(), "what is saved in one year is saved in the next"


@given(cases(demand_only=True))
def test_all_together_save_at_most_the_sum_of_each_alone(case: Case) -> None:
    """Adding up measures looked at alone counts heat twice that is saved once."""
    alone = [case.only([m]).saved(tonnes=False).kwh for m in range(len(case.actions))]
    together = case.saved(tonnes=False).kwh
    room = 1e-9 * max(1.0, float(np.abs(together).max(initial=0)))
    assert (together <= np.sum(alone, axis=0) + room).all()
    for one, other in combinations(range(len(case.actions)), 2):
        pair = case.only([one, other]).saved(tonnes=False).kwh
        assert (pair >= np.maximum(alone[one], alone[other]) - room).all(), "and at least what the better one does"


@given(cases(demand_only=True))
def test_measures_of_one_group_add_up(case: Case) -> None:
    """They are on different buildings, or on different heat: nothing is left of the other's to save twice."""
    group = [m for m, a in enumerate(case.actions) if a.group == "envelope"]
    alone = [np.zeros_like(case.saved().kwh), *(case.only([m]).saved().kwh for m in group)]
    assert_close(case.only(group).saved().kwh, np.sum(alone, axis=0), 1e-9)


@given(cases())
def test_energy_by_area_times_factors_is_the_sum_of_its_units(case: Case) -> None:
    found = case.saved()
    by_area = np.zeros((case.stock.n_areas, case.adoption.curves.shape[1]))
    np.add.at(by_area, case.stock.area, tonnes_of(found))
    assert_close(by_area, np.einsum("acy,cy->ay", found.kwh, case.ef), 1e-9)


# --- by hand ----------------------------------------------------------------------------------------------------------


def one_building(carriers: int = 2, useful_kwh: float = 100.0) -> HeatStock:
    """One building, all of it on the first carrier, which loses nothing."""
    on_first = np.eye(1, carriers)
    return HeatStock(
        first=np.array([0, 1]),
        kind=np.zeros(1, np.uint8),
        useful_kwh=np.array([useful_kwh]),
        age_of_kind=np.zeros(1, np.int64),
        propensity=np.ones((1, carriers)),
        tilt=on_first,
        final_per_useful=np.ones(carriers),
        area=np.zeros(1, np.int64),
        n_areas=1,
    )


def bits(*carriers: int) -> Bits:
    return np.array([sum(1 << c for c in carriers)], np.uint16)


def taken(*shares: float) -> Adoption:
    """One unit and one year: the share of each measure."""
    curves = np.vstack([steps(1), *([share] for share in shares)])
    return Adoption(np.arange(2, 2 + len(shares), dtype=np.uint8)[None], curves)


def test_the_worked_answer_of_a_retrofit_and_a_heat_pump(vector: Callable[[str], Any]) -> None:
    """44.5 t become 10.7 t; adding up what each would save alone (45.1 t) is more than there is."""
    case = vector("measure_chain")
    given_, expected = case["inputs"], case["expected"]
    years = sorted(given_["ef_el_t_mwh"])
    heat_kwh_m2a = given_["q_h0"] + given_["q_w"]
    stock = replace(
        one_building(useful_kwh=given_["floor_m2"] * heat_kwh_m2a),
        final_per_useful=np.array([1 / given_["eta_gas"], 1]),
    )
    actions = [
        Action("envelope", bits(0, 1), np.array([(given_["q_h0"] - given_["q_h_usual"]) / heat_kwh_m2a])),
        Action("heat_supply", bits(0), to_carrier=1, per_useful=1 / given_["spf"]),
    ]
    ef = np.array([[given_["ef_gas_t_mwh"]] * 3, [given_["ef_el_t_mwh"][y] for y in years]]) / 1000
    base_t = ef[0] * float(stock.useful_kwh[0] / given_["eta_gas"])
    names = ("retrofit", "heat_pump")

    def saved_t(names_taken: frozenset[str]) -> Floats:
        curve = np.array([[0 if name in names_taken else 3 for name in names]], np.uint8)
        return tonnes_of(saved(stock, actions, Adoption(curve, steps(3)), ef_t_kwh=ef)).ravel()

    retrofit, pump, both = (saved_t(frozenset(some)) for some in (names[:1], names[1:], names))
    assert base_t == pytest.approx([expected["base_t"]] * 3, rel=1e-6)
    assert base_t - retrofit == pytest.approx([expected["retrofit_only_t"]] * 3, rel=1e-6)
    for y, year in enumerate(years):
        assert base_t[y] - pump[y] == pytest.approx(expected[f"hp_only_t_{year}"], rel=1e-6)
        assert base_t[y] - both[y] == pytest.approx(expected[f"both_t_{year}"], rel=1e-6)
        assert both[y] == pytest.approx(expected[f"true_saving_t_{year}"], rel=1e-6)
        assert retrofit[y] + pump[y] == pytest.approx(expected[f"additive_wrong_saving_t_{year}"], rel=1e-6)
        assert both[y] < expected[f"additive_wrong_saving_t_{year}"] - 1, "never the sum of single savings"
    assert [base_t[0], base_t[0] - retrofit[0], base_t[0] - pump[0], base_t[0] - both[0], both[0]] == pytest.approx(
        [44.523, 19.947, 23.967, 10.737, 33.785], abs=5e-4
    )
    fair = shapley(names, lambda state: float(saved_t(state)[0]))
    assert fair["retrofit"] == pytest.approx(expected["shapley_retrofit_2023"], rel=1e-6)
    assert fair["heat_pump"] == pytest.approx(expected["shapley_hp_2023"], rel=1e-6)


def test_shares_of_a_group_add_and_groups_multiply_by_hand() -> None:
    """30 % and 50 % of the buildings save half, 40 % of all save a quarter: 100 x 0.6 x 0.9 = 54 are left."""
    actions = [
        Action("envelope", bits(0, 1), np.array([0.5])),
        Action("control", bits(0, 1), np.array([0.25])),
        Action("envelope", bits(0, 1), np.array([0.5])),
    ]
    found = saved(one_building(), actions, taken(0.3, 0.4, 0.5))
    assert found.kwh[0, :, 0].tolist() == pytest.approx([46, 0])


def test_a_carrier_that_is_not_meant_is_left_alone_by_hand() -> None:
    """Half gas, half oil: halving the heat of oil and changing oil to a pump (0.5 kWh per kWh) never touches gas."""
    stock = replace(one_building(3), tilt=np.array([[1.0, 1.0, 0.0]]))
    actions = [
        Action("envelope", bits(1), np.array([0.5])),
        Action("heat_supply", bits(1), to_carrier=2, per_useful=0.5),
    ]
    found = saved(stock, actions, taken(1, 0.4))
    # oil: 50, halved 25, of which 40 % change: 15 are left and 10 x 0.5 = 5 kWh of the third carrier are new
    assert found.kwh[0, :, 0].tolist() == pytest.approx([0, 35, -5])


def test_steps_by_hand() -> None:
    assert steps(3).tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]


@given(cases())
def test_quantities_are_those_of_the_plain_loop(case: Case) -> None:
    stock = case.stock
    rng = np.random.default_rng(len(stock.kind))
    every = stock.every_carrier
    carriers = np.vstack([random_bits(rng, len(stock.age_of_kind), every, whole=False) for _ in range(3)])
    amount, variant = rng.uniform(0, 9, len(stock.kind)), rng.integers(-1, 3, len(stock))
    found = stock.quantities(amount, carriers, variant)
    assert_close(found, twin_quantities(stock, amount, carriers, variant), 1e-12)
    assert (found[variant < 0] == 0).all()


# --- who takes it when ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """What may take a measure, in which order, and how far it has come by year."""

    quantity: Floats
    room: Floats
    score: Floats | None
    reached: Floats

    @property
    def total(self) -> float:
        return float(self.quantity.sum())

    def queue(self) -> Queue:
        return queue(self.quantity, self.room, self.score)


@st.composite
def lines(draw: st.DrawFn, years: int | None = None, *, whole: bool = False) -> Line:
    n = draw(st.integers(1, 12))

    def several(values: st.SearchStrategy[float], size: int = n) -> Floats:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=np.float64)

    quantity = several(st.integers(0, 9).map(float))
    room = np.ones(n) if whole else several(st.sampled_from([0.0, 0.25, 0.6, 1.0]))
    score = several(st.integers(0, 5).map(float)) if draw(st.booleans()) else None
    total, free = quantity.sum(), (quantity * room).sum()
    size = years or draw(st.integers(1, 6))
    # often just the mass of some units, where a step and a curve meet
    at = st.floats(0, 1) | st.integers(0, int(total)).map(lambda i: i / total if total else 0.0)
    reached = np.minimum(np.sort(several(at, size)), free / total if total else 0.0)
    return Line(quantity, room, score, reached)


@given(lines())
def test_treated_is_what_was_asked_for_and_never_more_than_the_stock(line: Line) -> None:
    shares = line.queue().shares(line.reached)
    treated = (line.quantity[:, None] * shares).sum(axis=0)
    assert treated == pytest.approx(line.reached * line.total, rel=1e-12, abs=1e-12)
    assert (shares >= 0).all()
    assert (shares <= line.room[:, None]).all()
    assert (np.diff(shares, axis=1) >= 0).all(), "what was taken is not given back"


@given(lines())
def test_asking_for_more_than_is_free_treats_all_that_is_free(line: Line) -> None:
    done = line.queue().shares(np.array([2.0]))[:, 0]
    assert done.tolist() == np.where(line.quantity * line.room > 0, line.room, 0).tolist()


@given(lines())
def test_ties_go_together_and_nobody_goes_before_the_turn(line: Line) -> None:
    """With ties broken by the row, a sorted file would be treated unlike a mixed one."""
    in_queue = line.queue()
    part = (line.quantity > 0) & (line.room > 0)
    progress = in_queue.shares(line.reached)[part] / line.room[part][:, None]
    score = np.zeros(len(line.quantity)) if line.score is None else line.score
    for one, other in combinations(range(int(part.sum())), 2):
        first, second = sorted((one, other), key=lambda i: score[part][i])
        if score[part][first] == score[part][second]:
            assert progress[first] == pytest.approx(progress[second], abs=1e-12)
        else:
            begun = progress[second] > 1e-12
            assert progress[first][begun] == pytest.approx(1, abs=1e-12)


@given(lines(), st.randoms(use_true_random=False))
def test_order_of_units_in_the_table_does_not_matter(line: Line, random: Any) -> None:
    order = list(range(len(line.quantity)))
    random.shuffle(order)
    score = None if line.score is None else line.score[order]
    mixed = Line(line.quantity[order], line.room[order], score, line.reached)
    expected = line.queue().shares(line.reached)[order]
    assert mixed.queue().shares(line.reached) == pytest.approx(expected, abs=1e-12)
    found = encode([mixed.queue()], [line.reached]).share(0)
    assert found == pytest.approx(encode([line.queue()], [line.reached]).share(0)[order], abs=1e-9)


@given(lines(), st.data())
def test_amounts_are_sums_of_shares_by_group(line: Line, data: st.DataObject) -> None:
    n = len(line.quantity)
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    amount = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=n, max_size=n)))
    found = line.queue().amounts(amount, line.reached, group, 3)
    expected = np.zeros((3, len(line.reached)))
    np.add.at(expected, group, amount[:, None] * line.queue().shares(line.reached))
    assert found == pytest.approx(expected, abs=1e-9)


@given(st.data())
def test_the_table_of_curves_holds_what_the_queues_say(data: st.DataObject) -> None:
    """What a unit takes at once is kept as a step, the rest as curves: neither may shift a year or a share."""
    years, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    drawn = [data.draw(lines(years, whole=data.draw(st.booleans()))) for _ in range(n)]
    size = min(len(line.quantity) for line in drawn)
    queues = [line.queue() for line in drawn]
    queues = [Queue(q.low[:size], q.high[:size], q.room[:size]) for q in queues]
    adoption = encode(queues, [line.reached for line in drawn])
    assert (adoption.curves[: years + 1] == steps(years)).all()
    assert adoption.curve.shape == (size, n)
    for m, (in_queue, line) in enumerate(zip(queues, drawn, strict=True)):
        expected = in_queue.shares(line.reached)
        assert adoption.share(m) == pytest.approx(expected, abs=1e-9)
        assert adoption.final(m) == pytest.approx(expected[:, -1], abs=1e-9)
        assert (adoption.curve[(expected == 0).all(axis=1), m] == years).all(), "never is never, not a curve of zeros"


def test_a_queue_by_hand() -> None:
    """10, 30 and 60 units of stock, the second one first: at 50 % it is done, and 20 of the next 60 are."""
    in_queue = queue(np.array([10.0, 30, 60]), np.ones(3), np.array([9.0, 1, 5]))
    assert in_queue.shares(np.array([0, 0.15, 0.5, 0.9, 1])) == pytest.approx(
        np.array([[0, 0, 0, 0, 1], [0, 0.5, 1, 1, 1], [0, 0, 1 / 3, 1, 1]])
    )
    assert in_queue.amounts(np.array([10.0, 30, 60]), np.array([0.5]), np.array([0, 0, 1]), 2).tolist() == [
        pytest.approx([30]),
        pytest.approx([20]),
    ]
    # a quarter of the last is all that is free of it: 45 of 100 is all there is
    part = queue(np.array([10.0, 30, 60]), np.array([0, 1, 0.25]), np.array([9.0, 1, 5]))
    assert part.shares(np.array([0.3, 0.375, 0.45])) == pytest.approx(
        np.array([[0, 0, 0], [1, 1, 1], [0, 0.125, 0.25]])
    )


def test_without_an_order_all_go_together() -> None:
    assert queue(np.array([1.0, 2, 0]), np.array([1, 0.5, 1])).shares(np.array([0, 1 / 3, 2 / 3])) == pytest.approx(
        np.array([[0, 0.5, 1], [0, 0.25, 0.5], [0, 0, 0]])
    )


def test_nothing_eligible_is_never_treated() -> None:
    """Divides by nothing if it is let through."""
    nobody = queue(np.zeros(2), np.ones(2), np.array([1.0, 2]))
    assert nobody.shares(np.array([0.0, 1])).tolist() == [[0, 0], [0, 0]]
    assert encode([nobody], [np.array([0.0, 1])]).curve.tolist() == [[2], [2]]


def test_a_unit_too_small_to_have_a_place_in_the_queue_is_no_division_by_zero() -> None:
    """Its mass is lost in the rounding of the positions; with warnings as errors, an overflow would fail here."""
    in_queue = queue(np.array([1.0, 1e-20, 1]), np.ones(3), np.array([1.0, 2, 3]))
    assert in_queue.shares(np.array([0, 0.4, 0.6, 1]))[1].tolist() == [0, 0, 1, 1]
    assert encode([in_queue], [np.array([0, 0.4, 0.6, 1])]).share(0)[1].tolist() == [0, 0, 1, 1]


def test_what_is_taken_at_once_needs_no_curve_by_hand() -> None:
    """Four equal buildings in order; a quarter in the second year, half in the third, all in the fourth."""
    in_queue = queue(np.ones(4), np.ones(4), np.arange(4.0))
    adoption = encode([in_queue], [np.array([0, 0.25, 0.5, 1])])
    assert adoption.curve[:, 0].tolist() == [1, 2, 3, 3]
    assert len(adoption.curves) == 5, "the steps alone"
    # a third by the second year: the second building is a third done, so it has a curve of its own
    late = encode([in_queue], [np.array([0, 1 / 3, 0.5, 1])])
    assert late.curve[:, 0].tolist() == [1, 5, 3, 3]
    assert late.curves[5] == pytest.approx([0, 1 / 3, 1, 1])


@pytest.mark.parametrize("n", [5, 9, 36, 10])
def test_rounding_alone_makes_no_curves(n: int) -> None:
    """Equal buildings, one a year: 1/9 + 1/9 + 1/9 is not quite 1/3, and each would have a curve of its own."""
    in_queue = queue(np.ones(n), np.ones(n), np.arange(n * 1.0))
    adoption = encode([in_queue], [np.arange(1, n + 1) / n])
    assert adoption.curve[:, 0].tolist() == list(range(n))
    assert len(adoption.curves) == n + 1


@pytest.mark.parametrize("n", [253, 254, 65_533, 65_534])
def test_many_curves_still_have_a_number_each(n: int) -> None:
    """Two years have three steps, so 254 more need a second byte; a number that runs over is another unit's curve."""
    shares = np.linspace(0.1, 0.9, n)
    adoption = encode([Queue(np.zeros(n), np.ones(n), shares)], [np.array([0.5, 1])])
    assert len(adoption.curves) == n + 3
    np.testing.assert_allclose(adoption.share(0), shares[:, None] * [0.5, 1], rtol=1e-12)
    np.testing.assert_allclose(adoption.final(0), shares, rtol=1e-12)


def test_units_with_the_same_turn_share_a_curve() -> None:
    """A curve for each of a million units would be a gigabyte."""
    adoption = encode([queue(np.ones(1000), np.full(1000, 0.5))], [np.array([0.1, 0.2, 0.3])])
    assert len(adoption.curves) == 5
    assert np.unique(adoption.curve).tolist() == [4]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_everything_wrong_with_measures_is_reported_at_once() -> None:
    every = bits(0, 1)
    actions = [
        Action("a", every),
        Action("a", every, np.array([0.5]), 1, 0.3),
        Action("a", every, to_carrier=2, per_useful=0.3),
        Action("a", every, to_carrier=-1, per_useful=0.3),
        Action("a", every, to_carrier=1, per_useful=0),
        Action("a", every, np.array([1.5])),
        Action("a", every, np.array([1.0])),
    ]
    adoption = Adoption(np.zeros((2, 7), np.uint8), np.ones((4, 3)))
    with pytest.raises(InputError) as caught:
        saved(one_building(), actions, adoption)
    assert [(p.where, p.what) for p in caught.value.problems] == [
        ("adoption", "has shape (2, 7)"),
        ("curves", "do not start with the steps"),
        ("action 0", "must either save heat or change the carrier"),
        ("action 1", "must either save heat or change the carrier"),
        ("action 2", "has no new carrier"),
        ("action 3", "has no new carrier"),
        ("action 4", "has no new carrier"),
        ("action 5", "saves what is no share of each archetype"),
        ("actions", "both save heat and change the heating in the group a"),
    ]


def test_a_table_of_curves_that_is_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="curves: do not start with the steps"):
        saved(one_building(), [], Adoption(np.zeros((1, 0), np.uint8), np.ones((2, 2))))


def test_more_carriers_than_bits_are_refused() -> None:
    """The seventeenth would be the first again."""
    none = Adoption(np.zeros((1, 0), np.uint8), steps(1))
    with pytest.raises(InputError, match="carriers: 17 are too many"):
        saved(one_building(MAX_CARRIERS + 1), [], none)
    last = replace(one_building(MAX_CARRIERS), tilt=np.eye(MAX_CARRIERS)[-1:])
    halved = Action("a", bits(*range(MAX_CARRIERS)), np.array([0.5]))
    assert saved(last, [halved], taken(1.0)).kwh[0, :, 0].tolist() == [0] * 15 + [50]


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf])
def test_a_saving_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="action 0: saves what is no share"):
        saved(one_building(), [Action("a", bits(0), np.array([share]))], taken(1.0))


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_a_missing_emission_factor_is_refused(factor: float) -> None:
    """Missing is never zero: tonnes without it would be too few."""
    ef = np.array([[1.0], [factor]])
    with pytest.raises(InputError, match=r"ef_t_kwh"):
        saved(one_building(), [Action("a", bits(0), np.array([0.5]))], taken(1.0), ef_t_kwh=ef)


def test_emission_factors_of_other_years_are_refused() -> None:
    with pytest.raises(InputError, match=r"ef_t_kwh: has shape \(2, 2\)"):
        saved(one_building(), [Action("a", bits(0), np.array([0.5]))], taken(1.0), ef_t_kwh=np.ones((2, 2)))


def test_shares_of_the_wrong_number_of_measures_are_refused() -> None:
    with pytest.raises(InputError, match="queues: are 2 for 1 curves"):
        encode([queue(np.ones(1), np.ones(1))] * 2, [np.array([0.0, 1])])


# --- impossible input ---------------------------------------------------------------------------------------------

HALF = Action("a", bits(0), np.array([0.5]))


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1,)], ids=str)
def test_emission_factors_of_other_carriers_are_refused(shape: tuple[int, ...]) -> None:
    """With too few the kernel reads past their end: wrong tonnes, no error."""
    with pytest.raises(InputError, match="ef_t_kwh"):
        saved(one_building(), [HALF], taken(1.0), ef_t_kwh=np.ones(shape))


@pytest.mark.parametrize("size", [1, 3])
def test_measures_of_other_archetypes_are_refused(size: int) -> None:
    stock = replace(one_building(), age_of_kind=np.zeros(2, np.int64))
    whole = Action("a", np.full(2, 3, np.uint16), np.full(2, 0.5))
    for wrong in (replace(whole, carriers=np.full(size, 3, np.uint16)), replace(whole, saved=np.full(size, 0.5))):
        with pytest.raises(InputError, match="action 0"):
            saved(stock, [wrong], taken(1.0))


@pytest.mark.parametrize("share", [np.nan, -0.1])
def test_a_saving_that_is_no_share_is_reported_with_all_else(share: float) -> None:
    actions = [replace(HALF, saved=np.array([share])), Action("a", bits(0))]
    with pytest.raises(InputError) as caught:
        saved(one_building(), actions, Adoption(taken(1.0, 1.0).curve, np.ones((4, 1))))
    assert [p.where for p in caught.value.problems] == ["curves", "action 0", "action 1"]


def test_a_curve_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(InputError, match="curve"):
        saved(one_building(), [HALF], Adoption(np.array([[2]], np.uint8), steps(1)))


def test_changes_of_heating_in_two_groups_are_refused() -> None:
    """They would add up: 0.8 and 0.8 would leave -60 of 100 kWh of gas."""
    actions = [Action(name, bits(0), to_carrier=1, per_useful=0.3) for name in ("pump", "network")]
    with pytest.raises(InputError, match="a building has one heating"):
        saved(one_building(), actions, taken(0.8, 0.8))


def test_a_saving_and_a_change_of_one_group_are_refused() -> None:
    actions = [
        Action("either", bits(0, 1), np.array([0.4])),
        Action("either", bits(0), to_carrier=1, per_useful=0.5),
    ]
    with pytest.raises(InputError, match="groups of their own"):
        saved(one_building(), actions, taken(0.5, 0.5))


@pytest.mark.parametrize(
    "reached",
    [[0.5, 0.2, 0.9], [0.1, np.nan, 0.3], [-0.1, 0.5, 1.0], [[0.0, 0.5, 1.0]]],
    ids=["falls", "nan", "low", "2d"],
)
def test_an_uptake_that_is_none_is_refused(reached: list[float]) -> None:
    with pytest.raises(InputError, match="reached"):
        encode([queue(np.ones(2), np.ones(2))], [np.array(reached)])


@pytest.mark.parametrize(
    ("units", "years"), [((2, 2), (3, 2)), ((2, 3), (2, 2)), ((), ())], ids=["years", "units", "nothing"]
)
def test_queues_that_do_not_fit_together_are_refused(units: tuple[int, ...], years: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        encode([queue(np.ones(n), np.ones(n)) for n in units], [np.linspace(0, 1, n) for n in years])


@pytest.mark.parametrize(
    ("quantity", "room"), [([1, np.nan], [1, 1]), ([1, -1], [1, 1]), ([1, 1], [1, 2]), ([1, 1], [1, -1]), ([1, 1], [1])]
)
def test_a_queue_of_impossible_stock_is_refused(quantity: list[float], room: list[float]) -> None:
    """Missing is never zero, and treated never exceeds the stock."""
    with pytest.raises(InputError):
        queue(np.array(quantity, dtype=np.float64), np.array(room, dtype=np.float64))
