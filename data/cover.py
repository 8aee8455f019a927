"""Rasters of a place: vegetation index, canopy, sealing, land cover; read for its outline, checked, kept as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from data import raster
from data.errors import ImportedError
from data.place import RasterFile
from data.raster import Method
from data.report import Report
from data.schema import LAND_COVERS
from geo.columns import Polygons
from geo.errors import Problem
from geo.zonal import Raster, zonal

RANGE = {"ndvi": (-1.0, 1.0), "canopy": (0.0, 1.0), "sealing": (0.0, 1.0)}
# shares are averaged so that covered areas stay what they are
RESAMPLING: dict[str, Method] = {"ndvi": "bilinear", "canopy": "average", "sealing": "average", "land_cover": "nearest"}
# an index of dark cells (water) may leave its range; more than this share, and it is the unit that is wrong
STRAY_SHARE = 0.01
# a smaller gap is the play of an outline
GAP_SHARE = 0.01
# what rounding to single precision may add
ROUNDING = 1e-6
LISTED = 20


def read(path: Path, given: RasterFile, outline: shapely.Geometry, crs: CRS, *, report: Report) -> Raster:
    """Read one raster of a place.

    Parameters
    ----------
    path
        The file.
    given
        How it is to be read.
    outline
        Of the place in `crs`; cells in its bounding box are read.
    crs
        Of the place.
    report
        Takes cells whose value cannot be (they are without data from then on), and the part of the place without data.

    Returns
    -------
    Raster
        In `crs`, NaN without data. NDVI -1 to 1, canopy and sealing 0 to 1, land cover as positions in `LAND_COVERS`.
        `source` says file, band, warp and year.

    Raises
    ------
    ImportedError
        No data in the place; more than 1 in 100 values out of range; values of land cover that no class is named for.
    InputError, CRSMismatchError
        As `data.raster.read`.
    """
    where = f"{given.file}, {given.kind}"
    west, south, east, north = shapely.bounds(outline).tolist()
    found = raster.read(
        path, bounds=(west, south, east, north), crs=crs, band=given.band, resampling=RESAMPLING[given.kind]
    )
    if np.isnan(found.values).all():
        raise ImportedError(Problem(where, "has no data in the place", "Check that it covers the place."))
    values = (
        _classes(found.values, given.classes, where)
        if given.kind == "land_cover"
        # a plain float keeps single precision
        else _in_range(found.values * float(given.scale), given.kind, where, report)
    )
    source = found.source + (f", {given.year}" if given.year else "")
    made = Raster(values, found.crs, found.west_m, found.north_m, found.dx_m, found.dy_m, source)
    _name_gaps(made, outline, where, report)
    return made


def _in_range(values: NDArray[Any], kind: str, where: str, report: Report) -> NDArray[Any]:
    low, high = RANGE[kind]
    stray = (values < low - ROUNDING) | (values > high + ROUNDING)
    known = int((~np.isnan(values)).sum())
    what = f"outside {low:g} to {high:g} (from {np.nanmin(values):g} to {np.nanmax(values):g})"
    if stray.sum() > STRAY_SHARE * known:
        remedy = "State its scale (scale = 0.01 for percent), or mark cells without data as nodata in the file."
        raise ImportedError(Problem(where, f"has {int(stray.sum()):,} of {known:,} cells {what}", remedy))
    cells = [f"row {row + 1} column {column + 1}" for row, column in np.argwhere(stray)]
    report.add(where, f"cells {what}, taken as missing", cells, "repaired", "Check its unit and nodata.")
    kept: NDArray[Any] = np.where(stray, np.nan, np.clip(values, low, high))
    return kept


def _classes(values: NDArray[Any], classes: dict[str, str], where: str) -> NDArray[Any]:
    """Positions in `LAND_COVERS` instead of the file's values."""
    named = {float(value): name for value, name in classes.items() if _is_number(value)}
    there, row, count = np.unique(values[~np.isnan(values)], return_inverse=True, return_counts=True)
    strange = [f"{v:g} ({n:,} cells)" for v, n in zip(there, count, strict=True) if float(v) not in named]
    if strange:
        shown = ", ".join(strange[:LISTED]) + (", …" if len(strange) > LISTED else "")
        remedy = 'Name a class for each under `classes`, "" for no data.'
        raise ImportedError(Problem(where, f"holds values without a class: {shown}", remedy))
    # a class that is none is named when the settings are read
    position = [LAND_COVERS.index(n) if (n := named[float(v)]) in LAND_COVERS else np.nan for v in there]
    out = np.full(values.shape, np.nan, np.float32)
    out[~np.isnan(values)] = np.array(position, np.float32)[row]
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _name_gaps(made: Raster, outline: shapely.Geometry, where: str, report: Report) -> None:
    shape = Polygons.from_shapely(np.array([outline], dtype=object), made.crs)
    share = float(zonal(shape, made).missing_m2[0]) / float(shapely.area(outline))
    if share > GAP_SHARE:
        report.missing(where, f"data for {share:.0%} of the place", "Nothing is computed there; bring a wider raster.")


def save(made: Raster, path: Path) -> None:
    """Write a raster as a compressed archive of arrays; the same raster gives the same bytes."""
    place = np.array([made.west_m, made.north_m, made.dx_m, made.dy_m])
    np.savez_compressed(path, values=made.values, place=place, crs=made.crs.to_wkt(), source=made.source)


def load(path: Path) -> Raster:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        west_m, north_m, dx_m, dy_m = kept["place"].tolist()
        crs = CRS.from_wkt(str(kept["crs"]))
        return Raster(kept["values"], crs, west_m, north_m, dx_m, dy_m, str(kept["source"]))
