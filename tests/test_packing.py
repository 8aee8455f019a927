"""Large layers as mapped columns: what was written is what is read, however the files were hurt in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import CRS

from geo.shapes import Shapes
from layers.drawn import DETAILED, Drawn
from layers.packing import FOLDER, packed
from layers.release import Release

NAMES = ["one", None, "dré", "four"]
NUMBERS = [1.5, 2.5, None, 4.5]


@pytest.fixture
def made() -> list[int]:
    """How often the layer was made from the release."""
    return []


@pytest.fixture
def opened(tmp_path: Path, made: list[int]) -> Callable[[], tuple[pa.Table, Drawn]]:
    def make() -> tuple[pa.Table, Drawn]:
        made.append(1)
        west = np.arange(4.0)
        boxes = shapely.box(west, west, west + 1, west + 1)
        return pa.table({"name": NAMES, "number": NUMBERS}), Drawn(Shapes.from_shapely(boxes, CRS.from_epsg(25832)))

    def opened() -> tuple[pa.Table, Drawn]:
        values, drawn = packed(Release(tmp_path, {"id": "1"}), "x.stock", make)
        return values(), drawn

    return opened


def test_a_layer_is_made_once_and_mapped_from_then_on(
    opened: Callable[[], tuple[pa.Table, Drawn]], made: list[int]
) -> None:
    for _ in range(3):
        table, drawn = opened()
        assert table["name"].to_pylist() == NAMES
        np.testing.assert_array_equal(table["number"].to_numpy(), [1.5, 2.5, np.nan, 4.5])
        assert drawn.shapes.bounds[3].tolist() == [3, 3, 4, 4]
        assert drawn.crs.to_epsg() == 25832
    assert len(made) == 1


def test_outlines_are_mapped_too_and_make_the_same_tiles(opened: Callable[[], tuple[pa.Table, Drawn]]) -> None:
    """Workers share them as files: computed by each, they would take 50 MB a zoom of 1.6 million footprints."""
    _, drawn = opened()
    fresh = Drawn(drawn.shapes)
    for zoom in range(12, 17):
        mine, theirs = drawn.outlines(zoom), fresh.outlines(zoom)
        for name in ("corners", "ends", "content"):
            array = getattr(mine, name)
            np.testing.assert_array_equal(array, getattr(theirs, name))
            assert not array.flags.writeable
            if zoom in DETAILED:
                assert "mmap" in str(type(base_of(array))), f"{name} of zoom {zoom} is in the process's own memory"
    assert len(drawn.outlines(16).content)


def base_of(array: np.ndarray[Any, Any]) -> object:
    """What holds the memory of an array."""
    held: Any = array
    while getattr(held, "base", None) is not None:
        held = held.base
    return held


@pytest.mark.parametrize("hurt", ["flip", "cut", "remove"])
def test_a_hurt_file_is_never_read_but_made_anew(
    opened: Callable[[], tuple[pa.Table, Drawn]], made: list[int], tmp_path: Path, hurt: str
) -> None:
    """A flipped bit in a coordinate or an amount would be served as if it were data."""
    opened()
    files = sorted((tmp_path / FOLDER / "x.stock").iterdir())
    assert len(files) > 5
    for count, file in enumerate(files, start=2):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        if hurt == "remove":
            file.unlink()
        else:
            file.write_bytes(content if hurt == "flip" else content[:-1])
        table, drawn = opened()
        assert table["name"].to_pylist() == NAMES
        assert drawn.shapes.bounds[3].tolist() == [3, 3, 4, 4]
        assert len(made) == count, file.name


def test_without_room_a_layer_is_served_from_memory(
    opened: Callable[[], tuple[pa.Table, Drawn]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    table, drawn = opened()
    assert table["name"].to_pylist() == NAMES
    assert len(drawn) == 4
    assert list((tmp_path / FOLDER).iterdir()) == [], "nothing half-written is left"
