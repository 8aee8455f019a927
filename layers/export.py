"""Collections as files for desktop GIS, spreadsheets and notebooks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio

from data import geoparquet
from data.units import CELL_M
from geo.arrays import FloatArray
from geo.errors import InputError, Problem
from layers.catalogue import Catalogue
from layers.layer import Layer

DRIVERS = {"gpkg": "GPKG", "fgb": "FlatGeobuf", "geojson": "GeoJSON", "csv": "CSV"}
FORMATS = (*DRIVERS, "parquet", "tif")
# what sums over cells may be put on a raster as it is; a mean of two units in one pixel would need weights
SUMS = ("n_buildings", "dwellings", "people", "living_area_m2", "heat_kwh_a", "treated_m2", "invest_eur", "t_co2e")


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
        census cells: EPSG:3035, 200 m, float32, missing is NaN.
    column
        Attribute of a GeoTIFF; must be a sum.

    Raises
    ------
    InputError
        Unknown format, or an attribute that cannot be put on a raster.
    UnknownCollectionError
        No such collection.
    """
    if file_format not in FORMATS:
        raise InputError(Problem("--format", f"'{file_format}' is not known", f"Use one of {', '.join(FORMATS)}."))
    layer = catalogue.layer(collection)
    sources = {s["source_id"]: s for s in catalogue.release.manifest["sources"]}
    licences = "; ".join(f"{sources[i]['attribution']} ({sources[i]['licence']})" for i in layer.source_ids)
    with tempfile.TemporaryDirectory(dir=path.resolve().parent) as folder:
        made = Path(folder) / path.name
        if file_format == "tif":
            _write_raster(layer, made, column, licences)
        elif file_format == "parquet":
            meta = {"title": layer.title, "description": layer.description, "licences": licences}
            geoparquet.write(made, layer.table.replace_schema_metadata(meta), layer.polygons)
        else:
            frame = to_frame(layer)
            if file_format == "geojson":
                frame = frame.to_crs(4326)
            options: dict[str, Any] = {"engine": "pyogrio", "driver": DRIVERS[file_format], "layer": collection}
            if file_format == "gpkg":
                options["layer_options"] = {"DESCRIPTION": f"{layer.description} {licences}", "IDENTIFIER": layer.title}
            if file_format == "csv":
                frame.drop(columns="geometry").to_csv(made, index=False)
            else:
                frame.to_file(made, **options)
        os.replace(made, path)  # noqa: PTH105 - atomic


def to_frame(layer: Layer) -> gpd.GeoDataFrame:
    """Layer as a GeoDataFrame in the place's CRS."""
    return gpd.GeoDataFrame(
        layer.table.to_pandas(), geometry=layer.polygons.to_shapely(), crs=layer.polygons.crs.to_string()
    )


def raster(layer: Layer, column: str) -> tuple[FloatArray, float, float]:
    """Put a sum of census cells on their own grid.

    Returns
    -------
    tuple
        Values, shape (rows, columns), north up, NaN where no cell is; and the west and north edge in EPSG:3035. The sum
        over pixels is the sum over units.

    Raises
    ------
    InputError
        The layer is no grid of cells, or the column is no sum.
    """
    ids = layer.table["unit_id"].to_pylist() if "unit_id" in layer.table.column_names else [""]
    if not all(one.startswith("CRS3035RES") for one in ids):
        raise InputError(Problem(layer.id, "is no grid of cells", "Choose a collection of the theme cells."))
    names = [c.name for c in layer.columns if c.name.startswith(SUMS) and "per_head" not in c.name]
    if column not in names:
        raise InputError(
            Problem("--column", f"'{column}' cannot be put on a raster", f"Use one of {', '.join(names)}.")
        )
    # CRS3035RES200mN{y}E{x}, with the municipality behind a point where a cell is shared
    corners = [text.split("mN")[1].split(".")[0].split("E") for text in ids]
    north, east = np.array(corners, dtype=np.int64).T // CELL_M
    values = np.full((north.max() - north.min() + 1, east.max() - east.min() + 1), np.nan)
    at = (north.max() - north, east - east.min())
    known = layer.column(column)
    values[at] = 0
    np.add.at(values, at, known)
    return values, float(east.min() * CELL_M), float((north.max() + 1) * CELL_M)


def _write_raster(layer: Layer, path: Path, column: str | None, licences: str) -> None:
    values, west, north = raster(layer, column or "t_co2e_households")
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:3035",
        "transform": rasterio.Affine(CELL_M, 0, west, 0, -CELL_M, north),
        "nodata": np.nan,
        "compress": "deflate",
    }
    described = next(c for c in layer.columns if c.name == (column or "t_co2e_households"))
    with rasterio.open(path, "w", **profile) as file:
        file.write(values.astype(np.float32), 1)
        file.set_band_description(1, described.name)
        file.update_tags(title=layer.title, unit=described.unit, status=described.how, licences=licences)
