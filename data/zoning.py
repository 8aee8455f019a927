"""The balance on districts of one level, every sector by what is known of its places; and how sure that is.

Each row of the balance sums over the districts to itself, whatever the zoning. What has a place (`t_placed`) is told
from what is only spread (`t_spread`): the part without a place, and sectors that nothing local is known of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from data import bands
from data.emissions import OnStock
from data.inventory import HOUSEHOLDS, Inventory
from data.traffic import Pieces, Traffic, cut
from data.units import Stock
from geo.allocate import Proxy, allocate
from geo.arrays import FloatArray, IntArray, sum_by
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.errors import InputError, Problem
from geo.uncertainty import DRAWS, draw, keys_of
from geo.uncertainty import bands as quantiles

TRADE = {"economy", "commerce", "industry"}
TRADE_LAND = ("industrial", "commercial", "retail")


@dataclass(frozen=True)
class Places:
    """What the sectors are placed by.

    Attributes
    ----------
    stock, allocated
        Units and the rows of the balance on them.
    traffic, landuse, sites
        Road segments, areas by use and known points; None where the place has none.
    """

    stock: Stock
    allocated: OnStock
    traffic: Traffic | None = None
    landuse: gpd.GeoDataFrame | None = None
    sites: gpd.GeoDataFrame | None = None


@dataclass(frozen=True)
class Zoned:
    """A balance on zones.

    Attributes
    ----------
    detail
        One row for each zone and row of the balance: `zone`, `sector`, `carrier`, `use`, `t_placed`, `t_spread`,
        `t_motorways` (part of `t_placed`), `method`.
    of_unit
        Zone of each unit.
    bands
        5, 50 and 95 % of each zone's total, t CO2e/a, shape (zones, 3).
    unit_bands
        The same for households of each unit.
    """

    detail: pd.DataFrame
    of_unit: IntArray
    bands: FloatArray
    unit_bands: FloatArray


def zone_of_units(shapes: Polygons, zones: gpd.GeoSeries) -> IntArray:
    """Zone that holds most of each unit, the first of equals; the nearest for a unit that meets none.

    Statistics count a building once, so a unit on a border is not split.
    """
    if len(shapes) == 0:
        return np.zeros(0, dtype=np.int64)
    if len(zones) == 1:
        return np.zeros(len(shapes), dtype=np.int64)
    found = Coverage(Polygons.from_shapely(zones.to_numpy(), shapes.crs)).overlaps(shapes)
    # sorted by area inside each source: the last one written is the largest, the lowest zone among equals
    order = np.lexsort((-found.zone, found.area_m2, found.source))
    belongs = np.full(len(shapes), -1, dtype=np.int64)
    belongs[found.source[order]] = found.zone[order]
    outside = np.flatnonzero(belongs < 0)
    if outside.size:
        near, _ = zones.sindex.nearest(shapes.take(outside).to_shapely(), return_all=False, return_distance=True)
        belongs[outside[near[0]]] = near[1]
    return belongs


def on_zones(
    inventory: Inventory, places: Places, zones: gpd.GeoDataFrame, *, seed: int = bands.SEED, with_units: bool = True
) -> Zoned:
    """Put a balance on zones.

    Parameters
    ----------
    inventory
        Balance of the place.
    places
        What its sectors are placed by.
    zones
        Districts in the place's CRS, named by `area_id`; the place itself where it has none. Gaps and overlaps change
        no total.
    seed
        Of the bands.
    with_units
        Whether the bands of units are wanted too.

    Raises
    ------
    InputError
        Known points inside the balance exceed the total of their sector.
    """
    n, shapes = len(zones), zones.geometry
    of_unit = zone_of_units(places.stock.shapes, shapes)
    areas = shapes.area.to_numpy(np.float64)
    pieces = None if places.traffic is None else cut(places.traffic, shapes.to_numpy())
    land = _land(places.landuse, shapes)
    spread_as = Proxy("area (degenerate)", areas)
    parts, draws = [], np.zeros((n, DRAWS))
    unit_bands = np.zeros((len(places.stock), 3))
    homes = places.allocated.of_sector(HOUSEHOLDS) & places.allocated.on_units
    if homes.any():
        drawn, unit_bands = _draw_homes(inventory, places, homes, of_unit, n, areas, seed, with_units=with_units)
        draws += drawn
    totals = places.allocated.rows["t_co2e_a"].to_numpy(np.float64)
    for position, row in enumerate(places.allocated.rows.itertuples(index=False)):
        total = float(totals[position])
        if not np.isfinite(total):
            continue
        known = _points(places.sites, shapes, str(row.sector), total)
        placed, motorways, method = known.copy(), np.zeros(n), places.allocated.methods[position]
        rest = total - known.sum()
        if places.allocated.on_units[position]:
            on_units = places.allocated.tonnes[:, position] * (rest / total if total else 1.0)
            here = sum_by(of_unit, on_units[:-1], n)
            placed += here
            left = allocate(float(on_units[-1]), [Proxy("as the placed part", here), spread_as])
            sd_units = bands.BY_USE
        elif row.sector == "transport" and pieces is not None and places.traffic is not None and pieces.kwh_a.sum() > 0:
            here, motorways = _on_streets(places.traffic, pieces, rest, n)
            placed += here
            left = allocate(0.0, [spread_as])
            method, sd_units = "length x traffic x energy of vehicles", 0.0
        elif row.sector in TRADE and land.sum() > 0:
            here = rest * land / land.sum()
            placed += here
            left = allocate(0.0, [spread_as])
            method, sd_units = "area of trade and industry", bands.BY_LAND
        else:
            left = allocate(rest, [spread_as])
            method, sd_units = left.method, bands.BY_LAND
        parts.append(
            pd.DataFrame(
                {
                    "zone": np.arange(n),
                    "sector": row.sector,
                    "carrier": row.carrier,
                    "use": row.use,
                    "t_placed": placed,
                    "t_spread": left.values,
                    "t_motorways": motorways,
                    "method": method if not known.any() else f"known points, then {method}",
                }
            )
        )
        if not homes[position]:
            draws += _draw_other(row, placed + left.values, places, pieces, sd_units, zones["area_id"], seed)
    detail = pd.concat(parts, ignore_index=True) if parts else _nothing()
    return Zoned(detail, of_unit, quantiles(draws), unit_bands)


def _draw_homes(
    inventory: Inventory,
    places: Places,
    homes: np.ndarray,
    of_unit: IntArray,
    n: int,
    areas: FloatArray,
    seed: int,
    *,
    with_units: bool,
) -> tuple[FloatArray, FloatArray]:
    """Draw all rows of households at once: they share the buildings and so their errors."""
    tonnes = places.allocated.tonnes[:, homes].sum(axis=1)
    units = places.stock.units
    age_known = places.stock.area_by_age.max(axis=1) >= places.stock.area_by_age.sum(axis=1)
    sd = np.append(bands.of_units(units, age_known=age_known & (units["n_buildings"] == 1).to_numpy()), 0.1)
    grade = str(inventory.rows.loc[inventory.rows["sector"] == HOUSEHOLDS, "grade"].max())
    own = inventory.edition not in {"fallback", "modelled"}
    found = draw(
        np.maximum(tonnes, 0.0),
        total=float(tonnes.sum()),
        sd_units=sd,
        sd_total=bands.METERED if own else bands.of_total(grade),
        zone=np.append(of_unit, -1),
        zones=n,
        keys=keys_of([*units["unit_id"].tolist(), "withheld"]),
        seed=seed,
        with_units=with_units,
    )
    here = found.zones[:-1]
    mean = here.mean(axis=1)
    share = mean / mean.sum() if mean.sum() > 0 else areas / areas.sum()
    return here + share[:, None] * found.zones[-1], found.units[:-1]


def _draw_other(
    row: Any,  # noqa: ANN401 - a named tuple of the balance
    tonnes: FloatArray,
    places: Places,
    pieces: Pieces | None,
    sd: float,
    names: pd.Series,
    seed: int,
) -> FloatArray:
    """Draw a row that is placed on streets, on land or by area: segment by segment, or zone by zone."""
    n, total = len(names), float(tonnes.sum())
    if total == 0:
        return np.zeros((n, DRAWS))
    if sd == 0.0 and pieces is not None and places.traffic is not None:
        counted = places.traffic.counted[pieces.segment]
        sd_units = np.where(counted, bands.COUNTED, bands.DEFAULT_TRAFFIC)
        ids, weights, zone = [places.traffic.ids[i] for i in pieces.segment], pieces.kwh_a, pieces.zone
    else:
        sd_units, ids, weights, zone = np.full(n, sd), names.tolist(), np.abs(tonnes), np.arange(n)
    found = draw(
        weights,
        total=total,
        sd_units=sd_units,
        sd_total=bands.of_total(row.grade),
        zone=zone,
        zones=n,
        keys=keys_of([f"{row.sector} {one}" for one in ids]),
        seed=seed,
        with_units=False,
    )
    return found.zones[:-1]


def _on_streets(traffic: Traffic, pieces: Pieces, tonnes: float, n: int) -> tuple[FloatArray, FloatArray]:
    share = tonnes / pieces.kwh_a.sum()
    on_motorways = pieces.kwh_a * traffic.motorway[pieces.segment]
    return sum_by(pieces.zone, pieces.kwh_a * share, n), sum_by(pieces.zone, on_motorways * share, n)


def _land(landuse: gpd.GeoDataFrame | None, zones: gpd.GeoSeries) -> FloatArray:
    """Area of trade and industry in each zone, m²; areas that overlap count once."""
    if landuse is None or landuse.empty:
        return np.zeros(len(zones))
    trade = landuse[landuse["kind"].isin(TRADE_LAND)].geometry.to_numpy()
    if not len(trade):
        return np.zeros(len(zones))
    whole = shapely.union_all(trade)
    return np.asarray(shapely.area(shapely.intersection(zones.to_numpy(), whole)), dtype=np.float64)


def _points(sites: gpd.GeoDataFrame | None, zones: gpd.GeoSeries, sector: str, total: float) -> FloatArray:
    """Tonnes of known points inside the balance by zone."""
    out = np.zeros(len(zones))
    if sites is None or sites.empty:
        return out
    own = sites[(sites["sector"] == sector) & (sites["in_balance"] == "yes") & sites["t_co2e_a"].notna()]
    if own.empty:
        return out
    known = float(own["t_co2e_a"].sum())
    if known > total * (1 + 1e-9):
        raise InputError(
            Problem(
                f"sites of sector {sector}",
                f"emit {known:,.0f} t, more than the {total:,.0f} t of the balance",
                'Set in_balance = "no" for sites that the balance leaves out (ETS plants).',
            )
        )
    near, _ = zones.sindex.nearest(own.geometry.to_numpy(), return_all=False, return_distance=True)
    np.add.at(out, near[1], own["t_co2e_a"].to_numpy(np.float64)[near[0]])
    return out


def _nothing() -> pd.DataFrame:
    numbers = ("t_placed", "t_spread", "t_motorways")
    texts = ("sector", "carrier", "use", "method")
    return pd.DataFrame(
        {
            "zone": pd.Series(dtype=np.int64),
            **{n: pd.Series(dtype=object) for n in texts},
            **{n: pd.Series(dtype=np.float64) for n in numbers},
        }
    )
