"""GeoParquet 1.1 with GeoArrow coordinates: polygons go from columns to disk and back without objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError, Problem

GEOMETRY = "geometry"


def write(path: Path, attributes: pa.Table, polygons: Polygons) -> None:
    """Write attributes and polygons as one file that GDAL, QGIS, geopandas and DuckDB read.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    attributes
        One row for each polygon, without a column `geometry`.
    polygons
        Multipolygons in any CRS; it is stored as PROJJSON.
    """
    points = pa.StructArray.from_arrays(
        [pa.array(polygons.coords[:, 0]), pa.array(polygons.coords[:, 1])],
        fields=[pa.field("x", pa.float64(), nullable=False), pa.field("y", pa.float64(), nullable=False)],
    )
    nested: pa.Array = points
    for offsets in (polygons.rings, polygons.parts, polygons.rows):
        nested = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), nested)
    box = polygons.bounds
    column: dict[str, Any] = {
        "encoding": "multipolygon",
        "geometry_types": ["MultiPolygon"],
        "crs": polygons.crs.to_json_dict(),
    }
    if len(polygons):
        column["bbox"] = [*box[:, :2].min(axis=0).tolist(), *box[:, 2:].max(axis=0).tolist()]
    meta = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    table = attributes.append_column(GEOMETRY, nested)
    table = table.replace_schema_metadata({**(attributes.schema.metadata or {}), "geo": json.dumps(meta)})
    pq.write_table(table, path, compression="zstd")


def read(path: Path) -> tuple[pa.Table, Polygons]:
    """Read a file that `write` made.

    Returns
    -------
    tuple
        Attributes without geometry, and the polygons.

    Raises
    ------
    InputError
        No GeoParquet file with GeoArrow multipolygons.
    CRSMismatchError
        The file names no CRS.
    """
    table = pq.read_table(path)
    meta = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    column = meta.get("columns", {}).get(GEOMETRY, {})
    if column.get("encoding") != "multipolygon":
        raise InputError(Problem(path.name, "holds no GeoArrow multipolygons", "Build the release anew."))
    if not column.get("crs"):
        raise CRSMismatchError(Problem(path.name, "names no CRS", "Build the release anew; a CRS is never guessed."))
    nested = table[GEOMETRY].combine_chunks()
    if isinstance(nested, pa.ChunkedArray):
        nested = nested.chunk(0) if nested.num_chunks else pa.array([], nested.type)
    offsets = []
    for _ in range(3):
        offsets.append(nested.offsets.to_numpy().astype(np.int64))
        nested = nested.values
    coords = np.column_stack([nested.field("x").to_numpy(), nested.field("y").to_numpy()])
    rows, parts, rings = offsets
    return table.drop_columns([GEOMETRY]), Polygons(coords, rings, parts, rows, CRS.from_json_dict(column["crs"]))
