"""The notebook answers for any place, its figures are computed, and what it exports adds up to what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

from api.cli import cli
from data.figures import Figures
from data.place import places
from layers.build import build

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "who_benefits.ipynb"
DORTMUND, DUISBURG = "05913000", "05112000"
# Ortsteile are known for a part of Duisburg only: a second level with gaps must not stop the notebook
PLACES = {
    DUISBURG: (
        "duisburg",
        """
key = "05112000"
name = "Duisburg"

[[districts]]
level = "Stadtbezirk"
file = "duisburg_districts.gpkg"
layer = "stadtbezirke"
columns = { district = "name", name = "name" }

[[districts]]
level = "Ortsteil"
file = "duisburg_districts.gpkg"
layer = "ortsteile_partial"
columns = { district = "name", name = "name" }

[[indicators]]
file = "duisburg_stadtbezirke_indicators.csv"
columns = { district = "name", social_index = "school_social_index_weighted" }
""",
    ),
}


def read() -> Any:
    return nbformat.reads(NOTEBOOK.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call] # no types


def text_of(notebook: Any) -> str:
    """Everything that the cells show as text."""
    shown = [out["data"] for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    return "\n".join(data.get("text/markdown") or data.get("text/plain", "") for data in shown)


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Run the notebook for a place of the release in `tmp_path`; only the place differs."""

    def execute(place: str) -> Any:
        monkeypatch.setenv("REVIER_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("REVIER_EXPORTS", str(tmp_path / "exports"))
        monkeypatch.setenv("REVIER_PLACE", place)
        monkeypatch.setenv("REVIER_PERMUTATIONS", "199")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        notebook = read()
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        return notebook

    return execute


def check(notebook: Any, exports: Path, *, name: str, areas: int) -> pd.DataFrame:
    """Hold the exports against each other and against the text; return the equity ratio of each zoning."""
    text = text_of(notebook)
    assert name in text
    by_area = pd.read_csv(exports / "areas.csv")
    cells = gpd.read_parquet(exports / "cells.parquet")
    figures = pd.read_csv(exports / "figures.csv")
    price = pd.read_csv(exports / "price.csv").iloc[0]
    assert len(by_area) == areas
    # a euro or a person lost between two zonings would show here
    for column in ("people", "invest_eur", "bill_saving_eur_a", "t_co2e_saved_2045"):
        assert cells[column].sum() == pytest.approx(by_area[column].sum(), rel=1e-9), column
    assert set(by_area["release"]) == set(cells["release"]) == set(figures["release"])

    ratios = figures.query("metric == 'bill_saving' and figure == 'equity_ratio'").set_index("zoning")
    main = ratios.loc["district"]
    low, people, saving = (by_area[c].to_numpy() for c in ("quintile", "people", "bill_saving_eur_a"))
    by_hand = (saving @ low / (people @ low)) / (saving.sum() / people.sum())
    assert main["value"] == pytest.approx(by_hand, rel=1e-9)
    assert main["by_chance"] * main["choice_effect"] == pytest.approx(main["value"], rel=1e-9)
    assert (ratios["low"] < ratios["high"]).all()
    assert ratios["p"].between(0.002, 1).all()
    assert f"Equity ratio {main['value']:.2f} [{main['low']:.2f}, {main['high']:.2f}], p = {main['p']:.3f}" in text
    assert f"{abs(price['t_co2e_given_up_cumulative']):,.0f} t CO2e" in text
    assert price["bill_saving_eur_a_gained_in_low_income"] > 0, "low-income first must bring low-income areas more"

    layer = gpd.read_parquet(exports / "low_income.parquet")
    assert len(layer) == len(cells)
    assert layer.crs == cells.crs
    assert np.isfinite(layer["low_income_probability"]).any()
    assert (exports / "SOURCES.txt").read_text(encoding="utf-8").strip()
    return ratios


def test_no_figure_is_typed_by_hand_and_no_output_is_stored() -> None:
    """A number in the text would be that of one place; an output that of one release."""
    for cell in read().cells:
        assert not cell.get("outputs")
        if cell["cell_type"] == "markdown":
            assert not re.search(r"\d[.,]\d|\d\s?(%|t\b|EUR)", cell["source"]), cell["source"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client's own libraries
def test_dortmund_needs_nothing_but_the_project(answer: Callable[[str], Any], tmp_path: Path, figures: Figures) -> None:
    build(tmp_path / "home", [places(figures)[DORTMUND]], figures)
    notebook = answer(DORTMUND)
    check(notebook, tmp_path / "exports" / DORTMUND, name="Dortmund", areas=12)
    assert "Innenstadt-Nord" in text_of(notebook)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client's own libraries
@pytest.mark.parametrize(("place", "name", "areas"), [(DUISBURG, "Duisburg", 7)])
def test_another_city_changes_the_place_alone(
    place: str, name: str, areas: int, shared_data: Path, answer: Callable[[str], Any], tmp_path: Path
) -> None:
    folder, configured = PLACES[place]
    file = tmp_path / "place.toml"
    file.write_text(configured, encoding="utf-8")
    options = ["--data", str(shared_data / folder), "--home", str(tmp_path / "home")]
    built = CliRunner().invoke(cli, ["build", str(file), *options])
    assert built.exit_code == 0, built.output
    ratios = check(answer(place), tmp_path / "exports" / place, name=name, areas=areas)
    assert len(ratios) == len(configured.split("[[districts]]")) + 1, "each level of districts is a zoning of its own"
    # a verdict of its own, as its districts: Essen's is below
    assert set(ratios["verdict"]) == {"above"}
