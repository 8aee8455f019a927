"""Tile matrix sets as registered by the OGC (17-083r4): where a tile lies, which tiles an extent meets.

Written out instead of taken from morecantile, which takes 0.7 s to import and is what the tests compare with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyproj import CRS, Transformer

from geo.errors import Problem
from layers.errors import UnknownCollectionError

TILE_PX = 256
# the standard's pixel: 0.28 mm
PIXEL_M = 0.00028
REGISTER = "http://www.opengis.net/def/tilematrixset/OGC/1.0"
# points on each edge of an extent when it is projected: edges bend
EDGE_POINTS = 21


@dataclass(frozen=True)
class TileMatrix:
    """One zoom level.

    Attributes
    ----------
    id
        The zoom as text.
    cell_size_m
        Side of a pixel of a tile of 256 pixels.
    scale_denominator
        Of pixels of 0.28 mm.
    width
        Columns of tiles, and rows.
    """

    id: str
    cell_size_m: float
    scale_denominator: float
    width: int


@dataclass(frozen=True)
class TileMatrixSet:
    """A square that is halved at each zoom.

    Attributes
    ----------
    id, title
        As registered.
    epsg
        Code of the CRS, metres.
    west_m, north_m
        Corner of tile 0/0/0.
    side_m
        Side of tile 0/0/0.
    max_zoom
        Deepest zoom that is registered.
    axes
        Names of the axes in the order of the CRS; "Y" first means that coordinates are given north first.
    scale_set
        URI of the well-known scale set; empty where there is none.
    """

    id: str
    title: str
    epsg: int
    west_m: float
    north_m: float
    side_m: float
    max_zoom: int
    axes: tuple[str, str]
    scale_set: str = ""

    @property
    def uri(self) -> str:
        """Address of the definition in the OGC's register."""
        return f"{REGISTER}/{self.id}"

    @property
    def crs_uri(self) -> str:
        """URI of the CRS."""
        return f"http://www.opengis.net/def/crs/EPSG/0/{self.epsg}"

    @property
    def crs(self) -> CRS:
        """The CRS."""
        return _crs(self.epsg)

    @property
    def tile_matrices(self) -> tuple[TileMatrix, ...]:
        """Zooms from 0."""
        sizes = [self.side_m / TILE_PX / (1 << z) for z in range(self.max_zoom + 1)]
        return tuple(TileMatrix(str(z), size, size / PIXEL_M, 1 << z) for z, size in enumerate(sizes))

    def point(self, x_m: float, y_m: float) -> list[float]:
        """Coordinates in the order of the CRS's axes."""
        return [y_m, x_m] if self.axes[0] == "Y" else [x_m, y_m]

    def box(self, west: float, south: float, east: float, north: float) -> dict[str, Any]:
        """Bounding box in the order of the CRS's axes, as the standard's `2DBoundingBox`."""
        return {
            "lowerLeft": self.point(west, south),
            "upperRight": self.point(east, north),
            "crs": self.crs_uri,
            "orderedAxes": list(self.axes),
        }


WEB_MERCATOR_QUAD = TileMatrixSet(
    "WebMercatorQuad",
    "Google Maps Compatible for the World",
    3857,
    -math.pi * 6378137,
    math.pi * 6378137,
    2 * math.pi * 6378137,
    24,
    ("X", "Y"),
    "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
)
EUROPEAN_QUAD = TileMatrixSet(
    "EuropeanETRS89_LAEAQuad",
    "Lambert Azimuthal Equal Area ETRS89 for Europe",
    3035,
    2_000_000,
    5_500_000,
    4_500_000,
    15,
    ("Y", "X"),
)
SETS = {tms.id: tms for tms in (WEB_MERCATOR_QUAD, EUROPEAN_QUAD)}


@dataclass(frozen=True)
class Limits:
    """Tiles of one zoom that may hold something, first and last included."""

    zoom: int
    min_row: int
    max_row: int
    min_column: int
    max_column: int

    def holds(self, x: int, y: int) -> bool:
        """Whether a tile of this zoom is within them."""
        return self.min_column <= x <= self.max_column and self.min_row <= y <= self.max_row

    def document(self) -> dict[str, Any]:
        """As the standard's `tileMatrixLimits`."""
        return {
            "tileMatrix": str(self.zoom),
            "minTileRow": self.min_row,
            "maxTileRow": self.max_row,
            "minTileCol": self.min_column,
            "maxTileCol": self.max_column,
        }


