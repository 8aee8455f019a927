"""Past investments: shared by those within reach, tested against chance, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.cli import cli
from layers.audit import Investments, audit, of_features, of_frame
from layers.catalogue import Catalogue
from layers.equity import Asked
from layers.errors import PlacementError
from layers.planning import Planning
from layers.social import Social

DORTMUND = "05913000"
QUICK = Asked(permutations=199, draws=99)
# Nordmarkt in the poorest district, and a field in Hombruch
NORTH, SOUTH = (7.463, 51.524), (7.438, 51.462)


@pytest.fixture(scope="module")
def place(catalogue: Catalogue) -> tuple[Planning, Social]:
    return catalogue.planning(DORTMUND, coarse=True), catalogue.social(DORTMUND, coarse=True)


def feature(lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": properties}


def test_money_for_the_north_reaches_low_income_areas(place: tuple[Planning, Social]) -> None:
    """Twelve investments around Nordmarkt: all go to low-income areas, which chance would not do."""
    made = [feature(NORTH[0] + 0.002 * i, NORTH[1], eur=1e5, year=2020 + i % 2) for i in range(12)]
    found = audit(*place, of_features(place[0], made), QUICK)
    ratio = found["metrics"][0]["equity_ratio"]
    assert ratio["value"] > 3
    assert ratio["p"] < 0.05
    assert found["metrics"][0]["total"] == pytest.approx(1.2e6)
    assert [y["year"] for y in found["years"]] == [2020, 2021]
    assert [y["total"] for y in found["years"]] == pytest.approx([6e5, 6e5])


def test_what_lies_elsewhere_is_counted_not_lost(place: tuple[Planning, Social]) -> None:
    """An investment in Berlin is no investment here, and says so."""
    made = [feature(*SOUTH, eur=1e6), feature(13.4, 52.5, eur=5e6)]
    found = audit(*place, of_features(place[0], made), QUICK)
    assert found["not_in_place"] == {"investments": 1, "eur": 5e6}
    assert found["metrics"][0]["total"] == pytest.approx(1e6)
    with pytest.raises(PlacementError, match=r"none lies in the place"):
        audit(*place, of_features(place[0], made[1:]), QUICK)


def test_reach_shares_by_people(place: tuple[Planning, Social]) -> None:
    """By hand: what each cell gets is its share of the people within 500 m."""
    planning, social = place
    at = int(np.argmax(social.cell_people))
    x, y = social.sources.cell_east[at], social.sources.cell_north[at]
    made = Investments(np.array([shapely.Point(x, y)]), np.array([1000.0]), np.array([-1]), ("",))
    near = np.hypot(social.sources.cell_east - x, social.sources.cell_north - y) <= 500
    share = np.where(near, social.cell_people, 0) / social.cell_people[near].sum()
    low = social.low(social.zonings["cell"])
    found = audit(planning, social, made, Asked(zoning="cell", permutations=99, draws=99))
    metric = found["metrics"][0]
    assert metric["low_income_benefit_share"]["value"] == pytest.approx(float(np.nansum(share * low)))
    assert found["years"] == []


def test_problems_come_all_at_once(place: tuple[Planning, Social]) -> None:
    wrong = [feature(*NORTH, eur="much"), feature(*NORTH, eur=1.0, year="2020"), {"geometry": {"type": "Dot"}}]
    with pytest.raises(PlacementError) as error:
        of_features(place[0], wrong)
    text = str(error.value)
    for what in ("investment 0, eur: 'much'", "investment 1, year: '2020'", "investment 2, geometry"):
        assert what in text, text
    frame = gpd.GeoDataFrame({"cost": [1]}, geometry=[shapely.Point(0, 0)])
    with pytest.raises(PlacementError, match=r"(?s)is no column.*It has cost.*states no CRS"):
        of_frame(place[0], frame)
    with pytest.raises(PlacementError, match=r"no amount above 0"):
        of_features(place[0], [feature(*NORTH, eur=-5.0)])


def test_the_service_and_the_command_line_answer_alike(client: TestClient, home: Path, tmp_path: Path) -> None:
    """A file in another CRS gives what GeoJSON gives."""
    made = [feature(*NORTH, eur=1e6, year=2021), feature(*SOUTH, eur=2e6, year=2022)]
    sent = client.post(f"/places/{DORTMUND}/audit", json={"type": "FeatureCollection", "features": made})
    assert sent.status_code == 200, sent.text
    frame = gpd.GeoDataFrame.from_features(made, crs=4326).to_crs(25832)
    frame.to_file(tmp_path / "past.gpkg")
    command = ["audit", "Dortmund", str(tmp_path / "past.gpkg"), "--home", str(home)]
    told = CliRunner().invoke(cli, [*command, "--json"])
    assert told.exit_code == 0, told.output
    mine, theirs = (d["metrics"][0]["equity_ratio"] for d in (json.loads(told.output), sent.json()))
    assert mine["value"] == pytest.approx(theirs["value"], rel=1e-6)
    shown = CliRunner().invoke(cli, command, env={"COLUMNS": "200"})
    assert "Investment" in shown.output
    bad = client.post(f"/places/{DORTMUND}/audit", json={"features": []})
    assert bad.status_code in {400, 422}
    assert bad.headers["content-type"] == "application/problem+json"
