"""Scenarios: the standard three from the published balance, a user's own, compared by API, command line and layer."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import cli
from api.settings import Settings
from data import doctor
from data.figures import Figures
from data.measures import NEEDS
from data.place import OwnFigure, places
from data.schema import SCENARIOS, STATUSES
from geo.errors import InputError
from layers.build import build
from layers.catalogue import Catalogue
from layers.errors import PlacementError, UnknownScenarioError
from layers.finance import finance, shares
from layers.findings import document
from layers.impact import Impact
from layers.placement import STANDARD, Placement
from layers.rents import all_rents, rents, transfers
from layers.scenarios import Feature, Placements, Properties, Scenario, Store, run, standard

DORTMUND = "05913000"
# a small municipality: scenarios of it are computed in a blink
SMALL = "05954012"
runner = CliRunner()


@pytest.fixture(scope="module")
def own_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of the release for tests that keep scenarios."""
    return Path(shutil.copytree(home, tmp_path_factory.mktemp("own") / "home"))


@pytest.fixture(scope="module")
def own_client(own_home: Path) -> TestClient:
    return TestClient(create_app(Settings(home=own_home)), base_url="http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def plan(catalogue: Catalogue) -> Impact:
    return catalogue.run(SMALL, "climate_plan")


def test_dortmund_runs_three_scenarios_from_its_published_balance_to_2045(client: TestClient) -> None:
    """All start at the balance of 2018; the plan emits less than the reference, on its own way and with the grid."""
    found = {}
    for name in SCENARIOS:
        body = client.get(f"/places/{DORTMUND}/scenarios/{name}").json()
        way = body["trajectory"]
        assert way["base"] == {"year": 2018, "t_co2e": pytest.approx(4_123_340, rel=1e-9)}
        assert way["years"][0] == 2025
        assert way["years"][-1] == 2045
        last = {k: v[-1] for k, v in way["change"].items()}
        assert sum(last.values()) == pytest.approx(way["t_co2e"][-1] - way["base"]["t_co2e"], rel=1e-9)
        assert last["municipal_measures"] < 0
        assert last["external_path"] < 0
        assert way["budget"]["used_up_year"] > 2028
        found[name] = way
    assert found["climate_plan"]["t_co2e"][-1] < found["reference"]["t_co2e"][-1]
    assert found["climate_plan"]["targets"]["linear"]["zero_year"] == 2035, "the city's own year"
    assert found["climate_equity"]["change"]["activity"][-1] < 0, "a fifth fewer car kilometres"
    assert found["reference"]["t_1990"] == pytest.approx(6_054_780)


def test_scenarios_are_compared_the_same_by_api_command_line_and_layer(
    client: TestClient, home: Path, catalogue: Catalogue
) -> None:
    url = f"/places/{DORTMUND}/scenarios/climate_equity"
    body = client.get(f"{url}/compare", params={"against": "climate_plan"}).json()
    told = runner.invoke(
        cli,
        [
            "impact",
            DORTMUND,
            "--home",
            str(home),
            "--scenario",
            "climate_equity",
            "--against",
            "climate_plan",
            "--json",
        ],
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.output) == body
    equity, plan = (catalogue.layer(f"{DORTMUND}.districts.{n}") for n in ("climate_equity", "climate_plan"))
    difference = equity.column("t_co2e_2045").sum() - plan.column("t_co2e_2045").sum()
    assert body["years"][-1]["t_co2e_difference"] == pytest.approx(difference, rel=1e-9)
    parts = ("municipal_measures", "external_path", "activity")
    for row in body["years"]:
        assert sum(row[f"{p}_difference"] for p in parts) == pytest.approx(row["t_co2e_difference"], abs=1e-3)
    printed = runner.invoke(
        cli, ["impact", DORTMUND, "--home", str(home), "--scenario", "climate_equity", "--against", "climate_plan"]
    )
    assert "Climate and equity" in printed.output
    assert "municipal_measures" in printed.output


def test_the_equity_scenario_reaches_low_income_districts_first(catalogue: Catalogue) -> None:
    first, plain = (document(catalogue.run(DORTMUND, n), detail=False) for n in ("climate_equity", "climate_plan"))
    poorest = [body["quintiles"][0]["treated_share"] for body in (first, plain)]
    assert poorest[0] > poorest[1]


def test_layers_of_a_scenario_sum_to_it(catalogue: Catalogue, plan: Impact) -> None:
    stock = catalogue.layer(f"{SMALL}.stock.climate_plan")
    without = catalogue.layer(f"{SMALL}.stock")
    for year, i in ((2030, 5), (2045, 20)):
        saved = stock.column(f"t_co2e_saved_{year}").sum()
        assert saved == pytest.approx((plan.without - plan.with_)[:, 0, i].sum(), rel=1e-9)
    assert (stock.column("t_co2e_2045") <= without.column("t_co2e_households") * 1.0 + 1e-9).all()
    region = catalogue.layer("ruhr.municipalities.climate_plan")
    assert len(region) == 53
    assert np.isfinite(region.column("t_co2e_2045")).all()


def test_fair_shares_money_and_payers_add_up(plan: Impact) -> None:
    """Would break if single savings were added: shares sum to the joint effect, and every euro has a payer."""
    fair = shares(plan)
    assert sum(s.t.sum() for s in fair) == pytest.approx(plan.t_saved.sum(), rel=1e-9)
    np.testing.assert_allclose(sum(s.t for s in fair), plan.t_saved.sum(axis=0), rtol=1e-9, atol=1e-9)
    money = finance(plan, fair)
    cash = money.cash(transfers(plan, all_rents(plan)))
    assert cash.grant_eur.sum() == pytest.approx(0, abs=1e-3)
    assert np.abs(cash.transfer_eur.sum(axis=0)).max() < 1e-3
    np.testing.assert_allclose(cash.net_eur.sum(axis=0), cash.total_eur, rtol=1e-9, atol=1e-3)
    for account in money.accounts:
        # an annuity of more than the worn-out share, and of a grant less
        assert np.isfinite(account.annual_cost())
        assert sum(account.by_payer.values()) == pytest.approx(1)
        assert (account.grant <= account.invest + 1e-6).all()
        assert (account.grant >= 0).all()
    body = document(plan, detail=True)
    assert sum(a["t_co2e_saved_cumulative"] for a in body["attribution"]) == pytest.approx(
        body["totals"]["t_co2e_saved_cumulative"], rel=1e-9
    )


def test_more_than_six_that_meet_are_shared_by_random_orders_of_the_seed(catalogue: Catalogue) -> None:
    planning = catalogue.planning(SMALL)
    rules = [f"building_type = '{t}' and class {c}" for t in ("EFH", "MFH") for c in ("<= 'C'", "= 'D'", "= 'E'")]
    placements = [Feature(properties=Properties(measure="envelope_usual", rule=r, uptake=0.5)) for r in rules]
    placements.append(Feature(properties=Properties(measure="heat_pump_air", uptake=0.5)))
    result = run(planning, Placements(features=placements, seed=7))
    once, again = shares(result), shares(run(planning, Placements(features=placements, seed=7)))
    assert sum(s.t.sum() for s in once) == pytest.approx(result.t_saved.sum(), rel=1e-9)
    assert [s.t.sum() for s in once] == [s.t.sum() for s in again]
    assert max(s.standard_error_t for s in once) > 0


def test_grants_follow_their_dates_and_tenures(catalogue: Catalogue) -> None:
    """KfW 458: 50 % for owner-occupiers until 2028, 30 % for landlords; the speed bonus falls afterwards."""
    planning = catalogue.planning(SMALL)
    sent = Placements(features=[Feature(properties=Properties(measure="heat_pump_air", rule="building_type = 'EFH'"))])
    money = finance(run(planning, sent))
    account = money.accounts[0]
    assert account.programmes == ("KfW 458",)
    rate = account.grant[1:4] / account.invest[1:4]
    later = account.grant[-1] / account.invest[-1]
    assert (np.diff(rate) <= 1e-12).all()
    assert later < rate[0] <= 0.5
    assert account.by_payer["owner_occupier"] == pytest.approx(0.85, abs=1e-9)


def test_a_warm_rent_neutral_retrofit_leaves_the_warm_rent_as_it_is(catalogue: Catalogue) -> None:
    planning = catalogue.planning(DORTMUND)

    def computed(*, neutral: bool) -> Impact:
        properties = Properties(measure="envelope_deep", rule="building_type = 'MFH'", warm_rent_neutral=neutral)
        return run(planning, Placements(features=[Feature(properties=properties)]))

    plain, neutral = rents(computed(neutral=False), 0), rents(computed(neutral=True), 0)
    assert np.nanmax(plain.change_1_eur_m2) > 0.1
    assert np.nanmax(np.abs(neutral.change_1_eur_m2)) < 1e-9
    assert np.nanmax(neutral.change_10_eur_m2) < 0, "prices rise, the levy stays"
    assert (neutral.grant_eur_m2 >= plain.grant_eur_m2 - 1e-9).all()
    assert np.nanmin(plain.co2_landlord_share_before - plain.co2_landlord_share_after) >= 0


def test_two_areas_drawn_for_the_same_measure_each_have_their_rents(client: TestClient) -> None:
    """They differ in nothing but the drawing: would break if placements were told apart by what they compare."""

    def drawn(west: float) -> dict[str, object]:
        ring = [[west, 51.50], [west + 0.02, 51.50], [west + 0.02, 51.52], [west, 51.52], [west, 51.50]]
        properties = {"measure": "envelope_deep", "warm_rent_neutral": True, "uptake": 0.2}
        return {"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}

    sent = {"features": [drawn(7.44), drawn(7.47)]}
    answer = client.post(f"/places/{DORTMUND}/impact", params={"detail": True}, json=sent)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [r["placement"] for r in body["rents"]] == [0, 1]
    first, second = (a["grant_eur"] for a in body["money"]["placements"])
    assert first > 0
    assert second > 0
    assert first != second


def test_a_users_scenario_is_kept_listed_served_and_deleted(own_client: TestClient) -> None:
    url = f"/places/{SMALL}/scenarios"
    body = {
        "id": "our_plan",
        "name": "Our plan",
        "path": "slow",
        "target_year": 2040,
        "features": [{"type": "Feature", "geometry": None, "properties": {"measure": "heat_pump_air", "uptake": 0.3}}],
    }
    before = own_client.get("/collections").headers["etag"]
    made = own_client.post(url, json=body)
    assert made.status_code == 201, made.text
    assert made.headers["location"].endswith(f"{url}/our_plan")
    kept = made.json()
    assert kept["release"] == own_client.get("/sources").json()["id"]
    assert kept["created"]
    assert own_client.get("/collections").headers["etag"] != before
    assert [s["id"] for s in own_client.get(url).json()["scenarios"]] == [*SCENARIOS, "our_plan"]
    ids = [c["id"] for c in own_client.get("/collections").json()["collections"]]
    assert f"{SMALL}.stock.our_plan" in ids
    items = own_client.get(f"/collections/{SMALL}.stock.our_plan/items", params={"limit": 5}).json()
    assert items["features"][0]["properties"]["t_co2e_2030"] is not None
    way = own_client.get(f"{url}/our_plan").json()["trajectory"]
    assert way["targets"]["linear"]["zero_year"] == 2040
    assert own_client.post(url, json=body).status_code == 422, "the id is taken"
    changed = own_client.put(f"{url}/our_plan", json={**body, "path": "fast"})
    assert changed.status_code == 200
    assert own_client.get(f"{url}/our_plan/impact").json()["path"] == "fast"
    assert own_client.delete(f"{url}/our_plan").status_code == 204
    assert own_client.get(f"{url}/our_plan").status_code == 404
    assert own_client.get(f"/collections/{SMALL}.stock.our_plan").status_code == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "reference"}, "standard scenario"),
        ({"id": "../../etc"}, "body.id"),
        ({"place": "05113000"}, "is a scenario of 05113000"),
        ({"path": "magic"}, "'magic' is unknown"),
        ({"growth": {"ships": 0.1, "economy": 3}}, "'ships' is no sector"),
        ({"features": []}, "Give at least one"),
        ({"overrides": [{"measure": "pv_roof", "figure": "spf", "value": 3, "reason": "x", "date": "2026-01-01",
                         "source": "us"}]}, "spf"),
    ],
)  # fmt: skip
def test_a_scenario_that_cannot_be_computed_is_not_kept(
    own_client: TestClient, change: dict[str, object], said: str
) -> None:
    body = {"id": "wrong", "name": "Wrong", "features": [{"type": "Feature", "properties": {}}]}
    answer = own_client.post(f"/places/{SMALL}/scenarios", json=body | change)
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert own_client.get(f"/places/{SMALL}/scenarios/wrong").status_code == 404


