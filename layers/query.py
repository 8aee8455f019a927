"""Which features of a layer are asked for: a box, a filter, a time, an order; the same question is computed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo.arrays import IntArray
from geo.errors import InputError, Problem
from geo.meeting import meeting
from layers.drawn import DEGREE, MERCATOR, WGS84, Drawn
from layers.filters import Filter
from layers.layer import Layer
from layers.once import Once
from layers.relations import values_of

# answers kept for a layer; one of 1.6 million rows takes 6 MB
KEPT = 16
# room for what is lost when a box is projected, in degrees
SLACK = 1e-6
# a box through a corner as it is served meets it: metres are served to the millimetre, degrees are no sums of halves
ROUNDED_M, ROUNDED_DEGREES = 5e-4, 1e-9
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Box:
    """A rectangle in a reference system.

    Attributes
    ----------
    west, south, east, north
        x and y of its corners; in degrees, a west east of its east crosses the antimeridian.
    crs
        Reference system.
    """

    west: float
    south: float
    east: float
    north: float
    crs: CRS = WGS84


Interval = tuple[str | None, str | None]


@dataclass(frozen=True)
class Query:
    """What is asked of a layer.

    Attributes
    ----------
    box
        Features that meet it, and all that have no geometry (OGC API Features, abstract test 15).
    filters
        Conditions that must all be true.
    sort
        Columns and whether they fall; ties stay in the order of the file, missing values come last.
    when
        First and last instant, either open: features whose time meets it, and all that have no time.
    """

    box: Box | None = None
    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    when: Interval | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal questions."""
        box = self.box
        # a system's own hash writes it out each time
        where = None if box is None else (box.west, box.south, box.east, box.north, box.crs.srs)
        return where, tuple((f.text, f.where) for f in self.filters), self.sort, self.when


def select(layer: Layer, query: Query) -> NDArray[np.int32]:
    """Rows of a layer that a query asks for, in its order.

    Parameters
    ----------
    layer
        Any layer.
    query
        Filters must have been read with the layer's columns.
    """
    kept: Once[object, NDArray[np.int32]] = layer.remembered("answers", lambda: Once(KEPT))

    def answer() -> NDArray[np.int32]:
        found = _ordered(layer, _selected(layer, query), query.sort)
        found.flags.writeable = False
        return found

    return kept.made(query.key, answer)


def _selected(layer: Layer, query: Query) -> NDArray[np.int32]:
    keep = None if query.when is None else _during(layer, query.when)
    for one in query.filters:
        mask = one.mask(values_of(layer, one))
        keep = mask if keep is None else keep & mask
    if query.box is None:
        return np.arange(len(layer), dtype=np.int32) if keep is None else np.flatnonzero(keep).astype(np.int32)
    met = np.concatenate([*_meeting(layer.drawn, query.box), layer.drawn.bare.astype(np.int32)])
    rows = _in_order(met, len(layer))
    return rows if keep is None else rows[keep[rows]]


def interval(text: str | None) -> Interval | None:
    """Read an instant or interval of RFC 3339, such as ``2025-01-01/..``; None where it asks for nothing.

    Raises
    ------
    InputError
        No instant or interval, or one that ends before it starts.
    """
    if text is None:
        return None
    parts = text.split("/")
    remedy = "Give 2025-01-01, 2025-01-01T00:00:00Z, or two of them with / between; .. or nothing is open."
    ends: list[str | None] = []
    for part in parts if len(parts) > 1 else parts * 2:
        if part in {"", ".."} and len(parts) == 2:
            ends.append(None)
            continue
        if not _INSTANT.fullmatch(part):
            raise InputError(Problem("datetime", f"'{text[:60]}' is no instant or interval", remedy))
        ends.append(part)
    if len(parts) > 2 or ends == [None, None]:
        raise InputError(Problem("datetime", f"'{text[:60]}' is no instant or interval", remedy))
    first, last = _instant(ends[0], last=False), _instant(ends[1], last=True)
    if np.isnat(first) is np.False_ and np.isnat(last) is np.False_ and first > last:
        raise InputError(Problem("datetime", f"'{text[:60]}' ends before it starts", "Exchange its ends."))
    return ends[0], ends[1]


def temporal(layer: Layer) -> str | None:
    """Name of the column that says when a feature is: the first of dates or times, None where there is none."""

    def found() -> str | None:
        kinds = ((field.name, field.type) for field in layer.table.schema)
        return next((name for name, kind in kinds if pa.types.is_date(kind) or pa.types.is_timestamp(kind)), None)

    # a built layer has years as columns; asking its table would compute a scenario for nothing
    return layer.remembered("temporal", found) if any(c.how == "brought" for c in layer.columns) else None


