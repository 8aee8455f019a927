"""Build a release: read the figures, allocate every balance, write columns. Places are computed one by one on Dask."""

from __future__ import annotations

import hashlib
import json
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from data import geoparquet
from data.schema import TRANSPORT_CARRIERS
from geo.columns import Polygons
from geo.errors import Problem
from layers import columns
from layers.columns import Column
from layers.errors import ReleaseError
from layers.release import Release, current, sha256, staging

if TYPE_CHECKING:
    import pandas as pd

    from data.cells import Common
    from data.factors import Factors
    from data.figures import Figures
    from data.imports import Imports
    from data.place import Place
    from layers.municipality import Municipality, Table

METHOD_VERSION = "2026.4"
VALUE_SET = "BISKO"
MUNICIPALITY = "municipality.parquet"
STOCK = "stock.parquet"
CELLS = "cells.parquet"
DISTRICTS = "districts.parquet"
INVENTORY = "inventory.parquet"
ALLOCATION = "allocation.parquet"
POTENTIAL = "potential.parquet"
POTENTIAL_CELLS = "potential_cells.parquet"
SEGMENTS = "segments.parquet"
SEGMENTS_CELLS = "segments_cells.parquet"
ZONES = "zones.parquet"
ZONES_CELLS = "zones_cells.parquet"
INDICATORS = "indicators.parquet"
POINTS = "points.parquet"
ENVIRONMENT = "environment.parquet"
# rasters of a place, with unit and what they are
RASTERS = {
    # `data.environment.DAY_AIR`, which is slow to import
    "day_air_c": (
        "degC",
        {"title": "Air temperature of a hot day", "status": "modelled by InVEST's equations, 26 degC outside"},
    )
}
FETCHED = ("green", "blue")
QUERY = "query.json"
# places computed before the first of them is written: bounds memory, keeps every worker busy
AHEAD = 4
CONNECT_S = 10
FOSSIL = ("natural_gas", "heating_oil", "lpg", "hard_coal")
# tables that planning reads from the release, so that a scenario rests on what was released
PLANNING_TABLES = (
    "sector_energy",
    "external_paths",
    "vehicles",
    "scenario_parameters",
    "tenure",
    "co2_cost_split",
    "co2_price",
    "construction_prices",
    "energy_levies",
    "social_cost",
    "grants",
    "social_reference",
    "biophysical",
    "runoff_coefficients",
)

Progress = Callable[[str, int, int], None]
Files = dict[str, bytes]
Entry = dict[str, Any]


def districts_file(level: int) -> str:
    """File of a level of districts."""
    return DISTRICTS if level == 0 else f"districts_{level}.parquet"


def build(
    home: Path,
    keys: Sequence[Place],
    figures: Figures,
    *,
    scheduler: str | None = None,
    progress: Progress = lambda _name, _done, _total: None,
) -> Release:
    """Build places into a new release and serve it.

    Parameters
    ----------
    home
        Folder of releases.
    keys
        Places to build. A region is built from all its members. Places of the served release that are not named are
        carried over unchanged, if they were made from the same figures.
    figures
        Checked tables.
    scheduler
        Address of a Dask scheduler (``tcp://…``); in this process when None. The files are the same to the bit.
    progress
        Called with the place just done, how many are done and how many there are.

    Returns
    -------
    Release
        The new release, already switched to. An error leaves the old one served.
    """
    from data.factors import factors  # noqa: PLC0415 - slow to import
    from data.place import places  # noqa: PLC0415 - slow to import

    known = places(figures, home / "imported")
    known |= {place.key: place for place in keys}
    wanted = {member for place in keys for member in place.members}
    kept = _kept(home, figures, wanted)
    ef = factors(figures["emission_factors"], VALUE_SET)
    manifest = _manifest(figures, ef)
    with staging(home, manifest) as path:
        for key, (source, entry) in kept.items():
            for file in sorted(source.iterdir()):
                path(key, file.name).hardlink_to(file)
            manifest["places"][key] = entry
        tasks = [known[key] for key in sorted(wanted)]
        for done, (place, files, entry) in enumerate(_computed(tasks, home, figures, ef, scheduler), start=1):
            for name, content in files.items():
                path(place.key, name).write_bytes(content)
            manifest["places"][place.key] = entry
            progress(place.name, done, len(tasks))
        for place in known.values():
            # a region is there when all its members are: its totals are never silently short
            if place.kind == "region" and set(place.members) <= set(manifest["places"]):
                manifest["places"][place.key] = {"name": place.name, "kind": "region", "members": list(place.members)}
        manifest["sources"] += [s for e in manifest["places"].values() for s in e.get("own_sources", [])]
    return current(home, verify=False)


