"""Any vector file GDAL reads, also inside a zip archive: own column names, own values, one layer, one CRS.

Only existing local files are opened, and only after a look at their first bytes: GDAL itself would follow a connection
string, or a small XML file that names a database or an address. A file that breaks off is refused, for GDAL reads some
of them without a word (a shapefile with missing outlines, a GML file without features).
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import (
    DataLayerError,
    DataSourceError,
    FeatureError,
    GeometryError,
)
from pyproj import CRS
from pyproj.exceptions import CRSError

from data.archive import check_archive
from data.spreadsheet import csv_texts, numbers
from geo.errors import CRSMismatchError, InputError, Problem

LIMIT_BYTES = 4 << 30
# what a zip archive is searched for; the other parts of a shapefile are found by GDAL
DATASETS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gml", ".kml", ".csv", ".tab", ".mif", ".dxf", ".sqlite")
TABLES = (".csv", ".tsv", ".txt")
XY = ("x", "y")
# a file with one of these sends GDAL to another file, a database or an address
REDIRECTS = (b"<ogrvrt", b"<vrtdataset", b"<ogrwfs", b"<gdal", b"gdal_streamed_alg", b"<wfs_capabilities", b"stacit:")
HEAD_BYTES = 1 << 16
NEAR = 0.6


@dataclass(frozen=True)
class Layer:
    """One layer that can be read.

    Attributes
    ----------
    name
        As the file calls it.
    source
        What GDAL opens.
    file
        Part of an archive, or the file itself, for messages.
    has_geometry
        Whether it is a map layer; a table of points with x and y is not.
    """

    name: str
    source: str
    file: str
    has_geometry: bool


def read(
    path: Path,
    *,
    layer: str | None = None,
    columns: Mapping[str, str] | None = None,
    values: Mapping[str, Mapping[str, str]] | None = None,
    crs: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> gpd.GeoDataFrame:
    """Read one layer of a vector file.

    Parameters
    ----------
    path
        An existing local file: GeoPackage, shapefile, GeoJSON, FlatGeobuf, GML, KML, GeoParquet and whatever else GDAL
        reads, or a zip archive with one; or a CSV with coordinates, if `columns` names its `x` and `y`.
    layer
        Needed where the file holds several.
    columns
        Own column name to the file's. What is not named keeps its name; a column of the file that bears a name taken by
        another one is left out.
    values
        For an own column, the file's value (as text) to the own one. What is not listed stays as it is.
    crs
        CRS of a file that does not say it. Where the file does, both must agree.
    limit_bytes
        Largest size, of an archive after unpacking.

    Returns
    -------
    geopandas.GeoDataFrame
        Rows in the order of the file, with its types, dates, missing cells and kinds of geometry (None = none), and an
        index from 0. In the file's CRS, or in `crs`.

    Raises
    ------
    InputError
        Not a local file, not a vector file, broken off, too large, an archive bomb; an unknown or ambiguous layer; an
        empty layer; columns that are not there. All problems with the content at once.
    CRSMismatchError
        The file has no CRS and none is given, or another one than given.
    """
    columns, values = columns or {}, values or {}
    file = _local(path, limit_bytes)
    if file.suffix.lower() == ".parquet":
        frame = _parquet(file)
    else:
        chosen = _choose(layers(file, limit_bytes=limit_bytes), layer, file)
        if chosen.has_geometry:
            frame = _features(chosen)
        else:
            frame = _points(chosen, columns)
            columns = {name: file_name for name, file_name in columns.items() if name not in XY}
    where = file.name
    if frame.empty:
        raise InputError(Problem(where, "holds no feature", "Choose another layer or file."))
    frame = _with_crs(frame, crs, where)
    return _own_values(_own_columns(frame, columns, values, where), values)


def layers(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> list[Layer]:
    """List the layers of a file, of all files in an archive.

    Parameters
    ----------
    path
        As for `read`.
    limit_bytes
        As for `read`.

    Returns
    -------
    list of Layer
        Layers with geometry, and CSV tables.

    Raises
    ------
    InputError
        As for `read`.
    """
    file = _local(path, limit_bytes)
    sources = [(str(file), file.name)]
    if zipfile.is_zipfile(file) and _head(file).startswith(b"PK"):
        check_archive(file, limit_bytes)
        if file.suffix.lower() != ".kmz":
            sources = _members(file)
    found: list[Layer] = []
    for source, name in sources:
        if Path(name).suffix.lower() in TABLES:
            found.append(Layer(Path(name).stem, source, name, has_geometry=False))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers that are listed only; what is read is checked
            try:
                listed = pyogrio.list_layers(source)
            except (DataSourceError, DataLayerError) as error:
                if len(sources) > 1 and name.lower().endswith(".json"):
                    continue  # a description of the data beside them
                raise _unreadable(name, error) from error
        found += [Layer(str(one), source, name, has_geometry=True) for one, kind in listed if kind is not None]
    return found


def near(name: str, known: Iterable[str]) -> str:
    """Say which of the names there are is meant, or list them."""
    names = list(known)
    folded = {one.casefold(): one for one in names}
    match = [folded[one] for one in get_close_matches(name.casefold(), folded, n=3, cutoff=NEAR)]
    listed = f"There are: {', '.join(names)}." if names else "There are none."
    return f"Did you mean {' or '.join(match)}? {listed}" if match else listed


def _local(path: Path, limit_bytes: int) -> Path:
    """Return the absolute path of an existing file that holds what it says; refuse what else GDAL would open."""
    name = str(path)
    try:
        file = Path(path).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise InputError(Problem(name, "is not a local file", "Give the path of an existing file.")) from error
    if str(file).startswith("/vsi"):  # GDAL reads such paths as addresses, whatever lies there
        raise InputError(Problem(name, "lies in a folder whose name begins with 'vsi'", "Move it to another folder."))
    if "!" in str(file) and not zipfile.is_zipfile(file):  # pyogrio reads what follows it as a path inside an archive
        raise InputError(Problem(name, "has '!' in its path", "Rename the file or folder."))
    if file.is_dir() and file.suffix.lower() == ".gdb":
        return file
    if not file.is_file():
        raise InputError(Problem(name, "is not a file", "Give the path of a file, or pack the folder as .zip."))
    size = file.stat().st_size
    if not size:
        raise InputError(Problem(file.name, "is empty", "Export or download it again."))
    if size > limit_bytes:
        raise InputError(Problem(file.name, f"has {size} bytes, more than the {limit_bytes} allowed", "Cut it first."))
    _check_head(_head(file), file.name)
    if file.suffix.lower() == ".shp":
        _check_length(_head(file), size, file.name)
    elif _root(_head(file)):
        _check_end(file)
    return file


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def _check_head(head: bytes, name: str) -> None:
    if any(mark in head.lower() for mark in REDIRECTS):
        raise InputError(Problem(name, "points to other sources instead of holding data", "Export the layer itself."))
    if head.startswith(b"\x1f\x8b"):
        raise InputError(Problem(name, "is packed with gzip", "Unpack it, or pack it as .zip."))


def _check_length(head: bytes, size: int, name: str) -> None:
    """Compare a shapefile with the length in its header: GDAL takes missing outlines for empty ones."""
    said = 2 * int.from_bytes(head[24:28], "big")
    if said > size:
        raise InputError(Problem(name, f"breaks off: {size} of {said} bytes are there", "Copy or download it again."))


def _root(head: bytes) -> bytes:
    """Return the name of the outermost XML element; empty if this is not XML."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while text.startswith((b"<?", b"<!")):
        end = b"-->" if text.startswith(b"<!--") else b">"
        text = text.partition(end)[2].lstrip()
    match = re.match(rb"<([^\s/>]+)", text)
    return match[1] if match else b""


