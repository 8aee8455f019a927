"""A vector file as columns: attributes as they are named and typed there, shapes of any kind; all problems at once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from data import vector
from geo.arrays import IntArray
from geo.errors import InputError, Problem, RevierError
from geo.shapes import Shapes
from layers import published_curves
from layers.drawn import WGS84
from layers.published_values import plain, problems_of, rows_named

BATCH = 50_000
PARQUET = (".parquet", ".geoparquet")
# GDAL would fetch a schema from the address written in a file, and write another one beside it
_OPTIONS = {".gml": {"DOWNLOAD_SCHEMA": "NO", "WRITE_GFS": "NO"}}
_GDAL_ERRORS = (
    *(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError),
    *(pyogrio.errors.GeometryError, UnicodeDecodeError, OSError, pa.ArrowException),
)
_SHAPE_ERRORS = (shapely.errors.GEOSException, NotImplementedError, ValueError)
_CURVED = "holds curves: arcs are drawn as lines that turn by 4 degrees"
_MEASURED = "holds measures (M): shapes are published without them"


@dataclass(frozen=True, eq=False)
class Brought:
    """One layer of a file.

    Attributes
    ----------
    table
        Attributes as the file holds them, missing ones null.
    shapes
        In the CRS of the file, in the order of its rows.
    file, layer
        Names of the file and of the layer in it.
    notes
        What is not quite as in the file.
    """

    table: pa.Table
    shapes: Shapes
    file: str
    layer: str
    notes: tuple[str, ...]


def read(path: Path, layer: str | None = None, crs: str | None = None) -> Brought:
    """Read one layer of a vector file.

    Parameters
    ----------
    path
        An existing local file of any kind that GDAL reads, a zip archive with one, or GeoParquet.
    layer
        Needed where the file holds several.
    crs
        CRS of a file that does not say it, such as ``EPSG:25832``. Where the file does, both must agree.

    Raises
    ------
    InputError
        Everything that is wrong with the file: it cannot be read or breaks off, has no such layer or no CRS, columns of
        the same name, values or shapes that cannot be kept.
    """
    reading = _Reading(path.name)
    try:
        opened = _parquet(path) if path.suffix.lower() in PARQUET else _by_gdal(path, layer)
        for one in opened.batches:
            reading.take(one, opened.geometry)
    except RevierError as error:
        raise InputError(error.problems) from error
    except _GDAL_ERRORS as error:
        what = f"cannot be read as a map ({str(error).split('; It might help', maxsplit=1)[0][:300]})"
        raise InputError(Problem(path.name, what, "Copy, download or export it again.")) from error
    if opened.said not in {-1, reading.count}:
        what = f"breaks off: {reading.count} of {opened.said} features can be read"
        reading.problems.append(Problem(path.name, what, "Copy or download it again."))
    system = _crs(opened.crs, crs, path.name, reading.problems, needed=any(len(s.coords) for s in reading.shapes))
    table = reading.table(opened.schema, opened.geometry)
    reading.problems += problems_of(table, path.name)
    if reading.problems:
        raise InputError(reading.problems)
    shapes = replace(joined(reading.shapes), crs=system)
    return Brought(plain(table), shapes, path.name, opened.layer, tuple(dict.fromkeys(reading.notes)))


@dataclass(frozen=True, eq=False)
class _Opened:
    """A layer that was opened: batches of its rows, and what the file says of it (-1 features: it does not say)."""

    batches: Iterator[pa.RecordBatch]
    schema: pa.Schema
    geometry: str | None
    crs: CRS | None
    layer: str
    said: int = -1


class _Reading:
    """Collects batches of rows, and everything that is wrong with them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0
        self.shapes: list[Shapes] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._attributes: list[pa.RecordBatch] = []
        self._unreadable: dict[str, list[int]] = {}

    def take(self, batch: pa.RecordBatch, geometry: str | None) -> None:
        """Take the next rows."""
        if geometry is None:
            found = np.full(batch.num_rows, None, dtype=object)
        else:
            at = _position(batch.schema, geometry)
            found = self._decoded(batch.column(at).to_numpy(zero_copy_only=False))
            batch = batch.select([i for i in range(batch.num_columns) if i != at])
        self._attributes.append(batch)
        self.shapes.append(Shapes.from_shapely(found, WGS84))
        self.count += len(found)

    def table(self, schema: pa.Schema, geometry: str | None) -> pa.Table:
        """Attributes of all rows; notes what could not be read."""
        for why, rows in self._unreadable.items():
            what = f"have shapes that cannot be read ({why})"
            self.problems.append(Problem(f"{self.file}, {rows_named(rows)}", what, "Mend them, such as in QGIS."))
        if geometry is not None:
            schema = schema.remove(_position(schema, geometry))
        return pa.Table.from_batches(self._attributes, schema)

    def _decoded(self, wkb: NDArray[np.object_]) -> NDArray[np.object_]:
        """Shapes of a batch; None where there is none, or where it cannot be read, which is noted."""
        kinds = np.array([_kind(one) for one in wkb], dtype=np.int64)
        if ((kinds > 1000) & (kinds // 1000 % 10 >= 2)).any():
            self.notes.append(_MEASURED)
        kinds %= 1000
        # members of a collection may be curved, too
        plain_kinds = kinds < published_curves.COLLECTION
        found = np.full(len(wkb), None, dtype=object)
        try:
            found[plain_kinds] = shapely.from_wkb(wkb[plain_kinds])
            others = np.flatnonzero(~plain_kinds)
        except _SHAPE_ERRORS:
            others = np.arange(len(wkb))
        for i in others.tolist():
            found[i] = self._one(wkb[i], int(kinds[i]), self.count + i + 1)
        return found

    def _one(self, wkb: bytes | None, kind: int, row: int) -> shapely.Geometry | None:
        try:
            if kind < published_curves.COLLECTION:
                return shapely.from_wkb(wkb)
            if kind > published_curves.COLLECTION and kind <= published_curves.CURVED_AREAS + 2:
                self.notes.append(_CURVED)
            return None if wkb is None else published_curves.shape(wkb)
        except _SHAPE_ERRORS as error:
            why = str(error).removeprefix("IllegalArgumentException: ").removeprefix("ParseException: ").strip()
            self._unreadable.setdefault(why[:120], []).append(row)
            return None


def joined(pieces: Sequence[Shapes]) -> Shapes:
    """Put the rows of several pieces behind each other; no piece at all gives no row."""
    if not pieces:
        return Shapes.from_shapely(np.empty(0, dtype=object), WGS84)
    heights = None
    if any(one.heights is not None for one in pieces):
        heights = np.concatenate(
            [np.full(len(one.coords), np.nan) if one.heights is None else one.heights for one in pieces]
        )
    return Shapes(
        np.concatenate([one.coords for one in pieces]),
        _offsets([one.rings for one in pieces]),
        _offsets([one.parts for one in pieces]),
        _offsets([one.rows for one in pieces]),
        np.concatenate([one.part_kinds for one in pieces]),
        pieces[0].crs,
        heights,
    )


def _offsets(pieces: list[IntArray]) -> IntArray:
    ends = np.cumsum([0, *(int(one[-1]) for one in pieces)])
    return np.concatenate([[0], *(one[1:] + end for one, end in zip(pieces, ends[:-1], strict=True))]).astype(np.int64)


def _kind(wkb: bytes | None) -> int:
    """Kind of a shape as its first bytes say it; 0 for none."""
    return 0 if wkb is None or len(wkb) < 5 else int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0x1FFFFFFF


def _position(schema: pa.Schema, geometry: str) -> int:
    """Where the shapes stand: an attribute may have the same name, but not their mark."""
    places = schema.get_all_field_indices(geometry)
    marked = [i for i in places if b"wkb" in (schema.field(i).metadata or {}).get(b"ARROW:extension:name", b"")]
    return int((marked or places)[-1])


def _by_gdal(path: Path, layer: str | None) -> _Opened:
    chosen = _chosen(vector.layers(path), layer, path.name)
    options: dict[str, Any] = _OPTIONS.get(Path(chosen.source).suffix.lower(), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL's remarks on the file; what matters is checked
        said = pyogrio.read_info(chosen.source, layer=chosen.name, **options)["features"]
        batches = _batches(chosen.source, chosen.name, options)
        meta, schema = next(batches)
    named = meta["geometry_name"] or "wkb_geometry"
    geometry = named if meta["geometry_type"] is not None and named in schema.names else None
    crs = None if meta["crs"] is None else CRS.from_user_input(meta["crs"])
    return _Opened(batches, schema, geometry, crs, chosen.name, said)


def _batches(source: str, layer: str, options: dict[str, Any]) -> Iterator[Any]:
    """First what the file says and the schema, then the rows, some thousand at a time."""
    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            how = {"use_pyarrow": True, "batch_size": BATCH, **options}
            meta, reader = stack.enter_context(pyogrio.raw.open_arrow(source, layer=layer, **how))
        yield meta, reader.schema
        yield from reader


def _chosen(found: Sequence[vector.Layer], layer: str | None, file: str) -> vector.Layer:
    names = [one.name for one in found]
    if layer is not None:
        match = [one for one in found if one.name == layer]
        if len(match) == 1:
            return match[0]
        what = f"has no layer '{layer}'" if not match else f"has {len(match)} layers '{layer}'"
        raise InputError(Problem(file, what, vector.near(layer, names)))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(Problem(file, "holds no map layer", "Give a file with shapes."))
    raise InputError(Problem(file, f"holds {len(found)} layers: {', '.join(names)}", "Choose one with --layer."))


def _parquet(path: Path) -> _Opened:
    if not path.is_file():
        raise InputError(Problem(str(path), "is not a file", "Give the path of an existing file."))
    try:
        opened = pq.ParquetFile(path)
        geo = json.loads((opened.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        column = geo.get("columns", {}).get(geo.get("primary_column"))
    except (ValueError, OSError, AttributeError) as error:
        raise InputError(Problem(path.name, f"cannot be read ({error})", "Export it again.")) from error
    if not column or column.get("encoding") != "WKB":
        what = "is a Parquet file without GeoParquet's description of shapes as WKB"
        raise InputError(Problem(path.name, what, "Export it as GeoParquet with WKB, or as GeoPackage."))
    said = column.get("crs", "OGC:CRS84")
    crs = None if said is None else CRS.from_user_input(said)
    # boxes beside the shapes are there to find them faster: they are no attribute
    boxes = {one[0] for part in column.get("covering", {}).values() for one in part.values()}
    names = [name for name in opened.schema_arrow.names if name not in boxes]
    schema = pa.schema([field for field in opened.schema_arrow if field.name in names])
    batches = opened.iter_batches(BATCH, columns=names)
    return _Opened(batches, schema, geo["primary_column"], crs, path.stem, opened.metadata.num_rows)


def _crs(found: CRS | None, given: str | None, file: str, problems: list[Problem], *, needed: bool) -> CRS:
    """Return the CRS of a file in the plane; what is wrong with it is added to `problems`."""
    try:
        stated = None if given is None else _plane(CRS.from_user_input(given))
    except CRSError:
        problems.append(Problem("--crs", f"'{given}' is not a known CRS", "Write it as EPSG:25832 is written."))
        return WGS84
    held = None if found is None else _plane(found)
    if held is None and stated is None and needed:
        problems.append(Problem(file, "does not say its CRS", "State the one it is in, such as --crs EPSG:25832."))
    if held is not None and stated is not None and not _same(held, stated):
        what = f"is in {held.name}, not in {stated.name} as stated"
        problems.append(Problem(file, what, "State no CRS, or mend the file if it is the one that errs."))
    chosen = held or stated or WGS84
    if not (chosen.is_projected or chosen.is_geographic):
        what = f"is in {chosen.name}, from which no way to degrees is known"
        problems.append(Problem(file, what, "Project it to a system of the earth, such as EPSG:25832."))
    return chosen


def _plane(crs: CRS) -> CRS:
    return crs.sub_crs_list[0] if crs.is_compound else crs.to_2d()


def _same(a: CRS, b: CRS) -> bool:
    if a.equals(b, ignore_axis_order=True):
        return True
    code = a.to_epsg(min_confidence=70)  # a .prj of ESRI names the same system in other words
    return code is not None and code == b.to_epsg(min_confidence=70)
