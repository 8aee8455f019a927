"""Commands that write files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import Home, key_of, out, reported, settings
from geo.errors import InputError, Problem
from layers.catalogue import Catalogue
from layers.release import current

cli = typer.Typer()
KNOWN = ("gpkg", "fgb", "parquet", "geojson", "csv", "pmtiles", "tif")


@cli.command(name="map")
def map_(
    place: Annotated[str, typer.Argument(help="Key or name of a place.")] = "05913000",
    output: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("revier-map.html"),
    home: Home = None,
) -> None:
    """Write a map as one HTML file that works without any server or network."""
    from layers.html_map import write  # noqa: PLC0415 - folium is slow to import

    with reported():
        catalogue = Catalogue(current(settings(home).home))
        key = key_of(place, settings(home).home)
        write(catalogue, key, output)
    out.print(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", soft_wrap=True)


@cli.command()
def export(  # noqa: PLR0913, PLR0917 - one argument for each option
    collection: Annotated[str, typer.Argument(help="Collection id, such as 05913000.stock.")],
    output: Annotated[Path | None, typer.Option(help="File to write; named after the collection if omitted.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="gpkg, fgb, parquet, geojson, csv, pmtiles or tif.")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="Reference system, such as EPSG:25832.")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="Condition in CQL2, such as: people > 100")] = None,
    bbox: Annotated[str | None, typer.Option(help="West,south,east,north in degrees.")] = None,
    datetime: Annotated[str | None, typer.Option(help="Instant or interval, such as 2025-01-01/..")] = None,
    sortby: Annotated[str | None, typer.Option(help="Attributes, each after + or -.")] = None,
    properties: Annotated[str | None, typer.Option(help="Attributes to write, with commas between them.")] = None,
    column: Annotated[str | None, typer.Option(help="Attribute of a GeoTIFF.")] = None,
    wkt: Annotated[bool, typer.Option("--wkt", help="CSV: add the geometry.")] = False,  # noqa: FBT002
    dialect: Annotated[str, typer.Option(help="CSV: rfc4180, or excel-de as a German Excel opens it.")] = "rfc4180",
    lang: Annotated[str, typer.Option(help="Language of the style in a GeoPackage: en or de.")] = "en",
    max_zoom: Annotated[
        int | None, typer.Option(min=0, max=20, help="Last zoom of PMTiles; where outlines are exact if omitted.")
    ] = None,
    home: Home = None,
) -> None:
    """Write a collection, or what a filter leaves of it, to a file."""
    from api.queries import Given, asked  # noqa: PLC0415 - slow to import
    from layers.export import Wanted, checked, write  # noqa: PLC0415 - rasterio is slow to import
    from layers.query import select  # noqa: PLC0415 - slow to import

    path = output or Path(f"{collection}.{file_format or 'gpkg'}")
    kind = file_format or (path.suffix[1:] if path.suffix[1:] in KNOWN else "gpkg")
    with reported():
        if dialect not in {"rfc4180", "excel-de"} or lang not in {"en", "de"}:
            raise InputError(Problem("--dialect, --lang", "is not known", "Use rfc4180 or excel-de, en or de."))
        catalogue = Catalogue(current(settings(home).home))
        layer = catalogue.layer(collection)
        given = Given(bbox, None, crs, datetime, filter_, sortby=sortby, properties=properties)
        found = asked(layer, given)
        rows = None if given == Given(crs=crs, properties=properties) else select(layer, found.query)
        reference = None if crs is None else found.reference.crs
        wanted = Wanted(kind, rows, found.names, reference, column, wkt, dialect, lang, max_zoom)  # type: ignore[arg-type]
        checked(layer, wanted)
        with out.status(f"Writing {len(layer) if rows is None else len(rows):,} features"):
            write(catalogue, layer, path, wanted)
    out.print(f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB)", soft_wrap=True)
