"""Large layers written once as columns that every process maps: nothing is read, projected or serialised at a start.

The folder `packed` of a release is derived from its files: what is missing or damaged there is made anew.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyproj import CRS

from layers.drawn import Drawn
from layers.layer import Mapped
from layers.release import Release, sha256
from layers.texts import Texts

# smaller layers are read and projected as fast as mapped
FROM_ROWS = 20_000
FOLDER = "packed"
TABLE = "table.arrow"
MANIFEST = "packed.json"


def packed(
    release: Release, name: str, make: Callable[[], tuple[pa.Table, Drawn]]
) -> tuple[Callable[[], pa.Table], Drawn]:
    """Values and shapes of a large layer, mapped from files that are written first if they are not there.

    Parameters
    ----------
    release
        Release that the layer belongs to.
    name
        Of the folder: the layer's id.
    make
        Gives the table and the shapes.
    """
    folder = release.folder / FOLDER / name
    if not _is_whole(folder):
        try:
            _write(folder, *make())
        except OSError:  # no room, or a release that may only be read: serve from memory
            table, drawn = make()
            return lambda: table, drawn
    crs = CRS.from_wkt(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["crs"])
    return Mapped(folder / TABLE, folder), Drawn.load(folder, crs)


def damaged(release: Release) -> list[str]:
    """Names of packed layers whose files are not what was written; they are removed, to be made anew."""
    found = []
    for folder in sorted((release.folder / FOLDER).glob("[!.]*")):
        if not _is_whole(folder, contents=True):
            shutil.rmtree(folder, ignore_errors=True)
            found.append(folder.name)
    return found


def _is_whole(folder: Path, *, contents: bool = False) -> bool:
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        sizes = all((folder / name).stat().st_size == one["bytes"] for name, one in files.items())
        return sizes and (not contents or all(sha256(folder / name) == one["sha256"] for name, one in files.items()))
    except (OSError, ValueError, KeyError):
        return False


def _write(folder: Path, table: pa.Table, drawn: Drawn) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        flat = _mappable(table)
        with pa.OSFile(str(work / TABLE), "wb") as file, pa.ipc.new_file(file, flat.schema) as writer:
            writer.write_table(flat, max_chunksize=max(len(flat), 1))
        Texts.save(table, work)
        drawn.save(work)
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(work.iterdir())}
        (work / MANIFEST).write_text(json.dumps({"crs": drawn.crs.to_wkt(), "files": files}), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(work, folder)  # noqa: PTH105 - atomic
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _mappable(table: pa.Table) -> pa.Table:
    """One run for each column, and NaN for what is missing among numbers, so that numpy reads them where they lie."""
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    columns = []
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_floating(column.type) and column.null_count:
            column = pc.fill_null(column, float("nan"))
        columns.append(column)
    return pa.table(columns, names=table.column_names)
