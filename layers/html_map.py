"""A map as one HTML file: folium with Leaflet inside the file, so that it asks no host for anything."""

from __future__ import annotations

import os
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import branca
import folium
import numpy as np
import orjson

from geo.errors import Problem
from layers import assets, features
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.styles import EMISSIONS, MEASURE, SOCIAL, Classes

WORLD = -180.0, -90.0, 180.0, 90.0
CELL_KM2 = 0.04


def write(catalogue: Catalogue, place: str, path: Path) -> None:
    """Write the map of a place, atomically.

    Parameters
    ----------
    catalogue
        Release to draw.
    place
        Key of a municipality (its districts, if any, and its census cells) or of a region (its municipalities).
    path
        HTML file.

    Raises
    ------
    UnknownCollectionError
        The release has no such place.
    """
    content = html(catalogue, place)
    with tempfile.NamedTemporaryFile("w", dir=path.resolve().parent, delete=False, encoding="utf-8") as file:
        file.write(content)
    os.replace(file.name, path)  # noqa: PTH105 - atomic


def html(catalogue: Catalogue, place: str) -> str:
    """Return the map as text."""
    entry = catalogue.release.places.get(place)
    if entry is None:
        raise UnknownCollectionError(Problem(f"place '{place}'", "does not exist", "See /places for all of them."))
    name = entry["name"]
    cells = "cells" if f"{place}.cells" in catalogue else "stock"
    themes = [t for t in ("municipalities", "districts", cells) if f"{place}.{t}" in catalogue]
    if "municipalities" in themes:
        themes.remove("stock")  # 34,000 cells are for tiles, not for a file that is mailed
    figure = folium.Map(tiles=None, control_scale=True, prefer_canvas=True)
    figure.default_js, figure.default_css = [], []
    used: list[Layer] = []
    first = True
    for theme in reversed(themes):
        base = catalogue.layer(f"{place}.{theme}")
        drawn = [(base, EMISSIONS)] + ([] if theme == cells else [(base, SOCIAL)])
        if f"{place}.{theme}.climate_plan" in catalogue:
            drawn.insert(1, (catalogue.layer(f"{place}.{theme}.climate_plan"), MEASURE))
        used += [layer for layer, _ in drawn]
        for layer, classes in drawn:
            _draw(layer, classes, f"{classes.en} ({theme})", show=first).add_to(figure)
            first = False
    folium.LayerControl(collapsed=False).add_to(figure)
    west, south, east, north = used[0].extent or WORLD
    figure.fit_bounds([[south, west], [north, east]])
    root: Any = figure.get_root()
    for text in _inlined():
        root.header.add_child(branca.element.Element(text))
    root.html.add_child(branca.element.Element(_notes(catalogue, name, used)))
    return str(root.render())


def _draw(layer: Layer, classes: Classes, title: str, *, show: bool) -> folium.GeoJson:
    """One figure of one layer, coloured by its classes, with the figures in a tooltip."""
    drawn = orjson.loads(b"[%b]" % features.features(layer, np.arange(len(layer))))
    area = layer.column("area_km2") if "area_km2" in layer.table.column_names else np.full(len(layer), CELL_KM2)
    label = next(c for c in ("name", "area_id") if c in layer.table.column_names)
    for row, feature in enumerate(drawn):
        value = feature["properties"][classes.column]
        if value is not None and classes.per == "km2":
            value /= area[row]
        feature["properties"] = {
            "place": feature["properties"][label],
            "value": None if value is None else round(value, 2),
            "colour": classes.colour(value),
        }
        _shorten(feature["geometry"])

    def style(feature: dict[str, Any]) -> dict[str, Any]:
        return {"fillColor": feature["properties"]["colour"], "color": "#5b6973", "weight": 0.4, "fillOpacity": 0.85}

    return folium.GeoJson(
        {"type": "FeatureCollection", "features": drawn},
        name=title,
        style_function=style,
        tooltip=folium.GeoJsonTooltip(fields=["place", "value"], aliases=["Area", classes.en], localize=True),
        show=show,
        overlay=False,
    )


def _shorten(geometry: dict[str, Any]) -> None:
    """Five decimals are a metre: enough to look at, half the file."""

    def cut(item: Any) -> Any:  # noqa: ANN401 - nested lists of any depth
        return round(item, 5) if isinstance(item, float) else [cut(i) for i in item]

    geometry["coordinates"] = cut(geometry["coordinates"])


def _inlined() -> list[str]:
    folder = assets.VENDOR / "leaflet"
    css = (folder / "leaflet.css").read_text(encoding="utf-8")
    # the only pictures of Leaflet's style sheet are those of controls and markers that this map does not have
    css = "\n".join(line for line in css.splitlines() if "url(images/" not in line)
    script = (folder / "leaflet.js").read_text(encoding="utf-8").split("//# sourceMappingURL")[0]
    return [f"<style>{css}</style>", f"<script>{script}</script>"]


def _notes(catalogue: Catalogue, name: str, used: list[Layer]) -> str:
    sources = catalogue.sources
    lines = dict.fromkeys(
        f"{sources[i]['attribution']} ({sources[i]['licence']})" for layer in used for i in layer.source_ids
    )
    legend = "".join(
        f"<p><b>{escape(c.en)}</b><br>"
        + "".join(f'<span style="background:{colour}">&emsp;</span> {escape(text)}<br>' for colour, text in c.labels())
        + "</p>"
        for c in (EMISSIONS, MEASURE, SOCIAL)
    )
    warnings = "".join(f"<p>{escape(text)}</p>" for text in dict.fromkeys(layer.description for layer in used))
    return (
        '<details style="position:fixed;bottom:64px;left:8px;z-index:1000;background:#fff;padding:8px 12px;'
        'max-width:320px;max-height:70vh;overflow:auto;font:13px sans-serif;border:1px solid #999" open>'
        f"<summary><b>Revier: {escape(name)}</b> – modelled, release {escape(catalogue.release.id)}</summary>"
        f"{legend}<details><summary>How sure this is, sources</summary>{warnings}"
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul></details></details>"
    )
