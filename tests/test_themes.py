"""Layers of who lives where, who gains and what surrounds people: each cell once, unknown is missing, sums hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient

from data.figures import Figures
from data.place import Place, load
from layers.build import build
from layers.catalogue import Catalogue
from layers.layer import Layer

DORTMUND = "05913000"


def values(layer: Layer, name: str) -> np.ndarray:
    return layer.column(name)


def test_every_place_has_the_themes_of_the_contract(catalogue: Catalogue) -> None:
    for place in ("ruhr", DORTMUND, "05113000"):
        for theme in ("green", "blue", "heat", "low_income", "priority", "benefits.reference", "priority.climate_plan"):
            assert f"{place}.{theme}" in catalogue, f"{place}.{theme}"
    assert f"{DORTMUND}.access" not in catalogue, "no green is known here: a layer of nothing says nothing"


def test_low_income_stands_on_the_cells_of_the_stock(catalogue: Catalogue) -> None:
    """Same cells in the same order, a fifth of the people, probabilities between 0 and 1."""
    layer, base = catalogue.layer(f"{DORTMUND}.low_income"), catalogue.cells(DORTMUND)
    assert layer.table["unit_id"].to_pylist() == base.table["unit_id"].to_pylist()
    people, share = values(layer, "people"), values(layer, "low_quintile")
    known = np.isfinite(people) & np.isfinite(share)
    assert share[known] @ people[known] / people[known].sum() == pytest.approx(0.2)
    probability = values(layer, "low_income_probability")
    assert np.nanmin(probability) >= 0
    assert np.nanmax(probability) <= 1
    assert np.isnan(values(layer, "low_official")).all(), "the city's own areas are not known: missing, not zero"
    area = np.array(layer.table["area_id"].to_pylist())
    north = (area == f"{DORTMUND}.Innenstadt-Nord") & known
    assert probability[north].mean() > 0.9, "the poorest district"


def test_benefits_are_those_of_the_scenario(catalogue: Catalogue) -> None:
    layer = catalogue.layer(f"{DORTMUND}.benefits.climate_equity")
    other = catalogue.layer(f"{DORTMUND}.cells.climate_equity")
    for name in ("invest_eur", "bill_saving_eur_a", "t_co2e_saved_2045"):
        assert values(layer, name).sum() == pytest.approx(values(other, name).sum(), rel=1e-9)
    people, per_head = values(layer, "people"), values(layer, "bill_saving_eur_a_per_head")
    here = np.isfinite(per_head)
    assert (per_head * people)[here].sum() == pytest.approx(values(layer, "bill_saving_eur_a")[here].sum())
    clusters = set(layer.table["need_benefit_cluster"].to_pylist())
    assert clusters <= {"", "HH", "HL", "LH", "LL"}
    sure = np.array(layer.table["need_benefit_cluster"].to_pylist()) != ""
    assert (values(layer, "cluster_q")[sure] <= 0.1).all()


def test_high_need_and_low_supply_come_first(catalogue: Catalogue) -> None:
    """Only cells of high need and low supply have a priority, the largest gap the first."""
    layer = catalogue.layer(f"{DORTMUND}.priority.reference")
    kind = np.array(layer.table["benefit_type"].to_pylist())
    rank, gap = values(layer, "benefit_priority"), values(layer, "benefit_gap")
    assert (np.isfinite(rank) == (kind == "HL")).all()
    first = np.nanargmin(rank)
    assert gap[first] == np.max(gap[kind == "HL"])
    plain = catalogue.layer(f"{DORTMUND}.priority")
    assert set(plain.table["cool_type"].to_pylist()) <= {"", "HH", "HL", "LH", "LL"}
    assert set(plain.table["green_type"].to_pylist()) == {""}, "no green is known, so nothing is said of it"


def test_heat_is_told_where_nobody_lives_too(catalogue: Catalogue) -> None:
    """The whole city: warmer in the middle than at the edge; day air needs land cover and is missing."""
    layer = catalogue.layer(f"{DORTMUND}.heat")
    assert len(layer) > 2 * len(catalogue.cells(DORTMUND))
    warm = values(layer, "night_anomaly_k")
    assert np.isfinite(warm).all()
    assert 0 <= warm.min() < warm.max() < 6
    assert np.isnan(values(layer, "day_anomaly_k")).all()
    assert 0.1 < values(layer, "exposed").mean() < 0.3
    assert np.nansum(values(layer, "people")) == pytest.approx(np.nansum(values(catalogue.cells(DORTMUND), "people")))


def test_green_and_blue_are_published_totals_where_no_area_is_known(catalogue: Catalogue) -> None:
    """Dortmund: 2,965 ha of forest and 1,097 ha of wood for 586,852 people are 69.2 m² each."""
    layer = catalogue.layer(f"{DORTMUND}.green")
    assert values(layer, "forest_m2_per_head")[0] == pytest.approx((2965 + 1097) * 1e4 / 586852)
    assert "published totals" in layer.title
    region = catalogue.layer("ruhr.blue")
    assert len(region) == 53
    assert values(region, "water_ha").sum() > 254


def test_layers_of_the_region_are_cells_of_all_towns(catalogue: Catalogue) -> None:
    layer = catalogue.layer("ruhr.heat")
    assert len(layer) > 100_000
    assert len(catalogue.layer("ruhr.low_income")) == len(catalogue.layer("ruhr.stock"))


def test_they_are_served_as_items_tiles_and_rasters(client: TestClient) -> None:
    """A GIS gets them like any other collection."""
    for theme in ("low_income", "heat", "priority.reference"):
        url = f"/collections/{DORTMUND}.{theme}"
        page = client.get(f"{url}/items?limit=3").json()
        assert page["numberReturned"] == 3
        assert client.get(f"{url}/tiles/WebMercatorQuad/12/1362/2132").status_code in {200, 204}
        assert client.get(url).json()["sources"]
    answer = client.get(
        f"/collections/{DORTMUND}.heat/map/tiles/WebMercatorQuad/12/1362/2132.png?column=night_anomaly_k"
    )
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    cog = client.get(f"/collections/{DORTMUND}.heat/coverage?f=tif&column=night_anomaly_k")
    assert cog.status_code == 200
    assert cog.content[:2] in {b"II", b"MM"}


def test_a_city_that_brings_green_gets_access(tmp_path: Path, figures: Figures) -> None:
    """Half of a square city is a park: its cells have green in reach, and the layer says how much."""
    import geopandas as gpd
    import shapely

    x, y = 393_000, 5_707_000
    town = shapely.box(x, y, x + 2000, y + 2000)
    for name, shapes in {
        "boundary": [town],
        "green": [shapely.box(x, y, x + 1000, y + 2000)],
    }.items():
        frame = gpd.GeoDataFrame({"kind": ["park"], "public": ["yes"], "name": ["P"]}, geometry=shapes, crs=25832)
        frame.to_file(tmp_path / f"{name}.gpkg")
    houses = [shapely.box(x + 1005 + 40 * i, y + 40 * j, x + 1020 + 40 * i, y + 15 + 40 * j) for i in range(20) for j in range(20)]  # fmt: skip # noqa: E501
    gpd.GeoDataFrame(
        {"building_id": [str(i) for i in range(400)], "use": "residential", "storeys": 3.0}, geometry=houses, crs=25832
    ).to_file(tmp_path / "houses.gpkg")
    cover = np.where(np.arange(200)[None, :] < 100, 1, 2) * np.ones((200, 1), np.int64)
    with rasterio.open(
        tmp_path / "cover.tif",
        "w",
        driver="GTiff",
        width=200,
        height=200,
        count=1,
        dtype="uint8",
        crs="EPSG:25832",
        transform=rasterio.Affine(10, 0, x, 0, -10, y + 2000),
    ) as file:
        file.write(cover.astype(np.uint8), 1)
    (tmp_path / "place.toml").write_text(
        'key = "greentown"\nname = "Greentown"\n[boundary]\nfile = "boundary.gpkg"\n'
        '[[buildings]]\nfile = "houses.gpkg"\n[[green]]\nfile = "green.gpkg"\n'
        '[[rasters]]\nfile = "cover.tif"\nkind = "land_cover"\n'
        'classes = { "1" = "park_with_trees", "2" = "sealed_residential_mix" }\n'
    )
    place: Place = load(tmp_path)
    from data import imports

    home = tmp_path / "home"
    imports.save(imports.read(place), place, tmp_path / "place.toml", home / "imported" / place.key)
    catalogue = Catalogue(build(home, [place], figures))
    layer = catalogue.layer("greentown.access")
    share, area = values(layer, "green_share"), np.array([g.area for g in layer.polygons.to_shapely()])
    assert share.max() == pytest.approx(1)
    assert values(layer, "public_green_share").min() == 0
    assert (values(layer, "access_300_1ha") > 0).any()
    assert np.isnan(values(layer, "r3")).all(), "no trees were brought: missing, not zero"
    assert len(area) == len(share)
    assert catalogue.layer("greentown.green").table["name"].to_pylist() == ["P"]
    warm = values(catalogue.layer("greentown.heat"), "day_anomaly_k")
    assert warm[share > 0.9].mean() < warm[share < 0.1].mean() - 0.3, "the park is cooler than the houses"
    raster = catalogue.raster("greentown.heat", "day_air_c")
    assert raster is not None
    with rasterio.open(raster) as file:
        assert file.crs.to_epsg() == 25832
        assert 26 < np.nanmin(file.read(1)) < np.nanmax(file.read(1)) < 30
    assert catalogue.raster("greentown.access", "day_air_c") is None