def named(name: str) -> TileMatrixSet:
    """Return a tile matrix set by its id.

    Raises
    ------
    UnknownCollectionError
        None has this id.
    """
    if name not in SETS:
        where = f"tile matrix set '{name[:60]}'"
        raise UnknownCollectionError(Problem(where, "does not exist", f"Use one of {', '.join(SETS)}."))
    return SETS[name]


def bounds(tms: TileMatrixSet, z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in metres of the set's CRS, whatever the order of its axes; y from the north.

    Raises
    ------
    UnknownCollectionError
        No such tile.
    """
    if not (0 <= z <= tms.max_zoom and 0 <= x < 1 << z and 0 <= y < 1 << z):
        remedy = f"Use zoom 0 to {tms.max_zoom} and 0 <= x, y < 2^z."
        raise UnknownCollectionError(Problem(f"tile {z}/{y}/{x}", f"is outside the tile matrix set {tms.id}", remedy))
    side = tms.side_m / (1 << z)
    west, north = tms.west_m + x * side, tms.north_m - y * side
    return west, north - side, west + side, north


def projected(tms: TileMatrixSet, extent: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    """Box of an extent in degrees in the set's CRS, cut to the set; None where they do not meet or there is no extent.

    An extent whose west lies east of its east crosses the antimeridian: it spans the whole set from west to east.
    """
    if extent is None:
        return None
    west, south, east, north = extent
    if west > east:
        west, east = -180.0, 180.0
    if tms.epsg == WEB_MERCATOR_QUAD.epsg:
        # the poles are at infinity
        south, north = (min(max(value, -89.9), 89.9) for value in (south, north))
    box = _from_lonlat(tms.epsg).transform_bounds(west, south, east, north, densify_pts=EDGE_POINTS)
    last_x, first_y = tms.west_m + tms.side_m, tms.north_m - tms.side_m
    met = math.isfinite(sum(box)) and box[0] <= last_x and box[2] >= tms.west_m
    if not met or box[1] > tms.north_m or box[3] < first_y:
        return None
    return max(box[0], tms.west_m), max(box[1], first_y), min(box[2], last_x), min(box[3], tms.north_m)


def limits(
    tms: TileMatrixSet, extent: Sequence[float] | None, zooms: range | None = None, *, margin: float = 0.0
) -> tuple[Limits, ...]:
    """Tiles that an extent meets.

    Parameters
    ----------
    tms
        Any set.
    extent
        West, south, east, north in degrees, WGS 84; None where nothing has a place.
    zooms
        Those to give; all of the set if omitted.
    margin
        What tiles show beyond their edge, as a share of their side.

    Returns
    -------
    tuple of Limits
        One for each zoom; none where the extent lies outside the set.
    """
    box = projected(tms, extent)
    if box is None:
        return ()
    found = []
    for z in range(tms.max_zoom + 1) if zooms is None else zooms:
        side, last = tms.side_m / (1 << z), (1 << z) - 1

        def tile_at(distance_m: float, extra: float, side: float = side, last: int = last) -> int:
            return min(max(math.floor(distance_m / side + extra), 0), last)

        found.append(
            Limits(
                z,
                tile_at(tms.north_m - box[3], -margin),
                tile_at(tms.north_m - box[1], margin),
                tile_at(box[0] - tms.west_m, -margin),
                tile_at(box[2] - tms.west_m, margin),
            )
        )
    return tuple(found)


def document(tms: TileMatrixSet) -> dict[str, Any]:
    """Definition as JSON of 17-083r4, as registered."""
    origin = tms.point(tms.west_m, tms.north_m)
    body: dict[str, Any] = {"id": tms.id, "title": tms.title, "uri": tms.uri, "crs": tms.crs_uri}
    body["orderedAxes"] = list(tms.axes)
    if tms.scale_set:
        body["wellKnownScaleSet"] = tms.scale_set
    corners = (tms.west_m, tms.north_m - tms.side_m, tms.west_m + tms.side_m, tms.north_m)
    body["boundingBox"] = {key: tms.box(*corners)[key] for key in ("lowerLeft", "upperRight")}
    body["tileMatrices"] = [
        {
            "id": matrix.id,
            "scaleDenominator": matrix.scale_denominator,
            "cellSize": matrix.cell_size_m,
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": origin,
            "tileWidth": TILE_PX,
            "tileHeight": TILE_PX,
            "matrixWidth": matrix.width,
            "matrixHeight": matrix.width,
        }
        for matrix in tms.tile_matrices
    ]
    return body


@cache
def _crs(epsg: int) -> CRS:
    return CRS.from_epsg(epsg)


@cache
def _from_lonlat(epsg: int) -> Transformer:
    return Transformer.from_crs(_crs(4326), _crs(epsg), always_xy=True)
