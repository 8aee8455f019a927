"""Rasters from files: the part that is needed, in the CRS that is asked for, NaN where there are no data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject, transform_bounds
from rasterio.windows import Window

from geo.errors import CRSMismatchError, InputError, Problem
from geo.zonal import Raster

Method = Literal["nearest", "bilinear", "average"]
Bounds = tuple[float, float, float, float]
# cells around what is asked for, so that neighbours are there to interpolate with
MARGIN = 2


def read(
    path: Path,
    *,
    bounds: Bounds | None = None,
    crs: CRS | None = None,
    band: int | str = 1,
    resampling: Method | None = None,
) -> Raster:
    """Read one band of a GeoTIFF, or of whatever rasterio opens.

    Nodata values and mask bands become NaN; scale and offset are applied. Only cells that meet `bounds` are read, a
    file of many gigabytes costs no more than they do.

    Parameters
    ----------
    path
        File.
    bounds
        West, south, east, north in `crs` (in the file's CRS if `crs` is omitted); the whole file when omitted. Whole
        cells are given, so the raster may reach beyond by less than a cell; it ends where the file ends.
    crs
        Projected CRS to give; the file's when omitted.
    band
        Number from 1, or the band's description.
    resampling
        Needed only where the file has another CRS: ``"nearest"`` for classes, ``"bilinear"`` for what varies smoothly,
        ``"average"`` for what is coarser in `crs` than in the file. Counts per cell (people, buildings) lose their
        total by warping: take the polygons to the file's CRS instead.

    Returns
    -------
    Raster
        `source` says file, band, and how it was warped.

    Raises
    ------
    CRSMismatchError
        The file has no CRS; or it is not in metres and no `crs` is given.
    InputError
        No such file or band, not a raster, truncated, a turned grid, no cell in `bounds`, no resampling named.
    """
    with _opened(path) as file:
        own = _crs_of(file, path)
        index, name = _band(file, band, path)
        _check(file, path, bounds)
        warped = crs is not None and crs != own
        if warped and resampling is None:
            what = f"is in {own.name}, {crs.name if crs else ''} is asked for, and no resampling is named"
            raise InputError(Problem(str(path), what, "Name nearest for classes, bilinear or average for quantities."))
        if crs is None or not warped:
            values, transform = _cells(file, index, _window(file, bounds, 0, path))
            return _raster(values, transform, crs or own, f"{path.name}, {name}")
        values, transform = _warp(file, index, crs, bounds, str(resampling), path)
        return _raster(
            values, transform, crs, f"{path.name}, {name}, warped from {own.name} to {crs.name} ({resampling})"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(Problem(str(path), "does not exist", "Check the path."))
    try:
        with warnings.catch_warnings():
            # a file without a place is refused below, in our words
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path)
        with file:
            yield file
    except RasterioError as error:
        # a message that names no cause hides GDAL's own behind it
        what = f"cannot be read as a raster ({error.__cause__ or error})"
        raise InputError(Problem(str(path), what, "Fetch it again: it is damaged, cut off, or no raster.")) from error


def _crs_of(file: Any, path: Path) -> CRS:  # noqa: ANN401 - rasterio is untyped
    if file.crs is None:
        remedy = "Have its owner say which, and write it into the file (gdal_edit -a_srs)."
        raise CRSMismatchError(Problem(str(path), "has no CRS", remedy))
    # below full confidence an EPSG code is a guess
    code = file.crs.to_epsg(confidence_threshold=100)
    return CRS.from_wkt(file.crs.to_wkt()) if code is None else CRS.from_epsg(code)


def _band(file: Any, band: int | str, path: Path) -> tuple[int, str]:  # noqa: ANN401 - rasterio is untyped
    names = [name or "" for name in file.descriptions]
    if isinstance(band, int) and 1 <= band <= file.count:
        return band, f"band {names[band - 1] or band}"
    if isinstance(band, str) and names.count(band) == 1:
        return names.index(band) + 1, f"band {band}"
    there = ", ".join(name or str(number) for number, name in enumerate(names, 1)) or "none"
    count = "several bands" if isinstance(band, str) and band in names else "no band"
    raise InputError(Problem(str(path), f"has {count} {band!r}", f"Bands: {there}."))


def _check(file: Any, path: Path, bounds: Bounds | None) -> None:  # noqa: ANN401 - rasterio is untyped
    problems, t = [], file.transform
    if t == Affine.identity():
        problems.append(Problem(str(path), "does not say where it lies", "Georeference it."))
    elif t.b or t.d or not (t.a > 0 and t.e):
        problems.append(Problem(str(path), "has a turned or mirrored grid", "Warp it with gdalwarp first."))
    if any(np.dtype(kind).kind not in "iuf" for kind in file.dtypes):
        problems.append(Problem(str(path), f"holds {file.dtypes[0]}", "Give real numbers."))
    if bounds is not None and not (np.isfinite(bounds).all() and bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        problems.append(Problem("bounds", f"are {bounds}", "Give west, south, east, north."))
    if problems:
        raise InputError(problems)


def _window(file: Any, bounds: Bounds | None, margin: int, path: Path) -> Window:  # noqa: ANN401 - rasterio is untyped
    """Whole cells that meet the bounds, in the file's own CRS."""
    if bounds is None:
        return Window(0, 0, file.width, file.height)
    west, south, east, north = bounds
    t = file.transform
    c0, c1 = (west - t.c) / t.a, (east - t.c) / t.a
    r0, r1 = sorted(((north - t.f) / t.e, (south - t.f) / t.e))
    # a side on a line between cells, as far as coordinates can tell, takes no further cell
    left, right = max(math.floor(c0 + 1e-6) - margin, 0), min(math.ceil(c1 - 1e-6) + margin, file.width)
    top, bottom = max(math.floor(r0 + 1e-6) - margin, 0), min(math.ceil(r1 - 1e-6) + margin, file.height)
    if left >= right or top >= bottom:
        raise InputError(
            Problem(str(path), f"has no cell in {bounds}", "Check that it covers the place, and the bounds' CRS.")
        )
    return Window(left, top, right - left, bottom - top)


def _cells(file: Any, index: int, window: Window) -> tuple[NDArray[Any], Affine]:  # noqa: ANN401 - rasterio is untyped
    """Read cells, NaN where masked, first row in the north."""
    cells = file.read(index, window=window, masked=True)
    small = cells.dtype.itemsize <= (4 if cells.dtype.kind == "f" else 2)
    values = cells.astype(np.float32 if small else np.float64).filled(np.nan)
    scale, offset = file.scales[index - 1], file.offsets[index - 1]
    if (scale, offset) != (1.0, 0.0):
        values = values * np.float64(scale) + np.float64(offset)
    t = file.window_transform(window)
    if t.e > 0:
        values = values[::-1]
        t = Affine(t.a, 0, t.c, 0, -t.e, t.f + t.e * len(values))
    return values, t


def _warp(
    file: Any,  # noqa: ANN401 - rasterio is untyped
    index: int,
    crs: CRS,
    bounds: Bounds | None,
    resampling: str,
    path: Path,
) -> tuple[NDArray[Any], Affine]:
    """Warp what meets the bounds to square cells of about the file's size, on lines at whole multiples of it."""
    target = rasterio.CRS.from_wkt(crs.to_wkt())
    window = _window(file, None, 0, path)
    if bounds is not None:
        window = _window(file, transform_bounds(target, file.crs, *bounds, densify_pts=21), MARGIN, path)
    values, own = _cells(file, index, window)
    rows, columns = values.shape
    box = rasterio.transform.array_bounds(rows, columns, own)
    west, south, east, north = transform_bounds(file.crs, target, *box, densify_pts=21)
    if bounds is not None:
        west, south = max(west, bounds[0]), max(south, bounds[1])
        east, north = min(east, bounds[2]), min(north, bounds[3])
    if west >= east or south >= north:
        raise InputError(Problem(str(path), f"has no cell in {bounds}", "Check that it covers the place."))
    size = calculate_default_transform(file.crs, target, columns, rows, *box)[0].a
    c0, c1 = math.floor(west / size), math.ceil(east / size)
    r0, r1 = math.floor(south / size), math.ceil(north / size)
    transform = Affine(size, 0, c0 * size, 0, -size, r1 * size)
    out = np.full((r1 - r0, c1 - c0), np.nan, values.dtype)
    reproject(
        values,
        out,
        src_transform=own,
        src_crs=file.crs,
        src_nodata=np.nan,
        dst_transform=transform,
        dst_crs=target,
        dst_nodata=np.nan,
        resampling=Resampling[resampling],
    )
    return out, transform


def _raster(values: NDArray[Any], transform: Affine, crs: CRS, source: str) -> Raster:
    return Raster(values, crs, transform.c, transform.f, transform.a, -transform.e, source)
