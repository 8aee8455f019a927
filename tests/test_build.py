"""Releases: everything adds up, a build is all or nothing, and what is served is what was built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from data import osm
from data.figures import Figures
from data.place import places
from data.schema import CARRIERS, SECTORS
from layers import build as building
from layers import municipality
from layers.build import build, up_to_date
from layers.catalogue import Catalogue
from layers.errors import ReleaseError
from layers.release import current, pointer

REL = 1e-9


def table(home: Path, ags: str, name: str) -> pd.DataFrame:
    return pd.read_parquet(current(home, verify=False).file(ags, name))


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """Copy of the region's release that a test may damage."""
    return Path(shutil.copytree(home, tmp_path / "home"))


def test_everything_adds_up_for_all_53_by_sector_and_carrier(home: Path, figures: Figures) -> None:
    """Stock + remainder = districts = inventory. A carrier lost on the way would change published totals."""
    for ags in figures["municipalities"]["ags"]:
        key = ["sector", "carrier", "use"]
        balance = table(home, ags, building.INVENTORY).set_index(key)["t_co2e_a"].sort_index()
        rows = table(home, ags, building.ALLOCATION)
        on_districts = rows.assign(t=rows["t_placed"] + rows["t_spread"]).groupby(key)["t"].sum().sort_index()
        np.testing.assert_allclose(on_districts, balance.loc[on_districts.index], rtol=REL)
        assert list(on_districts.index) == list(balance.index)
        assert set(balance.index.get_level_values("sector")) == set(SECTORS)

        stock = table(home, ags, building.STOCK)
        placed = rows[rows["sector"] == "households"]["t_placed"].sum()
        assert stock["t_co2e_households"].sum() == pytest.approx(placed, rel=REL)
        withheld = current(home, verify=False).places[ags]["withheld"]["t_co2e"]
        households = balance.loc["households"].sum()
        assert stock["t_co2e_households"].sum() + withheld == pytest.approx(households, rel=REL)
        assert (stock["t_co2e_heat"] + stock["t_co2e_power"]).to_numpy() == pytest.approx(
            stock["t_co2e_households"].to_numpy(), rel=REL
        )


def test_energy_on_units_and_remainder_sums_to_the_balance(home: Path, figures: Figures) -> None:
    for ags in figures["municipalities"]["ags"]:
        potential = table(home, ags, building.POTENTIAL)
        rows = table(home, ags, building.INVENTORY)
        for row in rows[rows["sector"] == "households"].itertuples():
            name = "power_kwh_a" if row.use == "power" else f"heat_kwh_a_{row.carrier}"
            assert potential[name].sum() == pytest.approx(row.kwh_a, rel=REL)
        eta = figures["heating_systems"].set_index("carrier")["eta"]
        useful = sum(potential[f"heat_kwh_a_{c}"] * eta[c] for c in CARRIERS)
        segments = table(home, ags, building.SEGMENTS)
        kinds = pd.DataFrame(current(home, verify=False).manifest["archetypes"])
        factor = current(home, verify=False).places[ags]["calibration"]["factor"]
        own = segments["living_m2"] * kinds["useful_kwh_m2a"].to_numpy()[segments["archetype"]] * factor
        # each unit keeps its own useful heat, whatever burns there
        by_unit = np.bincount(segments["unit"], own, minlength=len(potential))
        np.testing.assert_allclose(useful, by_unit, rtol=1e-8, atol=1e-6)
        assert (kinds["saving_ambitious_kwh_m2a"] <= kinds["useful_kwh_m2a"]).all()


def test_the_regional_sum_is_the_sum_of_the_53(catalogue: Catalogue) -> None:
    region = catalogue.layer("ruhr.municipalities")
    assert len(region) == 53
    assert region.column("population").sum() == 5_094_817
    members = catalogue.release.places["ruhr"]["members"]
    one_by_one = sum(catalogue.release.places[m]["inventory"]["t_co2e"] for m in members)
    assert region.column("t_co2e").sum() == pytest.approx(one_by_one, rel=REL)
    coarse = [f"{m}.cells" if f"{m}.cells" in catalogue else f"{m}.stock" for m in members]
    assert len(catalogue.layer("ruhr.stock")) == sum(len(catalogue.layer(name)) for name in coarse)


def test_published_counts_are_kept(home: Path, figures: Figures) -> None:
    """Buildings on cells + withheld = the municipality's buildings; people likewise."""
    for ags, entry in current(home, verify=False).places.items():
        if entry["kind"] != "municipality":
            continue
        stock, town = table(home, ags, building.STOCK), figures.town(ags)
        for name in ("n_buildings", "dwellings"):
            whole = stock[name].sum() + entry["withheld"][name]
            # where the census counts more than the carried-forward table, nothing is withheld
            assert whole == pytest.approx(max(float(town[name]), stock[name].sum()), rel=REL)
        assert (stock["n_buildings"].sum() + entry["withheld"]["n_buildings"]) % 1 == pytest.approx(0, abs=1e-6)
        people = stock["people"].sum()
        assert people + entry["withheld"]["people"] == pytest.approx(float(town["population"]), rel=REL)
        # in the countryside whole square kilometres hold no cell that is published
        assert people > 0.7 * float(town["population"])