def test_a_citys_own_figure_counts_and_the_old_one_stays_visible(catalogue: Catalogue) -> None:
    planning = catalogue.planning(SMALL)
    row = {"measure": "envelope_usual", "figure": "invest_eur_unit", "value": 700.0, "reason": "own tender",
           "date": "2024-05-01", "source": "building office"}  # fmt: skip
    feature = Feature(properties=Properties(rule=STANDARD.rule))
    plain = run(planning, Placements(features=[feature]))
    own = run(planning, Placements.model_validate({"features": [feature.model_dump()], "overrides": [row]}))
    ratio = own.placed[0].invest_eur[0] / plain.placed[0].invest_eur[0]
    assert ratio == pytest.approx(700 / (350 * 1.4), rel=1e-12), "350 EUR of 2020 are 490 EUR of 2024"
    assert own.placed[0].measure.figures["invest_eur_unit"].replaced is not None
    np.testing.assert_array_equal(own.t_saved, plain.t_saved)


def test_a_places_own_figures_come_from_its_settings(figures: Figures, tmp_path: Path) -> None:
    row = OwnFigure(measure="heat_pump_air", figure="spf", value=3.6, reason="measured", date="2025-03-01", source="us")
    place = places(figures)[SMALL].model_copy(update={"measures": (row,)})
    built = Catalogue(build(tmp_path, [place], figures))
    spf = built.planning(SMALL).catalogue["heat_pump_air"].figures["spf"]
    assert (spf.value, spf.status) == (3.6, "own")
    assert spf.replaced is not None
    assert spf.replaced.value == 3.1
    locked = place.model_copy(update={"measures": (row.model_copy(update={"figure": "ef_gas"}),)})
    with pytest.raises(InputError, match="is locked"):
        build(tmp_path, [locked], figures)
    assert doctor.own_figures(locked, figures)


