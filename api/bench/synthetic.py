"""Synthetic data of a city and of the whole Ruhr: the same for the same number of buildings, made when asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

UTM = CRS.from_epsg(25832)
ORIGIN = np.array([384_000.0, 5_699_000.0])
# buildings: zones, width of the square in metres
SIZES = {110_000: (62, 16_800.0), 1_600_000: (1_500, 67_000.0)}

Shapes = NDArray[np.object_]


@lru_cache(maxsize=1)
def zones(n: int) -> Shapes:
    """Cover a square without gap or overlap; shared edges are warped alike, so they still meet.

    Parameters
    ----------
    n
        Number of buildings, of `SIZES`.

    Returns
    -------
    Shapes
        Polygons in `UTM`, about 500 vertices each.
    """
    count, width = SIZES[n]
    rng = np.random.default_rng(count)
    frame = shapely.box(0, 0, width, width)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(rng.uniform(0, width, (count, 2))), extend_to=frame)
    cut = shapely.intersection(shapely.get_parts(cells), frame)

    def warp(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = xy[:, 0], xy[:, 1]
        push = [18 * np.sin(y / 97) + 5 * np.sin(y / 23 + x / 41), 18 * np.sin(x / 89) + 5 * np.sin(x / 19 + y / 37)]
        return np.asarray(xy + np.column_stack(push) * _rim(xy, width) + ORIGIN)

    return np.asarray(shapely.transform(shapely.segmentize(cut, 15), warp))


@lru_cache(maxsize=1)
def footprints(n: int) -> Shapes:
    """Rectangles and L-shapes of 8 to 17 m and six corners, turned and in random order: `n` polygons in `UTM`."""
    width = SIZES[n][1]
    rng = np.random.default_rng(n)
    corner = np.array([[0, 0], [1, 0], [1, 0.5], [0.55, 0.5], [0.55, 1], [0, 1]])
    square = np.array([[0, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1]])
    shape = np.where(rng.random(n)[:, None, None] < 0.4, corner, square) - 0.5
    size = rng.uniform(8, 17, (n, 1, 2))
    angle = rng.uniform(0, np.pi, n)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(n, 2, 2)
    centre = rng.uniform(20, width - 20, (n, 1, 2)) + ORIGIN
    return np.asarray(shapely.polygons(np.einsum("nij,nkj->nki", turn, shape * size) + centre))


@lru_cache(maxsize=1)
def green(n: int) -> Shapes:
    """Make green areas for a place of `n` buildings: one for 85 of them, with wavy outlines of 16 to 90 vertices.

    They overlap here and there, as those of OpenStreetMap do. Polygons in `UTM`.
    """
    width = SIZES[n][1]
    rng = np.random.default_rng(n + 1)
    shapes = []
    for x, y in rng.uniform(0.01 * width, 0.99 * width, (max(n // 85, 1), 2)) + ORIGIN:
        turn = np.linspace(0, 2 * np.pi, int(rng.integers(16, 90)), endpoint=False)
        wave = (0.25, 0.15, 0.08) @ np.sin(np.outer((2, 3, 7), turn) + rng.uniform(0, 2 * np.pi, (3, 1)))
        radius = np.clip(np.sqrt(rng.lognormal(np.log(8000), 1.2) / np.pi), 10, 900) * (1 + wave)
        shapes.append(shapely.Polygon(np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])))
    return np.array(shapes, dtype=object)


def _rim(xy: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Fade the warp out at the rim, so that the whole stays a square."""
    near: NDArray[np.float64] = np.clip(np.minimum(xy, width - xy).min(axis=1) / 100, 0, 1)
    return near[:, None]
