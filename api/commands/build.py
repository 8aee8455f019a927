"""Commands that make a release from tables and a city's own files."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.terminal import IMPORTED, Data, Home, Json, err, out, reported, settings
from data import doctor as doctoring
from data import figures as built_in
from data import imports
from data.figures import Figures
from data.place import FILE, find, load, with_footprints
from data.place import places as all_places
from data.report import Report
from layers import build as building
from layers.catalogue import Catalogue
from layers.errors import ReleaseError
from layers.release import Release, current, sha256

Places = Annotated[list[str] | None, typer.Argument(help="Keys or names; the whole region when omitted.")]

cli = typer.Typer()
# what the last build was asked for, and what it rested on
LAST = ".last_build.json"


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
        wishes = places or ["ruhr"]
        asked = json.dumps([wishes, modelled])
        is_plain = not (force or tables or any(_is_path(wish) for wish in wishes))
        same = _asked_before(folder, asked) if is_plain else None
        if same is not None:
            _tell(*same, made=False, as_json=as_json)
            return
        figures = built_in.read(tables or built_in.BUILT_IN)
        keys = [_imported(key, folder, figures, data, as_json=as_json) for key in wishes]
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
        if made:
            Catalogue(release).prepare()
        listed = [place.key for place in wanted]
        if is_plain:
            _remember(folder, release, asked, listed)
        _tell(release, listed, made=made, as_json=as_json)


def _asked_before(home: Path, asked: str) -> tuple[Release, list[str]] | None:
    """Return the served release and the keys of places, if the same was asked last time and no file differs from then.

    Tables that did not change need not be read and checked again, which takes longer than all the rest.
    """
    try:
        release = current(home)
        last = json.loads((home / LAST).read_text(encoding="utf-8"))
        return (release, last["keys"]) if last["rests_on"] == _now(home, release, asked) else None
    except (ReleaseError, OSError, ValueError, TypeError, KeyError):
        return None


def _remember(home: Path, release: Release, asked: str, keys: list[str]) -> None:
    with suppress(OSError):  # the next build then takes longer
        text = json.dumps({"rests_on": _now(home, release, asked), "keys": keys})
        (home / LAST).write_text(text, encoding="utf-8")


def _now(home: Path, release: Release, asked: str) -> dict[str, str]:
    """All that a build rests on."""
    files = [*built_in.BUILT_IN.iterdir(), *(home / IMPORTED).glob("*/*"), *home.glob(f"fetched/*/{building.QUERY}")]
    digest = hashlib.sha256("".join(f"{path} {sha256(path)}\n" for path in sorted(files)).encode())
    return {"release": release.id, "method": building.method_version(), "asked": asked, "files": digest.hexdigest()}


def _tell(release: Release, keys: list[str], *, made: bool, as_json: bool) -> None:
    if as_json:
        peak, listed = building.peak_mb(), list(release.places)
        typer.echo(json.dumps({"release": release.id, "built": made, "places": listed, "peak_mb": peak}))
        return
    state = f"built, peak memory {building.peak_mb()} MB" if made else "is up to date"
    out.print(f"Release {release.id} {state}: {len(release.places)} places in {release.folder}", soft_wrap=True)
    for entry in (release.places[key] for key in keys):
        for lack in entry.get("missing", []):
            out.print(f"  {entry['name']} has no {lack['what']}: {lack['instead']}", soft_wrap=True, style="dim")


def _is_path(wish: str) -> bool:
    return wish.endswith(".toml") or Path(wish).is_dir()


def _imported(key: str, home: Path, figures: Figures, data: Path | None, *, as_json: bool) -> str:
    """Import a place that is given as a file or folder, and return its key; a key or name is returned as it is."""
    path = Path(key)
    if not _is_path(key):
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
