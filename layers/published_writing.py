"""Publishes vector files as layers: whole or not at all, while the service runs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from geo.errors import InputError, Problem
from layers.drawn import Drawn
from layers.errors import ReleaseError, UnknownCollectionError
from layers.packing import FROM_ROWS
from layers.published import DOCUMENT, FOLDER, STAMP, TABLE, Entry, Published, load
from layers.published_checks import in_tiles, lowest_zoom, problems_of_id, problems_of_shapes, warnings_of
from layers.published_file import Brought, read
from layers.published_values import infinite
from layers.release import sha256
from layers.texts import Texts

MAKING = ".making-"
LOCK = ".lock"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Wanted:
    """How a file is to be published.

    Attributes
    ----------
    id
        Of the collection.
    layer
        Of the file; needed where it holds several.
    title, description
        For people; of the layer and the file when empty.
    licence, attribution
        As they are shown with the layer; "not stated" and the file's name when empty.
    crs
        CRS of a file that does not say it.
    is_private
        For planners only.
    """

    id: str
    layer: str | None = None
    title: str = ""
    description: str = ""
    licence: str = ""
    attribution: str = ""
    crs: str | None = None
    is_private: bool = False


@dataclass(frozen=True)
class Receipt:
    """What was published.

    Attributes
    ----------
    entry
        The layer as it is served.
    replaced
        Whether a layer of this id was there before.
    notes
        What is not quite as in the file.
    warnings
        What the publisher may not want everybody to see.
    """

    entry: Entry
    replaced: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def publish(home: Path, path: Path, wanted: Wanted, *, places: Collection[str] = ()) -> Receipt:
    """Publish a layer of a file, in place of one of the same id.

    Parameters
    ----------
    home
        Folder of releases. The service that runs on it shows the layer with the next request.
    path
        See `layers.published_file.read`.
    wanted
        Id and what is told of the layer.
    places
        Keys of the places of the release, whose layers begin with them.

    Raises
    ------
    InputError
        Everything that is wrong with the id and the file; nothing was changed.
    ReleaseError
        The folder cannot be written to; nothing was changed.
    """
    problems = problems_of_id(wanted.id, places)
    brought: Brought | None = None
    try:
        brought = read(path, wanted.layer, wanted.crs)
    except InputError as error:
        problems += error.problems
    drawn = None if brought is None else Drawn(brought.shapes)
    if drawn is not None:
        problems += problems_of_shapes(drawn, path.name)
    if brought is None or drawn is None or problems:
        raise InputError(problems)
    try:
        with _writing(home) as work:
            return _published(home / FOLDER, work, brought, drawn, _told(path, wanted, brought))
    except OSError as error:
        what = f"cannot be written to ({error.strerror or error})"
        raise ReleaseError(Problem(str(home / FOLDER), what, "Make room, or allow it; nothing was changed.")) from error


def unpublish(home: Path, name: str) -> None:
    """Remove a published layer.

    Raises
    ------
    UnknownCollectionError
        None has this id.
    """
    folder = home / FOLDER
    published = Published(home)
    if name not in published.entries() and name not in published.damaged:
        known = ", ".join([*published.entries(), *published.damaged]) or "none"
        raise UnknownCollectionError(Problem(f"layer '{name[:100]}'", "is not published", f"There are: {known}."))
    with _writing(home):
        (folder / name / DOCUMENT).unlink(missing_ok=True)
        _stamp(folder)


@contextmanager
def _writing(home: Path) -> Iterator[Path]:
    """Yield a folder to work in, alone; what is left of it and of what was stopped before is removed at the end."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield Path(tempfile.mkdtemp(prefix=MAKING, dir=folder))
        finally:
            _clean(folder)


