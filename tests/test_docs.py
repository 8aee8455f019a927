"""What is written about the project is true."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import api
import geo

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[[], dict[str, str]]", module.pages)()


def test_generated_pages_are_what_the_code_says() -> None:
    for name, text in generated().items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name} is stale: run `make docs`"


def test_the_packages_are_ours() -> None:
    """`api` and `geo` are common names; another distribution's would be imported in silence."""
    for package in (api, geo):
        assert Path(cast("str", package.__file__)).is_relative_to(ROOT)


def test_readme_opens_with_what_it_is_a_picture_and_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        text.index("whom they benefit") < text.index("docs/map.png") < text.index("make run") < text.index("make test")
    )
    assert (ROOT / "docs" / "map.png").stat().st_size > 50_000
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


def test_no_registry_host_and_no_resolved_url_is_pinned() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "package-lock.json"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "resolved" not in text
        assert not re.search(r"(--|registry|index)[-_]?url", text)
    for name in ("requirements.lock", "requirements-test.lock"):
        blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
        assert all("--hash=sha256:" in block for block in blocks)


def test_the_makefile_s_lock_covers_what_is_declared() -> None:
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement in declared:
        name = re.split(r"[<>=]", requirement)[0]
        assert re.search(rf"^{name}==", locked, re.MULTILINE), f"{name} is not locked: run `make lock`"


def test_the_wheel_holds_the_packages_and_their_data(tmp_path: Path) -> None:
    """An installed Revier without its tables or pages would start and then fail."""
    import zipfile

    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "data/tables/municipalities.csv",
        "data/tables/cells_200m.parquet",
        "data/places/ruhr.toml",
        "api/templates/map.html",
        "api/static/map.js",
        "layers/mvt.py",
        "geo/allocate.py",
    ):
        assert needed in names
    assert not any(name.startswith("tests/") for name in names)
