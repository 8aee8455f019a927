"""Segments of the stock: the living area that a unit holds of one archetype (building type, census age, TABULA class).

A building of known type and year is one segment; a census cell, of which only shares are known, is many. Whatever
depends on the archetype (heat, what a retrofit saves of it, who may take a measure) is looked up, never averaged first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data.figures import Figures
from data.schema import AGES, BUILDING_TYPES
from geo.archetype import REFERENCE_PER_LIVING
from geo.arrays import FloatArray, IntArray
from geo.heat import final_heat

if TYPE_CHECKING:
    import pandas as pd

CLASSES = tuple("ABCDEFGHIJKL")
AREA, USEFUL, EXISTING = "area", "useful_kwh_m2a", "existing_share"
SAVINGS = {"usual": "saving_usual_kwh_m2a", "ambitious": "saving_ambitious_kwh_m2a"}


@dataclass(frozen=True)
class Archetypes:
    """Kinds of housing that are told apart, by census age, then type and class.

    Attributes
    ----------
    table
        `building_type`, `census_age`, `age_class`; `share` of the class in its census age; per m² living area
        `useful_kwh_m2a` (space heat and hot water, expected over states of refurbishment), `saving_usual_kwh_m2a` and
        `saving_ambitious_kwh_m2a` (what the retrofit of the part in its existing state saves of it), and
        `existing_share` of the area in that state.
    """

    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def age(self) -> IntArray:
        """Position of each archetype's census age in `data.schema.AGES`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        return np.asarray(pd.Index(AGES).get_indexer(pd.Index(self.table["census_age"])), dtype=np.int64)

    @cached_property
    def type(self) -> IntArray:
        """Position of each archetype's type in `data.schema.BUILDING_TYPES`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        return np.asarray(pd.Index(BUILDING_TYPES).get_indexer(pd.Index(self.table["building_type"])), dtype=np.int64)

    @cached_property
    def age_class(self) -> IntArray:
        """Position of each archetype's TABULA class in `CLASSES`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        return np.asarray(pd.Index(CLASSES).get_indexer(pd.Index(self.table["age_class"])), dtype=np.int64)

    def column(self, name: str) -> FloatArray:
        """Figure per m² living area of each archetype; 1 for the area itself."""
        return np.ones(len(self)) if name == AREA else self.table[name].to_numpy(np.float64)

    def expected(self, area_by_type: FloatArray, ages: FloatArray) -> FloatArray:
        """Living area by archetype, shape (units, archetypes).

        Parameters
        ----------
        area_by_type
            Living area, shape (units, types).
        ages
            Share of each census age, shape (units, ages). Type and age are taken as independent within a unit: the
            census publishes only their margins.
        """
        share = self.table["share"].to_numpy(np.float64)
        return np.asarray(area_by_type[:, self.type] * ages[:, self.age] * share)


@dataclass(frozen=True)
class Segments:
    """Segments of a stock, by unit, then archetype.

    Attributes
    ----------
    kinds
        Archetypes.
    unit
        Number of the unit, not falling; `n_units` for what the census withholds.
    archetype
        Position in `kinds.table`.
    living_m2
        Living area.
    n_units
        Units of the stock, without the withheld.
    """

    kinds: Archetypes
    unit: IntArray
    archetype: IntArray
    living_m2: FloatArray
    n_units: int

    @classmethod
    def of(cls, kinds: Archetypes, area: FloatArray) -> Segments:
        """Keep what is there of an area by unit and archetype; its last row is withheld."""
        unit, archetype = np.nonzero(area)
        return cls(kinds, unit.astype(np.int32), archetype.astype(np.uint8), area[unit, archetype], len(area) - 1)

    def by_age(self, name: str) -> FloatArray:
        """Sum of a figure by unit and census age, shape (units + 1, ages); the last row is withheld.

        Parameters
        ----------
        name
            `AREA` for the living area in m², else a column of `Archetypes.table` per m² living area.
        """
        key = self.unit.astype(np.int64) * len(AGES) + self.kinds.age[self.archetype]
        amount = self.living_m2 * self.kinds.column(name)[self.archetype]
        sums = np.bincount(key, amount, minlength=(self.n_units + 1) * len(AGES))
        return np.asarray(sums.reshape(-1, len(AGES)), dtype=np.float64)

    def frame(self) -> pd.DataFrame:
        """Segments as a table: `unit`, `archetype`, `living_m2`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        return pd.DataFrame({"unit": self.unit, "archetype": self.archetype, "living_m2": self.living_m2})

    def grouped(self, group: IntArray, n: int) -> Segments:
        """Sum segments of units by group; what is withheld stays the last.

        Parameters
        ----------
        group
            Number of each unit's group, 0..n-1.
        n
            How many groups there are.
        """
        target = np.append(group, n)[self.unit].astype(np.int64)
        key = target * len(self.kinds) + self.archetype
        sums = np.bincount(key, self.living_m2, minlength=(n + 1) * len(self.kinds))
        return Segments.of(self.kinds, np.asarray(sums.reshape(n + 1, len(self.kinds)), dtype=np.float64))

    def taken(self, order: IntArray) -> Segments:
        """Put units in another order, or take some of them; what is withheld stays the last."""
        area = np.zeros((self.n_units + 1, len(self.kinds)))
        np.add.at(area, (self.unit, self.archetype), self.living_m2)
        return Segments.of(self.kinds, area[np.append(order, self.n_units)])


def archetypes(figures: Figures) -> Archetypes:
    """Look up heat and savings of every archetype.

    TABULA's need by type, class and state, with the use factor (which already holds prebound and rebound), expected
    over the shares of states that the table `refurbishment` assumes.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = figures["tabula"].merge(figures["refurbishment"], on=["age_class", "state"])
    per_reference = final_heat(rows["q_h_kwh_m2a"], rows["q_w_kwh_m2a"], eta=1.0)
    rows["q"] = per_reference * REFERENCE_PER_LIVING
    q = rows.pivot_table(index=["building_type", "age_class"], columns="state", values="q")
    share = rows.pivot_table(index=["building_type", "age_class"], columns="state", values="share").fillna(0.0)
    existing = share["existing"]
    found = pd.DataFrame({USEFUL: (q * share).sum(axis=1), EXISTING: existing})
    for state, name in SAVINGS.items():
        found[name] = (q["existing"] - q[state]).clip(lower=0) * existing
    ages = figures["age_classes"][["census_age", "age_class", "share"]]
    table = ages[ages["share"] > 0].merge(found.reset_index(), on="age_class")
    order = pd.DataFrame(
        {
            "age": pd.Index(AGES).get_indexer(pd.Index(table["census_age"])),
            "type": pd.Index(BUILDING_TYPES).get_indexer(pd.Index(table["building_type"])),
            "class": table["age_class"],
        }
    )
    at = order.sort_values(["age", "type", "class"]).index
    names = ["building_type", "census_age", "age_class", "share", USEFUL, *SAVINGS.values(), EXISTING]
    return Archetypes(table.loc[at, names].reset_index(drop=True))