def test_a_citys_budget_leaves_a_gap_and_a_budget_of_zero_is_refused(client: TestClient) -> None:
    sent: dict[str, object] = {"features": [{"properties": {"measure": "public_building_retrofit", "uptake": 0.5}}],
                               "city_budget_eur_a": 1e6}  # fmt: skip
    body = client.post(f"/places/{DORTMUND}/impact", params={"detail": True}, json=sent).json()
    gap = body["money"]["city_funding_gap"]
    city = next(p for p in body["money"]["payers"] if p["payer"] == "city")
    own = city["invest_eur"] - city["grant_eur"]
    assert sum(gap["gap_eur"]) == pytest.approx(own - 21 * 1e6 + sum(gap["unspent_eur"]), rel=1e-9)
    assert sum(gap["gap_eur"]) > 0
    assert client.post(f"/places/{DORTMUND}/impact", json=sent | {"city_budget_eur_a": 0}).status_code == 422


def test_a_tidy_table_has_every_district_sector_and_year(client: TestClient, home: Path, tmp_path: Path) -> None:
    answer = client.get(f"/places/{DORTMUND}/scenarios/climate_plan/table")
    frame = pd.read_csv(io.StringIO(answer.text), dtype={"place": str})
    assert len(frame) == 12 * 4 * 21
    assert answer.headers["content-type"].startswith("text/csv")
    packed = client.get(f"/places/{DORTMUND}/scenarios/climate_plan/table", params={"kind": "parquet"})
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(packed.content)), frame, rtol=1e-12)
    file = tmp_path / "plan.parquet"
    told = runner.invoke(
        cli,
        ["impact", SMALL, "--home", str(home), "--scenario", "climate_plan", "--table", str(file), "--json"],
    )
    assert told.exit_code == 0, told.output
    assert pd.read_parquet(file)["t_co2e"].notna().all()
    wrong = runner.invoke(
        cli, ["impact", SMALL, "--home", str(home), "--scenario", "climate_plan", "--table", str(tmp_path / "a.xls")]
    )
    assert wrong.exit_code == 2


