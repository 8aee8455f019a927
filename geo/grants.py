"""What public programmes pay towards an investment, by applicant and year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.arrays import Argument, BoolArray, FloatArray, IntArray, checked, unknown_problems
from geo.cash_flow import PAYERS
from geo.errors import Problem


@dataclass(frozen=True)
class Bonus:
    """An addition to the rate of a grant.

    Attributes
    ----------
    claim
        Condition that an applicant must meet, such as ``"income"``. A rate that changes over the years is a bonus for
        each period, all with one claim.
    share
        Of the eligible cost, 0..1.
    valid_from, valid_to
        First and last year; None = open.
    tenures
        Who may claim it, out of `PAYERS`; empty = all.
    """

    claim: str
    share: float
    valid_from: int | None = None
    valid_to: int | None = None
    tenures: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Grant:
    """A programme: ``min(cap, base + bonuses) * min(cost, eligible cost)``.

    Attributes
    ----------
    programme
        Name.
    base_share, cap_share
        Rate without a bonus and highest rate, 0..1.
    bonuses
        Additions to the rate.
    eligible_eur
        Eligible cost of the first dwelling, of each from the second to the sixth, of each further one; None = no limit.
    valid_from, valid_to
        First and last year; None = open.
    tenures
        Who may apply, out of `PAYERS`; empty = all.

    Raises
    ------
    InputError
        Shares outside 0..1, an end before its beginning, unknown tenures; all of them.
    """

    programme: str
    base_share: float
    cap_share: float
    bonuses: tuple[Bonus, ...] = ()
    eligible_eur: tuple[float, float, float] | None = None
    valid_from: int | None = None
    valid_to: int | None = None
    tenures: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        arguments = [
            Argument(f"{self.programme}.base_share", self.base_share, low=0, high=1),
            Argument(f"{self.programme}.cap_share", self.cap_share, low=0, high=1),
            Argument(f"{self.programme}.eligible_eur", self.eligible_eur or (0, 0, 0), low=0),
            *(Argument(f"{self.programme}.{bonus.claim}", bonus.share, low=0, high=1) for bonus in self.bonuses),
        ]
        problems = []
        parts: tuple[Grant | Bonus, ...] = (self, *self.bonuses)
        for part in parts:
            if part.valid_from is not None and part.valid_to is not None and part.valid_to < part.valid_from:
                what = f"ends in {part.valid_to}, before {part.valid_from}"
                problems.append(Problem(self.programme, what, "Correct the years."))
            problems += unknown_problems(self.programme, sorted(part.tenures), PAYERS)
        checked(*arguments, also=problems)

    def eligible(self, dwellings: FloatArray) -> FloatArray:
        """Eligible cost in EUR for a number of dwellings, which may be an expectation and not whole."""
        if self.eligible_eur is None:
            return np.full(dwellings.shape, np.inf)
        first, next_five, further = self.eligible_eur
        return np.asarray(
            first * np.minimum(dwellings, 1)
            + next_five * np.clip(dwellings - 1, 0, 5)
            + further * np.maximum(dwellings - 6, 0)
        )


@dataclass(frozen=True)
class Granted:
    """Grants by applicant.

    Attributes
    ----------
    eur
        The highest grant that any one programme pays; 0 where none does.
    programme
        Position of that programme, -1 where none pays.
    """

    eur: FloatArray
    programme: IntArray


def grant(
    cost_eur: ArrayLike,
    *,
    dwellings: ArrayLike,
    tenure: str | Sequence[str],
    year: ArrayLike,
    grants: Sequence[Grant],
    claims: Mapping[str, ArrayLike] | None = None,
) -> Granted:
    """Grant for an investment: of the programmes open to the applicant the one that pays most, never two on one cost.

    Parameters
    ----------
    cost_eur
        Investment of each building, >= 0.
    dwellings
        Dwellings in it, >= 0.
    tenure
        Who invests, out of `PAYERS`: one for all, or one each.
    year
        Calendar year of the application.
    grants
        Programmes.
    claims
        For each condition of a bonus, whether it is met (true or false, one for all or one each); what is not named
        here is not met.

    Returns
    -------
    Granted
        In the common shape of the arguments.

    Raises
    ------
    InputError
        Missing or negative values, unknown tenures, conditions that no bonus has; all of them.
    """
    met = claims or {}
    who = np.asarray(tenure, dtype=str)
    known = sorted({bonus.claim for programme in grants for bonus in programme.bonuses})
    problems = unknown_problems("tenure", sorted(set(who.ravel().tolist())), PAYERS)
    problems += unknown_problems("claims", sorted(met), known)
    cost, homes, when, _, *flags = checked(
        Argument("cost_eur", cost_eur, low=0),
        Argument("dwellings", dwellings, low=0),
        Argument("year", year, low=1990, high=2200),
        Argument("tenure", np.zeros(who.shape)),  # its shape must fit as well
        *(Argument(f"claims[{name!r}]", values, low=0, high=1) for name, values in met.items()),
        also=problems,
    )
    holds = {name: flag == 1 for name, flag in zip(met, flags, strict=True)}

    def amount(programme: Grant) -> FloatArray:
        share = np.full(cost.shape, programme.base_share)
        for bonus in programme.bonuses:
            share = share + bonus.share * (holds.get(bonus.claim, False) & _open(bonus, who, when))
        eur = np.minimum(programme.cap_share, share) * np.minimum(cost, programme.eligible(homes))
        return np.asarray(np.where(_open(programme, who, when), eur, 0.0))

    eur = np.stack([np.zeros(cost.shape), *(amount(programme) for programme in grants)])
    best = eur.argmax(axis=0)
    return Granted(np.asarray(eur.max(axis=0)), np.asarray(best - 1))


def _open(part: Grant | Bonus, who: NDArray[np.str_], year: FloatArray) -> BoolArray:
    """Whether a programme or bonus can be had by a tenure in a year."""
    first = -np.inf if part.valid_from is None else part.valid_from
    last = np.inf if part.valid_to is None else part.valid_to
    admitted = np.isin(who, sorted(part.tenures)) if part.tenures else np.asarray(True)
    return np.asarray((year >= first) & (year <= last) & admitted)
