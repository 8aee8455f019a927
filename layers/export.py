"""Collections as files for desktop GIS, spreadsheets and notebooks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd

from data import geoparquet
from geo.errors import InputError, Problem
from layers import rasters
from layers.catalogue import Catalogue
from layers.layer import Layer

DRIVERS = {"gpkg": "GPKG", "fgb": "FlatGeobuf", "geojson": "GeoJSON", "csv": "CSV"}
FORMATS = (*DRIVERS, "parquet", "tif")


def write(catalogue: Catalogue, collection: str, path: Path, file_format: str, column: str | None = None) -> None:
    """Write a collection, atomically, with its sources and licences inside where the format has room for them.

    Parameters
    ----------
    catalogue
        Release to read.
    collection
        Id of the collection.
    path
        File to write.
    file_format
        ``gpkg``, ``fgb``, ``parquet`` in the place's CRS; ``geojson`` in WGS 84; ``csv`` without geometry; ``tif`` for
        census cells: cloud-optimised GeoTIFF in EPSG:3035, float64, missing is NaN.
    column
        Attribute of a GeoTIFF; that of the planner's map when omitted.

    Raises
    ------
    InputError
        Unknown format, or a mean that nothing weighs where units share a pixel.
    UnknownCollectionError
        No such collection, or none of a grid of cells with this attribute.
    """
    if file_format not in FORMATS:
        raise InputError(Problem("--format", f"'{file_format}' is not known", f"Use one of {', '.join(FORMATS)}."))
    layer = catalogue.layer(collection)
    credit = licences(catalogue, layer)
    with tempfile.TemporaryDirectory(dir=path.resolve().parent) as folder:
        made = Path(folder) / path.name
        if file_format == "tif":
            made.write_bytes(rasters.cog(layer, column or rasters.default_column(layer), credit))
        elif file_format == "parquet":
            meta = {"title": layer.title, "description": layer.description, "licences": credit}
            geoparquet.write(made, layer.table.replace_schema_metadata(meta), layer.polygons)
        else:
            frame = to_frame(layer)
            if file_format == "geojson":
                frame = frame.to_crs(4326)
            options: dict[str, Any] = {"engine": "pyogrio", "driver": DRIVERS[file_format], "layer": collection}
            if file_format == "gpkg":
                options["layer_options"] = {"DESCRIPTION": f"{layer.description} {credit}", "IDENTIFIER": layer.title}
            if file_format == "csv":
                frame.drop(columns="geometry").to_csv(made, index=False)
            else:
                frame.to_file(made, **options)
        os.replace(made, path)  # noqa: PTH105 - atomic


def licences(catalogue: Catalogue, layer: Layer) -> str:
    """Name the sources of a layer, as they want to be named, with their licences."""
    sources = {s["source_id"]: s for s in catalogue.release.manifest["sources"]}
    return "; ".join(f"{sources[i]['attribution']} ({sources[i]['licence']})" for i in layer.source_ids)


def to_frame(layer: Layer) -> gpd.GeoDataFrame:
    """Layer as a GeoDataFrame in the place's CRS."""
    return gpd.GeoDataFrame(
        layer.table.to_pandas(), geometry=layer.polygons.to_shapely(), crs=layer.polygons.crs.to_string()
    )
