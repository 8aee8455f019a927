"""What a city draws of its own land: green, water, trees, low-income areas; cut at its outline, overlaps named."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from data.clean import MIN_FOOTPRINT_M2
from data.osm_layers import COLUMNS, polygonal
from data.report import Report

MULTIPOINT = 4
TREES = ("kind", "crown_m2", "height_m", "year_planted", "geometry")


def cut(frame: gpd.GeoDataFrame, outline: shapely.Geometry | None, *, where: str, report: Report) -> gpd.GeoDataFrame:
    """Cut clean polygons at the outline of the place, and name those that overlap.

    Parameters
    ----------
    frame
        Valid polygons in metres.
    outline
        Of the place, in the same CRS; None keeps everything.
    where
        Names the source.
    report
        Takes what lies outside by more than its border, what was cut, and overlaps: they stay, so dissolve before
        areas are summed.

    Returns
    -------
    GeoDataFrame
        Rows with an area in the place, in their order.
    """
    if outline is not None:
        shapely.prepare(outline)
        shapes = frame.geometry.to_numpy().copy()
        crossing = ~shapely.covers(outline, shapes)
        shapes[crossing] = polygonal(shapely.intersection(shapes[crossing], outline))
        inside = shapely.area(shapes) >= MIN_FOOTPRINT_M2
        where_cut = f"{where}, at the outline"
        ids = np.array(_spots(frame.geometry.to_numpy()), dtype=object)
        report.add(where_cut, "that meet the place at its border only", ids[~inside], "dropped")
        report.add(where_cut, "cut at the outline of the place", ids[crossing & inside], "kept")
        report.count(where_cut, len(frame), int(inside.sum()))
        frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))[inside]
        frame = frame.reset_index(drop=True)
    _name_overlaps(frame.geometry.to_numpy(), where, report)
    return frame


def _name_overlaps(shapes: NDArray[np.object_], where: str, report: Report) -> None:
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = first < second
    both = shapely.intersection(shapes[first[pairs]], shapes[second[pairs]])
    area = shapely.area(both)
    report.add(
        where,
        f"pairs that overlap ({area.sum() / 1e4:,.2f} ha)",
        _spots(both[area >= MIN_FOOTPRINT_M2]),
        "kept",
        "Draw each area once, or dissolve them before areas are summed.",
    )


def _spots(shapes: NDArray[np.object_]) -> list[str]:
    """Name areas that have no key by a place inside them."""
    points = shapely.get_coordinates(shapely.point_on_surface(shapes))
    return [f"at {x:.0f} {y:.0f}" for x, y in points]


def grounds(frame: gpd.GeoDataFrame, layer: str) -> gpd.GeoDataFrame:
    """Give green or blue areas of a city the columns of those from OpenStreetMap.

    Parameters
    ----------
    frame
        Columns of `INPUTS["green"]`, polygons in metres.
    layer
        ``"green"`` or ``"blue"``.

    Returns
    -------
    GeoDataFrame
        `osm_id` (here the layer and a number, "green/1"), `kind`, `name` (None = not named), `public` (nullable: NA is
        unknown, never closed), `area_m2`.
    """
    name = frame["name"].astype(object)
    made = frame.assign(
        osm_id=[f"{layer}/{i + 1}" for i in range(len(frame))],
        name=name.where(name != "", None),
        public=frame["public"].map({"yes": True, "no": False}).astype("boolean"),
        area_m2=frame.geometry.area,
    )
    return made[list(COLUMNS[layer])]


def single_points(frame: gpd.GeoDataFrame, where: str, report: Report) -> gpd.GeoDataFrame:
    """Take multipoints apart: each of their points is a tree, a school.

    Parameters
    ----------
    frame
        As it was read; other geometries, and none, stay as they are.
    where, report
        Name the source; take the rows that held several points.
    """
    shapes = frame.geometry.to_numpy()
    many = (shapely.get_type_id(shapes) == MULTIPOINT) & ~shapely.is_empty(shapes)
    several = np.flatnonzero(many & (shapely.get_num_geometries(shapes) > 1))
    report.add(where, "rows of several points, each taken for itself", [f"row {i + 1}" for i in several], "kept")
    parts, of = shapely.get_parts(shapes[many], return_index=True)
    rows = np.concatenate([np.flatnonzero(~many), np.flatnonzero(many)[of]])
    order = np.argsort(rows, kind="stable")
    points = gpd.GeoSeries(np.concatenate([shapes[~many], parts])[order], crs=frame.crs)
    return frame.iloc[rows[order]].reset_index(drop=True).set_geometry(points)


def trees(frame: gpd.GeoDataFrame, where: str, report: Report) -> gpd.GeoDataFrame:
    """Give trees one measure of their crown.

    Parameters
    ----------
    frame
        Columns of `INPUTS["trees"]`.
    where, report
        Name the source; take how many have no crown.

    Returns
    -------
    GeoDataFrame
        `kind`, `crown_m2` (as given, else the circle of the diameter, else NaN: unknown), `height_m`, `year_planted`.
    """
    crown = frame["crown_m2"].fillna(np.pi / 4 * frame["crown_diameter_m"] ** 2)
    bare = _spots(frame.geometry[crown.isna()].to_numpy())
    report.add(where, "trees without a crown, their canopy is unknown", bare, "kept", "Give crown_m2 or a diameter.")
    return frame.assign(crown_m2=crown)[list(TREES)]


def with_value(frame: gpd.GeoDataFrame, where: str, report: Report) -> gpd.GeoDataFrame:
    """Drop points that have no value: nothing can be said by them, least of all 0."""
    known = frame["value"].notna().to_numpy()
    here = f"{where}, with a value"
    report.add(here, "points without a value", _spots(frame.geometry[~known].to_numpy()), "dropped")
    report.count(here, len(frame), int(known.sum()))
    return frame[known].reset_index(drop=True)
