"""Commands that list what there is."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json

import typer
from rich.table import Table

from api.terminal import IMPORTED, Home, Json, out, reported, settings
from data import figures as built_in
from data.place import places as all_places
from layers.release import current

cli = typer.Typer()


@cli.command()
def places(home: Home = None, as_json: Json = False) -> None:
    """List all places that can be built."""
    with reported():
        known = all_places(built_in.read(), settings(home).home / IMPORTED)
    if as_json:
        typer.echo(json.dumps({"places": [{"key": p.key, "name": p.name, "kind": p.kind} for p in known.values()]}))
        return
    table = Table("Key", "Name", "Kind", "Districts")
    for place in known.values():
        districts = ", ".join(f"{d.level} ({d.geometry_status})" for d in place.districts)
        table.add_row(place.key, place.name, place.kind, districts)
    out.print(table)


@cli.command()
def measures(home: Home = None, as_json: Json = False) -> None:
    """List the catalogue of measures."""
    with reported():
        found = current(settings(home).home).manifest["measures"]
    if as_json:
        typer.echo(json.dumps({"measures": found}, ensure_ascii=False))
        return
    table = Table("Measure", "", "Name", "Unit", "EUR per unit", "How sure")
    for one in found:
        cost = one["figures"]["invest_eur_unit"]
        table.add_row(
            one["measure"], one["catalogue_id"], one["name_en"], one["unit_en"], f"{cost['value']:,.0f}", cost["status"]
        )
    out.print(table)
