"""A QGIS project of a place: all its collections in groups, styled, with titles, licences, CRS and extent.

Small layers are features (OGC API Features), large ones vector tiles, cells of a grid raster tiles as well. Written as
XML, for a server has no QGIS. Scenarios have the classes of the planner's map, so that none is computed for a project.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from lxml import etree
from lxml.builder import E
from pyproj import CRS, Transformer

from geo.errors import Problem
from layers import grids, rasters, style_figures, style_qml, tilesets
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.layer import MERCATOR, WGS84, Layer
from layers.scenarios import NAMES
from layers.style_figures import Figure, Language, kinds_of
from layers.style_maplibre import WORLD
from layers.tile_matrices import WEB_MERCATOR_QUAD

MAX_FEATURES = 20_000
MEDIA_TYPE = "application/x-qgis-project-container"
# group of each theme, in the order of the tree; what is not named here comes under the last
GROUPS = {
    "areas": ("Municipalities and districts", "Gemeinden und Bezirke"),
    "stock": ("Building stock", "Gebäudebestand"),
    "low_income": ("Low income", "Einkommensschwache Gebiete"),
    "heat": ("Heat", "Hitze"),
    "green": ("Green and water", "Grün und Wasser"),
    "scenarios": ("Scenarios", "Szenarien"),
    "rasters": ("Raster tiles", "Rasterkacheln"),
    "other": ("More layers", "Weitere Ebenen"),
}
THEMES = {
    "municipalities": ("areas", "Municipalities", "Gemeinden"),
    "districts": ("areas", "Districts", "Bezirke"),
    "stock": ("stock", "Building stock", "Gebäudebestand"),
    "cells": ("stock", "Stock on cells of 200 m", "Bestand auf Zellen von 200 m"),
    "low_income": ("low_income", "Low income", "Einkommensschwache Gebiete"),
    "priority": ("low_income", "High need, little supply", "Hoher Bedarf, wenig Versorgung"),
    "benefits": ("low_income", "Whom it benefits", "Wem es nützt"),
    "heat": ("heat", "Warm and cool air", "Warme und kühle Luft"),
    "access": ("green", "Green and water within reach", "Erreichbares Grün und Wasser"),
    "green": ("green", "Green", "Grün"),
    "blue": ("green", "Water", "Wasser"),
}
_VECTOR = {
    "point": ("Point", "MultiPoint"),
    "line": ("Line", "MultiLineString"),
    "polygon": ("Polygon", "MultiPolygon"),
}
# files of equal content are equal byte for byte
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class _Project:
    """What all parts of a project need to know."""

    catalogue: Catalogue
    key: str
    base: str
    language: Language

    @cached_property
    def sources(self) -> dict[str, dict[str, Any]]:
        return self.catalogue.sources

    @cached_property
    def crs(self) -> CRS:
        return self.catalogue.crs(self.key)

    def word(self, pair: tuple[str, str]) -> str:
        return pair[1] if self.language == "de" else pair[0]


def project(catalogue: Catalogue, key: str, base_url: str, language: Language = "de") -> bytes:
    """Write the project of a place.

    Parameters
    ----------
    catalogue
        What is published to the reader.
    key
        Place.
    base_url
        Address of the service, without a slash at its end.
    language
        Of groups, layers, legends and attributes.

    Returns
    -------
    bytes
        A `.qgz` file: `{key}.qgs` in a ZIP archive, for QGIS 3.22 and later.

    Raises
    ------
    UnknownCollectionError
        There is no such place, or nothing of it is published.
    """
    names = [name for name in catalogue.ids() if name.split(".")[0] == key]
    if not names or key not in catalogue.release.places:
        raise UnknownCollectionError(Problem(f"place '{key[:40]}'", "does not exist", "See /places for all of them."))
    content = _document(_Project(catalogue, key, base_url, language), [catalogue.layer(name) for name in names])
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo(f"{key}.qgs", _LONG_AGO)
        entry.compress_type = zipfile.ZIP_DEFLATED
        file.writestr(entry, content)
    return packed.getvalue()


def _document(about: _Project, layers: list[Layer]) -> bytes:
    place = about.catalogue.release.places[about.key]["name"]
    layers = [layer for layer in layers if kinds_of(layer)]
    tree, maps = E("layer-tree-group"), E.projectlayers()
    groups: dict[tuple[str, ...], etree._Element] = {}
    shown = _shown_first(layers)
    for layer in sorted(layers, key=_rank):
        made = _map_layer(about, layer)
        maps.append(made)
        _group(about, tree, groups, _path(layer)).append(_node(made, checked=layer is shown))
    for layer in (layer for layer in sorted(layers, key=_rank) if grids.is_gridded(layer)):
        made = _raster_layer(about, layer)
        maps.append(made)
        _group(about, tree, groups, ("rasters",)).append(_node(made, checked=False))
    title = f"{place} – Revier"
    extent = _extent(about, layers)
    canvas = E.mapcanvas(
        E.units("meters"),
        _box("extent", extent),
        E.rotation("0"),
        E.destinationsrs(_crs(about.crs)),
        E.rendermaptile("0"),
        name="theMapCanvas",
    )
    view = E.ProjectViewSettings(
        E.DefaultViewExtent(_crs(about.crs), {k: repr(v) for k, v in extent.items()}), UseProjectScales="0"
    )
    document = E.qgis(
        *(
            E.title(title),
            E.projectCrs(_crs(about.crs)),
            tree,
            canvas,
            maps,
            view,
            _about_project(about, title, layers),
        ),
        # without it QGIS reads no CRS
        E.properties(E.SpatialRefSys(E.ProjectionsEnabled("1", type="int"))),
        projectname=title,
        version=style_qml.VERSION,
    )
    head = b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return head + bytes(etree.tostring(document, encoding="UTF-8", pretty_print=True))


def _theme(layer: Layer) -> tuple[str, str]:
    """Theme of a collection, and its scenario or nothing."""
    parts = [*layer.id.split(".", 2), "", ""]
    return parts[1], parts[2]


def _path(layer: Layer) -> tuple[str, ...]:
    theme, scenario = _theme(layer)
    if scenario:
        return ("scenarios", scenario)
    return (THEMES.get(theme.split("-")[0], ("other",))[0],)


def _rank(layer: Layer) -> tuple[int, str, int, str]:
    """Place in the tree: by group, scenario, theme."""
    theme, scenario = _theme(layer)
    known = [*THEMES, theme.split("-")[0]]
    order = list(NAMES)
    later = f"{order.index(scenario)}" if scenario in order else f"9{scenario}"
    return list(GROUPS).index(_path(layer)[0]), later, known.index(theme.split("-")[0]), theme


def _shown_first(layers: list[Layer]) -> Layer:
    """Layer that is switched on: areas, else the coarsest of the place."""
    ranked = sorted(layers, key=lambda layer: (_rank(layer)[0], layer.min_zoom, _rank(layer)))
    return ranked[0]


def _group(
    about: _Project, tree: etree._Element, groups: dict[tuple[str, ...], etree._Element], path: tuple[str, ...]
) -> etree._Element:
    """Find or make the group at a path."""
    if path not in groups:
        parent = tree if len(path) == 1 else _group(about, tree, groups, path[:1])
        name = about.word(GROUPS[path[0]]) if len(path) == 1 else about.word(_scenario(about, path[1]))
        expanded = str(int(path[0] == "areas"))
        groups[path] = E("layer-tree-group", name=name, checked="Qt::Checked", expanded=expanded)
        parent.append(groups[path])
    return groups[path]


def _scenario(about: _Project, name: str) -> tuple[str, str]:
    if name in NAMES:
        return NAMES[name]
    title = about.catalogue.store.get(about.key, name).name
    return title, title


def _title(about: _Project, layer: Layer) -> str:
    """Title in the language of the project: what is in the layer, with the scenario."""
    theme, scenario = _theme(layer)
    known = THEMES.get(theme.split("-")[0])
    if known is None:
        return layer.title
    level = f" ({theme.partition('-')[2]})" if "-" in theme else ""
    of = f", {about.word(_scenario(about, scenario))}" if scenario else ""
    return f"{about.word(known[1:])}{level}{of}"


def _node(made: etree._Element, *, checked: bool) -> etree._Element:
    return E(
        "layer-tree-layer",
        id=made.findtext("id") or "",
        name=made.findtext("layername") or "",
        source=made.findtext("datasource") or "",
        providerKey=made.findtext("provider") or "",
        checked="Qt::Checked" if checked else "Qt::Unchecked",
        expanded=str(int(checked)),
        legend_exp="",
    )


def _map_layer(about: _Project, layer: Layer) -> etree._Element:
    figure = style_figures.figure(layer)
    # a layer of QGIS has one kind of geometry, tiles have any
    if len(layer) > MAX_FEATURES or len(kinds_of(layer)) > 1:
        return _tile_layer(about, layer, figure)
    kind = kinds_of(layer)[0]
    source = (
        f"pagingEnabled='true' restrictToRequestBBOX='1' srsname='OGC:CRS84' typename='{layer.id}' "
        f"url='{about.base}' version='OGC_API_FEATURES'"
    )
    made = E.maplayer(
        *_described(about, layer, "features", source, "OAPIF", WGS84),
        _style_manager(about, layer),
        *style_qml.parts(layer, figure, about.language),
        type="vector",
        geometry=_VECTOR[kind][0],
        wkbType=_VECTOR[kind][1],
        labelsEnabled=str(int(style_qml.label_of(layer) is not None)),
    )
    made.set("styleCategories", "AllStyleCategories")
    return made


def _style_manager(about: _Project, layer: Layer) -> etree._Element:
    """Further styles that can be switched to in QGIS; of a scenario those that need no computing."""
    manager = E("map-layer-style-manager", E("map-layer-style", name="default"), current="default")
    for figure in _further(layer):
        name = figure.title(about.language)
        manager.append(E("map-layer-style", style_qml.settings(layer, figure, about.language), name=name))
    return manager


def _further(layer: Layer) -> list[Figure]:
    if _theme(layer)[1]:
        fixed = (style_figures.of_map(layer, column) for column in layer.columns)
        found = [figure for figure in fixed if figure is not None]
    else:
        found = style_figures.figures(layer)[1:]
    drawn = style_figures.figure(layer).column
    return list({figure.en: figure for figure in found if figure.column != drawn}.values())


def _tile_layer(about: _Project, layer: Layer, figure: Figure) -> etree._Element:
    zooms = tilesets.zooms(WEB_MERCATOR_QUAD)
    url = f"{about.base}/collections/{quote(layer.id)}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D"
    source = f"type=xyz&url={url}&zmin={zooms.start}&zmax={zooms.stop - 1}"
    return E.maplayer(
        *_described(about, layer, "tiles", source, "vectortile", MERCATOR),
        style_qml.tile_renderer(layer, figure, about.language),
        E.blendMode("0"),
        E.layerOpacity("1"),
        type="vector-tile",
    )


def _raster_layer(about: _Project, layer: Layer) -> etree._Element:
    column = style_figures.figure(layer).column
    url = f"{about.base}/collections/{quote(layer.id)}/map/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D.png"
    # the address is a value inside another one: its own question mark and equals sign are escaped
    source = f"type=xyz&url={url}{quote(f'?column={quote(column)}', safe='')}&zmin=0&zmax={rasters.MAX_ZOOM}"
    made = E.maplayer(*_described(about, layer, "raster", source, "wms", MERCATOR), type="raster")
    # a picture has no legend of its own: its name says what is drawn
    name = made.find("layername")
    assert name is not None  # noqa: S101 - made above
    name.text = f"{_title(about, layer)}: {style_figures.figure(layer).title(about.language)}"
    return made


def _described(about: _Project, layer: Layer, kind: str, source: str, provider: str, crs: CRS) -> list[etree._Element]:
    """Elements that layers of any kind have: id, source, title, CRS, and where all of it comes from."""
    used = [about.sources[name] for name in layer.source_ids if name in about.sources]
    page = f"{about.base}/collections/{quote(layer.id)}"
    credit = "; ".join(dict.fromkeys(source["attribution"] for source in used))
    metadata = E.resourceMetadata(
        E.identifier(page),
        E.language(about.language),
        E.type("dataset"),
        E.title(layer.title),
        E.abstract(layer.description),
        E.links(E.link(url=page, type="WWW:LINK", name=layer.id, description="", format="", mimeType="", size="")),
        *(E.rights(text) for text in dict.fromkeys(source["attribution"] for source in used)),
        *(E.license(text) for text in dict.fromkeys(source["licence"] for source in used)),
    )
    identity = f"{kind}_{uuid5(NAMESPACE_URL, layer.id)}".replace("-", "_")
    return [
        E.id(identity),
        E.datasource(source),
        E.layername(_title(about, layer)),
        E.srs(_crs(crs)),
        metadata,
        E.attribution(credit, href=page),
        E.provider(provider, encoding="UTF-8"),
    ]


def _crs(crs: CRS) -> etree._Element:
    authority = crs.to_authority()
    named = [E.authid(":".join(authority))] if authority else []
    return E.spatialrefsys(E.wkt(crs.to_wkt("WKT2_2019")), *named)


def _extent(about: _Project, layers: list[Layer]) -> dict[str, float]:
    """Box of the layer that is shown first, in the CRS of the place, a twentieth wider."""
    to_place = Transformer.from_crs(WGS84, about.crs, always_xy=True)
    # of the whole world where nothing tells
    box = _shown_first(layers).extent or WORLD
    west, south, east, north = to_place.transform_bounds(*box)
    room_x, room_y = (east - west) / 20, (north - south) / 20
    return {"xmin": west - room_x, "ymin": south - room_y, "xmax": east + room_x, "ymax": north + room_y}


def _box(name: str, extent: dict[str, float]) -> etree._Element:
    return E(name, *[E(side, repr(value)) for side, value in extent.items()])


def _about_project(about: _Project, title: str, layers: list[Layer]) -> etree._Element:
    used = dict.fromkeys(name for layer in layers for name in layer.source_ids if name in about.sources)
    return E.projectMetadata(
        E.identifier(f"{about.base}/places/{about.key}/qgis"),
        E.language(about.language),
        E.type("project"),
        E.title(title),
        E.links(),
        *(E.license(text) for text in dict.fromkeys(about.sources[name]["licence"] for name in used)),
        *(E.rights(text) for text in dict.fromkeys(about.sources[name]["attribution"] for name in used)),
    )
