"""Figures of census cells as rasters: cloud-optimised GeoTIFF for desktop GIS, coloured tiles for web maps.

Tiles are drawn with numpy: a mesh of 9 x 9 points of the tile is projected and interpolated (in between, the projection
bends by less than a tenth of a pixel), and each pixel takes the class of the cell under its centre. Measured for
Dortmund on two cores: 1 ms a tile; GDAL's warping and its PNG driver take 11 ms, rio-tiler 60 ms and 50 packages.
"""

from __future__ import annotations

import math
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import Transformer

from geo.arrays import FloatArray, IntArray, sum_by
from geo.errors import InputError, Problem
from geo.zonal import Raster
from layers import colours, style_figures
from layers.columns import Column
from layers.errors import UnknownCollectionError
from layers.grids import GRID_CRS, WEIGHTS, grid_of, ids_of, is_gridded, is_sum
from layers.layer import MERCATOR, Layer
from layers.styles import Classes
from layers.tile_matrices import WEB_MERCATOR_QUAD, bounds
from layers.tilesets import json_types

SHOWN_FIRST = (
    *("bill_saving_eur_a_per_head", "cool_priority", "benefit_priority"),
    *("t_co2e_households_per_head", "t_co2e_saved_2045"),
    *("night_anomaly_k", "green_m2_per_head", "low_income_probability"),
)
MAX_ZOOM = 18
TILE_PX = 256
MESH = 9
# a city's classes take 20 kB, a GeoTIFF of the Ruhr 1 MB
MAX_KEPT = 32
EARTH_M = 6378137


@dataclass(frozen=True)
class Drawn:
    """A figure as classes, ready for tiles.

    Attributes
    ----------
    classes
        Bounds and colours.
    levels
        Position of the class of each pixel from 1, 0 for none, inside a frame of zeros; each level has half the rows
        and columns of the one before, by weighted averages of the pixels with data.
    west_m, north_m, cell_m
        Corner and side of the pixels of the first level, EPSG:3035.
    box
        West, south, east, north in web Mercator.
    """

    classes: Classes
    levels: tuple[NDArray[np.uint8], ...]
    west_m: float
    north_m: float
    cell_m: float
    box: tuple[float, float, float, float]


class _Kept:
    """The last results, by collection, version and attribute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: dict[tuple[str, ...], Any] = {}

    def get(self, layer: Layer, key: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401 - of any kind
        key = (layer.id, layer.version, *key)
        with self._lock:
            found = self._results.pop(key, None)
        if found is None:
            found = make()
        with self._lock:
            self._results[key] = found
            while len(self._results) > MAX_KEPT:
                self._results.pop(next(iter(self._results)))
        return found


_KEPT = _Kept()


def default_column(layer: Layer) -> str:
    """Name the attribute that is drawn when none is asked for."""
    names = [column.name for column in layer.columns]
    return next((name for name in SHOWN_FIRST if name in names), names[-1])


def drawable(layer: Layer) -> tuple[Column, ...]:
    """Attributes that can be drawn: numbers, and where units share a pixel, sums or means that something weighs.

    Computes no scenario. None where the layer is no grid.
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    if not is_gridded(layer):
        return ()
    types, names = json_types(layer), {column.name for column in layer.columns}
    ids = ids_of(layer)
    cells = pc.replace_substring_regex(ids, r"\..*", "")
    alone = len(pc.unique(cells)) == len(cells)
    return tuple(
        column
        for column in layer.columns
        if types[column.name] in {"integer", "number"}
        and (alone or is_sum(column.name) or WEIGHTS.get(column.name) in names)
    )


def raster(layer: Layer, column: str) -> Raster:
    """Put a figure of cells on their own grid.

    Parameters
    ----------
    layer
        One row for each cell, or for each municipality's part of one.
    column
        Any numeric attribute.

    Returns
    -------
    Raster
        EPSG:3035, float64, in the attribute's unit. Sums of units that share a pixel are added up, means are weighted
        (per head by people, …). NaN where no cell is, or where a unit's value or weight is missing. A pixel with one
        unit holds its value as it is.

    Raises
    ------
    UnknownCollectionError
        The layer is no grid of cells, or has no such number.
    InputError
        A mean that nothing weighs, in a layer where units share a pixel.
    """
    return _on_grid(layer, column)[0]


