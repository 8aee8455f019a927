"""GeoJSON and CSV, written some thousand rows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import shapely
from pyproj import CRS

from layers.drawn import WGS84
from layers.export_arrow import Selection, simplified, unused
from layers.features import features

Dialect = Literal["rfc4180", "excel-de"]
# spreadsheets know the encoding by it; pandas, GDAL, DuckDB and polars pass over it
BOM = b"\xef\xbb\xbf"
# a spreadsheet takes a text that starts with one of these for a formula
_FORMULA = r"^('*)([=+\-@\t\r])"
GEOMETRY = "WKT"


def geojson(path: Path, selection: Selection, crs: CRS, about: dict[str, str]) -> None:
    """Write a FeatureCollection.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    selection
        Rows and attributes.
    crs
        WGS 84 as RFC 7946 has it: longitude first, seven decimals. Any other is named by a member `crs` of the older
        GeoJSON of 2008, as GDAL writes and reads it, coordinates x (east) first.
    about
        Words about the layer, as further members.
    """
    head: dict[str, object] = {"name": selection.layer.id, **about}
    if crs != WGS84:
        authority = crs.to_authority()
        name = f"urn:ogc:def:crs:{authority[0]}::{authority[1]}" if authority else crs.to_wkt()
        head["crs"] = {"type": "name", "properties": {"name": name}}
    names = None if selection.names is None else [c.name for c in selection.columns]
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection",%b,"features":[\n' % orjson.dumps(head)[1:-1])
        first = True
        for chunk in selection.chunks():
            content = features(selection.layer, chunk.astype(np.int64), crs=crs, names=names)
            file.write((b"" if first or not content else b",\n") + content)
            first = first and not content
        file.write(b"\n]}\n")


def csv(path: Path, selection: Selection, crs: CRS, *, wkt: bool, dialect: Dialect) -> None:
    """Write a table.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    selection
        Rows and attributes. UTF-8 with a mark at its start. A missing value is nothing, an empty text ``""``. A text
        that a spreadsheet would take for a formula has one ' more at its start.
    crs
        Of the coordinates.
    wkt
        Whether to add a column ``WKT`` with the geometry, x (east) first.
    dialect
        ``"rfc4180"``: commas, decimal points. ``"excel-de"``: semicolons, decimal commas, as a German Excel opens it.
    """
    german = dialect == "excel-de"
    names = [column.name for column in selection.columns]
    geometry = unused(names, GEOMETRY)
    options = pa_csv.WriteOptions(delimiter=";" if german else ",", quoting_style="needed", include_header=False)
    with path.open("wb") as file:
        header = disarmed(pa.chunked_array([[*names, *([geometry] if wkt else [])]])).to_pylist()
        line = options.delimiter.join('"' + name.replace('"', '""') + '"' for name in header)
        file.write(BOM + line.encode() + b"\n")
        for chunk in selection.chunks():
            table = selection.table(chunk)
            written = [_written(column, german=german) for column in simplified(table).columns]
            if wkt:
                decimals = 7 if crs.is_geographic else 3
                made = selection.shapes(chunk, crs).to_shapely()
                written.append(
                    pa.chunked_array([pa.array(shapely.to_wkt(made, rounding_precision=decimals), pa.string())])
                )
            if len(chunk):
                pa_csv.write_csv(pa.table(written, names=[str(i) for i in range(len(written))]), file, options)


def _written(column: pa.ChunkedArray, *, german: bool) -> pa.ChunkedArray:
    """Values as they are written: formulas disarmed, times by ISO 8601, bytes in hex."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        text = pc.strftime(column, "%Y-%m-%dT%H:%M:%S")
        # no more digits of a second than it needs
        text = pc.replace_substring_regex(text, r"\.(\d*?)0*$", r".\1")
        text = pc.replace_substring_regex(text, r"\.$", "")
        return text if kind.tz is None else pc.binary_join_element_wise(text, "Z", "")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.chunked_array([pa.array([None if v is None else v.hex() for v in column.to_pylist()], pa.string())])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return disarmed(column)
    if german and pa.types.is_floating(kind):
        return pc.replace_substring(column.cast(pa.string()), ".", ",")
    return column


def disarmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of which a spreadsheet takes none for a formula; without one ' at its start each is what it was."""
    return pc.replace_substring_regex(column, _FORMULA, r"'\1\2")
