"""The command line: exit codes that mean something, JSON for scripts, every problem named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from typer.testing import CliRunner

from api.cli import cli
from data import figures as built_in
from data import osm
from data.errors import FetchError
from geo.errors import Problem
from layers.catalogue import Catalogue
from layers.findings import document
from layers.impact import impact
from layers.placement import STANDARD
from layers.rasters import raster
from layers.release import current

run = CliRunner()


def test_impact_prints_tonnes_to_2045_cost_and_quintiles(home: Path, catalogue: Catalogue) -> None:
    """What is printed is what the API answers and the map shows."""
    result = run.invoke(cli, ["impact", "Dortmund", "--home", str(home), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == document(impact(catalogue.planning("05913000"), [STANDARD]), detail=True)
    shown = run.invoke(cli, ["impact", "05913000", "--home", str(home)], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    for text in ("2045", "M EUR", "highest", "lowest", "Equity ratio", "recalled, not seen", "21,283"):
        assert text in shown.output, text


def test_impact_of_one_area_says_so(home: Path) -> None:
    shown = run.invoke(cli, ["impact", "Essen", "--home", str(home)])
    assert "Fewer than five areas" in shown.output.replace("\n", " ")


def test_build_reports_all_problems_and_changes_nothing(home: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    shutil.copytree(built_in.BUILT_IN, tables)
    for file, column in (("municipalities.csv", "population"), ("tabula.csv", "q_h_kwh_m2a")):
        table = pd.read_csv(tables / file, dtype=str, keep_default_na=False)
        table.loc[1, column] = "-7"
        table.to_csv(tables / file, index=False)
    own = Path(shutil.copytree(home, tmp_path / "home"))
    before = current(own).id
    result = run.invoke(cli, ["build", "--home", str(own), "--tables", str(tables)], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "municipalities.csv, row 3, column population: -7 is negative. Check sign and unit." in result.output
    assert "tabula.csv, row 3, column q_h_kwh_m2a: -7 is negative. Check sign and unit." in result.output
    assert "2 problems; nothing was changed." in result.output
    assert current(own).id == before


def test_build_twice_is_up_to_date(tmp_path: Path) -> None:
    first = run.invoke(cli, ["build", "Witten", "--home", str(tmp_path), "--json"])
    assert first.exit_code == 0, first.output
    again = run.invoke(cli, ["build", "05954036", "--home", str(tmp_path), "--json"])
    one, two = (json.loads(r.stdout.strip().splitlines()[-1]) for r in (first, again))
    assert (one["built"], two["built"]) == (True, False)
    assert one["release"] == two["release"]


def test_unknown_places_and_missing_releases_end_with_2(tmp_path: Path) -> None:
    wrong = run.invoke(cli, ["build", "Dortmnd", "Esse", "--home", str(tmp_path)], env={"COLUMNS": "200"})
    assert wrong.exit_code == 2
    assert "'Dortmnd' is not known. Did you mean Dortmund" in wrong.output
    assert "'Esse' is not known. Did you mean Essen" in wrong.output
    for command in (["impact"], ["serve"], ["map"], ["export", "x", "--output", "x.gpkg"]):
        result = run.invoke(cli, [*command, "--home", str(tmp_path)])
        assert result.exit_code == 2, command
        assert "Run `revier build` first" in result.output.replace("\n", " ")


def test_places_lists_the_region_and_53() -> None:
    body = json.loads(run.invoke(cli, ["places", "--json"]).output)
    assert len(body["places"]) == 54
    assert body["places"][0]["key"] == "ruhr"


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "geojson", "parquet"])
def test_exports_hold_all_features_in_the_right_crs(
    home: Path, tmp_path: Path, catalogue: Catalogue, kind: str
) -> None:
    path = tmp_path / f"districts.{kind}"
    command = ["export", "05913000.districts", "--home", str(home), "--output", str(path), "--format", kind]
    result = run.invoke(cli, command)
    assert result.exit_code == 0, result.output
    # a GeoPackage holds a table of styles, too
    frame = gpd.read_parquet(path) if kind == "parquet" else gpd.read_file(path, layer="05913000.districts")
    layer = catalogue.layer("05913000.districts")
    assert frame.crs == ("EPSG:4326" if kind == "geojson" else "EPSG:25832")
    assert sorted(frame["t_co2e"]) == pytest.approx(sorted(layer.column("t_co2e")))
    assert frame.to_crs(25832).area.sum() == pytest.approx(280.7e6, rel=0.01)
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "no temporary file stays behind"


def test_csv_has_no_geometry_and_missing_stays_empty(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    run.invoke(cli, ["export", "ruhr.municipalities", "--home", str(home), "--output", str(path), "--format", "csv"])
    table = pd.read_csv(path, dtype={"ags": str})
    assert "geometry" not in table
    assert table["population"].sum() == 5_094_817
    assert table["t_co2_ets"].notna().sum() == 1


def test_a_raster_sums_to_the_stock_and_lies_in_place(home: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    """A sum lost on the border cells, or a raster one cell off, would be wrong in every overlay."""
    path = tmp_path / "s.tif"
    run.invoke(
        cli,
        [
            "export",
            "ruhr.stock",
            "--home",
            str(home),
            "--output",
            str(path),
            "--format",
            "tif",
            "--column",
            "n_buildings",
        ],
    )
    layer = catalogue.layer("ruhr.stock")
    with rasterio.open(path) as file:
        assert file.crs == "EPSG:3035"
        assert file.res == (200, 200)
        values = file.read(1)
        assert np.nansum(values, dtype=np.float64) == pytest.approx(layer.column("n_buildings").sum(), rel=1e-6)
        points = gpd.GeoSeries(layer.polygons.to_shapely()[:500], crs=layer.polygons.crs).to_crs(3035).centroid
        at = np.array([v[0] for v in file.sample(zip(points.x, points.y, strict=True))])
    whole = np.array([("." not in name) for name in layer.table["unit_id"].to_pylist()[:500]])
    assert at[whole] == pytest.approx(layer.column("n_buildings")[:500][whole], rel=1e-6)
    exact = raster(layer, "n_buildings").values
    assert np.nansum(exact) == pytest.approx(layer.column("n_buildings").sum(), rel=1e-12)


def test_what_cannot_be_exported_is_refused_with_the_choices(home: Path, tmp_path: Path) -> None:
    for extra, says in (
        (["--format", "shp"], "Use one of gpkg, fgb, parquet, geojson, csv, pmtiles, tif"),
        (["--format", "tif", "--column", "data_grade"], "cannot be put on a raster"),
    ):
        command = ["export", "05913000.cells", "--home", str(home), "--output", str(tmp_path / "x"), *extra]
        result = run.invoke(cli, command, env={"COLUMNS": "300"})
        assert result.exit_code == 2, result.output
        assert says in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_export_takes_the_filters_of_the_service(home: Path, tmp_path: Path, catalogue: Catalogue) -> None:
    """The command and the address give the same file, so whoever scripts one can go over to the other."""
    layer = catalogue.layer("05913000.districts")
    path = tmp_path / "few.fgb"
    asked = ["--filter", "people > 50000", "--properties", "name,people", "--crs", "EPSG:3857"]
    command = ["export", "05913000.districts", "--home", str(home), "--output", str(path), *asked]
    result = run.invoke(cli, command)
    assert result.exit_code == 0, result.output
    frame = gpd.read_file(path)
    assert frame.crs == "EPSG:3857"
    assert set(frame.columns) == {"name", "people", "geometry"}
    assert len(frame) == (layer.column("people") > 50_000).sum() > 0
    wrong = run.invoke(cli, [*command, "--bbox", "1,2", "--sortby", "nonsense"], env={"COLUMNS": "300"})
    assert wrong.exit_code == 2
    assert "has 2 numbers" in wrong.output
    assert "nonsense" in wrong.output


def test_fetch_writes_town_by_town_and_says_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases publish by town, so a region is fetched as its towns; a failure names the server and keeps the rest."""
    asked: list[float] = []

    def answer(boundary: gpd.GeoDataFrame, **_: object) -> osm.Fetched:
        asked.append(boundary.area.sum())
        if len(asked) == 3:
            raise FetchError(Problem("OpenStreetMap", "the server answered 504", "Try again later."))
        shape = boundary.geometry.iloc[0].centroid.buffer(100)
        frame = gpd.GeoDataFrame(
            {"osm_id": ["way/1"], "kind": ["park"], "name": [None], "public": [True], "area_m2": [shape.area]},
            geometry=[shape],
            crs=boundary.crs,
        )
        return osm.Fetched(frame, frame, {"osm_base": None, "fetched_at": "2026-11-22"}, ["green: 1 kept"])

    monkeypatch.setattr(osm, "fetch_place", answer)
    one = run.invoke(cli, ["fetch", "Dortmund", "--home", str(tmp_path), "--json"])
    assert json.loads(one.output) == {
        "fetched": [{"place": "05913000", "green": 1, "blue": 1, "report": ["green: 1 kept"]}]
    }
    region = run.invoke(cli, ["fetch", "ruhr", "--home", str(tmp_path)])
    assert region.exit_code == 2
    assert "the server answered 504. Try again later." in region.output.replace("\n", " ")
    assert sorted(p.name for p in (tmp_path / "fetched").iterdir()) == ["05112000", "05913000"]
