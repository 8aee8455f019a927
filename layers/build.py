"""Build a release: read the figures, allocate every balance, write columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from data import figures as built_in
from data import geoparquet
from data.emissions import on_districts, on_stock, potential
from data.factors import Factors, factors
from data.inventory import Inventory, inventory
from data.place import Place, places
from data.schema import AGES, SECTORS
from data.stock import people_2011, squares, stock
from data.figures import CRS_PLACE, Figures
from geo.arrays import FloatArray, IntArray
from geo.columns import Polygons
from geo.equity import quintiles
from geo.transfer import area_shares
from layers import columns
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
    people = people_2011(figures)
    manifest = _manifest(figures, ef)
    with staging(home, manifest) as path:
        for key, (source, entry) in kept.items():
            for file in sorted(source.iterdir()):
                path(key, file.name).hardlink_to(file)
            manifest["places"][key] = entry
        for done, ags in enumerate(sorted(wanted), start=1):
            manifest["places"][ags] = _municipality(known[ags], figures, ef, people, path)
            manifest["places"][ags]["fetched"] = _fetched(home, ags, path)
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


def _municipality(
    place: Place,
    figures: Figures,
    ef: Factors,
    people: tuple[pd.Series, pd.Series],
    path: Callable[[str, str], Path],
) -> dict[str, Any]:
    """Compute one municipality, write its files, and describe it for the manifest."""
    town = figures["municipalities"].set_index("ags").loc[place.key]
    balance = inventory(place.key, figures, ef)
    units = stock(place.key, figures, people)
    share = town["dwellings_district_heating"] / town["dwellings"]
    allocated = on_stock(units, balance, district_heat_share=float(share))
    shapes = squares(units.units)
    zones, of_unit = _zones(place, figures, shapes)
    detail = on_districts(balance, allocated, of_unit, zones.geometry.area.to_numpy())
    detail.insert(0, "area_id", zones["area_id"].to_numpy()[detail.pop("zone")])
    zones = _with_social_index(zones, place.key, figures)
    rows = balance.rows[balance.rows["sector"] == "households"]
    is_heat = rows["use"].to_numpy() == "heat"
    table = units.units[["ags"]].copy()
    table["unit_id"] = _inspire_ids(units.units, place.key)
    table["area_id"] = zones["area_id"].to_numpy()[of_unit]
    for name in ("n_buildings", "dwellings", "people", "living_area_m2"):
        table[name] = units.units[name]
    table["share_until_1918"] = units.area_by_age[:, 0] / units.area_by_age.sum(axis=1)
    table["heat_kwh_a"] = allocated.kwh[:-1, is_heat].sum(axis=1)
    table["heat_kwh_m2a"] = table["heat_kwh_a"] / table["living_area_m2"]
    table["t_co2e_heat"] = allocated.tonnes[:-1, is_heat].sum(axis=1)
    table["t_co2e_power"] = allocated.tonnes[:-1, ~is_heat].sum(axis=1)
    table["t_co2e_households"] = allocated.tonnes[:-1].sum(axis=1)
    table["t_co2e_households_per_head"] = table["t_co2e_households"] / table["people"].where(table["people"] > 0)
    table["social_index"] = zones["social_index"].to_numpy()[of_unit]
    zones["people"] = np.bincount(of_unit, table["people"].fillna(0), minlength=len(zones))
    zones["low_income_share"] = _poorest_fifth(zones)
    table["low_income_share"] = zones["low_income_share"].to_numpy()[of_unit]
    table["data_grade"] = "C"
    _write(path(place.key, STOCK), table, shapes, columns.STOCK)
    pq.write_table(pa.Table.from_pandas(potential(units, allocated, balance)), path(place.key, POTENTIAL))
    pq.write_table(pa.Table.from_pandas(balance.rows), path(place.key, INVENTORY))
    pq.write_table(pa.Table.from_pandas(detail), path(place.key, ALLOCATION))
    if place.districts is not None:
        full = _districts(zones, table, of_unit, detail, place)
        _write(path(place.key, DISTRICTS), full, zones.geometry, columns.DISTRICTS)
    row = _town_row(town, balance, allocated.tonnes[:-1].sum(), figures)
    row["low_income_share"] = np.nan
    _write(
        path(place.key, MUNICIPALITY),
        row,
        figures.boundaries.loc[figures.boundaries["ags"] == place.key].geometry,
        columns.MUNICIPALITIES,
    )
    return {
        "name": place.name,
        "kind": "municipality",
        "net_zero_year": place.net_zero_year,
        "inventory": {
            "year": balance.year,
            "edition": balance.edition,
            "t_co2e": balance.total(),
            "households_scale": balance.scale,
            "grade": "B" if balance.edition != "fallback" else "D",
        },
        "withheld": {
            "n_buildings": units.withheld["n_buildings"],
            "dwellings": units.withheld["dwellings"],
            "t_co2e": float(allocated.tonnes[-1].sum()),
        },
        "allocation_methods": allocated.methods,
        "districts": None
        if place.districts is None
        else {"level": place.districts.level, "geometry_status": place.districts.geometry_status},
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
            _write(path(ags, f"{theme}.parquet"), pd.DataFrame(frame.drop(columns="geometry")), frame.geometry, columns.OSM)
    return {"sha256": _fetched_hash(home, ags), "query": found.query, "report": found.report}


def _zones(place: Place, figures: Figures, shapes: gpd.GeoSeries) -> tuple[gpd.GeoDataFrame, IntArray]:
    """Districts of a place (the place itself where it has none) and the one that each unit belongs to.

    A unit belongs to the district that holds most of its area; a unit that touches none (the edge is drawn differently)
    to the nearest.
    """
    if place.districts is None:
        zones = figures.boundaries[figures.boundaries["ags"] == place.key].copy()
        zones["area_id"] = place.key
        zones["district"] = ""
        return zones.reset_index(drop=True), np.zeros(len(shapes), dtype=np.int64)
    zones = figures.districts[place.key].copy()
    zones["area_id"] = zones["ags"] + "." + zones["district"]
    shares = area_shares(shapes, zones.geometry)
    belongs = np.asarray(shares.matrix.toarray().argmax(axis=1), dtype=np.int64)
    outside = shares.covered == 0
    if outside.any():
        near, _ = zones.sindex.nearest(shapes[outside], return_all=False, return_distance=True)
        belongs[outside] = near[1]
    return zones.reset_index(drop=True), belongs


def _with_social_index(zones: gpd.GeoDataFrame, ags: str, figures: Figures) -> gpd.GeoDataFrame:
    index = figures["social_index"]
    index = index[index["ags"] == ags].set_index("district")["social_index"]
    out = zones.copy()
    out["social_index"] = zones["district"].map(index).to_numpy(np.float64)
    return out


def _poorest_fifth(zones: pd.DataFrame) -> FloatArray:
    """Share of each zone's people in the fifth of the place with the highest index; NaN where it cannot be told."""
    if len(zones) < 2 or zones["social_index"].isna().any():
        return np.full(len(zones), np.nan)
    return np.asarray(quintiles(zones["people"], -zones["social_index"])[:, 0])


