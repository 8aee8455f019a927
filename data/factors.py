"""Emission factors: one value set for one balance, continued into the future by a path of the same boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from data.errors import TableError
from geo.arrays import FloatArray
from geo.errors import Problem
from geo.paths import along_years

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Factors:
    """Factors of one value set.

    Attributes
    ----------
    value_set
        Such as ``"BISKO"``.
    gas_boundary
        What the grams hold, such as ``"CO2e incl. upstream"``; the same for every carrier.
    nodes
        Columns `carrier`, `year`, `ef_g_kwh`, `status`.
    """

    value_set: str
    gas_boundary: str
    nodes: pd.DataFrame

    def g_kwh(self, carrier: str, years: ArrayLike) -> FloatArray:
        """Grams per kWh final energy (lower heating value) in each year; linear between nodes, constant outside.

        Raises
        ------
        TableError
            The set has no factor for the carrier; a missing factor is never zero.
        """
        rows = self.nodes[self.nodes["carrier"] == carrier]
        if rows.empty:
            raise TableError(
                Problem(
                    f"emission_factors.csv, value set {self.value_set}",
                    f"has no factor for {carrier}",
                    "Add a row of the same set, or choose another set for the whole balance.",
                )
            )
        return along_years(years, rows["year"].to_numpy(), rows["ef_g_kwh"].to_numpy())

    def status(self, carrier: str) -> str:
        """How sure the factors of a carrier are, the weakest first: `recalled` is shown wherever the figure is."""
        found = set(self.nodes.loc[self.nodes["carrier"] == carrier, "status"])
        return next(s for s in ("recalled", "assumption", "derived", "seen") if s in found)


def factors(table: pd.DataFrame, value_set: str = "BISKO", *, projection: str | None = "projection") -> Factors:
    """Pick one value set, and continue it after its last year.

    Parameters
    ----------
    table
        `emission_factors.csv`.
    value_set
        Set that the balance is computed with.
    projection
        Set that continues it; refused when it counts other gases or leaves out the upstream chain.

    Raises
    ------
    TableError
        Unknown set, or sets of different boundaries, which must not be mixed inside one balance.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    problems = []
    heat = table[~table["gas_boundary"].str.contains("wheel")]
    base = heat[heat["value_set"] == value_set]
    if base.empty:
        problems.append(
            Problem(
                "emission_factors.csv", f"no value set '{value_set}'", f"Use one of {sorted(set(heat['value_set']))}."
            )
        )
    after = heat[heat["value_set"] == projection] if projection else heat.iloc[:0]
    boundaries = sorted(set(base["gas_boundary"]) | set(after["gas_boundary"]))
    if len(boundaries) > 1:
        problems.append(
            Problem(
                "emission_factors.csv",
                f"'{value_set}' and '{projection}' mix {' with '.join(boundaries)}",
                "Factors of different boundaries must not stand in one balance; choose sets of one boundary.",
            )
        )
    if problems:
        raise TableError(problems)
    last = base.groupby("carrier")["year"].max()
    later = after["year"].to_numpy() > after["carrier"].map(last).fillna(-np.inf).to_numpy()
    nodes = pd.concat([base, after[later]]).sort_values(["carrier", "year"])
    return Factors(value_set, boundaries[0], nodes[["carrier", "year", "ef_g_kwh", "status"]].reset_index(drop=True))