def _clean(folder: Path) -> None:
    """Remove what no document names: nobody else writes meanwhile, and readers have opened what they need."""
    for left in folder.glob(f"{MAKING}*"):
        _remove(left)
    for one in folder.glob("[!.]*"):
        try:
            named = json.loads((one / DOCUMENT).read_text(encoding="utf-8"))["columns_in"]
        except FileNotFoundError:
            named = None
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for left in one.iterdir():
            if named is None or left.name not in {named, DOCUMENT}:
                _remove(left)
        if named is None:
            _remove(one)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _published(folder: Path, work: Path, brought: Brought, drawn: Drawn, document: dict[str, Any]) -> Receipt:
    columns = work / document["columns_in"]
    columns.mkdir()
    _write(columns, brought.table, drawn)
    document["files"] = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(columns.iterdir())}
    document["version"] = _hash([document[name] for name in ("id", "files", "columns", "crs")])
    layer = load(work, document).layer
    document["min_zoom"] = lowest_zoom(layer)
    warnings = () if document["private"] else tuple(warnings_of(layer))
    made = work / DOCUMENT
    made.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    final = folder / document["id"]
    replaced = (final / DOCUMENT).exists()
    final.mkdir(exist_ok=True)
    columns.rename(final / columns.name)
    os.replace(made, final / DOCUMENT)  # noqa: PTH105 - the one step by which readers find it
    _stamp(folder)
    return Receipt(load(final, document), replaced, tuple(document["notes"]), warnings)


def _write(folder: Path, table: pa.Table, drawn: Drawn) -> None:
    with pa.OSFile(str(folder / TABLE), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(len(table), 1))
    Texts.save(table, folder)
    if not table.column_names:
        # a table of no columns has no rows once it is sliced, but each has an empty object
        (folder / "texts.bin").write_bytes(b"{}" * len(drawn))
        np.save(folder / "text_offsets.npy", 2 * np.arange(len(drawn) + 1, dtype=np.int64))
    drawn.save(folder, outlined=len(drawn) >= FROM_ROWS)


def _told(path: Path, wanted: Wanted, brought: Brought) -> dict[str, Any]:
    """Everything that is known of a layer before it is written."""
    title = wanted.title or brought.layer
    now = datetime.now(UTC)
    source = {
        "source_id": f"published:{wanted.id}",
        "title": title,
        "publisher": wanted.attribution or brought.file,
        "year": str(now.year),
        "licence": wanted.licence or NOT_STATED,
        "attribution": wanted.attribution or brought.file,
        "reference": brought.file,
    }
    about = f"{len(brought.shapes):,} features of {brought.file}, as they were brought; Revier has not checked them."
    endless = infinite(brought.table)
    notes = [*brought.notes, *([f"infinite numbers are shown as missing: {', '.join(endless)}"] if endless else [])]
    columns = [
        {"name": name, "type": str(column.type), "in_tiles": in_tiles(column)}
        for name, column in zip(brought.table.column_names, brought.table.columns, strict=True)
    ]
    left = [column["name"] for column in columns if not column["in_tiles"]]
    notes += [f"tiles leave out long texts and bytes: {', '.join(map(str, left))}"] if left else []
    return {
        "id": wanted.id,
        "title": title,
        "description": f"{wanted.description} {about}".strip(),
        "columns": columns,
        "crs": brought.shapes.crs.to_wkt(),
        "min_zoom": 0,
        "private": wanted.is_private,
        "source": source,
        "file": {"name": brought.file, "layer": brought.layer, "sha256": _hash_of(path)},
        "published": now.isoformat(timespec="seconds"),
        "notes": notes,
        # a name that no other publication has had: what readers hold open is never written to
        "columns_in": f"columns-{os.urandom(6).hex()}",
    }


def _stamp(folder: Path) -> None:
    """Tell readers that something changed."""
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=MAKING, delete=False) as file:
        file.write("The service looks at the time of this file to see whether a layer was published or removed.\n")
    os.replace(file.name, folder / STAMP)  # noqa: PTH105 - known to be atomic


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _hash_of(path: Path) -> str:
    """Hash of a file, or of all files in a folder such as a file geodatabase."""
    if path.is_file():
        return sha256(path)
    return _hash([[p.name, sha256(p)] for p in sorted(path.rglob("*")) if p.is_file()])
