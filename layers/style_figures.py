"""What a layer can be drawn by: a figure for each attribute, with classes or kinds, colours, words in two languages.

The same figures make MapLibre styles, SLD, QML and legends, so that they cannot tell different stories.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import pyarrow as pa

from geo.arrays import FloatArray
from geo.errors import Problem
from layers import colours, grids, styles
from layers.columns import Column
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.merging import RULES
from layers.styles import NO_DATA, Classes, Kinds

Language = Literal["en", "de"]
Kind = Literal["point", "line", "polygon"]
KINDS: tuple[Kind, ...] = ("point", "line", "polygon")
MAX_KINDS, FEW = 12, 6
DEFAULT = "default"
PLAIN = "#4393c3"
# single areas of one kind, as the planner's map draws them
AREAS = {"green": "#41ab5d", "blue": "#2c7fb8"}
# what the planner's map draws first: the first of these that a layer has
SHOWN_FIRST = (
    *("bill_saving_eur_a_per_head", "cool_type", "benefit_type", "night_anomaly_k", "green_m2_per_head"),
    *("low_income_probability", "t_co2e_households_per_head", "t_co2e_saved_2045", "green_share", "blue_share"),
)
_OF_MAP: dict[str, Classes | Kinds] = {
    one.column: one
    for one in (
        *(styles.LOW_INCOME, styles.NIGHT, styles.GREEN_PER_HEAD, styles.GREEN_SHARE, styles.BLUE_SHARE),
        *(styles.BENEFIT, styles.COOL_TYPE, styles.GREEN_TYPE, styles.BENEFIT_TYPE, styles.CLUSTER),
    )
}
_OF_MUNICIPALITIES = {"green_share", "blue_share"}
_TOTAL_UNITS = re.compile(r"(t CO2e?/a|EUR|kWh/a|ha|kW|m³)(/a|,.*)?")
# they name a feature, whatever they look like
_KEYS = {"ags", "name", "unit_id", "cell_id", "osm_id"}
_BANDS = re.compile(r"_p(05|50|95)$")
_UNSAFE = re.compile(r"[/\\?#%\x00-\x1f]")
_IN_SQUARES = {"sum", "mean", "ratio"}
# what squares look like that a figure cannot colour
AFAR = "#d3dae0", "Zoom in for values", "Für Werte hineinzoomen"
_FLAG = ("no", "nein"), ("yes", "ja")
# attributes that make a figure one per head
HEADS = ("people", "population")
PER = {"km2": (" per km²", " je km²"), "head": (" per head", " pro Kopf")}
TOTALS = (
    "Totals of areas of different size: compare areas of like size only.",
    "Summen verschieden großer Flächen: nur Flächen ähnlicher Größe vergleichen.",
)
EACH = ("Total of each building or census cell.", "Summe je Gebäude oder Zensuszelle.")


@dataclass(frozen=True)
class Entry:
    """One line of a legend.

    Attributes
    ----------
    colour
        ``"#rrggbb"``.
    en, de
        Text.
    low, high
        Bounds of a class, the lower one inside; None where it has no bound.
    value
        Value of a kind; None in a class.
    """

    colour: str
    en: str
    de: str
    low: float | None = None
    high: float | None = None
    value: str | bool | None = None

    def text(self, language: Language) -> str:
        """Text in a language."""
        return self.de if language == "de" else self.en


@dataclass(frozen=True)
class Figure:
    """How a layer is drawn by one attribute.

    Attributes
    ----------
    id
        Id of the style.
    column
        Attribute that is drawn; empty where all features look alike.
    en, de
        Title with unit.
    entries
        Classes from low to high, or kinds.
    missing
        Entry of features without a value; None where all features look alike.
    divisor
        What the attribute is divided by before it is compared with bounds: an attribute, a number, or nothing.
    how
        ``"published"``, ``"derived"`` or ``"modelled"``.
    notes
        What a reader must know, in English and German.
    """

    id: str
    column: str
    en: str
    de: str
    entries: tuple[Entry, ...]
    missing: Entry | None = None
    divisor: str | float | None = None
    how: str = "published"
    notes: tuple[tuple[str, str], ...] = ()

    def title(self, language: Language) -> str:
        """Title in a language."""
        return self.de if language == "de" else self.en


def kinds_of(layer: Layer) -> tuple[Kind, ...]:
    """Kinds of geometry that a layer holds, points first."""
    present = layer.remembered("kinds", lambda: set(np.unique(layer.shapes.part_kinds).tolist()))
    return tuple(kind for number, kind in enumerate(KINDS, start=1) if number in present)


def ids(layer: Layer) -> dict[str, str]:
    """Ids of the styles of a layer and the attributes they draw, `default` first; none without geometry."""
    if not kinds_of(layer):
        return {}
    found = {DEFAULT: ""}
    for column in layer.columns:
        if column.in_tiles and column.name not in _KEYS and _drawable(layer, column.name):
            name = _UNSAFE.sub("_", column.name)
            while name in found:
                name += "_"
            found[name] = column.name
    return found


def figure(layer: Layer, style: str = DEFAULT) -> Figure:
    """Return the figure of a style, made once for a layer.

    Raises
    ------
    UnknownCollectionError
        The layer has no style of this id.
    """
    make = _default if style == DEFAULT and kinds_of(layer) else partial(_of_style, style=style)
    return layer.remembered(("figure", style), lambda: make(layer))


def figures(layer: Layer) -> list[Figure]:
    """Return all figures of a layer, the one of `default` first."""
    return [figure(layer, style) for style in ids(layer)]


def of_map(layer: Layer, column: Column, style: str | None = None) -> Figure | None:
    """Figure of an attribute whose classes the planner's map fixes, made without reading a value; else None."""
    names = {one.name for one in layer.columns}
    found: Classes | Kinds | None = _OF_MAP.get(column.name) or colours.styled(column.name)
    if found is None or (column.name in _OF_MUNICIPALITIES and "population" not in names):
        return None
    if isinstance(found, Kinds):
        return _of_kinds(style or column.name, column, found)
    # of districts, the emissions of a year are those of all sectors: the map draws their households beside them
    if found.column == column.name and f"t_co2e_households_{column.name[-4:]}" in names - {column.name}:
        return None if column.name.startswith("t_co2e_2") else _of_classes(layer, column, found, style)
    return _of_classes(layer, column, found, style)


