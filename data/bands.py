"""How sure the figures of units and zones are: relative deviations by what is known, drawn by Monte Carlo.

All deviations are assumptions of the reference (section 2.6), for 68 %; a grade says what a source leaves open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geo.arrays import FloatArray
from geo.uncertainty import combined

if TYPE_CHECKING:
    import pandas as pd

SEED = 2026
# footprint and storeys, by grade: measured heights, mapped outlines, cells of many buildings, drawn
SIZE = {"A": 0.08, "B": 0.15, "C": 0.15, "D": 0.60}
AGE_KNOWN, AGE_UNKNOWN = 0.08, 0.25
REFURBISHMENT = 0.20
BEHAVIOUR_PER_DWELLING = 0.30
METERED, PER_HEAD = 0.03, 0.25
COUNTED, DEFAULT_TRAFFIC = 0.10, 0.50
BY_LAND = 0.60
BY_USE = 0.40


def of_units(units: pd.DataFrame, *, age_known: np.ndarray) -> FloatArray:
    """Relative deviation of the households' figures of each unit; errors of the buildings in a cell even out.

    Parameters
    ----------
    units
        As `data.units.Stock.units`.
    age_known
        Whether the year of a building is known.
    """
    many = np.sqrt(np.maximum(units["n_buildings"].to_numpy(np.float64), 1.0))
    size = units["data_grade"].map(SIZE).to_numpy(np.float64)
    age = np.where(age_known, AGE_KNOWN, AGE_UNKNOWN)
    homes = np.sqrt(np.maximum(units["dwellings"].to_numpy(np.float64), 1.0))
    return combined(size / many, age / many, REFURBISHMENT / many, BEHAVIOUR_PER_DWELLING / homes)


def of_total(grade: str) -> float:
    """Relative deviation of a sector's total: its own balance, or national figures per head."""
    return METERED if grade in {"A", "B"} else PER_HEAD
