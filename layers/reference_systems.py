"""Reference systems by the names that OGC API uses, and the order of their axes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from pyproj import CRS

from geo.errors import InputError, Problem
from layers.drawn import MERCATOR, WGS84
from layers.layer import Layer

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_WRITTEN = re.compile(
    r"https?://www\.opengis\.net/def/crs/EPSG/[\w.]+/(\d{4,6})|\[?EPSG:(\d{4,6})\]?|urn:ogc:def:crs:EPSG:[\w.]*:(\d{4,6})",
    re.ASCII | re.IGNORECASE,
)
_WRITTEN_84 = re.compile(
    r"https?://www\.opengis\.net/def/crs/OGC/[\w.]+/CRS84h?|\[?OGC:CRS84\]?|CRS84|urn:ogc:def:crs:OGC:[\w.]*:CRS84",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """A reference system as it is served.

    Attributes
    ----------
    uri
        Its name.
    crs
        Coordinates here are always x (east) first.
    swap
        Whether answers in it give y (north) first, as its definition has it.
    """

    uri: str
    crs: CRS
    swap: bool


LONLAT = Reference(CRS84, WGS84, swap=False)
COMMON = (LONLAT, Reference(f"{_EPSG}4326", WGS84, swap=True), Reference(f"{_EPSG}3857", MERCATOR, swap=False))


def own(layer: Layer) -> Reference:
    """Reference system that a layer is kept in."""
    return _own(layer.crs.to_wkt())


@cache
def _own(wkt: str) -> Reference:
    crs = CRS.from_wkt(wkt)
    code = crs.to_epsg(min_confidence=100) or crs.to_epsg()
    if code == 4326:
        return LONLAT
    # what has no name of its own is served in the common ones
    return Reference(f"{_EPSG}{code}", crs, swap=_north_first(crs)) if code else LONLAT


def served(layer: Layer) -> tuple[Reference, ...]:
    """Reference systems that a layer is served in, the default first, without doubles."""
    return tuple({one.uri: one for one in (*COMMON, own(layer))}.values())


def named(name: str, layer: Layer, parameter: str) -> Reference:
    """Reference system of a layer by its name.

    Parameters
    ----------
    name
        URI, URN or CURIE such as ``EPSG:25832``.
    layer, parameter
        Layer that it is asked of and parameter that asks, for the message.

    Raises
    ------
    InputError
        No reference system that the layer is served in.
    """
    known = served(layer)
    if _WRITTEN_84.fullmatch(name):
        return LONLAT
    found = _WRITTEN.fullmatch(name)
    if found:
        code = next(group for group in found.groups() if group)
        for one in known:
            if one.uri == f"{_EPSG}{int(code)}":
                return one
    raise InputError(
        Problem(parameter, f"'{name[:100]}' is not served", f"Use one of {', '.join(r.uri for r in known)}.")
    )


def _north_first(crs: CRS) -> bool:
    return bool(crs.axis_info) and crs.axis_info[0].direction.lower() == "north"