def _check_end(file: Path) -> None:
    with file.open("rb") as stream:
        stream.seek(max(file.stat().st_size - HEAD_BYTES, 0))
        tail = stream.read()
    if b"</" + _root(_head(file)) not in tail and b"/>" not in tail[-3:]:
        raise InputError(Problem(file.name, "breaks off before its end", "Copy or download it again."))


def _members(file: Path) -> list[tuple[str, str]]:
    """Find the files to read inside an archive; each is looked at as a file of its own would be."""
    found: list[tuple[str, str]] = []
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            suffix = Path(member.filename).suffix.lower()
            if member.is_dir() or suffix not in DATASETS or Path(member.filename).name.startswith("._"):
                continue
            with archive.open(member) as stream:
                head = stream.read(HEAD_BYTES)
            _check_head(head, f"{file.name}/{member.filename}")
            if suffix == ".shp":
                _check_length(head, member.file_size, f"{file.name}/{member.filename}")
            found.append((f"/vsizip/{{{file}}}/{member.filename}", member.filename))
        bases = {Path(part).parts[0] for part in archive.namelist() if Path(part).parts[:1]}
    found += [(f"/vsizip/{{{file}}}/{base}", base) for base in sorted(bases) if base.lower().endswith(".gdb")]
    if not found:
        raise InputError(Problem(file.name, "holds no vector file", f"Pack one of {', '.join(DATASETS)}."))
    return found


def _choose(found: list[Layer], layer: str | None, file: Path) -> Layer:
    if layer is not None:
        match = [one for one in found if one.name == layer]
        if len(match) == 1:
            return match[0]
        what = f"has no layer '{layer}'" if not match else f"has {len(match)} layers '{layer}'"
        raise InputError(Problem(file.name, what, near(layer, [one.name for one in found])))
    maps = [one for one in found if one.has_geometry] or found
    if len(maps) == 1:
        return maps[0]
    if not maps:
        raise InputError(Problem(file.name, "holds no map layer", "Give a layer with geometry."))
    names = ", ".join(one.name for one in maps)
    raise InputError(Problem(file.name, f"holds {len(maps)} layers: {names}", "Name the one to read."))


