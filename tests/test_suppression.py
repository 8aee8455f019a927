"""Suppression: what is hidden cannot be computed, by an attacker who knows the totals and solves for every cell."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.optimize import linprog

from geo import suppression
from geo.errors import InputError
from geo.suppression import against_parents, dominated, primary, secondary

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def ranges(table: Ints, hidden: Mask, least: Ints) -> NDArray[np.float64]:
    """Lowest and highest that each hidden cell can be, given all others and the totals: the audit."""
    cells = np.argwhere(hidden)
    rows, columns = table.shape
    matrix = np.zeros((rows + columns, len(cells)))
    matrix[cells[:, 0], np.arange(len(cells))] = 1
    matrix[rows + cells[:, 1], np.arange(len(cells))] = 1
    unexplained = np.where(hidden, table, 0)
    totals = np.concatenate([unexplained.sum(axis=1), unexplained.sum(axis=0)])
    out = np.empty((len(cells), 2))
    for one in range(len(cells)):
        for column, sign in enumerate((1, -1)):
            aim = np.zeros(len(cells))
            aim[one] = sign
            solved = linprog(aim, A_eq=matrix, b_eq=totals, bounds=[(v, None) for v in least[hidden]])
            assert solved.x is not None
            out[one, column] = solved.x[one]
    return out


def assert_safe(table: Ints, hidden: Mask) -> None:
    """No hidden cell has a unique value, also for whoever knows that hidden cells are not zero."""
    found = ranges(table, hidden, np.minimum(table, 1))
    assert (found[:, 1] - found[:, 0] > 1e-6).all()


def test_primary_gives_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("suppression")
    counts = case["inputs"]["counts"]
    for minimum in (3, 10):
        shown = [None if gone else n for n, gone in zip(counts, primary(counts, minimum=minimum), strict=True)]
        assert shown == case["expected"][f"min{minimum}"]


def test_what_is_unknown_is_not_shown() -> None:
    assert primary([float("nan"), 0, 0.4, 10]).tolist() == [True, False, True, False]
    with pytest.raises(InputError, match="below 0"):
        primary([-1])


def test_dominance() -> None:
    assert dominated([86, 85, 0, np.nan], [100, 100, 0, 5]).tolist() == [True, False, False, True]
    with pytest.raises(InputError, match=r"largest\[0\]: 1 above the total"):
        dominated([6], [5])


def test_one_hidden_cell_takes_the_cheapest_rectangle() -> None:
    """By hand: 4 needs another in its row and column and the corner; 20, 30 and 40 are the smallest."""
    table = np.array([[4, 20, 100], [30, 40, 100], [500, 50, 600]])
    found = secondary(table, primary(table))
    assert found.tolist() == [[True, True, False], [True, True, False], [False, False, False]]


def test_two_ones_in_a_row_are_not_enough() -> None:
    """Zeros are shown, so two hidden cells with a total of 2 are one each: somebody larger must go too."""
    table = np.array([[1, 1, 30], [1, 1, 40], [50, 60, 70]])
    assert_safe(table, secondary(table, primary(table)))


def test_what_is_safe_stays_as_it_is() -> None:
    table = np.array([[4, 5, 100], [6, 7, 100]])
    assert (secondary(table, primary(table)) == primary(table)).all()
    full = np.full((2, 2), 50)
    assert not secondary(full, primary(full)).any()


def test_a_table_whose_totals_tell_is_refused_by_cell() -> None:
    with pytest.raises(InputError) as caught:
        secondary([[3, 50, 4]], [[True, False, True]])
    assert [problem.where for problem in caught.value.problems] == ["counts[0, 0]", "counts[0, 2]"]
    with pytest.raises(InputError, match="the totals tell it"):
        secondary([[1, 1], [1, 1]], np.ones((2, 2)))
    with pytest.raises(InputError, match="has shape"):
        secondary([1, 2], [True, False])
    with pytest.raises(InputError, match="missing"):
        secondary([[np.nan, 2]], [[True, False]])


def test_a_zero_is_hidden_only_where_nothing_else_helps() -> None:
    table = np.array([[5, 0, 0], [30, 40, 20], [10, 10, 10]])
    found = secondary(table, primary(table))
    assert found[0].sum() == 2, "the row holds nothing else"
    assert_safe(table, found)


tables = hnp.arrays(
    np.int64,
    st.tuples(st.integers(2, 4), st.integers(2, 4)),
    elements=st.integers(0, 25) | st.integers(0, 400),
)


@given(tables, st.sampled_from([3, 10]), st.booleans())
def test_no_hidden_cell_can_be_computed(table: Ints, minimum: int, exact: bool) -> None:  # noqa: FBT001
    marked = primary(table, minimum=minimum)
    with pytest.MonkeyPatch.context() as patch:
        if not exact:
            patch.setattr(suppression, "EXACT", 0)
        # what nothing protects is what has one value even if the whole table is hidden
        lowest, highest = ranges(table, np.ones(table.shape, bool), np.minimum(table, 1)).T.reshape(2, *table.shape)
        hopeless = np.argwhere(marked & (highest - lowest < 1e-6)).tolist()
        if hopeless:
            with pytest.raises(InputError) as caught:
                secondary(table, marked)
            assert [problem.where for problem in caught.value.problems] == [f"counts{cell}" for cell in hopeless]
            return
        found = secondary(table, marked)
    assert (found >= marked).all()
    assert_safe(table, found)


def fewest(table: Ints, marked: Mask) -> int:
    """Size of the smallest safe set, by trying all."""
    others = np.argwhere(~marked)
    for size in range(len(others) + 1):
        for chosen in combinations(others.tolist(), size):
            hidden = marked.copy()
            for cell in chosen:
                hidden[tuple(cell)] = True
            found = ranges(table, hidden, np.minimum(table, 1))
            if (found[:, 1] - found[:, 0] > 1e-6).all():
                return int(hidden.sum())
    return -1


@pytest.mark.parametrize("seed", range(6))
def test_small_tables_lose_the_fewest_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(11, 90, (3, 4))
    marked = np.zeros((3, 4), bool)
    for i, j in ((0, 0), (1, 1 + seed % 3)):
        table[i, j] = 5
        marked[i, j] = True
    assert secondary(table, marked).sum() == fewest(table, marked)


def test_the_exact_search_is_never_dearer_than_the_quick_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    saved = 0
    for _ in range(8):
        table = rng.poisson(rng.gamma(1, 50, (7, 4)))
        marked = primary(table)
        monkeypatch.setattr(suppression, "EXACT", 2000)
        exact = secondary(table, marked).sum()
        monkeypatch.setattr(suppression, "EXACT", 0)
        quick = secondary(table, marked).sum()
        assert exact <= quick
        saved += int(quick - exact)
    assert saved > 0, "else it would not be worth its time"


def test_parents_by_hand() -> None:
    """One hidden child takes the smallest other; two are enough; no parent, a hidden parent: nothing to do."""
    counts = [4, 30, 20, 0, 5, 6, 70, 4, 90, 3, 80]
    parent = [0, 0, 0, 0, 1, 1, 1, -1, -1, 2, 2]
    silent = [False] * 9 + [True] * 2
    found = against_parents(counts, primary(counts), parent, parent_hidden=silent)
    assert np.flatnonzero(found).tolist() == [0, 2, 4, 5, 7, 9]


def test_children_of_one_person_each_need_a_larger_one() -> None:
    assert against_parents([1, 1, 12, 15], [True, True, False, False], [0, 0, 0, 0]).tolist() == [
        True,
        True,
        True,
        False,
    ]
    assert against_parents([1, 0, 12], [True, False, False], [0, 0, 0]).tolist() == [True, False, True]
    assert against_parents([5, 0], [True, False], [0, 0]).tolist() == [True, True]


def test_parents_that_tell_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        against_parents([4, 1, 0, 50], [True, True, False, False], [0, 1, 1, 2])
    assert [problem.where for problem in caught.value.problems] == ["parent 0", "parent 1"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=14))
def test_no_hidden_child_can_be_computed(children: list[tuple[int, int]]) -> None:
    counts, parent = np.array([c[0] for c in children]), np.array([c[1] for c in children])
    try:
        found = against_parents(counts, primary(counts), parent)
    except InputError:
        return
    for one in range(4):
        here = (parent == one) & found
        if not here.any():
            continue
        # a child can be anything from one to what the others leave, each of them having at least one
        spare = counts[here].sum() - np.minimum(counts[here], 1).sum()
        assert here.sum() >= 2
        assert spare > 0
