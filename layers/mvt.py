"""Mapbox Vector Tile 2.1: attributes of a layer ready to be written, and the bytes of one tile layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.arrays import EXACT, IntArray
from layers.columns import Column
from layers.drawn import Outlines
from layers.layer import Layer
from layers.texts import records

EXTENT = 4096
NO_OUTLINES = Outlines.none()
NO_PLACE = (np.zeros(2, np.int64), 0)
# bytes of a feature without its tags and what follows the first corner, at most
FRAME = 64


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes of all rows as tiles write them.

    Attributes
    ----------
    keys
        Names in the order of the tags.
    numbers
        Values of each column of numbers: whole ones, or float64 with NaN where missing.
    modes
        How each is written: single precision, whole, flag, double precision.
    codes
        For each column of texts the position of each row's text, -1 where missing. Whole numbers that doubles do not
        hold are written like texts, too.
    text_starts, text_offsets, texts
        Encoded texts: text j of column i is ``texts[text_offsets[text_starts[i] + j]:…]``.
    columns
        Position in `keys` of each column of numbers, then of each of texts.
    """

    keys: tuple[str, ...]
    numbers: tuple[NDArray[Any], ...]
    modes: NDArray[np.int8]
    codes: tuple[NDArray[np.int32], ...]
    text_starts: NDArray[np.int64]
    text_offsets: NDArray[np.int64]
    texts: NDArray[np.uint8]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, layer: Layer) -> Attributes:
        """Attributes of a layer that its tiles carry."""
        shown = [c for c in layer.columns if c.in_tiles]
        numbers = [i for i, c in enumerate(shown) if _is_number(layer, c.name)]
        texts = [i for i in range(len(shown)) if i not in set(numbers)]
        return cls.made(
            tuple(c.name for c in shown),
            {i: (layer.numbers(shown[i].name), _mode(layer, shown[i])) for i in numbers},
            {i: _texts(layer, shown[i].name) for i in texts},
        )

    @classmethod
    def made(
        cls,
        keys: tuple[str, ...],
        numbers: dict[int, tuple[NDArray[Any], int]],
        texts: dict[int, tuple[NDArray[np.int32], list[str | int]]],
    ) -> Attributes:
        """Attributes from columns by their position in `keys`: numbers with modes, codes with texts."""
        encoded = [_field(4, _value(one)) for _, listed in texts.values() for one in listed]
        starts = np.cumsum([0, *(len(listed) for _, listed in texts.values())])[:-1]
        return cls(
            keys,
            tuple(column for column, _ in numbers.values()),
            np.array([mode for _, mode in numbers.values()], np.int8),
            tuple(codes for codes, _ in texts.values()),
            starts.astype(np.int64),
            np.cumsum([0, *map(len, encoded)]).astype(np.int64),
            np.frombuffer(b"".join(encoded), np.uint8),
            np.array([*numbers, *texts], np.int64),
        )

    @cached_property
    def encoded_keys(self) -> bytes:
        """Names as a layer of a tile holds them."""
        return b"".join([_field(3, key.encode()) for key in self.keys])

    @cached_property
    def _room_of_texts(self) -> int:
        """Bytes of the longest text of each column; a tile writes each text once, which is at most once a feature."""
        sizes, starts = np.diff(self.text_offsets), [*self.text_starts, len(self.text_offsets) - 1]
        return int(sum(sizes[a:b].max(initial=0) for a, b in pairwise(starts)))

    def encoded(self, index: IntArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Tags of the rows at `index`, shape (rows, keys), and the values that they point to."""
        from geo.tile_kernels import values  # noqa: PLC0415 - slow to import

        count = len(index)
        matrix = np.empty((len(self.numbers), count), np.float64)
        for k, column in enumerate(self.numbers):
            matrix[k] = column.take(index, mode="clip")
        codes = np.empty((len(self.codes), count), np.int32)
        for k, one in enumerate(self.codes):
            one.take(index, out=codes[k], mode="clip")
        buffer = np.empty(13 * matrix.size + self._room_of_texts * count + 16, np.uint8)
        tags = np.empty((count, len(self.keys)), np.int32)
        end = values(
            buffer, 0, matrix, self.modes, codes, self.text_starts, self.text_offsets, self.texts, self.columns, tags
        )
        return tags, buffer[:end]


@dataclass(frozen=True, eq=False)
class Commands:
    """Geometry of features as a tile writes it.

    Attributes
    ----------
    kinds
        1 point, 2 line, 3 polygon; 4 for what is not in the tile, 5 for a known outline.
    starts, ends, content
        Where each feature's encoded commands begin and end, and these; of known outlines nothing.
    place
        The tile's corner in the world, and the shift of its units.
    outlines
        Known outlines by id.
    """

    kinds: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    content: NDArray[np.uint8]
    place: tuple[NDArray[np.int64], int] = NO_PLACE
    outlines: Outlines = NO_OUTLINES


def tile_layer(
    name: str,
    ids: NDArray[np.int64],
    commands: Commands,
    attributes: tuple[bytes, NDArray[np.int32], NDArray[np.uint8]],
) -> bytes:
    """Write one layer of a tile; nothing if no feature is in it.

    Parameters
    ----------
    name
        Of the layer.
    ids
        Of each feature, in the order to write them: a whole number, >= 0.
    commands
        Geometry of each feature.
    attributes
        Encoded keys, tags of each feature, encoded values.
    """
    from geo.tile_kernels import features  # noqa: PLC0415 - slow to import

    keys, tags, encoded = attributes
    of, known = commands, commands.outlines
    # not much more than is needed: memory that is new to the process costs more than what is written to it
    of_tag = len(_varint(len(tags[0]))) + len(_varint(tags.size)) if len(tags) else 0
    buffer = np.empty((FRAME + known.longest) * len(ids) + len(of.content) + of_tag * tags.size, np.uint8)
    outlines = known.corners, known.ends, known.content
    begin = features(buffer, ids, of.kinds, of.starts, of.ends, of.content, of.place, outlines, tags)
    if begin == len(buffer):
        return b""
    head = _field(1, name.encode()) + b"\x78\x02"
    size = len(head) + len(buffer) - begin + len(keys) + len(encoded) + len(_EXTENT)
    return b"".join((b"\x1a", _varint(size), head, buffer[begin:].data, keys, encoded.data, _EXTENT))


def _is_number(layer: Layer, name: str) -> bool:
    """Whether a column holds numbers that doubles hold, or flags."""
    kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal
    kind = layer.table.schema.field(name).type
    return any(check(kind) for check in kinds) and not layer.has_long(name)


def _mode(layer: Layer, column: Column) -> int:
    from geo.tile_kernels import DOUBLE, FLAG, FLOAT, INTEGER  # noqa: PLC0415 - slow to import

    kind = layer.table.schema.field(column.name).type
    if pa.types.is_boolean(kind):
        return FLAG
    if pa.types.is_integer(kind):
        return INTEGER
    numbers = layer.column(column.name)
    known = numbers[np.isfinite(numbers)]
    if bool((np.abs(known) < EXACT).all()) and bool((known == np.rint(known)).all()):
        return INTEGER
    # seven digits are more than any figure of a model is good for, and half the bytes; what a user brings is kept
    return DOUBLE if column.how == "brought" and bool((known != known.astype(np.float32)).any()) else FLOAT


def _value(value: str | int) -> bytes:
    """Write a text, or a whole number of any size, as a value of a tile."""
    if isinstance(value, str):
        return _field(1, value.encode())
    # negative ones as their two's complement
    return b"\x28" + _varint(value) if value >= 1 << 63 else b"\x20" + _varint(value & ((1 << 64) - 1))


def _texts(layer: Layer, name: str) -> tuple[NDArray[np.int32], list[str | int]]:
    kind = layer.table.schema.field(name).type
    if pa.types.is_integer(kind):
        codes, whole = layer.codes(name)
        return codes, whole.tolist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        codes, texts = layer.codes(name)
        return codes, list(map(str, texts))
    # dates, times, lists, bytes: as GeoJSON says them
    said = [row[name] for row in records(layer.table.select([name]))]
    listed = sorted({str(v) for v in said if v is not None})
    position = {text: i for i, text in enumerate(listed)}
    return np.array([-1 if v is None else position[str(v)] for v in said], np.int32), [*listed]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


_EXTENT = b"\x28" + _varint(EXTENT)
