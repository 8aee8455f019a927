"""Money of an impact: what is invested, granted and saved in which year, who pays, and what a tonne costs.

Two views that never meet: the actor's (end prices, grants) and society's (no grants, prices without taxes and levies,
with the social cost of carbon beside it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geo.appraisal import (
    ACTOR,
    SOCIETAL,
    AbatementCurve,
    Valuation,
    abatement_cost_by_year,
    abatement_curve,
    social_cost,
)
from geo.arrays import FloatArray
from geo.cash_flow import PAYERS, CashFlow, Spending, Transfer, cash_flow, schedule
from geo.measures import EXACT_MEASURES, attribute, exact_shares, subsets
from geo.money import annual_cost, present_value
from layers.bills import bill_saved, untaxed_prices
from layers.funding import grants, owner_occupied
from layers.funding import payers as payers_of
from layers.impact import DRIVERS, Impact, generation_kwh
from layers.placement import ON_HEAT, Placed
from layers.planning import YEARS
from layers.rents import rents

# middle of the range of the actor's view
ACTOR_RATE = 0.04
SECTORS_OF = {
    "households": {*ON_HEAT, "household_power", "district_heat"},
    "economy": {"economy", "district_heat"},
    "transport": {"car_travel", "bus_travel"},
    "municipal": {"municipal_heat", "municipal_power", "district_heat"},
}


@dataclass(frozen=True)
class Share:
    """Fair share of one placement in what all do together.

    Attributes
    ----------
    t
        t CO2e saved by year, in the balance.
    eur
        Energy cost saved by year, at end prices of households.
    eur_untaxed
        The same without taxes and levies.
    standard_error_t
        Of the sum of tonnes; 0 where the share is exact.
    """

    t: FloatArray
    eur: FloatArray
    eur_untaxed: FloatArray
    standard_error_t: float


def shares(result: Impact) -> list[Share]:
    """Fair share of each placement: Shapley's value sector by sector, exact up to six that meet in one.

    Beyond six, shares of the sums come from random orders and are spread over the years like the sector's saving.
    """
    n = len(result.placed)
    found, error = np.zeros((n, 3, len(YEARS))), np.zeros(n)
    for position, acts in enumerate(SECTORS_OF.values()):
        players = [str(i) for i, one in enumerate(result.placed) if one.measure.acts_on in acts]
        if not players:
            continue
        known: dict[frozenset[str], FloatArray] = {}

        def value(
            state: frozenset[str], known: dict[frozenset[str], FloatArray] = known, position: int = position
        ) -> FloatArray:
            if state not in known:
                known[state] = _of_sector(result, frozenset(int(i) for i in state), position)
            return known[state]

        if len(players) <= EXACT_MEASURES:
            for name, part in exact_shares(players, {state: value(state) for state in subsets(players)}).items():
                found[int(name)] += part
            continue
        whole = value(frozenset(players))
        for kind in range(len(whole)):
            drawn = attribute(players, lambda s, v=value, k=kind: float(v(s)[k].sum()), result.seed)  # type: ignore[misc]
            for name in players:
                found[int(name), kind] += _like(whole[kind], drawn.shares[name])
                error[int(name)] = np.hypot(error[int(name)], drawn.standard_error[name] if kind == 0 else 0.0)
    return [Share(found[i, 0], found[i, 1], found[i, 2], float(error[i])) for i in range(n)]


def _like(series: FloatArray, total: float) -> FloatArray:
    whole = series.sum()
    return np.asarray(series * (total / whole)) if whole else np.full(len(series), total / len(series))


def _of_sector(result: Impact, chosen: frozenset[int], position: int) -> FloatArray:
    """Tonnes, and energy cost with and without taxes, that some save in a sector by year, shape (3, years)."""
    out = np.zeros((3, len(YEARS)))
    if not chosen:
        return out
    without, with_ = result.without[:, position], result.tonnes(DRIVERS, chosen)[:, position]
    out[0] = np.nansum(without - with_, axis=0)
    if position == 0:
        out[1] = bill_saved(result, chosen).sum(axis=0)
        out[2] = bill_saved(result, chosen, untaxed=True).sum(axis=0)
    return out


@dataclass(frozen=True)
class Account:
    """Money of one placement by year, EUR.

    Attributes
    ----------
    placed
        The placement.
    invest
        New investment and what replaces it at the end of its life.
    grant
        Granted at the rates and dates of the programmes.
    opex
        Running cost; may be below 0 where a measure saves upkeep.
    saving, saving_untaxed
        Energy cost saved, its share, at end prices and without taxes and levies.
    t
        t CO2e saved, its share.
    residual
        Worth of what is left at the end of the horizon.
    by_payer
        Share of the investment by payer, sums to 1.
    gains
        Share of the savings by payer, sums to 1.
    programmes
        Names of the programmes that grant.
    """

    placed: Placed
    invest: FloatArray
    grant: FloatArray
    opex: FloatArray
    saving: FloatArray
    saving_untaxed: FloatArray
    t: FloatArray
    residual: float
    by_payer: dict[str, float]
    gains: dict[str, float]
    programmes: tuple[str, ...]

    def abatement(self) -> tuple[Valuation, Valuation]:
        """Cost of a tonne in the actor's and in society's view, EUR/t CO2e; NaN where no tonne is saved."""
        worth = np.zeros(len(YEARS))
        worth[-1] = self.residual
        total = self.invest.sum()
        actor = abatement_cost_by_year(
            0.0, self.saving - self.opex - self.invest + self.grant + worth, self.t, ACTOR, prices="end"
        )
        society = abatement_cost_by_year(
            0.0, self.saving_untaxed - self.opex - self.invest + worth, self.t, SOCIETAL, prices="untaxed"
        )
        if total == 0:
            nothing = np.full(np.shape(actor.values), np.nan)
            return Valuation(nothing, actor.unit, ACTOR), Valuation(nothing, society.unit, SOCIETAL)
        return actor, society

    def annual_cost(self) -> float:
        """What it costs a year once all is done, EUR/a: annuity of the investment after grants, upkeep less savings."""
        measure = self.placed.measure
        invest = self.invest.sum()
        return float(
            annual_cost(
                self.placed.invested[-1],
                rate=ACTOR_RATE,
                lifetime_a=measure.value("lifetime_a"),
                opex_eur_a=max(self.opex[-1], 0.0),
                saving_eur_a=self.saving[-1] + max(-self.opex[-1], 0.0),
                grant_share=self.grant.sum() / invest if invest > 0 else 0.0,
            )
        )

    def npv(self) -> float:
        """Present value to those who pay and gain, EUR, at the actor's rate."""
        flows = self.saving - self.opex - self.invest + self.grant
        flows = flows.copy()
        flows[-1] += self.residual
        return float(present_value(flows, ACTOR_RATE, first=0))


