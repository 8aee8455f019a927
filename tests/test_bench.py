"""The benchmark compares answers before it compares times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from api import bench
from api.bench import builds, impact_http, synthetic
from api.bench.case import Case, measure
from api.cli import cli
from data import figures as built_in

run = CliRunner()
KERNELS = ("allocate-area", "locate", "zonal", "nearest", "scenario", "scenario-shares", "access", "files")
# with a goal in seconds instead of a peer
BOUND = ("concentration",)
# measured for long even in a small city; their answers are compared in tests of their own
APART = ("moran", "cooling", "siting")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand footprints instead of 110,000: the same work in a moment."""
    for size in list(synthetic.SIZES):
        monkeypatch.delitem(synthetic.SIZES, size)
    monkeypatch.setitem(synthetic.SIZES, 1000, (12, 3000.0))


@pytest.mark.usefixtures("small")
def test_rows_say_what_was_measured_and_that_the_answers_agree(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    result = run.invoke(cli, ["bench", *KERNELS, *BOUND, "--repeats", "1", "--json", str(path)])
    assert result.exit_code == 0, result.output
    body = json.loads(path.read_text())
    assert body["machine"]["cores"] >= 1
    assert {row["id"] for row in body["rows"]} >= {*KERNELS, *BOUND}
    for row in body["rows"]:
        assert set(row) >= {"id", "work", "n", "ours_s", "peer", "peer_s", "ratio", "agree", "peak_mb"}
        if row["peer"].startswith(("geopandas", "numpy", "esda", "access", "PySAL")):
            assert row["agree"] is True
        if row["peer_s"] is None and "goal_s" not in row:
            assert row["note"].endswith("is not installed")


def test_whole_builds_have_a_goal_and_a_load(tmp_path: Path) -> None:
    """They take minutes, so only what surrounds them is tried: the goal beside the time, and the load itself."""
    assert set(bench.IDS) == {*KERNELS, *BOUND, *APART, "impact-http", "serve", "build-city", "build-region"}
    case = Case("build-city", "build", 5, lambda: "id", "", None, lambda a, b: a == b, lambda: 7.0, goal_s=15.0)
    row = measure(case, 1)
    assert (row["goal_s"], row["peak_mb"], row["peer_s"]) == (15.0, 7, None)
    shutil.copy(built_in.BUILT_IN / "cells_200m.parquet", tmp_path)
    assert builds._multiply(tmp_path / "cells_200m.parquet", 1_600_000) == pytest.approx(1_600_000, abs=200)
    cells = pd.read_parquet(tmp_path / "cells_200m.parquet")
    kinds = [c for c in cells.columns.astype(str) if c.startswith("type_")]
    assert (cells[kinds].sum(axis=1) == cells["n_buildings"]).all(), "a cell whose parts do not add up is no census"


def test_the_service_is_asked_as_a_planner_asks_it(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A body that the service refuses, or an answer that does not follow the uptake, would time something else."""
    monkeypatch.setenv("REVIER_HOME", str(home))
    monkeypatch.setattr(impact_http, "UPTAKES", np.array([0.2, 0.05, 0.1]))
    rows = list(impact_http.rows(1000, tmp_path))
    assert len(rows) == len(impact_http.PLACED)
    assert not list(tmp_path.iterdir()), "the release that REVIER_HOME names was there, nothing was to be built"
    for row in rows:
        assert row["agree"] is True
        assert row["p50_ms"] <= row["p95_ms"] == 1000 * row["ours_s"]
        assert row["goal_s"] == 0.1
        assert row["peak_mb"] is None or row["peak_mb"] > 50
    assert not list(impact_http.rows(1_600_000, tmp_path)), "the large run asks nothing twice"


def test_a_refused_request_stops_the_benchmark(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error is answered faster than an impact: it must not count as a time."""
    monkeypatch.setenv("REVIER_HOME", str(home))
    monkeypatch.setattr(impact_http, "PLACED", {"nothing": ("flying", False)})
    with pytest.raises(RuntimeError, match="422"):
        list(impact_http.rows(1000, tmp_path))


def test_unknown_work_is_refused_with_the_choices() -> None:
    result = run.invoke(cli, ["bench", "flying"])
    assert result.exit_code == 2
    assert ", ".join(bench.IDS) in " ".join(result.output.split())
