"""Classes and colours of the maps: one place for the web map, the HTML map and, later, the styles for desktop GIS.

Sequential scales are ColorBrewer's (colour-blind safe), the bivariate one is Joshua Stevens' blue-purple.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

NO_DATA = "#ffffff"


@dataclass(frozen=True)
class Classes:
    """Colours of one figure.

    Attributes
    ----------
    column
        Attribute that is drawn.
    breaks
        Lower bounds of the second and further classes, rising, in the attribute's unit.
    colours
        One more than breaks.
    en, de
        Legend title with unit.
    per
        What the attribute is divided by: ``"km2"``, ``"head"``, or nothing.
    """

    column: str
    breaks: tuple[float, ...]
    colours: tuple[str, ...]
    en: str
    de: str
    per: str = ""

    def colour(self, value: float | None) -> str:
        """Colour of a value; white where it is missing."""
        if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
            return NO_DATA
        return self.colours[sum(value >= b for b in self.breaks)]

    def labels(self) -> list[tuple[str, str]]:
        """Colour and text of each class."""
        bounds = [f"{b:g}" for b in self.breaks]
        texts = [f"< {bounds[0]}", *(f"{a} – {b}" for a, b in pairwise(bounds)), f"≥ {bounds[-1]}"]
        return list(zip(self.colours, texts, strict=True))


EMISSIONS = Classes(
    "t_co2e_households_per_head",
    (1.6, 2.0, 2.2, 2.5, 3.5),
    ("#fff5d6", "#fed98e", "#fe9929", "#e0700f", "#b04a04", "#662506"),
    "Household emissions, t CO2e per head and year",
    "Emissionen der Haushalte, t CO2e pro Kopf und Jahr",
)
MEASURE = Classes(
    "t_co2e_saved_2045",
    (1, 30, 100, 300, 1000, 3000),
    ("#f1f5f7", "#d3e6ef", "#9fcbe0", "#5fa6cc", "#2f7fb5", "#12559a", "#08245a"),
    "Saved in 2045, t CO2e per km² and year",
    "Einsparung 2045, t CO2e je km² und Jahr",
    per="km2",
)
LATER = Classes(
    "t_co2e_households_2045",
    (0.2, 0.4, 0.7, 1.0, 1.5),
    EMISSIONS.colours,
    "Household emissions in a target year, t CO2e per head and year",
    "Emissionen der Haushalte in einem Zieljahr, t CO2e pro Kopf und Jahr",
    per="head",
)
SOCIAL = Classes(
    "social_index",
    (2.5, 3.5, 4.5, 5.3, 6.5),
    ("#f7f4f9", "#d9c6e0", "#c994c7", "#df65b0", "#ce1256", "#67001f"),
    "School social index, 9 = highest burden",
    "Schulsozialindex, 9 = höchste Belastung",
)
# rows: social burden low, middle, high; columns: emissions per head low, middle, high
NEED = {
    "social": (3.5, 5.3),
    "emissions": (1.9, 2.3),
    "colours": (
        ("#e8e8e8", "#ace4e4", "#5ac8c8"),
        ("#dfb0d6", "#a5add3", "#5698b9"),
        ("#be64ac", "#8c62aa", "#3b4994"),
    ),
}


def web() -> dict[str, Any]:
    """All of it as plain data, for the page's script."""
    scales = {"emissions": EMISSIONS, "later": LATER, "measure": MEASURE}
    return {name: asdict(scale) for name, scale in scales.items()} | {"need": NEED, "no_data": NO_DATA}