def peak_mb() -> int:
    """Most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _computed(
    tasks: Sequence[Place], home: Path, figures: Figures, ef: Factors, scheduler: str | None
) -> Iterator[tuple[Place, Files, Entry]]:
    """Compute places in order, a few ahead of what is written."""
    import dask  # noqa: PLC0415 - slow to import

    from data.cells import common  # noqa: PLC0415 - slow to import

    shared = common(figures)
    with _scheduler(scheduler) as run:
        for start in range(0, len(tasks), AHEAD if scheduler else 1):
            batch = tasks[start : start + (AHEAD if scheduler else 1)]
            work = [
                dask.delayed(compute_files, pure=False)(place, figures, ef, shared, brought(home, place, figures))
                for place in batch
            ]
            for place, (files, entry) in zip(batch, run(work), strict=True):
                yield place, files, entry


@contextmanager
def _scheduler(address: str | None) -> Iterator[Callable[[list[Any]], Sequence[Any]]]:
    import dask  # noqa: PLC0415 - slow to import

    if address is None:
        # the function itself: the name would import distributed, which only a cluster needs
        yield lambda work: dask.compute(*work, scheduler=dask.get)
        return
    from distributed import Client  # noqa: PLC0415 - only a cluster needs it

    try:
        client = Client(address, set_as_default=False, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        remedy = "Start one with `dask scheduler`, or leave --scheduler out to build here."
        raise ReleaseError(Problem(f"scheduler {address}", f"cannot be reached ({error})", remedy)) from error
    with client:
        yield lambda work: client.gather(client.compute(work))


@dataclass(frozen=True)
class Brought:
    """What a build of a place starts from, beside the figures.

    Attributes
    ----------
    imports
        The place's own files, completed by what was fetched.
    fetched
        How the fetch came about; None where nothing was fetched.
    """

    imports: Imports
    fetched: dict[str, Any] | None


def brought(home: Path, place: Place, figures: Figures) -> Brought:
    """Read what a place imported, else its built-in files, and what `revier fetch` got for the rest."""
    from data import imports  # noqa: PLC0415 - slow to import
    from data.imports import Imports  # noqa: PLC0415 - slow to import

    own = imports.load(home / "imported" / place.key)
    if own is None:
        outline = figures.boundaries[figures.boundaries["ags"] == place.key]
        shape = outline.geometry.to_crs(place.crs).union_all() if len(outline) else None
        own = imports.read(place, outline=shape) if place.files() else Imports()
    folder = home / "fetched" / place.key
    if not (folder / QUERY).is_file():
        return Brought(own, None)
    from data import osm  # noqa: PLC0415 - osmnx is slow to import and most builds need none of it

    found = osm.read_fetched(folder)
    if found is None:
        return Brought(own, None)
    # what the city brought itself is better than what was fetched
    rest = {name: frame for name, frame in found.layers.items() if getattr(own, name) is None and len(frame)}
    if "buildings" in rest:
        rest["buildings"] = rest["buildings"].assign(data_grade="B")
    return Brought(
        replace(own, **rest), {"sha256": sha256(folder / QUERY), "query": found.query, "report": found.report}
    )


def compute_files(place: Place, figures: Figures, ef: Factors, shared: Common, start: Brought) -> tuple[Files, Entry]:
    """Compute a place and return its files as bytes: a worker needs neither our disk nor our release."""
    from layers.municipality import Table, compute  # noqa: PLC0415 - slow to import

    computed = compute(place, figures, ef, shared, start.imports)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _store(computed, folder)
        for theme in FETCHED:
            frame = getattr(start.imports, theme)
            if frame is not None and len(frame):
                shapes = Polygons.from_shapely(frame.geometry.to_numpy(), CRS.from_user_input(place.crs))
                _write(folder / f"{theme}.parquet", Table(frame, shapes), columns.OSM)
        entry = computed.entry | {
            "fetched": start.fetched,
            "imported": _settled(start.imports.hashes),
            "settings": settings_hash(place),
        }
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}, entry


def settings_hash(place: Place) -> str:
    """Hash of how a place is configured, wherever its files lie."""
    return hashlib.sha256(place.model_dump_json(exclude={"folder"}).encode()).hexdigest()


def _settled(hashes: dict[str, str]) -> str:
    """One hash for all files that a place brought."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def up_to_date(home: Path, keys: Sequence[Place], figures: Figures) -> Release | None:
    """Return the served release if it already holds these places, made from these figures by this method."""
    from data.place import places  # noqa: PLC0415 - slow to import

    try:
        release = current(home)
    except ValueError:
        return None
    same = release.manifest["inputs"] == inputs(figures) and release.manifest["method_version"] == method_version()
    members = {ags for place in keys for ags in place.members}
    known = (places(figures, home / "imported") | {place.key: place for place in keys}).values()
    if not same or any(place.key not in release.places for place in keys):
        return None
    return release if all(_unchanged(release, home, place) for place in known if place.key in members) else None


