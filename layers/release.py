"""Releases: immutable folders of columns with a manifest, made beside the served one and switched to at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from geo.errors import Problem
from layers.errors import ReleaseError
from layers.once import Once

KEEP = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Release:
    """A finished release.

    Attributes
    ----------
    folder
        Holds `manifest.json` and `places/{key}/*.parquet`.
    manifest
        Inputs and their hashes, sources, licences, method version, places, files.
    """

    folder: Path
    manifest: dict[str, Any]
    _known: Once[Any, Any] = field(default_factory=Once, init=False, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Hash of all files: equal ids hold equal data."""
        return str(self.manifest["id"])

    @property
    def places(self) -> dict[str, dict[str, Any]]:
        """Places by key, as the manifest describes them."""
        found: dict[str, dict[str, Any]] = self.manifest["places"]
        return found

    def file(self, place: str, name: str) -> Path:
        """Path of one file of a place; it need not exist."""
        return self.folder / "places" / place / name

    def members(self, place: str) -> list[str]:
        """Municipalities of a place: of a region several, else the place itself."""
        found: list[str] = self.places[place].get("members", [place])
        return found

    def remembered(self, key: Any, make: Callable[[], T]) -> T:  # noqa: ANN401 - any key
        """Return what was made from the release under a key, or make it: what several places or layers read."""
        found: T = self._known.made(key, make)
        return found


def pointer(home: Path) -> Path:
    """File that names the served release."""
    return home / "current"


def current(home: Path, *, verify: bool = True) -> Release:
    """Return the served release.

    Parameters
    ----------
    home
        Folder of releases.
    verify
        Compare every file with its hash, so that a truncated or flipped file is refused.

    Raises
    ------
    ReleaseError
        Nothing was built, or files are missing or changed; all of them are named.
    """
    try:
        folder = home / "releases" / pointer(home).read_text(encoding="utf-8").strip()
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReleaseError(Problem(str(home), "holds no release", "Run `revier build` first.")) from error
    if verify:
        _verify(folder, manifest["files"])
    return Release(folder, manifest)


def _verify(folder: Path, files: dict[str, str]) -> None:
    """Compare files with their hashes, on all cores: hashing needs no interpreter lock."""

    def broken(file: tuple[str, str]) -> Problem | None:
        name, digest = file
        try:
            same = sha256(folder / name) == digest
        except OSError:
            return Problem(name, "is missing from the release", "Run `revier build --force`.")
        return None if same else Problem(name, "was changed after the build", "Run `revier build --force`.")

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        problems = [problem for problem in pool.map(broken, files.items()) if problem is not None]
    if problems:
        raise ReleaseError(problems)


@contextmanager
def staging(home: Path, manifest: dict[str, Any]) -> Iterator[Callable[[str, str], Path]]:
    """Make a release; it is served only if the block ends without an error.

    Yields a function that gives the path to write a file of a place to. On the way out all files are hashed, the
    manifest (to which the block may add) is written, the folder gets its name and the pointer is switched atomically.
    An error or interruption leaves the served release as it was and no half-written folder behind.
    """
    releases = home / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=releases))

    def path(place: str, name: str) -> Path:
        target = work / "places" / place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    try:
        yield path
        files = sorted(p for p in work.rglob("*") if p.is_file())
        manifest["files"] = {p.relative_to(work).as_posix(): sha256(p) for p in files}
        content = json.dumps([manifest["files"], manifest["inputs"], manifest["method_version"]], sort_keys=True)
        manifest["id"] = hashlib.sha256(content.encode()).hexdigest()[:16]
        (work / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        final = releases / str(manifest["id"])
        if final.exists():  # the same content was built before; what is there may have been damaged since
            shutil.rmtree(final)
        work.rename(final)
        _switch(home, final.name)
        _prune(home)
    finally:
        if work.exists():
            shutil.rmtree(work, ignore_errors=True)


def sha256(path: Path) -> str:
    """Hash of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _switch(home: Path, name: str) -> None:
    temporary = home / ".current"
    temporary.write_text(name + "\n", encoding="utf-8")
    os.replace(temporary, pointer(home))  # noqa: PTH105 - Path.replace says the same, os.replace is known to be atomic


def _prune(home: Path) -> None:
    """Keep the served release and the ones before it, for readers that still hold them open."""
    served = pointer(home).read_text(encoding="utf-8").strip()
    folders = sorted((home / "releases").glob("[!.]*"), key=lambda p: p.stat().st_mtime, reverse=True)
    for folder in [f for f in folders if f.name != served][KEEP - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
