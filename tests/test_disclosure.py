"""Groups of cells: every one meets the limits, and no sums of what is published tell fewer than that apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.arrays import FloatArray, IntArray
from geo.disclosure import Groups, groups
from geo.errors import InputError

LIMITS = np.array([5.0, 5.0, 10.0])
Case = tuple[FloatArray, IntArray, IntArray, IntArray]


def case_of(seed: int, *, rows: int = 40, side: int = 7, areas: int = 3, small: float = 3.0) -> Case:
    """Cells on a small grid, one row each or one for each of two districts; some counts are unknown, some zero."""
    rng = np.random.default_rng(seed)
    at = rng.choice(side * side, size=min(rows, side * side), replace=False)
    x, y = at % side, at // side
    buildings = rng.poisson(small, len(at)).astype(float)
    counts = np.column_stack([buildings, np.ceil(buildings * 1.4), buildings * 2.3])
    counts[rng.random(len(at)) < 0.1, 2] = np.nan
    counts[rng.random(len(at)) < 0.1] = 0.0
    return counts, (x * areas // side).astype(np.int64), x.astype(np.int64), y.astype(np.int64)


def sums(found: IntArray, counts: FloatArray) -> FloatArray:
    out = np.zeros((int(found.max()) + 1, 3))
    np.add.at(out, found, np.nan_to_num(counts))
    return out


def holding(found: IntArray, counts: FloatArray) -> FloatArray:
    """Sums of the groups that hold anything."""
    held = np.zeros(int(found.max()) + 1, dtype=bool)
    np.logical_or.at(held, found, ~(counts == 0).all(axis=1))
    return np.asarray(sums(found, counts)[held])


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_small_cell_joins_the_neighbour_that_makes_the_smallest_group_and_others_stay_alone() -> None:
    # 0 is small; 1 and 2 touch it, 2 is smaller; 3 is far away and large
    counts = [[3, 4, 8], [30, 40, 80], [9, 10, 20], [6, 6, 12]]
    found = groups(counts, [0, 0, 0, 0], x=[1, 2, 0, 9], y=[0, 0, 0, 0])
    assert found.group.tolist() == [0, 1, 0, 2]
    assert found.met.all()


def test_all_three_limits_are_asked_for() -> None:
    # enough buildings and homes, but a holiday park of 9 people
    found = groups([[20, 30, 9], [5, 5, 10]], [0, 0], x=[0, 1], y=[0, 0])
    assert found.group.tolist() == [0, 0]


def test_unknown_people_protect_nobody_but_an_empty_cell_has_no_secret() -> None:
    counts = np.array([[9, 9, np.nan], [9, 9, 30], [0, 0, 0], [0, 0, np.nan]])
    found = groups(counts, [0, 0, 0, 0], x=[0, 1, 2, 3], y=[0, 0, 0, 0])
    assert found.group.tolist() == [0, 0, 1, 0]
    told = groups(counts, [0, 0, 0, 0], x=[0, 1, 2, 3], y=[0, 0, 0, 0], nothing=[False, False, False, True])
    assert told.group.tolist()[3] != told.group.tolist()[0]


def test_where_no_neighbour_is_left_the_nearest_of_the_district_is_taken_not_one_across_its_border() -> None:
    counts = [[3, 4, 8], [30, 40, 80], [30, 40, 80], [30, 40, 80]]
    found = groups(counts, [0, 1, 0, 0], x=[0, 1, 4, 5], y=[0, 0, 0, 0])
    assert found.group.tolist() == [0, 1, 0, 2]


def test_a_cell_in_two_districts_is_joined_until_both_of_its_parts_may_be_told_from_the_rest() -> None:
    """One building of district 1 in a cell of district 0: the district's sum less its own cells would be that building.

    So that the difference tells five, the cell takes a neighbour of district 1 along.
    """
    counts = [[20, 20, 40], [1, 1, 2], [20, 20, 40], [20, 20, 40]]
    found = groups(counts, [0, 1, 1, 1], x=[0, 0, 1, 2], y=[0, 0, 0, 0])
    assert found.group.tolist() == [0, 0, 0, 1]
    assert found.area.tolist() == [0, 1, 1, 1]


def test_a_district_below_the_limits_is_shown_with_the_nearest_only() -> None:
    counts = [[20, 20, 40], [3, 3, 9], [30, 30, 60]]
    found = groups(counts, [7, 8, 9], x=[0, 3, 5], y=[0, 0, 0])
    assert found.area.tolist() == [7, 8, 8]
    assert found.group.tolist() == [0, 1, 1]
    assert found.met.all()


def test_of_several_levels_the_finest_is_given_up() -> None:
    # quarter 11 holds 3 buildings of borough 1; its nearest neighbour is in borough 2, but the partner is not
    counts = [[20, 20, 40], [3, 3, 9], [30, 30, 60]]
    found = groups(counts, [[1, 10], [1, 11], [2, 20]], x=[0, 3, 4], y=[0, 0, 0])
    assert found.area.tolist() == [[1, 10], [1, 10], [2, 20]]
    assert found.group.tolist() == [0, 0, 1]


def test_a_place_below_the_limits_as_a_whole_is_one_group_that_says_so() -> None:
    found = groups([[1, 1, 2], [2, 2, 4], [0, 0, 0]], [0, 1, 1], x=[0, 1, 2], y=[0, 0, 0])
    assert found.group.tolist() == [0, 0, 1]
    assert found.met.tolist() == [False, True]
    assert found.area.tolist() == [0, 0, 0]


def test_three_thirds_are_a_building() -> None:
    found = groups([[5 / 3, 2, 4]] * 3 + [[50, 50, 90]], [0] * 4, x=[0, 1, 2, 3], y=[0] * 4)
    assert found.group.tolist() == [0, 0, 0, 1]


def test_no_rows_are_no_groups() -> None:
    found = groups(np.zeros((0, 3)), [], [], [])
    assert found.group.size == found.met.size == found.area.size == 0


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        groups([[1, -2, 3]], [0.5], x=[0, 1], y=[np.nan], minimum=(5, 5, -1))
    assert [p.where for p in caught.value.problems] == ["counts[0, 1]", "minimum[2]", "area", "x", "y"]
    with pytest.raises(InputError, match="counts"):
        groups([1, 2, 3], [0, 0, 0], x=[0, 1, 2], y=[0, 0, 0])


# --- properties -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.5, 9))
def test_every_group_meets_the_limits_and_stays_in_its_district(seed: int, areas: int, small: float) -> None:
    counts, area, x, y = case_of(seed, areas=areas, small=small)
    found = groups(counts, area, x, y)
    told = found.met[np.unique(found.group)]
    if told.all():
        assert (holding(found.group, counts) >= LIMITS - 1e-6).all()
    # the place as a whole decides whether that can be
    assert told.all() == bool(((np.nansum(counts, axis=0) >= LIMITS) | (counts == 0).all()).all())
    for one in np.unique(found.group):
        assert len(np.unique(found.area[found.group == one])) == 1


@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    counts, area, x, y = case_of(seed)
    order = np.random.default_rng(seed + 1).permutation(len(counts))
    here, there = groups(counts, area, x, y), groups(counts[order], area[order], x[order], y[order])
    assert (here.group[order] == there.group).all()
    assert (here.area[order] == there.area).all()
    assert (here.met == there.met).all()


@given(st.integers(0, 10_000))
def test_what_may_be_shown_alone_and_is_needed_by_nobody_stays_alone(seed: int) -> None:
    counts, area, x, y = case_of(seed, small=9.0)
    found = groups(counts, area, x, y)
    enough = (np.nan_to_num(counts) >= LIMITS).all(axis=1) | (counts == 0).all(axis=1)
    # nothing is joined without a reason: each group of several holds one that is short
    for one in np.unique(found.group):
        members = found.group == one
        assert members.sum() == 1 or not enough[members].all()
        # and not more than one of those that could stay alone for each that is short
        assert enough[members].sum() <= 1 + (~enough[members]).sum()


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in partitions(rest):
        yield [[first], *smaller]
        for i, block in enumerate(smaller):
            yield [*smaller[:i], [first, *block], *smaller[i + 1 :]]


def most_groups(counts: FloatArray, x: IntArray, y: IntArray) -> int:
    """Most groups that can be shown, of all partitions of one district into cells that hang together."""

    def connected(block: list[int]) -> bool:
        seen, todo = {block[0]}, [block[0]]
        while todo:
            i = todo.pop()
            near = [j for j in block if j not in seen and max(abs(x[i] - x[j]), abs(y[i] - y[j])) <= 1]
            seen |= set(near)
            todo += near
        return len(seen) == len(block)

    return max(
        len(blocks)
        for blocks in partitions(list(range(len(counts))))
        if all((counts[b].sum(axis=0) >= LIMITS).all() and connected(b) for b in blocks)
    )


def test_few_cells_are_joined_that_need_not_be() -> None:
    """Against all partitions of small districts: hardly ever a group less than could be shown."""
    lost, best = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        at = rng.choice(9, size=7, replace=False)
        x, y = at % 3, at // 3
        buildings = rng.integers(1, 9, 7).astype(float)
        counts = np.column_stack([buildings, buildings + 1, buildings * 2.5])
        found = groups(counts, np.zeros(7), x, y)
        optimum = most_groups(counts, x, y)
        made = int(found.group.max()) + 1
        assert made >= optimum - 1, seed
        lost, best = lost + optimum - made, best + optimum
    assert lost <= 0.1 * best


# --- attack -----------------------------------------------------------------------------------------------------------


def told(published: FloatArray, counts: FloatArray) -> list[tuple[int, ...]]:
    """Sets of rows below a limit whose sum is a combination of published sums: all that a clever reader gets."""
    n = len(counts)
    chosen = np.array(list(itertools.product((0.0, 1.0), repeat=n)))[1:]
    secret = (
        (chosen @ np.nan_to_num(counts) < LIMITS - 1e-6) & (chosen @ ~(counts == 0).all(axis=1) > 0)[:, None]
    ).any(axis=1)
    # a set is determined if its indicator lies in the row space of what is published
    _, values, rows = np.linalg.svd(published)
    space = rows[: int((values > 1e-9 * values.max()).sum())]
    away = chosen - (chosen @ space.T) @ space
    return [tuple(np.flatnonzero(one).tolist()) for one in chosen[secret & (np.abs(away).max(axis=1) < 1e-9)]]


def indicators(*keys: IntArray) -> FloatArray:
    """One row for each published sum: which units it sums."""
    return np.vstack([np.ones(len(keys[0])), *[(key[None] == np.unique(key)[:, None]).astype(float) for key in keys]])


def attacked(seed: int) -> tuple[FloatArray, IntArray, IntArray, IntArray, IntArray]:
    """Ten groups of buildings in cells and in districts of two levels that do not nest and cut through cells."""
    rng = np.random.default_rng(seed)
    n = 10
    x, y = rng.integers(0, 3, n), rng.integers(0, 2, n)
    buildings = rng.integers(1, 12, n).astype(float)
    counts = np.column_stack([buildings, buildings * 1.5, buildings * 2.2])
    borough = (x + (rng.random(n) < 0.2) > 1).astype(np.int64)
    quarter = 2 * borough + y + (rng.random(n) < 0.1)
    return counts, x.astype(np.int64), y.astype(np.int64), borough, quarter.astype(np.int64)


def protected(counts: FloatArray, x: IntArray, y: IntArray, *levels: IntArray) -> Groups:
    return groups(counts, np.column_stack(levels), x, y)


@pytest.mark.parametrize("seed", range(40))
def test_no_sums_of_cells_quarters_boroughs_and_the_city_tell_fewer_than_the_limits(seed: int) -> None:
    counts, x, y, borough, quarter = attacked(seed)
    found = protected(counts, x, y, borough, quarter)
    # every attribute of every layer is a sum over these: emissions, investment, savings, people in low-income areas
    shown = indicators(found.group, found.area[:, 0], found.area[:, 1])
    assert told(shown, counts) == []


def test_the_attack_finds_what_is_not_protected() -> None:
    """Cells that meet the limits by themselves are not enough beside districts that cut through them."""
    unsafe = {"cells as they are": 0, "districts cut cells": 0, "levels do not nest": 0}
    for seed in range(40):
        counts, x, y, borough, quarter = attacked(seed)
        cell = 3 * y + x
        unsafe["cells as they are"] += bool(told(indicators(cell), counts))
        # as if a cell belonged to the district that most of it is in
        by_cell = groups(counts, np.zeros(len(cell)), x, y).group
        unsafe["districts cut cells"] += bool(told(indicators(by_cell, borough), counts))
        unsafe["levels do not nest"] += bool(told(indicators(borough, quarter), counts))
    assert all(unsafe.values()), unsafe
