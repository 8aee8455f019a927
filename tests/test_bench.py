"""The benchmark compares answers before it compares times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api import bench
from api.bench import synthetic
from api.cli import cli

run = CliRunner()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand footprints instead of 110,000: the same work in a moment."""
    for size in list(synthetic.SIZES):
        monkeypatch.delitem(synthetic.SIZES, size)
    monkeypatch.setitem(synthetic.SIZES, 1000, (12, 3000.0))


@pytest.mark.usefixtures("small")
def test_rows_say_what_was_measured_and_that_the_answers_agree(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    result = run.invoke(cli, ["bench", "--json", str(path)])
    assert result.exit_code == 0, result.output
    body = json.loads(path.read_text())
    assert body["machine"]["cores"] >= 1
    assert {row["id"] for row in body["rows"]} == set(bench.IDS)
    for row in body["rows"]:
        assert set(row) >= {"id", "work", "n", "ours_s", "peer", "peer_s", "ratio", "agree", "peak_mb"}
        if row["peer"].startswith("geopandas"):
            assert row["agree"] is True
        if row["peer_s"] is None:
            assert row["note"].endswith("is not installed")


def test_unknown_work_is_refused_with_the_choices() -> None:
    result = run.invoke(cli, ["bench", "flying"])
    assert result.exit_code == 2
    assert ", ".join(bench.IDS) in " ".join(result.output.split())
