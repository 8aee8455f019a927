"""Values along the years: emission factors, prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, finite
from geo.errors import InputError, Problem


def along_years(years: ArrayLike, node_years: ArrayLike, node_values: ArrayLike) -> FloatArray:
    """Piecewise linear values between nodes, held constant outside them.

    Parameters
    ----------
    years
        Years asked for, any order.
    node_years, node_values
        Known years, strictly rising, and their values in any unit.

    Raises
    ------
    InputError
        No nodes, or node years that do not rise.
    """
    nodes = finite("node_years", node_years)
    values = finite("node_values", node_values, size=nodes.size)
    if nodes.size == 0 or (np.diff(nodes) <= 0).any():
        raise InputError(Problem("node_years", f"{nodes.tolist()} do not rise", "Sort them and give each year once."))
    return np.asarray(np.interp(finite("years", years), nodes, values), dtype=np.float64)