def _districts(
    zones: gpd.GeoDataFrame, units: pd.DataFrame, of_unit: IntArray, detail: pd.DataFrame, place: Place
) -> pd.DataFrame:
    table = pd.DataFrame(zones.drop(columns="geometry"))
    table["area_km2"] = zones.geometry.area.to_numpy() / 1e6
    for name in ("n_buildings", "dwellings", "living_area_m2"):
        table[name] = np.bincount(of_unit, units[name], minlength=len(zones))
    tonnes = detail.assign(t=detail["t_placed"] + detail["t_spread"])
    by_sector = tonnes.pivot_table(index="area_id", columns="sector", values="t", aggfunc="sum").loc[table["area_id"]]
    for sector in SECTORS:
        table[f"t_co2e_{sector}"] = by_sector[sector].to_numpy()
    table["t_co2e"] = by_sector.sum(axis=1).to_numpy()
    sums = detail.groupby("area_id")[["t_placed", "t_spread"]].sum().loc[table["area_id"]]
    table["t_co2e_placed"], table["t_co2e_spread"] = sums["t_placed"].to_numpy(), sums["t_spread"].to_numpy()
    table["t_co2e_households_per_head"] = table["t_co2e_households"] / table["people"].where(table["people"] > 0)
    assert place.districts is not None  # noqa: S101 - called for places with districts only
    table["geometry_status"] = place.districts.geometry_status
    table["data_grade"] = "C"
    return table


def _town_row(town: pd.Series, balance: Inventory, placed: float, figures: Figures) -> pd.DataFrame:
    area_ha = town["area_km2"] * 100
    people = town["population"]
    sites = figures["point_sources"]
    row = {
        "ags": balance.ags,
        **town[["name", "kreis", "population", "area_km2", "n_buildings", "dwellings", "pv_kw"]].to_dict(),
        "living_area_m2": float(town["floor_area_m2"]),
        "share_dwellings_until_1918": town[f"dwellings_{AGES[0]}"] / town["dwellings"],
        "share_district_heating": town["dwellings_district_heating"] / town["dwellings"],
        "green_share": (town["forest_ha"] + town["wood_ha"] + town["agriculture_ha"]) / area_ha,
        "blue_share": town["water_ha"] / area_ha,
        **{f"t_co2e_{sector}": balance.total(sector) for sector in SECTORS},
        "t_co2e": balance.total(),
        "t_co2e_placed": placed,
        "t_co2e_per_head": balance.total() / people,
        "t_co2e_households_per_head": balance.total("households") / people,
        "t_co2_ets": float(sites.loc[sites["ags"] == balance.ags, "t_co2"].sum())
        if (sites["ags"] == balance.ags).any()
        else None,  # no site in the table is not the same as no emissions
        "inventory_year": balance.year,
        "inventory_edition": balance.edition,
        "data_grade": "D" if balance.edition == "fallback" else "B",
    }
    index = figures["social_index"]
    own = index[(index["ags"] == balance.ags) & (index["district"] == "")]["social_index"]
    row["social_index"] = float(own.iloc[0]) if len(own) else np.nan
    return pd.DataFrame([row]).astype({"t_co2_ets": "float64"})


def _inspire_ids(units: pd.DataFrame, ags: str) -> list[str]:
    return [
        f"CRS3035RES200mN{y}E{x}" + ("" if quarters == 15 else f".{ags}")
        for x, y, quarters in units[["x_m", "y_m", "quarters"]].itertuples(index=False)
    ]


def _write(path: Path, table: pd.DataFrame, shapes: gpd.GeoSeries, layout: Sequence[columns.Column]) -> None:
    names = [column.name for column in layout]
    attributes = pa.Table.from_pandas(table[names], preserve_index=False).replace_schema_metadata(None)
    geoparquet.write(path, attributes, Polygons.from_shapely(shapes.to_numpy(), CRS.from_user_input(CRS_PLACE)))


def read_figures(folder: Path | None = None) -> Figures:
    """Read and check the built-in tables, or a folder of the same files."""
    return built_in.read(folder or built_in.BUILT_IN)
