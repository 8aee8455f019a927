"""Rasters of cells as a Web Map Tile Service (OGC 07-057r7): capabilities and exceptions in XML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree
from lxml.builder import ElementMaker

from layers.tile_matrices import TILE_PX, WEB_MERCATOR_QUAD, projected

VERSION = "1.0.0"
NAMESPACES = {
    None: "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_SCHEMA = "http://www.opengis.net/wmts/1.0 http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd"
_W = ElementMaker(namespace=NAMESPACES[None], nsmap=NAMESPACES)
_O = ElementMaker(namespace=NAMESPACES["ows"], nsmap=NAMESPACES)
_HREF = f"{{{NAMESPACES['xlink']}}}href"
# zooms that tiles are drawn at
MAX_ZOOM = 18


@dataclass(frozen=True)
class Figure:
    """One way to draw a raster: a style of WMTS.

    Attributes
    ----------
    name, title
        Attribute that is drawn, and its title.
    legend
        Address of its legend as a picture; empty where there is none.
    """

    name: str
    title: str
    legend: str = ""


@dataclass(frozen=True)
class RasterLayer:
    """One collection of cells: a layer of WMTS.

    Attributes
    ----------
    id, title, description
        Of the collection.
    extent
        West, south, east, north in degrees.
    figures
        What can be drawn; the first is drawn when no style is named.
    template
        Address of a tile with {Style}, {TileMatrixSet}, {TileMatrix}, {TileRow} and {TileCol}.
    """

    id: str
    title: str
    description: str
    extent: tuple[float, float, float, float]
    figures: tuple[Figure, ...]
    template: str


@dataclass(frozen=True)
class Service:
    """Who offers the service.

    Attributes
    ----------
    title, abstract
        For people.
    address
        Where requests with parameters go.
    document
        Address of the capabilities without parameters.
    provider, homepage
        Name and address of the publisher; empty where not set.
    access
        Licences, in a sentence.
    """

    title: str
    abstract: str
    address: str
    document: str
    provider: str = ""
    homepage: str = ""
    access: str = ""


def capabilities(service: Service, layers: Iterable[RasterLayer]) -> bytes:
    """Write the capabilities: every layer with its styles, and the address of its tiles with and without parameters."""
    root = _W.Capabilities(version=VERSION)
    root.set(f"{{{NAMESPACES['xsi']}}}schemaLocation", _SCHEMA)
    root.append(_identification(service))
    if service.provider:
        provider = _O.ServiceProvider(_O.ProviderName(_clean(service.provider)))
        if service.homepage:
            provider.append(_O.ProviderSite({_HREF: service.homepage}))
        # the schema asks for a contact, its parts may be left out
        provider.append(_O.ServiceContact())
        root.append(provider)
    root.append(_O.OperationsMetadata(*(_operation(name, service) for name in ("GetCapabilities", "GetTile"))))
    root.append(_W.Contents(*map(_layer, layers), _matrix_set()))
    root.append(_W.ServiceMetadataURL({_HREF: service.document}))
    return _text(root)


def exception(code: str, text: str, locator: str = "") -> bytes:
    """Write an `ows:ExceptionReport` with one exception."""
    maker = ElementMaker(namespace=NAMESPACES["ows"], nsmap={"ows": NAMESPACES["ows"]})
    told = maker.Exception(maker.ExceptionText(_clean(text)), exceptionCode=code)
    if locator:
        told.set("locator", _clean(locator))
    report = maker.ExceptionReport(told, version="1.1.0")
    report.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return _text(report)


def _identification(service: Service) -> etree._Element:
    parts = [
        _O.Title(_clean(service.title)),
        _O.Abstract(_clean(service.abstract)),
        _O.ServiceType("OGC WMTS"),
        _O.ServiceTypeVersion(VERSION),
    ]
    parts.append(_O.Fees("none"))
    if service.access:
        parts.append(_O.AccessConstraints(_clean(service.access)))
    return _O.ServiceIdentification(*parts)


def _operation(name: str, service: Service) -> etree._Element:
    ways = [(f"{service.address}?", "KVP")]
    if name == "GetCapabilities":
        ways.append((service.document, "RESTful"))
    gets = [
        _O.Get(_O.Constraint(_O.AllowedValues(_O.Value(encoding)), name="GetEncoding"), {_HREF: address})
        for address, encoding in ways
    ]
    return _O.Operation(_O.DCP(_O.HTTP(*gets)), name=name)


def _layer(layer: RasterLayer) -> etree._Element:
    west, south, east, north = layer.extent
    parts = [_O.Title(_clean(layer.title)), _O.Abstract(_clean(layer.description)), _wgs84(west, south, east, north)]
    parts.append(_O.Identifier(layer.id))
    box = projected(WEB_MERCATOR_QUAD, layer.extent)
    if box is not None:
        lower, upper = (
            _O(tag, f"{x:.3f} {y:.3f}") for tag, x, y in (("LowerCorner", *box[:2]), ("UpperCorner", *box[2:]))
        )
        parts.append(_O.BoundingBox(lower, upper, crs="urn:ogc:def:crs:EPSG::3857"))
    parts += [_style(figure, first=i == 0) for i, figure in enumerate(layer.figures)]
    parts += [
        _W.Format("image/png"),
        _W.TileMatrixSetLink(_W.TileMatrixSet(WEB_MERCATOR_QUAD.id)),
        _W.ResourceURL(format="image/png", resourceType="tile", template=layer.template),
    ]
    return _W.Layer(*parts)


def _style(figure: Figure, *, first: bool) -> etree._Element:
    style = _W.Style(_O.Title(_clean(figure.title)), _O.Identifier(figure.name))
    if figure.legend:
        style.append(_W.LegendURL({_HREF: figure.legend}, format="image/png"))
    if first:
        style.set("isDefault", "true")
    return style


def _wgs84(west: float, south: float, east: float, north: float) -> etree._Element:
    corners = _O.LowerCorner(f"{west:.7f} {south:.7f}"), _O.UpperCorner(f"{east:.7f} {north:.7f}")
    return _O.WGS84BoundingBox(*corners)


def _matrix_set() -> etree._Element:
    tms = WEB_MERCATOR_QUAD
    corner = f"{tms.west_m:.7f} {tms.north_m:.7f}"
    matrices = [
        _W.TileMatrix(
            _O.Identifier(matrix.id),
            _W.ScaleDenominator(repr(matrix.scale_denominator)),
            _W.TopLeftCorner(corner),
            _W.TileWidth(str(TILE_PX)),
            _W.TileHeight(str(TILE_PX)),
            _W.MatrixWidth(str(matrix.width)),
            _W.MatrixHeight(str(matrix.width)),
        )
        for matrix in tms.tile_matrices[: MAX_ZOOM + 1]
    ]
    return _W.TileMatrixSet(
        _O.Title(tms.title),
        _O.Identifier(tms.id),
        _O.SupportedCRS("urn:ogc:def:crs:EPSG::3857"),
        _W.WellKnownScaleSet("urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"),
        *matrices,
    )


def _clean(text: str) -> str:
    """Leave out the control characters that XML cannot hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
    )


def _text(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