def _features(chosen: Layer) -> gpd.GeoDataFrame:
    # GML would fetch its schema from the address written in it
    options: dict[str, Any] = {"DOWNLOAD_SCHEMA": "NO"} if chosen.source.lower().endswith(".gml") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's remarks on the file; what matters is checked below
        try:
            said = pyogrio.read_info(chosen.source, layer=chosen.name, **options)["features"]
            frame: gpd.GeoDataFrame = pyogrio.read_dataframe(chosen.source, layer=chosen.name, **options)
        except (DataSourceError, DataLayerError, FeatureError, GeometryError, UnicodeDecodeError) as error:
            raise _unreadable(chosen.file, error) from error
        except shapely.errors.GEOSException as error:
            raise _unreadable(chosen.file, error) from error
    if said not in {-1, len(frame)}:
        what = f"breaks off: {len(frame)} of {said} features can be read"
        raise InputError(Problem(chosen.file, what, "Copy or download it again."))
    return frame


def _parquet(file: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(file)
    except (ValueError, OSError, TypeError) as error:
        raise _unreadable(file.name, error) from error


def _unreadable(name: str, error: Exception) -> InputError:
    reason = str(error).split("; It might help")[0]  # a hint on GDAL's connection strings, which are not allowed here
    return InputError(Problem(name, f"cannot be read as a map ({reason})", "Copy, download or export it again."))


def _points(chosen: Layer, columns: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Make points of a CSV; a row without coordinates keeps its place and has no geometry."""
    names = [columns.get(axis) for axis in XY]
    if None in names:
        what = "is a table without outlines"
        raise InputError(Problem(chosen.file, what, "Name the columns of its coordinates as x and y."))
    if chosen.source.startswith("/vsizip/"):
        raise InputError(Problem(chosen.file, "is a table inside an archive", "Unpack it first."))
    table = csv_texts(Path(chosen.source), columns.values())
    _check_columns([str(name) for name in names], list(table.columns), chosen.file)
    x, y = (numbers(table[str(name)], f"{chosen.file}, column {name}") for name in names)
    geometry = np.full(len(table), None, dtype=object)
    there = (x.notna() & y.notna()).to_numpy()
    geometry[there] = shapely.points(x[there].to_numpy(), y[there].to_numpy())
    table = table.drop(columns=[str(name) for name in names]).reset_index(drop=True)
    return gpd.GeoDataFrame(table.mask(table == "", None), geometry=geometry)


def _with_crs(frame: gpd.GeoDataFrame, crs: str | None, where: str) -> gpd.GeoDataFrame:
    try:
        given = None if crs is None else CRS.from_user_input(crs)
    except CRSError as error:
        remedy = "Write it as EPSG:25832 is written."
        raise CRSMismatchError(Problem(where, f"'{crs}' is not a known CRS", remedy)) from error
    if frame.crs is None:
        if given is None:
            raise CRSMismatchError(
                Problem(where, "does not say its CRS", "State the one it is in, such as EPSG:25832.")
            )
        return frame.set_crs(given)
    if given is not None and not _same(frame.crs, given):
        what = f"is in {frame.crs.name}, not in {given.name} as stated"
        raise CRSMismatchError(Problem(where, what, "State no CRS, or mend the file if it is the one that errs."))
    return frame


def _same(a: CRS, b: CRS) -> bool:
    if a.equals(b, ignore_axis_order=True):
        return True
    code = a.to_epsg(min_confidence=70)  # a .prj of ESRI names the same system in other words
    return code is not None and code == b.to_epsg(min_confidence=70)


def _check_columns(wanted: list[str], there: list[str], where: str) -> None:
    problems = [
        Problem(where, f"has no column '{name}'", near(name, there))
        for name in dict.fromkeys(wanted)
        if name not in there
    ]
    if problems:
        raise InputError(problems)


def _own_columns(
    frame: gpd.GeoDataFrame, columns: Mapping[str, str], values: Mapping[str, object], where: str
) -> gpd.GeoDataFrame:
    geometry = frame.active_geometry_name
    there = [str(name) for name in frame.columns if name != geometry]
    _check_columns([*columns.values(), *(name for name in values if name not in columns)], there, where)
    used = {*columns.values()}
    kept = {name: frame[name] for name in there if name not in used and name not in columns}
    made = {name: frame[file_name] for name, file_name in columns.items()}
    return gpd.GeoDataFrame({**made, **kept}, geometry=frame.geometry.to_numpy(), crs=frame.crs, index=frame.index)


def _own_values(frame: gpd.GeoDataFrame, values: Mapping[str, Mapping[str, str]]) -> gpd.GeoDataFrame:
    for name, mapping in values.items():
        column = frame[name]
        known = column.map(_text).map(mapping)
        frame[name] = column.astype(object).where(known.isna(), known)
    return frame


def _text(value: object) -> str | None:
    """Write a value as its file shows it: a code that a missing neighbour made 1010.0 is 1010."""
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