def cog(layer: Layer, column: str, licences: str = "") -> bytes:
    """Write a figure of cells as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    layer, column
        As in `raster`.
    licences
        Text for the file's tags, beside title, unit, status, and how many units have no value.

    Returns
    -------
    bytes
        As in `cog_of_raster`.

    Raises
    ------
    UnknownCollectionError, InputError
        As in `raster`.
    """
    about = described(layer, column)

    def make() -> bytes:
        values = raster(layer, column)
        missing = int(np.isnan(layer.column(column)).sum())
        kind = "sum of the units of a pixel" if is_sum(column) else "mean of the units of a pixel"
        tags = {
            "title": f"{layer.title}: {about.en}",
            "status": about.how,
            "licences": licences,
            "value": kind,
            "units_without_value": str(missing),
        }
        return cog_of_raster(values, column, about.unit, tags)

    found: bytes = _KEPT.get(layer, ("cog", column, licences), make)
    return found


def cog_of_raster(values: Raster, name: str, unit: str, tags: dict[str, str]) -> bytes:
    """Write a raster as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    values
        Any raster; its CRS, grid and numbers are kept as they are.
    name, unit
        Description of the band and unit of its values.
    tags
        Texts to put into the file, beside `unit`, `source` and `overviews`.

    Returns
    -------
    bytes
        GDAL's COG layout: blocks of 256 pixels, deflate, nodata NaN. Overviews are plain averages over the pixels with
        data: of a sum, the average per pixel and not the total.
    """
    import rasterio  # noqa: PLC0415 - slow to import
    from rasterio.io import MemoryFile  # noqa: PLC0415 - slow to import
    from rasterio.shutil import copy  # noqa: PLC0415 - slow to import

    rows, columns = values.values.shape
    profile = {
        "driver": "GTiff",
        "height": rows,
        "width": columns,
        "count": 1,
        "dtype": values.values.dtype,
        "crs": rasterio.CRS.from_wkt(values.crs.to_wkt()),
        "transform": rasterio.Affine(values.dx_m, 0, values.west_m, 0, -values.dy_m, values.north_m),
        "nodata": np.nan,
    }
    options = {"compress": "deflate", "predictor": "floating_point", "blocksize": 256, "overview_resampling": "average"}
    with MemoryFile() as plain, MemoryFile(ext=".tif") as made:
        with plain.open(**profile) as file:
            file.write(values.values, 1)
            file.set_band_description(1, name)
            file.units = (unit,)
            told = {"unit": unit, "source": values.source, "overviews": "average per pixel with data", **tags}
            file.update_tags(**{key: text for key, text in told.items() if text})
        with plain.open() as file:
            copy(file, made.name, driver="COG", **options)
        content: bytes = made.read()
    return content


def drawn(layer: Layer, column: str, styled: Layer | None = None) -> Drawn:
    """Classify a figure of cells as its style does: per km² or per head where that is.

    Parameters
    ----------
    layer
        One row for each cell, or for each municipality's part of one.
    column
        A figure.
    styled
        The collection, if it has other rows than `layer`: its styles and legends are those of the tiles.

    Raises
    ------
    UnknownCollectionError, InputError
        As in `raster`.
    """
    found: Drawn = _KEPT.get(layer, ("drawn", column), lambda: _draw(layer, column, styled or layer))
    return found


def tile(figure: Drawn, z: int, x: int, y: int) -> bytes:
    """Draw a tile of 256 pixels.

    Parameters
    ----------
    figure
        Classes of a layer.
    z, x, y
        WebMercatorQuad, y from the north, up to zoom 18.

    Returns
    -------
    bytes
        PNG with a palette, transparent where no data are. A pixel has the colour of the cell under its centre; of the
        average of cells where they are smaller than a pixel.

    Raises
    ------
    UnknownCollectionError
        No such tile.
    """
    west, _, east, north = bounds(WEB_MERCATOR_QUAD, z, x, y)
    if z > MAX_ZOOM:
        raise UnknownCollectionError(Problem(f"tile {z}/{y}/{x}", "is too deep", f"Use zoom 0 to {MAX_ZOOM}."))
    side = (east - west) / TILE_PX
    columns = _inside(figure.box[0] - west, figure.box[2] - west, side)
    rows = _inside(north - figure.box[3], north - figure.box[1], side)
    classes = np.zeros((TILE_PX, TILE_PX), np.uint8)
    if len(columns) and len(rows):
        classes[rows.start : rows.stop, columns.start : columns.stop] = _classes(
            figure, west, north, side, rows, columns
        )
    return png(classes, figure.classes.colours)


