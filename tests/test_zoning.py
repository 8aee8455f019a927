"""A balance on places: conserved on any zoning, whatever the order, with what is placed told from what is spread."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from data.cells import Common, common
from data.emissions import on_stock, potential
from data.factors import factors
from data.figures import Figures
from data.footprints import of_frame
from data.inventory import Inventory, inventory
from data.place import Place
from data.schema import CARRIERS
from data.stock import stock
from data.traffic import cut, traffic
from data.units import Stock
from data.zoning import Places, on_zones
from geo.errors import InputError

UTM = CRS.from_epsg(25832)
WIDTH = 2000.0
X, Y = 300_000.0, 5_628_000.0
PLACE = Place(key="testtown", name="Testtown")
TRADE = ("households", "commerce", "industry", "transport", "municipal")


@pytest.fixture(scope="module")
def shared(figures: Figures) -> Common:
    return common(figures)


def town(figures: Figures, shared: Common, seed: int, n: int = 40) -> Stock:
    """Buildings of all uses in a square of 2 km, outside the census."""
    rng = np.random.default_rng(seed)
    x, y = X + rng.uniform(20, WIDTH - 40, n), Y + rng.uniform(20, WIDTH - 40, n)
    uses = rng.choice(["residential", "office", "industry", "school", "unheated"], n, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    uses[:4] = ["residential", "office", "industry", "school"]
    frame = gpd.GeoDataFrame(
        {
            "building_id": [f"b{i}" for i in range(n)],
            "use": uses,
            "building_type": "",
            "storeys": rng.integers(1, 7, n).astype(float),
            "height_m": np.nan,
            "roof": "",
            "year_built": np.where(rng.random(n) < 0.5, rng.integers(1850, 2020, n), np.nan),
            "dwellings": np.nan,
            "living_area_m2": np.nan,
            "carrier": "",
            "data_grade": "B",
        },
        geometry=shapely.box(x, y, x + 14, y + 11),
        crs=UTM,
    )
    return stock(PLACE, figures, shared, of_frame(frame, None, figures, min_heated_m2=25))


def balance(rng: np.random.Generator) -> Inventory:
    rows: list[dict[str, Any]] = [
        {"sector": "households", "carrier": c, "use": "heat", "kwh_a": e, "t_co2e_a": e * 2e-4}
        for c, e in zip(CARRIERS, rng.uniform(1e4, 1e6, len(CARRIERS)), strict=True)
    ]
    rows.append({"sector": "households", "carrier": "electricity", "use": "power", "kwh_a": 3e5, "t_co2e_a": 150.0})
    rows += [
        {"sector": s, "carrier": "all", "use": "all", "kwh_a": np.nan, "t_co2e_a": float(rng.uniform(10, 900))}
        for s in TRADE[1:]
    ]
    table = pd.DataFrame(rows).assign(method="", grade="B", status="seen", source_id="x")
    return Inventory("testtown", 2020, "own-2020", table, 1.0)


def streets() -> gpd.GeoDataFrame:
    lines = [
        shapely.LineString([(X, Y + 500), (X + WIDTH, Y + 500)]),
        shapely.LineString([(X + 100, Y - 300), (X + 100, Y + WIDTH)]),
    ]
    return gpd.GeoDataFrame(
        {
            "street_id": ["a", "b"],
            "road_class": ["motorway", "residential"],
            "aadt_veh_d": [80_000.0, np.nan],
            "heavy_share": [0.15, np.nan],
        },
        geometry=lines,
        crs=UTM,
    )


def zones(cuts: list[float], *, gap: float = 0.0) -> gpd.GeoDataFrame:
    """Strips of the square between cuts (shares of its width)."""
    edges = sorted({0.0, 1.0, *cuts})
    shapes = [shapely.box(X + a * WIDTH, Y, X + b * WIDTH - gap, Y + WIDTH) for a, b in pairwise(edges)]
    return gpd.GeoDataFrame({"area_id": [f"z{i}" for i in range(len(shapes))]}, geometry=shapes, crs=UTM)


@given(
    cuts=st.lists(st.floats(0.05, 0.95), max_size=5),
    seed=st.integers(0, 5),
    gap=st.sampled_from([0.0, 3.0]),
    roads=st.booleans(),
)
def test_every_sector_and_carrier_is_conserved_on_any_zoning(
    figures: Figures, shared: Common, cuts: list[float], seed: int, gap: float, *, roads: bool
) -> None:
    """A tonne lost in a gap or counted twice on a border would change a published total."""
    inventory_of = balance(np.random.default_rng(seed))
    units = town(figures, shared, seed)
    allocated = on_stock(units, inventory_of, figures, district_heat_share=np.nan)
    spots = Places(units, allocated, traffic(streets(), figures) if roads else None)
    detail = on_zones(inventory_of, spots, zones(cuts, gap=gap), with_units=False).detail
    total = (detail["t_placed"] + detail["t_spread"]).groupby([detail["sector"], detail["carrier"], detail["use"]])
    expected = inventory_of.rows.set_index(["sector", "carrier", "use"])["t_co2e_a"]
    found = total.sum()
    np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-9)
    assert (detail["t_placed"] >= 0).all()
    assert (detail["t_motorways"] <= detail["t_placed"] * (1 + 1e-12)).all()


def test_order_of_buildings_and_districts_does_not_matter(figures: Figures, shared: Common) -> None:
    inventory_of, units, strips = balance(np.random.default_rng(1)), town(figures, shared, 3), zones([0.2, 0.5, 0.8])
    order = np.random.default_rng(8).permutation(len(units))
    turned = Stock(
        units.units.iloc[order].reset_index(drop=True),
        units.shapes.take(order),
        units.segments.taken(order),
        units.withheld,
    )
    one, other = (
        on_zones(inventory_of, Places(u, on_stock(u, inventory_of, figures, district_heat_share=np.nan)), z)
        for u, z in ((units, strips), (turned, strips.iloc[::-1].reset_index(drop=True)))
    )
    n = len(strips)
    by_zone = one.detail.pivot_table(index="zone", columns=["sector", "carrier", "use"], values="t_placed")
    turned_by_zone = other.detail.assign(zone=n - 1 - other.detail["zone"]).pivot_table(
        index="zone", columns=["sector", "carrier", "use"], values="t_placed"
    )
    np.testing.assert_allclose(by_zone, turned_by_zone, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.bands, other.bands[::-1], rtol=1e-9)
    np.testing.assert_allclose(one.unit_bands[order], other.unit_bands, rtol=1e-9)


def test_what_is_placed_by_what(figures: Figures, shared: Common) -> None:
    """Households on homes, trade on offices, industry on works, the city on schools, transport on streets."""
    inventory_of, units = balance(np.random.default_rng(1)), town(figures, shared, 1)
    allocated = on_stock(units, inventory_of, figures, district_heat_share=np.nan)
    use = units.units["use"].to_numpy()
    for sector, home in (("households", "residential"), ("commerce", "office"), ("industry", "industry"),
                         ("municipal", "school")):  # fmt: skip
        tonnes = allocated.tonnes[:-1, allocated.of_sector(sector)].sum(axis=1)
        assert set(use[tonnes > 0]) == {home}, sector
    found = on_zones(inventory_of, Places(units, allocated, traffic(streets(), figures)), zones([0.5]))
    on_roads = found.detail[found.detail["sector"] == "transport"]
    assert on_roads["t_spread"].sum() == 0
    # 80,000 vehicles on the motorway against 800: nearly all of it, half in each strip
    assert on_roads["t_motorways"].sum() / on_roads["t_placed"].sum() > 0.98
    assert on_roads["t_motorways"].tolist() == pytest.approx([on_roads["t_motorways"].sum() / 2] * 2)


def test_carriers_and_ages_are_joint_and_a_stated_carrier_is_kept(figures: Figures, shared: Common) -> None:
    """Would break if age and carrier were independent: coal must sit in old buildings, heat pumps in new ones."""
    units = town(figures, shared, 2, n=80)
    stated = units.units.assign(carrier=np.where(np.arange(len(units)) == 0, "wood", ""))
    units = replace(units, units=stated)
    allocated = on_stock(units, balance(np.random.default_rng(0)), figures, district_heat_share=np.nan)
    acts = potential(allocated).iloc[:-1]
    old = units.area_by_age[:, :2].sum(axis=1) / np.maximum(units.area_by_age.sum(axis=1), 1e-9)
    heat = units.heat_by_age.sum(axis=1)
    homes = (heat > 0) & (np.arange(len(units)) > 0)
    coal = acts["heat_kwh_a_hard_coal"].to_numpy()[homes] / heat[homes]
    pumps = acts["heat_kwh_a_ambient_heat"].to_numpy()[homes] / heat[homes]
    assert np.corrcoef(coal, old[homes])[0, 1] > 0.5
    assert np.corrcoef(pumps, old[homes])[0, 1] < -0.2
    carriers = acts[[f"heat_kwh_a_{c}" for c in CARRIERS]].iloc[0]
    assert carriers.idxmax() == "heat_kwh_a_wood"
    assert carriers["heat_kwh_a_wood"] / carriers.sum() > 0.99


def test_known_points_come_first_and_cannot_exceed_their_sector(figures: Figures, shared: Common) -> None:
    inventory_of, units = balance(np.random.default_rng(1)), town(figures, shared, 1)
    allocated = on_stock(units, inventory_of, figures, district_heat_share=np.nan)
    industry = inventory_of.total("economy")

    def sites(tonnes: float, inside: str) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(
            {"site": ["works"], "sector": ["industry"], "t_co2e_a": [tonnes], "in_balance": [inside]},
            geometry=[shapely.Point(X + 0.9 * WIDTH, Y + 10)],
            crs=UTM,
        )

    total = float(inventory_of.rows.loc[inventory_of.rows["sector"] == "industry", "t_co2e_a"].sum())
    found = on_zones(inventory_of, Places(units, allocated, sites=sites(total * 0.9, "yes")), zones([0.8])).detail
    rows = found[found["sector"] == "industry"]
    assert rows["t_placed"].iloc[1] >= total * 0.9
    assert rows["t_placed"].sum() + rows["t_spread"].sum() == pytest.approx(total, rel=1e-12)
    assert rows["method"].str.startswith("known points").all()
    with pytest.raises(InputError, match="more than the"):
        on_zones(inventory_of, Places(units, allocated, sites=sites(industry * 9, "yes")), zones([0.8]))
    # ETS plants stand beside the balance and change nothing in it
    beside = on_zones(inventory_of, Places(units, allocated, sites=sites(industry * 9, "no")), zones([0.8])).detail
    assert not beside["method"].str.startswith("known points").any()


def test_streets_are_cut_at_borders_and_counted_once(figures: Figures) -> None:
    roads = traffic(streets(), figures)
    assert roads is not None
    pieces = cut(roads, zones([0.25]).geometry.to_numpy())
    on_motorway = pieces.kwh_a[roads.motorway[pieces.segment]]
    assert on_motorway.sum() == pytest.approx(roads.kwh_per_m[0] * WIDTH)
    assert sorted(on_motorway / on_motorway.sum()) == pytest.approx([0.25, 0.75])
    assert pieces.kwh_a[pieces.segment == 1].sum() == pytest.approx(roads.kwh_per_m[1] * WIDTH), "cut at the edge"
    # 365 days x 80,000 vehicles x (85 % x 0.744 + 15 % x 2.91) kWh/km
    assert roads.kwh_per_m[0] == pytest.approx(365 * 80_000 * (0.85 * 0.744 + 0.15 * 2.91) / 1000)
    doubled = cut(roads, np.array([shapely.box(X, Y, X + WIDTH, Y + WIDTH)] * 2))
    assert doubled.kwh_a.sum() == pytest.approx(pieces.kwh_a.sum()), "overlapping zones must not double a street"


def test_a_place_without_a_balance_or_with_its_own(figures: Figures, shared: Common) -> None:
    ef, units = factors(figures["emission_factors"]), town(figures, shared, 1)
    modelled = inventory(PLACE, figures, ef, units)
    assert modelled.edition == "modelled"
    assert set(modelled.rows["sector"]) == {"households"}
    assert modelled.missing == ["economy", "transport", "municipal"]
    useful = modelled.rows[modelled.rows["use"] == "heat"].merge(figures["heating_systems"], on="carrier")
    assert (useful["kwh_a"] * useful["eta"]).sum() == pytest.approx(units.heat_by_age.sum(), rel=1e-12)
    abroad = PLACE.model_copy(update={"country": "FI"})
    assert inventory(abroad, figures, ef, units).rows.empty, "German carriers say nothing about Finland"
    own = pd.DataFrame(
        {
            "sector": ["households", "transport", "industry"],
            "carrier": ["natural_gas", "all", "all"],
            "use": ["heat", "all", "all"],
            "year": [2020, 2020, 2020],
            "kwh_a": [1e6, np.nan, np.nan],
            "t_co2e_a": [np.nan, 500.0, np.nan],
        }
    )
    brought = inventory(PLACE, figures, ef, units, own)
    assert brought.total("households") == pytest.approx(1e6 * ef.g_kwh("natural_gas", [2020])[0] / 1e6)
    assert brought.total("transport") == 500
    assert brought.missing == ["economy", "municipal"], "an empty cell is missing, not zero"
    with pytest.raises(InputError, match="mixes the years"):
        inventory(PLACE, figures, ef, units, own.assign(year=[2019, 2020, 2020]))