def _default(layer: Layer) -> Figure:
    """Figure that the planner's map draws first; all features alike where it draws none."""
    by_name = {column.name: column for column in layer.columns}
    for name in SHOWN_FIRST:
        found = of_map(layer, by_name[name], DEFAULT) if name in by_name else None
        if found is None and name == "t_co2e_saved_2045" and name in by_name and "t_co2e_2045" in by_name:
            # a building has no square kilometre: it shows what its households emit
            found = of_map(layer, by_name["t_co2e_2045"], DEFAULT)
        if found is not None:
            return found
    theme = layer.id.split(".")[1] if layer.id.count(".") else ""
    return Figure(DEFAULT, "", layer.title, layer.title, (Entry(AREAS.get(theme, PLAIN), layer.title, layer.title),))


def _of_style(layer: Layer, style: str) -> Figure:
    known = ids(layer)
    if style not in known:
        what = f"is not a style of {layer.id}"
        remedy = f"Use one of {', '.join(known)}." if known else "It has no geometry, so nothing to draw."
        raise UnknownCollectionError(Problem(f"style '{style[:60]}'", what, remedy))
    return of_column(layer, next(one for one in layer.columns if one.name == known[style]), style)


def of_column(layer: Layer, column: Column, style: str | None = None) -> Figure:
    """Figure of an attribute, whether or not tiles carry it."""
    style = column.name if style is None else style
    found = of_map(layer, column, style)
    if found is not None:
        return found
    values = layer.table[column.name]
    if _is_number(values.type):
        return _of_numbers(layer, column, style)
    words = _distinct(values)
    palette = colours.qualitative(len(words))
    if column.unit == "A-D":
        palette = colours.sequential(len(words))[::-1]
    entries = tuple(
        Entry(colour, *(_FLAG[word] if isinstance(word, bool) else (word, word)), value=word)
        for word, colour in zip(words, palette, strict=True)
    )
    return Figure(style, column.name, column.en, column.de, entries, _missing(), how=column.how)


def _of_kinds(style: str, column: Column, kinds: Kinds) -> Figure:
    # the letters stand before the words, so that nothing is told by colour alone
    entries = tuple(Entry(colour, f"{k}: {en}", f"{k}: {de}", value=k) for k, colour, en, de in kinds.kinds)
    missing = _missing(*(text[0].upper() + text[1:] for text in kinds.none))
    return Figure(style, column.name, kinds.en, kinds.de, entries, missing, how=column.how)


def _of_classes(layer: Layer, column: Column, classes: Classes, style: str | None) -> Figure | None:
    """Fixed classes of the map; None where the layer lacks what the attribute is divided by."""
    divisor = _divisor(layer, classes.per)
    if classes.per and divisor is None:
        return None
    entries = _entries(classes)
    return Figure(
        style or column.name, column.name, classes.en, classes.de, entries, _missing(), divisor, how=column.how
    )


def _divisor(layer: Layer, per: str) -> str | float | None:
    """Attribute or number that makes a figure per head or per km²; None where the layer has none."""
    names = [column.name for column in layer.columns]
    if per == "head":
        return next((name for name in HEADS if name in names), None)
    if per != "km2":
        return None
    if "area_km2" in names:
        return "area_km2"
    return round((grids.grid_of(layer).cell_m / 1000) ** 2, 6) if grids.is_gridded(layer) else None