def png(classes: NDArray[np.uint8], palette: tuple[str, ...]) -> bytes:
    """Write classes as a PNG with a palette; 0 is transparent, i has the i-th colour (``"#rrggbb"``)."""
    height, width = classes.shape
    # each line is the difference from the one above (filter 2): of cells larger than a pixel that is mostly zeros, so
    # run lengths pack it as small as deflate's search does, in a sixth of the time
    lines = np.full((height, width + 1), 2, np.uint8)
    lines[:, 1:] = np.diff(classes, axis=0, prepend=np.zeros((1, width), np.uint8))
    packer = zlib.compressobj(6, strategy=zlib.Z_RLE)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(3) + bytes.fromhex("".join(colour[1:] for colour in palette))),
        (b"tRNS", bytes(1)),
        (b"IDAT", packer.compress(lines.tobytes()) + packer.flush()),
        (b"IEND", b""),
    )
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tilejson(layer: Layer, column: str, url: str, attribution: str) -> dict[str, Any]:
    """TileJSON 3.0 of the coloured tiles of a figure; `url` has {z}, {y} and {x}."""
    about = described(layer, column)
    # cells always lie somewhere
    west, south, east, north = layer.extent or (-180.0, -85.0, 180.0, 85.0)
    return {
        "tilejson": "3.0.0",
        "name": f"{layer.title}: {about.en}",
        "description": layer.description,
        "attribution": attribution,
        "tiles": [url],
        "format": "png",
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, 10],
    }


def legend(layer: Layer, column: str, styled: Layer | None = None) -> dict[str, Any]:
    """Classes of a figure with colours, bounds, and labels in English and German; see `drawn`.

    Raises
    ------
    UnknownCollectionError, InputError
        As in `raster`.
    """
    return colours.legend(drawn(layer, column, styled).classes, described(layer, column))


def described(layer: Layer, column: str) -> Column:
    """Metadata of an attribute, checked without computing anything.

    Raises
    ------
    UnknownCollectionError
        The layer is no grid of cells, or has no such attribute.
    """
    if not is_gridded(layer):
        grid_of(layer)  # says what is wrong
    found = next((one for one in layer.columns if one.name == column), None)
    if found is None:
        raise _unknown(layer, column, [one.name for one in layer.columns])
    return found


def _unknown(layer: Layer, column: str, names: list[str]) -> UnknownCollectionError:
    what = f"'{column[:60]}' cannot be put on a raster of {layer.id}"
    return UnknownCollectionError(Problem("column", what, f"Use one of {', '.join(names)}."))


def _numbers(layer: Layer, column: str) -> FloatArray:
    kinds = {field.name: field.type for field in layer.table.schema}
    numeric = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
    if column not in numeric:
        raise _unknown(layer, column, numeric)
    return layer.column(column)


def _on_grid(layer: Layer, column: str) -> tuple[Raster, FloatArray]:
    """Put values on the grid, with their weights in averages over pixels (0 where missing)."""
    grid, values = grid_of(layer), _numbers(layer, column)
    size = grid.shape[0] * grid.shape[1]
    units = np.bincount(grid.pixel, minlength=size)
    if is_sum(column):
        weights, result = np.ones(size), sum_by(grid.pixel, values, size)
    else:
        by = WEIGHTS.get(column)
        known = by is not None and by in layer.table.column_names
        if not known and units.max() > 1:
            what = f"'{column}' cannot be put on a raster: {int((units > 1).sum())} pixels hold several units"
            raise InputError(Problem("column", what, "Choose a sum, or the cells of one municipality."))
        weight = layer.column(str(by)) if known else np.ones(len(values))
        weights, result = _means(grid.pixel, values, weight, units)
    result[units == 0] = np.nan
    weights = np.where(np.isfinite(result) & np.isfinite(weights), weights, 0)
    shaped = result.reshape(grid.shape)
    source = f"{layer.id}, {column}"
    placed = Raster(shaped, GRID_CRS, grid.west_m, grid.north_m, grid.cell_m, grid.cell_m, source)
    return placed, weights.reshape(grid.shape)


def _means(pixel: IntArray, values: FloatArray, weight: FloatArray, units: IntArray) -> tuple[FloatArray, FloatArray]:
    """Weights and weighted means of pixels; a unit without weight needs no value."""
    total = sum_by(pixel, weight, len(units))
    weighted = sum_by(pixel, np.where(weight == 0, 0, values * weight), len(units))
    means = np.full(len(units), np.nan)
    np.divide(weighted, total, out=means, where=total > 0)
    alone = units[pixel] == 1
    means[pixel[alone]] = values[alone]
    return total, means


