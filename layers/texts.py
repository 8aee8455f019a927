"""Properties of features as JSON texts: made for a page, or once for all rows and mapped from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from geo.arrays import IntArray

CHUNK = 50_000


@dataclass(frozen=True, eq=False)
class Texts:
    """JSON objects behind each other.

    Attributes
    ----------
    blob
        All bytes, uint8.
    offsets
        Text i is ``blob[offsets[i]:offsets[i+1]]``.
    """

    blob: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table) -> Texts:
        """Write the rows of a table."""
        texts = [orjson.dumps(row) for row in records(table)]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), offsets)

    @classmethod
    def empty(cls, count: int) -> Texts:
        """Objects without a member: a table of no columns does not know how many rows it has."""
        return cls(np.frombuffer(b"{}" * count, np.uint8), 2 * np.arange(count + 1, dtype=np.int64))

    @classmethod
    def save(cls, table: pa.Table, folder: Path) -> None:
        """Write the rows of a table as files that `load` maps, some thousand at a time."""
        ends = [0]
        with (folder / "texts.bin").open("wb") as file:
            for start in range(0, len(table), CHUNK):
                part = cls.of(table.slice(start, CHUNK))
                file.write(part.blob.tobytes())
                ends += (part.offsets[1:] + ends[-1]).tolist()
        np.save(folder / "text_offsets.npy", np.array(ends, np.int64))

    @classmethod
    def load(cls, folder: Path) -> Texts:
        """Map the files of `save`."""
        offsets = np.asarray(np.load(folder / "text_offsets.npy", mmap_mode="r"))
        blob = np.asarray(np.memmap(folder / "texts.bin", np.uint8, "r")) if offsets[-1] else np.empty(0, np.uint8)
        return cls(blob, offsets)

    def runs(self, index: IntArray) -> NDArray[np.int64]:
        """Start and end of the texts at `index`, shape (rows, 2)."""
        return np.column_stack([self.offsets[index], self.offsets[index + 1]])


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries: what is missing is None or NaN, which JSON writes as null; whole numbers stay whole."""
    columns = [_listed(table[name]) for name in table.column_names]
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _listed(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_floating(column.type):
        values = column.to_numpy().astype(np.float64, copy=False)
        listed: list[Any] = values.tolist()
        return listed
    listed = column.to_pylist()
    if _plain(column.type):
        return listed
    return [None if v is None else _said(v) for v in listed]


def _plain(kind: pa.DataType) -> bool:
    checks = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_null)
    return any(check(kind) for check in checks) or pa.types.is_dictionary(kind)


def _said(value: Any) -> Any:  # noqa: ANN401 - whatever a file may hold
    """Say a value of a rarer type as JSON can: dates and times by ISO 8601, bytes in hex, lists by their members."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_said(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _said(v) for k, v in value.items()}
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
