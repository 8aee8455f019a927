"""Buildings that all servers hold, and what is asked of them: tiles, boxes, conditions; the same in every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from api.bench.synthetic import ORIGIN, SIZES, UTM, footprints

COLUMNS = {
    "id": "bigint",
    "kind": "text",
    "floors": "integer",
    "year": "integer",
    "heat_kwh": "double precision",
    "t_co2e": "double precision",
}
ZOOM = 14
KINDS = {"residential": 0.7, "commercial": 0.12, "industrial": 0.08, "other": 0.1}
HALF_WORLD_M = math.pi * 6378137
# of the square, so that no box or circle leaves it
MARGIN = 0.1
CORNERS = 24
Tile = tuple[int, int, int]


def buildings(n: int) -> gpd.GeoDataFrame:
    """Make `n` buildings with attributes of mixed kinds, near ones beside each other as in a city's delivery."""
    shapes = gpd.GeoSeries(footprints(n), crs=UTM)
    shapes = shapes.iloc[np.argsort(shapes.hilbert_distance(level=16).to_numpy())].reset_index(drop=True)
    rng = np.random.default_rng(n + 3)
    floors = rng.integers(1, 7, n)
    heat_kwh = np.round(shapes.area.to_numpy() * floors * rng.gamma(9, 14, n), 1)
    values = {
        "id": np.arange(n),
        "kind": rng.choice(list(KINDS), n, p=list(KINDS.values())),
        "floors": floors,
        "year": rng.integers(1890, 2024, n),
        "heat_kwh": heat_kwh,
        "t_co2e": np.round(heat_kwh * 0.0002, 3),
    }
    return gpd.GeoDataFrame(values, geometry=shapes, crs=UTM)


def tiles(n: int) -> list[Tile]:
    """Tiles (zoom, x, y) that lie wholly in the square of `n` buildings, in random order."""
    width = SIZES[n][1]
    edge = np.array([[0.0, 0.0], [width, 0.0], [0.0, width], [width, width]]) + ORIGIN
    x, y = Transformer.from_crs(UTM, 3857, always_xy=True).transform(*edge.T)
    column = np.sort((np.array(x) / HALF_WORLD_M + 1) / 2 * 2**ZOOM)
    row = np.sort((1 - np.array(y) / HALF_WORLD_M) / 2 * 2**ZOOM)
    # the square is turned a little: the inner two of its corners' four values bound what is in it
    xs = np.arange(math.ceil(column[1]), math.floor(column[2]))
    ys = np.arange(math.ceil(row[1]), math.floor(row[2]))
    found = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return [(ZOOM, x, y) for x, y in np.random.default_rng(1).permutation(found).tolist()]


def boxes(n: int, features: int, count: int) -> list[str]:
    """West, south, east, north in degrees of `count` boxes anywhere, each with a little over so many features."""
    width = SIZES[n][1]
    half = math.sqrt(1.15 * features / n) * width / 2
    found = []
    for x, y in _places(n, count, half):
        west, south, east, north = _LONLAT.transform_bounds(x - half, y - half, x + half, y + half)
        found.append(f"{west:.7f},{south:.7f},{east:.7f},{north:.7f}")
    return found


@dataclass(frozen=True)
class Condition:
    """Limits of two attributes and a polygon in degrees."""

    heat_kwh: int
    year: int
    area: shapely.Polygon

    def text(self, meets: str = "S_INTERSECTS") -> str:
        """As CQL2, or in the older language that says `intersects`."""
        area = shapely.to_wkt(self.area, rounding_precision=6)
        return f"heat_kwh > {self.heat_kwh} AND year < {self.year} AND {meets}(geometry, {area})"


def conditions(n: int, count: int) -> list[Condition]:
    """Make `count` conditions: each circle of 24 corners holds an eightieth of all buildings, another one each time."""
    rng = np.random.default_rng(n + 2)
    radius = SIZES[n][1] * math.sqrt(1 / 80 / math.pi)
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    found = []
    for x, y in _places(n, count, radius):
        ring = np.column_stack(_LONLAT.transform(x + radius * np.cos(angle), y + radius * np.sin(angle)))
        found.append(Condition(int(rng.integers(30_000, 70_000)), int(rng.integers(1930, 1990)), shapely.Polygon(ring)))
    return found


@dataclass(frozen=True)
class Addresses:
    """How one server wants to be asked.

    Attributes
    ----------
    base
        Path of the collection.
    tile
        Path of a tile below it, with {z}, {x} and {y}; empty for a server that is not asked for any.
    meets
        what its filter calls `S_INTERSECTS`.
    more
        Parameters that its filter needs.
    """

    base: str
    tile: str
    meets: str = "S_INTERSECTS"
    more: tuple[tuple[str, str], ...] = ()
    tiles_of: str = ""

    def tiles(self, asked: list[Tile]) -> list[str]:
        """Paths of tiles."""
        return [(self.tiles_of or self.base) + self.tile.format(z=z, x=x, y=y) for z, x, y in asked]

    def pages(self, asked: list[str], limit: int) -> list[str]:
        """Paths of the features in boxes."""
        return [f"{self.base}/items?{urlencode({'bbox': one, 'limit': limit})}" for one in asked]

    def filtered(self, asked: list[Condition], limit: int) -> list[str]:
        """Paths of the features that conditions choose."""
        return [
            f"{self.base}/items?{urlencode({'filter': one.text(self.meets), 'limit': limit, **dict(self.more)})}"
            for one in asked
        ]


_LONLAT = Transformer.from_crs(UTM, 4326, always_xy=True)


def _places(n: int, count: int, reach: float) -> Iterator[tuple[float, float]]:
    """Draw centres whose surroundings of `reach` metres lie in the square."""
    width = SIZES[n][1]
    low = max(reach, MARGIN * width)
    rng = np.random.default_rng([n, count])
    draw: Callable[[], NDArray[Any]] = lambda: rng.uniform(low, width - low, 2) + ORIGIN  # noqa: E731
    for _ in range(count):
        x, y = draw().tolist()
        yield x, y


def shuffled(count: int) -> list[int]:
    """Order in which a mixed load asks."""
    order: list[int] = np.random.default_rng(7).permutation(count).tolist()
    return order
