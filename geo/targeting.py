"""Whom a programme reaches: how many of the poor it misses, and how much of it goes to others."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from geo.arrays import Argument, checked
from geo.errors import InputError, Problem

# counts from a model may exceed each other by the last digits of a sum
ROUNDING = 1e-9


@dataclass(frozen=True)
class Targeting:
    """Figures of a programme meant for the poor; None where there is nothing to divide by.

    Attributes
    ----------
    exclusion_error
        Share of the poor that are not reached; None without poor people.
    inclusion_error, leakage
        Share of those reached that are not poor, under both its names; None where nobody is reached.
    coverage_poor, coverage_all
        Share of the poor, and of all people, that are reached; None where there are none.
    cgh_ratio
        Coady-Grosh-Hoddinott: share of the poor among those reached over their share among all; 1 is as good as chance,
        above 1 better. None where nobody is reached or nobody is poor.
    """

    exclusion_error: float | None
    inclusion_error: float | None
    coverage_poor: float | None
    leakage: float | None
    coverage_all: float | None
    cgh_ratio: float | None


def targeting(people: float, poor: float, reached: float, reached_poor: float) -> Targeting:
    """Errors and coverage of a programme.

    Parameters
    ----------
    people, poor
        All people, and the poor among them.
    reached, reached_poor
        Those reached, and the poor among them.

    Raises
    ------
    InputError
        Counts that are missing, negative or impossible together.
    """
    checked(
        Argument("people", people, low=0),
        Argument("poor", poor, low=0),
        Argument("reached", reached, low=0),
        Argument("reached_poor", reached_poor, low=0),
    )
    impossible = {
        "poor": (poor, people, "people"),
        "reached": (reached, people, "people"),
        "reached_poor": (reached_poor, poor, "poor"),
        "reached_poor of those reached": (reached_poor, reached, "reached"),
        "reached that are not poor": (reached - reached_poor, people - poor, "people that are not poor"),
    }
    slack = ROUNDING * people
    problems = [
        Problem(where, f"{part:g} is more than {whole:g} {of}", "Give counts of the same people.")
        for where, (part, whole, of) in impossible.items()
        if part > whole + slack
    ]
    if problems:
        raise InputError(problems)
    coverage_poor = _share(reached_poor, poor)
    precision = _share(reached_poor, reached)
    leakage = None if precision is None else 1 - precision
    return Targeting(
        exclusion_error=None if coverage_poor is None else 1 - coverage_poor,
        inclusion_error=leakage,
        coverage_poor=coverage_poor,
        leakage=leakage,
        coverage_all=_share(reached, people),
        cgh_ratio=None if precision is None or poor == 0 else precision / (poor / people),
    )


def area_floor(poor_share_inside_flagged: ArrayLike) -> float:
    """Lowest inclusion error that flags at the level of areas can have: the share of others among their residents.

    Parameters
    ----------
    poor_share_inside_flagged
        Share of the poor among all residents of the flagged areas, 0..1.
    """
    share = Argument("poor_share_inside_flagged", poor_share_inside_flagged, low=0, high=1)
    return 1 - float(checked(share)[0])


def _share(part: float, whole: float) -> float | None:
    return min(1.0, part / whole) if whole > 0 else None
