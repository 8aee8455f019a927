"""Commands that publish files of the user's own as layers."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from api.terminal import Home, Json, err, out, reported, settings
from layers.errors import ReleaseError
from layers.published import Entry, Published
from layers.release import current

cli = typer.Typer()


@cli.command()
def publish(  # noqa: PLR0913, PLR0917 - one option for each thing to say
    file: Annotated[Path, typer.Argument(help="Any vector file that GDAL reads, also zipped, or GeoParquet.")],
    collection: Annotated[str, typer.Option("--id", help="Of the collection: a-z, 0-9, '_', '-', '.'.")],
    layer: Annotated[str | None, typer.Option(help="Of the file, where it holds several.")] = None,
    title: Annotated[str, typer.Option(help="For people; the name of the layer when omitted.")] = "",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    licence: Annotated[str, typer.Option(help="Such as dl-de/by-2-0, cc-by-4.0, odbl.")] = "",
    attribution: Annotated[str, typer.Option(help="How the source wants to be named.")] = "",
    crs: Annotated[str | None, typer.Option(help="Of a file that does not say it, such as EPSG:25832.")] = None,
    private: Annotated[bool, typer.Option(help="For signed-in planners only.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Publish a file as a collection, or replace one; a service that runs shows it with the next request."""
    from layers.published_writing import Wanted  # noqa: PLC0415 - geopandas is slow to import
    from layers.published_writing import publish as make  # noqa: PLC0415

    wanted = Wanted(collection, layer, title, description, licence, attribution, crs, private)
    with reported(), err.status(f"Publishing {escape(file.name)}"):
        folder = settings(home).home
        receipt = make(folder, file, wanted, places=_places(folder))
    said = _said(receipt.entry)
    if as_json:
        told = {"replaced": receipt.replaced, "notes": list(receipt.notes), "warnings": list(receipt.warnings)}
        typer.echo(json.dumps(said | told, ensure_ascii=False))
        return
    done = "Replaced" if receipt.replaced else "Published"
    whom = "for planners only" if private else "for everybody, as it was brought"
    out.print(
        f"{done} {escape(said['id'])}: {said['features']:,} features, {said['columns']} columns, {whom}.",
        soft_wrap=True,
        highlight=False,
    )
    out.print(f"  single features in tiles from zoom {said['min_zoom']}; /collections/{said['id']}", soft_wrap=True)
    for note in receipt.notes:
        out.print(f"  [dim]{escape(note)}[/dim]", soft_wrap=True, highlight=False)
    for one in _unsaid(licence, attribution) if not private else []:
        err.print(f"  [yellow]note[/yellow] {one}", soft_wrap=True, highlight=False)
    for warning in receipt.warnings:
        remedy = "publish it with --private if not everybody may see them."
        err.print(f"  [yellow]warning[/yellow] {escape(warning)}: {remedy}", soft_wrap=True, highlight=False)


@cli.command()
def unpublish(
    collection: Annotated[str, typer.Argument(help="Id of the published layer.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Remove a published layer; a service that runs answers 404 for it from then on."""
    from layers.published_writing import unpublish as remove  # noqa: PLC0415 - geopandas is slow to import

    with reported():
        remove(settings(home).home, collection)
    if as_json:
        typer.echo(json.dumps({"removed": collection}))
    else:
        out.print(f"Removed {escape(collection)}.", highlight=False)


@cli.command()
def published(home: Home = None, as_json: Json = False) -> None:
    """List published layers. Exit code 1 if files of one are damaged."""
    with reported():
        found = Published(settings(home).home)
        found.check()
        listed = [_said(entry) for entry in found.entries().values()]
    if as_json:
        typer.echo(json.dumps({"layers": listed, "damaged": list(found.damaged)}, ensure_ascii=False))
    else:
        table = Table("Id", "Title", "Features", "CRS", "For", "Licence", "File")
        for one in listed:
            whom = "planners" if one["private"] else "everybody"
            texts = (one["id"], one["title"], f"{one['features']:,}", one["crs"], whom, one["licence"], one["file"])
            table.add_row(*map(escape, texts))
        out.print(table)
        for name in found.damaged:
            text = f"  [red]damaged[/red] {escape(name)}: publish it again, or remove it with `revier unpublish`."
            out.print(text, soft_wrap=True, highlight=False)
    if found.damaged:
        raise typer.Exit(1)


def _places(home: Path) -> frozenset[str]:
    """Keys of the places of the release; none without one."""
    try:
        return frozenset(current(home, verify=False).places)
    except ReleaseError:
        return frozenset()


def _said(entry: Entry) -> dict[str, Any]:
    document, layer = entry.document, entry.layer
    return {
        "id": layer.id,
        "title": layer.title,
        "features": len(layer),
        "columns": len(layer.columns),
        "crs": layer.crs.to_string() if len(layer.crs.to_string()) < 30 else layer.crs.name,
        "min_zoom": layer.min_zoom,
        "private": entry.is_private,
        "licence": entry.source["licence"],
        "attribution": entry.source["attribution"],
        "file": document["file"]["name"],
        "published": document["published"],
        "version": layer.version,
    }


def _unsaid(licence: str, attribution: str) -> list[str]:
    found = [] if licence else ["no licence is stated, so nobody may use it further: say it with --licence."]
    return found if attribution else [*found, "nobody is named as its source: say it with --attribution."]