def test_every_figure_of_the_catalogue_resolves_to_its_source_and_status(client: TestClient) -> None:
    """A row without source or status would break here: each figure is asked for by its own address."""
    body = client.get("/measures").json()
    assert len(body["measures"]) >= 38
    effects = {(m["effect"], m["acts_on"]) for m in body["measures"]}
    assert effects <= set(NEEDS)
    for one in body["measures"]:
        for name, figure in one["figures"].items():
            assert figure["status"] in STATUSES, (one["measure"], name)
            assert figure["source"]["title"], (one["measure"], name)
            assert figure["source"]["licence"], (one["measure"], name)
    # asked one by one for a few, since each answer is the same dictionary
    for name in ("envelope_usual", "heat_pump_air", "street_tree"):
        for figure in client.get(f"/measures/{name}").json()["figures"]:
            found = client.get(f"/measures/{name}/figures/{figure}")
            assert found.status_code == 200
            assert found.json()["source"]["source_id"]
    assert client.get("/measures/magic").status_code == 404
    assert client.get("/measures/pv_roof/figures/magic").status_code == 404
    names = {c["name"] for c in body["rule_columns"]}
    assert {"class", "carrier", "low_income", "building_type"} <= names


def test_units_are_listed_when_asked_for(client: TestClient) -> None:
    sent = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"uptake": 0.05,
            "priority": "worst_first"}}]}  # fmt: skip
    body = client.post(f"/places/{SMALL}/impact", params={"units": True, "detail": False}, json=sent).json()
    assert body["units"]
    assert sum(u["t_co2e_saved_2045"] for u in body["units"]) == pytest.approx(
        body["totals"]["t_co2e_saved_last_year"], rel=1e-9
    )
    assert "money" not in body


