"""Classes of any figure of a grid: those of the planner's map where it draws the figure, quantiles of the data else."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from geo.arrays import FloatArray
from layers.columns import Column
from layers.styles import EMISSIONS, LATER, MEASURE, SOCIAL, Classes

# ColorBrewer's YlGnBu, colour-blind safe: for figures that the planner's map does not draw
SEQUENTIAL = ("#ffffcc", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494")
PER = {"": "", "km2": " per km²", "head": " per head"}
_YEAR = re.compile(r"t_co2e_(saved_|households_)?(20\d\d)")


def styled(name: str) -> Classes | None:
    """Classes of the planner's map for an attribute of cells; None where it draws no such figure."""
    fixed = {EMISSIONS.column: EMISSIONS, SOCIAL.column: SOCIAL}
    year = _YEAR.fullmatch(name)
    if year is None:
        return fixed.get(name)
    if year[1] == "saved_":
        en, de = (text.replace("2045", year[2]) for text in (MEASURE.en, MEASURE.de))
        return replace(MEASURE, column=name, en=en, de=de)
    # of cells the map shows households whatever the column is called: nothing else is known of them
    return replace(LATER, column=name)


def quantiles(column: Column, values: FloatArray) -> Classes:
    """Make classes of about equal size, with bounds of two digits.

    Parameters
    ----------
    column
        Names the figure and its unit.
    values
        Any shape; NaN is missing. A figure with few values has fewer classes, two at least.
    """
    known = values[np.isfinite(values)]
    low = float(known.min(initial=np.inf))
    breaks = _breaks(known, low)
    if len(breaks) < 3:
        # most have the lowest value, nothing say: they are the first class, the others are split
        breaks = _breaks(known[known > low], low) or (low if known.size else 0.0,)
    # few classes still span the scale from light to dark
    picks = np.linspace(0, len(SEQUENTIAL) - 1, len(breaks) + 1).round().astype(int)
    unit = f", {column.unit}" if column.unit else ""
    return Classes(column.name, breaks, tuple(SEQUENTIAL[i] for i in picks), f"{column.en}{unit}", f"{column.de}{unit}")


def _breaks(values: FloatArray, low: float) -> tuple[float, ...]:
    """Bounds of classes of equal size, rounded, above the lowest value."""
    if values.size == 0:
        return ()
    # of values that exist: shares of 0 and 1 are not split at a half nobody has
    found = np.quantile(values, np.linspace(0, 1, len(SEQUENTIAL) + 1)[1:-1], method="lower")
    return tuple(sorted({bound for bound in (float(f"{one:.2g}") for one in found.tolist()) if bound > low}))


def legend(classes: Classes, column: Column) -> dict[str, Any]:
    """Describe classes for a reader: title, unit, and for each class its colour, bounds and label in two languages.

    A class holds its lower bound and not its upper one; null is no bound.
    """
    bounds = [None, *classes.breaks, None]
    return {
        "column": column.name,
        "title": {"en": classes.en, "de": classes.de},
        "unit": f"{column.unit}{PER[classes.per]}".strip(),
        "per": classes.per or None,
        "status": column.how,
        "classes": [
            {
                "colour": colour,
                "from": low,
                "to": high,
                "label": {"en": _label(low, high, "en"), "de": _label(low, high, "de")},
            }
            for colour, (low, high) in zip(classes.colours, pairwise(bounds), strict=True)
        ],
        "nodata": {"colour": "transparent", "label": {"en": "No data", "de": "Keine Daten"}},
    }


def _label(low: float | None, high: float | None, language: str) -> str:
    if low is None:
        return f"< {_number(high, language)}"
    return f"≥ {_number(low, language)}" if high is None else f"{_number(low, language)} – {_number(high, language)}"


def _number(value: float | None, language: str) -> str:
    text = f"{value:,.10g}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text
