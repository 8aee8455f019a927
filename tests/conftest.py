"""What every test may ask for: the worked answers, if they are at hand, and one repeatable hypothesis profile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# a slow machine must not change the verdict: no deadline, no health check by the clock, the same examples every time
settings.register_profile(
    "revier", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("revier")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Folder of worked answers in the shared reference; REVIER_SHARED names another place of `shared`."""
    shared = Path(os.environ.get("REVIER_SHARED") or ROOT.parent / "shared")
    folder = shared / "reference" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"no worked answers in {folder}; set REVIER_SHARED to the folder that holds reference/vectors")
    return folder


@pytest.fixture(scope="session")
def vector(vectors: Path) -> Callable[[str], Any]:
    """Return the worked answer of a name, parsed: ``vector("uptake")["expected"]``."""

    def load(name: str) -> Any:
        return json.loads((vectors / f"{name}.json").read_text(encoding="utf-8"))

    return load
