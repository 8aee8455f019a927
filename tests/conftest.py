"""What every test may ask for: the worked answers, if they are at hand, and one repeatable hypothesis profile."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings

from api.app import create_app
from api.settings import Settings
from data import figures as built_in
from data.figures import Figures
from data.place import places
from layers.build import build
from layers.catalogue import Catalogue
from layers.release import current

ROOT = Path(__file__).resolve().parents[1]
# for one answer: the first of a kind compiles what it needs, on a slow machine for minutes
PATIENCE_S = 600

# a slow machine must not change the verdict: no deadline, no health check by the clock, the same examples every time
settings.register_profile(
    "revier", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("revier")


# a file goes to one worker: the long ones first, so that no worker ends alone with one of them. The first two compile
# what the service and its clients would compile once more if they came at the same time
LONG = (
    *("test_scenarios", "test_bench", "test_build", "test_map_equity", "test_gis_clients", "test_clients"),
    *("test_notebooks", "test_api", "test_themes", "test_publish", "test_downloads", "test_styles", "test_openapi"),
    *("test_public", "test_judgement", "test_audit", "test_impact", "test_rasters", "test_siting_layers", "test_qgis"),
    *("test_wmts", "test_service", "test_disclosure", "test_ogc_features"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def in_shared(name: str) -> Path:
    """Folder in `shared` beside the project; the project must run without it, so what needs it is skipped."""
    folder = Path(os.environ.get("REVIER_SHARED") or ROOT.parent / "shared") / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}; the project holds no copy of it: set REVIER_SHARED to the folder that holds {name}")
    return folder


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Folder of worked answers in the shared reference; REVIER_SHARED names another place of `shared`."""
    return in_shared("reference/vectors")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real open data."""
    return in_shared("data")


@pytest.fixture(scope="session")
def vector(vectors: Path) -> Callable[[str], Any]:
    """Return the worked answer of a name, parsed: ``vector("uptake")["expected"]``."""

    def load(name: str) -> Any:
        return json.loads((vectors / f"{name}.json").read_text(encoding="utf-8"))

    return load


@pytest.fixture(scope="session")
def figures() -> Figures:
    """Built-in tables, checked."""
    return built_in.read()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> Path:
    """Folder with a release of the whole region; tests that change it take a copy.

    Built once for all workers, whose scenarios must not meet: each has a copy whose files are links.
    """
    folder = tmp_path_factory.mktemp("home")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        build(folder, [places(figures)["ruhr"]], figures)
        return folder
    shared = tmp_path_factory.getbasetemp().parent / "ruhr"
    with (tmp_path_factory.getbasetemp().parent / "ruhr.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "current").exists():
            build(shared, [places(figures)["ruhr"]], figures)
    shutil.copytree(shared, folder, copy_function=os.link, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def catalogue(home: Path) -> Catalogue:
    """Catalogue of the region's release."""
    return Catalogue(current(home))


@pytest.fixture(scope="session")
def client(home: Path) -> Iterator[TestClient]:
    """HTTP client inside the process, as a guest on 127.0.0.1."""
    settings = Settings(home=home, request_s=PATIENCE_S)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as guest:
        yield guest


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[str]:
    """Address of `revier serve` in a process of its own, as a user starts it."""
    with _serving(home) as address:
        yield address


@pytest.fixture(scope="session")
def serving() -> Callable[[Path], AbstractContextManager[str]]:
    """Serve a home other than the region's."""
    return _serving


@contextmanager
def _serving(home: Path) -> Iterator[str]:
    """Serve a home until left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home), "--port", str(port)]
    patient = os.environ | {"REVIER_REQUEST_S": str(PATIENCE_S)}
    process = subprocess.Popen(command, cwd=ROOT, env=patient, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5):
                break
        except OSError:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.5)
    yield address
    process.terminate()
    process.communicate(timeout=20)
