"""GeoPackage and FlatGeobuf, written by GDAL in a process of its own."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyproj import CRS

from geo.errors import InputError, Problem
from geo.wkb import Wkb
from layers import export_gdal
from layers.columns import Column
from layers.export_arrow import Selection, binary, kind_of, simplified, unused, without_doubles

# QGIS 3.22 and GDAL 3.4 of a Debian that is still in use know no later one
GPKG_VERSION = "1.3"


def write(
    path: Path, selection: Selection, crs: CRS, *, driver: str, about: dict[str, str], date: str
) -> tuple[str, str, dict[str, str]]:
    """Write a selection as one layer of a file.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    selection
        Rows and attributes.
    crs
        Of the coordinates, x (east) first as both formats demand.
    driver
        ``"GPKG"`` or ``"FlatGeobuf"``.
    about
        ``title``, ``description`` and further words for the metadata of the layer.
    date
        What the file says of when it was made, RFC 3339: the same data make the same bytes.

    Returns
    -------
    tuple
        Name of the layer's geometry column (empty where it has none), of its id column, and the name in the file of
        each attribute.

    Raises
    ------
    InputError
        Heights that FlatGeobuf would lose.
    OSError
        No room (`errno.ENOSPC`).
    """
    names = [column.name for column in selection.columns]
    in_file = without_doubles(names)  # GDAL takes names that differ in capitals for one, in all formats
    is_spatial = driver != "GPKG" or bool((np.diff(selection.layer.shapes.rows) > 0).any())
    geometry, fid = unused(in_file, "geom"), unused(in_file, "fid")
    kind = kind_of(selection.layer.shapes, selection.rows)
    if driver != "GPKG" and kind.is_high and kind.name == "Unknown":
        what = "has heights, which FlatGeobuf keeps only where all features are of one kind and have them"
        raise InputError(Problem(selection.layer.id, what, "Take gpkg or parquet."))
    order: dict[str, Any] = {
        "path": str(path),
        "driver": driver,
        "layer": selection.layer.id,
        "date": date,
        "geometry_name": geometry if is_spatial else None,
        "geometry_type": (kind.name or "Unknown") if is_spatial else None,
        "crs": crs.to_wkt() if is_spatial else None,
    }
    order |= {"layer_metadata": {k: v for k, v in about.items() if k not in {"title", "description"} and v}}
    if driver == "GPKG":
        said = {"FID": fid, "IDENTIFIER": about["title"], "DESCRIPTION": about["description"]}
        order["dataset_options"] = {"VERSION": GPKG_VERSION}
        order["layer_options"] = said | ({"GEOMETRY_NAME": geometry} if is_spatial else {})
    else:
        # its index has no place for what has no place, and no row may be lost
        index = "NO" if _has_bare(selection) or not len(selection) else "YES"
        order["layer_options"] = {"TITLE": about["title"], "DESCRIPTION": about["description"], "SPATIAL_INDEX": index}
    named = (geometry if is_spatial else "", fid if driver == "GPKG" else "")
    _run(order, _batches(selection, crs, in_file, named, is_multi=kind.is_multi))
    return geometry if is_spatial else "", fid, dict(zip(names, in_file, strict=True))


def _has_bare(selection: Selection) -> bool:
    bare = selection.layer.drawn.bare
    return bool(bare.size if selection.rows is None else np.isin(selection.rows, bare).any())


def _batches(
    selection: Selection, crs: CRS, names: list[str], named: tuple[str, str], *, is_multi: bool
) -> Iterator[pa.Table]:
    """Rows of the file, some thousand at a time; `named` are the columns of geometry and id."""
    geometry, fid = named
    rows = selection.rows
    # a feature has the id that it has in the service, unless another order is wanted: GeoPackages are read by id
    keeps_ids = rows is None or bool((np.diff(rows) > 0).all())
    start = 0
    for chunk in selection.chunks():
        table = simplified(selection.table(chunk)).rename_columns(names)
        table = table.cast(pa.schema([_described(f, c) for f, c in zip(table.schema, selection.columns, strict=True)]))
        if fid:
            ids = chunk if keeps_ids else np.arange(start, start + len(chunk))
            table = table.add_column(0, fid, pa.array(ids, pa.int64()))
        if geometry:
            made = Wkb.of(selection.shapes(chunk, crs), is_multi=is_multi)
            table = table.append_column(geometry, binary(made))
        start += len(chunk)
        yield table


def _described(field: pa.Field, column: Column) -> pa.Field:
    """Field with the words that GDAL keeps beside its name."""
    unit = f" [{column.unit}]" if column.unit else ""
    return field.with_metadata({"GDAL:OGR:comment": f"{column.en}{unit} ({column.how})"})


def _run(order: dict[str, Any], batches: Iterator[pa.Table]) -> None:
    """Let the other process write, and pass batches on to it."""
    script = [sys.executable, "-P", export_gdal.__file__, json.dumps(order)]
    with tempfile.TemporaryFile() as said, subprocess.Popen(script, stdin=subprocess.PIPE, stderr=said) as process:  # noqa: S603 - ours
        try:
            _send(process, batches)
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        said.seek(0)
        text = said.read().decode(errors="replace").strip()[-500:]
    if code == export_gdal.NO_ROOM:
        raise OSError(errno.ENOSPC, f"no room to write a file: {text}")
    if code:
        what = f"GDAL did not write {order['layer']} ({code}): {text}"
        raise RuntimeError(what)


def _send(process: subprocess.Popen[bytes], batches: Iterator[pa.Table]) -> None:
    """Send batches; one that stopped reading says why when it ends."""
    assert process.stdin is not None  # noqa: S101 - it was asked for
    try:
        first = next(batches)
        with process.stdin as pipe, pa.ipc.new_stream(pipe, first.schema) as stream:
            stream.write_table(first)
            for batch in batches:
                stream.write_table(batch)
    except BrokenPipeError:
        return
