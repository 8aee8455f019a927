"""Trees and green: what planted trees grow to, what vegetation binds, and how green a satellite sees the ground.

What vegetation binds stands beside the balance as a sink and is never taken off an emission: it is about a thousandth
of a city's emissions. Green measures are for heat, rain and health; their tonnes rank nothing. Figures without a source
in print are general knowledge, to be checked with the city's own.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, checked, numbers, quotient, unknown_problems
from geo.errors import InputError, Problem

GROWN_A = 25.0
TREE_MEAN_KG_A, TREE_GROWN_KG_A = 12.5, 22.5
# no urban tree binds more in a year; published claims above it were sums over a life
TREE_LIMIT_KG_A = 50.0
LEVELS = ("low", "middle", "high")
# t CO2 per hectare and year at each of LEVELS. Forest: a source or nothing after droughts, the German mean of 2021
# (41.41 Mt on 10.67 Mha), young stands. Green roofs: their first years, 0.3 to 1 kg/m2.
SINKS_T_HA_A = MappingProxyType(
    {"forest": (0.0, 3.88, 8.0), "meadow": (0.5, 0.75, 1.0), "lawn": (0.0, 0.25, 0.5), "green_roof": (3.0, 6.5, 10.0)}
)
GREEN_NDVI, DENSE_NDVI = 0.3, 0.5


def grown(age_a: ArrayLike) -> FloatArray:
    """Share of a grown tree's crown at an age in years since planting, rising evenly to 1 at 25 years."""
    return np.minimum(checked(Argument("age_a", age_a, low=0))[0] / GROWN_A, 1.0)


def surviving(age_a: ArrayLike) -> FloatArray:
    """Share of planted trees still alive: 2 % are lost a year for five years, 0.5 % a year after."""
    (age,) = checked(Argument("age_a", age_a, low=0))
    return np.asarray(0.98 ** np.minimum(age, 5) * 0.995 ** np.maximum(age - 5, 0))


def tree_sink_t_a(
    trees: ArrayLike, *, age_a: ArrayLike | None = None, kg_per_tree_a: ArrayLike | None = None
) -> FloatArray:
    """CO2 that trees bind in a year.

    Parameters
    ----------
    trees
        Number of trees: standing ones, or with `age_a` those planted that many years ago, of which some died.
    age_a
        Years since planting. Without it every tree binds the mean over its life.
    kg_per_tree_a
        kg CO2 per tree and year, at most 50: of the mean over its life (12.5 when omitted), or with `age_a` of a grown
        tree (22.5 when omitted).

    Returns
    -------
    FloatArray
        t CO2 a year, in the common shape.

    Raises
    ------
    InputError
        Negative or missing numbers, or more than any tree binds in a year.
    """
    usual = TREE_MEAN_KG_A if age_a is None else TREE_GROWN_KG_A
    count, each, age = checked(
        Argument("trees", trees, low=0),
        Argument(
            "kg_per_tree_a",
            usual if kg_per_tree_a is None else kg_per_tree_a,
            low=0,
            high=TREE_LIMIT_KG_A,
            remedy="A grown street tree binds 20 to 25 kg a year; divide a sum over its life by the years.",
        ),
        Argument("age_a", 0 if age_a is None else age_a, low=0),
    )
    living = 1.0 if age_a is None else grown(age) * surviving(age)
    return np.asarray(count * each * living / 1000)


def area_sink_t_a(kind: str, area_ha: ArrayLike, *, level: str = "middle") -> FloatArray:
    """CO2 that an area binds in a year.

    Parameters
    ----------
    kind
        `"forest"`, `"meadow"`, `"lawn"` or `"green_roof"`.
    area_ha
        Area in hectares.
    level
        `"low"`, `"middle"` or `"high"`. Of forest, a scenario's choice: 0, 3.88 (German mean of 2021) or 8 t/ha.

    Returns
    -------
    FloatArray
        t CO2 a year, in the shape of `area_ha`.

    Raises
    ------
    InputError
        An unknown kind or level, a negative or missing area.
    """
    unknown = [*unknown_problems("kind", [kind], list(SINKS_T_HA_A)), *unknown_problems("level", [level], LEVELS)]
    (area,) = checked(Argument("area_ha", area_ha, low=0), also=unknown)
    return np.asarray(area * SINKS_T_HA_A[kind][LEVELS.index(level)])


def ndvi(nir: ArrayLike, red: ArrayLike) -> FloatArray:
    """Vegetation index ``(nir - red) / (nir + red)`` of two bands of reflectance.

    Parameters
    ----------
    nir, red
        Near infrared and red in one unit, of one shape; NaN is a cell without data.

    Returns
    -------
    FloatArray
        From -1 to 1. NaN where a band has no data or is below zero (an artefact of the correction for the atmosphere),
        or where both are zero.

    Raises
    ------
    InputError
        Bands of different shapes, or infinite values.
    """
    bands, problems = [], []
    for name, values in (("nir", nir), ("red", red)):
        band = numbers(values)
        if band is None or np.isinf(band).any():
            problems.append(Problem(name, "has values that are no numbers", "Mark cells without data as NaN."))
        else:
            bands.append(band)
    if not problems and bands[0].shape != bands[1].shape:
        what = f"have shapes {bands[0].shape} and {bands[1].shape}"
        problems.append(Problem("nir, red", what, "Warp both bands to one grid."))
    if problems:
        raise InputError(problems)
    near, visible = bands
    seen = (near >= 0) & (visible >= 0)
    return quotient(near - visible, np.where(seen, near + visible, np.nan))


def green_share(index: ArrayLike, *, threshold: float = GREEN_NDVI) -> float:
    """Share of the cells with data whose NDVI is above a threshold; NaN where no cell has data.

    Parameters
    ----------
    index
        NDVI, -1 to 1; NaN is a cell without data.
    threshold
        0.3 for green, 0.5 (`DENSE_NDVI`) for dense green.

    Raises
    ------
    InputError
        An index beyond -1 to 1: a band, or an index kept as whole numbers.
    """
    values = numbers(index)
    known = index if values is None else values[~np.isnan(values)]
    cells, level = checked(
        Argument("index", known, low=-1, high=1, remedy="Give the NDVI as `ndvi` returns it."),
        Argument("threshold", threshold, low=-1, high=1),
    )
    return float(quotient((cells > level).sum(), cells.size))
