"""Who pays in which year: investment along the years, cash flow by payer, what grants and budget leave to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, calendar_problems, checked, numbers, unknown_problems
from geo.errors import InputError, Problem

PAYERS = ("owner_occupier", "landlord", "tenant", "city", "state", "utility", "company")

Flows: TypeAlias = Mapping[str, ArrayLike]


# --- investment along the years ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Schedule:
    """Investment by year with what must be bought again.

    Attributes
    ----------
    invest_eur
        Shape (..., years): what was planned and what replaces it at the end of its life.
    residual_eur
        Shape (...): what the things bought are still worth at the end of the last year.
    """

    invest_eur: FloatArray
    residual_eur: FloatArray


def schedule(invest_by_year: ArrayLike, lifetime_a: ArrayLike, years: ArrayLike) -> Schedule:
    """Buy again what reaches the end of its life within the horizon; value what is left by straight lines.

    Parameters
    ----------
    invest_by_year
        EUR planned in each year, at its beginning, shape (..., years), >= 0.
    lifetime_a
        Whole years, at least 1: one number or shape (...).
    years
        Calendar years of the horizon, each once, without a gap.

    Returns
    -------
    Schedule
        ``invest_eur.sum(-1) - residual_eur`` is what is worn out within the horizon.

    Raises
    ------
    InputError
        Years with a gap or out of order, lifetimes that are not whole or below 1, missing or negative money.
    """
    problems = calendar_problems("years", years)
    n = 0 if problems else np.size(years)
    lifetimes = Argument("lifetime_a", lifetime_a, per_row=True, low=1, high=200)
    if not lifetimes.problems() and np.mod(np.asarray(lifetime_a, dtype=np.float64), 1).any():
        problems.append(Problem("lifetime_a", "is not in whole years", "Round it; a schedule goes by years."))
    plan = Argument("invest_by_year", invest_by_year, low=0, series=True, size=n or None)
    planned, life = checked(plan, lifetimes, also=problems)
    invest, life = planned.copy(), life[..., :1]
    for year in range(n):
        bought = year - life.astype(np.int64)
        again = np.take_along_axis(invest, np.maximum(bought, 0), axis=-1)
        invest[..., year] += np.where(bought >= 0, again, 0.0)[..., 0]
    age = n - np.arange(n)
    left = np.maximum(1 - age / life, 0.0)
    return Schedule(invest, np.asarray((invest * left).sum(axis=-1)))


# --- who pays when ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transfer:
    """Money that one payer hands to another, such as the levy on rent or the landlord's part of the CO2 cost.

    Attributes
    ----------
    name
        What it is.
    source, target
        Payers, out of `PAYERS`.
    eur
        EUR in each year, or one number for all, >= 0.
    """

    name: str
    source: str
    target: str
    eur: ArrayLike


@dataclass(frozen=True)
class CashFlow:
    """Money by payer (rows, as in `PAYERS`) and year, EUR.

    Attributes
    ----------
    years
        Shape (years,).
    invest_eur, opex_eur, saving_eur
        What each payer invests, runs and saves, shape (payers, years).
    grant_eur, transfer_eur
        What each receives from others, negative for those who give; each year sums to 0.
    """

    years: FloatArray
    invest_eur: FloatArray
    opex_eur: FloatArray
    saving_eur: FloatArray
    grant_eur: FloatArray
    transfer_eur: FloatArray

    @property
    def net_eur(self) -> FloatArray:
        """What each payer pays in the end; negative where it gains. Shape (payers, years)."""
        return self.invest_eur - self.grant_eur + self.opex_eur - self.saving_eur - self.transfer_eur

    @property
    def total_eur(self) -> FloatArray:
        """What all pay together, shape (years,): investment and running cost less savings."""
        return np.asarray((self.invest_eur + self.opex_eur - self.saving_eur).sum(axis=0))

    def of(self, payer: str) -> FloatArray:
        """Net payments of one payer, shape (years,)."""
        if problems := unknown_problems("payer", [payer], PAYERS):
            raise InputError(problems)
        return np.asarray(self.net_eur[PAYERS.index(payer)])


@dataclass(frozen=True)
class Spending:
    """What each payer invests, receives, runs and saves.

    Attributes
    ----------
    invest_eur, opex_eur, saving_eur
        For each payer EUR in each year, or one number for all years; who is not named has none.
    grant_eur
        Grants received, likewise, >= 0.
    granted_by
        Payer who gives the grants.
    transfers
        Everything else that changes hands.
    """

    invest_eur: Flows = field(default_factory=dict)
    opex_eur: Flows = field(default_factory=dict)
    saving_eur: Flows = field(default_factory=dict)
    grant_eur: Flows = field(default_factory=dict)
    granted_by: str = "state"
    transfers: Sequence[Transfer] = ()


def cash_flow(years: ArrayLike, spending: Spending) -> CashFlow:
    """Money by payer and year: ``net = investment - grants + running cost - savings - transfers received``.

    Grants are paid by somebody, so that they, like transfers, change who pays and never what all pay.

    Parameters
    ----------
    years
        Calendar years, shape (years,).
    spending
        Flows by payer.

    Raises
    ------
    InputError
        Unknown payers, series of another length, missing values, negative investment, running cost, grants or
        transfers, grants above what was invested, money handed to oneself; all of them.
    """
    (when,) = checked(Argument("years", years))
    names = ("invest_eur", "opex_eur", "saving_eur", "grant_eur")
    flows: dict[str, Flows] = {name: getattr(spending, name) for name in names}
    gifts = [Transfer("grants", spending.granted_by, who, eur) for who, eur in flows.pop("grant_eur").items()]
    transfers = [*gifts, *spending.transfers]
    problems: list[Problem] = []
    for name, by_payer in flows.items():
        problems += unknown_problems(name, sorted(by_payer), PAYERS)
        low = None if name == "saving_eur" else 0.0
        for payer, eur in by_payer.items():
            problems += _series_problems(f"{name}[{payer!r}]", eur, when, low)
    for transfer in transfers:
        problems += unknown_problems(transfer.name, [transfer.source, transfer.target], PAYERS)
        problems += _series_problems(f"{transfer.name} to {transfer.target}", transfer.eur, when, 0.0)
        if transfer.source == transfer.target:
            problems.append(Problem(transfer.name, f"{transfer.source} pays itself", "Name another payer."))
    if problems:
        raise InputError(problems)
    parts = {name: _by_payer(by_payer, when) for name, by_payer in flows.items()}
    received = {"grant_eur": _received(gifts, when), "transfer_eur": _received(spending.transfers, when)}
    _no_gift_above_cost(parts["invest_eur"], gifts, when)
    return CashFlow(when, **parts, **received)


def _series_problems(name: str, eur: ArrayLike, years: FloatArray, low: float | None) -> list[Problem]:
    problems = Argument(name, eur, low=low).problems()
    array = numbers(eur)
    if array is not None and array.shape not in {(), years.shape}:
        problems.append(Problem(name, f"has shape {array.shape}", f"Give one number, or {years.size}."))
    return problems


def _by_payer(by_payer: Flows, years: FloatArray) -> FloatArray:
    out = np.zeros((len(PAYERS), years.size))
    for payer, eur in by_payer.items():
        out[PAYERS.index(payer)] = eur
    return out


def _received(transfers: Sequence[Transfer], years: FloatArray) -> FloatArray:
    out = np.zeros((len(PAYERS), years.size))
    for transfer in transfers:
        eur = np.asarray(transfer.eur, dtype=np.float64)
        out[PAYERS.index(transfer.target)] += eur
        out[PAYERS.index(transfer.source)] -= eur
    return out


def _no_gift_above_cost(invest_eur: FloatArray, gifts: Sequence[Transfer], years: FloatArray) -> None:
    # over all years, since a grant is often paid after the invoice
    invested = invest_eur.sum(axis=1)
    problems = []
    for gift in gifts:
        eur = float(np.broadcast_to(np.asarray(gift.eur, dtype=np.float64), years.shape).sum())
        cost = float(invested[PAYERS.index(gift.target)])
        if eur > cost * (1 + 1e-9):
            what = f"{gift.target} gets {eur:,.0f} EUR for an investment of {cost:,.0f} EUR"
            problems.append(Problem("grant_eur", what, "A grant pays a part of the cost; correct either."))
    if problems:
        raise InputError(problems)


@dataclass(frozen=True)
class FundingGap:
    """What is paid by whom in each year; ``investment = counted_grant + own_eur`` and ``own_eur = paid + gap``.

    Attributes
    ----------
    counted_grant_eur
        Grants, cut where they would leave less than the own share.
    own_eur
        What grants leave.
    gap_eur
        What the budget does not cover; 0 where it does.
    unspent_eur
        What the budget has left.
    """

    counted_grant_eur: FloatArray
    own_eur: FloatArray
    gap_eur: FloatArray
    unspent_eur: FloatArray


def funding_gap(
    invest_eur: ArrayLike, grant_eur: ArrayLike, budget_eur: ArrayLike, *, own_share_min: ArrayLike = 0.0
) -> FundingGap:
    """Compare what grants leave with the budget of each year; nothing is carried into the next year.

    Parameters
    ----------
    invest_eur, grant_eur
        EUR in each year, shape (..., years), >= 0.
    budget_eur
        EUR available in each year, or one number for all, above 0.
    own_share_min
        Share of the investment that programmes leave to the city in any case, 0..1; 0.1..0.4 is usual, more for cities
        that are not under supervision of their budget (Haushaltssicherung).

    Raises
    ------
    InputError
        A budget of zero or less, grants above the investment, missing or negative values; all of them.
    """
    arguments = (
        Argument("invest_eur", invest_eur, low=0),
        Argument("grant_eur", grant_eur, low=0),
        Argument("budget_eur", budget_eur, above=0),
        Argument("own_share_min", own_share_min, low=0, high=1),
    )
    invest, grants, budget, own_share = checked(*arguments)
    if (over := grants > invest * (1 + 1e-9)).any():
        what = f"{int(over.sum())} value(s) above the investment"
        raise InputError(Problem("grant_eur", what, "A grant pays a part of the cost; correct either."))
    counted = np.minimum(grants, (1 - own_share) * invest)
    own = invest - counted
    return FundingGap(
        np.asarray(counted), np.asarray(own), np.maximum(own - budget, 0.0), np.maximum(budget - own, 0.0)
    )
