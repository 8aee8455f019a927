"""Reference systems by the names that GML gives them (srsName): which system, which axis first, metres for a unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo.arrays import FloatArray

_EPSG = r"EPSG:(?:[\d.]*:)?(\d+)"
_URN = re.compile(rf"urn:(?:x-)?ogc:def:crs(?::|,crs:){_EPSG}(?:,(?:crs:)?{_EPSG})?", re.IGNORECASE)
_URL = r"https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/(\d+)"
_WEB = re.compile(rf"{_URL}|https?://www\.opengis\.net/def/crs-compound\?1={_URL}(?:&2={_URL})?", re.IGNORECASE)
_SHORT = re.compile(
    r"(?:https?://www\.opengis\.net/gml/srs/epsg\.xml#|EPSG:)(\d+)(?:\+(?:EPSG:)?(\d+))?", re.IGNORECASE
)
_ADV = re.compile(
    r"(?:urn:adv:crs:)?(?:ETRS89_UTM(?P<utm>3[123])|DE_DHDN_3GK(?P<gk>[2-5])(?:_[A-Z]+\d+)?)(?P<heights>\*.+)?"
)
_CRS84 = re.compile(
    r"urn:(?:x-)?ogc:def:crs:OGC:[\d.]*:CRS84|https?://www\.opengis\.net/def/crs/OGC/[\d.]+/CRS84|(?:OGC:)?CRS84",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """Horizontal CRS, the order its numbers come in, and what makes metres of them.

    Attributes
    ----------
    crs
        Two axes.
    north_first
        Whether the file gives northing (or latitude) before easting.
    xy_unit
        Metres for one unit of a projected CRS, radians for one of a geographic one.
    z_unit
        Metres for one unit of height; NaN where nothing says it.
    """

    crs: CRS
    north_first: bool
    xy_unit: float
    z_unit: float

    def metres(self, latitude: float) -> FloatArray:
        """Metres for one unit east, north and up, at a latitude (in units of the CRS; any for a projected one)."""
        if self.crs.is_projected:
            return np.array([self.xy_unit, self.xy_unit, self.z_unit])
        ellipsoid = self.crs.ellipsoid
        if ellipsoid is None:
            return np.full(3, np.nan)
        flattening = 1 / ellipsoid.inverse_flattening if ellipsoid.inverse_flattening else 0.0
        e2 = flattening * (2 - flattening)
        phi = latitude * self.xy_unit
        w2 = 1 - e2 * math.sin(phi) ** 2
        across = ellipsoid.semi_major_metre / math.sqrt(w2) * math.cos(phi)
        along = ellipsoid.semi_major_metre * (1 - e2) / w2**1.5
        return np.array([across * self.xy_unit, along * self.xy_unit, self.z_unit])


@lru_cache(maxsize=64)
def reference(srs_name: str) -> Reference | None:
    """Resolve a srsName; None if it is not known.

    URNs and URLs of the OGC follow the axis order of the authority; the short forms and the AdV names are east first.
    """
    name = srs_name.strip()
    by_authority = _URN.fullmatch(name) or _WEB.fullmatch(name)
    short = _SHORT.fullmatch(name)
    adv = _ADV.fullmatch(name)
    try:
        if by_authority or short:
            codes = [int(code) for code in (by_authority or short).groups() if code]  # type: ignore[union-attr]
            vertical = CRS.from_epsg(codes[1]) if len(codes) > 1 else None
            return _resolved(CRS.from_epsg(codes[0]), vertical, authority_order=by_authority is not None)
        if adv:
            code = 25800 + int(adv["utm"]) if adv["utm"] else 31464 + int(adv["gk"])
            return _resolved(CRS.from_epsg(code), None, authority_order=False)
        if _CRS84.fullmatch(name):
            return _resolved(CRS.from_user_input("OGC:CRS84"), None, authority_order=True)
    except CRSError:
        return None
    return None


def _resolved(crs: CRS, vertical: CRS | None, *, authority_order: bool) -> Reference | None:
    heights = [axis for axis in (vertical or crs).axis_info if axis.direction == "up"]
    if vertical is not None and not heights:
        return None
    flat = crs.sub_crs_list[0] if crs.is_compound else crs.to_2d()
    axes = flat.axis_info
    if not (flat.is_projected or flat.is_geographic) or {axis.direction for axis in axes} != {"east", "north"}:
        return None
    xy_unit = axes[0].unit_conversion_factor
    z_unit = heights[0].unit_conversion_factor if heights else xy_unit if flat.is_projected else math.nan
    return Reference(flat, authority_order and axes[0].direction == "north", xy_unit, z_unit)
