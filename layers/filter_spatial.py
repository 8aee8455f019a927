"""Geometries that a filter holds: read from WKT, GeoJSON or a box, checked and brought to longitude and latitude."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import InputError, Problem

if TYPE_CHECKING:
    from geo.arrays import BoolArray

ToLonLat: TypeAlias = Callable[[shapely.Geometry], shapely.Geometry]

SPATIAL_FUNCTIONS = (
    "s_intersects",
    "s_disjoint",
    "s_equals",
    "s_touches",
    "s_crosses",
    "s_overlaps",
    "s_within",
    "s_contains",
)
CONVERSE = {"s_within": "s_contains", "s_contains": "s_within"}  # the others read the same both ways
OF_ITSELF = {"s_intersects", "s_equals", "s_within", "s_contains"}  # what holds between a geometry and itself
DEPTH = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiPoint": 1, "MultiLineString": 2, "MultiPolygon": 3}
PIECES = 64  # into which a straight line of another reference system is cut before it becomes a curve
OUTSIDE = 1e-6  # degrees by which a transformed coordinate may miss the edge of the world
HUGE = 1e300  # beyond any coordinate, and what a float holds
NESTED = 8  # collections within collections


class ShapelyValues:
    """Geometries of a column, compared one after the other; `layers` with an index do it faster.

    Parameters
    ----------
    shapes
        In longitude and latitude, None where there is no geometry.
    """

    def __init__(self, shapes: Sequence[shapely.Geometry | None] | NDArray[np.object_]) -> None:
        self.shapes: NDArray[np.object_] = np.asarray(shapes, dtype=object)

    def __len__(self) -> int:
        return len(self.shapes)

    def relate(self, operator: str, geometry: shapely.Geometry) -> NDArray[np.int8]:
        """See `layers.filter_columns.SpatialValues`."""
        shapely.prepare(geometry)
        # the prepared geometry stands first, so that it is the one that shapely uses
        relation = getattr(shapely, CONVERSE.get(operator, operator).removeprefix("s_"))
        mask: BoolArray = relation(geometry, self.shapes)
        return np.where(shapely.is_missing(self.shapes) | shapely.is_empty(self.shapes), -1, mask).astype(np.int8)


def from_wkt(text: str, to_lonlat: ToLonLat | None) -> shapely.Geometry:
    """Read well-known text; heights are left out.

    Parameters
    ----------
    text
        Point, LineString, Polygon, their Multi forms or GeometryCollection.
    to_lonlat
        Turns a geometry of the filter's reference system into longitude and latitude; None where it is CRS84 already.

    Returns
    -------
    shapely.Geometry
        Two-dimensional, valid. Of a polygon that crosses itself, what its ring encloses an odd number of times.

    Raises
    ------
    InputError
        No such geometry, an empty one, a ring that is not closed, or coordinates outside of the world.
    """
    try:
        with np.errstate(over="ignore"):  # an endless coordinate is refused below
            shape = shapely.force_2d(shapely.from_wkt(text))
    except shapely.errors.ShapelyError as error:
        if "closed" in str(error):
            raise InputError(_wrong("has a ring that is not closed", "Repeat its first point at its end.")) from None
        raise InputError(_wrong("is no geometry", "Write it as WKT such as POINT(7.46 51.51).")) from None
    if shapely.is_empty(shape):
        raise InputError(_wrong("is an empty geometry", "Give it coordinates."))
    _check_finite(shape)
    return _in_world(_valid(shape), to_lonlat)


def wkt_of(document: dict[str, Any], depth: int = 0) -> str:
    """Write a GeoJSON geometry as well-known text, so that both are read alike; heights are left out.

    Raises
    ------
    InputError
        No geometry of GeoJSON, or coordinates that are no finite numbers.
    """
    kind = document.get("type")
    if kind == "GeometryCollection" and isinstance(document.get("geometries"), list) and depth < NESTED:
        members = document["geometries"]
        if members and all(isinstance(member, dict) for member in members):
            return f"GEOMETRYCOLLECTION({','.join(wkt_of(member, depth + 1) for member in members)})"
    if not isinstance(kind, str) or kind not in DEPTH or not isinstance(document.get("coordinates"), list):
        raise InputError(_wrong("is no geometry", f"Write it as GeoJSON with one of the types {', '.join(DEPTH)}."))
    written = _coordinates(document["coordinates"], DEPTH[kind])
    return f"{kind.upper()}({written})" if kind == "Point" else f"{kind.upper()}{written}"


def _coordinates(value: object, depth: int) -> str:
    """Write lists of positions, or one position."""
    if not isinstance(value, list) or not value:
        raise InputError(_wrong("lacks coordinates", "Write lists of [longitude, latitude] as GeoJSON does."))
    if depth:
        return f"({','.join(_coordinates(one, depth - 1) for one in value)})"
    if len(value) not in {2, 3} or not all(type(one) in {int, float} for one in value):
        raise InputError(_wrong("has a position that is not two numbers", "Write [longitude, latitude]."))
    if not all(-HUGE < one < HUGE for one in value):  # nor is NaN
        raise InputError(_wrong("has a coordinate that is no finite number", "Correct it."))
    return f"{value[0]!r} {value[1]!r}"


def from_box(numbers: Sequence[float], to_lonlat: ToLonLat | None) -> shapely.Geometry:
    """Make a box of its lower and upper corner, each of two numbers, or three with a height, which is left out.

    In degrees a west that is greater than the east crosses the antimeridian: the box becomes two.

    Raises
    ------
    InputError
        Not four or six finite numbers, a lower corner above the upper one, or a box outside of the world.
    """
    if len(numbers) not in {4, 6} or not all(math.isfinite(one) for one in numbers):
        raise InputError(_wrong("is no box", "Give west, south, east, north: BBOX(7.3, 51.4, 7.6, 51.6)."))
    half = len(numbers) // 2
    (x0, y0), (x1, y1) = numbers[:2], numbers[half : half + 2]
    if to_lonlat is not None:
        given = np.array([(x0, y0), (x1, y1)])
        corners = shapely.get_coordinates([to_lonlat(shapely.Point(corner)) for corner in given])
        # a reference system of degrees gives the corners back, or the other way round
        if not any(np.allclose(order, given, atol=1e-3) for order in (corners, corners[:, ::-1])):
            return _flat_box(x0, y0, x1, y1, to_lonlat)
        (x0, y0), (x1, y1) = corners.tolist()
    if y0 > y1:
        raise InputError(_wrong("has its south above its north", "Give west, south, east, north."))
    if x0 <= x1:
        return _in_world(_rectangle(x0, y0, x1, y1), None)
    both = [_rectangle(x0, y0, 180, y1), _rectangle(-180, y0, x1, y1)]
    return _in_world(shapely.union_all(both), None)


def _flat_box(x0: float, y0: float, x1: float, y1: float, to_lonlat: ToLonLat) -> shapely.Geometry:
    if x0 > x1 or y0 > y1:
        raise InputError(_wrong("has a lower corner above its upper one", "Give the smaller coordinates first."))
    return _in_world(_rectangle(x0, y0, x1, y1), to_lonlat)


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> shapely.Geometry:
    """A box, or the line or point that is left of it."""
    if (x0, y0) == (x1, y1):
        return shapely.Point(x0, y0)
    if x0 == x1 or y0 == y1:
        return shapely.LineString([(x0, y0), (x1, y1)])
    return shapely.box(x0, y0, x1, y1)


def _wrong(what: str, remedy: str) -> Problem:
    """Say what is wrong with a geometry; the reader adds where it stands."""
    return Problem("geometry", what, remedy)


def _check_finite(shape: shapely.Geometry) -> None:
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise InputError(_wrong("has a coordinate that is no finite number", "Correct it."))


def _valid(shape: shapely.Geometry) -> shapely.Geometry:
    """Mend what crosses itself: what is enclosed an odd number of times stays."""
    return shape if shapely.is_valid(shape) else shapely.make_valid(shape)


def _in_world(shape: shapely.Geometry, to_lonlat: ToLonLat | None) -> shapely.Geometry:
    """Bring to longitude and latitude; straight lines of another system are cut, since they become curves."""
    if to_lonlat is not None:
        west, south, east, north = shapely.bounds(shape).tolist()
        size = max(east - west, north - south)
        shape = to_lonlat(shapely.segmentize(shape, size / PIECES) if size else shape)
        _check_finite(shape)
        shape = _valid(shape)
    west, south, east, north = shapely.bounds(shape).tolist()
    if min(west + 180, 180 - east, south + 90, 90 - north) < -OUTSIDE:
        what = "lies outside of longitudes -180 to 180 and latitudes -90 to 90"
        raise InputError(_wrong(what, "Give longitude, latitude, or name the reference system of the filter."))
    return shape
