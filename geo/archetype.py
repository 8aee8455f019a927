"""What a footprint is: storeys, living area and building type, from what is known of it.

Method: section 2.5 of the reference; the ratio of net to gross area, the height of a storey and the size of a dwelling
are assumptions that a place may replace by better data for single buildings.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.arrays import BoolArray, FloatArray, IntArray, finite

STOREY_M = 3.0
NET_PER_GROSS = 0.80
ATTIC_STOREYS = 0.5
DWELLING_M2 = 75.0
# TABULA's reference area is a tenth larger than living area; leaving it out understates heat by a tenth
REFERENCE_PER_LIVING = 1.1
EFH, RH, MFH, GMH = range(4)
DEFAULT_STOREYS = np.array([2.0, 2.0, 3.0, 6.0])
WALL_GAP_M = 0.3
WALL_LENGTH_M = 3.0


def storeys_of_height(height_m: ArrayLike, width_m: ArrayLike, flat: ArrayLike) -> FloatArray:
    """Whole storeys of a building of a height.

    Parameters
    ----------
    height_m
        Ground to ridge; NaN where unknown.
    width_m
        Narrow side of the footprint: a pitched roof is a quarter of it high, 3 m at most.
    flat
        Whether the roof is flat.

    Returns
    -------
    FloatArray
        At least 1; NaN where the height is.
    """
    roof = np.where(np.asarray(flat, dtype=bool), 0.0, np.minimum(3.0, 0.25 * np.asarray(width_m, dtype=np.float64)))
    return np.asarray(np.maximum(1.0, np.round((np.asarray(height_m, dtype=np.float64) - roof) / STOREY_M)))


def net_area(footprint_m2: ArrayLike, storeys: ArrayLike, attic: ArrayLike) -> FloatArray:
    """Net (living) area of buildings.

    Parameters
    ----------
    footprint_m2
        Outer outline.
    storeys
        Full storeys above ground.
    attic
        Whether half a storey more is lived in under the roof.
    """
    levels = finite("storeys", storeys, minimum=0) + ATTIC_STOREYS * np.asarray(attic, dtype=bool)
    return finite("footprint_m2", footprint_m2, minimum=0) * levels * NET_PER_GROSS


def reference_area(living_m2: ArrayLike) -> FloatArray:
    """TABULA reference area of a living area."""
    return REFERENCE_PER_LIVING * finite("living_m2", living_m2, minimum=0)


def building_type(dwellings: ArrayLike, storeys: ArrayLike, party_wall: ArrayLike) -> IntArray:
    """Type of residential buildings: 0 EFH, 1 RH, 2 MFH, 3 GMH.

    Parameters
    ----------
    dwellings, storeys
        Of each building.
    party_wall
        Whether it shares a wall with a neighbour.
    """
    flats, levels = np.asarray(dwellings, dtype=np.float64), np.asarray(storeys, dtype=np.float64)
    small = np.where(np.asarray(party_wall, dtype=bool), RH, EFH)
    large = np.where((flats > 12) | (levels >= 6), GMH, MFH)
    return np.asarray(np.where((flats <= 2) & (levels < 6), small, large), dtype=np.int64)


def party_walls(shapes: NDArray[np.object_], asked: BoolArray | None = None) -> BoolArray:
    """Whether a footprint shares a wall: more than 3 m of outline within 0.3 m of a neighbour.

    Parameters
    ----------
    shapes
        Polygons in metres.
    asked
        For which of them it is wanted; the others are neighbours only, and False. All when None.
    """
    rows = np.arange(len(shapes)) if asked is None else np.flatnonzero(asked)
    one, other = shapely.STRtree(shapes).query(shapes[rows], predicate="dwithin", distance=WALL_GAP_M)
    one = rows[one]
    apart = one != other
    one, other = one[apart], other[apart]
    along = shapely.intersection(shapely.boundary(shapes[one]), shapely.buffer(shapes[other], WALL_GAP_M, quad_segs=1))
    out = np.zeros(len(shapes), dtype=bool)
    out[one[shapely.length(along) > WALL_LENGTH_M]] = True
    return out