def test_districts_hold_all_units_and_are_called_approximate(catalogue: Catalogue) -> None:
    layer = catalogue.layer("05913000.districts")
    stock = catalogue.layer("05913000.stock")
    for name in ("n_buildings", "people", "living_area_m2"):
        assert layer.column(name).sum() == pytest.approx(np.nansum(stock.column(name)), rel=REL)
    assert set(layer.table["geometry_status"].to_pylist()) == {"approximate"}
    assert all("(approximate)" in name for name in layer.table["name"].to_pylist())
    assert "approximate" in layer.title


def test_low_income_share_is_a_fifth_of_the_people(catalogue: Catalogue) -> None:
    districts = catalogue.layer("05913000.districts")
    people = districts.column("people")
    assert people @ districts.column("low_income_share") == pytest.approx(people.sum() / 5, rel=REL)


def test_geometry_on_disk_is_read_by_geopandas_in_the_right_place(home: Path) -> None:
    """GeoArrow written from columns must open in any reader, inside Dortmund's boundary."""
    release = current(home)
    buildings = gpd.read_parquet(release.file("05913000", building.STOCK))
    assert buildings.is_valid.all()
    assert (buildings.area < 10_000).all()
    cells = gpd.read_parquet(release.file("05913000", building.CELLS))
    town = gpd.read_parquet(release.file("05913000", building.MUNICIPALITY))
    assert cells.crs == town.crs == "EPSG:25832"
    assert cells.is_valid.all()
    assert cells.within(town.buffer(300).union_all()).all()
    assert cells.area.max() == pytest.approx(40_000, rel=1e-3)


def test_building_again_gives_the_same_release(tmp_path: Path, figures: Figures) -> None:
    """The id is a hash of the content: another id would send every client to fetch everything again."""
    place = places(figures)["05913000"]
    first, second = (build(tmp_path / name, [place], figures) for name in "ab")
    assert first.id == second.id
    assert "ruhr" not in first.places, "a region with missing members would have short totals"
    assert up_to_date(tmp_path / "a", [place], figures) is not None
    assert up_to_date(tmp_path / "a", [places(figures)["ruhr"]], figures) is None


def test_one_place_is_rebuilt_and_the_others_are_carried_over(own_home: Path, figures: Figures) -> None:
    before = current(own_home)
    after = build(own_home, [places(figures)["05913000"]], figures)
    assert after.id == before.id
    assert set(after.places) == set(before.places)


def test_an_interrupted_build_leaves_the_last_release_served(
    own_home: Path, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(own_home).id
    calls = 0

    def interrupt(*_args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(own_home, [places(figures)["ruhr"]], figures, progress=interrupt)
    assert current(own_home).id == before
    assert [p.name for p in (own_home / "releases").iterdir() if p.name.startswith(".")] == []
    monkeypatch.setattr(municipality, "compute", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        build(own_home, [places(figures)["05913000"]], figures)
    assert current(own_home).id == before


def test_a_damaged_release_is_refused_with_every_file_named(own_home: Path) -> None:
    release = current(own_home)
    stock = release.file("05913000", building.STOCK)
    stock.write_bytes(stock.read_bytes()[:-100])
    release.file("05113000", building.INVENTORY).unlink()
    with pytest.raises(ReleaseError) as caught:
        current(own_home)
    assert {p.where for p in caught.value.problems} == {
        "places/05913000/stock.parquet",
        "places/05113000/inventory.parquet",
    }


def test_no_release_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="Run `revier build` first"):
        current(tmp_path)
    pointer(tmp_path).write_text("gone")
    with pytest.raises(ReleaseError, match="Run `revier build` first"):
        current(tmp_path)


def test_the_manifest_says_where_everything_comes_from(home: Path, figures: Figures) -> None:
    manifest = json.loads((current(home).folder / "manifest.json").read_text())
    assert manifest["inputs"] == dict(sorted(figures.hashes.items()))
    assert manifest["method_version"].startswith("2026.")
    assert manifest["factors"]["status"] == "recalled"
    assert {"source_id", "licence", "attribution", "publisher"} <= set(manifest["sources"][0])


def test_fetched_green_and_blue_become_layers(tmp_path: Path, figures: Figures) -> None:
    """What `revier fetch` brought is published by the next build, with its date; without it there is no empty layer."""
    square = figures.boundaries[figures.boundaries["ags"] == "05913000"].geometry.iloc[0].centroid.buffer(200)
    green = gpd.GeoDataFrame(
        {"osm_id": ["way/1"], "kind": ["park"], "name": ["Park"], "public": [True], "area_m2": [square.area]},
        geometry=[square],
        crs="EPSG:25832",
    )
    query = {"osm_base": "2026-11-01T00:00:00Z", "fetched_at": "2026-11-02T00:00:00+00:00"}
    place = places(figures)["05913000"]
    build(tmp_path, [place], figures)
    osm.write_fetched(osm.Fetched(green, green.iloc[:0], query, []), tmp_path / "fetched" / "05913000")
    assert up_to_date(tmp_path, [place], figures) is None
    catalogue = Catalogue(build(tmp_path, [place], figures))
    assert "05913000.green" in catalogue
    assert catalogue.layer("05913000.blue").title.endswith("(published totals)"), "no single water is known"
    layer = catalogue.layer("05913000.green")
    assert layer.table["name"].to_pylist() == ["Park"]
    assert "2026-11-01" in layer.description
    assert up_to_date(tmp_path, [place], figures) is not None
