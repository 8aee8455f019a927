"""GeoParquet 1.1: well-known binary, which DuckDB, QGIS, GDAL and geopandas all read, with boxes to skip by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from geo.arrays import FloatArray
from geo.wkb import Wkb
from layers.export_arrow import Selection, binary, unused

# rows of a group: readers skip whole groups by their boxes
GROUP = 20_000
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write(path: Path, selection: Selection, crs: CRS, about: dict[str, str]) -> None:
    """Write a selection.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    selection
        Rows and attributes; types stay what they are, NaN is null, features without geometry have none.
    crs
        Of the coordinates, x (east) first as the standard demands whatever the definition says; kept as PROJJSON.
    about
        Words for the metadata of the file.
    """
    names = [column.name for column in selection.columns]
    geometry, box = unused(names, "geometry"), unused([*names, "geometry"], "bbox")
    found: set[str] = set()
    extent = np.array([np.inf, np.inf, -np.inf, -np.inf])
    writer: pq.ParquetWriter | None = None
    try:
        for chunk in selection.chunks(GROUP):
            shapes = selection.shapes(chunk, crs)
            made = Wkb.of(shapes)
            extent = _widened(extent, shapes.bounds)
            found |= made.names
            table = selection.table(chunk).append_column(geometry, binary(made))
            table = table.append_column(box, _boxes(shapes.bounds))
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema), row_group_size=GROUP)
        if writer is not None:
            geo = _geo(geometry, box, crs, sorted(found), extent)
            described = [
                {"name": c.name, "unit": c.unit, "en": c.en, "de": c.de, "status": c.how} for c in selection.columns
            ]
            writer.add_key_value_metadata({"geo": json.dumps(geo), "attributes": json.dumps(described), **about})
    finally:
        if writer is not None:
            writer.close()


def _geo(geometry: str, box: str, crs: CRS, types: list[str], extent: FloatArray) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": types,
        "crs": crs.to_json_dict(),
        "orientation": "counterclockwise",
        "covering": {"bbox": {corner: [box, corner] for corner in CORNERS}},
    }
    if np.isfinite(extent).all():
        column["bbox"] = extent.tolist()
    return {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: column}}


def _boxes(bounds: FloatArray) -> pa.StructArray:
    bare = np.isnan(bounds[:, 0])
    fields = [pa.field(corner, pa.float64()) for corner in CORNERS]
    arrays = [pa.array(np.ascontiguousarray(bounds[:, i])) for i in range(4)]
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=pa.array(bare))


def _widened(extent: FloatArray, bounds: FloatArray) -> FloatArray:
    known = bounds[~np.isnan(bounds[:, 0])]
    if known.size == 0:
        return extent
    return np.concatenate(
        [np.minimum(extent[:2], known[:, :2].min(axis=0)), np.maximum(extent[2:], known[:, 2:].max(axis=0))]
    )
