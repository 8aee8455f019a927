"""Carriers of buildings: margins hold, what is known of age and place stays, and impossible totals are named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.allocate import fit_margins
from geo.carriers import fit_carriers
from geo.errors import InputError


def test_by_hand_two_ages_two_carriers() -> None:
    """Old buildings are nine times as likely to burn oil: with equal totals, 3/4 of the oil is in them."""
    fitted = fit_carriers([[10.0, 0.0], [0.0, 10.0]], [[1, 9], [1, 1]], np.ones((2, 2)), [10, 10])
    # odds ratio 9 between the two rows, both margins 10: x/(10-x) squared is 9
    assert fitted.split([[10.0, 0.0], [0.0, 10.0]]) == pytest.approx(np.array([[2.5, 7.5], [7.5, 2.5]]))


@given(data=st.data())
def test_it_is_iterative_proportional_fitting(data: st.DataObject) -> None:
    """Differs from the plain table of (unit, age) x carrier if the shortcut by factors went wrong."""
    n, ages, carriers = (data.draw(st.integers(1, 4)) for _ in range(3))
    numbers = st.floats(0.05, 20)

    def draw(*shape: int) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(data.draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)

    heat, seed, local, totals = draw(n, ages), draw(ages, carriers), draw(n, carriers), draw(carriers)
    fitted = fit_carriers(heat, seed, local, totals)
    goal = totals / totals.sum() * heat.sum()
    plain = fit_margins((seed[None] * local[:, None]).reshape(n * ages, carriers), heat.ravel(), goal, tolerance=1e-11)
    split = fitted.split(heat)
    assert split == pytest.approx(plain.reshape(n, ages, carriers).sum(axis=1), rel=1e-6)
    assert split.sum(axis=0) == pytest.approx(goal, rel=1e-9)
    assert split.sum(axis=1) == pytest.approx(heat.sum(axis=1), rel=1e-12)


def test_a_carrier_is_only_where_it_can_be_had() -> None:
    local = np.array([[1.0, 0], [1, 1]])
    split = fit_carriers([[5.0], [5.0]], [[1, 1]], local, [7, 3]).split([[5.0], [5.0]])
    assert split == pytest.approx(np.array([[5, 0], [2, 3]]))


def test_impossible_totals_are_named() -> None:
    """Would break if more district heat than the network's buildings use were put anywhere without a word."""
    with pytest.raises(InputError, match=r"totals\[1\]: cannot be reached"):
        fit_carriers([[5.0], [5.0]], [[1, 1]], [[1, 0], [1, 1]], [3, 7])
    with pytest.raises(InputError) as caught:
        fit_carriers([[5.0], [5.0]], [[1, 1]], [[0, 0], [1, 0]], [3, 7])
    assert [p.where for p in caught.value.problems] == ["local[0]", "totals[1]"]


def test_order_of_units_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    heat, local = rng.uniform(0, 9, (9000, 4)), rng.uniform(0.1, 1, (9000, 3))
    seed, totals, order = rng.uniform(0.1, 1, (4, 3)), np.array([5.0, 3, 1]), rng.permutation(9000)
    one = fit_carriers(heat, seed, local, totals).split(heat)
    other = fit_carriers(heat[order], seed, local[order], totals).split(heat[order])
    assert other == pytest.approx(one[order], rel=1e-9)