@dataclass(frozen=True)
class Finance:
    """Money of all placements.

    Attributes
    ----------
    result
        Impact it is of.
    accounts
        One for each placement.
    """

    result: Impact
    accounts: tuple[Account, ...]

    def cash(self, transfers: Sequence[Transfer] = ()) -> CashFlow:
        """Money by payer and year, with what they hand to each other."""
        invest, opex, saving, granted = ({p: np.zeros(len(YEARS)) for p in PAYERS} for _ in range(4))
        for account in self.accounts:
            for payer, part in account.by_payer.items():
                invest[payer] += account.invest * part
                granted[payer] += account.grant * part
                opex[payer] += np.maximum(account.opex, 0) * part
                saving[payer] += np.maximum(-account.opex, 0) * part
            for payer, part in account.gains.items():
                saving[payer] += account.saving * part
        # the state itself gets no grant from the state
        granted.pop("state")
        return cash_flow(YEARS, Spending(invest, opex, saving, granted, transfers=transfers))

    def curve(self) -> AbatementCurve | None:
        """Abatement costs after interaction, society's view; None where no placement has one."""
        society = [account.abatement()[1] for account in self.accounts]
        t = np.array([max(float(account.t.mean()), 0.0) for account in self.accounts])
        values = np.array([float(v.values) for v in society])
        if not (np.isfinite(values) & (t > 0)).any():
            return None
        worth = social_cost_mk3(self.result)
        benefit = np.array([float((worth * a.t + a.saving_untaxed - a.invest - a.opex).mean()) for a in self.accounts])
        return abatement_curve(Valuation(values, "EUR/t", SOCIETAL), t, Valuation(benefit, "EUR/a", SOCIETAL))


