"""Road traffic by segment: energy of the vehicles on it, and how much of each segment lies in which zone."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from data.figures import Figures
from geo.arrays import BoolArray, FloatArray, IntArray, sum_by

DAYS = 365
MOTORWAY = "motorway"


@dataclass(frozen=True)
class Traffic:
    """Energy of the traffic on road segments.

    Attributes
    ----------
    ids
        Of the segments.
    shapes
        Lines in the place's CRS.
    kwh_per_m
        Energy of all vehicles of a year on a metre of the segment.
    counted
        Whether the traffic was counted; a default of its class otherwise.
    motorway
        A city has no control over motorways: their part is shown apart.
    """

    ids: list[str]
    shapes: np.ndarray
    kwh_per_m: FloatArray
    counted: BoolArray
    motorway: BoolArray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Pieces:
    """Segments cut at the borders of zones: `segment`, `zone` and `kwh_a` of each piece."""

    segment: IntArray
    zone: IntArray
    kwh_a: FloatArray


def traffic(streets: gpd.GeoDataFrame | None, figures: Figures) -> Traffic | None:
    """Energy of the traffic on each segment: length x vehicles a day x energy a vehicle and km, by light and heavy.

    Parameters
    ----------
    streets
        Clean, `data.inputs.INPUTS["streets"]`; None where the place brought none. A carriageway that runs one way
        (`oneway`) carries half of the default traffic of its class.
    figures
        Built-in tables; the defaults by road class are assumptions.
    """
    if streets is None or streets.empty:
        return None
    known = figures["traffic"].set_index("road_class").loc[streets["road_class"]]
    counted = streets["aadt_veh_d"].notna().to_numpy()
    half = streets["oneway"].fillna(False).to_numpy(dtype=bool) if "oneway" in streets else np.zeros(len(streets), bool)
    default = known["aadt_veh_d"].to_numpy(np.float64) * np.where(half, 0.5, 1.0)
    vehicles = np.where(counted, streets["aadt_veh_d"], default)
    heavy = streets["heavy_share"].to_numpy(np.float64)
    heavy = np.where(np.isfinite(heavy), heavy, known["heavy_share"].to_numpy(np.float64))
    per_km = (1 - heavy) * known["light_kwh_km"].to_numpy() + heavy * known["heavy_kwh_km"].to_numpy()
    return Traffic(
        streets["street_id"].astype(str).tolist(),
        streets.geometry.to_numpy(),
        np.asarray(DAYS * vehicles * per_km / 1000, dtype=np.float64),
        counted,
        (streets["road_class"] == MOTORWAY).to_numpy(),
    )


def cut(traffic: Traffic, zones: np.ndarray) -> Pieces:
    """Cut segments at the borders of zones.

    Parameters
    ----------
    traffic
        Segments.
    zones
        Polygons in the same CRS. Where zones overlap, they share a piece; what lies in none is left out.
    """
    segment, zone = shapely.STRtree(zones).query(traffic.shapes, predicate="intersects")
    order = np.lexsort((zone, segment))
    segment, zone = segment[order], zone[order]
    lines = traffic.shapes[segment]
    length = shapely.length(lines)
    shapely.prepare(zones)
    crossing = ~shapely.covers(zones[zone], lines)
    length[crossing] = shapely.length(shapely.intersection(lines[crossing], zones[zone[crossing]]))
    # borders that run along a street, and zones that overlap, must not make it longer than what lies in any zone
    several = np.flatnonzero(np.bincount(segment, minlength=len(traffic)) > 1)
    cut_to = sum_by(segment, length, len(traffic))
    shrink = np.ones(len(traffic))
    if several.size:
        inside = shapely.length(shapely.intersection(traffic.shapes[several], shapely.union_all(zones)))
        shrink[several] = np.minimum(1.0, inside / np.maximum(cut_to[several], 1e-12))
    kept = length > 0
    kwh = length * shrink[segment] * traffic.kwh_per_m[segment]
    return Pieces(segment[kept], zone[kept], kwh[kept])
