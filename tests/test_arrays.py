"""Arguments: every kind of wrong number is named with its place, all of them at once, and right ones fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.arrays import Argument, calendar_problems, checked, finite, order_problems, quotient, unknown_problems
from geo.errors import InputError, Problem


def said(problems: list[Problem] | tuple[Problem, ...]) -> list[tuple[str, str]]:
    assert all(problem.remedy.endswith((".", "?")) for problem in problems)
    return [(problem.where, problem.what) for problem in problems]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (Argument("x", [1, 2]), []),
        (Argument("x", []), []),
        (Argument("x", 3, low=3, high=3), []),
        (Argument("x", "much"), [("x", "'much' is no number")]),
        (Argument("x", [[1, 2], [3]]), [("x", "[[1, 2], [3]] is no number")]),
        (Argument("x", 10**400), [("x", f"{10**400!r:.60} is no number")]),
        (Argument("x", None), [("x", "is missing or infinite")]),
        (Argument("x", np.nan, low=0), [("x", "is missing or infinite")]),
        (Argument("x", [-np.inf, 1, np.nan], low=0), [("x[0]", "2 value(s) missing or infinite")]),
        (Argument("x", -1, low=0), [("x", "-1 is below 0")]),
        (Argument("x", 0, above=0), [("x", "0 is not above 0")]),
        (Argument("x", 1.5, high=1), [("x", "1.5 is above 1")]),
        (
            Argument("x", [[1, -2], [5, -3]], low=0, high=4),
            [("x[0, 1]", "2 value(s) below 0"), ("x[1, 0]", "1 value(s) above 4")],
        ),
        (
            Argument("x", [np.nan, -1], low=0, size=3),
            [
                ("x", "has shape (2,), expected length 3"),
                ("x[0]", "1 value(s) missing or infinite"),
                ("x[1]", "1 value(s) below 0"),
            ],
        ),
        (Argument("x", 5, size=1), [("x", "has shape (), expected length 1")]),
        (Argument("x", 5, series=True), [("x", "is one number, not a series of years")]),
    ],
)
def test_what_is_wrong_with_an_argument(argument: Argument, expected: list[tuple[str, str]]) -> None:
    assert said(argument.problems()) == expected


def test_the_remedy_gives_the_range_or_what_the_caller_says() -> None:
    def remedy(**limits: Any) -> str:
        return Argument("x", -5, **limits).problems()[0].remedy

    assert remedy(low=0, high=1) == "Give one from 0 to 1."
    assert remedy(above=0, high=200) == "Give one above 0, at most 200."
    assert remedy(low=0) == "Give one at least 0."
    assert remedy(low=0, remedy="Ask again.") == "Ask again."


def test_all_arguments_are_refused_at_once() -> None:
    """The first problem alone would send the user back once for each."""
    with pytest.raises(InputError) as caught:
        checked(
            Argument("a", [1, np.nan]),
            Argument("b", [1, 2, -3], low=0),
            Argument("c", "x"),
            also=[Problem("d", "is odd", "Mend it.")],
        )
    assert said(caught.value.problems) == [
        ("a[1]", "1 value(s) missing or infinite"),
        ("b[2]", "1 value(s) below 0"),
        ("c", "'x' is no number"),
        ("d", "is odd"),
        ("shapes", "do not fit: a (2,), b (3,)"),
    ]


def test_arguments_come_back_in_one_shape_in_order() -> None:
    a, b = checked(Argument("a", [1, 2, 3]), Argument("b", [[1], [2]]))
    assert a.tolist() == [[1, 2, 3]] * 2
    assert b.tolist() == [[1] * 3, [2] * 3]
    assert a.dtype == b.dtype == np.float64


def test_one_value_a_row_stands_beside_the_years() -> None:
    """Two rows of two years: without its own axis the rate of a row would become that of a year."""
    flows, rate = checked(
        Argument("flows", [[1, 2], [3, 4]], series=True), Argument("rate", [0.1, 0.2], high=1, per_row=True)
    )
    assert flows.shape == (2, 2)
    assert rate.tolist() == [[0.1, 0.1], [0.2, 0.2]]
    with pytest.raises(InputError, match=r"rate\[1\]: 1 value\(s\) above 1"):
        checked(Argument("flows", [[1, 2], [3, 4]]), Argument("rate", [0.1, 2], high=1, per_row=True))


def test_a_large_array_is_not_copied() -> None:
    """Copies of every column would double the memory of a build."""
    array = np.arange(3.0)
    assert finite("array", array, minimum=0) is array


@pytest.mark.parametrize(
    "years", [[2024, 2026], [2024, 2024], [2025, 2024], [2024.5, 2025.5], [[2024, 2025]], [], 2024, [np.nan], "2024-"]
)
def test_years_that_are_not_a_calendar(years: Any) -> None:
    assert len(calendar_problems("years", years)) == 1
    assert calendar_problems("years", [2024, 2025, 2026]) == calendar_problems("years", [2024]) == []


def test_years_in_order() -> None:
    assert order_problems("start", 2025, "end", 2026) == []
    assert said(order_problems("start", 2026, "end", 2026)) == [("start, end", "2026 is not before 2026")]
    assert [problem.where for problem in order_problems("start", np.nan, "end", np.inf)] == ["start", "end"]


def test_unknown_names_get_a_near_one_or_all() -> None:
    known = ("landlord", "tenant")
    assert unknown_problems("payer", ["tenant"], known) == []
    near, far = unknown_problems("payer", ["landlady", "zzz"], known)
    assert near.remedy == "Did you mean 'landlord'?"
    assert far.remedy == "Known are: landlord, tenant."
    assert unknown_problems("claims", ["x"], [])[0].remedy == "Known are: none."


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.just(0.0) | st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6)), max_size=8)
)
def test_a_quotient_is_a_number_only_where_the_whole_is_above_zero(pairs: list[tuple[float, float]]) -> None:
    part, whole = np.array(pairs).reshape(-1, 2).T
    found = quotient(part, whole)
    for quotient_, (a, b) in zip(found, pairs, strict=True):
        assert quotient_ == a / b if b > 0 else np.isnan(quotient_)
