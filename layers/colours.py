"""Classes of any figure: those of the planner's map where it draws the figure, quantiles of the data else.

Classes are numpy's quantiles with bounds of two digits. mapclassify finds the same ones (a test holds the two side by
side), but importing it takes seconds and 250 MB, for it brings scikit-learn, while the service answers within 3 s.
"""

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
# ColorBrewer's PuOr, colour-blind safe: for figures on both sides of zero; the middle is darker, for white is no data
DIVERGING = ("#e66101", "#fdb863", "#e3e0da", "#b2abd2", "#5e3c99")
# Okabe and Ito's colours without black, and Tol's discrete rainbow of 12 for more kinds than they have
QUALITATIVE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
RAINBOW = (
    *("#d1bbd7", "#ae76a3", "#882e72", "#1965b0", "#5289c7", "#7bafde"),
    *("#4eb265", "#cae0ab", "#f7f056", "#f4a736", "#e8601c", "#dc050c"),
)
# a few values below zero among many above are the lowest class, not a second half of the scale
BOTH_SIDES = 0.05
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
    en, de = LATER.en.replace("a target year", year[2]), LATER.de.replace("in einem Zieljahr", year[2])
    return replace(LATER, column=name, en=en, de=de)


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
    unit = f", {column.unit}" if column.unit else ""
    if known.size and min((known < 0).mean(), (known > 0).mean()) >= BOTH_SIDES:
        breaks, colours = _both_sides(known)
        return Classes(column.name, breaks, colours, f"{column.en}{unit}", f"{column.de}{unit}")
    low = float(known.min(initial=np.inf))
    breaks = _breaks(known, low)
    if len(breaks) < 3:
        # most have the lowest value, nothing say: they are the first class, the others are split
        breaks = _breaks(known[known > low], low) or (low if known.size else 0.0,)
    # few classes still span the scale from light to dark
    return Classes(column.name, breaks, sequential(len(breaks) + 1), f"{column.en}{unit}", f"{column.de}{unit}")


def sequential(n: int) -> tuple[str, ...]:
    """Return n colours from light to dark, 6 at most."""
    picks = np.linspace(0, len(SEQUENTIAL) - 1, n).round().astype(int)
    return tuple(SEQUENTIAL[i] for i in picks)


def qualitative(n: int) -> tuple[str, ...]:
    """Return n colours without an order, 12 at most."""
    return QUALITATIVE[:n] if n <= len(QUALITATIVE) else RAINBOW[:n]


def _both_sides(values: FloatArray) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Bounds that mirror each other at zero, by the size of the values, and their colours."""
    sizes = np.abs(values[values != 0])
    inner, outer = (float(f"{size:.2g}") for size in np.quantile(sizes, (1 / 3, 2 / 3)).tolist())
    if inner == outer:
        return (-inner, inner), DIVERGING[::2]
    return (-outer, -inner, inner, outer), DIVERGING


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
    # where nothing is known there is no class, not even one
    bounds = [None, *classes.breaks, None] if classes.colours else []
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
                "label": {"en": label(low, high, "en"), "de": label(low, high, "de")},
            }
            for colour, (low, high) in zip(classes.colours, pairwise(bounds), strict=True)
        ],
        "nodata": {"colour": "transparent", "label": {"en": "No data", "de": "Keine Daten"}},
    }


def label(low: float | None, high: float | None, language: str) -> str:
    """Write the bounds of a class, which holds the lower one and not the upper one; None is no bound."""
    if low is None:
        return f"< {number(high, language)}"
    return f"≥ {number(low, language)}" if high is None else f"{number(low, language)} – {number(high, language)}"


def number(value: float | None, language: str) -> str:
    """Write a number as readers of a language do, ``"en"`` or ``"de"``."""
    text = f"{value:,.10g}".replace("-", "−")
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text
