"""Figures as MapLibre styles (version 8): one layer for each class, so that QGIS shows each with its name.

QGIS 3.22 reads comparisons in filters but no arithmetic: bounds are multiplied where the divisor is a number. Where it
is an attribute (districts per km²), MapLibre draws the style, and QGIS has the SLD, the QML and the project file.
"""

from __future__ import annotations

from typing import Any

from layers import tilesets
from layers.layer import Layer
from layers.style_figures import AFAR, Entry, Figure, Kind, Language, from_zoom, kinds_of
from layers.style_outlines import OUTLINE, is_fine, outline
from layers.tile_matrices import WEB_MERCATOR_QUAD

WORLD = (-180.0, -85.0, 180.0, 85.0)
# zoom at which a city fills a screen
NEAR = 9
_TYPES: dict[Kind, tuple[str, str]] = {
    "polygon": ("fill", "Polygon"),
    "line": ("line", "LineString"),
    "point": ("circle", "Point"),
}


def style(layer: Layer, figure: Figure, url: str, attribution: str, language: Language) -> dict[str, Any]:
    """Make a style.

    Parameters
    ----------
    layer
        Layer that is drawn.
    figure
        What it is drawn by.
    url
        Address of its vector tiles with {z}, {y} and {x}.
    attribution
        Names its sources.
    language
        Of titles and names of classes.

    Returns
    -------
    dict
        Style document; ids of its layers are the texts of the legend.
    """
    zooms = tilesets.zooms(WEB_MERCATOR_QUAD)
    west, south, east, north = layer.extent or WORLD
    entries = [*figure.entries, *([figure.missing] if figure.missing else [])]
    kinds = kinds_of(layer)
    return {
        "version": 8,
        "name": f"{layer.title}: {figure.title(language)}",
        "metadata": {"collection": layer.id, "style": figure.id, "attribute": figure.column, "status": figure.how},
        "center": [(west + east) / 2, (south + north) / 2],
        "zoom": max(zooms.start, NEAR),
        "sources": {
            "collection": {
                "type": "vector",
                "tiles": [url],
                "minzoom": zooms.start,
                "maxzoom": zooms.stop - 1,
                "bounds": [west, south, east, north],
                "attribution": attribution,
            }
        },
        # polygons first: lines and points stand on them
        "layers": [
            *_from_afar(layer, figure, language),
            *(
                _layer(layer, figure, entry, kind, language, several=len(kinds) > 1)
                for kind in reversed(kinds)
                for entry in entries
            ),
        ],
    }


def _of(layer: Layer) -> dict[str, str]:
    return {"source": "collection", "source-layer": layer.id}


def _from_afar(layer: Layer, figure: Figure, language: Language) -> list[dict[str, Any]]:
    """Squares at low zooms that have no class of the figure: they show where something is."""
    start = from_zoom(layer, figure)
    if not start:
        return []
    colour, en, de = AFAR
    paint = {"fill-color": colour, "fill-antialias": False}
    return [{"id": de if language == "de" else en, "type": "fill", **_of(layer), "maxzoom": start, "paint": paint}]


def _layer(
    layer: Layer, figure: Figure, entry: Entry, kind: Kind, language: Language, *, several: bool
) -> dict[str, Any]:
    drawn, geometry = _TYPES[kind]
    text = entry.text(language)
    conditions = [*([["==", ["geometry-type"], geometry]] if several else []), *condition(figure, entry)]
    made: dict[str, Any] = {
        "id": f"{text} ({geometry})" if several else text,
        "type": drawn,
        **_of(layer),
        "paint": _paint(layer, entry, kind),
    }
    if start := from_zoom(layer, figure):
        made["minzoom"] = start
    if conditions:
        made["filter"] = conditions[0] if len(conditions) == 1 else ["all", *conditions]
    return made


def condition(figure: Figure, entry: Entry) -> list[Any]:
    """Filters that all hold for the features of an entry."""
    if not figure.column:
        return []
    value: list[Any] = ["get", figure.column]
    divided = isinstance(figure.divisor, str)
    known: list[Any] = [["has", figure.column]]
    if divided:
        known += [["has", figure.divisor], [">", ["get", figure.divisor], 0]]
    if entry is figure.missing:
        return _missing(figure, known)
    if entry.value is not None:
        return [*known, ["==", value, entry.value]]
    scale = figure.divisor if isinstance(figure.divisor, float) else 1
    compared = ["/", value, ["get", figure.divisor]] if divided else value
    low = [] if entry.low is None else [[">=", compared, _scaled(entry.low, scale)]]
    high = [] if entry.high is None else [["<", compared, _scaled(entry.high, scale)]]
    return [*known, *low, *high]


def _scaled(bound: float, scale: float) -> float:
    # 30 x 0.04 is 1.2 and not 1.2000000000000002
    return float(f"{bound * scale:.12g}")


def _missing(figure: Figure, known: list[Any]) -> list[Any]:
    if len(known) == 1:
        others = [["!=", ["get", figure.column], entry.value] for entry in figure.entries if entry.value is not None]
        # a value that nobody foresaw is drawn as missing, never left out
        return [["any", ["!", known[0]], ["all", *others]]] if others else [["!", known[0]]]
    return [["any", *(["!", one] for one in known[:2]), ["<=", ["get", figure.divisor], 0]]]


def _paint(layer: Layer, entry: Entry, kind: Kind) -> dict[str, Any]:
    if kind == "line":
        return {"line-color": entry.colour, "line-width": 2}
    if kind == "point":
        return {
            "circle-color": entry.colour,
            "circle-radius": 4,
            "circle-stroke-color": OUTLINE,
            "circle-stroke-width": 0.7,
        }
    if is_fine(layer):
        # cells stand side by side: a seam between them would be a pattern that nobody measured
        return {"fill-color": entry.colour, "fill-antialias": False}
    return {"fill-color": entry.colour, "fill-outline-color": outline(layer)}
