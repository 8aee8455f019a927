"""Command line `revier`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api import console, equity_commands
from api.equity_commands import placements_of
from api.terminal import IMPORTED, Data, Home, Json, err, key_of, out, reported, settings
from data import doctor as doctoring
from data import figures as built_in
from data import imports
from data.errors import PlaceError
from data.figures import Figures
from data.place import FILE, Place, find, load, with_footprints
from data.place import places as all_places
from data.report import Report
from geo.errors import Problem
from layers import build as building
from layers.catalogue import Catalogue
from layers.compare import comparison, tidy, trajectory, write_table
from layers.errors import PlacementError
from layers.findings import document
from layers.placement import PRIORITIES, STANDARD
from layers.planning import FIRST_YEAR, LAST_YEAR
from layers.release import Release, current
from layers.scenarios import Feature, Placements, Properties, run

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
for command in (equity_commands.equity, equity_commands.siting, equity_commands.audit):
    cli.command()(command)

Places = Annotated[list[str] | None, typer.Argument(help="Keys or names; the whole region when omitted.")]


@cli.command()
def build(
    places: Places = None,
    home: Home = None,
    tables: Annotated[Path | None, typer.Option(help="Folder of tables to use instead of the built-in ones.")] = None,
    data: Data = None,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler, such as tcp://host:8786.")] = None,
    modelled: Annotated[bool, typer.Option(help="Draw footprints from census counts where a place has none.")] = False,
    force: Annotated[bool, typer.Option(help="Build even if nothing changed.")] = False,
    as_json: Json = False,
) -> None:
    """Build places into a new release and serve it from then on. A place.toml is imported first."""
    with reported():
        folder = settings(home).home
        figures = built_in.read(tables or built_in.BUILT_IN)
        keys = [_imported(key, folder, figures, data, as_json=as_json) for key in places or ["ruhr"]]
        known = all_places(figures, folder / IMPORTED)
        wanted = find(keys, known)
        if modelled:
            wanted = with_footprints(wanted, known)
        release = None if force else building.up_to_date(folder, wanted, figures)
        made = release is None
        if release is None:
            with Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
            ) as bar:
                task = bar.add_task("Building", total=None)
                release = building.build(
                    folder,
                    wanted,
                    figures,
                    scheduler=scheduler,
                    progress=lambda name, done, total: bar.update(
                        task, description=f"Built {name}", completed=done, total=total
                    ),
                )
        if as_json:
            peak = building.peak_mb()
            listed = list(release.places)
            typer.echo(json.dumps({"release": release.id, "built": made, "places": listed, "peak_mb": peak}))
        else:
            state = f"built, peak memory {building.peak_mb()} MB" if made else "is up to date"
            out.print(f"Release {release.id} {state}: {len(release.places)} places in {release.folder}", soft_wrap=True)
            _print_missing(release, wanted)


def _imported(key: str, home: Path, figures: Figures, data: Path | None, *, as_json: bool) -> str:
    """Import a place that is given as a file or folder, and return its key; a key or name is returned as it is."""
    path = Path(key)
    if not (path.suffix == ".toml" or path.is_dir()):
        return key
    place = load(path, data=data)
    brought = imports.read(place, outline=doctoring.outline(place, figures))
    imports.save(brought, place, path / FILE if path.is_dir() else path, home / IMPORTED / place.key)
    if not as_json:
        _print_report(brought.report)
    return place.key


def _print_report(report: Report) -> None:
    for where, (received, kept) in report.counted.items():
        out.print(f"{where}: {received:,} in, {kept:,} kept", soft_wrap=True, highlight=False)
    for line in report.lines:
        out.print(f"  [yellow]{line.done}[/yellow] {escape(str(line))}", soft_wrap=True, highlight=False)


def _print_missing(release: Release, wanted: list[Place]) -> None:
    for place in wanted:
        for lack in release.places[place.key].get("missing", []):
            out.print(f"  {place.name} has no {lack['what']}: {lack['instead']}", soft_wrap=True, style="dim")


@cli.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(help="A place.toml, or the folder that holds it.")],
    home: Home = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Import a city's own files by its place.toml; the next build uses them."""
    with reported():
        figures = built_in.read()
        place = load(path, data=data)
        brought = imports.read(place, outline=doctoring.outline(place, figures))
        target = settings(home).home / IMPORTED / place.key
        imports.save(brought, place, path / FILE if path.is_dir() else path, target)
    if as_json:
        typer.echo(json.dumps({"place": place.key, "report": brought.report.document()}, ensure_ascii=False))
        return
    _print_report(brought.report)
    out.print(f"Imported {place.name} ({place.key}). `revier build {place.key}` builds it.", soft_wrap=True)


