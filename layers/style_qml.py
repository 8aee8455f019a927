"""Figures as QGIS layer settings (QML): rules with exact bounds, units in the legend, aliases of all attributes.

Rules, not QGIS's graduated renderer: that counts a bound to both classes and draws nothing where a value is missing.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from lxml import etree
from lxml.builder import E

from layers.layer import Layer
from layers.style_figures import AFAR, Entry, Figure, Kind, Language, from_zoom, kinds_of
from layers.style_outlines import DARK, OUTLINE, is_fine, outline

VERSION = "3.22.16-Białowieża"
_GEOMETRY = {"point": "0", "line": "1", "polygon": "2"}
_WORDS = {"point": "Point", "line": "Line", "polygon": "Polygon"}
_SYMBOLS = {"point": ("marker", "SimpleMarker"), "line": ("line", "SimpleLine"), "polygon": ("fill", "SimpleFill")}


def qml(layer: Layer, figure: Figure, language: Language) -> bytes:
    """Write a style.

    Parameters
    ----------
    layer
        Layer that is drawn.
    figure
        What it is drawn by.
    language
        Of labels and aliases.

    Returns
    -------
    bytes
        XML, UTF-8.
    """
    head = b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return head + bytes(etree.tostring(settings(layer, figure, language), encoding="UTF-8", pretty_print=True))


def settings(layer: Layer, figure: Figure, language: Language) -> etree._Element:
    """Make the element `qgis` of a style, as files and projects hold it."""
    kinds = kinds_of(layer)
    return E.qgis(
        *parts(layer, figure, language),
        E.layerGeometryType(_GEOMETRY[kinds[-1]]),
        version=VERSION,
        styleCategories="Symbology|Labeling|Fields",
        labelsEnabled=str(int(label_of(layer) is not None)),
    )


def parts(layer: Layer, figure: Figure, language: Language) -> list[etree._Element]:
    """Elements of a vector layer in a project: renderer and aliases."""
    aliases = E.aliases()
    for i, column in enumerate(layer.columns):
        title = column.de if language == "de" else column.en
        alias = f"{title} [{column.unit}]" if column.unit else title
        aliases.append(E.alias(field=column.name, index=str(i), name=alias))
    name = label_of(layer)
    labels = [] if name is None else [_labels(name)]
    return [
        *(renderer(layer, figure, language), *labels),
        *(E.blendMode("0"), E.featureBlendMode("0"), E.layerOpacity("1"), aliases),
    ]


def label_of(layer: Layer) -> str | None:
    """Attribute that is written on the map: the name of a statistical area."""
    names = {column.name for column in layer.columns}
    if not names & {"geometry_status", "kreis"}:
        return None
    return next((name for name in ("district", "name") if name in names), None)


def _labels(name: str) -> etree._Element:
    """Names in ink with a white edge, inside their areas."""
    ink, white = _rgba(DARK), "255,255,255,255"
    text = {"fieldName": name, "isExpression": "0", "fontSize": "8", "fontSizeUnit": "Point", "textColor": ink}
    edge = E(
        "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM", bufferColor=white, bufferOpacity="1"
    )
    settings_of_text = E("text-style", edge, {**text, "fontFamily": "DejaVu Sans", "textOpacity": "1"})
    place = E.placement(placement="1", priority="5", centroidInside="1", fitInPolygonOnly="0")
    return E.labeling(E.settings(settings_of_text, place), type="simple")


def renderer(layer: Layer, figure: Figure, language: Language) -> etree._Element:
    """Make the rule-based renderer of a layer, one rule for each entry and kind of geometry."""
    # a rule without a symbol is a heading in the legend
    rules, symbols = E.rule(label=figure.title(language), key=_key(layer.id, figure.id, "title")), E.symbols()
    kinds = kinds_of(layer)
    for kind in kinds:
        for entry in entries(figure):
            name = str(len(rules))
            rule = E.rule(label=entry.text(language), symbol=name, key=_key(layer.id, figure.id, name))
            condition = expression(figure, entry, kind if len(kinds) > 1 else None)
            if condition:
                rule.set("filter", condition)
            rules.append(rule)
            symbols.append(symbol(layer, entry, kind, name))
    tree = E.rules(rules, key=_key(layer.id, figure.id))
    return E("renderer-v2", tree, symbols, type="RuleRenderer", enableorderby="0", forceraster="0", symbollevels="0")


def tile_renderer(layer: Layer, figure: Figure, language: Language) -> etree._Element:
    """Make the renderer of a layer of vector tiles, one style for each entry and kind of geometry."""
    start = from_zoom(layer, figure)
    colour, en, de = AFAR
    afar = Entry(colour, en, de)
    styles = E.styles()
    if start:
        styles.append(_tile_style(layer, afar, "polygon", (afar.text(language), "", "-1", str(start - 1))))
    for kind in reversed(kinds_of(layer)):
        for entry in entries(figure):
            told = (entry.text(language), expression(figure, entry, kind), str(start or -1), "-1")
            styles.append(_tile_style(layer, entry, kind, told))
    return E.renderer(styles, type="basic")


def _tile_style(layer: Layer, entry: Entry, kind: Kind, told: tuple[str, str, str, str]) -> etree._Element:
    """One style of tiles, with its name, condition, and zooms (-1 is no bound)."""
    names = ("name", "expression", "min-zoom", "max-zoom")
    fixed = {"layer": layer.id, "geometry": _GEOMETRY[kind], "enabled": "1"}
    return E.style(E.symbols(symbol(layer, entry, kind, "0")), fixed | dict(zip(names, told, strict=True)))


def entries(figure: Figure) -> list[Entry]:
    """Return all entries of a figure, that of missing values last."""
    return [*figure.entries, *([figure.missing] if figure.missing else [])]


def expression(figure: Figure, entry: Entry, kind: Kind | None = None) -> str:
    """Condition of an entry in QGIS's language, of one kind of geometry if given."""
    conditions = [f"geometry_type($geometry) = '{_WORDS[kind]}'"] if kind else []
    if figure.column:
        conditions.append(_condition(figure, entry))
    return " AND ".join(conditions)


