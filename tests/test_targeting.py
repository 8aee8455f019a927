"""Targeting: the worked answer, nothing to divide by, and counts that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.targeting import area_floor, targeting


def test_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("targeting")
    given_ = case["inputs"]
    found = targeting(given_["total_pop"], given_["poor"], given_["beneficiaries"], given_["beneficiaries_poor"])
    assert asdict(found) == pytest.approx(case["expected"])


def test_by_hand() -> None:
    """10 poor of 100; 20 reached, 5 of them poor: half the poor missed, three quarters leak."""
    found = targeting(100, 10, 20, 5)
    assert asdict(found) == pytest.approx(
        {
            "exclusion_error": 0.5,
            "inclusion_error": 0.75,
            "coverage_poor": 0.5,
            "leakage": 0.75,
            "coverage_all": 0.2,
            "cgh_ratio": 2.5,
        }
    )


def test_nothing_to_divide_by_is_none_not_zero() -> None:
    nobody_reached = targeting(100, 10, 0, 0)
    assert nobody_reached.exclusion_error == 1
    assert nobody_reached.inclusion_error is None
    assert nobody_reached.cgh_ratio is None
    nobody_poor = targeting(100, 0, 20, 0)
    assert (nobody_poor.exclusion_error, nobody_poor.coverage_poor, nobody_poor.cgh_ratio) == (None, None, None)
    assert nobody_poor.leakage == 1
    assert targeting(0, 0, 0, 0).coverage_all is None


def test_impossible_counts_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        targeting(100, 120, 110, 130)
    assert [problem.where for problem in caught.value.problems] == [
        "poor",
        "reached",
        "reached_poor",
        "reached_poor of those reached",
    ]
    with pytest.raises(InputError, match="reached that are not poor: 30 is more than 20"):
        targeting(100, 80, 50, 20)
    with pytest.raises(InputError, match="poor: is missing") as caught:
        targeting(100, float("nan"), -1, 0)
    assert len(caught.value.problems) == 2


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=2))
def test_reaching_everybody_alike_is_as_good_as_chance(counts: list[int]) -> None:
    """A tenth of the poor and of the others: the ratio is 1, up to the rounding of sums of modelled counts."""
    poor, other = counts[0] + 1, counts[1]
    found = targeting(poor + other, poor, (poor + other) * 0.1, poor * 0.1)
    assert found.cgh_ratio == pytest.approx(1)
    assert found.exclusion_error == pytest.approx(0.9)


def test_the_floor_of_area_flags() -> None:
    assert area_floor(0.35) == pytest.approx(0.65)
    with pytest.raises(InputError, match="above 1"):
        area_floor(35)
    # reaching all residents of flagged areas has just that leakage
    assert targeting(1000, 200, 400, 140).leakage == pytest.approx(area_floor(140 / 400))