def _unchanged(release: Release, home: Path, place: Place) -> bool:
    """Whether a place would be built from the same fetched and imported files again."""
    from data import imports  # noqa: PLC0415 - slow to import

    entry = release.places[place.key]
    if entry["settings"] != settings_hash(place):
        return False
    record = home / "fetched" / place.key / QUERY
    now = sha256(record) if record.is_file() else None
    if (entry["fetched"] or {}).get("sha256") != now:
        return False
    kept = imports.hashes(home / "imported" / place.key)
    if kept is None:
        kept = {f.file: sha256(place.folder / f.file) for f in place.files()}
    return bool(entry["imported"] == _settled(kept))


def inputs(figures: Figures) -> dict[str, str]:
    """Return the sha256 of every input file."""
    return dict(sorted(figures.hashes.items()))


def method_version() -> str:
    """Version of the method with a hash of the code behind it, so that no stale release passes for a new one."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in ("geo", "data", "layers"):
        for file in sorted((root / package).glob("*.py")):
            digest.update(file.read_bytes())
    for file in sorted((root / "data" / "places").glob("*.toml")):
        digest.update(file.read_bytes())
    return f"{METHOD_VERSION}+{digest.hexdigest()[:8]}"


def _manifest(figures: Figures, ef: Factors) -> dict[str, Any]:
    from data.measures import catalogue  # noqa: PLC0415 - slow to import
    from data.segments import archetypes  # noqa: PLC0415 - slow to import

    return {
        "method_version": method_version(),
        "inputs": inputs(figures),
        "sources": json.loads(figures["sources"].to_json(orient="records")),
        "factors": {
            "value_set": ef.value_set,
            "gas_boundary": ef.gas_boundary,
            "status": "recalled",
            "note": "BISKO factors by year are recalled, not seen in the published list; verify before use.",
            "nodes": json.loads(_nodes(figures, ef).to_json(orient="records")),
        },
        "fuels": _fuels(figures, ef),
        "direct": _direct(figures),
        "prices": json.loads(figures["energy_prices"].to_json(orient="records")),
        "measures": [measure.as_document() for measure in catalogue(figures).values()],
        "archetypes": json.loads(archetypes(figures).table.to_json(orient="records", double_precision=15)),
        **{name: json.loads(figures[name].to_json(orient="records")) for name in PLANNING_TABLES},
        "heating_systems": json.loads(figures["heating_systems"].to_json(orient="records")),
        "carriers_by_age": json.loads(figures["carriers_by_age"].to_json(orient="records")),
        "point_sources": json.loads(figures["point_sources"].to_json(orient="records")),
        "places": {},
    }


def _nodes(figures: Figures, ef: Factors) -> pd.DataFrame:
    """Factors along the years; `published` tells those of the balance from those of the path that continues it."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    from data.factors import factors  # noqa: PLC0415 - slow to import

    own = factors(figures["emission_factors"], ef.value_set, projection=None).nodes
    keys = pd.MultiIndex.from_frame(own[["carrier", "year"]])
    listed = pd.MultiIndex.from_frame(ef.nodes[["carrier", "year"]]).isin(keys)
    # a carrier that only the path knows (ambient heat: 0) has that factor in every year
    return ef.nodes.assign(published=listed | ~ef.nodes["carrier"].isin(own["carrier"]).to_numpy())


