"""Which of millions of bounding boxes meet a box: a packed tree of boxes, in arrays that can be mapped from a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.arrays import FloatArray, IntArray

BITS = 16
FAN = 16


@dataclass(frozen=True)
class BoxTree:
    """Boxes sorted along a space-filling curve, each 16 of them under one box, and so on up to one.

    Attributes
    ----------
    order
        Row of each leaf, int32; rows whose box is NaN are not in the tree.
    boxes
        Boxes of all levels behind each other, the leaves first, shape (nodes, 4): west, south, east, north.
    levels
        Offset of each level in `boxes`, with the end.
    """

    order: NDArray[np.int32]
    boxes: FloatArray
    levels: IntArray

    @classmethod
    def of(cls, boxes: FloatArray) -> BoxTree:
        """Build the tree of boxes, shape (rows, 4); one second for 1.6 million."""
        from geo.box_tree_kernels import z_order  # noqa: PLC0415 - slow to import

        rows = np.flatnonzero(np.isfinite(boxes).all(axis=1))
        level = boxes[rows]
        if len(rows):
            low, high = level[:, :2].min(axis=0), level[:, 2:].max(axis=0)
            scale = ((1 << BITS) - 1) / np.where(high > low, high - low, 1.0)
            centre = np.clip(((level[:, :2] + level[:, 2:]) / 2 - low) * scale, 0, (1 << BITS) - 1)
            curve = np.argsort(z_order(centre[:, 0].astype(np.uint32), centre[:, 1].astype(np.uint32)), kind="stable")
            rows, level = rows[curve], level[curve]
        found = [level]
        while len(level) > 1:
            starts = np.arange(0, len(level), FAN)
            low = np.minimum.reduceat(level[:, :2], starts)
            level = np.hstack([low, np.maximum.reduceat(level[:, 2:], starts)])
            found.append(level)
        levels = np.concatenate([[0], np.cumsum([len(one) for one in found])]).astype(np.int64)
        return cls(rows.astype(np.int32), np.ascontiguousarray(np.concatenate(found)), levels)

    def meeting(self, box: tuple[float, float, float, float]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Rows whose box meets `box`, edges included.

        Parameters
        ----------
        box
            West, south, east, north, in the units of the tree.

        Returns
        -------
        tuple
            Rows in the order of the tree, and for each whether its box lies wholly within.
        """
        from geo.box_tree_kernels import search  # noqa: PLC0415 - slow to import

        if len(self.order) == 0:
            return np.empty(0, np.int32), np.empty(0, np.bool_)
        found: tuple[NDArray[np.int32], NDArray[np.bool_]]
        found = search(self.order, self.boxes, self.levels, np.asarray(box, dtype=np.float64))
        return found
