"""Build a release: read the figures, allocate every balance, write columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from data import geoparquet
from data.factors import Factors, factors
from data.figures import CRS_PLACE, Figures
from data.place import Place, places
from data.stock import common
from geo.columns import Polygons
from layers import columns
from layers.municipality import Municipality, compute
from layers.release import Release, current, sha256, staging

METHOD_VERSION = "2026.1"
VALUE_SET = "BISKO"
MUNICIPALITY = "municipality.parquet"
STOCK = "stock.parquet"
DISTRICTS = "districts.parquet"
INVENTORY = "inventory.parquet"
ALLOCATION = "allocation.parquet"
POTENTIAL = "potential.parquet"
FETCHED = ("green", "blue")

Progress = Callable[[str, int, int], None]


def build(
    home: Path,
    keys: Sequence[Place],
    figures: Figures,
    *,
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
    progress
        Called with the place just done, how many are done and how many there are.

    Returns
    -------
    Release
        The new release, already switched to. An error leaves the old one served.
    """
    known = places(figures)
    wanted = {member for place in keys for member in place.members}
    kept = _kept(home, figures, wanted)
    ef = factors(figures["emission_factors"], VALUE_SET)
    shared = common(figures)
    manifest = _manifest(figures, ef)
    with staging(home, manifest) as path:
        for key, (source, entry) in kept.items():
            for file in sorted(source.iterdir()):
                path(key, file.name).hardlink_to(file)
            manifest["places"][key] = entry
        for done, ags in enumerate(sorted(wanted), start=1):
            computed = compute(known[ags], figures, ef, shared)
            _store(computed, ags, path)
            manifest["places"][ags] = {**computed.entry, "fetched": _fetched(home, ags, path)}
            progress(known[ags].name, done, len(wanted))
        for place in known.values():
            # a region is there when all its members are: its totals are never silently short
            if place.kind == "region" and set(place.members) <= set(manifest["places"]):
                manifest["places"][place.key] = {"name": place.name, "kind": "region", "members": list(place.members)}
    return current(home, verify=False)


def up_to_date(home: Path, keys: Sequence[Place], figures: Figures) -> Release | None:
    """Return the served release if it already holds these places, made from these figures by this method."""
    try:
        release = current(home)
    except ValueError:
        return None
    same = release.manifest["inputs"] == inputs(figures) and release.manifest["method_version"] == method_version()
    members = [ags for place in keys for ags in place.members]
    if not same or any(place.key not in release.places for place in keys):
        return None
    recorded = {ags: (release.places[ags]["fetched"] or {}).get("sha256") for ags in members}
    return release if all(recorded[ags] == _fetched_hash(home, ags) for ags in members) else None


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
    return {
        "method_version": method_version(),
        "inputs": inputs(figures),
        "sources": json.loads(figures["sources"].to_json(orient="records")),
        "factors": {
            "value_set": ef.value_set,
            "gas_boundary": ef.gas_boundary,
            "status": "recalled",
            "note": "BISKO factors by year are recalled, not seen in the published list; verify before use.",
            "nodes": json.loads(ef.nodes.to_json(orient="records")),
        },
        "prices": json.loads(figures["energy_prices"].to_json(orient="records")),
        "measures": json.loads(figures["measures"].to_json(orient="records")),
        "point_sources": json.loads(figures["point_sources"].to_json(orient="records")),
        "places": {},
    }


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


def _fetched_hash(home: Path, ags: str) -> str | None:
    record = home / "fetched" / ags / "query.json"
    return sha256(record) if record.is_file() else None


def _fetched(home: Path, ags: str, path: Callable[[str, str], Path]) -> dict[str, Any] | None:
    """Publish what `revier fetch` brought; None where nothing was fetched."""
    if _fetched_hash(home, ags) is None:
        return None
    from data import osm  # noqa: PLC0415 - osmnx is slow to import and most builds need none of it

    found = osm.read_fetched(home / "fetched" / ags)
    if found is None:
        return None
    for theme in FETCHED:
        frame = getattr(found, theme)
        if len(frame):
            _write(path(ags, f"{theme}.parquet"), frame, columns.OSM)
    return {"sha256": _fetched_hash(home, ags), "query": found.query, "report": found.report}


def _store(computed: Municipality, ags: str, path: Callable[[str, str], Path]) -> None:
    _write(path(ags, STOCK), computed.stock, columns.STOCK)
    _write(path(ags, MUNICIPALITY), computed.totals, columns.MUNICIPALITIES)
    if computed.districts is not None:
        _write(path(ags, DISTRICTS), computed.districts, columns.DISTRICTS)
    for name, table in (
        (INVENTORY, computed.inventory),
        (ALLOCATION, computed.allocation),
        (POTENTIAL, computed.potential),
    ):
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path(ags, name))


def _write(path: Path, table: gpd.GeoDataFrame, layout: Sequence[columns.Column]) -> None:
    names = [column.name for column in layout]
    attributes = pa.Table.from_pandas(pd.DataFrame(table[names]), preserve_index=False).replace_schema_metadata(None)
    polygons = Polygons.from_shapely(table.geometry.to_numpy(), CRS.from_user_input(CRS_PLACE))
    geoparquet.write(path, attributes, polygons)