def _fuels(figures: Figures, ef: Factors) -> dict[str, float]:
    """Factors of fuels from well to wheel, of the same set as the balance, g CO2e/kWh."""
    rows = figures["emission_factors"]
    rows = rows[(rows["value_set"] == ef.value_set) & rows["gas_boundary"].str.contains("well-to-wheel")]
    last = rows.sort_values("year").groupby("carrier")["ef_g_kwh"].last()
    return {str(carrier): float(value) for carrier, value in last.items() if carrier in TRANSPORT_CARRIERS}


def _direct(figures: Figures) -> dict[str, float]:
    """Factors of the fuels under the CO2 price, as they leave the chimney, g CO2/kWh (BAFA)."""
    rows = figures["emission_factors"]
    rows = rows[(rows["value_set"] == "BAFA") & rows["carrier"].isin(FOSSIL)]
    return dict(zip(rows["carrier"].astype(str), rows["ef_g_kwh"].astype(float), strict=True))


def _kept(home: Path, figures: Figures, wanted: set[str]) -> dict[str, tuple[Path, dict[str, Any]]]:
    try:
        old = current(home)
    except ValueError:
        return {}
    if old.manifest["inputs"] != inputs(figures) or old.manifest["method_version"] != method_version():
        return {}
    return {
        key: (old.folder / "places" / key, entry)
        for key, entry in old.places.items()
        if key not in wanted and entry["kind"] == "municipality"
    }


def _store(computed: Municipality, folder: Path) -> None:
    from layers.rasters import cog_of_raster  # noqa: PLC0415 - slow to import

    _write(folder / STOCK, computed.stock, columns.STOCK)
    if computed.cells is not None:
        _write(folder / CELLS, computed.cells, columns.CELLS)
    _write(folder / MUNICIPALITY, computed.totals, columns.MUNICIPALITIES)
    for level, table in enumerate(computed.districts):
        _write(folder / districts_file(level), table, columns.DISTRICTS)
    for name, rows in (
        (INVENTORY, computed.inventory),
        (ALLOCATION, computed.allocation),
        (POTENTIAL, computed.potential),
        (POTENTIAL_CELLS, computed.potential_cells),
        (SEGMENTS, computed.segments),
        (SEGMENTS_CELLS, computed.segments_cells),
        (ZONES, computed.zones),
        (ZONES_CELLS, computed.zones_cells),
        (INDICATORS, computed.indicators),
        (POINTS, computed.points),
        (ENVIRONMENT, computed.environment.cells),
    ):
        if rows is not None:
            pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / name, compression="zstd")
    for name, raster in computed.environment.rasters.items():
        (folder / f"{name}.tif").write_bytes(cog_of_raster(raster, name, *RASTERS[name]))


def _write(path: Path, table: Table, layout: Sequence[Column]) -> None:
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = pd.DataFrame(table.rows[[column.name for column in layout]])
    attributes = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    geoparquet.write(path, attributes, table.shapes)
