"""Layers of the user's own: files that were published beside the releases, found and mapped while the service runs.

A folder ``published/{id}`` holds `layer.json` and the folder of columns that it names. A layer changes when its
`layer.json` is replaced: one step for whoever reads. `layers.published_writing` makes them.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyproj import CRS

from layers.columns import Column
from layers.drawn import Drawn
from layers.layer import Layer, Mapped
from layers.release import sha256

log = logging.getLogger("revier")
FOLDER, DOCUMENT, TABLE, STAMP = "published", "layer.json", "table.arrow", ".stamp"
# a layer may be replaced between reading its document and opening its columns
TRIES = 3


class Opened(Mapped):
    """Values whose files are opened at once: when a layer is replaced, they lose their names, but not what is mapped.

    Parameters
    ----------
    table, texts
        See `layers.layer.Mapped`.
    """

    def __init__(self, table: Path, texts: Path) -> None:
        super().__init__(table, texts)
        self._opened = super().__call__()

    def __call__(self) -> pa.Table:
        """Values of the attributes."""
        return self._opened


@dataclass(frozen=True)
class Entry:
    """One published layer.

    Attributes
    ----------
    document
        What `layer.json` says of it.
    layer
        The layer, all of its files mapped: it stays whole for whoever holds it when it is replaced.
    """

    document: dict[str, Any]
    layer: Layer

    @property
    def is_private(self) -> bool:
        """Whether it is for planners only."""
        return bool(self.document["private"])

    @property
    def source(self) -> dict[str, str]:
        """Where it is from and under which licence, as the sources of a release say it."""
        found: dict[str, str] = self.document["source"]
        return found


class Published:
    """Published layers by id; follows what is published, replaced and removed meanwhile.

    Parameters
    ----------
    home
        Folder of releases.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER
        self._stamped = str(self.folder / STAMP)
        self._lock = threading.Lock()
        self._stamp: str | None = None
        self._entries: dict[str, Entry] = {}
        self._damaged: tuple[str, ...] = ()
        # documents of layers whose files turned out to be others than were written
        self._refused: dict[str, dict[str, Any]] = {}

    def stamp(self) -> str:
        """Changes whenever a layer is published, replaced or removed; cheap to ask."""
        try:
            found = os.stat(self._stamped)  # noqa: PTH116 - with each request, and much quicker
        except OSError:
            return ""
        return f"{found.st_mtime_ns:x}-{found.st_ino:x}" + "!" * len(self._refused)

    def entries(self) -> dict[str, Entry]:
        """All layers that are whole, by id, in the order of their ids."""
        stamp = self.stamp()
        if stamp != self._stamp:
            with self._lock:
                if stamp != self._stamp:
                    self._read()
                    self._stamp = stamp
        return self._entries

    @property
    def damaged(self) -> tuple[str, ...]:
        """Ids of layers whose files are missing, of another size or, once `check` has looked, not what was written."""
        self.entries()
        return self._damaged

    def get(self, collection: str) -> Entry | None:
        """Return one; None where there is none of this id."""
        return self.entries().get(collection)

    def check(self) -> None:
        """Compare all files with their hashes, seconds for a gigabyte: what differs is not served any more."""
        for name, entry in list(self.entries().items()):
            # one that was replaced or removed meanwhile has lost its files, and is none of these any more
            if _is_as_written(self.folder / name, entry.document) or self.entries().get(name) is not entry:
                continue
            with self._lock:
                self._refused[name] = entry.document
                self._read()
            log.error("layer %s is not what was published, and not served: publish it again", name)

    def _read(self) -> None:
        found, damaged = {}, []
        for path in sorted(self.folder.glob(f"[!.]*/{DOCUMENT}")):
            name = path.parent.name
            entry = self._entry(name)
            if entry is not None:
                found[name] = entry
            elif path.exists():
                damaged.append(name)
        self._entries, self._damaged = found, tuple(damaged)

    def _entry(self, name: str) -> Entry | None:
        for _ in range(TRIES):
            try:
                document = json.loads((self.folder / name / DOCUMENT).read_text(encoding="utf-8"))
                if self._refused.get(name) == document:
                    return None
                known = self._entries.get(name)
                if known is not None and known.document == document:
                    return known
                return load(self.folder / name, document)
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return None


def _is_as_written(folder: Path, document: dict[str, Any]) -> bool:
    columns = folder / document["columns_in"]
    try:
        return all(sha256(columns / name) == one["sha256"] for name, one in document["files"].items())
    except OSError:
        return False


def load(folder: Path, document: dict[str, Any]) -> Entry:
    """Map a published layer.

    Parameters
    ----------
    folder
        Of the layer.
    document
        What its `layer.json` says.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Files are missing, of another size than was written, or not what they should be.
    """
    columns = folder / document["columns_in"]
    for name, one in document["files"].items():
        if (columns / name).stat().st_size != one["bytes"]:
            message = f"{name} has another size than was written"
            raise ValueError(message)
    values = Opened(columns / TABLE, columns)
    layer = Layer(
        document["id"],
        document["title"],
        document["description"],
        tuple(Column(c["name"], "", c["name"], c["name"], "brought", c["in_tiles"]) for c in document["columns"]),
        values,
        Drawn.load(columns, CRS.from_wkt(document["crs"])),
        (document["source"]["source_id"],),
        document["min_zoom"],
        document["version"],
    )
    if (layer.table.num_rows, len(values.texts.offsets) - 1) != (len(layer), len(layer)):
        message = f"{document['id']} has columns of different lengths"
        raise ValueError(message)
    return Entry(document, layer)
