"""Places by configuration: a file and its data make a city, and every fault of both is named in one run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import cli
from api.settings import Settings
from data import imports
from data.errors import PlaceError
from data.figures import Figures
from data.place import BuildingsFile, load, places
from layers import build as building
from layers.build import build, districts_file
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.release import current
from tests.overpass import campus_path

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "places"
run = CliRunner()


def built(example: str, data: Path, home: Path) -> Catalogue:
    result = run.invoke(cli, ["build", str(EXAMPLES / f"{example}.toml"), "--data", str(data), "--home", str(home)])
    assert result.exit_code == 0, result.output
    return Catalogue(current(home))


def table(home: Path, key: str, name: str) -> pd.DataFrame:
    return pd.read_parquet(current(home, verify=False).file(key, name))


# --- the four places of the demonstration -----------------------------------------------------------------------------


def test_turku_is_built_from_districts_alone_in_its_own_crs(shared_data: Path, tmp_path: Path) -> None:
    """Another country, EPSG:3067, no figures: what is missing is listed, and stays missing instead of becoming zero."""
    catalogue = built("turku", shared_data / "peer-turku", tmp_path)
    assert catalogue.ids() == ["FI-853.districts"]
    layer = catalogue.layer("FI-853.districts")
    assert len(layer) == 87
    assert layer.polygons.crs.to_epsg() == 3067
    assert layer.column("area_km2").sum() == pytest.approx(306, abs=1)
    assert layer.extent is not None
    west, south, east, north = layer.extent
    assert 21 < west < east < 24
    assert 60 < south < north < 61
    for name in ("t_co2e", "t_co2e_households", "people", "n_buildings", "t_co2e_p95"):
        assert np.isnan(layer.column(name)).all(), name
    missing = {m["what"] for m in catalogue.release.places["FI-853"]["missing"]}
    assert missing == {"buildings", "inventory", "indicators of districts (social_index)"}
    assert layer.source_ids == ("FI-853-1",), "a Finnish city must not cite the German census"
    assert "census" not in layer.description
    assert "Not brought: buildings" in layer.description
    assert any(s["source_id"] == "FI-853-1" for s in catalogue.release.manifest["sources"])
    with pytest.raises(UnknownCollectionError, match="no buildings with modelled heat"):
        catalogue.planning("FI-853")
    client = TestClient(create_app(Settings(home=tmp_path)))
    for page in ("/", "/collections", "/collections/FI-853.districts", "/places", "/sources", "/map"):
        answer = client.get(page, headers={"Accept": "text/html"})
        assert answer.status_code == 200, page
    assert "Lounaispaikka" in client.get("/sources?f=html").text
    assert "unknown" in client.get("/places?f=html").text, "a balance that nobody brought is not 0 t"
    assert client.post("/places/FI-853/impact").status_code == 404


def test_turku_with_a_balance_is_conserved(shared_data: Path, tmp_path: Path, figures: Figures) -> None:
    """Tonnes that nobody can place are spread by area and say so; they still sum to the balance."""
    shutil.copy(shared_data / "peer-turku" / "turku_districts.gpkg", tmp_path)
    text = (EXAMPLES / "turku.toml").read_text() + '\n[inventory]\nfile = "balance.csv"\n'
    (tmp_path / "place.toml").write_text(text)
    rows = "sector,carrier,use,year,kwh_a,t_co2e_a\nhouseholds,all,all,2022,,100000\ntransport,all,all,2022,,250000\n"
    (tmp_path / "balance.csv").write_text(rows)
    place = load(tmp_path)
    imports.save(imports.read(place), place, tmp_path / "place.toml", tmp_path / "home" / "imported" / place.key)
    build(tmp_path / "home", [place], figures)
    districts = table(tmp_path / "home", "FI-853", building.DISTRICTS)
    assert districts["t_co2e"].sum() == pytest.approx(350_000, rel=1e-9)
    assert districts["t_co2e_spread"].sum() == pytest.approx(350_000, rel=1e-9)
    assert districts["t_co2e_economy"].isna().all()
    assert (districts["t_co2e_p05"] < districts["t_co2e"]).all()
    assert (districts["t_co2e_p95"] > districts["t_co2e"]).all()
    entry = current(tmp_path / "home").places["FI-853"]
    assert {m["what"] for m in entry["missing"]} >= {"inventory, economy", "inventory, municipal", "streets"}


def test_essen_with_official_buildings_and_cells_for_the_rest(
    shared_data: Path, tmp_path: Path, figures: Figures
) -> None:
    """Each of the 117 buildings takes the place of one in its cell: no building and no person is counted twice."""
    catalogue = built("essen-lod2", shared_data / "essen", tmp_path)
    stock = table(tmp_path, "05113000", building.STOCK)
    official = stock[stock["data_grade"] == "A"]
    assert len(official) == 117
    assert set(official["use"]) == {"residential"}
    assert official["storeys"].between(2, 5).all()
    town, entry = figures.town("05113000"), catalogue.release.places["05113000"]
    whole = stock["n_buildings"].sum() + entry["withheld"]["n_buildings"]
    assert whole == pytest.approx(float(town["n_buildings"]), abs=1)
    people = stock["people"].sum() + entry["withheld"]["people"]
    assert people == pytest.approx(float(town["population"]), rel=1e-9)
    balance = table(tmp_path, "05113000", building.INVENTORY)
    districts = table(tmp_path, "05113000", building.DISTRICTS)
    assert len(districts) == 9
    assert districts["t_co2e"].sum() == pytest.approx(balance["t_co2e_a"].sum(), rel=1e-9)
    assert districts["social_index"].notna().all()
    # a post-war estate: heat per m² as such buildings need, and its year decides the class
    assert 90 < official["heat_kwh_a"].sum() / official["living_area_m2"].sum() < 260
    assert (official["share_until_1918"] == 0).all()
    cells = catalogue.layer("05113000.cells")
    assert cells.column("n_buildings").sum() == pytest.approx(stock["n_buildings"].sum(), rel=1e-9)
    assert entry["report"]["counted"]["essen_lod2_citygml.gml"] == {"in": 117, "out": 117}
    fine = catalogue.planning("05113000")
    coarse = catalogue.planning("05113000", coarse=True)
    assert coarse.living_m2.sum() == pytest.approx(fine.living_m2.sum(), rel=1e-9)


def test_aachen_melaten_from_one_openstreetmap_file(tmp_path: Path) -> None:
    """A campus: 125 buildings in, 125 units out, heat of offices and schools beside that of homes."""
    catalogue = built("aachen-melaten", campus_path().parent, tmp_path)
    ids = set(catalogue.ids())
    assert {f"aachen-melaten.{t}" for t in ("stock", "cells", "green", "blue", "stock.climate_plan")} <= ids
    stock = table(tmp_path, "aachen-melaten", building.STOCK)
    assert len(stock) == 125
    assert set(stock["data_grade"]) == {"B"}
    homes = stock["use"] == "residential"
    assert (stock.loc[homes, "heat_kwh_a"] > 0).all()
    assert (stock.loc[~homes, "n_buildings"] == 0).all()
    assert stock.loc[~homes, "floor_area_m2"].sum() > 50_000
    rows = table(tmp_path, "aachen-melaten", building.INVENTORY)
    assert set(rows["sector"]) == {"households"}
    assert set(rows["grade"]) == {"D"}
    assert stock["t_co2e_households"].sum() == pytest.approx(rows["t_co2e_a"].sum(), rel=1e-9)
    counted = catalogue.release.places["aachen-melaten"]["report"]["counted"]
    assert counted["campus_melaten.osm, buildings"] == {"in": 125, "out": 125}
    assert "osm" in catalogue.layer("aachen-melaten.green").source_ids
    layer = catalogue.layer("aachen-melaten.stock")
    assert "zensus2011" not in layer.source_ids
    assert "tabula" in layer.source_ids


def test_dortmund_on_modelled_footprints_keeps_the_counts_of_its_cells(home: Path, figures: Figures) -> None:
    """Grade D: drawn, marked as such in every layer, and cell by cell exactly as many as the census counts."""
    stock = gpd.read_parquet(current(home).file("05913000", building.STOCK))
    assert set(stock["data_grade"]) == {"D"}
    cells = table(home, "05913000", building.CELLS).set_index("unit_id")
    assert cells["n_buildings"].sum() == len(stock)
    counted = figures.cells[figures.cells["ags"] == "05913000"]
    names = [f"CRS3035RES200mN{y}E{x}" for x, y in zip(counted["x_m"], counted["y_m"], strict=True)]
    expected = pd.Series(counted["n_buildings"].to_numpy(), index=names)
    assert cells["n_buildings"].to_dict() == expected.groupby(level=0).sum().to_dict()
    tree = shapely.STRtree(stock.geometry.to_numpy())
    one, other = tree.query(stock.geometry.to_numpy(), predicate="overlaps")
    assert len(one) == len(other) == 0, "drawn footprints must not overlap"
    catalogue = Catalogue(current(home))
    for name in ("stock", "cells", "stock.climate_plan"):
        layer = catalogue.layer(f"05913000.{name}")
        assert "MODELLED" in layer.title + layer.description or "modelled" in layer.description
    assert "NOT real" in catalogue.layer("05913000.stock").description
    assert set(catalogue.layer("05913000.stock").table["data_grade"].to_pylist()) == {"D"}


def test_buildings_and_cells_tell_the_same_impact(home: Path) -> None:
    """The region sums cells, the city its buildings: the same programme must not save other tonnes."""
    catalogue = Catalogue(current(home))
    fine, coarse = (catalogue.layer(f"05913000.{t}.reference") for t in ("stock", "cells"))
    for name in ("t_co2e_saved_2045", "invest_eur", "treated_m2", "t_co2e_2030"):
        assert coarse.column(name).sum() == pytest.approx(fine.column(name).sum(), rel=1e-6), name


def test_another_seed_draws_other_buildings_and_the_same_seed_the_same(figures: Figures, tmp_path: Path) -> None:
    place = places(figures)["05954012"]
    stocks = []
    for number, seed in enumerate((1, 1, 2)):
        seeded = place.model_copy(update={"buildings": (BuildingsFile(format="modelled", seed=seed),)})
        build(tmp_path / str(number), [seeded], figures)
        stocks.append(gpd.read_parquet(current(tmp_path / str(number)).file("05954012", building.STOCK)))
    assert stocks[0].geometry.geom_equals(stocks[1].geometry).all()
    assert not stocks[0].geometry.geom_equals(stocks[2].geometry).any()
    assert stocks[0]["n_buildings"].sum() == stocks[2]["n_buildings"].sum()


def test_a_second_level_of_districts_is_a_layer_of_its_own(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "duisburg" / "duisburg_districts.gpkg", tmp_path)
    (tmp_path / "place.toml").write_text(
        'key = "05112000"\nname = "Duisburg"\n'
        + "".join(
            f'[[districts]]\nlevel = "{level}"\nfile = "duisburg_districts.gpkg"\nlayer = "{layer}"\n'
            'columns = { district = "name", name = "name" }\n'
            for level, layer in (("Stadtbezirk", "stadtbezirke"), ("Ortsteil", "ortsteile_partial"))
        )
    )
    result = run.invoke(cli, ["build", str(tmp_path), "--home", str(tmp_path / "home")])
    assert result.exit_code == 0, result.output
    catalogue = Catalogue(current(tmp_path / "home"))
    assert {"05112000.districts", "05112000.districts-ortsteil"} <= set(catalogue.ids())
    total = table(tmp_path / "home", "05112000", building.INVENTORY)["t_co2e_a"].sum()
    for level in (0, 1):
        districts = table(tmp_path / "home", "05112000", districts_file(level))
        # 19 of 46 Ortsteile are not in the file: what lies there counts for the nearest, no tonne is lost
        assert districts["t_co2e"].sum() == pytest.approx(total, rel=1e-9)
    assert "gaps between districts" in result.output


def test_a_town_elsewhere_brings_vg250_and_its_own_census_of_2022(tmp_path: Path) -> None:
    """Outside the Ruhr: outline from BKG's file, cells from Destatis', people and buildings as counted there."""
    outline = shapely.box(4_084_000, 3_130_000, 4_084_400, 3_130_400)
    frame = gpd.GeoDataFrame(
        {"AGS": ["09162000"] * 2, "GEN": ["Testmünchen"] * 2, "GF": [4, 2]},
        geometry=[outline, shapely.transform(outline, lambda xy: xy + np.array([9_000, 0]))],
        crs=3035,
    )
    frame.to_crs(25832).to_file(tmp_path / "vg250.gpkg", layer="vg250_gem")
    themes: dict[str, tuple[str, list[str]]] = {
        "Bevoelkerungszahl": ("Einwohner", ["40", "9", "70", "–"]),
        "Geb_Gebaeudetyp_Groesse": (
            "Insgesamt_Gebaeude;FreiEFH;EFH_DHH;EFH_Reihenhaus;Freist_ZFH;ZFH_DHH;ZFH_Reihenhaus;"  # noqa: ISC004
            "MFH_3bis6Wohnungen;MFH_7bis12Wohnungen;MFH_13undmehrWohnungen;AndererGebaeudetyp",
            ["10;6;4;–;–;–;–;–;–;–;–", "3;3;–;–;–;–;–;–;–;–;–", "5;–;–;–;–;–;–;5;–;–;–", "4;4;–;–;–;–;–;–;–;–;–"],
        ),
    }
    places_of = [(3_130_000, 4_084_000), (3_130_100, 4_084_100), (3_130_300, 4_084_300), (3_130_500, 4_084_100)]
    names = []
    for theme, (header, rows) in themes.items():
        names.append(f"Zensus2022_{theme}_100m-Gitter.csv")
        lines = [f"GITTER_ID_100m;x_mp_100m;y_mp_100m;{header}"]
        lines += [
            f"CRS3035RES100mN{n}E{e};{e + 50};{n + 50};{row}" for (n, e), row in zip(places_of, rows, strict=True)
        ]
        (tmp_path / names[-1]).write_text("\r\n".join(lines) + "\r\n")
    (tmp_path / "place.toml").write_text(
        'key = "09162000"\nname = "Testmünchen"\n[boundary]\nfile = "vg250.gpkg"\nformat = "vg250"\n'
        f'[census]\nedition = "2022"\nfiles = {json.dumps(names)}\n[[buildings]]\nformat = "modelled"\n'
    )
    result = run.invoke(cli, ["build", str(tmp_path), "--home", str(tmp_path / "home")], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    cells = table(tmp_path / "home", "09162000", building.CELLS)
    assert sorted(cells["n_buildings"]) == [5, 13], "the fourth cell lies outside the town"
    assert sorted(cells["people"]) == pytest.approx([49, 70])
    stock = table(tmp_path / "home", "09162000", building.STOCK)
    assert stock["building_type"].value_counts().to_dict() == {"EFH": 9, "MFH": 5, "RH": 4}
    balance = table(tmp_path / "home", "09162000", building.INVENTORY)
    assert stock["t_co2e_households"].sum() == pytest.approx(balance["t_co2e_a"].sum(), rel=1e-9)
    again = run.invoke(cli, ["build", "09162000", "--home", str(tmp_path / "home"), "--json"])
    assert json.loads(again.stdout.strip().splitlines()[-1])["built"] is False


# --- bad input --------------------------------------------------------------------------------------------------------


def square(x: float, y: float, side: float = 20) -> shapely.Polygon:
    return shapely.box(390_000 + x, 5_708_000 + y, 390_000 + x + side, 5_708_000 + y + side)


def planted(folder: Path) -> None:
    """Write a place with ten faults."""
    (folder / "place.toml").write_text(
        'key = "faulty"\nname = "Faulty"\n'
        "[targets]\nnet_zero_yaer = 2035\n"  # 1: misspelt
        '[[districts]]\nlevel = "Bezirk"\nfile = "districts.gpkg"\n'
        '[[buildings]]\nfile = "buildings.gpkg"\n'
        '[[buildings]]\nfile = "cut.gml"\n'
        '[[streets]]\nfile = "streets.gpkg"\n'  # 2: not there
        '[[landuse]]\nfile = "landuse.gpkg"\n'
        '[[sites]]\nfile = "sites.geojson"\n'
        '[inventory]\nfile = "balance.csv"\n'
    )
    districts = [square(0, 0, 1000), square(950, 0, 1050), square(0, 1000, 2000)]  # 3: overlap
    gpd.GeoDataFrame({"district": ["a", "b", "c"], "name": ["A", "B", "C"]}, geometry=districts, crs=25832).to_file(
        folder / "districts.gpkg"
    )
    bow = shapely.Polygon(shapely.get_coordinates(square(200, 0))[[0, 2, 1, 3]])
    gpd.GeoDataFrame(
        {
            "building_id": ["b1", "b2", "b3", "b3"],  # 4: repeated id
            "use": ["residential"] * 4,
            "storeys": [2, -1, 3, 3],  # 5: impossible
        },
        geometry=[square(0, 0), square(50, 0), bow, square(300, 0)],  # 6: crosses itself
        crs=25832,
    ).to_file(folder / "buildings.gpkg")
    (folder / "cut.gml").write_text(
        '<?xml version="1.0"?><CityModel xmlns="http://www.opengis.net/citygml/1.0"><city'
    )  # 7
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        gpd.GeoDataFrame({"kind": ["industrial"]}, geometry=[square(100, 100)]).to_file(
            folder / "landuse.gpkg"
        )  # 8: no CRS
    inside = gpd.GeoSeries([shapely.Point(390_300, 5_708_300), shapely.Point(390_500, 5_709_000)], crs=25832)
    turned = [shapely.Point(p.y, p.x) for p in inside.to_crs(4326)]  # 9: axes swapped
    gpd.GeoDataFrame(
        {"site": ["s", "t"], "sector": ["industry"] * 2, "t_co2e_a": [1.0, 2], "in_balance": ["yes"] * 2},
        geometry=turned,
        crs=4326,
    ).to_file(folder / "sites.geojson")
    (folder / "balance.csv").write_text(
        "sector,carrier,use,year,kwh_a,t_co2e_a\nhouseholds,all,all,2020,,1000\ntransprot,all,all,2020,,20\n"  # 10
    )


def test_the_doctor_names_ten_planted_faults_in_one_run(tmp_path: Path) -> None:
    planted(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    result = run.invoke(cli, ["doctor", str(tmp_path)], env={"COLUMNS": "400"})
    assert result.exit_code == 1, result.output
    for fault in (
        "place.toml, targets.net_zero_yaer: is no setting. Did you mean net_zero_year?",
        "file streets.gpkg: is not in",
        "2 pairs of districts that overlap",
        "1 that repeat a building_id",
        "1 with storeys outside 1 to 150 (-1), taken as missing",
        "1 with an outline that crosses itself",
        "cut.gml",
        "landuse.gpkg: does not say its CRS",
        "sites.geojson: has its axes swapped",
        "'transprot' is not known",
    ):
        assert fault in result.output, (fault, result.output)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before, "the doctor changes nothing"
    told = json.loads(run.invoke(cli, ["doctor", str(tmp_path), "--json"]).output)
    assert len(told["problems"]) == 6
    refused = run.invoke(cli, ["import", str(tmp_path), "--home", str(tmp_path / "home")])
    assert refused.exit_code == 2
    assert not (tmp_path / "home").exists(), "nothing is half-written"


def test_all_faults_of_a_place_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "place.toml").write_text(
        'key = "a b"\nnmae = "X"\ncrs = "EPSG:4326"\ncountry = "Germany"\n[[buildings]]\ngrade = "E"\n'
        '[[districts]]\nfile = "../secret.gpkg"\n'
    )
    with pytest.raises(PlaceError) as caught:
        load(tmp_path)
    where = {p.where.removeprefix("place.toml, ") for p in caught.value.problems}
    assert {"key", "nmae", "crs", "country", "name", "buildings.0.grade", "districts.0.level"} <= where
    with pytest.raises(PlaceError, match="cannot be read"):
        load(tmp_path / "none")


def test_a_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.gpkg").write_bytes(b"x")
    inside = tmp_path / "town"
    inside.mkdir()
    (inside / "place.toml").write_text('key = "t"\nname = "T"\n[boundary]\nfile = "../secret.gpkg"\n')
    with pytest.raises(PlaceError, match="leaves the folder"):
        load(inside)


def test_a_better_source_takes_the_place_of_a_worse_one(tmp_path: Path) -> None:
    for name, shapes in (("official", [square(0, 0), square(100, 0)]), ("mapped", [square(2, 1), square(200, 0)])):
        gpd.GeoDataFrame({"use": ["residential"] * 2}, geometry=shapes, crs=25832).to_file(tmp_path / f"{name}.gpkg")
    (tmp_path / "place.toml").write_text(
        'key = "t"\nname = "T"\n[[buildings]]\nfile = "mapped.gpkg"\n'
        '[[buildings]]\nfile = "official.gpkg"\ngrade = "A"\n'
    )
    brought = imports.read(load(tmp_path))
    assert brought.buildings is not None
    assert sorted(brought.buildings["building_id"]) == ["mapped.2", "official.1", "official.2"]
    assert "1 that a source of a better grade holds too, dropped (mapped.1)" in "\n".join(
        map(str, brought.report.lines)
    )


def test_ids_that_two_sources_share_are_numbered(tmp_path: Path) -> None:
    """Units are known by their id: two of one name would share their draws and hide each other in joins."""
    for name, x in (("north", 0), ("south", 100)):
        frame = gpd.GeoDataFrame({"building_id": ["1"], "use": ["residential"]}, geometry=[square(x, 0)], crs=25832)
        frame.to_file(tmp_path / f"{name}.gpkg")
    (tmp_path / "place.toml").write_text(
        'key = "t"\nname = "T"\n[[buildings]]\nfile = "north.gpkg"\n[[buildings]]\nfile = "south.gpkg"\n'
    )
    brought = imports.read(load(tmp_path))
    assert brought.buildings is not None
    assert brought.buildings["building_id"].tolist() == ["1", "1~2"]
    assert any("another source uses too" in str(line) for line in brought.report.lines)


def test_an_import_is_kept_and_read_back_whole(tmp_path: Path) -> None:
    gpd.GeoDataFrame({"use": ["residential"]}, geometry=[square(0, 0)], crs=25832).to_file(tmp_path / "b.gpkg")
    (tmp_path / "place.toml").write_text('key = "t"\nname = "T"\n[[buildings]]\nfile = "b.gpkg"\n')
    place = load(tmp_path)
    brought = imports.read(place)
    for _ in range(2):
        imports.save(brought, place, tmp_path / "place.toml", tmp_path / "kept" / "t")
    again = imports.load(tmp_path / "kept" / "t")
    assert again is not None
    assert again.buildings is not None
    assert again.buildings.geometry.geom_equals(brought.buildings.geometry).all()  # type: ignore[union-attr]
    assert again.report.document() == brought.report.document()
    assert imports.hashes(tmp_path / "kept" / "t") == brought.hashes
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["t"], "no temporary folder stays behind"
    assert imports.load(tmp_path / "nothing") is None


def test_a_cluster_builds_the_same_bits(figures: Figures, tmp_path: Path) -> None:
    """A worker elsewhere must not change a digit: the release id is a hash of all files."""
    from distributed import LocalCluster

    wanted = [places(figures)[key] for key in ("05954036", "05954012")]
    local = build(tmp_path / "a", wanted, figures)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, processes=True) as cluster:
        remote = build(tmp_path / "b", wanted, figures, scheduler=cluster.scheduler_address)
    assert remote.id == local.id
    assert remote.manifest["files"] == local.manifest["files"]


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "CONNECT_S", 0.2)
    command = ["build", "Witten", "--home", str(tmp_path), "--scheduler", "tcp://127.0.0.1:9"]
    result = run.invoke(cli, command, env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert "scheduler tcp://127.0.0.1:9: cannot be reached" in result.output
    assert not (tmp_path / "current").exists()
