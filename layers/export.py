"""Collections as files for desktop GIS, spreadsheets, notebooks and web maps."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geo.errors import InputError, Problem
from layers import grids, rasters
from layers.catalogue import Catalogue
from layers.drawn import WGS84
from layers.export_arrow import Selection
from layers.export_text import Dialect
from layers.layer import Layer
from layers.style_figures import Language

if TYPE_CHECKING:
    import geopandas as gpd

DRIVERS = {"gpkg": "GPKG", "fgb": "FlatGeobuf"}
FORMATS = {
    "gpkg": "application/geopackage+sqlite3",
    "fgb": "application/vnd.flatgeobuf",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "pmtiles": "application/vnd.pmtiles",
    "tif": "image/tiff; application=geotiff; profile=cloud-optimized",
}
NAMES = {
    "gpkg": "GeoPackage",
    "fgb": "FlatGeobuf",
    "parquet": "GeoParquet",
    "geojson": "GeoJSON",
    "csv": "CSV",
    "pmtiles": "PMTiles",
    "tif": "GeoTIFF",
}
# where no reference system is asked for, these are in degrees, as their readers take for granted
IN_DEGREES = ("geojson", "csv", "pmtiles")
# files made before a change here are made anew
EDITION = 1


@dataclass(frozen=True, eq=False)
class Wanted:
    """A file that is asked for.

    Attributes
    ----------
    file_format
        One of `FORMATS`.
    rows
        Features by their position in the layer, in the order of the file; all when None.
    names
        Attributes, in the order of the layer; all when None.
    crs
        Of the coordinates, which are always x (east) first in files; when None, WGS 84 for GeoJSON and CSV, the layer's
        own for GeoPackage, FlatGeobuf and GeoParquet. PMTiles are in web Mercator, GeoTIFF in EPSG:3035.
    column
        Attribute of a GeoTIFF; that of the planner's map when None.
    wkt
        Whether a CSV has geometry.
    dialect
        Of a CSV.
    language
        Of the style that QGIS uses when it opens a GeoPackage.
    max_zoom
        Last zoom of PMTiles; as deep as outlines are exact when None.
    """

    file_format: str
    rows: NDArray[np.int32] | None = None
    names: tuple[str, ...] | None = None
    crs: CRS | None = None
    column: str | None = None
    wkt: bool = False
    dialect: Dialect = "rfc4180"
    language: Language = "en"
    max_zoom: int | None = None

    def key(self, layer: Layer) -> str:
        """Equal for equal files of a layer; letters and digits."""
        said = (EDITION, layer.id, layer.version, self.file_format, self.names, self.column)
        more = (self.wkt, self.dialect, self.language, self.max_zoom)
        made = hashlib.sha256(repr((said, more)).encode())
        made.update(b"" if self.crs is None else self.crs.to_wkt().encode())
        made.update(b"all" if self.rows is None else self.rows.astype("<i4").tobytes())
        return made.hexdigest()[:32]


def checked(layer: Layer, wanted: Wanted) -> None:
    """Refuse what no file can be made of, before any is begun.

    Raises
    ------
    InputError
        Unknown format, a reference system that the format cannot have, or options of another format: all that is wrong.
    UnknownCollectionError
        A GeoTIFF of what is no grid of cells.
    """
    kind, problems = wanted.file_format, []
    if kind not in FORMATS:
        raise InputError(Problem("format", f"'{kind[:40]}' is not known", f"Use one of {', '.join(FORMATS)}."))
    if wanted.crs is not None and kind in {"pmtiles", "tif"}:
        only = "EPSG:3035" if kind == "tif" else "web Mercator"
        problems.append(Problem("crs", f"cannot be chosen for {NAMES[kind]}", f"It is in {only}: leave it out."))
    if kind != "csv" and (wanted.wkt or wanted.dialect != "rfc4180"):
        problems.append(Problem("wkt, dialect", f"say nothing about {NAMES[kind]}", "Leave them out, or take csv."))
    if kind != "tif" and wanted.column is not None:
        problems.append(Problem("column", f"says nothing about {NAMES[kind]}", "Leave it out, or use properties."))
    if kind != "pmtiles" and wanted.max_zoom is not None:
        problems.append(Problem("max_zoom", f"says nothing about {NAMES[kind]}", "Leave it out, or take pmtiles."))
    if problems:
        raise InputError(problems)
    if kind == "tif" and not grids.is_gridded(layer):
        grids.grid_of(layer)  # says why not


def write(catalogue: Catalogue, layer: Layer, path: Path, wanted: Wanted) -> None:
    """Write a layer or a part of it, atomically, with its sources and licences inside where there is room for them.

    Parameters
    ----------
    catalogue
        Release that the layer is of.
    layer
        Whole layer.
    path
        File to write.
    wanted
        What is to be in it. Missing values are missing in each format, NaN too; features without geometry are kept, but
        for tiles and rasters, which draw.

    Raises
    ------
    InputError, UnknownCollectionError
        As in `checked`; too many tiles; a mean that nothing weighs where units share a pixel.
    OSError
        No room; nothing half is left.
    """
    checked(layer, wanted)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.resolve().parent) as folder:
        made = Path(folder) / f"made.{wanted.file_format}"
        _write(catalogue, layer, made, wanted)
        os.replace(made, path)  # noqa: PTH105 - atomic


def _write(catalogue: Catalogue, layer: Layer, path: Path, wanted: Wanted) -> None:
    from layers import export_parquet, export_pmtiles, export_text  # noqa: PLC0415 - slow to import

    selection = Selection(layer, wanted.rows, wanted.names)
    crs = crs_of(layer, wanted)
    about = {"title": layer.title, "description": layer.description, "licences": licences(catalogue, layer)}
    about |= {"version": layer.version}
    if wanted.file_format in DRIVERS:
        _write_by_gdal(catalogue, selection, path, wanted, crs, about)
    elif wanted.file_format == "parquet":
        export_parquet.write(path, selection, crs, about)
    elif wanted.file_format == "geojson":
        export_text.geojson(path, selection, crs, about)
    elif wanted.file_format == "csv":
        export_text.csv(path, selection, crs, wkt=wanted.wkt, dialect=wanted.dialect)
    elif wanted.file_format == "pmtiles":
        export_pmtiles.write(path, selection, about, wanted.max_zoom)
    else:
        _write_raster(catalogue, selection, path, wanted.column, about["licences"])


def _write_by_gdal(
    catalogue: Catalogue, selection: Selection, path: Path, wanted: Wanted, crs: CRS, about: dict[str, str]
) -> None:
    from layers import export_geopackage, export_vector  # noqa: PLC0415 - slow to import

    date = _date(catalogue)
    driver = DRIVERS[wanted.file_format]
    columns = export_vector.write(path, selection, crs, driver=driver, about=about, date=date)
    if driver == "GPKG":
        export_geopackage.complete(path, selection, columns, about, wanted.language, date)


def _write_raster(catalogue: Catalogue, selection: Selection, path: Path, column: str | None, credit: str) -> None:
    layer = selection.part()
    name = column or rasters.default_column(layer)
    own = catalogue.raster(layer.id, name)
    if own is None:
        path.write_bytes(rasters.cog(layer, name, credit))
    elif selection.rows is None:
        shutil.copyfile(own, path)
    else:
        raise InputError(Problem("filter", f"cannot choose from the raster '{name}'", "Leave out filter and bbox."))


def crs_of(layer: Layer, wanted: Wanted) -> CRS:
    """Return the reference system of a file's coordinates."""
    if wanted.crs is not None:
        return wanted.crs
    return WGS84 if wanted.file_format in IN_DEGREES else layer.crs


def licences(catalogue: Catalogue, layer: Layer) -> str:
    """Name the sources of a layer, as they want to be named, with their licences."""
    sources = catalogue.sources
    return "; ".join(f"{sources[i]['attribution']} ({sources[i]['licence']})" for i in layer.source_ids)


def to_frame(layer: Layer) -> gpd.GeoDataFrame:
    """Layer as a GeoDataFrame in its own CRS."""
    import geopandas as gpd  # noqa: PLC0415 - slow to import

    return gpd.GeoDataFrame(layer.table.to_pandas(), geometry=layer.shapes.to_shapely(), crs=layer.crs.to_wkt())


def _date(catalogue: Catalogue) -> str:
    """When the release was built: files of the same release are the same bytes."""
    built_s = int((catalogue.release.folder / "manifest.json").stat().st_mtime)
    return datetime.fromtimestamp(built_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