def _of_numbers(layer: Layer, column: Column, style: str) -> Figure:
    """Classes of the data: per km² where totals would only show how large areas are."""
    values = layer.column(column.name)
    flag = column.unit == "0/1"
    en, de = (text if flag else _with_unit(text, column.unit) for text in (column.en, column.de))
    plain = Figure(style, column.name, en, de, (), _missing(), how=column.how)
    alike = grids.is_gridded(layer) and all(one.name != "area_km2" for one in layer.columns)
    if not is_total(column) or kinds_of(layer) != ("polygon",) or alike:
        return replace(plain, entries=_of_values(column, values, flag=flag))
    area = _divisor(layer, "km2") if column.name != "area_km2" else None
    if area is None:
        note = EACH if "building_type" in {one.name for one in layer.columns} else TOTALS
        return replace(plain, entries=_of_values(column, values), notes=(note,))
    km2 = layer.column(str(area))
    density = np.divide(values, km2, out=np.full(len(values), np.nan), where=km2 > 0)
    en, de = (_with_unit(text, column.unit, per) for text, per in zip((column.en, column.de), PER["km2"], strict=True))
    return replace(plain, en=en, de=de, entries=_of_values(column, density), divisor=str(area))


def _of_values(column: Column, values: FloatArray, *, flag: bool = False) -> tuple[Entry, ...]:
    """Classes of numbers; none where all are missing, one for each value where there are few."""
    # what differs only behind the seventh digit is the same figure, computed another way
    distinct = np.unique(values[np.isfinite(values)].astype(np.float32)).astype(np.float64)
    few = distinct.size <= FEW
    found = _few(distinct, flag=flag) if few else _entries(colours.quantiles(column, values))
    if column.name.endswith("_priority"):
        # the first in a row comes first to the eye
        return tuple(replace(one, colour=other.colour) for one, other in zip(found, reversed(found), strict=True))
    return found


def from_zoom(layer: Layer, figure: Figure) -> int:
    """Lowest zoom whose vector tiles a figure can colour.

    Below the layer's lowest zoom, tiles hold squares with sums and means: a sum of many is in no class of one.
    """
    if not figure.column or layer.min_zoom == 0:
        return 0
    column = next(one for one in layer.columns if one.name == figure.column)
    names = [figure.column, *([figure.divisor] if isinstance(figure.divisor, str) else [])]
    held = all(name in RULES and RULES[name].how in _IN_SQUARES for name in names) and column.how != "brought"
    compared = isinstance(figure.divisor, str) or not is_total(column)
    words = any(entry.value is not None for entry in figure.entries)
    return 0 if held and compared and not words else layer.min_zoom


def is_total(column: Column) -> bool:
    """Whether a figure grows with the area that it is of: such a one is drawn per km² or says so."""
    name = _BANDS.sub("", column.name)
    if name in {"population", "area_km2"} or grids.is_sum(name):
        return True
    return _TOTAL_UNITS.fullmatch(column.unit) is not None


def _with_unit(text: str, unit: str, per: str = "") -> str:
    # "EUR, prices of 2024" is "EUR per km², prices of 2024"
    first, comma, rest = unit.partition(",")
    return f"{text}, {first}{per}{comma}{rest}" if unit else f"{text}{per}"


def _entries(classes: Classes) -> tuple[Entry, ...]:
    bounds = [None, *classes.breaks, None]
    return tuple(
        Entry(colour, colours.label(low, high, "en"), colours.label(low, high, "de"), low, high)
        for colour, (low, high) in zip(classes.colours, pairwise(bounds), strict=True)
    )


def _few(distinct: FloatArray, *, flag: bool) -> tuple[Entry, ...]:
    """One class for each value, its bounds halfway, so that rounding to single precision in tiles moves none."""
    values = distinct.tolist()
    if not values:
        return ()
    bounds = [None, *((a + b) / 2 for a, b in pairwise(values)), None]
    found = []
    short_of = {value: value if value == math.trunc(value) else float(f"{value:.4g}") for value in values}
    if len(set(short_of.values())) < len(values):
        short_of = dict(zip(values, values, strict=True))
    for value, colour, (low, high) in zip(values, colours.sequential(len(values)), pairwise(bounds), strict=True):
        short = short_of[value]
        en, de = (colours.number(short, "en"), colours.number(short, "de"))
        if flag and value in {0, 1}:
            en, de = _FLAG[int(value)]
        found.append(Entry(colour, en, de, low, high))
    return tuple(found)


def _missing(en: str = "No data", de: str = "Keine Daten") -> Entry:
    return Entry(NO_DATA, en, de)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _drawable(layer: Layer, name: str) -> bool:
    """Whether an attribute has classes or few kinds; names and keys have not."""
    values = layer.table[name]
    if _is_number(values.type) or pa.types.is_boolean(values.type):
        return True
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return False
    # a name that every feature has to itself tells nothing by its colour
    n = len(_distinct(values))
    return n <= MAX_KINDS and (n < len(values) or n == 1)


def _distinct(values: pa.ChunkedArray) -> Sequence[str | bool]:
    """Values of a text or truth column, sorted, without missing and empty ones."""
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    return sorted(value for value in pc.unique(values).to_pylist() if value is not None and value != "")
