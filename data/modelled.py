"""Modelled footprints, grade D: as many buildings as the census counts in each cell, drawn where nobody knows them.

They show a town at building level before it has brought its cadastre, and make the load of benchmarks. Counts by cell
are the published ones; type, position, size and outline of a single building are drawn by a seed and say nothing about
the real one. Every layer that holds them says so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from data.figures import CRS_CELLS
from geo.archetype import ATTIC_STOREYS, DEFAULT_STOREYS, GMH, NET_PER_GROSS
from geo.arrays import FloatArray, IntArray
from geo.columns import Polygons

QUARTER_M = 100.0
MARGIN = 0.92


def draw_types(known: IntArray, unknown: IntArray, mix: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw whole numbers of buildings by type for each cell.

    Parameters
    ----------
    known
        Published counts, shape (cells, types).
    unknown
        Buildings of unknown type in each cell.
    mix
        Shares of the types that the unknown ones may have, shape (rests,).
    rng
        Seeded.

    Returns
    -------
    IntArray
        Shape (cells, types + rests); rows sum to known and unknown buildings.
    """
    # systematic sampling along all cells: each cell gets whole buildings, the town as a whole gets the mix
    ends = np.cumsum(unknown)
    number = np.arange(ends[-1] if len(ends) else 0)
    place = (rng.permutation(len(number)) + 0.5) / max(len(number), 1)
    kind = np.searchsorted(np.cumsum(mix) / mix.sum(), place)
    drawn = np.zeros((len(known), len(mix)), dtype=np.int64)
    np.add.at(drawn, (np.searchsorted(ends, number, side="right"), kind), 1)
    return np.hstack([known.astype(np.int64), drawn])


def footprints(
    cells: pd.DataFrame, counts: IntArray, kinds: pd.DataFrame, *, crs: CRS, rng: np.random.Generator
) -> tuple[pd.DataFrame, Polygons]:
    """Draw a footprint for every counted building.

    Parameters
    ----------
    cells
        `x_m`, `y_m`, `quarters` in EPSG:3035, see `data.make.cells`.
    counts
        Buildings by cell and kind, whole numbers, shape (cells, kinds).
    kinds
        One row for each kind: `building_type` (0..3), `dwellings` and `living_m2` of one building.
    crs
        Of the outlines.
    rng
        Seeded.

    Returns
    -------
    tuple
        Columns of `data.inputs.INPUTS["buildings"]` with `data_grade` D, and the outlines: rectangles inside their cell
        that do not overlap.
    """
    cell = np.repeat(np.arange(len(cells)), counts.sum(axis=1))
    kind = np.repeat(np.tile(np.arange(counts.shape[1]), len(cells)), counts.ravel())
    order = np.lexsort((rng.random(len(cell)), cell))
    kind = kind[order]
    west, south, width = _lots(cells, cell)
    types = kinds["building_type"].to_numpy(np.int64)[kind]
    living = kinds["living_m2"].to_numpy(np.float64)[kind]
    attic = ATTIC_STOREYS * (types < GMH)
    # a building that its lot cannot hold grows in height: the living area is what is known of it
    room = (MARGIN * width) ** 2 * NET_PER_GROSS
    storeys = np.maximum(DEFAULT_STOREYS[types], np.ceil(living / room - attic))
    area = living / (NET_PER_GROSS * (storeys + attic))
    coords = _rectangles(west, south, width, area, rng)
    project = Transformer.from_crs(CRS_CELLS, crs, always_xy=True)
    x, y = project.transform(coords[:, 0], coords[:, 1])
    n = len(cell)
    rings = np.arange(n + 1, dtype=np.int64)
    shapes = Polygons(np.column_stack([x, y]), rings * 5, rings, rings, crs)
    first = np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1]) if n else np.zeros(0, np.int64)
    number = np.arange(n) - np.repeat(first, np.diff(np.append(first, n))) + 1
    names = (cells["y_m"].astype(str) + "E" + cells["x_m"].astype(str)).to_numpy(dtype=object)
    table = pd.DataFrame(
        {
            "building_id": [f"modelled.N{name}.{i}" for name, i in zip(names[cell], number.tolist(), strict=True)],
            "use": "residential",
            "building_type": np.array(["EFH", "RH", "MFH", "GMH"], dtype=object)[types],
            "storeys": storeys,
            "height_m": np.nan,
            "roof": "",
            "year_built": np.nan,
            "dwellings": kinds["dwellings"].to_numpy(np.float64)[kind],
            "living_area_m2": living,
            "carrier": "",
            "data_grade": "D",
        }
    )
    return table, shapes


def _lots(cells: pd.DataFrame, cell: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give each building a square lot of its own: west and south edge and width in metres, EPSG:3035."""
    bits = cells["quarters"].to_numpy(np.int64)
    has = ((bits[:, None] >> np.arange(4)) & 1).astype(bool)
    n_quarters = has.sum(axis=1)
    # the position of a building among those of its cell; neighbours in the list go to different quarters
    starts = np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1]) if len(cell) else np.zeros(0, np.int64)
    number = np.arange(len(cell)) - np.repeat(starts, np.diff(np.append(starts, len(cell))))
    which = number % n_quarters[cell]
    slots = np.argsort(~has, axis=1, kind="stable")
    quarter = slots[cell, which]
    per_cell = np.bincount(cell, minlength=len(cells))
    most = -(-per_cell // np.maximum(n_quarters, 1))
    side = np.maximum(np.ceil(np.sqrt(most)), 1).astype(np.int64)[cell]
    width = QUARTER_M / side
    inside = number // n_quarters[cell]
    west = cells["x_m"].to_numpy(np.float64)[cell] + (quarter % 2) * QUARTER_M + (inside % side) * width
    south = cells["y_m"].to_numpy(np.float64)[cell] + (quarter // 2) * QUARTER_M + (inside // side) * width
    return west, south, width


def _rectangles(
    west: FloatArray, south: FloatArray, width: FloatArray, area: FloatArray, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a rectangle of an area inside each lot, shape (5 n, 2), outer ring counter-clockwise."""
    n = len(area)
    limit = MARGIN * width
    stretch = rng.uniform(1, 1.6, n)
    long = np.minimum(np.sqrt(area * stretch), limit)
    short = area / long
    upright = rng.random(n) < 0.5
    dx, dy = np.where(upright, short, long), np.where(upright, long, short)
    x0 = west + rng.random(n) * (width - dx)
    y0 = south + rng.random(n) * (width - dy)
    x = np.stack([x0, x0 + dx, x0 + dx, x0, x0], axis=1)
    y = np.stack([y0, y0, y0 + dy, y0 + dy, y0], axis=1)
    return np.column_stack([x.ravel(), y.ravel()])