def _draw(layer: Layer, column: str, styled: Layer) -> Drawn:
    placed, weights = _on_grid(layer, column)
    values = placed.values.astype(np.float64)
    figure = style_figures.of_column(styled, described(styled, column))
    classes = _as_classes(figure, column)
    if classes.per == "head":
        people = raster(layer, str(figure.divisor)).values.astype(np.float64)
        weights = np.nan_to_num(people)
        values = np.divide(values, people, out=np.full_like(values, np.nan), where=people > 0)
    elif classes.per == "km2":
        values *= 1e6 / (placed.dx_m * placed.dy_m)
    levels = [_classified(values, classes)]
    while max(values.shape) > 1:
        values, weights = _halved(values, weights)
        levels.append(_classified(values, classes))
    box = _from_mercator().transform_bounds(*placed.bounds, direction="INVERSE", densify_pts=21)
    return Drawn(classes, tuple(levels), placed.west_m, placed.north_m, placed.dx_m, box)


def _as_classes(figure: style_figures.Figure, column: str) -> Classes:
    """Classes of numbers as a figure has them."""
    per = "" if figure.divisor is None else "head" if figure.divisor in style_figures.HEADS else "km2"
    breaks = tuple(float(entry.low) for entry in figure.entries if entry.low is not None)
    return Classes(column, breaks, tuple(entry.colour for entry in figure.entries), figure.en, figure.de, per)


def _classified(values: FloatArray, classes: Classes) -> NDArray[np.uint8]:
    found = np.searchsorted(classes.breaks, values, side="right") + 1
    return np.pad(np.where(np.isnan(values), 0, found).astype(np.uint8), 1)


def _halved(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted means of blocks of two by two."""
    odd = [(0, length % 2) for length in values.shape]
    blocks = -(-values.shape[0] // 2), 2, -(-values.shape[1] // 2), 2
    known = np.where(np.isnan(values), 0, weights)
    total = np.pad(known, odd).reshape(blocks).sum(axis=(1, 3))
    weighted = np.pad(known * np.nan_to_num(values), odd).reshape(blocks).sum(axis=(1, 3))
    return np.divide(weighted, total, out=np.full_like(total, np.nan), where=total > 0), total


@cache
def _from_mercator() -> Transformer:
    return Transformer.from_crs(MERCATOR, GRID_CRS, always_xy=True)


def _inside(start: float, stop: float, side: float) -> range:
    """Pixels of a tile whose centres lie between two distances from its first edge."""
    return range(max(0, math.ceil(start / side - 0.5)), min(TILE_PX, math.floor(stop / side - 0.5) + 1))


def _classes(figure: Drawn, west: float, north: float, side: float, rows: range, columns: range) -> NDArray[np.uint8]:
    """Classes under the centres of pixels."""
    at_x, across = _hats(columns)
    at_y, down = _hats(rows)
    mesh = np.meshgrid(west + (at_x + 0.5) * side, north - (at_y + 0.5) * side)
    easting, northing = _from_mercator().transform(*mesh)
    # one level for the whole layer at a zoom, so that tiles fit together; Mercator stretches by cosh(y / R)
    ground = side / math.cosh((figure.box[1] + figure.box[3]) / 2 / EARTH_M)
    level = min(max(math.floor(math.log2(ground / figure.cell_m)), 0), len(figure.levels) - 1)
    classes, cell = figure.levels[level], figure.cell_m * 2**level
    height, width = classes.shape
    # cast to whole numbers, what lies less than a cell outside falls on the frame, what lies further is cut to it
    column = _between(down, (easting - figure.west_m) / cell + 1, across).astype(np.int32).clip(0, width - 1)
    row = _between(down, (figure.north_m - northing) / cell + 1, across).astype(np.int32).clip(0, height - 1)
    found: NDArray[np.uint8] = classes.ravel().take(row * width + column)
    return found


def _between(down: FloatArray, nodes: FloatArray, across: FloatArray) -> FloatArray:
    # einsum: for so small a product the threads of `@` cost twenty times what they save
    columns = np.einsum("ij,jk->ik", down, nodes)
    found: FloatArray = np.einsum("ij,jk->ik", columns, np.ascontiguousarray(across.T))
    return found


def _hats(pixels: range) -> tuple[FloatArray, FloatArray]:
    """Nodes among pixels, and for each pixel the weights of the nodes in a linear interpolation."""
    nodes = np.linspace(pixels.start, pixels.stop - 1, min(MESH, len(pixels)))
    if len(nodes) == 1:
        return nodes, np.ones((1, 1))
    apart = np.abs(np.arange(pixels.start, pixels.stop)[:, None] - nodes) / (nodes[1] - nodes[0])
    return nodes, np.maximum(1 - apart, 0)
