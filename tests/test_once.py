"""What is computed once is right however many ask, and whatever is dropped meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import CRS

from geo.shapes import Shapes
from layers.columns import Column
from layers.drawn import Drawn
from layers.layer import Layer
from layers.once import Once
from layers.query import Box, Query, select


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads take turns a thousand times as often."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


def test_who_asks_for_the_same_waits_and_others_do_not() -> None:
    kept: Once[str, int] = Once()
    entered, go_on, made = threading.Event(), threading.Event(), []

    def slow() -> int:
        entered.set()
        go_on.wait(10)
        made.append(1)
        return 7

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.made, "slow", slow)
        entered.wait(10)
        second = pool.submit(kept.made, "slow", slow)
        assert kept.made("other", lambda: 1) == 1
        go_on.set()
        assert (first.result(10), second.result(10), made) == (7, 7, [1])


@pytest.mark.usefixtures("hurried")
def test_what_is_dropped_while_others_look_is_made_again() -> None:
    kept: Once[int, int] = Once(2)
    asked = np.random.default_rng(0).integers(0, 6, 20_000).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: kept.made(key, lambda: key * key), asked))
    assert found == [key * key for key in asked]


@pytest.mark.usefixtures("hurried")
def test_questions_from_many_threads_each_get_their_answer() -> None:
    """Of 380,000 mixed requests one met answers that were just being dropped, and was a 500."""
    points = np.empty(30, dtype=object)
    points[:] = [shapely.Point(0.5 + i, 0) for i in range(30)]
    drawn = Drawn(Shapes.from_shapely(points, CRS.from_epsg(4326)))
    layer = Layer("t", "T", "", (Column("a", "", "a", "a"),), lambda: pa.table({"a": range(30)}), drawn, (), 0, "1")
    asked = np.random.default_rng(1).integers(0, 30, 4000).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: select(layer, Query(Box(i, -1, i + 1, 1))).tolist(), asked))
    assert found == [[i] for i in asked]