def test_placements_from_a_file_say_all_that_is_wrong(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "placements.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {
        "measure": "pv_roof", "uptaek": 1}}, {"type": "Feature", "properties": {"start": "soon"}}]}))  # fmt: skip
    told = runner.invoke(cli, ["impact", SMALL, "--home", str(home), "--file", str(file)], env={"COLUMNS": "300"})
    assert told.exit_code == 2
    assert "uptaek" in told.output
    assert "features.1.properties.start" in told.output
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {
        "measure": "pv_roof"}}]}))  # fmt: skip
    good = runner.invoke(cli, ["impact", SMALL, "--home", str(home), "--file", str(file), "--json"])
    assert json.loads(good.output)["totals"]["avoided_grid_t_last_year"] > 0


def test_a_damaged_scenario_file_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "scenarios" / SMALL).mkdir(parents=True)
    (tmp_path / "scenarios" / SMALL / "half.json").write_text("{")
    with pytest.raises(UnknownScenarioError, match="is damaged"):
        store.get(SMALL, "half")
    with pytest.raises(UnknownScenarioError, match="is no id"):
        store.get(SMALL, "../half")
    with pytest.raises(PlacementError, match="standard scenario"):
        store.put(Scenario(id="reference", name="x", features=[], place=SMALL))
    assert store.names("../..") == []


def test_standard_scenarios_fit_every_municipality(catalogue: Catalogue, figures: Figures) -> None:
    """Shares of what is there: no place may have too little for its own standard plan."""
    for ags in figures["municipalities"]["ags"][::9]:
        planning = catalogue.planning(ags)
        for name in SCENARIOS:
            result = run(planning, standard(planning, name))
            assert result.t_saved.sum() > 0
    assert Placement().measure == "envelope_usual"