def _during(layer: Layer, when: Interval) -> NDArray[np.bool_]:
    name = temporal(layer)
    if name is None:
        return np.ones(len(layer), dtype=np.bool_)
    column = layer.table[name]
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC"))
    values = column.to_numpy().astype("datetime64[us]")
    first, last = _instant(when[0], last=False), _instant(when[1], last=True)
    found = np.isnat(values)
    within = np.ones(len(values), dtype=np.bool_)
    if not np.isnat(first):
        within &= values >= first
    if not np.isnat(last):
        within &= values <= last
    return np.asarray(found | within)


def _instant(text: str | None, *, last: bool) -> np.datetime64:
    """Instant of a text in UTC; of a whole day its first or last microsecond."""
    if text is None:
        return np.datetime64("NaT", "us")
    try:
        moment = datetime.fromisoformat(text.upper() + ("T00:00:00Z" if len(text) == 10 else ""))
        moment_us: np.datetime64 = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
    except (ValueError, OverflowError) as error:
        raise InputError(
            Problem("datetime", f"'{text[:60]}' is no instant", "There is no such day or time.")
        ) from error
    if len(text) == 10 and last:
        moment_us = moment_us + np.timedelta64(1, "D") - np.timedelta64(1, "us")
    return moment_us


def _in_order(rows: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Sort distinct rows; many are faster marked than sorted."""
    if len(rows) * 20 < count:
        return np.sort(rows)
    marked = np.zeros(count, dtype=np.bool_)
    marked[rows] = True
    return np.flatnonzero(marked).astype(np.int32)


def _meeting(drawn: Drawn, box: Box) -> list[NDArray[np.int32]]:
    """Rows that meet a box, in one run or, across the antimeridian, two."""
    if box.crs.is_geographic and box.west > box.east:
        west = _meeting(drawn, Box(box.west, box.south, 180.0, box.north, box.crs))
        east = _meeting(drawn, Box(-180.0, box.south, box.east, box.north, box.crs))
        return [np.union1d(west[0], east[0]).astype(np.int32)]
    more = ROUNDED_DEGREES if box.crs.is_geographic else ROUNDED_M
    box = Box(box.west - more, box.south - more, box.east + more, box.north + more, box.crs)
    corners = (box.west, box.south, box.east, box.north)
    if box.crs == MERCATOR:  # its axes are the meridians and parallels: a box stays a box
        back = Transformer.from_crs(box.crs, WGS84, always_xy=True)
        west, south = back.transform(box.west, box.south)
        east, north = back.transform(box.east, box.north)
        corners = (west, south, east, north)
    elif box.crs != WGS84:
        return [_meeting_elsewhere(drawn, box)]
    rows, sure = drawn.tree.meeting(corners)
    unsure = rows[~sure]
    met = meeting(drawn.shapes, unsure, corners, coords=drawn.lonlat, unit=DEGREE)
    return [np.concatenate([rows[sure], unsure[met]])]


def _meeting_elsewhere(drawn: Drawn, box: Box) -> NDArray[np.int32]:
    """Rows that meet a box of a system whose axes are no meridians: near ones by degrees, then exactly there."""
    corners = (box.west, box.south, box.east, box.north)
    west, south, east, north = Transformer.from_crs(box.crs, WGS84, always_xy=True).transform_bounds(
        *corners, densify_pts=101
    )
    near, _ = drawn.tree.meeting((west - SLACK, south - SLACK, east + SLACK, north + SLACK))
    page = drawn.shapes.take(near).to_crs(box.crs)
    met = meeting(page, np.arange(len(near)), corners, coords=page.coords, unit=1.0)
    return near[met]


def _ordered(layer: Layer, rows: NDArray[np.int32], sort: tuple[tuple[str, bool], ...]) -> NDArray[np.int32]:
    """Sort rows by columns; the sort is stable, and what is missing comes last whichever way it goes."""
    for name, falls in reversed(sort):
        rank = layer.remembered(("rank", name), lambda name=name: _rank(layer, name))[rows]  # type: ignore[misc]
        rank = np.where(rank < 0, np.iinfo(np.int64).max, -rank if falls else rank)
        rows = rows[np.argsort(rank, kind="stable")]
    return rows


def _rank(layer: Layer, name: str) -> IntArray:
    """Position of each row's value among the distinct ones, rising; -1 where it is missing."""
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    column = layer.table[name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = pc.unique(column).drop_null()
    values = values.take(pc.sort_indices(values))
    return np.asarray(
        pc.index_in(column, value_set=values).fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64
    )
