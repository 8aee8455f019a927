"""Command that downloads open data."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import typer
from rich.markup import escape

from api.terminal import IMPORTED, Home, Json, err, out, reported, settings
from data import doctor as doctoring
from data import figures as built_in
from data import imports
from data.errors import PlaceError
from data.figures import Figures
from data.place import Place, find
from data.place import places as all_places
from geo.errors import Problem

cli = typer.Typer()


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
