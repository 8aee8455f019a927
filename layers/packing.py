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
TABLE, REFERENCE = "table.arrow", "crs.wkt"
MANIFEST = "packed.json"
TRIES = 3


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
    for _ in range(TRIES):
        try:
            if not _is_whole(folder):
                _write(folder, *make())
            crs = CRS.from_wkt((folder / REFERENCE).read_text(encoding="utf-8"))
            return Mapped(folder / TABLE, folder), Drawn.load(folder, crs)
        except FileNotFoundError:  # another process has just put its own there
            continue
        except OSError:  # no room, or a release that may only be read: serve from memory
            break
    table, drawn = make()
    return lambda: table, drawn


def _is_whole(folder: Path) -> bool:
    """Whether all files are there and are what was written; a process looks once, when it opens the layer."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return REFERENCE in files and all(
            (folder / name).stat().st_size == one["bytes"] and sha256(folder / name) == one["sha256"]
            for name, one in files.items()
        )
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
        drawn.save(work, outlined=True)
        (work / REFERENCE).write_text(drawn.crs.to_wkt(), encoding="utf-8")
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(work.iterdir())}
        (work / MANIFEST).write_text(json.dumps({"files": files}), encoding="utf-8")
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