@cli.command()
def doctor(
    path: Annotated[Path, typer.Argument(help="A place.toml, or the folder that holds it.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Look over a place.toml and all files it names, changing nothing. Exit code 1 if an import would be refused."""
    with reported():
        found = doctoring.examine(path, built_in.read(), data=data)
    if as_json:
        problems = [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in found.problems]
        typer.echo(json.dumps({"problems": problems, "report": found.report.document()}, ensure_ascii=False))
    else:
        for problem in found.problems:
            out.print(f"[red]error[/red] {escape(str(problem))}", soft_wrap=True, highlight=False)
        _print_report(found.report)
        out.print(
            f"{len(found.problems)} problem(s) stop the import, {len(found.lines)} finding(s) do not.", soft_wrap=True
        )
    if found.problems:
        raise typer.Exit(1)


@cli.command()
def serve(
    home: Home = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
) -> None:
    """Serve the release: map, OGC API, tiles."""
    import uvicorn  # noqa: PLC0415 - other commands need no server

    from api.app import create_app  # noqa: PLC0415 - other commands need no server

    with reported():
        chosen = settings(home)
        current(chosen.home)
        if "base_url" not in chosen.model_fields_set:
            chosen = chosen.model_copy(update={"base_url": f"http://{host}:{port}"})
        err.print(
            f"Revier serves the map at http://{host}:{port}/map (all layers: http://{host}:{port}/)", soft_wrap=True
        )
        uvicorn.run(create_app(chosen), host=host, port=port, log_level="warning", proxy_headers=False)


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
def export(
    collection: Annotated[str, typer.Argument(help="Collection id, such as 05913000.stock.")],
    output: Annotated[Path, typer.Option(help="File to write.")],
    file_format: Annotated[str, typer.Option("--format", help="gpkg, parquet, fgb, geojson, csv or tif.")] = "gpkg",
    column: Annotated[str | None, typer.Option(help="Attribute of a GeoTIFF.")] = None,
    home: Home = None,
) -> None:
    """Write a collection to a file."""
    from layers.export import write  # noqa: PLC0415 - rasterio is slow to import

    with reported():
        catalogue = Catalogue(current(settings(home).home))
        write(catalogue, collection, output, file_format, column)
    out.print(f"Wrote {output}", soft_wrap=True)


@cli.command()
def fetch(
    place: Annotated[str, typer.Argument(help="Key or name of a place; a region is fetched town by town.")],
    layers: Annotated[list[str] | None, typer.Option("--layer", help="Only this layer; may be repeated.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Download buildings, streets, land use, green and blue from OpenStreetMap; the next build uses them."""
    from data import osm  # noqa: PLC0415 - osmnx is slow to import

    wanted = tuple(layers) if layers else osm.LAYERS

    done = []
    with reported():
        chosen, figures = settings(home), built_in.read()
        known = all_places(figures, chosen.home / IMPORTED)
        for key in find([place], known)[0].members:
            name, boundary = known[key].name, _boundary(known[key], chosen.home, figures)
            with err.status(f"Asking {chosen.overpass_url} for {name}"):
                fetched = osm.fetch_place(
                    boundary, overpass_url=chosen.overpass_url, cache_dir=chosen.home / "cache" / "osm", layers=wanted
                )
            # written town by town: an interruption keeps what is there, and the cache resumes the rest
            osm.write_fetched(fetched, chosen.home / "fetched" / key)
            counts = {layer: len(frame) for layer, frame in fetched.layers.items()}
            done.append({"place": key, **counts, "report": fetched.report})
            if not as_json:
                told = ", ".join(f"{n:,} {layer}" for layer, n in counts.items())
                out.print(f"{name}: {told}", soft_wrap=True)
                for line in fetched.report:
                    out.print(f"  {escape(line)}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({"fetched": done}))
    else:
        out.print("`revier build` publishes them.")


def _boundary(place: Place, home: Path, figures: Figures) -> gpd.GeoDataFrame:
    """Outline to fetch: the imported one, else the built-in one."""
    brought = imports.load(home / IMPORTED / place.key)
    shape = brought.outline() if brought is not None else None
    shape = doctoring.outline(place, figures) if shape is None else shape
    if shape is None:
        raise PlaceError(Problem(place.name, "has no outline", "Add [boundary] or [[districts]] to its place.toml."))
    return gpd.GeoDataFrame({"ags": [place.key]}, geometry=[shape], crs=place.crs)


@cli.command()
def bench(
    ids: Annotated[list[str] | None, typer.Argument(help="Pieces of work; all when omitted.")] = None,
    output: Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")] = None,
    large: Annotated[bool, typer.Option(help="Also with 1.6 million buildings (minutes, 8 GB).")] = False,
) -> None:
    """Measure the kernels against the libraries a user would pick, in the same run."""
    from api import bench as benchmarks  # noqa: PLC0415 - numba and its peers are slow to import

    unknown = sorted(set(ids or []) - set(benchmarks.IDS))
    if unknown:
        err.print(f"unknown work {', '.join(unknown)}; there is {', '.join(benchmarks.IDS)}", highlight=False)
        raise typer.Exit(2)
    with err.status("Measuring"):
        result = benchmarks.run(ids or [], large=large)
    table = Table(
        "work", "n", "ours s", "peer", "peer s", "ratio", "same answer", "extra MB", title=str(result["machine"])
    )
    for row in result["rows"]:
        goal = row.get("goal_s")
        theirs = (
            ("", f"goal {goal:g} s", "met" if row["ours_s"] <= goal else "MISSED")
            if goal
            else ("not installed", "", "")
            if row["peer_s"] is None
            else (f"{row['peer_s']:.3f}", f"{row['ratio']:.0f} x", "yes" if row["agree"] else "NO")
        )
        table.add_row(
            f"{row['id']}: {row['work']}",
            f"{row['n']:,}",
            f"{row['ours_s']:.4f}",
            row["peer"],
            *theirs,
            str(row["peak_mb"]),
        )
    out.print(table)
    if output is not None:
        output.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if any(row["agree"] is False for row in result["rows"]):
        raise typer.Exit(1)


if __name__ == "__main__":
    sys.exit(cli())
