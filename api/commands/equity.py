"""Commands about who gains: equity of placements and scenarios, siting, past investments."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api import equity_console as console
from api.terminal import Home, Json, key_of, library_output_to_stderr, out, reported, settings
from data import vector
from geo.errors import Problem
from layers import siting as sitings
from layers.audit import REACH_M, of_frame
from layers.audit import audit as judge_past
from layers.catalogue import Catalogue
from layers.equity import Asked
from layers.errors import PlacementError
from layers.judgement import judgement, orders
from layers.placement import PRIORITIES, STANDARD
from layers.release import current
from layers.scenarios import STANDARD_BODY, Feature, Placements, Properties, run
from layers.siting import MEASURES, Ask
from layers.social import DEFINITIONS
from layers.social_sources import SCHOOLS

cli = typer.Typer()
PlaceArgument = Annotated[str, typer.Argument(help="Key or name of a place.")]
Indicator = Annotated[str, typer.Option(help="What areas are ranked by.")]
Definition = Annotated[str, typer.Option(help=f"Of low income: {', '.join(DEFINITIONS)}.")]
Zoning = Annotated[str | None, typer.Option(help="cell, km, district, …; the place's main one when omitted.")]
Permutations = Annotated[int, typer.Option(help="Of the test against chance.", min=99, max=9_999)]
Seed = Annotated[int, typer.Option(help="Same seed, same answer.", min=0)]


@cli.command()
def equity(  # noqa: PLR0913, PLR0917 - one option for each thing to choose
    place: PlaceArgument = "05913000",
    home: Home = None,
    scenario: Annotated[str | None, typer.Option(help="A scenario of the place.")] = None,
    file: Annotated[Path | None, typer.Option(help="Placements as GeoJSON; the standard programme if neither.")] = None,
    priority: Annotated[str, typer.Option(help=f"Order of the standard programme: {', '.join(PRIORITIES)}.")] = "even",
    in_orders: Annotated[bool, typer.Option("--orders", help="Compare orders: worst first, low income first.")] = False,
    indicator: Indicator = SCHOOLS,
    definition: Definition = "quintile",
    zoning: Zoning = None,
    permutations: Permutations = 999,
    seed: Seed = 2026,
    as_json: Json = False,
) -> None:
    """Who gains from a scenario or placements: with intervals, p-values and what other zonings say."""
    with reported():
        catalogue = Catalogue(current(settings(home).home))
        key = key_of(place, settings(home).home)
        social = catalogue.social(key, indicator)
        how = Asked(definition, zoning, permutations, seed=seed)
        body = placements_of(file) if file else STANDARD_BODY
        if not file:
            chosen = Properties(rule=STANDARD.rule, name=STANDARD.name, priority=priority)
            body = Placements(features=[Feature(properties=chosen)])
        if in_orders:
            found = orders(catalogue.planning(key), social, body, how)
        else:
            result = catalogue.run(key, scenario) if scenario else run(catalogue.planning(key), body)
            found = judgement(result, social, how)
    _show(found, console.orders if in_orders else console.judgement, as_json=as_json)


@cli.command()
def siting(  # noqa: PLR0913, PLR0917 - one option for each thing to choose
    budget_eur: Annotated[float, typer.Argument(help="EUR that may be invested, before grants.")],
    place: Annotated[str, typer.Option("--place", help="Key or name of a place.")] = "05913000",
    home: Home = None,
    measures: Annotated[list[str] | None, typer.Option("--measure", help="On homes; may be repeated.")] = None,
    zoning: Zoning = None,
    omega: Annotated[float, typer.Option(help="What a tonne in a low-income home counts more.")] = 0.0,
    floor: Annotated[float | None, typer.Option(help="Least share of the most for low-income areas, 0 to 1.")] = None,
    cap_eur: Annotated[float | None, typer.Option(help="Most for each district.")] = None,
    rule: Annotated[str, typer.Option(help="Who may take part.")] = "",
    indicator: Indicator = SCHOOLS,
    definition: Definition = "quintile",
    as_json: Json = False,
) -> None:
    """Where should the next euro go: zones and measures under a budget, and the price of equity."""
    with reported():
        catalogue = Catalogue(current(settings(home).home))
        key = key_of(place, settings(home).home)
        ask = Ask(
            budget_eur,
            tuple(measures or MEASURES),
            zoning,
            definition,
            rule=rule,
            omega=omega,
            floor=floor,
            cap_eur=cap_eur,
        )
        social = catalogue.social(key, indicator, coarse=True)
        with library_output_to_stderr():
            found = sitings.document(sitings.siting(catalogue.planning(key, coarse=True), social, ask))
    _show(found, console.siting, as_json=as_json)


@cli.command()
def audit(
    place: PlaceArgument,
    file: Annotated[Path, typer.Argument(help="Investments: any vector file with a column eur, and year.")],
    home: Home = None,
    reach_m: Annotated[float, typer.Option(help="An investment is for those within this distance.")] = REACH_M,
    indicator: Indicator = SCHOOLS,
    definition: Definition = "quintile",
    zoning: Zoning = None,
    as_json: Json = False,
) -> None:
    """Whom past investments reached: points, lines or areas with euros."""
    with reported():
        catalogue = Catalogue(current(settings(home).home))
        key = key_of(place, settings(home).home)
        planning = catalogue.planning(key)
        made = of_frame(planning, vector.read(file))
        how = Asked(definition, zoning)
        found = judge_past(planning, catalogue.social(key, indicator), made, how, reach_m=reach_m)
    _show(found, console.judgement, as_json=as_json)


def placements_of(file: Path) -> Placements:
    """Read placements from a file; all that is wrong with it at once."""
    try:
        return Placements.model_validate_json(file.read_bytes())
    except OSError as error:
        raise PlacementError(Problem(str(file), f"cannot be read ({error})", "Name a GeoJSON file.")) from error
    except ValidationError as error:
        found = [
            Problem(f"{file}, {'.'.join(map(str, e['loc']))}", e["msg"], "See /docs for what is accepted.")
            for e in error.errors()
        ]
        raise PlacementError(found) from error


def _show(found: dict[str, Any], print_it: Any, *, as_json: bool) -> None:  # noqa: ANN401 - a function of `console`
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        print_it(out, found)
