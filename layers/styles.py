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
# the first class is nothing; a single measure is mostly in the next three, the whole plan of a city in the last five:
# of municipalities and districts as of cells of 200 m
MEASURE = Classes(
    "t_co2e_saved_2045",
    (1, 100, 300, 1000, 2000, 3500, 5000),
    ("#f1f5f7", "#d3e6ef", "#a9d0e4", "#74b3d4", "#4593c5", "#2271ae", "#12508f", "#08245a"),
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
LOW_INCOME = Classes(
    "low_income_probability",
    (0.05, 0.25, 0.5, 0.75, 0.95),
    ("#f2f0f7", "#dadaeb", "#bcbddc", "#9e9ac8", "#756bb1", "#54278f"),
    "Probability of counting as a low-income area, 0–1",
    "Wahrscheinlichkeit, als einkommensschwaches Gebiet zu zählen, 0–1",
)
NIGHT = Classes(
    "night_anomaly_k",
    (0.25, 0.5, 1, 1.5, 2),
    ("#fef0d9", "#fdd49e", "#fdbb84", "#fc8d59", "#e34a33", "#b30000"),
    "Hot night: air (not surface) warmer than the countryside, K",
    "Heiße Nacht: Luft (nicht Oberfläche) wärmer als im Umland, K",
)
GREEN_PER_HEAD = Classes(
    "green_m2_per_head",
    (1, 3, 6, 10, 20),
    ("#edf8e9", "#c7e9c0", "#a1d99b", "#74c476", "#31a354", "#006d2c"),
    "Public green within reach, m² per head",
    "Erreichbares öffentliches Grün, m² pro Kopf",
)
GREEN_SHARE = Classes(
    "green_share",
    (0.1, 0.2, 0.35, 0.5, 0.65),
    GREEN_PER_HEAD.colours,
    "Forest, wood and farmland, share of the municipality",
    "Wald, Gehölz und Landwirtschaft, Anteil an der Gemeinde",
)
BLUE_SHARE = Classes(
    "blue_share",
    (0.01, 0.02, 0.03, 0.05, 0.08),
    ("#eff3ff", "#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08519c"),
    "Water, share of the municipality",
    "Wasser, Anteil an der Gemeinde",
)
BENEFIT = Classes(
    "bill_saving_eur_a_per_head",
    (50, 150, 300, 500, 800),
    ("#f0f9e8", "#ccebc5", "#a8ddb5", "#7bccc4", "#43a2ca", "#0868ac"),
    "Bill saving in the last year, EUR per head and year",
    "Ersparnis im letzten Jahr, EUR pro Kopf und Jahr",
)


@dataclass(frozen=True)
class Kinds:
    """Colours of a figure that is a kind: need (first letter) beside supply (second), H high, L low.

    Attributes
    ----------
    column
        Attribute that is drawn; empty where a cell is of no kind.
    kinds
        Value, colour, and legend text in English and German; the first one is hatched as well.
    en, de
        Legend title.
    none
        Legend text of an empty value in English and German.
    """

    column: str
    kinds: tuple[tuple[str, str, str, str], ...]
    en: str
    de: str
    none: tuple[str, str] = ("no data", "keine Daten")


def _kinds(column: str, en: str, de: str, supply: tuple[str, str], none: tuple[str, str] | None = None) -> Kinds:
    """Four kinds of need beside a supply, the one that comes first in the strongest colour."""
    of = {"H": ("high need", "hoher Bedarf"), "L": ("low need", "niedriger Bedarf")}
    much = {"H": ("much", "viel"), "L": ("little", "wenig")}
    colours = {"HL": "#a50026", "HH": "#f4a582", "LL": "#d9d9d9", "LH": "#4393c3"}
    kinds = tuple(
        (k, colour, f"{of[k[0]][0]}, {much[k[1]][0]} {supply[0]}", f"{of[k[0]][1]}, {much[k[1]][1]} {supply[1]}")
        for k, colour in colours.items()
    )
    return Kinds(column, kinds, en, de, *([none] if none else []))


COOL_TYPE = _kinds(
    "cool_type", "Need beside cool night air", "Bedarf und kühle Nachtluft", ("cool night air", "kühle Nachtluft")
)
GREEN_TYPE = _kinds(
    "green_type", "Need beside public green", "Bedarf und öffentliches Grün", ("public green", "öffentliches Grün")
)
BENEFIT_TYPE = _kinds(
    "benefit_type",
    "Need beside what the scenario brings",
    "Bedarf und was das Szenario bringt",
    ("bill saving", "Ersparnis"),
)
CLUSTER = _kinds(
    "need_benefit_cluster",
    "Where need and bill saving meet or miss, beyond chance",
    "Wo Bedarf und Ersparnis mehr als zufällig zusammen- oder auseinanderfallen",
    ("bill saving around it", "Ersparnis ringsum"),
    ("no more than chance", "nicht mehr als Zufall"),
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
    themes: dict[str, Classes | Kinds] = {
        "low_income": LOW_INCOME,
        "night": NIGHT,
        "green_per_head": GREEN_PER_HEAD,
        "green_share": GREEN_SHARE,
        "blue_share": BLUE_SHARE,
        "benefit": BENEFIT,
        "cool_type": COOL_TYPE,
        "green_type": GREEN_TYPE,
        "benefit_type": BENEFIT_TYPE,
        "cluster": CLUSTER,
    }
    return {name: asdict(scale) for name, scale in scales.items()} | {
        "themes": {name: asdict(scale) for name, scale in themes.items()},
        "need": NEED,
        "no_data": NO_DATA,
    }
