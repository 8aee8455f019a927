"""A layer: attributes and shapes in columns, in every reference system that is served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import EXACT, FloatArray
from geo.columns import Polygons
from geo.shapes import Shapes
from layers.columns import Column
from layers.drawn import MERCATOR, WGS84, Drawn
from layers.once import Once
from layers.texts import Texts

__all__ = ["MERCATOR", "WGS84", "Layer"]
T = TypeVar("T")
Work = Literal["tiles", "features"]


class Mapped:
    """Values of a layer whose table and texts are mapped from files.

    Parameters
    ----------
    table
        Arrow file, not compressed.
    texts
        Folder of the texts.
    """

    def __init__(self, table: Path, texts: Path) -> None:
        self._table, self._texts = table, texts

    def __call__(self) -> pa.Table:
        return pa.ipc.open_file(pa.memory_map(str(self._table))).read_all()

    @cached_property
    def texts(self) -> Texts:
        """Properties of all rows."""
        return Texts.load(self._texts)


@dataclass(frozen=True, eq=False)
class Layer:
    """One collection.

    Attributes
    ----------
    id
        ``{place}.{theme}`` or ``{place}.{theme}.{scenario}``, or the id that a user published a file under.
    title, description
        For people; the description says what is modelled or approximate.
    columns
        Attributes in order.
    values
        Gives their values, one row for each shape; called when first needed, since a list of layers needs none.
    drawn
        Shapes, in the layer's own CRS and as they are served; layers of the same shapes share one.
    source_ids
        Sources whose licences are shown with the layer.
    min_zoom
        Lowest zoom whose vector tiles hold single features, below it sums on squares. 0 for statistical areas.
    version
        Changes with the data; makes ETags.
    base
        Layer of the same units that tells more about them, such as who lives there; None for a layer of its own.
    """

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    values: Callable[[], pa.Table]
    drawn: Drawn
    source_ids: tuple[str, ...]
    min_zoom: int
    version: str
    base: Layer | None = None
    _kept: Once[Any, Any] = field(default_factory=Once, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.drawn)

    @property
    def table(self) -> pa.Table:
        """Values of the attributes, one row for each shape."""
        return self.remembered("table", self.values)

    @property
    def has_table(self) -> bool:
        """Whether the values are at hand, and need no computing."""
        return self._kept.get("table") is not None

    @property
    def texts(self) -> Texts | None:
        """Properties of all rows as JSON, where they were written once."""
        return self.values.texts if isinstance(self.values, Mapped) else None

    @property
    def shapes(self) -> Shapes:
        """Shapes in the layer's own CRS."""
        return self.drawn.shapes

    @cached_property
    def polygons(self) -> Polygons:
        """Shapes of a layer of areas, in its own CRS; an InputError where a shape is no area."""
        return self.shapes.polygons()

    @property
    def lonlat(self) -> Shapes:
        """Shapes in longitude and latitude, WGS 84."""
        return self.shapes.to_crs(WGS84)

    @property
    def mercator(self) -> Shapes:
        """Shapes in web Mercator, metres."""
        return self.shapes.to_crs(MERCATOR)

    @property
    def crs(self) -> CRS:
        """The layer's own reference system."""
        return self.drawn.crs

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees; None where no row has geometry."""
        return self.drawn.extent

    def column(self, name: str) -> FloatArray:
        """Return a numeric column; missing values are NaN. Kept, since filters and tiles read it again and again."""
        return self.remembered(("numbers", name), lambda: _numbers(self.table[name]))

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a numeric column, exact: whole numbers as they lie where none is missing, else `column`.

        Doubles would take other memory than what is mapped, and do not hold all of `has_long`; those have long doubles
        where some are missing.
        """
        column = self.table[name]
        if not pa.types.is_integer(column.type) or (column.null_count and not self.has_long(name)):
            return self.column(name)
        return self.remembered(("whole", name), lambda: _whole(column))

    def has_long(self, name: str) -> bool:
        """Whether a column holds whole numbers that doubles do not hold, as those of cells of H3 and S2 are."""
        column = self.table[name]
        if not pa.types.is_integer(column.type) or column.type.bit_width < 64:
            return False
        return self.remembered(("long", name), lambda: _is_beyond(column))

    def codes(self, name: str) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
        """Return a column of texts as positions (-1 where missing) in its distinct texts."""
        return self.remembered(("codes", name), lambda: _codes(self.table[name]))

    def is_ready(self, work: Work) -> bool:
        """Whether such work was done before, so that all it needs is at hand."""
        return self._kept.get(("done", work)) is not None

    def done(self, work: Work) -> None:
        """Tell that such work was done."""
        self.remembered(("done", work), lambda: True)

    def remembered(self, key: Any, make: Callable[[], T]) -> T:  # noqa: ANN401 - any key
        """Return what was made under a key, or make it."""
        found: T = self._kept.made(key, make)
        return found


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    if pa.types.is_boolean(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _whole(column: pa.ChunkedArray) -> NDArray[Any]:
    if not column.null_count:
        return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False))
    whole = column.fill_null(0).to_numpy().astype(np.longdouble)
    whole[column.is_null().to_numpy()] = np.nan
    return np.asarray(whole)


def _is_beyond(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    ends = pc.min_max(column).as_py().values()
    return any(end is not None and abs(end) > EXACT for end in ends)


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    texts = np.empty(len(array.dictionary), dtype=object)
    texts[:] = array.dictionary.to_pylist()
    return codes, texts
