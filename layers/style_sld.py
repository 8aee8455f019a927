"""Figures as styled layer descriptors (SLD 1.1 with Symbology Encoding 1.1), for GeoServer, ArcGIS tools and QGIS."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree
from lxml.builder import ElementMaker

from layers.layer import Layer
from layers.style_figures import Entry, Figure, Kind, Language, kinds_of
from layers.style_outlines import OUTLINE, is_fine, outline

SLD, SE, OGC = "http://www.opengis.net/sld", "http://www.opengis.net/se", "http://www.opengis.net/ogc"
_NAMES = {None: SLD, "se": SE, "ogc": OGC, "xlink": "http://www.w3.org/1999/xlink"}
_sld = ElementMaker(namespace=SLD, nsmap=_NAMES)
_se = ElementMaker(namespace=SE, nsmap=_NAMES)
_ogc = ElementMaker(namespace=OGC, nsmap=_NAMES)


def sld(layer: Layer, figure: Figure, language: Language) -> bytes:
    """Write a style.

    Parameters
    ----------
    layer
        Layer that is drawn; its id is the name in the document.
    figure
        What it is drawn by.
    language
        Of titles.

    Returns
    -------
    bytes
        XML, UTF-8.
    """
    entries = [*figure.entries, *([figure.missing] if figure.missing else [])]
    drawn = _se.FeatureTypeStyle(*(_rule(layer, figure, entry, language) for entry in entries))
    title = figure.title(language)
    document = _sld.StyledLayerDescriptor(
        _sld.NamedLayer(
            _se.Name(layer.id),
            _sld.UserStyle(_se.Name(figure.id), _se.Description(_se.Title(title)), drawn),
        ),
        version="1.1.0",
    )
    written: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _rule(layer: Layer, figure: Figure, entry: Entry, language: Language) -> etree._Element:
    text = entry.text(language)
    made = _se.Rule(_se.Name(text), _se.Description(_se.Title(text)))
    condition = _condition(figure, entry)
    if condition is not None:
        made.append(_ogc.Filter(condition))
    # a symbolizer only acts on geometry of its kind
    made.extend(_symbolizer(layer, entry, kind) for kind in reversed(kinds_of(layer)))
    return made


def _condition(figure: Figure, entry: Entry) -> etree._Element | None:
    if not figure.column:
        return None
    if entry is figure.missing:
        return _missing(figure)
    if entry.value is not None:
        return _ogc.PropertyIsEqualTo(_ogc.PropertyName(figure.column), _ogc.Literal(_literal(entry)))
    conditions = [_ogc.Not(_null(figure.column))]
    if isinstance(figure.divisor, str):
        conditions.append(_ogc.PropertyIsGreaterThan(_ogc.PropertyName(figure.divisor), _ogc.Literal("0")))
    if entry.low is not None:
        conditions.append(_ogc.PropertyIsGreaterThanOrEqualTo(*_compared(figure, entry.low)))
    if entry.high is not None:
        conditions.append(_ogc.PropertyIsLessThan(*_compared(figure, entry.high)))
    return _ogc.And(*conditions) if len(conditions) > 1 else conditions[0]


def _compared(figure: Figure, bound: float) -> tuple[etree._Element, etree._Element]:
    name = _ogc.PropertyName(figure.column)
    if isinstance(figure.divisor, str):
        return _ogc.Div(name, _ogc.PropertyName(figure.divisor)), _ogc.Literal(f"{bound:.12g}")
    return name, _ogc.Literal(f"{bound * (figure.divisor or 1):.12g}")


def _missing(figure: Figure) -> etree._Element:
    """Features without a value, and those with one that nobody foresaw."""
    null = _null(figure.column)
    if isinstance(figure.divisor, str):
        none = _ogc.PropertyIsLessThanOrEqualTo(_ogc.PropertyName(figure.divisor), _ogc.Literal("0"))
        return _ogc.Or(null, _null(figure.divisor), none)
    differs: Callable[..., etree._Element] = _ogc.PropertyIsNotEqualTo
    others = [
        differs(_ogc.PropertyName(figure.column), _ogc.Literal(_literal(entry)))
        for entry in figure.entries
        if entry.value is not None
    ]
    if not others:
        return null
    return _ogc.Or(null, others[0] if len(others) == 1 else _ogc.And(*others))


def _null(name: str) -> etree._Element:
    return _ogc.PropertyIsNull(_ogc.PropertyName(name))


def _literal(entry: Entry) -> str:
    return entry.value if isinstance(entry.value, str) else str(entry.value).lower()


def _symbolizer(layer: Layer, entry: Entry, kind: Kind) -> etree._Element:
    if kind == "line":
        return _se.LineSymbolizer(_stroke(entry.colour, "2"))
    if kind == "point":
        mark = _se.Mark(_se.WellKnownName("circle"), _fill(entry.colour), _stroke(OUTLINE, "0.7"))
        return _se.PointSymbolizer(_se.Graphic(mark, _se.Size("8")))
    edge = _stroke(entry.colour, "0.2") if is_fine(layer) else _stroke(outline(layer), "0.4")
    return _se.PolygonSymbolizer(_fill(entry.colour), edge)


def _fill(colour: str) -> etree._Element:
    return _se.Fill(_se.SvgParameter(colour, name="fill"))


def _stroke(colour: str, width: str) -> etree._Element:
    return _se.Stroke(_se.SvgParameter(colour, name="stroke"), _se.SvgParameter(width, {"name": "stroke-width"}))