def social_cost_mk3(result: Impact, prtp_pct: int = 1) -> FloatArray:
    """Social cost of carbon along the years, generation mk3, EUR/t CO2e (nodes of prices of 2024)."""
    return result.planning.remembered(("social cost", prtp_pct), lambda: _social_cost_mk3(result, prtp_pct))


def _social_cost_mk3(result: Impact, prtp_pct: int) -> FloatArray:
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = pd.DataFrame(result.planning.manifest["social_cost"])
    rows = table[(table["generation"] == "mk3") & (table["prtp_pct"] == prtp_pct) & (table["price_year"] == 2024)]
    return social_cost(
        YEARS,
        rows["year"].to_numpy(np.float64),
        rows["eur_t"].to_numpy(np.float64),
        generation="mk3",
        node_generations=rows["generation"].tolist(),
        node_price_years=rows["price_year"].tolist(),
    )


def finance(result: Impact, fair: Sequence[Share] | None = None) -> Finance:
    """Compute the money of an impact.

    Parameters
    ----------
    result
        The impact.
    fair
        Shares of the placements, see `shares`; computed when None.
    """
    found = shares(result) if fair is None else fair
    return Finance(result, tuple(_account(result, one, share) for one, share in zip(result.placed, found, strict=True)))


def _account(result: Impact, one: Placed, share: Share) -> Account:
    measure = one.measure
    spent = one.invested
    new = np.diff(spent, prepend=0.0)
    bought = schedule(np.maximum(new, 0.0), round(measure.value("lifetime_a")), YEARS)
    running = measure.value("opex_share_a") * spent if "opex_share_a" in measure.figures else np.zeros(len(YEARS))
    if "opex_eur_unit_a" in measure.figures:
        level = result.planning.price_level(measure.figures["opex_eur_unit_a"].price_year)
        running = running + measure.value("opex_eur_unit_a") * level * one.quantity
    owners = owner_occupied(result, one)
    payers = payers_of(measure.payer, owners)
    rate, programmes = grants(result, one, payers)
    if one.placement.warm_rent_neutral:
        rate = np.maximum(rate, _neutral_share(result, result.placed.index(one)))
    saving, untaxed = share.eur, share.eur_untaxed
    if measure.effect == "generation":
        saving = saving + _power_sold(one, result.planning.eur_kwh[-1])
        untaxed = untaxed + _power_sold(one, untaxed_prices(result)[-1])
    return Account(
        one,
        bought.invest_eur,
        bought.invest_eur * rate,
        running,
        saving,
        untaxed,
        share.t,
        float(bought.residual_eur),
        payers,
        payers_of(measure.gains, owners),
        programmes,
    )


def _neutral_share(result: Impact, position: int) -> float:
    """Share of the investment that has to be granted so that no warm rent rises."""
    found = rents(result, position)
    weight = np.where(np.isfinite(found.cost_eur_m2), found.rented_m2, 0.0)
    paid = float(np.nan_to_num(found.cost_eur_m2) @ weight)
    return float(np.nan_to_num(found.grant_eur_m2) @ weight) / paid if paid > 0 else 0.0


def _power_sold(one: Placed, eur_kwh: FloatArray) -> FloatArray:
    """What own power is worth: used in the house at the end price, the rest at the feed-in tariff."""
    figures, kwh = one.measure.figures, one.quantity * generation_kwh(one)
    own = one.measure.value("direct_use_share") if "direct_use_share" in figures else 0.0
    sold = one.measure.value("feed_in_eur_kwh") if "feed_in_eur_kwh" in figures else 0.0
    return np.asarray(kwh * (own * eur_kwh + (1 - own) * sold))
