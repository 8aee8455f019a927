"""Command that computes what measures do."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from api import console
from api.commands.equity import placements_of
from api.terminal import Home, Json, err, key_of, out, reported, settings
from geo.errors import Problem
from layers.catalogue import Catalogue
from layers.compare import comparison, tidy, trajectory, write_table
from layers.errors import PlacementError
from layers.findings import document
from layers.placement import PRIORITIES, STANDARD
from layers.planning import FIRST_YEAR, LAST_YEAR
from layers.release import current
from layers.scenarios import Feature, Placements, Properties, run

cli = typer.Typer()


@cli.command()
def impact(  # noqa: PLR0913, PLR0917 - one option for each property of a placement
    place: Annotated[str, typer.Argument(help="Key or name of a place.")] = "05913000",
    home: Home = None,
    measure: Annotated[str, typer.Option(help="Measure of the catalogue (revier measures).")] = STANDARD.measure,
    rule: Annotated[str | None, typer.Option(help="Who may take it, such as: class <= 'B' and low_income.")] = None,
    uptake: Annotated[float | None, typer.Option(help="Share of what is eligible, 0 to 1.")] = None,
    quantity: Annotated[float | None, typer.Option(help="The same in the measure's own unit.")] = None,
    districts: Annotated[
        list[str] | None, typer.Option("--district", help="Id of a district; may be repeated.")
    ] = None,
    start: Annotated[int, typer.Option(help="Year in which nothing is done yet.")] = FIRST_YEAR,
    end: Annotated[int, typer.Option(help="Year in which all is done.")] = LAST_YEAR,
    priority: Annotated[str, typer.Option(help=f"Who comes first: {', '.join(PRIORITIES)}.")] = PRIORITIES[0],
    file: Annotated[
        Path | None, typer.Option(help="Placements as GeoJSON, as for POST /places/{key}/impact, instead.")
    ] = None,
    path: Annotated[str, typer.Option(help="External path: slow, central, fast or frozen.")] = "central",
    scenario: Annotated[str | None, typer.Option(help="A scenario of the place instead of a placement.")] = None,
    against: Annotated[str | None, typer.Option(help="Compare the scenario with this one.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the scenario as a tidy table, .csv or .parquet.")] = None,
    as_json: Json = False,
) -> None:
    """Impact of a measure, of placements in a file, or of a scenario: tonnes, cost, who pays and who gains."""
    with reported():
        catalogue = Catalogue(current(settings(home).home))
        key = key_of(place, settings(home).home)
        if (against or table) and not scenario:
            raise PlacementError(Problem("--against, --table", "need a scenario", "Give --scenario, too."))
        if scenario:
            body = _scenario(catalogue, key, scenario, against, table)
        else:
            standard_rule = STANDARD.rule if measure == STANDARD.measure else ""
            properties = Properties(
                measure=measure,
                rule=standard_rule if rule is None else rule,
                uptake=uptake,
                quantity=quantity,
                districts=districts or [],
                start=start,
                end=end,
                priority=priority,
                name=STANDARD.name if (measure, rule) == (STANDARD.measure, None) else "",
            )
            sent = placements_of(file) if file else Placements(features=[Feature(properties=properties)], path=path)
            social = partial(catalogue.social, key)
            body = document(run(catalogue.planning(key), sent), detail=True, social=social)
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False))
    elif against:
        console.comparison(out, body)
    else:
        console.impact(out, body)


def _scenario(catalogue: Catalogue, key: str, name: str, against: str | None, table: Path | None) -> dict[str, Any]:
    result = catalogue.run(key, name)
    if table is not None:
        write_table(tidy(catalogue.scenario(key, name), result), table)
        err.print(f"Wrote {table}", soft_wrap=True)
    if against:
        other = catalogue.scenario(key, against), catalogue.run(key, against)
        return comparison((catalogue.scenario(key, name), result), other)
    return document(result, detail=True) | {"trajectory": trajectory(result, catalogue.scenario(key, name))}
