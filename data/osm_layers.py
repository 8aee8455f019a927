"""Layers from what osmnx built: attributes, valid outlines, one place; and what became of every element.

Elements come from a server (`data.overpass`) or from a file (`data.osm_file`); from here on there is no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from data import osm_tags
from data.inputs import INPUTS
from data.osm_tags import KEYS, column, listed
from data.report import Report
from geo.errors import CRSMismatchError, InputError, Problem

if TYPE_CHECKING:
    import geopandas as gpd

COLUMNS = {
    "buildings": (*(declared.name for declared in INPUTS["buildings"].columns), "geometry"),
    "streets": (*(declared.name for declared in INPUTS["streets"].columns), "oneway", "geometry"),
    "landuse": ("osm_id", "kind", "area_m2", "geometry"),
    "green": ("osm_id", "kind", "name", "public", "area_m2", "geometry"),
    "blue": ("osm_id", "kind", "name", "public", "area_m2", "geometry"),
}
LAYERS = tuple(COLUMNS)
QUERY_MARGIN_M = 150.0  # the query outline is rounded (fewer vertices: faster on the server), the exact clip is ours

_Geometries = npt.NDArray[np.object_]
_Mask = npt.NDArray[np.bool_]


# --- the place -------------------------------------------------------------------------------------------------------


def in_metres(crs: CRS, where: str) -> CRS:
    """Return the CRS if it is projected and in metres.

    Raises
    ------
    CRSMismatchError
        It is not: areas and lengths would be something else.
    """
    if not crs.is_projected or any(axis.unit_conversion_factor != 1 for axis in crs.axis_info[:2]):
        what = f"is in {crs.name}, which is not a projected CRS in metres"
        raise CRSMismatchError(Problem(where, what, "Reproject it, for example to EPSG:25832."))
    return crs


def area_of(boundary: gpd.GeoDataFrame) -> tuple[shapely.Geometry, CRS]:
    """Dissolve the boundary to one valid (multi)polygon.

    Parameters
    ----------
    boundary
        Polygons in a projected CRS in metres; rows without geometry are left out.

    Returns
    -------
    tuple
        The polygon and its CRS.

    Raises
    ------
    InputError
        There is no polygon in it.
    CRSMismatchError
        It has no CRS, or one that is not in metres.
    """
    empty = InputError(Problem("boundary", "holds no polygon", "Give the outline of the place."))
    if boundary.active_geometry_name is None or boundary.empty:
        raise empty
    if boundary.crs is None:
        raise CRSMismatchError(Problem("boundary", "has no CRS", "Set the one it is in, for example EPSG:25832."))
    crs = in_metres(boundary.crs, "boundary")
    rows = boundary.geometry.to_numpy()
    area = polygonal(np.array([shapely.union_all(polygonal(shapely.force_2d(rows[~shapely.is_missing(rows)])))]))[0]
    if area.area == 0:
        raise empty
    return area, crs


def outline(area: shapely.Geometry, crs: CRS) -> shapely.Polygon | shapely.MultiPolygon:
    """Round the area outwards by up to two `QUERY_MARGIN_M` and give it in degrees (EPSG:4326)."""
    import geopandas as gpd  # noqa: PLC0415 - slow to import

    rounded = shapely.simplify(shapely.buffer(area, QUERY_MARGIN_M), QUERY_MARGIN_M / 2)
    degrees = gpd.GeoSeries([rounded], crs=crs).to_crs("EPSG:4326").to_numpy()
    found: shapely.Polygon | shapely.MultiPolygon = polygonal(degrees)[0]
    return found


def unknown_layers(layers: Sequence[str]) -> list[Problem]:
    """Say what is wrong with a choice of layers."""
    known = f"Use any of {', '.join(LAYERS)}."
    problems = [Problem("layers", f"'{layer}' is not known", known) for layer in layers if layer not in LAYERS]
    if not layers or len(set(layers)) < len(layers):
        problems.append(Problem("layers", "are none, or one of them twice", "Name each layer once."))
    return problems


def polygonal(geometries: _Geometries) -> _Geometries:
    """Make valid and keep what has an area; what has none becomes an empty polygon."""
    valid: _Geometries = shapely.make_valid(geometries)
    mixed = ~np.isin(shapely.get_type_id(valid), (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    for position in np.flatnonzero(mixed):
        parts = shapely.get_parts(shapely.get_parts(valid[position]))  # twice: a collection may hold a MultiPolygon
        areas = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        valid[position] = shapely.union_all(areas) if len(areas) else shapely.Polygon()
    return valid


# --- the layers ------------------------------------------------------------------------------------------------------


def build(
    layer: str,
    raw: gpd.GeoDataFrame | None,
    sent: Counter[str],
    report: Report,
    where: str,
    *,
    area: shapely.Geometry | None,
    crs: CRS,
) -> gpd.GeoDataFrame:
    """Turn what osmnx built into a layer, and account for every element that came in.

    Parameters
    ----------
    layer
        One of `LAYERS`.
    raw
        Features of osmnx (EPSG:4326, indexed by element type and number); None for no feature.
    sent
        Every element that belongs to the layer ("way/123") and how often it came.
    report, where
        Receives what was dropped, repaired or left missing, under this name of the source; dropped elements that the
        caller has noted under the same name count as well.
    area
        The place, in `crs`; None = everything.
    crs
        Projected, in metres.

    Returns
    -------
    GeoDataFrame
        Columns as in `COLUMNS`, one row per OSM element, sorted by element type and number, valid geometry in `crs`.
        Green, blue and landuse are cut at the area (area_m2 after the cut), streets as well (so a row may be a
        MultiLineString), and may overlap: dissolve before summing. A building is kept whole where a point inside it
        lies in the area, so that each belongs to one place.
    """
    outside = sum(line.count for line in report.lines if line.where == where and line.done == "dropped")
    again = [osm_id for osm_id, times in sent.items() for _ in range(times - 1)]
    report.add(where, "sent again, kept once", again, "dropped")
    rows = _Rows(_rows(layer, raw, sent), report, where)
    built = set(rows.frame["osm_id"])
    unbuilt = [osm_id for osm_id in sent if osm_id not in built]
    relations = [osm_id for osm_id in unbuilt if osm_id.startswith("relation/")]
    others = [osm_id for osm_id in unbuilt if not osm_id.startswith("relation/")]
    report.add(where, "without an outline (members missing, no multipolygon), or far outside", relations, "dropped")
    report.add(where, "with nodes missing, or far outside", others, "dropped")
    made = {"buildings": _buildings, "streets": _streets}.get(layer, _grounds)(layer, rows, area, crs)
    report.count(where, sent.total() + outside, len(made))
    return typed(layer, made)


class _Rows:
    """Elements that are still in, and the report of those that go."""

    def __init__(self, frame: gpd.GeoDataFrame, report: Report, where: str) -> None:
        self.frame = frame
        self.report = report
        self.where = where

    @property
    def geometry(self) -> _Geometries:
        geometry: _Geometries = self.frame.geometry.to_numpy()
        return geometry

    def note(self, which: _Mask, what: str, done: str) -> None:
        self.report.add(self.where, what, self.frame["osm_id"][which], done)

    def keep(self, kept: _Mask, why_not: str) -> None:
        """Drop the others and say why."""
        self.note(~kept, why_not, "dropped")
        self.frame = self.frame[kept]

    def project(self, crs: CRS) -> None:
        self.frame = self.frame.to_crs(crs)

    def change(self, geometry: _Geometries) -> None:
        import geopandas as gpd  # noqa: PLC0415 - slow to import

        self.frame = self.frame.set_geometry(gpd.GeoSeries(geometry, index=self.frame.index, crs=self.frame.crs))


def _rows(layer: str, raw: gpd.GeoDataFrame | None, sent: Counter[str]) -> gpd.GeoDataFrame:
    """One row per element, with `osm_id` and the tags that the layer reads."""
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    if raw is None:
        return gpd.GeoDataFrame({"osm_id": pd.Series(dtype=object)}, geometry=gpd.GeoSeries([], crs="EPSG:4326"))
    raw = raw[~raw.index.duplicated()]
    osm_id = pd.Series([f"{element}/{number}" for element, number in raw.index], dtype=object)
    tags = raw.reset_index(drop=True)[[*sorted(KEYS[layer] & set(raw.columns)), "geometry"]]
    # a tag "id" overwrites the number of its element in osmnx: such a row is nobody's, its element counts as unbuilt
    known = osm_id.isin(sent.keys())
    return tags.assign(osm_id=osm_id)[known].reset_index(drop=True)


def _buildings(_: str, rows: _Rows, area: shapely.Geometry | None, crs: CRS) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows.keep((column(rows.frame, "building") != "no").to_numpy(), "tagged building=no")
    _areas_only(rows, crs)
    if area is not None:
        shapely.prepare(area)
        # by a point inside: a house on the border is one building of one town, not two halves in two
        rows.keep(shapely.intersects(area, shapely.point_on_surface(rows.geometry)), "outside")
    rows.keep(~_twins(rows), "with the same outline as another, kept once")
    columns = osm_tags.buildings(pd.DataFrame(rows.frame), rows.report, rows.where)
    return gpd.GeoDataFrame(columns, geometry=rows.frame.geometry)


def _streets(_: str, rows: _Rows, area: shapely.Geometry | None, crs: CRS) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    classes = osm_tags.road_class(rows.frame)
    road = classes.notna().to_numpy()
    values = listed(column(rows.frame, "highway")[~road])
    rows.keep(road, f"not counted as roads for motor traffic ({values})")
    rows.keep((column(rows.frame, "motor_vehicle") != "no").to_numpy(), "closed to motor vehicles")
    rows.keep(shapely.get_dimensions(rows.geometry) > 0, "points: a road is a line")
    rows.keep((column(rows.frame, "area") != "yes").to_numpy(), "plazas: their outline is no road")
    # osmnx takes a roundabout for an area when it is also tagged as grass
    ring = shapely.get_dimensions(rows.geometry) == 2
    rows.change(np.where(ring, shapely.boundary(rows.geometry), rows.geometry))
    rows.project(crs)
    rows.keep(shapely.length(rows.geometry) > 0, "without length")
    if area is not None:
        rows.change(_cut(rows, area, shapely.length, lambda lines: lines))
        rows.keep(~shapely.is_empty(rows.geometry), "outside")
    rows.keep(~_twins(rows), "with the same line as another, kept once")
    columns = osm_tags.streets(pd.DataFrame(rows.frame), classes[rows.frame.index])
    return gpd.GeoDataFrame(columns, geometry=rows.frame.geometry)


def _grounds(layer: str, rows: _Rows, area: shapely.Geometry | None, crs: CRS) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    _areas_only(rows, crs)
    if area is not None:
        rows.change(_cut(rows, area, shapely.area, polygonal))
        rows.keep(~shapely.is_empty(rows.geometry), "outside")
    rows.note(_twins(rows), "with the same outline as another; dissolve to sum", "kept")
    columns = osm_tags.grounds(layer, pd.DataFrame(rows.frame))
    return gpd.GeoDataFrame(columns.assign(area_m2=rows.frame.geometry.area), geometry=rows.frame.geometry)


def _areas_only(rows: _Rows, crs: CRS) -> None:
    """Project, and keep what has an area, mended if need be."""
    rows.keep(shapely.get_dimensions(rows.geometry) != 0, "points: they have no area")
    rows.keep(
        shapely.get_dimensions(rows.geometry) == 2, "lines: they have no area (open way, or outline that collapses)"
    )
    rows.project(crs)
    geometry = rows.geometry
    sound = shapely.is_valid(geometry) & (shapely.get_type_id(geometry) != shapely.GeometryType.GEOMETRYCOLLECTION)
    rows.note(~sound, "with an invalid outline; its areas were kept", "repaired")
    rows.change(polygonal(geometry))
    rows.keep(shapely.area(rows.geometry) > 0, "invalid beyond repair")


def _cut(
    rows: _Rows,
    area: shapely.Geometry,
    size: Callable[[_Geometries], npt.NDArray[np.float64]],
    mend: Callable[[_Geometries], _Geometries],
) -> _Geometries:
    """Cut at the area; what is outside, or touches with no size, is left empty."""
    geometry = rows.geometry.copy()
    shapely.prepare(area)
    inside = shapely.covers(area, geometry)
    crossing = ~inside & shapely.intersects(area, geometry)  # the costly cut is for these alone
    geometry[~inside & ~crossing] = shapely.Polygon()
    geometry[crossing] = mend(shapely.intersection(geometry[crossing], area))
    lost = ~inside & (size(geometry) == 0)
    geometry[lost] = shapely.Polygon()
    rows.note(crossing & ~lost, "cut at the boundary", "kept")
    return geometry


def _twins(rows: _Rows) -> _Mask:
    """Say which rows repeat the geometry of an earlier one."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    found = pd.Series(shapely.to_wkb(shapely.normalize(rows.geometry)), dtype=object).duplicated()
    twins: _Mask = found.to_numpy(dtype=bool)
    return twins


def typed(layer: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give a layer its columns and types: plain strings, None for no name, also when there are no rows."""
    frame = frame[list(COLUMNS[layer])].reset_index(drop=True)
    kinds: dict[str, type] = {}
    for name in COLUMNS[layer]:
        if name in {"public", "oneway"}:
            kinds[name] = bool
        elif name in _NUMBERS:
            kinds[name] = float
        elif name != "geometry":
            kinds[name] = object
    frame = frame.astype(kinds)
    if "name" not in frame:
        return frame
    name = frame["name"].astype(object)
    return frame.assign(name=name.where(name.notna(), None))


_NUMBERS = {"area_m2"} | {
    declared.name for layer in ("buildings", "streets") for declared in INPUTS[layer].columns if declared.kind != "text"
}