def _condition(figure: Figure, entry: Entry) -> str:
    name = _name(figure.column)
    value = name
    if isinstance(figure.divisor, str):
        value = f"{name} / nullif({_name(figure.divisor)}, 0)"
    if entry is figure.missing:
        others = ", ".join(_text(one) for one in figure.entries if one.value is not None)
        return f"({name} IS NULL OR {name} NOT IN ({others}))" if others else f"({value}) IS NULL"
    if entry.value is not None:
        return f"{name} = {_text(entry)}"
    scale = figure.divisor if isinstance(figure.divisor, float) else 1
    low = [] if entry.low is None else [f"{value} >= {entry.low * scale:.12g}"]
    high = [] if entry.high is None else [f"{value} < {entry.high * scale:.12g}"]
    return " AND ".join([*low, *high]) or f"({value}) IS NOT NULL"


def _name(attribute: str) -> str:
    doubled = attribute.replace('"', '""')
    return f'"{doubled}"'


def _text(entry: Entry) -> str:
    if isinstance(entry.value, bool):
        return str(entry.value).lower()
    escaped = str(entry.value).replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def symbol(layer: Layer, entry: Entry, kind: Kind, name: str) -> etree._Element:
    """Make the symbol of an entry."""
    group, drawn = _SYMBOLS[kind]
    colour, edge = _rgba(entry.colour), _rgba(outline(layer) if kind == "polygon" else OUTLINE)
    if kind == "line":
        options = {"line_color": colour, "line_width": "0.6", "line_width_unit": "MM", "capstyle": "round"}
    elif kind == "point":
        options = {"name": "circle", "color": colour, "size": "2.4", "size_unit": "MM"}
        options |= {"outline_color": edge, "outline_width": "0.2", "outline_style": "solid"}
    else:
        # cells have an edge of their own colour: without one, seams would show between them
        edge, width = (colour, "0.1") if is_fine(layer) else (edge, "0.1" if outline(layer) == DARK else "0.2")
        options = {"color": colour, "style": "solid", "joinstyle": "round"}
        options |= {"outline_color": edge, "outline_style": "solid", "outline_width": width, "outline_width_unit": "MM"}
    listed = E.Option(*(E.Option(name=k, type="QString", value=v) for k, v in options.items()), type="Map")
    made = E.layer(listed, {"class": drawn, "enabled": "1", "locked": "0", "pass": "0"})
    return E.symbol(made, type=group, name=name, alpha="1", clip_to_extent="1", force_rhr="0")


def _rgba(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"


def _key(*names: str) -> str:
    # the same rule has the same key in each answer, so that answers are equal byte for byte
    return f"{{{uuid5(NAMESPACE_URL, ' '.join(names))}}}"
