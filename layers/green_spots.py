"""Where a green or blue measure lies: on the cells that its drawing meets, or spread over districts by people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely
from pyproj import Transformer

from data.figures import CRS_CELLS
from data.units import CELL_M
from geo.arrays import FloatArray, IntArray, sum_by
from geo.errors import Problem
from layers.greened import CELL_M2, Cells, Piece
from layers.placement import Placed, Shape
from layers.planning import Planning
from layers.social import Social


class DrawnPart(NamedTuple):
    """One part of what was drawn: its shape in the place's CRS, and the cells that it meets with the area in each."""

    shape: Shape
    corners: IntArray
    area_m2: FloatArray


def drawn_parts(planning: Planning, shape: Shape) -> Iterator[DrawnPart]:
    """Cut each part of a drawing by the census cells that it meets."""
    project = Transformer.from_crs(planning.shapes.crs, CRS_CELLS, always_xy=True)
    for part in shapely.get_parts(shape):
        # straight in one projection is not quite straight in the other
        flat = shapely.transform(
            shapely.segmentize(part, 1_000.0), lambda c: np.column_stack(project.transform(c[:, 0], c[:, 1]))
        )
        west, south, east, north = (int(v // CELL_M) for v in flat.bounds)
        x, y = (v.ravel() * CELL_M for v in np.meshgrid(np.arange(west, east + 1), np.arange(south, north + 1)))
        boxes = shapely.box(x, y, x + CELL_M, y + CELL_M)
        shapely.prepare(flat)
        area = np.where(shapely.contains_properly(flat, boxes), CELL_M2, 0.0)
        edge = np.flatnonzero(shapely.intersects(flat, boxes) & (area == 0))
        area[edge] = shapely.area(shapely.intersection(flat, boxes[edge]))
        met = np.flatnonzero(area > 0)
        yield DrawnPart(part, np.column_stack([x[met], y[met]]), area[met])


def _key(x_m: IntArray, y_m: IntArray) -> IntArray:
    return np.asarray(y_m.astype(np.int64) * 100_000_000 + x_m.astype(np.int64))


def cells_of(planning: Planning, social: Social, drawn: list[IntArray]) -> Cells:
    """Cells where people live, and those that a drawing meets beside them."""
    lived = np.unique(_key(social.sources.unit_x, social.sources.unit_y))
    met = np.concatenate(drawn) if drawn else np.zeros((0, 2), np.int64)
    more = np.setdiff1d(_key(met[:, 0], met[:, 1]), lived)
    key = np.concatenate([lived, more])
    x, y = key % 100_000_000, key // 100_000_000
    project = Transformer.from_crs(CRS_CELLS, planning.shapes.crs, always_xy=True)
    east, north = project.transform(x[len(lived) :] + CELL_M / 2, y[len(lived) :] + CELL_M / 2)
    return Cells(
        x,
        y,
        np.concatenate([social.sources.cell_east, np.asarray(east)]),
        np.concatenate([social.sources.cell_north, np.asarray(north)]),
        np.concatenate([social.cell_people, np.zeros(len(more))]),
    )


class Spots(NamedTuple):
    """Where a placement lies: shares by cell, pieces, and the parts that were drawn."""

    share: FloatArray
    pieces: tuple[Piece, ...]
    drawn: list[DrawnPart] | None


def spots_of(
    where: str,
    planning: Planning,
    social: Social,
    cells: Cells,
    one: Placed,
    drawn: list[DrawnPart] | None,
    problems: list[Problem],
) -> Spots | None:
    """Spread a placement over the cells; None, and a problem, where that cannot be."""
    from scipy import sparse  # noqa: PLC0415 - slow to import

    n = len(cells)
    if drawn is not None:
        whole = sum(part.area_m2.sum() for part in drawn)
        order = np.argsort(_key(cells.x_m, cells.y_m))
        keys = _key(cells.x_m, cells.y_m)[order]
        share = np.zeros(n)
        for part in drawn:
            at = order[np.searchsorted(keys, _key(part.corners[:, 0], part.corners[:, 1]))]
            share += sum_by(at, part.area_m2 / whole, n)
        pieces = tuple(Piece(float(p.area_m2.sum() / whole), len(p.area_m2), even=True) for p in drawn)
        return Spots(share, pieces, drawn)
    amount = one.eligible * one.final
    amount = amount / amount.sum()
    people = np.nan_to_num(social.sources.unit_people)
    there = sparse.coo_array((people, (planning.heat.area, social.cell_of_unit)), shape=(len(amount), n)).tocsr()
    lived: FloatArray = np.asarray(there.sum(axis=1))
    empty = np.flatnonzero((amount > 0) & ~(lived > 0))
    if empty.size:
        what = f"nobody lives in {', '.join(planning.areas[a] for a in empty[:5])}, so nothing says where it lies"
        problems.append(Problem(f"{where}, districts", what, "Draw where it is to be."))
        return None
    share = (amount / np.where(lived > 0, lived, 1.0)) @ there
    pieces = tuple(
        Piece(float(amount[a]), int(there[[a]].count_nonzero()), even=False) for a in np.flatnonzero(amount > 0)
    )
    return Spots(np.asarray(share), pieces, None)
