"""What an impact gives to whom: euros, bills, warm rents and tonnes by unit, by chance, and within their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from data.bands import of_units
from geo.arrays import FloatArray, IntArray
from geo.inference import permuted_placements, uncertain_amounts
from layers.equity import Amount
from layers.findings import by_unit
from layers.gains import SD_AREA
from layers.impact import Impact, impact
from layers.placement import Placed
from layers.planning import FIRST_YEAR, LAST_YEAR
from layers.social import Social, Zoning

YEARS = (2030, 2035, 2040, 2045)
# a region's pieces by 999 draws would take 300 MB for each amount
MANY_PIECES, FEWER = 10_000, 199


@dataclass(frozen=True)
class Kind:
    """An amount of `layers.findings.by_unit`, for people."""

    column: str
    name: str
    en: str
    de: str
    unit: str
    benefit: bool = True


KINDS = (
    Kind("bill_saving_eur_a", "bill_saving", "Bill saving", "Ersparnis", "EUR/a"),
    Kind("invest_eur", "invest", "Investment", "Investition", "EUR"),
    Kind(
        f"t_co2e_saved_{LAST_YEAR}",
        "t_co2e_saved",
        "Tonnes saved (where the measure acts)",
        "Gesparte Tonnen (Ort der Maßnahme)",
        "t CO2e/a",
        benefit=False,
    ),
)


class Benefits:
    """What an impact gives to the homes of a place.

    Parameters
    ----------
    result
        The impact. Only what acts on homes has units to be given to.
    """

    def __init__(self, result: Impact) -> None:
        self.result = result

    @cached_property
    def by_unit(self) -> dict[str, FloatArray]:
        """Amounts by unit of the stock; see `layers.findings.by_unit`."""
        return by_unit(self.result)

    @cached_property
    def chosen(self) -> list[int]:
        """Positions of the placements that choose among units."""
        return [i for i, one in enumerate(self.result.placed) if one.on_units and one.final.any()]

    def alone(self, position: int) -> Impact:
        """Impact of a placement if everybody took it who may: what each unit could get."""
        one = self.result.placed[position]
        full = replace(
            one.placement,
            uptake=1.0,
            quantity=None,
            priority="even",
            max_per_year=None,
            budget_eur=None,
            curve="linear",
        )
        planning = self.result.planning
        key = ("alone", full.key(), self.result.outside.path, *sorted(self.result.outside.growth.items()))
        return planning.remembered(key, lambda: impact(planning, [full], self.result.outside))

    @cached_property
    def potentials(self) -> dict[int, tuple[Placed, dict[str, FloatArray]]]:
        """By placement: itself for everybody, and what each unit gets from it then."""
        out = {}
        for i in self.chosen:
            full = self.alone(i)
            out[i] = full.placed[0], by_unit(full)
        return out

    def amounts(self) -> list[Amount]:
        """All amounts that homes get."""
        return [self._amount(kind) for kind in KINDS if self.by_unit[kind.column].any()]

    def bill(self) -> Amount:
        """Bill saving in the last year."""
        return self._amount(KINDS[0])

    def of_year(self, year: int) -> Amount:
        """Bill saving in a year."""
        return self._made(KINDS[0], self._bills[:, year - FIRST_YEAR], None)

    @cached_property
    def _bills(self) -> FloatArray:
        return self.result.bill_by_unit()

    def _amount(self, kind: Kind) -> Amount:
        return self._made(kind, self.by_unit[kind.column], self._by_chance(kind) if self.chosen else None)

    def _made(
        self, kind: Kind, values: FloatArray, chance: Callable[[Social, Zoning, int, int], FloatArray] | None
    ) -> Amount:
        units = self.result.planning.units

        def unsure(zoning: Zoning, draws: int, seed: int) -> FloatArray:
            sd = of_units(units, age_known=np.zeros(len(units), dtype=bool))
            return uncertain_amounts(
                values, zoning.of_unit, len(zoning), sd_unit=sd, sd_area=SD_AREA, draws=draws, seed=seed
            )

        return Amount(
            kind.name, kind.en, kind.de, kind.unit, lambda zoning: zoning.sums(values), chance, unsure, kind.benefit
        )

    def _by_chance(self, kind: Kind) -> Callable[[Social, Zoning, int, int], FloatArray]:
        """Give the same quantity of each placement to units drawn among those that may take it."""
        made: dict[tuple[int, int], FloatArray] = {}

        def drawn(social: Social, zoning: Zoning, draws: int, seed: int) -> FloatArray:
            piece, sums = social.finest
            if (draws, seed) not in made:
                made[draws, seed] = self._drawn_pieces(kind, piece, draws, seed)
            return np.asarray(made[draws, seed] @ sums[zoning.name])

        return drawn

    def _drawn_pieces(self, kind: Kind, piece: IntArray, draws: int, seed: int) -> FloatArray:
        n = int(piece.max()) + 1
        draws = draws if n <= MANY_PIECES else min(draws, FEWER)
        out = np.zeros((draws, n))
        for i, (full, gains) in self.potentials.items():
            eligible = full.eligible
            gain = np.divide(gains[kind.column], eligible, out=np.zeros_like(eligible), where=eligible > 0)
            one = self.result.placed[i]
            # nobody gets more than somebody got: a programme for everybody alike has nothing to choose
            most = min(float(one.final.max()), 1.0)
            total = min(float(one.quantity[-1]), most * float(eligible.sum()))
            out += permuted_placements(eligible, gain, piece, n, total, most=most, draws=draws, seed=seed + i)
        return out
